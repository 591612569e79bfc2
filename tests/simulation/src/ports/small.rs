//! Time, names and signatures.

use crate::node::Node;
use crate::world::World;
use async_trait::async_trait;
use domain::keys::{Algorithm, VerifyKey};
use domain::names::EventId;
use domain::time::Timestamp;
use ports::{Clock, Ids, Signer, SignerError};

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("runs last hours")
}

/// The clock of a process.
pub(crate) struct SimClock(pub(crate) Node);

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        timestamp(self.0.now())
    }
}

/// The clock that the stores go by.
pub(crate) struct TrueClock(pub(crate) World);

impl Clock for TrueClock {
    fn now(&self) -> Timestamp {
        timestamp(self.0.now())
    }
}

/// Names that count up: the same in each run of a seed.
pub(crate) struct SimIds(pub(crate) Node);

impl Ids for SimIds {
    fn event_id(&self, _: Timestamp) -> EventId {
        let mut bytes = self.nonce();
        bytes[6] = 0x70;
        bytes[8] |= 0x80;
        EventId::from_bytes(bytes)
    }

    fn nonce(&self) -> [u8; 16] {
        let mut state = self.0.world.state();
        state.ids += 1;
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&state.ids.to_be_bytes());
        bytes
    }
}

/// A signer that sometimes does not answer.
pub(crate) struct SimSigner(pub(crate) Node);

#[async_trait]
impl Signer for SimSigner {
    fn algorithm(&self) -> Algorithm {
        super::signing_key().algorithm()
    }

    fn verify_key(&self) -> VerifyKey {
        super::signing_key().verify_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.0.travel().await;
        let fails = self.0.world.fault(|mix| mix.lost, "signer: no answer");
        self.0.world.note(format_args!("{} sign {}", self.0.name, if fails { "no answer" } else { "ok" }));
        self.0.travel().await;
        if fails {
            return Err(SignerError::Unavailable("the simulator lost it".to_owned()));
        }
        Ok(super::signing_key().sign(message))
    }
}
