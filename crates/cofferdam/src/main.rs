//! The binary of Cofferdam: configuration, telemetry, the roles, and the command line.

mod cli;
mod commands;
mod config;
mod confinement;
mod document;
mod failure;
mod output;
mod roles;
mod telemetry;

use clap::Parser;
use std::process::ExitCode;

/// The hidden command that compiles one component in a process of its own; the compile service starts it.
const COMPILE: &str = "__compile";
/// The hidden command of a process for the sandboxes of one tenant; a worker starts it.
const SANDBOXES: &str = "__sandboxes";

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|command| command == COMPILE) {
        // A process that compiles untrusted code does nothing else: it limits itself before it reads the first byte.
        return cofferdam_sandbox::compile::child_main();
    }
    if std::env::args_os().nth(1).is_some_and(|command| command == SANDBOXES) {
        // As above: it reads no configuration and gives up what it can before its first thread.
        return cofferdam_sandbox::isolation::child_main(confinement::confine_sandboxes);
    }
    let cli = cli::Cli::parse();
    let environment = config::Environment::of_process();
    let working_dir = std::env::current_dir().unwrap_or_default();
    let loaded = config::Effective::load(&environment, cli.config_file(), &cli.flag_values(), &working_dir);
    let json = loaded.as_ref().map_or(cli.wants_json(), |effective| output::Output::new(effective).json);
    match loaded.map_err(failure::Failure::from).and_then(|effective| commands::run(cli.command, &effective, &environment)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::print_failure(&failure, json);
            ExitCode::from(failure.exit as u8)
        }
    }
}
