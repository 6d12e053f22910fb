//! `cargo xtask bench`: the speeds that the project holds itself to.

mod languages;
mod servers;

use crate::{guests, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use servers::Servers;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What to measure, and how to say it.
pub struct Options {
    /// One JSON line per figure on standard output.
    pub json: bool,
    /// The queue in process instead of Redis.
    pub embedded: bool,
    /// The benches to run; all when empty.
    pub names: Vec<String>,
    /// How many minutes `cron` lasts; 5 when not given.
    pub minutes: Option<String>,
    /// How many dags `cron` has; 10,000 when not given.
    pub dags: Option<String>,
    /// How many task instances `pages` has; 1,000,000 when not given.
    pub rows: Option<String>,
}

/// A bench: an example of a crate that prints its figures as JSON, one per line.
struct Bench {
    name: &'static str,
    example: &'static str,
    needs: Needs,
}

/// What a bench needs besides the components of the tests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A trivial task in each language.
    Languages,
    /// Real servers, on which it runs scheduler and worker.
    Servers,
}

const BENCHES: &[Bench] = &[
    Bench { name: "start", example: "bench_start", needs: Needs::Nothing },
    Bench { name: "waiting", example: "bench_waiting", needs: Needs::Nothing },
    Bench { name: "sandbox", example: "bench_sandbox", needs: Needs::Languages },
    Bench { name: "hop", example: "bench", needs: Needs::Servers },
    Bench { name: "throughput", example: "bench", needs: Needs::Servers },
    Bench { name: "neighbour", example: "bench", needs: Needs::Servers },
    Bench { name: "neighbour-apart", example: "bench", needs: Needs::Servers },
    Bench { name: "cron", example: "bench_cron", needs: Needs::Servers },
    Bench { name: "fanout", example: "bench", needs: Needs::Servers },
    Bench { name: "wide", example: "bench", needs: Needs::Servers },
    Bench { name: "deep", example: "bench", needs: Needs::Servers },
    Bench { name: "pages", example: "bench_pages", needs: Needs::Servers },
    Bench { name: "apply", example: "bench_pages", needs: Needs::Servers },
];

/// Builds in release mode and runs the benches asked for, one after the other.
pub fn run(options: &Options) -> Result<()> {
    let known = |name: &str| BENCHES.iter().any(|bench| bench.name == name);
    if let Some(unknown) = options.names.iter().find(|name| !known(name)) {
        let names: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("there is no bench '{unknown}'; there are {}", names.join(", "));
    }
    let guests = guests::run()?;
    let chosen: Vec<&Bench> =
        BENCHES.iter().filter(|bench| options.names.is_empty() || options.names.iter().any(|name| name == bench.name)).collect();
    // One invocation: each further set of features would build the dependencies again.
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--locked", "--package", "cofferdam-sandbox", "--package", "cofferdam-worker"]);
    build.args(["--bin", "cofferdam-compile", "--bin", "cofferdam-isolated"]);
    if chosen.iter().any(|bench| bench.example == "bench_pages") {
        build.args(["--package", "cofferdam-api"]);
    }
    for example in chosen.iter().map(|bench| bench.example).collect::<std::collections::BTreeSet<_>>() {
        build.args(["--example", example]);
    }
    workspace::run("build the benches", &mut build)?;
    for bench in chosen {
        bench.run(options, &guests)?;
    }
    Ok(())
}

impl Bench {
    fn run(&self, options: &Options, guests: &BTreeMap<String, PathBuf>) -> Result<()> {
        eprintln!("==> {}", self.name);
        let release = workspace::target_dir().join("release");
        let mut command = Command::new(release.join("examples").join(self.example));
        command.env("COFFERDAM_GUESTS", workspace::target_dir().join("guests")).stderr(Stdio::inherit());
        if self.needs == Needs::Languages {
            command.args(languages::build(&workspace::target_dir().join("guests/trivial"))?);
        }
        let servers = if self.needs == Needs::Servers { Some(Servers::start(!options.embedded)?) } else { None };
        if let Some(servers) = &servers {
            let fsync_ms = servers.fsync_ms()?;
            eprintln!("    fsync before: {fsync_ms:.3} ms");
            let queue = if options.embedded { "in process" } else { "redis" };
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let conditions =
                json!({ "fsync_ms": fsync_ms, "queue": queue, "cores": cores, "postgres": "fsync and synchronous_commit on" });
            let guest = |name: &str| guests.get(name).with_context(|| format!("there is no guest '{name}'"));
            command.arg(self.name).args(servers.arguments()).arg("--conditions").arg(conditions.to_string());
            command.arg("--component").arg(guest("trivial")?).arg("--behaviours").arg(guest("behaviours")?);
            command.arg("--reach").arg(guest("reach")?);
            command.arg("--compiler").arg(release.join("cofferdam-compile"));
            if self.name == "neighbour-apart" {
                command.arg("--isolated").arg(release.join("cofferdam-isolated"));
            }
            if self.example == "bench_pages" {
                command.arg("--psql").arg(servers.psql());
                command.args(options.rows.iter().flat_map(|rows| ["--rows", rows.as_str()]));
            }
            if self.name == "cron" {
                for (name, value) in [("--minutes", &options.minutes), ("--dags", &options.dags)] {
                    command.args(value.iter().flat_map(|value| [name, value.as_str()]));
                }
            }
        }
        let output = command.output().with_context(|| format!("cannot start {}", self.example))?;
        ensure!(output.status.success(), "the bench {} failed ({})", self.name, output.status);
        if let Some(servers) = &servers {
            eprintln!("    fsync after: {:.3} ms", servers.fsync_ms()?);
        }
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
