//! `cargo xtask lint`.

use crate::{tools, workspace};
use anyhow::Result;

/// Checks the format, the lints, and licences and advisories when cargo-deny is installed.
pub fn run() -> Result<()> {
    format()?;
    workspace::run(
        "clippy",
        workspace::cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    )?;
    if tools::on_path("cargo-deny").is_some() {
        workspace::run("cargo deny", workspace::cargo().args(["deny", "check"]))?;
    } else {
        eprintln!("    cargo-deny is not installed: licences are not checked (`cargo install cargo-deny --locked`)");
    }
    Ok(())
}

/// `cargo fmt --check`.
pub fn format() -> Result<()> {
    workspace::run("cargo fmt --check", workspace::cargo().args(["fmt", "--all", "--check"]))
}
