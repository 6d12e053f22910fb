//! The keys that an installation signs with, all made from its one secret.

use cofferdam_domain::clock::SharedRng;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The keys of an installation.
#[derive(Clone)]
pub struct Keys {
    /// Signs access tokens.
    pub tokens: [u8; 32],
    /// Authenticates compiled code: workers load nothing that was not signed with it.
    pub compiled_code: [u8; 32],
    /// Seals variables and connections.
    pub ring: KeyRing,
}

impl Keys {
    /// The keys that a secret gives: always the same ones, and none tells anything about another or about the secret. What was
    /// sealed under the keys of earlier secrets can still be opened.
    #[must_use]
    pub fn from_secret(secret: &str, earlier: &[String]) -> Self {
        let earlier = earlier.iter().map(|secret| sealing_key(secret)).collect();
        Self {
            tokens: derive(secret, "cofferdam access tokens v1"),
            compiled_code: derive(secret, "cofferdam compiled code v1"),
            ring: KeyRing::new(sealing_key(secret), earlier, SharedRng::from_system()),
        }
    }
}

fn sealing_key(secret: &str) -> SealingKey {
    let [a, b, c, d, e, f, g, h, ..] = derive(secret, "cofferdam id of the sealing key v1");
    SealingKey { id: KeyId::new([a, b, c, d, e, f, g, h]), key: derive(secret, "cofferdam sealed values v1") }
}

fn derive(secret: &str, purpose: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_its_key_and_each_secret_its_keys() {
        let (a, b) = (Keys::from_secret("one secret", &[]), Keys::from_secret("another", &[]));
        assert_eq!(a.tokens, Keys::from_secret("one secret", &[]).tokens);
        assert_ne!(a.tokens, a.compiled_code);
        assert_ne!(a.tokens, b.tokens);
        assert_ne!(a.compiled_code, b.compiled_code);
    }

    #[test]
    fn what_an_earlier_secret_sealed_is_opened() {
        let tenant = cofferdam_ids::TenantId::generate();
        let place = cofferdam_domain::seal::Place { tenant, kind: "variable", name: "a", field: "value" };
        let sealed = Keys::from_secret("one secret", &[]).ring.seal(place, "x").unwrap();
        assert!(Keys::from_secret("another", &[]).ring.open(place, &sealed).is_err());
        assert_eq!(Keys::from_secret("another", &["one secret".to_owned()]).ring.open(place, &sealed).unwrap(), "x");
    }
}
