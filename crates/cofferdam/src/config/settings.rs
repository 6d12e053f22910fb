//! The effective configuration as typed values.

use super::bundles::{self, BundleSettings};
use super::{ConfigError, Effective, Source, parse_bytes, parse_duration};
use std::path::PathBuf;
use std::time::Duration;

/// How long a lease is valid.
const DEFAULT_LEASE: Duration = Duration::from_secs(15);

/// How long dead letters are kept once they were resolved or discarded.
const DEFAULT_LETTERS_KEPT: Duration = Duration::from_secs(720 * 3600);

/// A worker prolongs its leases at a third of their length; below this, it would do little else.
const SHORTEST_LEASE: Duration = Duration::from_millis(500);

/// What a long-running role is configured with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The PostgreSQL database.
    pub database_url: Option<String>,
    /// The most PostgreSQL connections.
    pub database_connections: u32,
    /// The Redis server.
    pub redis_url: Option<String>,
    /// Where objects are kept.
    pub objects_url: Option<String>,
    /// How S3 is reached.
    pub s3: S3Settings,
    /// What tokens and compiled code are signed with.
    pub secret_key: Option<String>,
    /// Earlier values of it, which still open what they sealed.
    pub earlier_secret_keys: Vec<String>,
    /// Where `dev` keeps its data.
    pub data_dir: PathBuf,
    /// The directory of the operators.
    pub std_dir: Option<PathBuf>,
    /// The directory of the PostgreSQL programs.
    pub postgres_bin: Option<PathBuf>,
    /// Where the API is served.
    pub listen: String,
    /// Where a scheduler or worker serves health and metrics.
    pub metrics_listen: Option<String>,
    /// Marks the session cookie `Secure`.
    pub secure_cookies: bool,
    /// Bundles that the API reads by itself.
    pub bundles: Vec<BundleSettings>,
    /// The largest component, in bytes.
    pub upload_limit: u64,
    /// How long a stopping process waits.
    pub drain_timeout: Duration,
    /// How long dead letters are kept once they were resolved or discarded.
    pub dead_letters_kept: Duration,
    /// Sandboxes of a worker.
    pub worker_slots: Option<u32>,
    pub worker_compute_processors: Option<usize>,
    /// Queues of a worker.
    pub worker_queues: Vec<String>,
    /// How long a lease of a worker is valid.
    pub worker_lease: Duration,
    /// What tasks may reach outside of the public internet.
    pub worker_egress_private: Vec<String>,
    /// PEM files of authorities that vouch for servers, besides the machine's.
    pub worker_extra_ca: Vec<PathBuf>,
    /// Where a worker keeps what tasks write to their scratch directories.
    pub worker_scratch_dir: Option<PathBuf>,
    /// Whether a worker process gives up what it does not need.
    pub worker_confine: bool,
    /// What a confined worker may read besides its own files and the system's.
    pub worker_readable: Vec<PathBuf>,
    /// Whether each tenant's tasks run in a process of their own.
    pub worker_processes_apart: bool,
    /// How many tenants may have one at once.
    pub worker_processes: usize,
    /// After how long an idle one is ended.
    pub worker_process_idle: Duration,
    /// The name of a worker.
    pub worker_name: Option<String>,
    /// What the CLI talks to.
    pub url: String,
    /// Whether anything but the default names `url`.
    pub url_is_set: bool,
    /// What the CLI authenticates with.
    pub token: Option<String>,
}

/// How S3, or what speaks its protocol, is reached.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Another server than Amazon's.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The id of the access key.
    pub access_key_id: Option<String>,
    /// The access key.
    pub secret_access_key: Option<String>,
    /// The token of a temporary key.
    pub session_token: Option<String>,
}

