//! The loop: so many inputs for one target, and the first that it cannot stand.

use crate::mutate::{SplitMix, mutant};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Something that is attacked: panics where a property does not hold, says whether it took the data.
pub type Target = fn(&[u8]) -> bool;

/// A run without a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Inputs that were tried.
    pub executions: u64,
    /// Inputs that were taken as good.
    pub taken: u64,
}

/// An input that a target cannot stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the execution, from 0: with the seed and the same corpus it makes the same input.
    pub execution: u64,
    /// The input.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// Tries the entries of the corpus as they are, then what can be made of them.
///
/// # Errors
/// The first input at which the target panics.
pub fn run(target: Target, corpus: &[Vec<u8>], executions: u64, seed: u64) -> Result<Done, Box<Found>> {
    let mut taken = 0;
    for execution in 0..executions {
        let input = input(corpus, execution, seed);
        match attempt(target, &input) {
            Ok(took) => taken += u64::from(took),
            Err(message) => return Err(Box::new(Found { seed, execution, input, message })),
        }
    }
    Ok(Done { executions, taken })
}

/// The input of one execution.
pub fn input(corpus: &[Vec<u8>], execution: u64, seed: u64) -> Vec<u8> {
    let whole = usize::try_from(execution).ok().and_then(|place| corpus.get(place));
    whole.cloned().unwrap_or_else(|| mutant(corpus, &mut SplitMix::of(seed, execution)))
}

/// One execution.
///
/// # Errors
/// What the panic said.
pub fn attempt(target: Target, input: &[u8]) -> Result<bool, String> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}

/// The folder of the committed inputs of a target.
pub fn corpus_folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target)
}

/// The committed inputs of a target, in the order of their names.
///
/// # Errors
/// Those of the file system.
pub fn corpus(target: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(corpus_folder(target))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.into_iter().map(std::fs::read).collect()
}
