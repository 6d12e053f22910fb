//! The command line: subcommands and flags, and the configuration keys that flags set.

use crate::commands::Language;
use crate::config::FlagValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cofferdam_ids::{ComponentName, DagId, DagRunId, TaskId, XComKey};
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
    /// Try out what a task does, without a server
    #[command(subcommand)]
    Task(TaskCommand),
    /// Apply dags, look at them and trigger them
    #[command(subcommand)]
    Dag(DagCommand),
    /// Watch, read and cancel runs
    #[command(subcommand)]
    Run(RunCommand),
    /// Set variables, which tasks read by name
    #[command(subcommand)]
    Variable(VariableCommand),
    /// Add connections, by which tasks reach what is outside
    #[command(subcommand)]
    Connection(ConnectionCommand),
    /// Send events, which wake the tasks that wait for them
    #[command(subcommand)]
    Event(EventCommand),
    /// Make API keys and take them back
    #[command(subcommand)]
    Token(TokenCommand),
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

/// Flags of `dev`.
#[derive(Debug, Args)]
pub struct DevFlags {
    /// Where the data is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the API and the console are served
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// The directory of the PostgreSQL programs
    #[arg(long, value_name = "DIR")]
    postgres_bin: Option<PathBuf>,
    #[command(flatten)]
    slots: SlotFlags,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `api`.
#[derive(Debug, Args)]
pub struct ApiFlags {
    #[command(flatten)]
    servers: ServerFlags,
    /// Where the API and the console are served
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `scheduler`.
#[derive(Debug, Args)]
pub struct SchedulerFlags {
    #[command(flatten)]
    servers: ServerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `worker`.
#[derive(Debug, Args)]
pub struct WorkerFlags {
    #[command(flatten)]
    servers: ServerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    slots: SlotFlags,
    /// The queues that the worker serves, separated by commas
    #[arg(long, value_name = "QUEUES")]
    queues: Option<String>,
    /// The name of the worker
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateFlags {
    /// The PostgreSQL database
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
struct ServerFlags {
    /// The PostgreSQL database
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The Redis or Valkey server
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// Where components, compiled code and logs are kept: file:///dir or s3://bucket
    #[arg(long, value_name = "URL")]
    objects_url: Option<String>,
}

#[derive(Debug, Args)]
struct MetricsFlags {
    /// Where health and metrics are served
    #[arg(long, value_name = "HOST:PORT")]
    metrics_listen: Option<String>,
}

#[derive(Debug, Args)]
struct SlotFlags {
    /// How many sandboxes to hold at once
    #[arg(long, value_name = "N")]
    slots: Option<String>,
}

#[derive(Debug, Args)]
struct DrainFlags {
    /// How long to wait for what is going on when stopping
    #[arg(long, value_name = "DURATION")]
    drain_timeout: Option<String>,
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

/// What can be done with components.
#[derive(Debug, Subcommand)]
pub enum ComponentCommand {
    /// Upload a component
    Push {
        /// The compiled component, or - for standard input
        file: PathBuf,
        /// Its name, such as weather/clean [default: from the file's name]
        #[arg(long, short)]
        name: Option<ComponentName>,
        /// A label for this version, such as v1
        #[arg(long, short)]
        label: Option<String>,
        /// Approves it at once when it asks for more than the version before it (admins only)
        #[arg(long)]
        approve: bool,
    },
    /// List components
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a component and its versions
    Show {
        /// The component.
        name: ComponentName,
    },
    /// Show what a version imports and exports, and its WIT
    Inspect {
        /// The component
        name: ComponentName,
        /// The version, by its digest or the beginning of it [default: the latest]
        #[arg(long, short)]
        digest: Option<String>,
        /// Prints the WIT text only
        #[arg(long)]
        wit: bool,
    },
    /// Approve a version that asks for more than the one before it
    Approve {
        /// The component
        name: ComponentName,
        /// The version, by its digest or the beginning of it [default: the latest]
        #[arg(long, short)]
        digest: Option<String>,
    },
}

/// Arguments of `new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// What the task is written in
    #[arg(long, short, value_name = "LANGUAGE", value_enum)]
    pub lang: Language,
    /// The name of the project, and of its new directory
    pub name: String,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The directory of the project
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Where the component is written [default: NAME.wasm in the directory of the project]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What can be done with a task that is being written.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Run a component here, in the sandbox of a worker and within the same limits
    #[command(after_help = TASK_TEST_HELP)]
    Test(Box<TaskTestArgs>),
}

const TASK_TEST_HELP: &str = "\
The exit code is 0 when the task returned a result, 1 when it failed, 10 when it asked to be skipped, 11 to be run again
later, and 12 to be woken by an event.";

/// Arguments of `task test`.
#[derive(Debug, Args)]
pub struct TaskTestArgs {
    /// The component, or - for standard input
    pub file: PathBuf,
    /// The typed function to call, as interface#function [default: the only one]
    #[arg(long, short, value_name = "FUNCTION")]
    pub function: Option<String>,
    /// What the task is given: JSON, or @FILE (JSON or YAML) [default: {}]
    #[arg(long, short, value_name = "JSON")]
    pub input: Option<String>,
    /// An argument of a program (may be repeated)
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    pub args: Vec<String>,
    /// An environment variable (may be repeated)
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub env: Vec<Variable>,
    /// What the task may reach: a JSON or YAML file that holds a `grant`, as in a dag [default: nothing]
    #[arg(long, value_name = "FILE")]
    pub grant: Option<PathBuf>,
    /// Gives the task a scratch directory, 64 MiB unless the grant says how much, whose bytes are kept in this folder meanwhile
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// A host or range of addresses outside of the public internet that the grant may lead to (may be repeated)
    #[arg(long = "private-target", value_name = "TARGET")]
    pub private_targets: Vec<cofferdam_domain::egress::PrivateTarget>,
    /// A limit as in a dag, such as memory=64MiB, fuel=1000000 or timeout=10s (may be repeated)
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub limits: Vec<String>,
    /// A value that another task left, for the task to pull (may be repeated); KEY is return_value when not given
    #[arg(long = "xcom", value_name = "TASK[.KEY]=JSON")]
    pub xcoms: Vec<XComArg>,
    /// What the run is triggered with: a JSON object, or @FILE
    #[arg(long, short, value_name = "JSON")]
    pub conf: Option<String>,
    /// The moment that the run is for, as in 2026-01-31T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub logical_date: Option<chrono::DateTime<chrono::Utc>>,
    /// Fails (exit code 1) when the output is not this: JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    pub expect: Option<String>,
    /// Which try it is
    #[arg(long = "try", value_name = "N", default_value_t = 1)]
    pub try_number: u32,
    /// How many tries there are at the most
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub max_tries: u32,
}

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl std::str::FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("expected NAME=VALUE".to_owned()),
        }
    }
}

/// `TASK.KEY=JSON`: a value that another task left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XComArg {
    /// The task that left it.
    pub task_id: TaskId,
    /// Under which key.
    pub key: XComKey,
    /// JSON text.
    pub value: String,
}

impl std::str::FromStr for XComArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected TASK=JSON or TASK.KEY=JSON")?;
        let value: serde_json::Value = serde_json::from_str(value).map_err(|error| format!("the value is not JSON: {error}"))?;
        let (task, key) = name.rsplit_once('.').unwrap_or((name, "return_value"));
        Ok(Self {
            task_id: task.parse().map_err(|error| format!("{error}"))?,
            key: key.parse().map_err(|error| format!("{error}"))?,
            value: value.to_string(),
        })
    }
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

