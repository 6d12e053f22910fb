//! Arguments of `backfill`.

use super::PageArgs;
use clap::{Args, Subcommand, ValueEnum};
use cofferdam_domain::definition::Moment;
use cofferdam_ids::{BackfillId, DagId};

/// What can be done with backfills.
#[derive(Debug, Subcommand)]
pub enum BackfillCommand {
    /// Run the intervals of a dag that have passed
    Create(Box<BackfillCreateArgs>),
    /// List backfills
    List {
        /// Only those of this dag
        dag_id: Option<DagId>,
        /// Only those in this state (may be repeated)
        #[arg(long = "state", value_name = "STATE", value_parser = ["running", "paused", "completed", "cancelled"])]
        states: Vec<String>,
        /// Orders by this, with - before it for the other direction: created_at, dag_id, state, from_date
        #[arg(long, value_name = "FIELD", default_value = "-created_at", allow_hyphen_values = true)]
        order_by: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a backfill and how far it is
    Show {
        /// The backfill
        id: BackfillId,
    },
    /// Stop making runs; those that were made go on
    Pause {
        /// The backfill
        id: BackfillId,
    },
    /// Let a paused backfill go on
    Resume {
        /// The backfill
        id: BackfillId,
    },
    /// End a backfill, and cancel its unfinished runs
    Cancel {
        /// The backfill
        id: BackfillId,
    },
}

/// Arguments of `backfill create`.
#[derive(Debug, Args)]
pub struct BackfillCreateArgs {
    /// The dag
    pub dag_id: DagId,
    /// Runs the intervals that begin here or later: 2026-11-01, 2026-11-01T06:00 (both UTC), or with its offset
    #[arg(long, value_name = "TIME")]
    pub from: Moment,
    /// Runs the intervals that begin here or earlier
    #[arg(long, value_name = "TIME")]
    pub to: Moment,
    /// Which interval is run first
    #[arg(long, value_enum, default_value_t = BackfillOrder::Forward)]
    pub order: BackfillOrder,
    /// Which intervals are run again that have a run
    #[arg(long, value_enum, default_value_t = ReprocessArg::None)]
    pub reprocess: ReprocessArg,
    /// How many runs at once [default: 10]
    #[arg(long, value_name = "N")]
    pub max_active_runs: Option<u32>,
    /// What each run is triggered with: a JSON object, or @ and the name of a file that has one
    #[arg(long, value_name = "JSON")]
    pub conf: Option<String>,
    /// Tells what it would do and what that likely costs, and makes nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Which interval is run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackfillOrder {
    /// The earliest.
    Forward,
    /// The latest.
    Reverse,
}

/// Which intervals are run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReprocessArg {
    /// None.
    None,
    /// Those whose last run failed.
    Failed,
    /// Those whose last run is finished.
    Completed,
}
