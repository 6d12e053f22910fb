//! `cargo xtask bench`: the speeds that the project holds itself to.

use crate::{guests, workspace};
use anyhow::{Result, bail};
use std::process::Command;

/// What to measure, and how to say it.
pub struct Options {
    /// One JSON line per figure on standard output.
    pub json: bool,
    /// The benches to run; all when empty.
    pub names: Vec<String>,
}

const BENCHES: [&str; 2] = ["start", "waiting"];

/// Builds in release mode and runs the benches asked for, one after the other.
pub fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options.names.iter().find(|name| !BENCHES.contains(&name.as_str())) {
        bail!("there is no bench '{unknown}'; there are {}", BENCHES.join(", "));
    }
    let chosen = |name: &str| options.names.is_empty() || options.names.iter().any(|given| given == name);
    guests::run()?;
    for name in BENCHES.into_iter().filter(|name| chosen(name)) {
        sandbox_bench(name, options)?;
    }
    Ok(())
}

/// A bench of the sandbox alone: an example of its crate.
fn sandbox_bench(name: &str, options: &Options) -> Result<()> {
    let example = format!("bench_{name}");
    workspace::run(
        &format!("build {example}"),
        workspace::cargo().args(["build", "--release", "--locked", "--package", "cofferdam-sandbox", "--example", &example]),
    )?;
    let mut bench = Command::new(workspace::target_dir().join("release/examples").join(&example));
    bench.env("COFFERDAM_GUESTS", workspace::target_dir().join("guests"));
    if options.json {
        bench.arg("--json");
    }
    workspace::run(name, &mut bench)
}
