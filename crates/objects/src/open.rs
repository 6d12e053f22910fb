//! Opening a store, and the few ways in which its objects are written and read.

use crate::ObjectsError;
use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// How to use a store. The limits keep one object from filling the memory of whoever reads it.
#[derive(Clone)]
pub struct ObjectsConfig {
    /// Authenticates compiled code. Whoever has it can run native code in the workers.
    pub compiled_key: [u8; 32],
    /// The most bytes of a component.
    pub max_component_bytes: u64,
    /// The most bytes of one component's compiled code.
    pub max_compiled_bytes: u64,
    /// The most bytes of a log segment, and of one read from it.
    pub max_log_segment_bytes: u64,
    /// The most bytes of an XCom.
    pub max_xcom_bytes: u64,
    /// The most bytes of a checkpoint.
    pub max_checkpoint_bytes: u64,
    /// For `s3://` URLs.
    pub s3: S3Config,
}

impl ObjectsConfig {
    /// The limits that fit most installations.
    #[must_use]
    pub fn new(compiled_key: [u8; 32]) -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            compiled_key,
            max_component_bytes: 64 * MIB,
            max_compiled_bytes: 512 * MIB,
            max_log_segment_bytes: 64 * MIB,
            max_xcom_bytes: 64 * MIB,
            max_checkpoint_bytes: 64 * MIB,
            s3: S3Config::default(),
        }
    }
}

impl fmt::Debug for ObjectsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectsConfig")
            .field("max_component_bytes", &self.max_component_bytes)
            .field("max_compiled_bytes", &self.max_compiled_bytes)
            .field("max_log_segment_bytes", &self.max_log_segment_bytes)
            .field("max_xcom_bytes", &self.max_xcom_bytes)
            .field("max_checkpoint_bytes", &self.max_checkpoint_bytes)
            .finish_non_exhaustive()
    }
}

/// How to reach S3 or what speaks its protocol. Without keys, the machine's own role is used (its metadata service).
#[derive(Clone, Default)]
pub struct S3Config {
    /// Another server than Amazon's, such as `http://localhost:9000`.
    pub endpoint: Option<String>,
    /// The region; `us-east-1` when `None`.
    pub region: Option<String>,
    /// The id of the access key.
    pub access_key_id: Option<String>,
    /// The secret of the access key.
    pub secret_access_key: Option<String>,
    /// The token that comes with temporary keys.
    pub session_token: Option<String>,
    /// Whether plain HTTP is accepted.
    pub allow_http: bool,
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Config").field("endpoint", &self.endpoint).field("region", &self.region).finish_non_exhaustive()
    }
}

/// A store of objects. Clones share it.
#[derive(Clone)]
pub struct Objects {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) config: Arc<ObjectsConfig>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("store", &self.store.to_string()).finish_non_exhaustive()
    }
}

impl Objects {
    /// Opens the store that `url` names: a directory (a path, or `file:///…`; made when missing), `s3://bucket/prefix`, or
    /// `memory://`. Nothing is sent yet; see [`Objects::ping`].
    ///
    /// In a directory, an object is written beside its place, synced (`fsync` of the file and of the directories), and then
    /// renamed: it is there whole or not at all, also after a power cut.
    ///
    /// # Errors
    /// When the URL is none of these, or the directory cannot be made.
    pub fn open(url: &str, config: &ObjectsConfig) -> Result<Self, ObjectsError> {
        let bad = |reason: &str| ObjectsError::BadUrl { url: url.to_owned(), reason: reason.to_owned() };
        let store: Arc<dyn ObjectStore> = match url.split_once("://") {
            None if url.is_empty() => return Err(bad("it is empty; give a directory or s3://bucket/prefix")),
            None => open_directory(url)?,
            Some(("file", path)) if !path.starts_with('/') => return Err(bad("a file URL has three slashes: file:///directory")),
            Some(("file", path)) if path.contains('%') => {
                return Err(bad("percent signs are not decoded; give the path plainly, without file://"));
            }
            Some(("file", path)) => open_directory(path)?,
            Some(("memory", _)) => Arc::new(InMemory::new()),
            Some(("s3", rest)) => open_s3(rest, &config.s3).map_err(|reason| bad(&reason))?,
            Some(_) => return Err(bad("give a directory, file:///directory, s3://bucket/prefix or memory://")),
        };
        Ok(Self { store, config: Arc::new(config.clone()) })
    }

