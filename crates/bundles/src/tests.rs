use super::*;
use std::fs;
use std::process::Command;

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn shown(snapshot: &Snapshot) -> Vec<String> {
    let shown = |entry: &Entry| match &entry.hash {
        Ok(_) => entry.path.clone(),
        Err(error) => format!("{} {}", entry.path, error.code()),
    };
    snapshot.entries.iter().map(shown).collect()
}

fn tree(root: &Path) {
    write(root, "a.yaml", "dag_id: a\n");
    write(root, "sub/b.json", "{\"dag_id\": \"b\"}");
    write(root, "sub/c.py", "from cofferdam import dag\n");
    write(root, "sub/other.py", "print('no dag of ours')\n");
    write(root, "package.json", "{}");
    write(root, "flow.wasm", "\0asm");
    write(root, "notes.md", "dag_id");
    write(root, ".github/ci.yaml", "dag_id: no\n");
    write(root, "node_modules/x.json", "dag_id");
    write(root, "drafts/d.yaml", "dag_id: d\n");
    write(root, ".cofferdamignore", "drafts\n");
    write(root, "large.yaml", format!("dag_id: large\n{}", "#".repeat(1 << 20)));
    std::os::unix::fs::symlink("/etc/passwd", root.join("link.yaml")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("folder")).unwrap();
}

const FOUND: [&str; 6] =
    ["a.yaml", "flow.wasm", "large.yaml file_too_large", "link.yaml symbolic_link", "sub/b.json", "sub/c.py"];

#[test]
fn a_directory_has_its_dags_and_what_is_wrong_with_them() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let mut snapshot = Snapshot::of_directory(dir.path()).unwrap();
    assert_eq!(shown(&snapshot), FOUND);
    let first = snapshot.entries[0].clone();
    let (bytes, hash) = snapshot.read(&first).unwrap();
    assert_eq!((bytes.as_slice(), Ok(hash)), (b"dag_id: a\n".as_slice(), first.hash.clone()));
    // What became a link meanwhile is not followed.
    fs::remove_file(dir.path().join("a.yaml")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("a.yaml")).unwrap();
    assert_eq!(snapshot.read(&first), Err(FileError::Link));
    let gone = Snapshot::of_directory(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(gone, BundleError::Directory { .. }), "{gone}");
}

#[test]
fn deep_and_large_trees_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &format!("{}x.yaml", "d/".repeat(40)), "dag_id: x\n");
    let snapshot = Snapshot::of_directory(dir.path()).unwrap();
    assert_eq!(shown(&snapshot), [format!("{}d folder_too_deep", "d/".repeat(32))]);
    let dir = tempfile::tempdir().unwrap();
    for number in 0..=MAX_FILES {
        fs::write(dir.path().join(format!("{number}.yaml")), "dag_id: x").unwrap();
    }
    assert!(matches!(Snapshot::of_directory(dir.path()), Err(BundleError::TooManyFiles)));
    fs::remove_file(dir.path().join("0.yaml")).unwrap();
    assert_eq!(Snapshot::of_directory(dir.path()).unwrap().entries.len(), MAX_FILES);
}

fn git(dir: &Path, args: &[&str]) {
    let settings = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").current_dir(dir).args(settings).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_commit_has_the_same_files_and_runs_no_hook() {
    let dir = tempfile::tempdir().unwrap();
    let (repository, cache) = (dir.path().join("repository"), dir.path().join("cache"));
    fs::create_dir(&repository).unwrap();
    tree(&repository);
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "one"]);
    let source = GitSource {
        program: "git".into(),
        url: format!("file://{}", repository.display()),
        reference: "main".to_owned(),
        cache: cache.clone(),
    };
    let mut snapshot = Snapshot::of_git(&source).unwrap();
    assert_eq!(shown(&snapshot), FOUND);
    let first = snapshot.commit.clone().unwrap();
    assert_eq!(first.len(), 40);
    let (in_git, in_directory) = (&snapshot.entries, Snapshot::of_directory(&repository).unwrap().entries);
    assert_eq!(in_git, &in_directory, "the hashes are those of the bytes");
    let entry = snapshot.entries[4].clone();
    assert_eq!(snapshot.read(&entry).unwrap().0, b"{\"dag_id\": \"b\"}");

    // Hooks in the place where they would run do not.
    let told = dir.path().join("told");
    for hook in ["post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"] {
        write(&cache, &format!("hooks/{hook}"), format!("#!/bin/sh\ntouch {}\n", told.display()));
        let made: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(cache.join("hooks").join(hook), made).unwrap();
    }
    write(&repository, "e.yaml", "dag_id: e\n");
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "two"]);
    let later = Snapshot::of_git(&source).unwrap();
    assert!(shown(&later).contains(&"e.yaml".to_owned()));
    assert_ne!(later.commit, Some(first));
    assert!(!told.exists());
    assert!(!cache.join("a.yaml").exists(), "nothing is checked out");

    for wrong in ["--upload-pack=touch", "a:refs/heads/b", "", "a b", "x..y"] {
        let error = Snapshot::of_git(&GitSource { reference: wrong.to_owned(), ..source.clone() }).unwrap_err();
        assert!(matches!(error, BundleError::Reference(_)), "{wrong}: {error}");
    }
    let error = Snapshot::of_git(&GitSource { reference: "nowhere".to_owned(), ..source.clone() }).unwrap_err();
    assert!(matches!(error, BundleError::Git { step: "fetch", .. }), "{error}");
    let error = Snapshot::of_git(&GitSource { url: format!("ext::touch {}", told.display()), ..source.clone() }).unwrap_err();
    assert!(matches!(error, BundleError::Git { .. }) && !told.exists(), "{error}");
    let error = Snapshot::of_git(&GitSource { program: "/nowhere/git".into(), ..source }).unwrap_err();
    assert!(matches!(error, BundleError::NoGit(_)), "{error}");
}

#[test]
fn urls_are_told_from_directories_and_shown_without_passwords() {
    for url in ["https://h/x.git", "file:///srv/x", "ssh://git@h/x", "git@h:team/x.git"] {
        assert!(is_git_url(url), "{url}");
    }
    for path in ["dags", "./a@b", "/srv/dags", "a:b", "../x@y:z/w"] {
        assert!(!is_git_url(path), "{path}");
    }
    assert_eq!(without_credentials("https://me:pw@h/x.git"), "https://h/x.git");
    assert_eq!(without_credentials("https://h/x@y.git"), "https://h/x@y.git");
}
