//! Components, by the digest of their bytes.

use crate::open::check_size;
use crate::{Objects, ObjectsError};
use bytes::Bytes;
use cofferdam_ids::{Digest, TenantId};
use object_store::path::Path;
use sha2::Digest as _;

/// More bytes than this are worked through on a thread of their own, so as not to hold up others.
const LONG: usize = 256 << 10;

/// The SHA-256 of `bytes`.
///
/// # Panics
/// Never: a SHA-256 is a digest.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in sha2::Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes what is written");
    }
    Digest::new(text).expect("64 hexadecimal digits")
}

/// Does `work` on `bytes`, elsewhere when there are many of them.
pub(crate) async fn work_on<T: Send + 'static>(
    bytes: &Bytes,
    work: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T, ObjectsError> {
    if bytes.len() < LONG {
        return Ok(work(bytes));
    }
    let bytes = bytes.clone();
    tokio::task::spawn_blocking(move || work(&bytes)).await.map_err(|error| ObjectsError::Unavailable(error.into()))
}

/// Fails unless `digest` names `bytes`.
pub(crate) async fn check_digest(digest: &Digest, bytes: &Bytes) -> Result<(), ObjectsError> {
    let found = work_on(bytes, digest_of).await?;
    if found == *digest { Ok(()) } else { Err(ObjectsError::WrongDigest { expected: digest.clone(), found }) }
}

/// The two directory levels of a digest: no directory gets more than a few thousand entries.
///
/// A [`Digest`] may be shorter than 64 digits; such a one names nothing, and finds nothing.
pub(crate) fn shard(digest: &Digest) -> &str {
    digest.as_str().get(..2).unwrap_or("0")
}

fn path(tenant: TenantId, digest: &Digest) -> Path {
    Path::from_iter(["tenants", &tenant.to_string(), "components", shard(digest), digest.as_str()])
}

impl Objects {
    /// Stores a component. Storing it again does no harm.
    ///
    /// # Errors
    /// When the bytes are too many or not those of the digest, or the store fails.
    pub async fn put_component(&self, tenant: TenantId, digest: &Digest, bytes: Bytes) -> Result<(), ObjectsError> {
        check_size("component", bytes.len() as u64, self.config.max_component_bytes)?;
        check_digest(digest, &bytes).await?;
        self.put(&path(tenant, digest), bytes.into()).await
    }

    /// The bytes of a component, checked against their digest.
    ///
    /// # Errors
    /// When there is none, its bytes are damaged, or the store fails.
    pub async fn get_component(&self, tenant: TenantId, digest: &Digest) -> Result<Bytes, ObjectsError> {
        let bytes = self.get(&path(tenant, digest), "component", self.config.max_component_bytes).await?;
        check_digest(digest, &bytes).await?;
        Ok(bytes)
    }
}
