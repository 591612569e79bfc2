//! What is asked of a signer.

use domain::keys::KeyRing;
use ports::{Finding, Signer};

/// Signs, and holds the signature against the published key and the ring that verifiers use.
pub async fn signer(signer: &dyn Signer, ring: &KeyRing) -> Vec<Finding> {
    const CHECK: &str = "sign and verify";
    const MESSAGE: &[u8] = b"dezky doctor";
    let (alg, key) = (signer.algorithm().as_str(), signer.verify_key());
    let signature = match signer.sign(MESSAGE).await {
        Ok(signature) => signature,
        Err(error) => return vec![Finding::unfit(CHECK, error.to_string(), "mend that, and ask again")],
    };
    let id = key.key_id();
    vec![if !key.verifies(MESSAGE, &signature) {
        let mend = "AUDIT_SIGNING_KEY and AUDIT_SIGNING_ALG do not belong together: mend them";
        Finding::unfit(CHECK, format!("the signature of key {id} ({alg}) does not verify with its own key"), mend)
    } else if !ring.verifies(u64::MAX - 1, alg, &id, MESSAGE, &signature) {
        let mend = "checkpoints that it signs would not verify: add its public key to AUDIT_VERIFY_KEYS";
        Finding::unfit(CHECK, format!("no verifier here knows the key {id} ({alg})"), mend)
    } else {
        let public = key.public_entry().map(|entry| format!("; verifiers take {entry}")).unwrap_or_default();
        Finding::good(CHECK, format!("the key {id} ({alg}) signs, and its signature verifies{public}"))
    }]
}
