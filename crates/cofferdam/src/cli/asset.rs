//! Arguments of `asset`.

use super::PageArgs;
use clap::Subcommand;

/// What can be done with assets.
#[derive(Debug, Subcommand)]
pub enum AssetCommand {
    /// List assets
    List {
        /// Only those whose name contains this
        #[arg(long, value_name = "TEXT")]
        pattern: Option<String>,
        /// Orders by this, with - before it for the other direction: uri, created_at, last_event_at
        #[arg(long, value_name = "FIELD", default_value = "uri", allow_hyphen_values = true)]
        order_by: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show an asset, who produces it and who waits for it
    Show {
        /// The asset
        uri: String,
    },
    /// List what has happened to assets, and the runs that followed
    Events {
        /// Only those of this asset
        uri: Option<String>,
        /// Orders by this, with - before it for the other direction: timestamp, source_dag_id, source_task_id, source_run_id
        #[arg(long, value_name = "FIELD", default_value = "-timestamp", allow_hyphen_values = true)]
        order_by: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Tell that an asset has changed: the dags that wait for it run
    Send {
        /// The asset
        uri: String,
        /// What is said of it: JSON
        #[arg(long, value_name = "JSON")]
        extra: Option<String>,
    },
}
