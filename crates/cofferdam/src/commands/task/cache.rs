//! Compiled code in the user's cache directory, so that a component is compiled once and not at each test of it.
//!
//! Compiled code is native code. So it is kept as workers keep it, with a message authentication code, under a key that only
//! this user can read. Whatever is wrong with the cache, the component is compiled again.

use crate::config::Environment;
use bytes::Bytes;
use cofferdam_domain::clock::SharedRng;
use cofferdam_ids::Digest;
use cofferdam_objects::{Objects, ObjectsConfig};
use cofferdam_sandbox::CompiledCode;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The cache; nothing is kept where there is no place for it.
pub struct Cache(Option<Objects>);

impl Cache {
    /// The cache of this user.
    pub fn open(environment: &Environment) -> Self {
        let opened = environment.cache_dir().map(|dir| open(&dir.join("task-test")));
        Self(match opened {
            Some(Ok(objects)) => Some(objects),
            Some(Err(error)) => {
                tracing::warn!(error, "compiled code cannot be kept for the next time");
                None
            }
            None => None,
        })
    }

    /// One that keeps nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// What was compiled from these bytes for this engine.
    pub async fn get(&self, digest: &Digest, compatibility: &str) -> Option<CompiledCode> {
        match self.0.as_ref()?.get_compiled(digest, compatibility).await {
            // The message authentication code was checked.
            Ok(found) => found.map(CompiledCode::from_authenticated),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "kept compiled code cannot be used");
                None
            }
        }
    }

    /// Keeps what was compiled.
    pub async fn put(&self, digest: &Digest, compatibility: &str, compiled: &CompiledCode) {
        let Some(objects) = &self.0 else { return };
        let bytes: Bytes = compiled.bytes().clone();
        if let Err(error) = objects.put_compiled(digest, compatibility, bytes).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "compiled code cannot be kept for the next time");
        }
    }
}

fn open(dir: &Path) -> Result<Objects, String> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| error.to_string())?;
    let key = key(&dir.join("key")).map_err(|error| error.to_string())?;
    let url = dir.to_str().ok_or("the name of the cache directory is not UTF-8")?;
    Objects::open(url, &ObjectsConfig::new(key)).map_err(|error| error.to_string())
}

/// The key of this cache; made when it is not there.
fn key(path: &Path) -> std::io::Result<[u8; 32]> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let key: [u8; 32] = SharedRng::from_system().with(rand::RngExt::random);
    // Written whole under another name first: of two commands at once, one sets the key and the other finds it.
    let draft = path.with_extension(std::process::id().to_string());
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&key)?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            read_key(path)?.ok_or_else(|| std::io::Error::other("the cache's key is gone"))
        }
        Err(error) => Err(error),
    }
}

fn read_key(path: &Path) -> std::io::Result<Option<[u8; 32]>> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let wrong = || std::io::Error::other(format!("{} is not a key: remove it", path.display()));
            bytes.try_into().map(Some).map_err(|_| wrong())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let made = key(&path).unwrap();
        assert_eq!(key(&path).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::write(&path, "short").unwrap();
        assert!(key(&path).unwrap_err().to_string().contains("remove it"));
    }

    #[tokio::test]
    async fn what_was_kept_is_found_and_what_was_changed_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::from([("XDG_CACHE_HOME", dir.path().to_str().unwrap())]);
        let digest = Digest::new("ab".repeat(32)).unwrap();
        let cache = Cache::open(&environment);
        assert!(cache.get(&digest, "engine").await.is_none());
        cache.put(&digest, "engine", &CompiledCode::from_authenticated(Bytes::from_static(b"code"))).await;
        let found = Cache::open(&environment).get(&digest, "engine").await.unwrap();
        assert_eq!(found.bytes().as_ref(), b"code");
        std::fs::write(dir.path().join("cofferdam/task-test/key"), [7; 32]).unwrap();
        assert!(Cache::open(&environment).get(&digest, "engine").await.is_none(), "under another key");
    }
}
