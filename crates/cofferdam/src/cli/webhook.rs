//! Arguments of `webhook`.

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
