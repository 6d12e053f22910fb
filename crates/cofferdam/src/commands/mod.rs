//! The commands, one file each.

mod action;
mod approval;
mod artifacts;
mod asset;
mod backfill;
mod build;
mod bundle;
mod callbacks;
mod completions;
mod component;
mod config;
mod connection;
mod credentials;
mod dag;
mod dead_letters;
mod diff;
mod event;
mod follow;
mod health;
mod lint;
mod login;
mod new;
mod pool;
mod problem;
mod program;
mod run;
mod schedule;
mod session;
mod standalone;
mod task;
mod token;
mod tools;
mod trigger;
mod variable;
mod webhook;

pub use build::Language;
pub use credentials::write_private;
pub use session::DevSession;
pub use task::limits_over;

use crate::cli::{Command, ConfigCommand, SecretsCommand, TaskCommand};
use crate::config::{Effective, Environment, Settings};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::roles;
use crate::telemetry::{self, Verbosity};
use session::Session;

/// Does what the command line says.
///
/// # Errors
/// When it cannot be done, with the exit code.
pub fn run(command: Command, effective: &Effective, environment: &Environment) -> Result<(), Failure> {
    let output = Output::new(effective);
    let settings = Settings::new(effective);
    let as_role = || {
        telemetry::start_logs(effective, Verbosity::Role)?;
        roles::allow_open_files();
        Ok::<_, Failure>(())
    };
    let as_command = || {
        telemetry::start_logs(effective, Verbosity::Command)?;
        Ok::<_, Failure>(Session::new(settings.clone(), environment, output))
    };
    match command {
        Command::Completions { shell } => completions::run(shell, &output),
        Command::Config(ConfigCommand::Show) => config::show(effective, &output),
        Command::Dev(_) => as_role().and_then(|()| block_on(roles::dev(&settings, environment))),
        Command::Api(_) => as_role().and_then(|()| block_on(roles::api(&settings))),
        Command::Scheduler(_) => as_role().and_then(|()| block_on(roles::scheduler(&settings))),
        Command::Worker(_) => as_role().and_then(|()| {
            // Before the first thread: what is given up holds for all that are started later.
            let walls = roles::confine(&settings);
            block_on(roles::worker(&settings, walls))
        }),
        Command::Migrate(_) => as_role().and_then(|()| block_on(roles::migrate(&settings))),
        Command::Login(args) => as_command().and_then(|session| block_on(login::login(&session, &args))),
        Command::Logout => as_command().and_then(|session| block_on(login::logout(&session))),
        Command::Bundle(command) => as_command().and_then(|session| block_on(bundle::run(&session, command))),
        Command::Component(command) => as_command().and_then(|session| block_on(component::run(&session, command))),
        Command::Dag(command) => as_command().and_then(|session| block_on(dag::run(&session, command))),
        Command::Run(command) => as_command().and_then(|session| block_on(run::run(&session, command))),
        Command::Approval(command) => as_command().and_then(|session| block_on(approval::run(&session, command))),
        Command::Asset(command) => as_command().and_then(|session| block_on(asset::run(&session, command))),
        Command::Webhook(command) => as_command().and_then(|session| block_on(webhook::run(&session, command))),
        Command::Backfill(command) => as_command().and_then(|session| block_on(backfill::run(&session, command))),
        Command::DeadLetters(command) => as_command().and_then(|session| block_on(dead_letters::run(&session, command))),
        Command::Schedule(command) => schedule::run(&output, command),
        Command::Variable(command) => as_command().and_then(|session| block_on(variable::run(&session, command))),
        Command::Connection(command) => as_command().and_then(|session| block_on(connection::run(&session, command))),
        Command::Pool(command) => as_command().and_then(|session| block_on(pool::run(&session, command))),
        Command::Event(command) => as_command().and_then(|session| block_on(event::run(&session, command))),
        Command::Secrets(SecretsCommand::Rotate(_)) => as_role().and_then(|()| block_on(roles::rotate(&settings, &output))),
        Command::Tenant(command) => as_role().and_then(|()| block_on(roles::tenants(&settings, &output, command))),
        Command::Token(command) => as_command().and_then(|session| block_on(token::run(&session, command))),
        Command::New(args) => new::new(&output, &args),
        Command::Build(args) => build::build(&output, environment, &args),
        Command::Task(TaskCommand::Retry(args)) => as_command().and_then(|session| block_on(action::retry(&session, args))),
        Command::Task(TaskCommand::Run(args)) => as_command().and_then(|session| block_on(action::run_alone(&session, args))),
        Command::Task(TaskCommand::Apply { file, version_number }) => {
            as_command().and_then(|session| block_on(standalone::apply(&session, &file, version_number)))
        }
        Command::Task(TaskCommand::List { page }) => as_command().and_then(|session| block_on(standalone::list(&session, page))),
        Command::Task(TaskCommand::Show { task_id }) => {
            as_command().and_then(|session| block_on(standalone::show(&session, &task_id)))
        }
        Command::Task(TaskCommand::Delete { task_id, version_number }) => {
            as_command().and_then(|session| block_on(standalone::delete(&session, &task_id, version_number)))
        }
        Command::Task(TaskCommand::Test(args)) => {
            telemetry::start_logs(effective, Verbosity::Command)?;
            block_on(task::test(output, environment, *args))
        }
        Command::Health { deep } => as_command().and_then(|session| block_on(health::run(&session, deep))),
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, "the process cannot start its threads").because(&error))?;
    let done = runtime.block_on(work);
    // What still runs in the background (a blocked read of the terminal) does not keep the process.
    runtime.shutdown_background();
    done
}