impl Settings {
    /// Reads the values, which [`Effective::load`] checked.
    #[must_use]
    pub fn new(effective: &Effective) -> Self {
        let text = |key: &str| effective.get(key).map(|value| value.text.clone());
        let path = |key: &str| text(key).map(PathBuf::from);
        let or_default = |key: &str| text(key).unwrap_or_default();
        Self {
            database_url: text("database_url"),
            database_connections: or_default("database_connections").parse().unwrap_or(16),
            redis_url: text("redis_url"),
            objects_url: text("objects_url"),
            s3: S3Settings {
                endpoint: text("s3.endpoint"),
                region: text("s3.region"),
                access_key_id: text("s3.access_key_id"),
                secret_access_key: text("s3.secret_access_key"),
                session_token: text("s3.session_token"),
            },
            secret_key: text("secret_key"),
            earlier_secret_keys: or_default("earlier_secret_keys")
                .split(',')
                .map(|secret| secret.trim().to_owned())
                .filter(|secret| !secret.is_empty())
                .collect(),
            data_dir: or_default("data_dir").into(),
            std_dir: path("std_dir"),
            postgres_bin: path("postgres_bin"),
            listen: or_default("listen"),
            metrics_listen: text("metrics_listen"),
            secure_cookies: or_default("secure_cookies") == "true",
            bundles: text("bundles").and_then(|text| bundles::parse(&text).ok()).unwrap_or_default(),
            upload_limit: parse_bytes(&or_default("upload_limit")).unwrap_or(64 << 20),
            drain_timeout: parse_duration(&or_default("drain_timeout")).unwrap_or(Duration::from_secs(30)),
            dead_letters_kept: parse_duration(&or_default("dead_letters_kept")).unwrap_or(DEFAULT_LETTERS_KEPT),
            worker_slots: text("worker.slots").and_then(|slots| slots.parse().ok()),
            worker_compute_processors: text("worker.compute_processors").and_then(|count| count.parse().ok()),
            worker_queues: or_default("worker.queues").split(',').map(|queue| queue.trim().to_owned()).collect(),
            worker_lease: parse_duration(&or_default("worker.lease")).unwrap_or(DEFAULT_LEASE).max(SHORTEST_LEASE),
            worker_egress_private: or_default("worker.egress_private")
                .split(',')
                .map(|target| target.trim().to_owned())
                .filter(|target| !target.is_empty())
                .collect(),
            worker_extra_ca: or_default("worker.extra_ca")
                .split(',')
                .map(|path| PathBuf::from(path.trim()))
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            worker_scratch_dir: path("worker.scratch_dir"),
            worker_confine: or_default("worker.confine") == "true",
            worker_readable: or_default("worker.readable")
                .split(',')
                .map(|path| PathBuf::from(path.trim()))
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            worker_processes_apart: or_default("worker.isolation") == "process",
            worker_processes: or_default("worker.processes").parse().unwrap_or(32),
            worker_process_idle: parse_duration(&or_default("worker.process_idle")).unwrap_or(Duration::from_secs(60)),
            worker_name: text("worker.name"),
            url: or_default("url").trim_end_matches('/').to_owned(),
            url_is_set: effective.get("url").is_some_and(|value| value.source != Source::Default),
            token: text("token"),
        }
    }

    /// What a role that runs apart from the others needs.
    ///
    /// # Errors
    /// One error that lists all that is missing.
    pub fn installation(&self, role: &'static str, needs: &[&'static str]) -> Result<Installation, ConfigError> {
        let value = |key: &'static str| match key {
            "database_url" => self.database_url.clone(),
            "redis_url" => self.redis_url.clone(),
            "objects_url" => self.objects_url.clone(),
            "secret_key" => self.secret_key.clone(),
            _ => None,
        };
        let missing: Vec<&'static str> = needs.iter().copied().filter(|key| value(key).is_none()).collect();
        if !missing.is_empty() {
            return Err(ConfigError::Missing { role, missing });
        }
        let given = |key| value(key).unwrap_or_default();
        let secret_key = given("secret_key");
        if needs.contains(&"secret_key") && secret_key.len() < MIN_SECRET {
            return Err(ConfigError::Invalid {
                key: "secret_key",
                expected: format!("at least {MIN_SECRET} characters (make one with `openssl rand -hex 32`)"),
                found: format!("{} characters", secret_key.len()),
                from: Source::Default,
            });
        }
        Ok(Installation {
            database_url: given("database_url"),
            redis_url: given("redis_url"),
            objects_url: given("objects_url"),
            secret_key,
        })
    }
}

/// The fewest characters of a secret key.
const MIN_SECRET: usize = 32;

/// The servers that the separate roles share.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The PostgreSQL database.
    pub database_url: String,
    /// The Redis server.
    pub redis_url: String,
    /// Where objects are kept.
    pub objects_url: String,
    /// What tokens and compiled code are signed with.
    pub secret_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn settings<const N: usize>(variables: [(&str, &str); N]) -> Settings {
        let dir = tempfile::tempdir().unwrap();
        Settings::new(&Effective::load(&Environment::from(variables), None, &[], dir.path()).unwrap())
    }

    #[test]
    fn all_that_is_missing_is_listed_at_once() {
        let settings = settings([("COFFERDAM_REDIS_URL", "redis://h")]);
        let error = settings.installation("worker", &["database_url", "redis_url", "objects_url", "secret_key"]).unwrap_err();
        assert_eq!(error.to_string(), "`cofferdam worker` needs `database_url`, `objects_url`, `secret_key`");
    }

    #[test]
    fn a_short_secret_key_is_refused() {
        let error = settings([("COFFERDAM_SECRET_KEY", "short")]).installation("api", &["secret_key"]).unwrap_err().to_string();
        assert!(error.contains("at least 32 characters") && error.contains("5 characters"), "{error}");
    }

    #[test]
    fn values_are_read() {
        let settings = settings([
            ("COFFERDAM_WORKER_QUEUES", "default, gpu"),
            ("COFFERDAM_UPLOAD_LIMIT", "1MiB"),
            ("COFFERDAM_DRAIN_TIMEOUT", "5m"),
            ("COFFERDAM_WORKER_LEASE", "0ms"),
            ("COFFERDAM_URL", "http://h:1/"),
        ]);
        assert_eq!(settings.worker_queues, ["default", "gpu"]);
        assert_eq!(settings.upload_limit, 1 << 20);
        assert_eq!(settings.drain_timeout, Duration::from_secs(300));
        assert_eq!(settings.worker_lease, SHORTEST_LEASE);
        assert_eq!((settings.url.as_str(), settings.url_is_set), ("http://h:1", true));
    }
}
