//! Components in Python and TypeScript: the toolchains from their registries, and the components of tests, examples and operators.

use crate::{tools, workspace};
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What pins the tools of Python.
const PYTHON_LOCK: &str = "sdk/python/requirements.lock";
/// What the tests of the SDK for Python need beside them.
const PYTHON_TESTS_LOCK: &str = "sdk/python/tests/requirements.lock";
/// What pins the tools of TypeScript.
const NODE_LOCK: &str = "sdk/js/package-lock.json";

/// A component that an SDK makes of one file: where the component goes below the guests' folder, and the file.
const COMPONENTS: [(&str, &str); 4] = [
    ("std/python", "examples/operators/python/python.py"),
    ("std/javascript", "examples/operators/javascript/javascript.js"),
    ("py-weather", "sdk/python/examples/weather.py"),
    ("js-weather", "sdk/js/examples/weather.ts"),
];

/// Makes the components whose sources or tools have changed since they were made, and puts all into `folder`.
///
/// A component is kept in the cache under a hash of its sources, its SDK and its tools. The same sources give the same program,
/// though not the same bytes: both interpreters draw a seed while they are snapshotted.
pub fn build(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut built = BTreeMap::new();
    for (name, source) in COMPONENTS {
        let source = workspace::root().join(source);
        let language = if source.extension().is_some_and(|extension| extension == "py") { Python } else { Node };
        let kept = workspace::cache_dir().join("components").join(format!("{}.wasm", language.key(&source)?));
        if !kept.is_file() {
            fs::create_dir_all(kept.parent().context("the cache has a folder")?)?;
            // Renamed when it is whole, so that nobody finds half a component.
            let partial = kept.with_extension(format!("{}.partial", std::process::id()));
            let mut command = language.command(&source, &partial)?;
            workspace::run(&format!("component {name}"), &mut command)?;
            fs::rename(&partial, &kept)?;
        }
        let copy = folder.join(format!("{name}.wasm"));
        fs::create_dir_all(copy.parent().unwrap_or(folder))?;
        let bytes = fs::read(&kept)?;
        if fs::read(&copy).ok().as_deref() != Some(&bytes) {
            fs::write(&copy, &bytes).with_context(|| format!("cannot write {}", copy.display()))?;
        }
        built.insert(name.to_owned(), copy);
    }
    Ok(built)
}

#[derive(Clone, Copy)]
enum Language {
    Python,
    Node,
}
use Language::{Node, Python};

impl Language {
    /// What a component depends on, as one hash.
    fn key(self, source: &Path) -> Result<String> {
        let sdk = match self {
            Python => ["sdk/python/src", PYTHON_LOCK, "wit"],
            Node => ["sdk/js/src", NODE_LOCK, "wit"],
        };
        let mut files = vec![source.to_path_buf()];
        for path in sdk {
            collect(&workspace::root().join(path), &mut files)?;
        }
        files.sort();
        files.dedup();
        hash(&files)
    }

    fn command(self, source: &Path, output: &Path) -> Result<Command> {
        let mut command = match self {
            Python => {
                let mut command = python()?;
                command.args(["-m", "cofferdam.cli"]);
                command
            }
            Node => {
                let mut command = node()?;
                command.arg(workspace::root().join("sdk/js/bin/cofferdam-js.js"));
                command
            }
        };
        command.arg("build").arg(source).arg("-o").arg(output);
        Ok(command)
    }
}

/// The names and contents of files, as one hash.
pub fn hash(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(workspace::root()).unwrap_or(file);
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Every file below a folder, without what tools leave there. Links are not followed: what they lead to is named itself.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let kind = fs::symlink_metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name() != "__pycache__" && entry.file_name() != "node_modules" {
                collect(&entry.path(), files)?;
            }
        }
    } else if kind.is_file() {
        files.push(path.to_path_buf());
    }
    Ok(())
}

/// Python with the SDK of this repository and the tools that it needs.
pub fn python() -> Result<Command> {
    let python = tools::on_path("python3").or_else(|| tools::on_path("python"));
    let Some(python) = python else {
        bail!("Python 3.10 or later is needed: install it (Debian: `apt-get install python3 python3-pip`)")
    };
    let folder = python_packages(&python, PYTHON_LOCK)?;
    let mut command = Command::new(python);
    command.env("PYTHONPATH", python_path(&[&folder])?).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env(
        "PATH",
        env::join_paths([folder.join("bin")].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())))?,
    );
    Ok(command)
}

