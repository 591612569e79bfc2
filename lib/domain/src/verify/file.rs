//! Verifying exported lines from any reader, in bounded memory.

use super::{Chunk, Evidence, Options, Pool, Report, Scratch, Walk};
use crate::names::ChainName;
use std::io::{self, Read};

/// Bytes that are read at once: few enough to stay in a core's cache from the read to the last hash.
const CHUNK_BYTES: usize = 128 * 1024;
/// The longest run without an LF that may still be a line.
const LONGEST_LINE: usize = 256 * 1024;

/// The file or the scratch could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("read or write while verifying")]
pub struct FileError(#[from] io::Error);

/// Verifies lines against checkpoint lines (ascending) and anchors. `progress` is told how many
/// bytes have been read.
///
/// # Errors
/// Only those of the reader and the scratch; whatever is wrong with the bytes is in the report.
pub fn verify_lines(
    mut lines: impl Read,
    checkpoints: impl IntoIterator<Item = io::Result<Vec<u8>>>,
    anchors: &[Vec<u8>],
    chain: Option<ChainName>,
    options: &Options,
    scratch: Option<Box<dyn Scratch>>,
    mut progress: impl FnMut(u64),
) -> Result<Report, FileError> {
    let mut walk = Walk::new(options.clone(), chain, scratch);
    for anchor in anchors {
        walk.checkpoint(anchor, Evidence::Anchor);
    }
    let mut checkpoints = checkpoints.into_iter();
    let mut feed = |walk: &mut Walk, run: super::Checked| -> Result<(), FileError> {
        // Lines claim their own numbers, so checkpoints are loaded a little ahead of what was joined.
        let greatest = run.greatest_seq();
        while !walk.has_checkpoints_beyond(greatest) {
            let Some(line) = checkpoints.next() else { break };
            walk.checkpoint(&line?, Evidence::Chained);
        }
        Ok(walk.run(run)?)
    };
    let mut pool = Pool::new(options);
    let mut carry = Vec::new();
    let mut read_bytes = 0;
    let mut in_junk = false;
    loop {
        let mut chunk = Vec::with_capacity(carry.len() + CHUNK_BYTES + 1);
        chunk.append(&mut carry);
        let had = chunk.len();
        let read = lines.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        read_bytes += read as u64;
        progress(read_bytes);
        let at_end = read == 0;
        if !at_end {
            match memchr::memrchr(b'\n', &chunk[had..]) {
                Some(at) => carry = chunk.split_off(had + at + 1),
                None if chunk.len() <= LONGEST_LINE => {
                    carry = chunk;
                    continue;
                }
                None => {
                    // Longer than any line: one unreadable line, however long it goes on.
                    in_junk = true;
                    continue;
                }
            }
        }
        if in_junk {
            let line_end = memchr::memchr(b'\n', &chunk).map_or(chunk.len(), |at| at + 1);
            chunk.drain(..line_end);
            in_junk = false;
            if let Some(run) = pool.submit(Chunk::Junk) {
                feed(&mut walk, run)?;
            }
        }
        if !chunk.is_empty()
            && let Some(run) = pool.submit(Chunk::Lines(chunk))
        {
            feed(&mut walk, run)?;
        }
        if at_end {
            break;
        }
    }
    while let Some(run) = pool.receive() {
        feed(&mut walk, run)?;
    }
    for line in checkpoints {
        walk.checkpoint(&line?, Evidence::Chained);
    }
    Ok(walk.finish()?)
}
