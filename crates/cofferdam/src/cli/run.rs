//! Arguments of `run`.

use super::action::{ClearArgs, MarkArgs, NoteArgs};
use super::{PageArgs, duration};
use clap::{Args, Subcommand};
use cofferdam_ids::{DagId, DagRunId, TaskId, XComKey};
use std::path::PathBuf;

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
    /// Show the callbacks that a run has called, and its deadlines
    Callbacks {
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
        /// Only this instance of a mapped task
        #[arg(long, value_name = "N", requires = "task")]
        map_index: Option<i32>,
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
        /// Of this instance of a mapped task
        #[arg(long, value_name = "N")]
        map_index: Option<i32>,
        /// Which value
        #[arg(long, short, value_name = "KEY", default_value = "return_value")]
        key: XComKey,
    },
    /// Print what a try was given, once its templates and references were filled in
    Input {
        #[command(flatten)]
        run: RunArgs,
        /// The task
        #[arg(long, short, value_name = "TASK")]
        task: TaskId,
        /// This try [default: the last one]
        #[arg(long = "try", value_name = "N")]
        try_number: Option<u32>,
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
    /// Run tasks of a run anew: all of them, or those that are named
    Clear(ClearArgs),
    /// Say that a run, or tasks of it, succeeded, failed or are skipped
    Mark(MarkArgs),
    /// Write a note on a run or a task
    Note(NoteArgs),
    /// Delete a finished run
    Delete {
        /// The dag
        dag_id: DagId,
        /// The run
        run_id: DagRunId,
        /// Deletes nothing, and lists the tasks that would go with it
        #[arg(long)]
        dry_run: bool,
    },
}
