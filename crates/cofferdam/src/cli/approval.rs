//! Arguments of `approval`.

use super::{PageArgs, TaskOfRunArgs};
use clap::Subcommand;
use cofferdam_ids::DagId;

/// What can be done with approvals.
#[derive(Debug, Subcommand)]
pub enum ApprovalCommand {
    /// List what tasks ask people and wait for
    List {
        /// Only what tasks of this dag ask
        dag_id: Option<DagId>,
        /// Also what was decided, or is not waited for any more
        #[arg(long)]
        all: bool,
        /// Only what you may decide
        #[arg(long)]
        mine: bool,
        /// Orders by this, with - before it for the other direction: asked_at, expires_at, dag_id
        #[arg(long, value_name = "FIELD", default_value = "-asked_at", allow_hyphen_values = true)]
        order_by: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show what a task asks, and what came of it
    Show(TaskOfRunArgs),
    /// Approve what a task asks
    Approve {
        #[command(flatten)]
        task: TaskOfRunArgs,
        /// Which of the options is chosen
        #[arg(long, value_name = "OPTION")]
        choice: Option<String>,
        /// What is to be said of it
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Reject what a task asks
    Reject {
        #[command(flatten)]
        task: TaskOfRunArgs,
        /// Why
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}
