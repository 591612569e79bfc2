//! Bearer tokens: JSON Web Tokens (RFC 7519), signed with Ed25519 (RFC 8037).
//!
//! An issuer that signs is somebody's own installation. Whatever verifies knows its issuers, takes
//! one algorithm, and has no default key.

use crate::access::{Caller, Granted, Role};
use domain::hash::unhex;
use domain::keys::{Algorithm, SigningKey, VerifyKey};
use domain::time::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Whom tokens are for.
pub const AUDIENCE: &str = "dezky";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    /// Unix seconds.
    iat: i64,
    /// Unix seconds.
    exp: i64,
    role: String,
    #[serde(default)]
    scope: String,
}

/// Makes tokens.
pub struct Issuer {
    name: String,
    key: SigningKey,
    secret: [u8; 32],
}

/// The token is not good, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TokenError(pub &'static str);

impl Issuer {
    /// The issuer of this name; `secret` is 32 bytes in hex.
    ///
    /// # Errors
    /// Anything but 64 hex digits.
    pub fn new(name: &str, secret: &str) -> Result<Self, TokenError> {
        let bytes = unhex(secret).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let secret = bytes.ok_or(TokenError("an issuer's key has 64 hex digits"))?;
        Ok(Self { name: name.to_owned(), key: SigningKey::new(Algorithm::Ed25519, secret), secret })
    }

    /// What verifies its tokens.
    pub fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer { name: self.name.clone(), key: self.key.verify_key() }
    }

    /// A token for `subject`, good from `now` for `seconds`.
    pub fn token(&self, subject: &str, role: Role, scopes: &[Granted], now: Timestamp, seconds: i64) -> String {
        let iat = now.unix_millis().div_euclid(1000);
        let scope: Vec<String> = scopes.iter().map(Granted::to_string).collect();
        let claims = Claims {
            iss: self.name.clone(),
            sub: subject.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat,
            exp: iat.saturating_add(seconds),
            role: role.as_str().to_owned(),
            scope: scope.join(" "),
        };
        install();
        let header = Header::new(jsonwebtoken::Algorithm::EdDSA);
        let key = EncodingKey::from_ed_der(&self.secret);
        jsonwebtoken::encode(&header, &claims, &key).expect("claims are JSON, and the key is one")
    }
}

/// An issuer whose tokens are taken.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    name: String,
    key: VerifyKey,
}

impl TrustedIssuer {
    /// The issuer of this name, known by its public key alone.
    pub fn new(name: &str, key: VerifyKey) -> Self {
        Self { name: name.to_owned(), key }
    }
}

/// Checks tokens.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    issuers: Vec<TrustedIssuer>,
}

impl Verifier {
    /// Takes tokens of these issuers only; of nobody, if there are none.
    pub fn new(issuers: Vec<TrustedIssuer>) -> Self {
        Self { issuers }
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// What is wrong with it; nothing that helps to make a better one.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        install();
        let mut validation = Validation::new(jsonwebtoken::Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Against the hub's own clock, below.
        validation.validate_exp = false;
        for issuer in &self.issuers {
            let VerifyKey::Ed25519(key) = &issuer.key else { continue };
            validation.set_issuer(&[&issuer.name]);
            let key = DecodingKey::from_ed_der(key.as_bytes());
            if let Ok(data) = jsonwebtoken::decode::<Claims>(token, &key, &validation) {
                return caller(data.claims, now);
            }
        }
        Err(TokenError("the token was not made by an issuer that is trusted here, or was changed"))
    }
}

fn caller(claims: Claims, now: Timestamp) -> Result<Caller, TokenError> {
    let now = now.unix_millis().div_euclid(1000);
    if now >= claims.exp {
        return Err(TokenError("the token has expired; get a new one"));
    }
    // A minute, for clocks that differ.
    if claims.iat > now.saturating_add(60) {
        return Err(TokenError("the token is from the future; compare the clocks"));
    }
    let role = Role::new(&claims.role).ok_or(TokenError("the token names no role that is known here"))?;
    let scopes =
        Granted::parse_list(&claims.scope).map_err(|_| TokenError("the token has a scope that is not known here"))?;
    Ok(Caller { subject: format!("{}|{}", claims.iss, claims.sub), role, scopes })
}

/// Ed25519 by the domain's keys: one implementation signs checkpoints and tokens.
struct Ed25519(SigningKey);
struct Ed25519Verifier(VerifyKey);

impl signature::Signer<Vec<u8>> for Ed25519 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message))
    }
}

