//! `cargo xtask gen`: everything in the repository that is derived from something else in it.

mod sqlx;

use anyhow::Result;

/// Writes the derived files again; with `check`, fails when one differs from what is in the repository.
pub fn run(check: bool) -> Result<()> {
    let generators: &[(&str, fn(bool) -> Result<()>)] = &[("queries", sqlx::run)];
    for (title, generate) in generators {
        eprintln!("==> gen: {title}");
        generate(check)?;
    }
    Ok(())
}
