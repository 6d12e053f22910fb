//! Arguments of `component`.

use super::PageArgs;
use clap::Subcommand;
use cofferdam_ids::ComponentName;
use std::path::PathBuf;

/// What can be done with components.
#[derive(Debug, Subcommand)]
pub enum ComponentCommand {
    /// Upload a component
    Push {
        /// The compiled component, or - for standard input
        file: PathBuf,
        /// Its name, such as weather/clean [default: from the file's name]
        #[arg(long, short)]
        name: Option<ComponentName>,
        /// A label for this version, such as v1
        #[arg(long, short)]
        label: Option<String>,
        /// Approves it at once when it asks for more than the version before it (admins only)
        #[arg(long)]
        approve: bool,
    },
    /// List components
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a component and its versions
    Show {
        /// The component.
        name: ComponentName,
    },
    /// Show what a version imports and exports, and its WIT
    Inspect {
        /// The component
        name: ComponentName,
        /// The version, by its digest or the beginning of it [default: the latest]
        #[arg(long, short)]
        digest: Option<String>,
        /// Prints the WIT text only
        #[arg(long)]
        wit: bool,
    },
    /// Approve a version that asks for more than the one before it
    Approve {
        /// The component
        name: ComponentName,
        /// The version, by its digest or the beginning of it [default: the latest]
        #[arg(long, short)]
        digest: Option<String>,
    },
}
