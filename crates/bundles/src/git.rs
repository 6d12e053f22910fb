//! The files of a commit, through the program `git`.

use crate::ignore::Ignored;
use crate::{BundleError, Entry, FileError, FileKind, IGNORE_FILE, MAX_DEPTH, MAX_ENTRIES, MAX_FILES, MAX_PATH, MAX_TEXT};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long fetching may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most bytes of what git says that are kept.
const MAX_SAID: u64 = 4096;
/// The most bytes of a list of files.
const MAX_LIST: u64 = 128 << 20;

/// A branch, tag or commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// The program: `git`, or where it is.
    pub program: PathBuf,
    /// The repository.
    pub url: String,
    /// The branch, tag or commit; `HEAD` for the repository's own.
    pub reference: String,
    /// Where what is fetched is kept: a bare repository, made when it is not there.
    pub cache: PathBuf,
}

/// Whether a text names a repository rather than a directory: `scheme://…`, or `user@host:path`.
#[must_use]
pub fn is_git_url(text: &str) -> bool {
    let short = || {
        let (user, rest) = text.split_once('@')?;
        let (host, path) = rest.split_once(':')?;
        Some(!user.contains('/') && !host.is_empty() && !host.contains('/') && !path.is_empty())
    };
    text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()) || short() == Some(true)
}

/// The URL without the user and the password that may stand in it, to be kept and shown.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((user, _)) => format!("{scheme}://{}", &rest[user.len() + 1..]),
        None => url.to_owned(),
    }
}

/// A tree whose blobs are read by a process of git that goes on answering.
#[derive(Debug)]
pub(crate) struct Tree {
    commit: String,
    blobs: BTreeMap<String, String>,
    cache: PathBuf,
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
    program: PathBuf,
}

impl Drop for Tree {
    fn drop(&mut self) {
        // It has nothing left to do; a failure means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tree {
    pub(crate) fn fetch(source: &GitSource) -> Result<Self, BundleError> {
        let (cache, program) = (&source.cache, &source.program);
        let reference = check(&source.reference)?;
        if !cache.join("HEAD").is_file() {
            std::fs::create_dir_all(cache).map_err(|source| BundleError::Cache { path: cache.clone(), source })?;
            run("init", git(program, cache).args(["init", "--quiet", "--bare"]))?;
        }
        let mut fetch = git(program, cache);
        fetch.args([
            "fetch",
            "--quiet",
            "--force",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--",
        ]);
        run("fetch", fetch.arg(&source.url).arg(reference))?;
        let commit = run("rev-parse", git(program, cache).args(["rev-parse", "--verify", "FETCH_HEAD^{commit}"]))?;
        let commit = commit.trim().to_owned();
        let mut child = git(program, cache)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(BundleError::NoGit)?;
        let (Some(asked), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("cat-file", "it has no input and output"));
        };
        let (cache, program) = (cache.clone(), program.clone());
        Ok(Self { commit, blobs: BTreeMap::new(), cache, child, asked, answers: BufReader::new(answers), program })
    }

    pub(crate) fn commit(&self) -> &str {
        &self.commit
    }

    pub(crate) fn list(&mut self) -> Result<Vec<Entry>, BundleError> {
        let list =
            run("ls-tree", git(&self.program, &self.cache).args(["ls-tree", "-r", "-z", "-l", "--full-tree", &self.commit]))?;
        let ignored = self.ignored(&list);
        let mut entries = Vec::new();
        for (seen, line) in list.split_terminator('\0').enumerate() {
            if seen >= MAX_ENTRIES {
                return Err(BundleError::TooManyEntries);
            }
            // "100644 blob <id> <size>\t<path>"
            let Some((about, path)) = line.split_once('\t') else { continue };
            let mut about = about.split_ascii_whitespace();
            let (Some(mode), Some("blob"), Some(id), Some(size)) = (about.next(), about.next(), about.next(), about.next())
            else {
                continue;
            };
            let Some(kind) = FileKind::of(path) else { continue };
            if path.split('/').any(crate::is_passed_over) || ignored.has_part_of(path) {
                continue;
            }
            if entries.len() >= MAX_FILES {
                return Err(BundleError::TooManyFiles);
            }
            let found = if mode == "120000" {
                Err(FileError::Link)
            } else if path.chars().count() > MAX_PATH || path.contains('\u{fffd}') {
                Err(FileError::Path)
            } else if path.matches('/').count() > MAX_DEPTH {
                Err(FileError::TooDeep)
            } else if size.parse::<u64>().is_ok_and(|size| size > kind.limit()) {
                Err(FileError::TooLarge { limit: kind.limit() })
            } else {
                self.blobs.insert(path.to_owned(), id.to_owned());
                self.read(path)
            };
            match found {
                Ok(bytes) if !kind.is_meant(path, &bytes) => {}
                found => {
                    let path = path.chars().take(MAX_PATH).collect();
                    entries.push(Entry { path, kind, hash: found.map(|bytes| crate::hash(&bytes)) });
                }
            }
        }
        crate::finish(entries)
    }

