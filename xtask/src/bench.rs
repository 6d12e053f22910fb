//! `cargo xtask bench`: the speeds that the project holds itself to.

use crate::{guests, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::process::{Command, Stdio};

/// What to measure, and how to say it.
pub struct Options {
    /// One JSON line per figure on standard output.
    pub json: bool,
    /// The benches to run; all when empty.
    pub names: Vec<String>,
}

/// A bench: an example of a crate that prints its figures as JSON, one per line.
struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
}

const BENCHES: &[Bench] = &[
    Bench { name: "start", package: "cofferdam-sandbox", example: "bench_start" },
    Bench { name: "waiting", package: "cofferdam-sandbox", example: "bench_waiting" },
];

/// Builds in release mode and runs the benches asked for, one after the other.
pub fn run(options: &Options) -> Result<()> {
    let known = |name: &str| BENCHES.iter().any(|bench| bench.name == name);
    if let Some(unknown) = options.names.iter().find(|name| !known(name)) {
        let names: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("there is no bench '{unknown}'; there are {}", names.join(", "));
    }
    guests::run()?;
    for bench in BENCHES.iter().filter(|bench| options.names.is_empty() || options.names.iter().any(|name| name == bench.name)) {
        bench.run(options)?;
    }
    Ok(())
}

impl Bench {
    fn run(&self, options: &Options) -> Result<()> {
        let mut build = workspace::cargo();
        build.args(["build", "--release", "--locked", "--package", self.package, "--example", self.example]);
        workspace::run(&format!("build {}", self.example), &mut build)?;

        eprintln!("==> {}", self.name);
        let output = Command::new(workspace::target_dir().join("release/examples").join(self.example))
            .env("COFFERDAM_GUESTS", workspace::target_dir().join("guests"))
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", self.example))?;
        ensure!(output.status.success(), "the bench {} failed ({})", self.name, output.status);
        for line in String::from_utf8(output.stdout)?.lines() {
            println!("{}", if options.json { line.to_owned() } else { in_words(line)? });
        }
        Ok(())
    }
}

/// A figure for people: `start: median_us 24.1 (tries 50000, p95_us 31)`.
fn in_words(line: &str) -> Result<String> {
    let figure: Value = serde_json::from_str(line).with_context(|| format!("not a figure: {line}"))?;
    let conditions = figure["conditions"].as_object().map_or_else(String::new, |conditions| {
        let words: Vec<_> = conditions.iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!(" ({})", words.join(", "))
    });
    let (bench, metric) = (figure["bench"].as_str().unwrap_or_default(), figure["metric"].as_str().unwrap_or_default());
    Ok(format!("{bench}: {metric} {}{conditions}", figure["value"]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_figure_is_told_in_words() {
        let line = r#"{"bench":"hop","metric":"median_ms","value":3.1,"conditions":{"fsync_ms":0.15,"queue":"redis"}}"#;
        assert_eq!(super::in_words(line).unwrap(), r#"hop: median_ms 3.1 (fsync_ms 0.15, queue "redis")"#);
        assert!(super::in_words("thread 'main' panicked").is_err());
    }
}
