//! What is attacked: every reader of bytes that somebody else may have written.
//!
//! A target is a function of bytes. It panics where the reader does, and where a property of the
//! reader does not hold; it says whether the bytes were taken as good, so that a test can tell a
//! target that reaches its reader from one that does not. cargo-fuzz runs the same functions with
//! coverage and sanitizers on a nightly toolchain; [`run`] runs them anywhere.

mod archive;
mod block;
mod checkpoint;
mod cursor;
mod event;
mod json;
mod message;
pub mod mutate;
mod ocis;
mod query;
pub mod run;
mod stub;

pub use archive::archive;
pub use block::block;
pub use checkpoint::checkpoint;
pub use cursor::cursor;
pub use event::event;
pub use json::strict_json;
pub use message::message;
pub use ocis::ocis_line;
pub use query::query_string;
pub use run::Target;
pub use stub::stub;

/// All targets by their names, which are also those of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("strict_json", strict_json),
    ("event", event),
    ("checkpoint", checkpoint),
    ("block", block),
    ("archive", archive),
    ("stub", stub),
    ("cursor", cursor),
    ("ocis_line", ocis_line),
    ("query_string", query_string),
    ("message", message),
];

/// What the targets read events and checkpoints for.
pub(crate) const CHAIN: &str = "fuzz.example-1";
/// The key that signs the checkpoints of the corpus, in the syntax of a ring.
pub const RING: &str = "hmac-sha256:0707070707070707070707070707070707070707070707070707070707070707";
/// Authenticates the cursors of the corpus.
pub const CURSOR_KEY: [u8; 32] = [7; 32];
/// The query that the cursors of the corpus belong to.
pub const CURSOR_QUERY: &str = "before=2026-11-25T12:00:00.000Z";
/// The caller that the cursors of the corpus belong to.
pub const CURSOR_CALLER: &str = "anna";
/// The clock of the targets: 2026-11-25T12:00:00Z.
pub(crate) const NOW_MILLIS: i64 = 1_795_608_000_000;

/// The clock of the targets.
pub(crate) fn now() -> domain::time::Timestamp {
    domain::time::Timestamp::from_unix_millis(NOW_MILLIS).expect("a time in 2026")
}

/// The chain of the targets.
pub(crate) fn chain() -> domain::names::ChainName {
    domain::names::ChainName::new(CHAIN).expect("the name of a chain")
}

/// Checks what a refusal says of itself.
pub(crate) fn check_refusal(refusal: &domain::json::Refusal) {
    let kebab = |code: &str| {
        !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    assert!(kebab(refusal.code), "a code that is none: {refusal}");
    assert!(refusal.pointer.is_empty() || refusal.pointer.starts_with('/'), "a pointer that is none: {refusal}");
    assert!(!refusal.detail.is_empty(), "a refusal that says nothing: {refusal}");
}