    fn ignored(&mut self, list: &str) -> Ignored {
        let line = list.split_terminator('\0').find(|line| line.split_once('\t').is_some_and(|(_, path)| path == IGNORE_FILE));
        let about: Vec<&str> = line.unwrap_or_default().split_ascii_whitespace().collect();
        match about.as_slice() {
            ["100644" | "100755", "blob", id, size, ..] if size.parse::<u64>().is_ok_and(|size| size <= MAX_TEXT) => {
                self.blobs.insert(IGNORE_FILE.to_owned(), (*id).to_owned());
                let text = self.read(IGNORE_FILE).unwrap_or_default();
                Ignored::parse(&String::from_utf8_lossy(&text))
            }
            _ => Ignored::default(),
        }
    }

    pub(crate) fn read(&mut self, path: &str) -> Result<Vec<u8>, FileError> {
        let unreadable = |why: String| FileError::Unreadable(why);
        let id = self.blobs.get(path).ok_or_else(|| unreadable("the commit has no such file".to_owned()))?;
        let answer = |tree: &mut Self, id: &str| -> std::io::Result<Vec<u8>> {
            writeln!(tree.asked, "{id}")?;
            tree.asked.flush()?;
            let mut header = String::new();
            tree.answers.by_ref().take(MAX_SAID).read_line(&mut header)?;
            let size = header.split_ascii_whitespace().nth(2).and_then(|size| size.parse::<u64>().ok());
            let size = size.ok_or_else(|| std::io::Error::other(format!("git answered {:?}", header.trim())))?;
            let mut bytes = Vec::new();
            // What it holds is followed by a line's end.
            tree.answers.by_ref().take(size + 1).read_to_end(&mut bytes)?;
            bytes.pop();
            Ok(bytes)
        };
        let id = id.clone();
        answer(self, &id).map_err(|error| unreadable(error.to_string()))
    }
}

/// A branch, tag or commit, when it can be one: a colon, for one, would make git write another reference.
fn check(reference: &str) -> Result<&str, BundleError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | '+' | '#' | '@');
    let wrong = reference.is_empty()
        || reference.len() > 250
        || reference.starts_with(['-', '+'])
        || reference.contains("..")
        || !reference.chars().all(fits);
    if wrong { Err(BundleError::Reference(reference.to_owned())) } else { Ok(reference) }
}

/// Git on a repository of ours: without hooks, without asking anybody, and without what the environment says of other repositories.
fn git(program: &Path, cache: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"] {
        command.env_remove(variable);
    }
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    let settings = ["core.hooksPath=/dev/null", "protocol.ext.allow=never", "core.fsmonitor=false", "gc.auto=0"];
    settings.iter().for_each(|setting| {
        command.arg("-c").arg(setting);
    });
    command.arg("--git-dir").arg(cache).stdin(Stdio::null());
    command
}

fn failed(step: &'static str, message: impl Into<String>) -> BundleError {
    BundleError::Git { step, message: message.into() }
}

/// Runs git to its end, within [`PATIENCE`], and returns what it answers.
fn run(step: &'static str, command: &mut Command) -> Result<String, BundleError> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(BundleError::NoGit)?;
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed(step, "it has no output"));
    };
    let answer = std::thread::spawn(move || read_all(out, MAX_LIST));
    let said = std::thread::spawn(move || read_all(err, MAX_SAID));
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if began.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                break Err(failed(step, format!("it took more than {} seconds", PATIENCE.as_secs())));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => break Err(failed(step, error.to_string())),
        }
    };
    let status = status?;
    let (answer, said) = (answer.join().unwrap_or_default(), said.join().unwrap_or_default());
    if status.success() {
        return Ok(answer);
    }
    let said = said.trim();
    Err(failed(step, if said.is_empty() { status.to_string() } else { without_user(said) }))
}

/// What git says may repeat the URL, and with it a password.
fn without_user(said: &str) -> String {
    said.split_inclusive(char::is_whitespace)
        .map(|word| match word.find("://") {
            Some(at) => {
                let start = word[..at].rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
                format!("{}{}", &word[..start], without_credentials(&word[start..]))
            }
            None => word.to_owned(),
        })
        .collect()
}

fn read_all(mut from: impl Read, limit: u64) -> String {
    let mut bytes = Vec::new();
    let _ = from.by_ref().take(limit).read_to_end(&mut bytes);
    // The rest is taken as well, so that git does not wait for a reader.
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}
