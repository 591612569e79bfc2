//! What [`Clock`], [`Ids`] and [`Signer`] promise.

use crate::{Clock, Ids, Signer};
use domain::keys::KeyRing;
use std::collections::BTreeSet;

pub fn a_clock_is_in_this_century(clock: &dyn Clock) {
    let now = clock.now().to_string();
    assert!(now.as_str() > "2026-01-01" && now.as_str() < "2100-01-01", "{now}");
}

pub fn ids_are_fresh_and_ordered_by_time(ids: &dyn Ids, clock: &dyn Clock) {
    let now = clock.now();
    let made: Vec<_> = (0..1000).map(|_| ids.event_id(now)).collect();
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 1000);
    assert!(made.iter().all(|id| id.as_str().as_bytes()[14] == b'7'), "version 7");
    let later = ids.event_id(now.plus_millis(1));
    assert!(made.iter().all(|id| id.as_str()[..13] < later.as_str()[..13]), "a later id sorts behind");
    let nonces: BTreeSet<_> = (0..1000).map(|_| ids.nonce()).collect();
    assert_eq!(nonces.len(), 1000);
}

pub async fn a_signature_verifies_with_its_key_only(signer: &dyn Signer) {
    let key = signer.verify_key();
    let signature = signer.sign(b"message").await.unwrap();
    assert_eq!(key.algorithm(), signer.algorithm());
    let ring = KeyRing::of(key.clone());
    let alg = signer.algorithm().as_str();
    assert!(ring.verifies(1, alg, &key.key_id(), b"message", &signature));
    assert!(!ring.verifies(1, alg, &key.key_id(), b"massage", &signature));
    for i in 0..signature.len() {
        let mut other = signature.clone();
        other[i] ^= 1;
        assert!(!ring.verifies(1, alg, &key.key_id(), b"message", &other), "byte {i}");
    }
}
