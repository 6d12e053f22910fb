//! Arguments of `webhook`.

use super::PageArgs;
use clap::Subcommand;
use cofferdam_ids::DagId;

/// What can be done with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Give a dag a webhook, or its webhook a new secret, and print the secret
    Create {
        /// The dag
        dag_id: DagId,
    },
    /// List the webhooks of all dags, with what they received and refused
    List {
        /// Only those of dags whose id contains this
        #[arg(long, value_name = "TEXT")]
        pattern: Option<String>,
        /// Orders by this, with - before it for the other direction: dag_id, created_at, last_received_at, refused, last_refused_at
        #[arg(long, value_name = "FIELD", default_value = "dag_id", allow_hyphen_values = true)]
        order_by: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// List the events that came within the last day, the latest first
    Deliveries {
        /// The dag
        dag_id: DagId,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show the webhook of a dag, without its secret
    Show {
        /// The dag
        dag_id: DagId,
    },
    /// Take the webhook of a dag away
    Delete {
        /// The dag
        dag_id: DagId,
    },
}
