//! The signer on KMS. The keys and signatures were made with OpenSSL, over `message`; a KMS that runs here is asked as well, AWS's never.

use crate::scripted::{Answer, Scripted};
use adapters_aws::KmsSigner;
use domain::keys::Algorithm;
use ports::conformance::gateways;
use ports::{Signer, SignerError};

const P256_KEY: Answer = Answer::Says(
    200,
    r#"{"KeyId":"k","KeyUsage":"SIGN_VERIFY","PublicKey":"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECmzaZ0eSIxlneT2H97h0BniBTJV7yY3k/3jCyteCigh4bosJ5Kw2E0d4QRPL/QdPUoZvZv2EE9ceLdmnXmC3lA=="}"#,
);
const P256_SIGNATURE: Answer = Answer::Says(
    200,
    r#"{"KeyId":"k","SigningAlgorithm":"ECDSA_SHA_256","Signature":"MEQCIE7Hz5N9YTgPg2fpBcbpVIg0/p8Lx9BoNjrxiyk3IRMbAiAiU89PfPmJ9e4SDN922CYHuUQAej5rpgLBrsPQav7zsQ=="}"#,
);
const ED25519_KEY: Answer = Answer::Says(
    200,
    r#"{"KeyId":"k","KeyUsage":"SIGN_VERIFY","PublicKey":"MCowBQYDK2VwAyEAZNaCrec9BCcyWzLu620utxCVPBjq3YQOMzy0HjV4sik="}"#,
);
const ED25519_SIGNATURE: Answer = Answer::Says(
    200,
    r#"{"KeyId":"k","SigningAlgorithm":"ED25519_SHA_512","Signature":"Nd1RqyR6BtkuZZYOrKnarL4Azg7Oe9DvqlODvMyf+5jRgPrE4sPwvSSq32RdYu/AbMzdKZG2a9QpsOr799bMBA=="}"#,
);

