//! `cargo xtask demo`: the whole thing once, as a user would do it.

use crate::{guests, tools, workspace};
use anyhow::Result;

/// Builds the binary and the example's components.
pub fn run(_once: bool) -> Result<()> {
    tools::postgres()?;
    guests::run()?;
    workspace::run("cargo build", workspace::cargo().args(["build", "--locked", "--package", "cofferdam-cli"]))
}
