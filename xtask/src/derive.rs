//! `cargo xtask gen`: everything in the repository that is derived from something else in it.

mod sqlx;

use crate::workspace;
use anyhow::Result;

/// What the names of the tests have in common that compare a derived file with the code.
const TESTS: &str = "derived_file_";

/// Writes the derived files again; with `check`, fails when the recorded queries differ from what is in the repository.
///
/// The other files (`docs/openapi.json`, `docs/schemas`) are compared by tests in the crates that own them. `cargo xtask test`
/// runs those with all others, so `check` does not.
pub fn run(check: bool) -> Result<()> {
    eprintln!("==> gen: queries");
    sqlx::run(check)?;
    if check {
        return Ok(());
    }
    // The same set of packages as in `cargo xtask test`, so that nothing is built with other features.
    let mut tests = workspace::cargo();
    tests.args(["test", "--workspace", "--locked", "--quiet", "--", TESTS]).env("COFFERDAM_GEN", "write");
    workspace::run("gen: documents", &mut tests)
}
