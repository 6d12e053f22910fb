//! Arguments of `bundle`.

use super::{PageArgs, duration};
use clap::{Args, Subcommand};
use cofferdam_ids::BundleName;
use std::time::Duration;

/// What can be done with bundles.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Apply what is new in a directory or a git repository, and end what is gone
    Sync(BundleSyncArgs),
    /// List bundles
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a bundle with its dags
    Show {
        /// The bundle
        name: BundleName,
    },
    /// Show what is wrong with files; exit code 1 when something is
    Errors {
        /// The bundle [default: all]
        name: Option<BundleName>,
    },
    /// Forget a bundle; its dags stay
    Delete {
        /// The bundle
        name: BundleName,
    },
}

/// Arguments of `bundle sync`.
#[derive(Debug, Args)]
pub struct BundleSyncArgs {
    /// A directory, or the URL of a git repository (https://, ssh://, file://, user@host:path)
    #[arg(value_name = "DIR|GIT-URL")]
    pub source: String,
    /// The name of the bundle
    #[arg(long, value_name = "NAME")]
    pub bundle: BundleName,
    /// The branch, tag or commit of the repository
    #[arg(long = "ref", value_name = "REF", default_value = "HEAD")]
    pub reference: String,
    /// Deletes dags whose file is gone; without it they are paused
    #[arg(long)]
    pub prune: bool,
    /// Checks on the server and changes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Goes on until it is stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub watch: bool,
    /// How long to wait between two looks
    #[arg(long, value_name = "DURATION", requires = "watch", default_value = "5s", value_parser = duration)]
    pub interval: Duration,
}
