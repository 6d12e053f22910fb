//! Sealing what must not lie open in the database: AES-256-GCM (NIST SP 800-38D) under a ring of keys.
//!
//! A sealed value is `version (1 byte) | key id (8) | nonce (12) | ciphertext and tag`. Where it belongs (tenant, kind, name
//! and field) is authenticated with it, so that a value which is copied to another row cannot be opened there. The nonce
//! comes from the caller, as all chance does; it is random, and a key seals far fewer than the 2^32 values that this allows.

use crate::clock::SharedRng;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use cofferdam_ids::TenantId;
use rand::Rng as _;
use std::fmt;
use std::sync::Arc;

const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES;

/// The name of a key: it tells nothing about the key, and stands before each value that is sealed under it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_BYTES]);

impl KeyId {
    /// An id of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One key of a ring.
#[derive(Clone)]
pub struct SealingKey {
    /// Its name.
    pub id: KeyId,
    /// The key itself.
    pub key: [u8; 32],
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys of an installation: one that seals, and earlier ones that still open. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing(Arc<Keys>);

struct Keys {
    current: SealingKey,
    earlier: Vec<SealingKey>,
    rng: SharedRng,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("current", &self.0.current).field("earlier", &self.0.earlier).finish_non_exhaustive()
    }
}

/// Where a sealed value belongs. It can be opened nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// What kind of thing holds it: `variable`, `connection`.
    pub kind: &'static str,
    /// The name of the thing.
    pub name: &'a str,
    /// Which of its fields.
    pub field: &'static str,
}

impl Place<'_> {
    /// The associated data. Each part has its length before it, so that no two places give the same bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.tenant.uuid().as_bytes());
        for part in [self.kind, self.name, self.field] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// Why a value cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No key of the ring has its id.
    #[error(
        "it is sealed under the key {0}, which is not in the ring: add the secret that the installation had then to \
         `earlier_secret_keys`"
    )]
    UnknownKey(KeyId),
    /// It is no sealed value, was changed, or belongs elsewhere.
    #[error("it is not what was sealed here: it was changed, or copied from another place")]
    NotAuthentic,
}

/// A value that is too long to be sealed: more than 64 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is too long to be sealed")]
pub struct TooLong;

impl KeyRing {
    /// A ring that seals with the first key and opens with all. `rng` must be seeded by the system, except in tests.
    #[must_use]
    pub fn new(current: SealingKey, earlier: Vec<SealingKey>, rng: SharedRng) -> Self {
        Self(Arc::new(Keys { current, earlier, rng }))
    }

    /// The key that seals.
    #[must_use]
    pub fn current(&self) -> KeyId {
        self.0.current.id
    }

    /// Seals a text for one place.
    ///
    /// # Errors
    /// When it is longer than AES-GCM allows.
    pub fn seal(&self, place: Place<'_>, text: &str) -> Result<Vec<u8>, TooLong> {
        let SealingKey { id, key } = &self.0.current;
        let mut nonce = [0; NONCE_BYTES];
        self.0.rng.with(|rng| rng.fill_bytes(&mut nonce));
        let associated = place.bytes();
        let sealed =
            cipher(key).encrypt(&Nonce::from(nonce), Payload { msg: text.as_bytes(), aad: &associated }).map_err(|_| TooLong)?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&id.0);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// When the ring lacks the key, or the value is not authentic.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<String, OpenError> {
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or(OpenError::NotAuthentic)?;
        let id = KeyId(head[1..=ID_BYTES].try_into().map_err(|_| OpenError::NotAuthentic)?);
        let nonce: [u8; NONCE_BYTES] = head[1 + ID_BYTES..].try_into().map_err(|_| OpenError::NotAuthentic)?;
        if head[0] != VERSION {
            return Err(OpenError::NotAuthentic);
        }
        let keys = std::iter::once(&self.0.current).chain(&self.0.earlier);
        let key = keys.into_iter().find(|key| key.id == id).ok_or(OpenError::UnknownKey(id))?;
        let associated = place.bytes();
        let opened = cipher(&key.key).decrypt(&Nonce::from(nonce), Payload { msg: body, aad: &associated });
        String::from_utf8(opened.map_err(|_| OpenError::NotAuthentic)?).map_err(|_| OpenError::NotAuthentic)
    }
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> SealingKey {
        SealingKey { id: KeyId::new([number; 8]), key: [number; 32] }
    }

    fn ring(current: u8, earlier: &[u8]) -> KeyRing {
        KeyRing::new(key(current), earlier.iter().copied().map(key).collect(), SharedRng::seeded(u64::from(current)))
    }

    fn place(name: &str) -> Place<'_> {
        Place { tenant: TenantId::from_uuid(uuid::Uuid::from_u128(7)), kind: "variable", name, field: "value" }
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_own_place_only() {
        let ring = ring(1, &[]);
        let sealed = ring.seal(place("a"), "hunter22").unwrap();
        assert!(!sealed.windows(8).any(|window| window == b"hunter22"));
        assert_ne!(sealed, ring.seal(place("a"), "hunter22").unwrap(), "each has a nonce of its own");
        assert_eq!(ring.open(place("a"), &sealed).unwrap(), "hunter22");
        for other in [
            place("b"),
            Place { kind: "connection", ..place("a") },
            Place { field: "other", ..place("a") },
            Place { tenant: TenantId::from_uuid(uuid::Uuid::from_u128(8)), ..place("a") },
        ] {
            assert_eq!(ring.open(other, &sealed), Err(OpenError::NotAuthentic), "{other:?}");
        }
    }

    #[test]
    fn a_changed_value_is_not_opened() {
        let ring = ring(1, &[]);
        let sealed = ring.seal(place("a"), "hunter22").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ring.open(place("a"), &changed).is_err(), "byte {at}");
        }
        for end in 0..sealed.len() {
            assert_eq!(ring.open(place("a"), &sealed[..end]), Err(OpenError::NotAuthentic), "{end} bytes");
        }
    }

    #[test]
    fn an_earlier_key_opens_and_seals_no_more() {
        let sealed = ring(1, &[]).seal(place("a"), "x").unwrap();
        let later = ring(2, &[1]);
        assert_eq!(later.open(place("a"), &sealed).unwrap(), "x");
        let renewed = later.seal(place("a"), "x").unwrap();
        assert_eq!(ring(1, &[]).open(place("a"), &renewed), Err(OpenError::UnknownKey(KeyId::new([2; 8]))));
        assert_eq!(ring(2, &[]).open(place("a"), &renewed).unwrap(), "x");
    }

    #[test]
    fn keys_are_not_shown() {
        let shown = format!("{:?}", ring(1, &[2]));
        assert!(shown.contains("0101010101010101") && !shown.contains("[1, 1"), "{shown}");
    }
}
