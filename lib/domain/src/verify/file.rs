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
    let mut spare: Vec<Vec<u8>> = Vec::new();
    let mut feed = |walk: &mut Walk, spare: &mut Vec<Vec<u8>>, mut run: super::Checked| -> Result<(), FileError> {
        // Lines claim their own numbers, so checkpoints are loaded a little ahead of what was joined.
        let greatest = run.greatest_seq();
        while !walk.has_checkpoints_beyond(greatest) {
            let Some(line) = checkpoints.next() else { break };
            walk.checkpoint(&line?, Evidence::Chained);
        }
        spare.push(std::mem::take(&mut run.spent));
        Ok(walk.run(run)?)
    };
    let mut pool = Pool::new(options);
    let mut chunks = Chunks { lines: &mut lines, carry: Vec::new(), read_bytes: 0 };
    while let Some(chunk) = chunks.next(&mut spare)? {
        progress(chunks.read_bytes);
        if let Some(run) = pool.submit(chunk) {
            feed(&mut walk, &mut spare, run)?;
        }
    }
    while let Some(run) = pool.receive() {
        feed(&mut walk, &mut spare, run)?;
    }
    for line in checkpoints {
        walk.checkpoint(&line?, Evidence::Chained);
    }
    Ok(walk.finish()?)
}

/// Cuts a reader into chunks of whole lines.
struct Chunks<R> {
    lines: R,
    carry: Vec<u8>,
    read_bytes: u64,
}

impl<R: Read> Chunks<R> {
    /// The next chunk, in a spare buffer where there is one.
    fn next(&mut self, spare: &mut Vec<Vec<u8>>) -> io::Result<Option<Chunk>> {
        let mut buffer = spare.pop().unwrap_or_default();
        let mut filled = self.carry.len();
        buffer.resize(buffer.len().max(filled + CHUNK_BYTES), 0);
        buffer[..filled].copy_from_slice(&self.carry);
        self.carry.clear();
        loop {
            let read = match self.lines.read(&mut buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            self.read_bytes += read as u64;
            let end = memchr::memrchr(b'\n', &buffer[filled..filled + read]).map(|at| filled + at + 1);
            filled += read;
            if read == 0 {
                buffer.truncate(filled);
                return Ok((filled > 0).then_some(Chunk::Lines(buffer)));
            }
            if let Some(end) = end {
                self.carry.extend_from_slice(&buffer[end..filled]);
                buffer.truncate(end);
                return Ok(Some(Chunk::Lines(buffer)));
            }
            if filled > LONGEST_LINE {
                return self.skip_line().map(Some);
            }
            buffer.resize(filled + CHUNK_BYTES, 0);
        }
    }

    /// Longer than any line: one unreadable line, however long it goes on.
    fn skip_line(&mut self) -> io::Result<Chunk> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = match self.lines.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            self.read_bytes += read as u64;
            let end = memchr::memchr(b'\n', &buffer[..read]);
            if let Some(end) = end {
                self.carry.extend_from_slice(&buffer[end + 1..read]);
            }
            if end.is_some() || read == 0 {
                return Ok(Chunk::Junk);
            }
        }
    }
}
