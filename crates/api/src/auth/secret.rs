//! Long random secrets: refresh tokens and API keys.
//!
//! Both are `<prefix>_<id>_<secret>`: the id finds the row, the secret proves the right to it. Only its SHA-256 is kept; the
//! secret has 256 random bits, so a slow hash would add nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofferdam_domain::clock::SharedRng;
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The prefix of API keys.
pub(crate) const API_KEY: &str = "cdk";
/// The prefix of refresh tokens.
pub(crate) const REFRESH_TOKEN: &str = "cdr";

/// The SHA-256 of a secret: what is kept.
pub(crate) type SecretHash = [u8; 32];

/// A new secret, as its holder sees it, and its hash.
pub(crate) fn generate(prefix: &str, id: Uuid, rng: &SharedRng) -> (String, SecretHash) {
    let mut bytes = [0_u8; 32];
    rng.with(|rng| rng.fill_bytes(&mut bytes));
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash(&secret);
    (format!("{prefix}_{}_{secret}", id.simple()), hash)
}

/// Takes apart what [`generate`] made: the id, and the hash of the secret.
pub(crate) fn parse(prefix: &str, text: &str) -> Option<(Uuid, SecretHash)> {
    let (id, secret) = text.strip_prefix(prefix)?.strip_prefix('_')?.split_once('_')?;
    (id.len() == 32 && secret.len() == 43).then(|| Uuid::try_parse(id).ok().map(|id| (id, hash(secret)))).flatten()
}

/// A random password for a person to type once: 20 letters and digits that are not mistaken for each other.
pub(crate) fn password(rng: &SharedRng) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0_u8; 20];
    rng.with(|rng| rng.fill_bytes(&mut bytes));
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_can_be_taken_apart() {
        let rng = SharedRng::seeded(1);
        let id = Uuid::now_v7();
        let (text, hash) = generate(API_KEY, id, &rng);
        assert_eq!(parse(API_KEY, &text), Some((id, hash)));
        assert_eq!(parse(REFRESH_TOKEN, &text), None);
        assert_eq!(parse(API_KEY, &text[..text.len() - 1]), None);
        assert_eq!(parse(API_KEY, "cdk__"), None);
        assert_eq!(password(&rng).len(), 20);
    }
}
