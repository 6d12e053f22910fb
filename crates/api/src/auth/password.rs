//! Passwords are kept as Argon2id hashes ([RFC 9106](https://www.rfc-editor.org/rfc/rfc9106)) with the parameters that OWASP
//! recommends: 19 MiB, two passes, one lane.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use cofferdam_domain::clock::SharedRng;
use rand::Rng;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The fewest characters of a password.
pub(crate) const SHORTEST: usize = 10;
/// The most bytes of a password: hashing more would cost time for nothing.
pub(crate) const LONGEST: usize = 1024;

/// A hash of a random text that nobody knows. Checked for users that do not exist, so that the answer takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y29mZmVyZGFtLW5vYm9keQ$M1rQZ6vC1m6mP0gX8jT3rB0qQhY2b6m0m9o0q9m3Zts";

/// Hashes and checks passwords, a few at a time: each takes 19 MiB and some ten milliseconds of a processor.
#[derive(Clone)]
pub(crate) struct Passwords {
    rng: SharedRng,
    at_once: Arc<Semaphore>,
}

/// Hashing failed. It does not with valid parameters, so this is a defect.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed")]
pub(crate) struct HashFailed;

impl Passwords {
    pub(crate) fn new(rng: SharedRng) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { rng, at_once: Arc::new(Semaphore::new(processors)) }
    }

    /// The hash of a password, with its salt and parameters (a PHC string).
    pub(crate) async fn hash(&self, password: &str) -> Result<String, HashFailed> {
        let mut salt = [0_u8; 16];
        self.rng.with(|rng| rng.fill_bytes(&mut salt));
        let password = password.to_owned();
        self.run(move || {
            let hash: Result<argon2::password_hash::phc::PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|_| HashFailed)
        })
        .await?
    }

    /// Whether the password has this hash. `None` stands for a user that does not exist: takes as long, and is false.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, HashFailed> {
        let (password, exists) = (password.to_owned(), hash.is_some());
        let hash = hash.unwrap_or(NOBODY).to_owned();
        let matches = self
            .run(move || {
                PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(matches && exists)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashFailed> {
        let _turn = self.at_once.acquire().await.map_err(|_| HashFailed)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| HashFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let passwords = Passwords::new(SharedRng::seeded(1));
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct hors", Some(&hash)).await.unwrap());
        assert_ne!(hash, passwords.hash("correct horse").await.unwrap(), "each has a salt of its own");
    }

    #[tokio::test]
    async fn the_hash_of_nobody_can_be_checked_and_costs_the_same() {
        let hash = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(hash.params.to_string(), "m=19456,t=2,p=1");
        assert_eq!((hash.salt.unwrap().len() >= 8, hash.hash.unwrap().len()), (true, 32));
        assert!(!Passwords::new(SharedRng::seeded(1)).verify("", None).await.unwrap());
    }
}