    /// Whether the store takes and gives objects.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), ObjectsError> {
        let path = Path::from("ping");
        self.store.put(&path, PutPayload::from_static(b"pong")).await?;
        self.store.head(&path).await?;
        Ok(())
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub(crate) async fn put(&self, path: &Path, payload: PutPayload) -> Result<(), ObjectsError> {
        self.store.put(path, payload).await?;
        Ok(())
    }

    /// The whole object, unless it is larger than `max`.
    pub(crate) async fn get(&self, path: &Path, kind: &'static str, max: u64) -> Result<Bytes, ObjectsError> {
        let object = self.store.get(path).await?;
        check_size(kind, object.meta.size, max)?;
        Ok(object.bytes().await?)
    }

    pub(crate) async fn get_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes, ObjectsError> {
        Ok(self.store.get_range(path, range).await?)
    }
}

pub(crate) fn check_size(kind: &'static str, size: u64, max: u64) -> Result<(), ObjectsError> {
    if size > max { Err(ObjectsError::TooLarge { kind, size, max }) } else { Ok(()) }
}

/// The directory that `url` names, made when missing; none for a store that is elsewhere, and for a URL that [`Objects::open`]
/// refuses.
#[must_use]
pub fn local_directory(url: &str) -> Option<PathBuf> {
    let path = match url.split_once("://") {
        None if url.is_empty() => return None,
        None => url,
        Some(("file", path)) => path,
        Some(_) => return None,
    };
    make_directory(path).ok()
}

fn make_directory(path: &str) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&path)?;
    Ok(path)
}

fn open_directory(path: &str) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let path = make_directory(path).map_err(|error| ObjectsError::BadUrl { url: path.to_owned(), reason: error.to_string() })?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)))
}

fn open_s3(rest: &str, config: &S3Config) -> Result<Arc<dyn ObjectStore>, String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("it names no bucket; write s3://bucket/prefix".into());
    }
    // The client takes the process's provider. An error means that there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_allow_http(config.allow_http);
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &config.region {
        builder = builder.with_region(region);
    }
    if let Some(id) = &config.access_key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(secret) = &config.secret_access_key {
        builder = builder.with_secret_access_key(secret);
    }
    if let Some(token) = &config.session_token {
        builder = builder.with_token(token);
    }
    let store = builder.build().map_err(|error| error.to_string())?;
    let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| error.to_string())?;
    if prefix.as_ref().is_empty() { Ok(Arc::new(store)) } else { Ok(Arc::new(PrefixStore::new(store, prefix))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_stores() {
        let config = ObjectsConfig::new([1; 32]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        for url in [path.to_str().unwrap(), &format!("file://{}", path.display()), "memory://", "s3://bucket", "s3://bucket/a/b/"]
        {
            assert!(Objects::open(url, &config).is_ok(), "{url}");
        }
        for url in ["", "file://a", "file:///a%20b", "s3://", "s3:///a", "ftp://a", "s3://bucket/../a"] {
            assert!(matches!(Objects::open(url, &config), Err(ObjectsError::BadUrl { .. })), "{url}");
        }
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let mut config = ObjectsConfig::new([77; 32]);
        config.s3.secret_access_key = Some("hunter2".into());
        let shown = format!("{config:?} {:?}", config.s3);
        assert!(!shown.contains("77") && !shown.contains("hunter2"), "{shown}");
    }
}
