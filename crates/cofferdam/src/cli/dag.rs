//! Arguments of `dag`.

use super::{PageArgs, duration};
use clap::{Args, Subcommand};
use cofferdam_ids::{DagId, DagRunId};
use std::path::PathBuf;

/// What can be done with dags.
#[derive(Debug, Subcommand)]
pub enum DagCommand {
    /// Apply definitions: a new dag, or a new version of one
    Apply {
        /// Files: YAML, JSON, programs (.py, .ts, .js), workflow components (.wasm), or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Checks on the server and changes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Check definitions without a server
    Lint {
        /// Files: YAML, JSON, programs (.py, .ts, .js), or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Checks on the server, which also knows components, their types, pools and the tenant's policy
        #[arg(long, alias = "remote")]
        server: bool,
    },
    /// Show what differs between definitions and the versions of their dags that hold now
    Diff {
        /// Files: YAML, JSON, programs (.py, .ts, .js), or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
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
    #[command(disable_version_flag = true)]
    Show {
        /// The dag
        dag_id: DagId,
        /// The tasks of this version [default: the current one]
        #[arg(long, value_name = "N")]
        version: Option<u32>,
        /// Prints the definition, as JSON, in place of what it comes to
        #[arg(long)]
        definition: bool,
    },
    /// List the versions of a dag, the latest first
    Versions {
        /// The dag
        dag_id: DagId,
    },
    /// Show the runs of a dag by days, and those that its schedule will make
    Calendar {
        /// The dag
        dag_id: DagId,
        /// The first day, in UTC [default: 365 days before the last]
        #[arg(long, value_name = "DAY")]
        from: Option<chrono::NaiveDate>,
        /// The last day, in UTC [default: 30 days from today]
        #[arg(long, value_name = "DAY")]
        to: Option<chrono::NaiveDate>,
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
    /// Start of the interval of data that it covers [default: by the schedule]
    #[arg(long, value_name = "TIME", requires = "data_interval_end")]
    pub data_interval_start: Option<chrono::DateTime<chrono::Utc>>,
    /// End of that interval
    #[arg(long, value_name = "TIME", requires = "data_interval_start")]
    pub data_interval_end: Option<chrono::DateTime<chrono::Utc>>,
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
