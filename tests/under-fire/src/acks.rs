//! What a worker says it was acknowledged: a line each, one system call each, so that a kill cuts none.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::os::fd::AsFd;

/// Everything that was acknowledged, to whoever asked for it.
#[derive(Debug, Clone, Default)]
pub struct Acks {
    /// Numbers of events that the appender acknowledged: they stand in the chain.
    pub chained: BTreeSet<u64>,
    /// Numbers of events that were accepted: they stand in the queue or in the chain.
    pub queued: BTreeSet<u64>,
    /// Numbers of checkpoints.
    pub signed: BTreeSet<u64>,
    /// Keys of objects.
    pub objects: BTreeSet<String>,
    /// What failed, as the worker said it.
    pub failed: Vec<String>,
}

impl Acks {
    /// Takes up a line, without its LF.
    pub fn read(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let numbers = rest.split(' ').filter_map(|number| number.parse::<u64>().ok());
        match word {
            "ack" => self.chained.extend(numbers),
            "queued" => self.queued.extend(numbers),
            "signed" => self.signed.extend(numbers),
            "put" => drop(self.objects.insert(rest.to_owned())),
            "failed" => self.failed.push(rest.to_owned()),
            _ => {}
        }
    }

    /// Takes up all whole lines.
    pub fn of(text: &str) -> Self {
        let mut acks = Self::default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).for_each(|line| acks.read(line));
        acks
    }

    /// Takes up another's.
    pub fn extend(&mut self, other: &Self) {
        self.chained.extend(&other.chained);
        self.queued.extend(&other.queued);
        self.signed.extend(&other.signed);
        self.objects.extend(other.objects.iter().cloned());
        self.failed.extend(other.failed.iter().cloned());
    }
}

/// Says a line on stdout by `writev`, which nothing else here uses: calls of `write` are the stores'.
pub fn say(line: &str) {
    let bytes = format!("{}\n", line.replace('\n', " "));
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let said = stdout.and_then(|mut stdout| stdout.write_vectored(&[IoSlice::new(bytes.as_bytes())]));
    assert_eq!(said.ok(), Some(bytes.len()), "a pipe or a file takes a short line whole");
}

/// A line of numbers behind this word.
pub fn say_numbers(word: &str, numbers: impl IntoIterator<Item = u64>) {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    say(&format!("{word} {}", numbers.join(" ")));
}
