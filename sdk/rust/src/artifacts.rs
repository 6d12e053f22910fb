//! Files that a task leaves behind: for people to download, and for the tasks of the same run to read.
//!
//! They are written and read piece by piece, so that they may be larger than the task's memory. What a try wrote is seen by
//! others when the try has ended.

use std::{fmt, io};

/// What is known of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name, unique among those of its task instance.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Why an artifact was not taken or given. As a task's error it is fatal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No artifact or task can have this name, or no artifact this type.
    InvalidName(String),
    /// All artifacts of this try together have more bytes than they may.
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// This try has left as many artifacts as it may.
    TooMany {
        /// The limit.
        limit: u32,
    },
    /// The task may not have it.
    Denied(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(why) | Self::Denied(why) => f.write_str(why),
            Self::TooLarge { limit_bytes } => write!(f, "the artifacts of this try have more than {limit_bytes} bytes"),
            Self::TooMany { limit } => write!(f, "this try has left {limit} artifacts, which is as many as it may"),
        }
    }
}

impl std::error::Error for Error {}

/// Leaves an artifact whole.
///
/// # Errors
/// When the host refuses it.
pub fn write(name: &str, content_type: &str, data: &[u8]) -> Result<Artifact, Error> {
    let writer = create(name, content_type)?;
    writer.0.write(data)?;
    writer.finish()
}

/// Begins an artifact. Its name has letters, digits and `_ - . ~`, in parts divided by `/`; a second one of the same name
/// replaces the first. With an empty content type it is `application/octet-stream`.
///
/// # Errors
/// When the host refuses it.
pub fn create(name: &str, content_type: &str) -> Result<Writer, Error> {
    host::Writer::create(name, content_type).map(Writer)
}

/// Opens an artifact that a task of the same run left; none when there is no such artifact.
///
/// # Errors
/// When the host refuses to give it.
pub fn open(task_id: &str, name: &str) -> Result<Option<Reader>, Error> {
    open_mapped(task_id, name, None)
}

/// As [`open`], of one instance of a mapped task.
///
/// # Errors
/// When the host refuses to give it.
pub fn open_mapped(task_id: &str, name: &str, map_index: Option<u32>) -> Result<Option<Reader>, Error> {
    Ok(host::Reader::open(task_id, name, map_index)?.map(Reader))
}

/// The artifacts that a task of the same run left, in order of their names.
///
/// # Errors
/// When the host refuses to tell.
pub fn list(task_id: &str, map_index: Option<u32>) -> Result<Vec<Artifact>, Error> {
    host::list_artifacts(task_id, map_index)
}

/// An artifact that is being written. One that is dropped without [`Writer::finish`] leaves nothing.
///
/// Each write goes to the host: put a [`std::io::BufWriter`] around it where there are many small ones.
pub struct Writer(host::Writer);

impl Writer {
    /// Ends the artifact.
    ///
    /// # Errors
    /// When the host refuses it.
    pub fn finish(self) -> Result<Artifact, Error> {
        self.0.finish()
    }
}

impl io::Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data).map_err(io::Error::other)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An artifact that is being read. Put a [`std::io::BufReader`] around it to read lines.
pub struct Reader(host::Reader);

impl Reader {
    /// What is known of it.
    #[must_use]
    pub fn about(&self) -> Artifact {
        self.0.about()
    }
}

impl io::Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let data = self.0.read(u32::try_from(into.len()).unwrap_or(u32::MAX)).map_err(io::Error::other)?;
        into[..data.len()].copy_from_slice(&data);
        Ok(data.len())
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::{Artifact, Error};
    use crate::bindings::cofferdam::task::artifacts;

    pub struct Writer(artifacts::Writer);

    impl Writer {
        pub fn create(name: &str, content_type: &str) -> Result<Self, Error> {
            Ok(Self(artifacts::create(name, content_type)?))
        }

        pub fn write(&self, data: &[u8]) -> Result<(), Error> {
            Ok(self.0.write(data)?)
        }

        pub fn finish(&self) -> Result<Artifact, Error> {
            Ok(self.0.finish()?.into())
        }
    }

    pub struct Reader(artifacts::Reader);

    impl Reader {
        pub fn open(task_id: &str, name: &str, map_index: Option<u32>) -> Result<Option<Self>, Error> {
            Ok(artifacts::open(task_id, name, map_index)?.map(Self))
        }

        pub fn about(&self) -> Artifact {
            self.0.about().into()
        }

        pub fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
            Ok(self.0.read(max)?)
        }
    }

    pub fn list_artifacts(task_id: &str, map_index: Option<u32>) -> Result<Vec<Artifact>, Error> {
        Ok(artifacts::list_of(task_id, map_index)?.into_iter().map(Into::into).collect())
    }

    impl From<artifacts::Artifact> for Artifact {
        fn from(given: artifacts::Artifact) -> Self {
            let artifacts::Artifact { name, content_type, size, sha256 } = given;
            Self { name, content_type, size, sha256 }
        }
    }

    impl From<artifacts::ArtifactError> for Error {
        fn from(error: artifacts::ArtifactError) -> Self {
            match error {
                artifacts::ArtifactError::InvalidName(why) => Self::InvalidName(why),
                artifacts::ArtifactError::TooLarge(limit_bytes) => Self::TooLarge { limit_bytes },
                artifacts::ArtifactError::TooMany(limit) => Self::TooMany { limit },
                artifacts::ArtifactError::Denied(why) => Self::Denied(why),
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::artifacts as host;

#[cfg(test)]
mod tests {
    use crate::{artifacts, testing};
    use std::io::{Read as _, Write as _};

    #[test]
    fn pieces_are_written_and_read() {
        let mut writer = artifacts::create("a/b.csv", "text/csv").unwrap();
        writer.write_all(b"x,y\n").unwrap();
        writer.write_all(b"1,2\n").unwrap();
        assert_eq!(testing::written_artifact("a/b.csv"), None);
        let written = writer.finish().unwrap();
        assert_eq!((written.size, written.content_type.as_str()), (8, "text/csv"));
        assert_eq!(testing::written_artifact("a/b.csv").as_deref(), Some(&b"x,y\n1,2\n"[..]));

        testing::give_artifact("fetch", "raw.bin", "", b"0123456789");
        assert_eq!(artifacts::list("fetch", None).unwrap()[0].name, "raw.bin");
        let mut reader = artifacts::open("fetch", "raw.bin").unwrap().unwrap();
        assert_eq!(reader.about().content_type, "application/octet-stream");
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "0123456789");
        assert!(artifacts::open("fetch", "absent").unwrap().is_none());
    }
}
