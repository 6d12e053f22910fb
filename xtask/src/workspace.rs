//! Where things are, and how cargo is called.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    let dir = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    if dir.is_absolute() { dir } else { root().join(dir) }
}

/// Where xtask keeps what it fetched, across clones.
pub fn cache_dir() -> PathBuf {
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("cofferdam")
}

/// Cargo, in the workspace's folder.
///
/// `cargo xtask` is itself run by cargo, which describes xtask in the environment; some build scripts (`ring`'s) watch those
/// variables and would build again each time, so they are taken out.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| text.starts_with(prefix))
            || text == "CARGO_PRIMARY_PACKAGE"
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end and says how long it took.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn run(title: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {title}");
    let began = Instant::now();
    let status = command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    ensure!(status.success(), "{title}: failed ({status})");
    eprintln!("    {title}: {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}
