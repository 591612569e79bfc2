//! Verifying exported lines from any reader, in bounded memory.

use super::check::check_lines;
use super::{Checked, Chunk, Evidence, Options, Pool, Report, Scratch, Walk};
use crate::line::LineView;
use crate::names::ChainName;
use memchr::{memchr, memrchr};
use std::io::{self, BufRead, Read};

/// Bytes that are checked at once: few enough to stay in a core's cache from the read to the last
/// hash.
const CHUNK_BYTES: usize = 128 * 1024;
/// The longest run without an LF that may still be a line.
const LONGEST_LINE: usize = 256 * 1024;

/// The file or the scratch could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("read or write while verifying")]
pub struct FileError(#[from] io::Error);

/// Verifies lines against checkpoint lines (ascending) and anchors. `progress` is told how many
/// bytes have been read. A reader with a buffer of 128 KiB serves best.
///
/// # Errors
/// Only those of the reader and the scratch; whatever is wrong with the bytes is in the report.
pub fn verify_lines(
    mut lines: impl BufRead,
    checkpoints: impl IntoIterator<Item = io::Result<Vec<u8>>>,
    anchors: &[Vec<u8>],
    chain: Option<ChainName>,
    options: &Options,
    scratch: Option<Box<dyn Scratch>>,
    mut progress: impl FnMut(u64),
) -> Result<Report, FileError> {
    let mut carry = Vec::new();
    let chain = match chain {
        None => {
            // However little the reader gives at once, the first line says whose checkpoints count.
            lines.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut carry)?;
            chain_of_line(&carry)
        }
        chain => chain,
    };
    let mut walk = Walk::new(options.clone(), chain, scratch);
    for anchor in anchors {
        walk.checkpoint(anchor, Evidence::Anchor);
    }
    let pool = Pool::new(options);
    let mut joiner = Joiner { walk, pool, options, checkpoints: checkpoints.into_iter() };
    let mut read_bytes = carry.len() as u64;
    if carry.ends_with(b"\n") {
        joiner.take_line(&carry)?;
        carry.clear();
    }
    loop {
        let buffer = match lines.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        let buffer = &buffer[..buffer.len().min(CHUNK_BYTES)];
        let read = buffer.len();
        if read == 0 {
            break;
        }
        let mut rest = buffer;
        if !carry.is_empty() {
            // The end of a line whose start came before.
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            carry.extend_from_slice(&rest[..end]);
            if rest[..end].ends_with(b"\n") {
                joiner.take_line(&carry)?;
                carry.clear();
            } else {
                // Longer than any line is unreadable, however long it goes on.
                carry.truncate(LONGEST_LINE + 1);
            }
            rest = &rest[end..];
        }
        let end = memrchr(b'\n', rest).map_or(0, |at| at + 1);
        joiner.take(&rest[..end])?;
        carry.extend_from_slice(&rest[end..]);
        lines.consume(read);
        read_bytes += read as u64;
        progress(read_bytes);
    }
    if !carry.is_empty() {
        joiner.take_line(&carry)?;
    }
    joiner.finish()
}

/// The chain that a file says it is of, to hold its checkpoints against; a line whose own hash does not
/// hold is not believed.
fn chain_of_line(line: &[u8]) -> Option<ChainName> {
    let view = LineView::of(line.strip_suffix(b"\n")?).filter(|view| view.computed_hash() == view.hash)?;
    ChainName::new(std::str::from_utf8(view.chain).ok()?).ok()
}

struct Joiner<'a, I> {
    walk: Walk,
    pool: Pool,
    options: &'a Options,
    checkpoints: I,
}

impl<I: Iterator<Item = io::Result<Vec<u8>>>> Joiner<'_, I> {
    fn take_line(&mut self, line: &[u8]) -> Result<(), FileError> {
        if line.len() <= LONGEST_LINE {
            return self.take(line);
        }
        match self.pool.submit(Chunk::Junk) {
            Some(run) => self.join(run),
            None => Ok(()),
        }
    }

    fn take(&mut self, lines: &[u8]) -> Result<(), FileError> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.options.threads == 0 {
            // Straight from the reader's buffer.
            return self.join(check_lines(lines, self.options));
        }
        match self.pool.submit(Chunk::Lines(lines.to_vec())) {
            Some(run) => self.join(run),
            None => Ok(()),
        }
    }

    fn join(&mut self, run: Checked) -> Result<(), FileError> {
        // Lines claim their own numbers, so checkpoints are loaded a little ahead of what was joined.
        let greatest = run.greatest_seq();
        while !self.walk.has_checkpoints_beyond(greatest) {
            let Some(line) = self.checkpoints.next() else { break };
            self.walk.checkpoint(&line?, Evidence::Chained);
        }
        Ok(self.walk.run(run)?)
    }

    fn finish(mut self) -> Result<Report, FileError> {
        while let Some(run) = self.pool.receive() {
            self.join(run)?;
        }
        for line in self.checkpoints {
            self.walk.checkpoint(&line?, Evidence::Chained);
        }
        Ok(self.walk.finish()?)
    }
}
