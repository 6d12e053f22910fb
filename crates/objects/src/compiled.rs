//! Compiled code: native code that workers run without looking at it again. So it carries a MAC, and only who has the key
//! can make some that is accepted.

use crate::component::{shard, work_on};
use crate::open::check_size;
use crate::{Objects, ObjectsError};
use bytes::Bytes;
use cofferdam_ids::Digest;
use hmac::{Hmac, KeyInit, Mac};
use object_store::PutPayload;
use object_store::path::Path;
use sha2::Sha256;

/// What an object of compiled code starts with; the last byte is the version of the format. The MAC follows (32 bytes), then
/// the code.
const MAGIC: &[u8; 8] = b"cofdcwm\x01";
const MAC_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + MAC_BYTES;

/// The MAC of the code, bound to the component and to the engine that it is for.
fn mac(key: &[u8; 32], digest: &Digest, compat: &str, code: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(MAGIC);
    for part in [digest.as_str().as_bytes(), compat.as_bytes(), code] {
        // With its length before it, no part can pass for the end or the start of another.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

/// Fails for a text that would not be one directory: it comes from the engine, and this keeps it so.
fn check_compat(compat: &str) -> Result<(), ObjectsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !compat.is_empty() && compat.len() <= 128 && compat.chars().all(plain) && !compat.starts_with('.') {
        return Ok(());
    }
    let allowed = "a compatibility key has 1 to 128 letters, digits, '-', '_' and '.', and does not begin with '.'";
    Err(ObjectsError::BadPath { part: compat.to_owned(), allowed })
}

fn path(digest: &Digest, compat: &str) -> Result<Path, ObjectsError> {
    check_compat(compat)?;
    Ok(Path::from_iter(["compiled", compat, shard(digest), digest.as_str()]))
}

impl Objects {
    /// Stores the compiled code of a component for engines of the compatibility key `compat`.
    ///
    /// It is shared between tenants: who asks for it has shown that it holds the component.
    ///
    /// # Errors
    /// When the code is too large, the key is malformed, or the store fails.
    pub async fn put_compiled(&self, digest: &Digest, compat: &str, code: Bytes) -> Result<(), ObjectsError> {
        check_size("compiled component", code.len() as u64, self.config.max_compiled_bytes)?;
        let path = path(digest, compat)?;
        let (key, bound_digest, bound_compat) = (self.config.compiled_key, digest.clone(), compat.to_owned());
        let tag = work_on(&code, move |code| mac(&key, &bound_digest, &bound_compat, code).finalize().into_bytes()).await?;
        let header: Bytes = [MAGIC.as_slice(), tag.as_slice()].concat().into();
        self.put(&path, PutPayload::from_iter([header, code])).await
    }

    /// The compiled code of a component, when there is some.
    ///
    /// # Errors
    /// [`ObjectsError::Tampered`] when the MAC does not fit (compile again, and store over it); else as for
    /// [`Objects::put_compiled`].
    pub async fn get_compiled(&self, digest: &Digest, compat: &str) -> Result<Option<Bytes>, ObjectsError> {
        let max = self.config.max_compiled_bytes + HEADER_BYTES as u64;
        let object = match self.get(&path(digest, compat)?, "compiled component", max).await {
            Err(ObjectsError::NotFound { .. }) => return Ok(None),
            other => other?,
        };
        let tampered = || ObjectsError::Tampered { digest: digest.clone() };
        let header = object.get(..HEADER_BYTES).and_then(|header| header.strip_prefix(MAGIC)).ok_or_else(tampered)?;
        let tag: [u8; MAC_BYTES] = header.try_into().map_err(|_| tampered())?;
        let code = object.slice(HEADER_BYTES..);
        let (key, bound_digest, bound_compat) = (self.config.compiled_key, digest.clone(), compat.to_owned());
        let fits = work_on(&code, move |code| mac(&key, &bound_digest, &bound_compat, code).verify_slice(&tag).is_ok()).await?;
        if fits { Ok(Some(code)) } else { Err(tampered()) }
    }
}
