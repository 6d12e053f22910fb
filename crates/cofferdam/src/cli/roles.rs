//! The flags of the roles, and the configuration keys that they set.

use crate::config::FlagValue;
use clap::Args;
use std::path::PathBuf;

/// Flags of `dev`.
#[derive(Debug, Args)]
pub struct DevFlags {
    /// Where the data is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the API and the console are served
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// The directory of the PostgreSQL programs
    #[arg(long, value_name = "DIR")]
    postgres_bin: Option<PathBuf>,
    #[command(flatten)]
    slots: SlotFlags,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `api`.
#[derive(Debug, Args)]
pub struct ApiFlags {
    #[command(flatten)]
    servers: ServerFlags,
    /// Where the API and the console are served
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `scheduler`.
#[derive(Debug, Args)]
pub struct SchedulerFlags {
    #[command(flatten)]
    servers: ServerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `worker`.
#[derive(Debug, Args)]
pub struct WorkerFlags {
    #[command(flatten)]
    servers: ServerFlags,
    #[command(flatten)]
    metrics: MetricsFlags,
    #[command(flatten)]
    slots: SlotFlags,
    /// The queues that the worker serves, separated by commas
    #[arg(long, value_name = "QUEUES")]
    queues: Option<String>,
    /// The name of the worker
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    drain: DrainFlags,
}

/// Flags of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateFlags {
    /// The PostgreSQL database
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
struct ServerFlags {
    /// The PostgreSQL database
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The Redis or Valkey server
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// Where components, compiled code and logs are kept: file:///dir or s3://bucket
    #[arg(long, value_name = "URL")]
    objects_url: Option<String>,
}

#[derive(Debug, Args)]
struct MetricsFlags {
    /// Where health and metrics are served
    #[arg(long, value_name = "HOST:PORT")]
    metrics_listen: Option<String>,
}

#[derive(Debug, Args)]
struct SlotFlags {
    /// How many sandboxes to hold at once
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// What stands between tenants: `sandbox`, or `process` for a process of each tenant's own as well
    #[arg(long, value_name = "HOW")]
    isolation: Option<String>,
}

#[derive(Debug, Args)]
struct DrainFlags {
    /// How long to wait for what is going on when stopping
    #[arg(long, value_name = "DURATION")]
    drain_timeout: Option<String>,
}

impl DevFlags {
    /// Adds the keys that the flags set.
    pub(super) fn values(&self, flags: &mut FlagValues) {
        flags.path("data_dir", "--data-dir", self.data_dir.as_ref());
        flags.text("listen", "--listen", self.listen.as_deref());
        flags.path("postgres_bin", "--postgres-bin", self.postgres_bin.as_ref());
        flags.slots(&self.slots);
        flags.drain(&self.drain);
    }
}

impl ApiFlags {
    /// Adds the keys that the flags set.
    pub(super) fn values(&self, flags: &mut FlagValues) {
        flags.servers(&self.servers);
        flags.text("listen", "--listen", self.listen.as_deref());
        flags.drain(&self.drain);
    }
}

impl SchedulerFlags {
    /// Adds the keys that the flags set.
    pub(super) fn values(&self, flags: &mut FlagValues) {
        flags.servers(&self.servers);
        flags.text("metrics_listen", "--metrics-listen", self.metrics.metrics_listen.as_deref());
        flags.drain(&self.drain);
    }
}

impl WorkerFlags {
    /// Adds the keys that the flags set.
    pub(super) fn values(&self, flags: &mut FlagValues) {
        flags.servers(&self.servers);
        flags.text("metrics_listen", "--metrics-listen", self.metrics.metrics_listen.as_deref());
        flags.slots(&self.slots);
        flags.text("worker.queues", "--queues", self.queues.as_deref());
        flags.text("worker.name", "--name", self.name.as_deref());
        flags.drain(&self.drain);
    }
}

impl MigrateFlags {
    /// Adds the keys that the flags set.
    pub(super) fn values(&self, flags: &mut FlagValues) {
        flags.text("database_url", "--database-url", self.database_url.as_deref());
    }
}

/// The configuration keys that flags set, while they are collected.
#[derive(Default)]
pub(super) struct FlagValues(pub(super) Vec<FlagValue>);

impl FlagValues {
    /// A key whose flag is a text.
    pub(super) fn text(&mut self, key: &'static str, flag: &'static str, text: Option<&str>) {
        self.0.extend(text.map(|text| FlagValue { key, flag, text: text.to_owned() }));
    }

    fn path(&mut self, key: &'static str, flag: &'static str, path: Option<&PathBuf>) {
        self.text(key, flag, path.map(|path| path.to_string_lossy()).as_deref());
    }

    fn servers(&mut self, servers: &ServerFlags) {
        self.text("database_url", "--database-url", servers.database_url.as_deref());
        self.text("redis_url", "--redis-url", servers.redis_url.as_deref());
        self.text("objects_url", "--objects-url", servers.objects_url.as_deref());
    }

    fn slots(&mut self, slots: &SlotFlags) {
        self.text("worker.slots", "--slots", slots.slots.as_deref());
        self.text("worker.isolation", "--isolation", slots.isolation.as_deref());
    }

    fn drain(&mut self, drain: &DrainFlags) {
        self.text("drain_timeout", "--drain-timeout", drain.drain_timeout.as_deref());
    }
}
