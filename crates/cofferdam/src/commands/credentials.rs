//! The credentials of a signed-in person, in a file that only that person can read.

use crate::failure::{Exit, Failure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use cofferdam_client::Tokens;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is kept of one sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Who signed in.
    pub username: String,
    /// The tenant.
    pub tenant: String,
    /// The tokens.
    pub tokens: Tokens,
}

#[derive(Default, Serialize, Deserialize)]
struct Contents {
    #[serde(default)]
    servers: BTreeMap<String, Kept>,
}

/// A file of credentials, by server.
#[derive(Clone, Debug)]
pub struct CredentialFile(PathBuf);

impl CredentialFile {
    /// The file at that path; it need not be there.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The credentials for a server.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn get(&self, url: &str) -> Result<Option<Kept>, Failure> {
        Ok(self.read()?.servers.remove(url))
    }

    /// Keeps credentials for a server, or forgets them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&self, url: &str, kept: Option<Kept>) -> Result<(), Failure> {
        let mut contents = self.read()?;
        match kept {
            Some(kept) => contents.servers.insert(url.to_owned(), kept),
            None => contents.servers.remove(url),
        };
        let text = serde_json::to_vec_pretty(&contents).map_err(|error| self.failure("cannot be written", &error))?;
        write_private(&self.0, &text).map_err(|error| self.failure("cannot be written", &error))
    }

    /// Holds the file for this process, so that two commands do not renew the same tokens.
    ///
    /// # Errors
    /// When the lock beside the file cannot be made.
    pub fn lock(&self) -> Result<File, Failure> {
        let path = self.0.with_extension("lock");
        private_dir(&path)
            .and_then(|()| OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path))
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| self.failure("cannot be locked", &error))
    }

    fn read(&self) -> Result<Contents, Failure> {
        match std::fs::read(&self.0) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| self.failure("cannot be read", &error).remedy("remove it and sign in again")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Contents::default()),
            Err(error) => Err(self.failure("cannot be read", &error)),
        }
    }

    fn failure(&self, what: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::new(Exit::Failed, format!("the file of credentials {what}")).at(self.0.display().to_string()).because(error)
    }
}

/// Whether an access token is still valid for half a minute. A token that says nothing about it is taken to be.
#[must_use]
pub fn is_fresh(access_token: &str, now: DateTime<Utc>) -> bool {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = access_token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|text| serde_json::from_slice::<Claims>(&text).ok());
    claims.is_none_or(|claims| claims.exp > now.timestamp() + 30)
}

fn private_dir(file: &Path) -> std::io::Result<()> {
    file.parent().map_or(Ok(()), |dir| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir))
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    private_dir(path)?;
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn kept(token: &str) -> Kept {
        let tokens = Tokens { access_token: token.to_owned(), refresh_token: "r".to_owned() };
        Kept { username: "amy".to_owned(), tenant: "default".to_owned(), tokens }
    }

    #[test]
    fn credentials_are_kept_by_server_and_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialFile::new(dir.path().join("deep/credentials.json"));
        assert!(file.get("http://a").unwrap().is_none());
        file.set("http://a", Some(kept("1"))).unwrap();
        file.set("http://b", Some(kept("2"))).unwrap();
        file.set("http://a", Some(kept("3"))).unwrap();
        assert_eq!(file.get("http://a").unwrap().unwrap().tokens.access_token, "3");
        assert_eq!(file.get("http://b").unwrap().unwrap().tokens.access_token, "2");
        assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(file.path().parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        file.set("http://a", None).unwrap();
        assert!(file.get("http://a").unwrap().is_none());
    }

    #[test]
    fn a_broken_file_is_an_error_and_says_where() {
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialFile::new(dir.path().join("credentials.json"));
        std::fs::write(file.path(), "{").unwrap();
        let failure = file.get("http://a").unwrap_err();
        assert!(failure.place.unwrap().ends_with("credentials.json"));
    }

    #[test]
    fn expiry_is_read_from_the_token() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let token = |exp: i64| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{exp}}}")));
        assert!(is_fresh(&token(1_100), now));
        assert!(!is_fresh(&token(1_010), now));
        assert!(!is_fresh(&token(900), now));
        assert!(is_fresh("opaque", now));
    }
}
