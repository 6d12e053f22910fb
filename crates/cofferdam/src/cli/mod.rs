//! The command line: subcommands and flags, and the configuration keys that flags set.

mod action;
mod approval;
mod asset;
mod backfill;
mod bundle;
mod component;
mod dag;
mod dead_letters;
#[cfg(test)]
mod documented;
mod resource;
mod roles;
mod run;
mod schedule;
mod task;
mod tenant;
mod webhook;

pub use action::{ClearArgs, MarkArgs, MarkName, NoteArgs, SelectionArgs, TaskOfRunArgs};
pub use approval::ApprovalCommand;
pub use asset::AssetCommand;
pub use backfill::{BackfillCommand, BackfillCreateArgs, BackfillOrder, ReprocessArg};
pub use bundle::{BundleCommand, BundleSyncArgs};
pub use component::ComponentCommand;
pub use dag::{DagCommand, TriggerArgs};
pub use dead_letters::{DeadLettersCommand, LetterFilterArgs, LetterKindArg, LetterStateArg, WhichLetters};
pub use resource::{ConnectionCommand, EventCommand, PoolCommand, RoleName, TokenCommand, VariableCommand};
pub use roles::{ApiFlags, DevFlags, MigrateFlags, SchedulerFlags, WorkerFlags};
pub use run::{RunArgs, RunCommand};
pub use schedule::{ScheduleCommand, ScheduleNextArgs};
pub use task::{ArtifactArg, BuildArgs, NewArgs, TaskCommand, TaskTestArgs, XComArg};
pub use tenant::{TenantCommand, TenantSetArgs};
pub use webhook::WebhookCommand;

use crate::config::FlagValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use roles::FlagValues;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  what was asked for failed (a run failed, a definition has errors)
  2  wrong flags or input
  3  the server cannot be reached
  4  not signed in, or not allowed
  5  no such thing
  6  conflict with what is there
  7  the server failed or is busy; try again
  10, 11, 12  task test: the task asked to be skipped, run again later, woken by an event
  130  stopped by Ctrl-C";

