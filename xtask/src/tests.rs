//! `cargo xtask test`: everything that a change must pass.

use crate::{derive, guests, languages, lint, tools, ui, workspace};
use anyhow::Result;
use std::time::Instant;

/// Obtains the tools, builds components and console, checks format and derived files, and runs every test of the workspace.
pub fn run(filters: &[String]) -> Result<()> {
    let began = Instant::now();
    let postgres = tools::postgres()?;
    let redis = tools::redis()?;
    let chromium = tools::chromium()?;
    lint::format()?;
    guests::run()?;
    languages::test()?;
    ui::build(workspace::root(), false)?;
    derive::run(true)?;

    // One invocation: each further set of features would build the dependencies again.
    let mut tests = workspace::cargo();
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests.env("COFFERDAM_GUESTS", workspace::target_dir().join("guests"));
    // Built together with the tests of its package, before the first test runs.
    tests.env("COFFERDAM_PROGRAM", workspace::target_dir().join("debug/cofferdam"));
    tests.env("COFFERDAM_CHROMIUM", chromium);
    tests.env("PATH", tools::path_with(&[&postgres, redis.parent().unwrap_or(&redis)])?);
    if !filters.is_empty() {
        tests.arg("--").args(filters);
    }
    workspace::run("cargo test", &mut tests)?;
    println!("xtask test: everything passed in {:.0} s", began.elapsed().as_secs_f32());
    Ok(())
}