/// The folder with what a lock file names, installed into the cache.
fn python_packages(python: &Path, lock: &str) -> Result<PathBuf> {
    let lock = workspace::root().join(lock);
    let folder = workspace::cache_dir().join(format!("python-{}", short_hash(&lock)?));
    if !folder.is_dir() {
        let partial = folder.with_extension(format!("{}.partial", std::process::id()));
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]).arg(&partial);
        pip.arg("--requirement").arg(&lock);
        workspace::run("packages of Python", &mut pip)?;
        settle(&partial, &folder)?;
    }
    Ok(folder)
}

/// The SDK for Python and these folders, as `PYTHONPATH`.
fn python_path(folders: &[&Path]) -> Result<OsString> {
    let sdk = workspace::root().join("sdk/python/src");
    Ok(env::join_paths([sdk.as_path()].iter().chain(folders))?)
}

/// Node, after the packages of the SDK were put beside it.
pub fn node() -> Result<Command> {
    let Some(node) = tools::on_path("node") else {
        bail!("Node 20 or later is needed: install it (Debian: `apt-get install nodejs npm`)")
    };
    let sdk = workspace::root().join("sdk/js");
    // Not `npm ci`: componentize-qjs names optional packages of other machines that were never published, and `ci` wants all of them
    // in the lock file.
    let packages = packages(&sdk, "node", &["install", "--no-save"])?;
    // Node looks for packages beside the program only.
    let link = sdk.join("node_modules");
    if fs::read_link(&link).ok().as_deref() != Some(&packages) {
        if fs::symlink_metadata(&link).is_ok_and(|found| found.is_symlink()) {
            fs::remove_file(&link)?;
        }
        // A folder that the developer filled is left alone.
        if !link.exists() {
            std::os::unix::fs::symlink(&packages, &link)?;
        }
    }
    Ok(Command::new(node))
}

/// The `node_modules` of what the lock file in `folder` names. They are installed into the cache, once for each lock file, and run no
/// scripts while they are.
pub fn packages(folder: &Path, name: &str, install: &[&str]) -> Result<PathBuf> {
    let kept = workspace::cache_dir().join(format!("{name}-{}", short_hash(&folder.join("package-lock.json"))?));
    if !kept.is_dir() {
        let partial = kept.with_extension(format!("{}.partial", std::process::id()));
        fs::create_dir_all(&partial)?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(folder.join(name), partial.join(name))?;
        }
        let mut npm = Command::new("npm");
        npm.current_dir(&partial).args(install).args(["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
        workspace::run(&format!("packages of {}", folder.strip_prefix(workspace::root()).unwrap_or(folder).display()), &mut npm)?;
        settle(&partial, &kept)?;
    }
    Ok(kept.join("node_modules"))
}

/// Gives a folder its name when it is whole. Another process may have been quicker.
fn settle(partial: &Path, folder: &Path) -> Result<()> {
    if fs::rename(partial, folder).is_err() {
        ensure!(folder.is_dir(), "cannot write {}", folder.display());
        fs::remove_dir_all(partial)?;
    }
    Ok(())
}

fn short_hash(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// The tests of the two SDKs, under plain Python and Node.
pub fn test() -> Result<()> {
    let mut python = python()?;
    let packages = python_packages(Path::new(python.get_program()), PYTHON_TESTS_LOCK)?;
    let tools = python_packages(Path::new(python.get_program()), PYTHON_LOCK)?;
    python.env("PYTHONPATH", python_path(&[&tools, &packages])?);
    python.current_dir(workspace::root().join("sdk/python")).args(["-m", "unittest", "discover", "--start-directory", "tests"]);
    workspace::run("tests of sdk/python", &mut python)?;
    let mut node = node()?;
    node.current_dir(workspace::root().join("sdk/js")).args(["--test", "test/"]);
    workspace::run("tests of sdk/js", &mut node)
}