/// Runs untrusted tasks and workflows in WebAssembly sandboxes.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, after_help = EXIT_CODES, propagate_version = true, infer_subcommands = false)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
struct GlobalFlags {
    /// The configuration file [default: cofferdam.toml here, then in the user's configuration directory]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// How to print results: a table, or JSON for programs
    #[arg(long, short, global = true, value_name = "FORMAT", value_enum, help_heading = "Global options")]
    output: Option<Format>,
    /// What to log: a level, or a filter such as `info,cofferdam_engine=debug`
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Global options")]
    log: Option<String>,
    /// The API to talk to
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    url: Option<String>,
    /// The API key or access token to send; other users of the machine can see flags, so prefer COFFERDAM_TOKEN
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Global options")]
    token: Option<String>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process, with a private PostgreSQL: for a laptop or a trial
    Dev(DevFlags),
    /// Serve the API and the console
    Api(ApiFlags),
    /// Start runs and keep them going; any number may run
    Scheduler(SchedulerFlags),
    /// Run tasks in sandboxes; any number may run
    Worker(WorkerFlags),
    /// Bring the database up to this version
    Migrate(MigrateFlags),
    /// Sign in and keep the credentials
    Login(LoginArgs),
    /// Forget the credentials
    Logout,
    /// Upload components and look at them
    #[command(subcommand)]
    Component(ComponentCommand),
    /// Make a project of a task, in one of five languages
    New(NewArgs),
    /// Make a component of the project in a directory
    Build(BuildArgs),
    /// Try out what a task does, without a server; run a task of a run again; look after tasks by themselves
    #[command(subcommand)]
    Task(TaskCommand),
    /// Apply dags, look at them and trigger them
    #[command(subcommand)]
    Dag(DagCommand),
    /// Keep the dags of a directory or a git repository applied
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Watch, read and cancel runs
    #[command(subcommand)]
    Run(RunCommand),
    /// List what tasks ask people, and decide it
    #[command(subcommand, visible_alias = "approvals")]
    Approval(ApprovalCommand),
    /// Look at assets, and tell that they changed
    #[command(subcommand)]
    Asset(AssetCommand),
    /// Run intervals of dags that have passed
    #[command(subcommand)]
    Backfill(BackfillCommand),
    /// Look after what came to nothing
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Let programs run dags that have no user
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Find out when schedules come
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Set variables, which tasks read by name
    #[command(subcommand)]
    Variable(VariableCommand),
    /// Add connections, by which tasks reach what is outside
    #[command(subcommand)]
    Connection(ConnectionCommand),
    /// Set pools: slots that tasks share
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Send events, which wake the tasks that wait for them
    #[command(subcommand)]
    Event(EventCommand),
    /// Make API keys and take them back
    #[command(subcommand)]
    Token(TokenCommand),
    /// Bind tenants, as an operator of the installation
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Look after what is sealed in the database
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Ask whether the server is well
    Health {
        /// Also asks the database, the queue and the object store
        #[arg(long)]
        deep: bool,
    },
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Arguments of `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Who signs in [default: asks]
    #[arg(long, short)]
    pub username: Option<String>,
    /// The tenant to sign in to, when it is not the default one
    #[arg(long)]
    pub tenant: Option<String>,
    /// Reads the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, Args)]
pub struct PageArgs {
    /// The most entries
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: u32,
    /// Passes over the first ones
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub offset: u32,
}

/// Which part of a list, and in which order.
#[derive(Clone, Debug, Args)]
pub struct OrderedPageArgs {
    #[command(flatten)]
    pub page: PageArgs,
    /// Orders by this field, with - before it for the other direction [default: the name]
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub order_by: Option<String>,
}

impl OrderedPageArgs {
    /// The query that asks for it.
    #[must_use]
    pub fn query(self) -> cofferdam_client::api::OrderedPage {
        cofferdam_client::api::OrderedPage { limit: self.page.limit, offset: self.page.offset, order_by: self.order_by }
    }
}

/// What can be done with what is sealed.
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Seal every variable and connection anew under the current secret key; can be stopped and begun again
    Rotate(MigrateFlags),
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its value and where that comes from; secrets are masked
    Show,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| "expected a duration such as 30s, 5m or 2h".to_owned())
}

impl Cli {
    /// The configuration file that was asked for.
    #[must_use]
    pub fn config_file(&self) -> Option<&std::path::Path> {
        self.global.config.as_deref()
    }

    /// Whether the flags ask for JSON, for failures that come before the configuration is read.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.global.output == Some(Format::Json)
    }

    /// The configuration keys that flags set.
    #[must_use]
    pub fn flag_values(&self) -> Vec<FlagValue> {
        let mut flags = FlagValues::default();
        let global = &self.global;
        flags.text("output", "--output", global.output.map(|format| if format == Format::Json { "json" } else { "table" }));
        flags.text("log", "--log", global.log.as_deref());
        flags.text("url", "--url", global.url.as_deref());
        flags.text("token", "--token", global.token.as_deref());
        match &self.command {
            Command::Dev(dev) => dev.values(&mut flags),
            Command::Api(api) => api.values(&mut flags),
            Command::Scheduler(scheduler) => scheduler.values(&mut flags),
            Command::Worker(worker) => worker.values(&mut flags),
            Command::Secrets(SecretsCommand::Rotate(migrate)) | Command::Migrate(migrate) => migrate.values(&mut flags),
            Command::Tenant(tenant) => tenant.database().values(&mut flags),
            Command::Login(_)
            | Command::Logout
            | Command::Component(_)
            | Command::New(_)
            | Command::Build(_)
            | Command::Task(_)
            | Command::Dag(_)
            | Command::Bundle(_)
            | Command::Run(_)
            | Command::Token(_)
            | Command::Variable(_)
            | Command::Connection(_)
            | Command::Pool(_)
            | Command::Event(_)
            | Command::Health { .. }
            | Command::Config(_)
            | Command::Schedule(_)
            | Command::Backfill(_)
            | Command::DeadLetters(_)
            | Command::Webhook(_)
            | Command::Asset(_)
            | Command::Approval(_)
            | Command::Completions { .. } => {}
        }
        flags.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_of_every_command() {
        fn collect(command: &mut clap::Command, path: &str, text: &mut String) {
            *text += &format!("## {path}\n\n{}\n", command.clone().term_width(100).bin_name(path).render_help());
            for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help") {
                let path = format!("{path} {}", inner.get_name());
                collect(inner, &path, text);
            }
        }
        let mut text = String::new();
        let mut command = Cli::command();
        command.build();
        collect(&mut command, "cofferdam", &mut text);
        insta::assert_snapshot!("help", text);
    }

    #[test]
    fn flags_set_keys() {
        let cli = parse("cofferdam worker --redis-url redis://h --slots 8 --queues a,b -o json --log debug").unwrap();
        let flags: Vec<String> =
            cli.flag_values().iter().map(|flag| format!("{} {} {}", flag.key, flag.flag, flag.text)).collect();
        assert_eq!(
            flags,
            [
                "output --output json",
                "log --log debug",
                "redis_url --redis-url redis://h",
                "worker.slots --slots 8",
                "worker.queues --queues a,b"
            ]
        );
        assert!(flags.iter().all(|flag| crate::config::keys::find(flag.split(' ').next().unwrap()).is_some()));
    }

    #[test]
    fn ids_are_checked_where_they_are_typed() {
        assert!(parse("cofferdam dag show weather").is_ok());
        let error = parse("cofferdam dag show we/ther").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("is not allowed"), "{error}");
        assert!(parse("cofferdam dag trigger weather --timeout 5m").is_err(), "--timeout needs --wait");
        assert!(parse("cofferdam dag trigger weather --wait --timeout 5m").is_ok());
        assert!(parse("cofferdam run logs weather --try 1").is_err(), "--try needs --task");
    }
}
