//! Arguments of what people do to runs and their tasks: `run clear`, `run mark`, `run note`, `task retry`, `task run`.

use super::RunArgs;
use clap::{Args, ValueEnum};
use cofferdam_ids::{DagId, DagRunId, TaskId};

/// Which tasks of which runs.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// Only this task (may be repeated) [default: all tasks of the run]
    #[arg(long = "task", short, value_name = "TASK")]
    pub tasks: Vec<TaskId>,
    /// Only this instance of a mapped task
    #[arg(long, value_name = "N", requires = "tasks", allow_negative_numbers = true)]
    pub map_index: Option<i32>,
    /// Also all that the tasks wait for
    #[arg(long, requires = "tasks")]
    pub upstream: bool,
    /// Also all that waits for the tasks
    #[arg(long, requires = "tasks")]
    pub downstream: bool,
    /// Also in the runs before this one
    #[arg(long)]
    pub past: bool,
    /// Also in the runs after this one
    #[arg(long)]
    pub future: bool,
    /// Changes nothing, and lists what would be touched
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `run clear`.
#[derive(Clone, Debug, Args)]
pub struct ClearArgs {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Only what failed, or was not run because of a failure
    #[arg(long, conflicts_with = "only_running")]
    pub only_failed: bool,
    /// Only what runs now
    #[arg(long)]
    pub only_running: bool,
}

/// A state that a person gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MarkName {
    /// It counts as succeeded
    Success,
    /// It counts as failed
    Failed,
    /// It counts as skipped (tasks only)
    Skipped,
}

/// Arguments of `run mark`.
#[derive(Clone, Debug, Args)]
pub struct MarkArgs {
    /// The dag
    pub dag_id: DagId,
    /// The run
    pub run_id: DagRunId,
    /// The state; without --task the run and all its tasks get it
    #[arg(value_enum)]
    pub state: MarkName,
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `run note`.
#[derive(Clone, Debug, Args)]
pub struct NoteArgs {
    /// The dag
    pub dag_id: DagId,
    /// The run
    pub run_id: DagRunId,
    /// The note; an empty one removes it
    pub note: String,
    /// On this task of the run, instead of the run
    #[arg(long, short, value_name = "TASK")]
    pub task: Option<TaskId>,
    /// On this instance of a mapped task
    #[arg(long, value_name = "N", requires = "task", allow_negative_numbers = true)]
    pub map_index: Option<i32>,
}

/// A task of a run.
#[derive(Clone, Debug, Args)]
pub struct TaskOfRunArgs {
    /// The dag
    pub dag_id: DagId,
    /// The run
    pub run_id: DagRunId,
    /// The task
    pub task_id: TaskId,
    /// This instance of a mapped task
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub map_index: Option<i32>,
}