/// What can be done with dags.
#[derive(Debug, Subcommand)]
pub enum DagCommand {
    /// Apply definitions: a new dag, or a new version of one
    Apply {
        /// YAML or JSON files, or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Checks on the server and changes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Check definitions without a server
    Lint {
        /// YAML or JSON files, or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Checks on the server, which also knows components and permissions
        #[arg(long)]
        remote: bool,
    },
    /// List dags
    List {
        #[command(flatten)]
        page: PageArgs,
        /// Only those with this tag (may be repeated)
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Only those whose id contains this
        #[arg(long, value_name = "TEXT")]
        pattern: Option<String>,
    },
    /// Show a dag
    Show {
        /// The dag
        dag_id: DagId,
    },
    /// Start a run by hand
    Trigger(TriggerArgs),
    /// Stop starting runs on schedule
    Pause {
        /// The dag
        dag_id: DagId,
    },
    /// Start runs on schedule again
    Unpause {
        /// The dag
        dag_id: DagId,
    },
    /// Delete a dag with all its runs
    Delete {
        /// The dag
        dag_id: DagId,
        /// Does not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Arguments of `dag trigger`.
#[derive(Debug, Args)]
pub struct TriggerArgs {
    /// The dag
    pub dag_id: DagId,
    /// What the run is given: a JSON object, or @FILE (JSON or YAML)
    #[arg(long, short, value_name = "JSON")]
    pub conf: Option<String>,
    /// The id of the run [default: manual__ and the time]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<DagRunId>,
    /// The moment that the run is for, as in 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub logical_date: Option<chrono::DateTime<chrono::Utc>>,
    /// A note for people
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Triggering again with the same key does not start a second run
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    /// Waits for the end of the run; exit code 1 when it fails
    #[arg(long, short)]
    pub wait: bool,
    /// The longest to wait, such as 10m
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
}

/// A run of a dag.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The dag
    pub dag_id: DagId,
    /// The run [default: the latest]
    pub run_id: Option<DagRunId>,
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// List the runs of a dag, the latest first
    List {
        /// The dag
        dag_id: DagId,
        #[command(flatten)]
        page: PageArgs,
        /// Only those in this state
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
    /// Show a run and its tasks
    Show {
        #[command(flatten)]
        run: RunArgs,
    },
    /// Follow a run to its end; exit code 1 when it fails
    Watch {
        #[command(flatten)]
        run: RunArgs,
        /// The longest to wait, such as 10m
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        timeout: Option<std::time::Duration>,
    },
    /// Print the logs of a run's tasks
    Logs {
        #[command(flatten)]
        run: RunArgs,
        /// Only this task
        #[arg(long, short, value_name = "TASK")]
        task: Option<TaskId>,
        /// This try [default: the last one]
        #[arg(long = "try", value_name = "N", requires = "task")]
        try_number: Option<u32>,
        /// Goes on until the run ends
        #[arg(long, short)]
        follow: bool,
    },
    /// Print what a task returned, or another value that it left
    Xcom {
        #[command(flatten)]
        run: RunArgs,
        /// The task
        #[arg(long, short, value_name = "TASK")]
        task: TaskId,
        /// Which value
        #[arg(long, short, value_name = "KEY", default_value = "return_value")]
        key: XComKey,
    },
    /// List the files that a task left, or save one
    Artifacts {
        #[command(flatten)]
        run: RunArgs,
        /// The task
        #[arg(long, short, value_name = "TASK")]
        task: TaskId,
        /// The file to save
        #[arg(long, short, value_name = "NAME")]
        name: Option<cofferdam_ids::ArtifactName>,
        /// Where to save it, or - for standard output [default: its own name, here]
        #[arg(long, value_name = "FILE", requires = "name")]
        save: Option<PathBuf>,
    },
    /// Stop a run and its tasks
    Cancel {
        /// The dag
        dag_id: DagId,
        /// The run
        run_id: DagRunId,
    },
}

/// What can be done with variables.
#[derive(Debug, Subcommand)]
pub enum VariableCommand {
    /// List variables
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Print the value of a variable
    Get {
        /// The variable
        key: cofferdam_ids::VariableKey,
    },
    /// Make a variable, or give it another value
    Set {
        /// The variable
        key: cofferdam_ids::VariableKey,
        /// Its value; - reads it from standard input, which keeps it out of the shell's history
        value: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Shows the value to tasks only
        #[arg(long)]
        secret: bool,
    },
    /// Delete a variable
    Delete {
        /// The variable
        key: cofferdam_ids::VariableKey,
    },
}

/// What can be done with connections.
#[derive(Debug, Subcommand)]
pub enum ConnectionCommand {
    /// List connections
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a connection, without its password
    Get {
        /// The connection
        connection_id: cofferdam_ids::ConnectionId,
    },
    /// Add a connection
    Add(Box<ConnectionAddArgs>),
    /// Delete a connection
    Delete {
        /// The connection
        connection_id: cofferdam_ids::ConnectionId,
    },
}

/// Arguments of `connection add`.
#[derive(Debug, Args)]
pub struct ConnectionAddArgs {
    /// The connection
    pub connection_id: cofferdam_ids::ConnectionId,
    /// What it leads to, such as http or postgres
    #[arg(long = "type", value_name = "TYPE", default_value = "http")]
    pub conn_type: String,
    /// The host; secrets are sent to no other
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// The port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// The name to sign in with
    #[arg(long, value_name = "NAME")]
    pub login: Option<String>,
    /// Reads the password or token from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// The schema
    #[arg(long, value_name = "SCHEMA")]
    pub schema: Option<String>,
    /// Everything else: a JSON object, or @FILE
    #[arg(long, value_name = "JSON")]
    pub extra: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Send an event: the tasks that wait for it go on
    Send {
        /// Its name
        name: String,
    },
}

/// What can be done with what is sealed.
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Seal every variable and connection anew under the current secret key; can be stopped and begun again
    Rotate(MigrateFlags),
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make an API key; it is shown this once
    Create {
        /// A name, to tell it from others
        name: String,
        /// What it may do at the most [default: what you may]
        #[arg(long, value_enum)]
        role: Option<RoleName>,
        /// When it stops working
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// List API keys
    List,
    /// Take an API key back
    Revoke {
        /// The id of the key
        api_key_id: cofferdam_ids::ApiKeyId,
    },
}

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Read
    Viewer,
    /// Trigger, cancel, pause
    Operator,
    /// Upload components and apply dags
    Editor,
    /// Manage users and keys
    Admin,
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
        let mut flags = Flags::default();
        let global = &self.global;
        flags.text("output", "--output", global.output.map(|format| if format == Format::Json { "json" } else { "table" }));
        flags.text("log", "--log", global.log.as_deref());
        flags.text("url", "--url", global.url.as_deref());
        flags.text("token", "--token", global.token.as_deref());
        match &self.command {
            Command::Dev(dev) => {
                flags.path("data_dir", "--data-dir", dev.data_dir.as_ref());
                flags.text("listen", "--listen", dev.listen.as_deref());
                flags.path("postgres_bin", "--postgres-bin", dev.postgres_bin.as_ref());
                flags.text("worker.slots", "--slots", dev.slots.slots.as_deref());
                flags.drain(&dev.drain);
            }
            Command::Api(api) => {
                flags.servers(&api.servers);
                flags.text("listen", "--listen", api.listen.as_deref());
                flags.drain(&api.drain);
            }
            Command::Scheduler(scheduler) => {
                flags.servers(&scheduler.servers);
                flags.text("metrics_listen", "--metrics-listen", scheduler.metrics.metrics_listen.as_deref());
                flags.drain(&scheduler.drain);
            }
            Command::Worker(worker) => {
                flags.servers(&worker.servers);
                flags.text("metrics_listen", "--metrics-listen", worker.metrics.metrics_listen.as_deref());
                flags.text("worker.slots", "--slots", worker.slots.slots.as_deref());
                flags.text("worker.queues", "--queues", worker.queues.as_deref());
                flags.text("worker.name", "--name", worker.name.as_deref());
                flags.drain(&worker.drain);
            }
            Command::Secrets(SecretsCommand::Rotate(rotate)) => {
                flags.text("database_url", "--database-url", rotate.database_url.as_deref());
            }
            Command::Migrate(migrate) => flags.text("database_url", "--database-url", migrate.database_url.as_deref()),
            Command::Login(_)
            | Command::Logout
            | Command::Component(_)
            | Command::New(_)
            | Command::Build(_)
            | Command::Task(_)
            | Command::Dag(_)
            | Command::Run(_)
            | Command::Token(_)
            | Command::Variable(_)
            | Command::Connection(_)
            | Command::Event(_)
            | Command::Health { .. }
            | Command::Config(_)
            | Command::Completions { .. } => {}
        }
        flags.0
    }
}

#[derive(Default)]
struct Flags(Vec<FlagValue>);

impl Flags {
    fn text(&mut self, key: &'static str, flag: &'static str, text: Option<&str>) {
        self.0.extend(text.map(|text| FlagValue { key, flag, text: text.to_owned() }));
    }

    fn path(&mut self, key: &'static str, flag: &'static str, path: Option<&PathBuf>) {
        self.text(key, flag, path.map(|path| path.to_string_lossy()).as_deref());
    }

    fn servers(&mut self, servers: &ServerFlags) {
        self.text("database_url", "--database-url", servers.database_url.as_deref());
        self.text("redis_url", "--redis-url", servers.redis_url.as_deref());
        self.text("objects_url", "--objects-url", servers.objects_url.as_deref());
    }

    fn drain(&mut self, drain: &DrainFlags) {
        self.text("drain_timeout", "--drain-timeout", drain.drain_timeout.as_deref());
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
