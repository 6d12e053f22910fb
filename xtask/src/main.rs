//! The workspace's own commands: `cargo xtask <command>`.
#![expect(clippy::disallowed_methods, reason = "xtask is a program of the developer's machine and reads its environment")]

mod bench;
mod demo;
mod derive;
mod editor;
mod fuzz;
mod guests;
mod languages;
mod lint;
mod tests;
mod tools;
mod ui;
mod workspace;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo xtask <command>

  demo [--once]                       build everything, start `cofferdam dev`, run the weather example
  test [filter..]                     everything a change must pass; a filter selects tests by name
  gen [--check]                       write the derived files again: recorded queries, OpenAPI, JSON Schema;
                                      --check compares the queries, and `test` the others
  bench [NAME..] [--json] [--embedded] [--minutes=N] [--dags=N] [--rows=N]
                                      start, waiting, sandbox, hop, throughput, neighbour, cron, in release mode; --embedded without
                                      Redis; the minutes and dags are those of cron
  fuzz [--seconds N] [--keep] [NAME..]
                                      upload, json_value, wit_schema, allow_list, 300 s each (with cargo-fuzz and a nightly
                                      toolchain); --keep renews the kept inputs
  guests                              build the components of the tests and examples into target/guests
  ui [--release]                      build the console into ui/dist
  lint                                rustfmt, clippy, and cargo-deny when it is installed
";

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let all: Vec<_> = args.collect();
    let args = Args::new(all.clone());
    match command.as_str() {
        "demo" => demo::run(args.only_flags(&["--once"])?.has("--once")),
        "test" => tests::run(&args.only_flags(&[])?.names),
        "gen" => derive::run(args.only_flags(&["--check"])?.has("--check")),
        "bench" => {
            let args = args.only_flags(&["--json", "--embedded", "--minutes=", "--dags=", "--rows="])?;
            bench::run(&bench::Options {
                json: args.has("--json"),
                embedded: args.has("--embedded"),
                minutes: args.value("--minutes="),
                dags: args.value("--dags="),
                rows: args.value("--rows="),
                names: args.names,
            })
        }
        "fuzz" => fuzz::run(&fuzz::Options::read(&all)?),
        "guests" => guests::run().map(drop),
        "ui" => ui::build(workspace::root(), args.only_flags(&["--release"])?.has("--release")),
        "lint" => lint::run(),
        "" | "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("there is no command '{other}'\n\n{USAGE}"),
    }
}

/// What follows the command: flags, and names that are not flags.
struct Args {
    flags: Vec<String>,
    names: Vec<String>,
}

impl Args {
    fn new(args: Vec<String>) -> Self {
        let (flags, names) = args.into_iter().partition(|arg| arg.starts_with('-'));
        Self { flags, names }
    }

    fn only_flags(self, known: &[&str]) -> Result<Self> {
        // A flag that takes a value is known by its name and the sign of equality.
        let fits =
            |flag: &str| known.iter().any(|known| if known.ends_with('=') { flag.starts_with(known) } else { flag == *known });
        match self.flags.iter().find(|flag| !fits(flag)) {
            Some(unknown) => bail!("the flag '{unknown}' is not known here\n\n{USAGE}"),
            None => Ok(self),
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.flags.iter().find_map(|given| given.strip_prefix(name)).map(str::to_owned)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }
}
