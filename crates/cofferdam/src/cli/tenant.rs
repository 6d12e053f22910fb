//! Arguments of `tenant`, which an operator of the installation uses.

use super::roles::MigrateFlags;
use clap::{Args, Subcommand};
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_ids::TenantName;

/// What an operator can do with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// List the tenants with what binds them
    List(MigrateFlags),
    /// Change what binds a tenant
    Set(TenantSetArgs),
}

/// Arguments of `tenant set`. What is not given stays as it is.
#[derive(Debug, Args)]
pub struct TenantSetArgs {
    /// The tenant
    pub name: TenantName,
    /// A limit of its tries, named and written as in a dag, such as memory=256MiB or timeout=10m (may be repeated)
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub limits: Vec<String>,
    /// Takes all its limits away, before those that are given
    #[arg(long)]
    pub no_limits: bool,
    /// Private addresses or hosts that its tasks may reach when their grant names them, in place of those before (may be repeated)
    #[arg(long = "private-target", value_name = "TARGET")]
    pub private_targets: Vec<PrivateTarget>,
    /// Lets its tasks reach no private addresses
    #[arg(long, conflicts_with = "private_targets")]
    pub no_private_targets: bool,
    /// The most of its tasks that run at once; 0 for any number
    #[arg(long, value_name = "N")]
    pub max_running: Option<u32>,
    /// Its share beside the other tenants
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub weight: Option<u32>,
    /// Where the tenants are
    #[command(flatten)]
    pub database: MigrateFlags,
}

impl TenantCommand {
    /// The flags that say where the database is.
    pub(super) fn database(&self) -> &MigrateFlags {
        match self {
            Self::List(database) => database,
            Self::Set(args) => &args.database,
        }
    }
}
