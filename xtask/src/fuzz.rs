//! `cargo xtask fuzz`: the fuzzers of `fuzz/`, one after the other.

use crate::{tools, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is fuzzed: each has an entry of that name in `tests/fuzz`.
const TARGETS: &[&str] = &["upload", "json_value", "wit_schema", "allow_list"];
/// How long each runs when nothing else is asked for.
const SECONDS: u64 = 300;
/// Bytes of an input. Components need more than what is made of an input.
const UPLOAD_BYTES: u32 = 8 << 10;
const OTHER_BYTES: u32 = 2 << 10;
/// Inputs that are kept for one target, and bytes of the largest of them.
const KEPT: usize = 200;
const KEPT_BYTES: u64 = 1 << 10;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    seconds: u64,
    /// Put what was found into the kept corpus, as few and small inputs as reach the same code.
    keep: bool,
    targets: Vec<String>,
}

impl Options {
    /// Reads `[--seconds N] [--keep] [NAME..]`.
    pub fn read(args: &[String]) -> Result<Self> {
        let mut options = Self { seconds: SECONDS, keep: false, targets: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let seconds = args.next().context("--seconds needs a number")?;
                    options.seconds = seconds.parse().with_context(|| format!("--seconds {seconds}: not a number"))?;
                }
                "--keep" => options.keep = true,
                name if TARGETS.contains(&name) => options.targets.push(name.to_owned()),
                other => bail!("there is no fuzzer '{other}'; there are {}", TARGETS.join(", ")),
            }
        }
        if options.targets.is_empty() {
            options.targets = TARGETS.iter().map(|name| (*name).to_owned()).collect();
        }
        Ok(options)
    }
}

/// Builds the fuzzers and runs them. A finding ends it, and says with which file it can be had again.
pub fn run(options: &Options) -> Result<()> {
    ensure!(tools::on_path("cargo-fuzz").is_some(), "cargo-fuzz is not installed: `cargo install cargo-fuzz --locked`");
    let nightly = Command::new("rustc").env("RUSTUP_TOOLCHAIN", "nightly").arg("-V").stdout(Stdio::null()).status();
    ensure!(
        nightly.is_ok_and(|status| status.success()),
        "fuzzing needs a nightly toolchain: `rustup toolchain install nightly`"
    );
    // Without a sanitizer: all that is fuzzed is safe Rust, and the runtime that is linked along takes long to build with one.
    workspace::run("build the fuzzers", fuzz().args(["build", "--sanitizer", "none"]))?;
    for name in &options.targets {
        let (found, kept) = (found_dir(name), kept_dir(name));
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&kept)?;
        let bytes = if name == "upload" { UPLOAD_BYTES } else { OTHER_BYTES };
        let limits = ["-timeout=10".to_owned(), "-rss_limit_mb=2048".to_owned(), format!("-max_len={bytes}")];
        let mut command = fuzz();
        command.args(["run", "--sanitizer", "none", name]).args([&found, &kept]).arg("--").args(&limits);
        command.args([format!("-max_total_time={}", options.seconds), "-print_final_stats=1".to_owned()]);
        workspace::run(&format!("fuzz {name} for {} s", options.seconds), &mut command)?;
        if options.keep {
            keep(name, &found, &kept)?;
        }
    }
    Ok(())
}

/// Replaces what is kept by the fewest inputs that reach the same code; when they are too many, by some of each size.
fn keep(name: &str, found: &Path, kept: &Path) -> Result<()> {
    let merged = workspace::target_dir().join("fuzz/merged").join(name);
    let _ = fs::remove_dir_all(&merged);
    fs::create_dir_all(&merged)?;
    let mut command = fuzz();
    command.args(["run", "--sanitizer", "none", name]).args([&merged, kept, found]).args(["--", "-set_cover_merge=1"]);
    workspace::run(&format!("choose what to keep of {name}"), &mut command)?;
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    for file in fs::read_dir(&merged)? {
        let file = file?;
        let size = file.metadata()?.len();
        if size <= KEPT_BYTES {
            files.push((size, file.path()));
        }
    }
    files.sort();
    fs::remove_dir_all(kept)?;
    fs::create_dir_all(kept)?;
    for (_, file) in files.iter().step_by(files.len().div_ceil(KEPT).max(1)) {
        let name = file.file_name().context("a file has a name")?;
        fs::copy(file, kept.join(name))?;
    }
    Ok(())
}

fn fuzz() -> Command {
    let mut command = workspace::cargo();
    command.arg("fuzz").current_dir(workspace::root().join("fuzz"));
    command.env("RUSTUP_TOOLCHAIN", "nightly").env("CARGO_TARGET_DIR", workspace::target_dir().join("fuzz"));
    command
}

fn found_dir(name: &str) -> PathBuf {
    workspace::target_dir().join("fuzz/found").join(name)
}

fn kept_dir(name: &str) -> PathBuf {
    workspace::root().join("fuzz/corpus").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Options> {
        Options::read(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_to_run_is_read() {
        let all = read(&[]).unwrap();
        assert_eq!((all.seconds, all.keep, all.targets.len()), (SECONDS, false, TARGETS.len()));
        let one = read(&["--seconds", "5", "upload", "--keep"]).unwrap();
        assert_eq!((one.seconds, one.keep, one.targets), (5, true, vec!["upload".to_owned()]));
        assert!(read(&["--seconds"]).is_err() && read(&["uploads"]).is_err());
    }

    #[test]
    fn every_fuzzer_is_known() {
        let manifest = fs::read_to_string(workspace::root().join("fuzz/Cargo.toml")).unwrap();
        let declared: Vec<_> = manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|bin| bin.split('"').next()).collect();
        assert_eq!(declared, TARGETS);
    }
}
