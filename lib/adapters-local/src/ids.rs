//! Fresh names: random ones, and countable ones for tests.

use domain::names::EventId;
use domain::time::Timestamp;
use ports::Ids;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ids from the operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn event_id(&self, now: Timestamp) -> EventId {
        version_7(now, self.nonce())
    }

    fn nonce(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has a random source");
        bytes
    }
}

/// Ids that count up, the same in every run.
#[derive(Debug, Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn event_id(&self, now: Timestamp) -> EventId {
        version_7(now, self.nonce())
    }

    fn nonce(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bytes
    }
}

/// RFC 9562, section 5.7: 48 bits of milliseconds, then random bits.
fn version_7(now: Timestamp, mut bytes: [u8; 16]) -> EventId {
    bytes[..6].copy_from_slice(&now.unix_millis().to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    EventId::from_bytes(bytes)
}
