//! The files of a bundle: of a directory, or of a commit of a git repository.
//!
//! What is read here was written by people who are not trusted with this machine: links are not followed, nothing is run, and
//! every amount has a bound. What is wrong with one file is that file's error and hides no other; only what makes the whole
//! unreadable is a [`BundleError`].

mod directory;
mod git;
mod ignore;

pub use git::{GitSource, is_git_url, without_credentials};

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The most files of a bundle that are read as dags.
pub const MAX_FILES: usize = 10_000;
/// The most entries of a tree that are looked at.
pub const MAX_ENTRIES: usize = 200_000;
/// How many folders may be inside each other.
pub const MAX_DEPTH: usize = 32;
/// The most bytes of a definition or a program.
pub const MAX_TEXT: u64 = 1 << 20;
/// The most bytes of a component.
pub const MAX_COMPONENT: u64 = 64 << 20;
/// The most characters of a path.
pub const MAX_PATH: usize = 500;
/// The file at the top of a bundle that says what to leave out.
pub const IGNORE_FILE: &str = ".cofferdamignore";

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A definition in YAML or JSON.
    Definition,
    /// A program of Python, TypeScript or JavaScript that writes dags down.
    Program,
    /// A workflow component.
    Component,
}

impl FileKind {
    /// What a file of this name can be.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next()?.rsplit_once('.')?.1 {
            "yaml" | "yml" | "json" => Some(Self::Definition),
            "py" | "ts" | "mts" | "js" | "mjs" => Some(Self::Program),
            "wasm" => Some(Self::Component),
            _ => None,
        }
    }

    /// The most bytes of such a file.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Definition | Self::Program => MAX_TEXT,
            Self::Component => MAX_COMPONENT,
        }
    }

    /// Whether such a file, with these bytes, is for Cofferdam at all: other YAML, JSON and programs are passed over.
    fn is_meant(self, path: &str, bytes: &[u8]) -> bool {
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        match self {
            Self::Definition => has(b"dag_id"),
            Self::Program if path.ends_with(".py") => has(b"cofferdam") && has(b"dag"),
            Self::Program => has(b"@cofferdam/sdk"),
            Self::Component => true,
        }
    }
}

/// Why a file of a bundle is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A symbolic link, which could lead out of the bundle.
    #[error("it is a symbolic link, and those are not followed")]
    Link,
    /// More bytes than a file of its kind may have.
    #[error("it has more than {limit} bytes, the most that are read")]
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// A folder with too many folders around it.
    #[error("the folder is more than {MAX_DEPTH} folders deep, and is not looked into")]
    TooDeep,
    /// A path that is too long, or is not text.
    #[error("its path has more than {MAX_PATH} characters, or characters that are not UTF-8")]
    Path,
    /// The system does not let it be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl FileError {
    /// The machine-readable kind.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Link => "symbolic_link",
            Self::TooLarge { .. } => "file_too_large",
            Self::TooDeep => "folder_too_deep",
            Self::Path => "invalid_path",
            Self::Unreadable(_) => "file_unreadable",
        }
    }

    /// What would mend it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Link => "put the file itself there, or leave the link out in .cofferdamignore",
            Self::TooLarge { .. } => "make several files of it, or leave it out in .cofferdamignore",
            Self::TooDeep => "put the dags higher up, or leave the folder out in .cofferdamignore",
            Self::Path => "rename the file, or leave it out in .cofferdamignore",
            Self::Unreadable(_) => "let the process read it, or leave it out in .cofferdamignore",
        }
    }
}

/// Why a bundle cannot be read at all. Nothing of it changes then.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The directory is not there, or is none, or cannot be read.
    #[error("the directory {} cannot be read", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More files than a bundle may have.
    #[error("there are more than {MAX_FILES} files that could be dags; split the bundle, or leave files out in .cofferdamignore")]
    TooManyFiles,
    /// More files and folders than are looked at.
    #[error(
        "there are more than {MAX_ENTRIES} files and folders; name a folder that has the dags only, or leave folders out in .cofferdamignore"
    )]
    TooManyEntries,
    /// What is called a git reference is none.
    #[error("{0:?} is not the name of a branch, a tag or a commit")]
    Reference(String),
    /// The program `git` is not there.
    #[error("the program `git` cannot be started; install it, as by `apt-get install git`")]
    NoGit(#[source] std::io::Error),
    /// Git did not do what it was asked.
    #[error("git {step} failed: {message}")]
    Git {
        /// What was asked.
        step: &'static str,
        /// What git said.
        message: String,
    },
    /// The folder for what git fetched cannot be used.
    #[error("{} cannot be used for what git fetches", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A file of a bundle that may be a dag, or what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is, from the top of the bundle, with slashes.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// The SHA-256 of its bytes, in hexadecimal, or why it is not read.
    pub hash: Result<String, FileError>,
}

/// The files of a bundle at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The files, by path.
    pub entries: Vec<Entry>,
    /// The commit, where it is one of git.
    pub commit: Option<String>,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Directory(PathBuf),
    Git(git::Tree),
}

impl Snapshot {
    /// The files of a directory.
    ///
    /// # Errors
    /// When it cannot be read, or holds too much.
    pub fn of_directory(path: &Path) -> Result<Self, BundleError> {
        let entries = directory::list(path)?;
        Ok(Self { entries, commit: None, reader: Reader::Directory(path.to_owned()) })
    }

    /// The files of a commit, fetched first.
    ///
    /// # Errors
    /// When git is not there or fails, or the commit holds too much.
    pub fn of_git(source: &GitSource) -> Result<Self, BundleError> {
        let mut tree = git::Tree::fetch(source)?;
        let entries = tree.list()?;
        Ok(Self { entries, commit: Some(tree.commit().to_owned()), reader: Reader::Git(tree) })
    }

    /// The bytes of a file as they are now, with their hash: in a directory they may have changed since.
    ///
    /// # Errors
    /// When it cannot be read any more.
    pub fn read(&mut self, entry: &Entry) -> Result<(Vec<u8>, String), FileError> {
        let bytes = match &mut self.reader {
            Reader::Directory(root) => directory::read(&root.join(&entry.path), entry.kind.limit())?,
            Reader::Git(tree) => tree.read(&entry.path)?,
        };
        let hash = hash(&bytes);
        Ok((bytes, hash))
    }
}

/// The SHA-256 of bytes, in hexadecimal.
fn hash(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // A string takes what is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Sorts the entries and checks how many they are.
fn finish(mut entries: Vec<Entry>) -> Result<Vec<Entry>, BundleError> {
    if entries.len() > MAX_FILES {
        return Err(BundleError::TooManyFiles);
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// Folders and files that are never looked at: what is hidden, and what tools install.
fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "node_modules" | "__pycache__" | "venv" | "target")
}

#[cfg(test)]
mod tests;