impl JwtSigner for Ed25519 {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        jsonwebtoken::Algorithm::EdDSA
    }
}

impl signature::Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.verifies(message, signature).then_some(()).ok_or_else(signature::Error::new)
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        jsonwebtoken::Algorithm::EdDSA
    }
}

fn signer(algorithm: &jsonwebtoken::Algorithm, key: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    match (algorithm, <[u8; 32]>::try_from(key.as_bytes())) {
        (jsonwebtoken::Algorithm::EdDSA, Ok(secret)) => {
            Ok(Box::new(Ed25519(SigningKey::new(Algorithm::Ed25519, secret))))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn verifier(algorithm: &jsonwebtoken::Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    let key = domain::keys::VerifyKey::ed25519(key.try_get_as_bytes()?);
    match (algorithm, key) {
        (jsonwebtoken::Algorithm::EdDSA, Some(key)) => Ok(Box::new(Ed25519Verifier(key))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

fn install() {
    // Another one of this process was first; there is only one to install.
    let _ = PROVIDER.install_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::*;

    fn url(bytes: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn only_tokens_of_the_trusted_issuer_are_taken_and_only_in_time() {
        let issuer = Issuer::new("local", &"ab".repeat(32)).expect("a key");
        let verifier = Verifier::new(vec![issuer.trusted()]);
        let (now, late) = (at("2026-11-25T12:00:00Z"), at("2026-11-25T13:00:00Z"));
        let scopes = Granted::parse_list("record:ocis read").expect("scopes");
        let token = issuer.token("anna", Role::Service, &scopes, now, 3600);
        let caller = verifier.verify(&token, now).expect("a good token");
        assert_eq!((caller.subject.as_str(), caller.role), ("local|anna", Role::Service));
        assert_eq!(caller.scopes, scopes);
        assert!(verifier.verify(&token, late.plus_millis(-1)).is_ok());
        assert_eq!(verifier.verify(&token, late), Err(TokenError("the token has expired; get a new one")));
        assert!(verifier.verify(&token, at("2026-11-25T11:00:00Z")).is_err(), "from the future");

        for (name, key) in [("local", "cd".repeat(32)), ("other", "ab".repeat(32))] {
            let other = Issuer::new(name, &key).expect("a key").token("anna", Role::Operator, &[], now, 3600);
            assert!(verifier.verify(&other, now).is_err(), "{name}");
        }
        assert!(Verifier::default().verify(&token, now).is_err(), "nobody is trusted");
    }

    #[test]
    fn forged_tokens_are_refused() {
        let issuer = Issuer::new("local", &"ab".repeat(32)).expect("a key");
        let verifier = Verifier::new(vec![issuer.trusted()]);
        let now = at("2026-11-25T12:00:00Z");
        let token = issuer.token("anna", Role::Service, &[], now, 3600);
        let parts: Vec<&str> = token.split('.').collect();
        let claims =
            br#"{"iss":"local","sub":"x","aud":"dezky","iat":0,"exp":99999999999,"role":"operator","scope":""}"#;
        let mut forged = vec![
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            parts[..2].join("."),
            format!("{}.{}.{}", parts[0], url(claims), parts[2]),
        ];
        for header in [r#"{"alg":"none","typ":"JWT"}"#, r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"alg":"EdDSA"}"#] {
            let header = url(header.as_bytes());
            forged.push(format!("{header}.{}.", url(claims)));
            forged.push(format!("{header}.{}.{}", parts[1], url(&[0; 64])));
        }
        for i in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            forged.push(String::from_utf8(bytes).expect("ASCII"));
        }
        for token in &forged {
            assert!(verifier.verify(token, now).is_err(), "{token}");
        }
    }
}