async fn connect(server: &Scripted, algorithm: Algorithm) -> Result<KmsSigner, SignerError> {
    KmsSigner::connect("KEY_URL", &format!("kms:alias/audit?endpoint={}", server.endpoint), algorithm).await
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_signer_with_either_algorithm() {
    for (algorithm, script, word) in [
        (Algorithm::EcdsaP256Sha256, [P256_KEY, P256_SIGNATURE], "ECDSA_SHA_256"),
        (Algorithm::Ed25519, [ED25519_KEY, ED25519_SIGNATURE], "ED25519_SHA_512"),
    ] {
        let server = Scripted::start(&script).await;
        let signer = connect(&server, algorithm).await.unwrap();
        gateways::a_signature_verifies_with_its_key_only(&signer).await;
        let requests = server.requests();
        assert!(requests[0].contains("TrentService.GetPublicKey") && requests[0].contains(r#""KeyId":"alias/audit""#));
        assert!(requests[1].contains("TrentService.Sign") && requests[1].contains(r#""MessageType":"RAW""#));
        let wanted = format!(r#""SigningAlgorithm":"{word}""#);
        assert!(requests[1].contains(&wanted) && requests[1].contains(r#""Message":"bWVzc2FnZQ==""#), "{requests:?}");
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_refused_by_name() {
    for (key, algorithm, wanted) in [
        (
            P256_KEY,
            Algorithm::Ed25519,
            "AUDIT_SIGNING_ALG: the key `alias/audit` signs with ecdsa-p256-sha256, not with ed25519; \
             set ecdsa-p256-sha256, or another key in KEY_URL",
        ),
        (
            ED25519_KEY,
            Algorithm::EcdsaP256Sha256,
            "AUDIT_SIGNING_ALG: the key `alias/audit` signs with ed25519, not with ecdsa-p256-sha256; \
             set ed25519, or another key in KEY_URL",
        ),
        (
            Answer::Says(200, "{}"),
            Algorithm::Ed25519,
            "KEY_URL: the key `alias/audit` signs with neither ed25519 nor ecdsa-p256-sha256; name another one",
        ),
    ] {
        let server = Scripted::start(&[key]).await;
        let SignerError::Refused(said) = connect(&server, algorithm).await.unwrap_err() else { panic!() };
        assert_eq!(said, wanted);
    }
    let server = Scripted::start(&[P256_KEY]).await;
    let refused = connect(&server, Algorithm::HmacSha256).await.unwrap_err().to_string();
    assert!(refused.contains("AUDIT_SIGNING_ALG: a key in a KMS signs with ed25519 or ecdsa-p256-sha256"), "{refused}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_signature_that_nobody_could_verify_is_not_handed_out() {
    for made in [ED25519_SIGNATURE, Answer::Says(200, "{}")] {
        let server = Scripted::start(&[P256_KEY, made]).await;
        let signer = connect(&server, Algorithm::EcdsaP256Sha256).await.unwrap();
        let error = signer.sign(b"message").await.unwrap_err();
        assert!(matches!(&error, SignerError::Refused(said) if said.contains("does not verify")), "{error}");
    }
    let server = Scripted::start(&[P256_KEY, P256_SIGNATURE]).await;
    let signer = connect(&server, Algorithm::EcdsaP256Sha256).await.unwrap();
    assert!(signer.sign(b"massage").await.is_err());
}

#[tokio::test]
async fn bad_days_say_what_to_mend() {
    let missing = Answer::Says(400, r#"{"__type":"NotFoundException","message":"no alias"}"#);
    let server = Scripted::start(&[missing]).await;
    let SignerError::Refused(said) = connect(&server, Algorithm::Ed25519).await.unwrap_err() else { panic!() };
    assert!(said.starts_with("KEY_URL: there is no key `alias/audit` at http://"), "{said}");
    let disabled = Answer::Says(400, r#"{"__type":"DisabledException","message":"it is disabled"}"#);
    let unknown = Answer::Says(500, r#"{"__type":"KMSInternalException"}"#);
    let busy = Answer::Says(400, r#"{"__type":"ThrottlingException"}"#);
    let server = Scripted::start(&[ED25519_KEY, disabled, unknown, Answer::Cut, busy, busy, ED25519_SIGNATURE]).await;
    let signer = connect(&server, Algorithm::Ed25519).await.unwrap();
    let SignerError::Refused(said) = signer.sign(b"message").await.unwrap_err() else { panic!() };
    assert!(said.contains("DisabledException (it is disabled)"), "{said}");
    for _ in 0..2 {
        assert!(matches!(signer.sign(b"message").await, Err(SignerError::Unavailable(_))));
    }
    signer.sign(b"message").await.unwrap();
    let nowhere = KmsSigner::connect("KEY_URL", "kms:k?endpoint=http://127.0.0.1:1", Algorithm::Ed25519).await;
    assert!(matches!(nowhere, Err(SignerError::Unavailable(said)) if said.contains("connection refused")));
    let nowhere = KmsSigner::connect("KEY_URL", "kms:k", Algorithm::Ed25519).await.unwrap_err().to_string();
    assert!(nowhere.contains("KEY_URL: at AWS it takes a region"), "{nowhere}");
}

#[tokio::test]
async fn keys_that_stay_where_they_are_sign() {
    let server = stores::server("DEZKY_TEST_KMS");
    for (spec, algorithm) in
        [("ECC_NIST_P256", Algorithm::EcdsaP256Sha256), ("ECC_NIST_EDWARDS25519", Algorithm::Ed25519)]
    {
        let url = format!("kms:{}?endpoint={server}&region=eu-central-1", stores::stack::make_key(&server, spec).await);
        let signer = KmsSigner::connect("AUDIT_SIGNING_KEY", &url, algorithm).await.unwrap();
        gateways::a_signature_verifies_with_its_key_only(&signer).await;
        let ring = domain::keys::KeyRing::of(ports::Signer::verify_key(&signer));
        for n in 0..20 {
            let message = format!("checkpoint {n}");
            let signature = ports::Signer::sign(&signer, message.as_bytes()).await.unwrap();
            let id = ports::Signer::verify_key(&signer).key_id();
            assert!(ring.verifies(1, algorithm.as_str(), &id, message.as_bytes(), &signature), "{spec} {n}");
        }
    }
}
