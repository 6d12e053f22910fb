//! Arguments of the commands with which tasks are written and tried out.

use super::PageArgs;
use super::action::TaskOfRunArgs;
use crate::commands::Language;
use clap::{Args, Subcommand};
use cofferdam_ids::{ArtifactName, TaskId, XComKey};
use std::path::PathBuf;

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

/// What can be done with a task: one that is being written, or one of a run.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Run a component here, in the sandbox of a worker and within the same limits
    #[command(after_help = TASK_TEST_HELP)]
    Test(Box<TaskTestArgs>),
    /// Run a task of a run anew, and all that waits for it
    Retry(TaskOfRunArgs),
    /// Run one task of a run by itself, at once and whatever it waits for
    Run(TaskOfRunArgs),
    /// Make a task by itself, without a dag, or replace the one of that name
    Apply {
        /// The task, in YAML or JSON; - for standard input
        file: PathBuf,
        /// The version that is replaced, so that no change of somebody else is lost [default: whichever there is]
        #[arg(long, value_name = "N")]
        version_number: Option<u64>,
    },
    /// List tasks by themselves
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a task by itself
    Show {
        /// The task
        task_id: TaskId,
    },
    /// Delete a task by itself with its finished runs
    Delete {
        /// The task
        task_id: TaskId,
        /// Only when it has this version
        #[arg(long, value_name = "N")]
        version_number: Option<u64>,
    },
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
    /// What the task may reach: a JSON or YAML file with what a task of a dag has as its `grant` [default: nothing]
    #[arg(long, value_name = "FILE")]
    pub grant: Option<PathBuf>,
    /// Gives the task a scratch directory with what this folder holds, and keeps in it what the task leaves; 64 MiB unless the grant says how much
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
    /// A variable, which is granted with it (may be repeated)
    #[arg(long = "variable", value_name = "KEY=VALUE")]
    pub variables: Vec<Variable>,
    /// A JSON or YAML file with a connection, or a list of them, which are granted with it (may be repeated)
    #[arg(long = "connection", value_name = "FILE")]
    pub connections: Vec<PathBuf>,
    /// Where the task's checkpoint is kept, from one call to the next [default: it is forgotten]
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// The folder for the artifacts that the task writes [default: they are forgotten]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// An artifact that another task left, for the task to read (may be repeated)
    #[arg(long = "artifact", value_name = "TASK/NAME=FILE")]
    pub given_artifacts: Vec<ArtifactArg>,
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

/// `TASK/NAME=FILE`: an artifact that another task left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactArg {
    /// The task that left it.
    pub task_id: TaskId,
    /// Its name.
    pub name: ArtifactName,
    /// The file with its bytes.
    pub file: PathBuf,
}

impl std::str::FromStr for ArtifactArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, file)| Some((name.split_once('/')?, file)));
        let ((task, name), file) = parts.ok_or("expected TASK/NAME=FILE")?;
        Ok(Self {
            task_id: task.parse().map_err(|error| format!("{error}"))?,
            name: cofferdam_domain::artifact::name(name).map_err(|error| error.to_string())?,
            file: file.into(),
        })
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
