//! Builds the guests, once per process, and tells where they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of a guest, such as `trivial`, `behaviours` or `command`; `posix-preview1` is a core module.
///
/// `cargo xtask` builds the guests before the tests and names their folder in `COFFERDAM_GUESTS`. Without that, they are
/// built here, in a target folder of their own, so that the cargo that runs the tests does not stand in the way.
///
/// # Panics
/// When the guests cannot be built. Tests cannot go on then.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let path = FOLDER.get_or_init(folder).join(format!("{name}.wasm"));
    assert!(path.is_file(), "there is no guest {}", path.display());
    path
}

/// The bytes of a guest.
///
/// # Panics
/// As [`path`], and when the file cannot be read.
#[must_use]
pub fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "where cargo puts things is told by environment variables")]
fn folder() -> PathBuf {
    if let Some(built) = std::env::var_os("COFFERDAM_GUESTS") {
        return built.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is two levels up");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("guests");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = |what: &[&str], for_target: &str| {
        let output = Command::new(&cargo)
            .current_dir(root)
            .args(["build", "--quiet", "--package", "cofferdam-test-guests"])
            .args(what)
            .args(["--target", for_target, "--profile", "guest", "--target-dir"])
            .arg(&target)
            .output()
            .expect("cargo can be started");
        assert!(
            output.status.success(),
            "the guests cannot be built (is the target there? `rustup target add {for_target}`):\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        target.join(for_target).join("guest/examples")
    };
    let folder = build(&["--examples"], "wasm32-wasip2");
    let preview1 = build(&["--example", "posix"], "wasm32-wasip1").join("posix.wasm");
    std::fs::copy(&preview1, folder.join("posix-preview1.wasm")).expect("the guest for preview 1 can be copied");
    folder
}
