//! Every configuration key: its name, what it means, its default, and how it is shown.

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `scheme://…` with one of these schemes.
    Url(&'static [&'static str]),
    /// `host:port`.
    Address,
    /// A path.
    Path,
    /// A whole number and a unit, `30s`, `500ms`, `5m` or `2h`.
    Duration,
    /// A whole number of at least 1.
    Count,
    /// A whole number of bytes, or with a unit: `64MiB`.
    Bytes,
    /// Names separated by commas.
    List,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Bundles: tables in the file, a JSON list elsewhere.
    Bundles,
}

/// How much of a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// All but the password that the URL may carry.
    Password,
    /// Nothing.
    Secret,
}

/// One configuration key.
#[derive(Debug)]
pub struct Key {
    /// The name in `cofferdam.toml`; `a.b` stands for `b` in the table `[a]`.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub about: &'static str,
    /// The value when nothing sets it.
    pub default: Option<&'static str>,
    /// What a value must look like.
    pub kind: Kind,
    /// How much of it `config show` prints.
    pub secrecy: Secrecy,
}

impl Key {
    const fn open(name: &'static str, kind: Kind, default: Option<&'static str>, about: &'static str) -> Self {
        Self { name, about, default, kind, secrecy: Secrecy::Open }
    }

    const fn hidden(name: &'static str, kind: Kind, secrecy: Secrecy, about: &'static str) -> Self {
        Self { name, about, default: None, kind, secrecy }
    }

    /// The environment variable that sets the key.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("COFFERDAM_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

const POSTGRES: Kind = Kind::Url(&["postgres", "postgresql"]);
const REDIS: Kind = Kind::Url(&["redis", "rediss", "redis+unix", "unix"]);
const OBJECTS: Kind = Kind::Url(&["file", "s3"]);
const HTTP: Kind = Kind::Url(&["http", "https"]);

/// Every key, in the order in which `config show` lists them.
pub const KEYS: &[Key] = &[
    Key::hidden("database_url", POSTGRES, Secrecy::Password, "The PostgreSQL database."),
    Key::open("database_connections", Kind::Count, Some("16"), "The most PostgreSQL connections that this process opens."),
    Key::hidden("redis_url", REDIS, Secrecy::Password, "The Redis or Valkey server."),
    Key::hidden("objects_url", OBJECTS, Secrecy::Password, "Where components, compiled code and logs are kept."),
    Key::open("s3.endpoint", HTTP, None, "Another S3 server than Amazon's."),
    Key::open("s3.region", Kind::Text, None, "The region of the bucket; `us-east-1` when unset."),
    Key::open("s3.access_key_id", Kind::Text, None, "The id of the S3 access key; without it the machine's own role is used."),
    Key::hidden("s3.secret_access_key", Kind::Text, Secrecy::Secret, "The S3 access key."),
    Key::hidden("s3.session_token", Kind::Text, Secrecy::Secret, "The token that comes with a temporary S3 access key."),
    Key::hidden(
        "secret_key",
        Kind::Text,
        Secrecy::Secret,
        "Signs access tokens and compiled code, and seals variables and connections; the same in all processes of an installation.",
    ),
    Key::hidden(
        "earlier_secret_keys",
        Kind::List,
        Secrecy::Secret,
        "Earlier values of `secret_key`: what they sealed can still be read, and `cofferdam secrets rotate` seals it anew.",
    ),
    Key::open("data_dir", Kind::Path, Some(".cofferdam"), "Where `cofferdam dev` keeps its data."),
    Key::open(
        "std_dir",
        Kind::Path,
        None,
        "The directory of the operators that every tenant finds under `std/`; by default `std` beside the program, where there is one.",
    ),
    Key::open("postgres_bin", Kind::Path, None, "The directory of the PostgreSQL programs that `cofferdam dev` starts."),
    Key::open("listen", Kind::Address, Some("127.0.0.1:8080"), "Where the API and the console are served."),
    Key::open(
        "metrics_listen",
        Kind::Address,
        None,
        "Where a scheduler or worker serves health and metrics; nowhere when unset.",
    ),
    Key::open(
        "secure_cookies",
        Kind::Switch,
        Some("false"),
        "Marks the session cookie `Secure`; set it when the API is behind HTTPS.",
    ),
    Key::hidden(
        "bundles",
        Kind::Bundles,
        Secrecy::Secret,
        "Directories and git repositories whose dags the API keeps applied: tables `[[bundles]]`, or a JSON list in the environment.",
    ),
    Key::open("upload_limit", Kind::Bytes, Some("64MiB"), "The largest component that is accepted."),
    Key::open("drain_timeout", Kind::Duration, Some("30s"), "How long a stopping process waits for what it is doing."),
    Key::open(
        "dead_letters_kept",
        Kind::Duration,
        Some("720h"),
        "How long dead letters are kept once they were resolved or discarded, in tenants that have not set a time of their own.",
    ),
    Key::open("worker.slots", Kind::Count, None, "How many sandboxes a worker holds at once; by default set from the machine."),
    Key::open(
        "worker.compute_processors",
        Kind::Count,
        None,
        "How many processors tasks that compute for more than a few milliseconds may use; by default all but one, which keeps short tasks quick.",
    ),
    Key::open("worker.queues", Kind::List, Some("default"), "The queues that a worker serves."),
    Key::open(
        "worker.lease",
        Kind::Duration,
        Some("15s"),
        "After how long a worker that is not heard of is taken for lost, and its tasks are run by others.",
    ),
    Key::open(
        "worker.egress_private",
        Kind::List,
        None,
        "Private addresses and hosts that tasks may send requests to when their grant names them, as `10.1.0.0/16`; none when unset.",
    ),
    Key::open(
        "worker.extra_ca",
        Kind::List,
        None,
        "PEM files with certificates of authorities, besides those that the machine trusts, that vouch for servers that tasks ask by https.",
    ),
    Key::open(
        "worker.scratch_dir",
        Kind::Path,
        None,
        "Where a worker keeps what tasks write to their scratch directories; by default with the system's temporary files.",
    ),
    Key::open(
        "worker.confine",
        Kind::Switch,
        Some("true"),
        "Whether a worker process gives up capabilities, system calls and files that it does not need.",
    ),
    Key::open(
        "worker.readable",
        Kind::List,
        None,
        "Files and folders that a confined worker may read besides its own and the system's, such as certificates.",
    ),
    Key::open(
        "worker.isolation",
        Kind::Choice(&["sandbox", "process"]),
        Some("sandbox"),
        "What stands between tenants: the sandbox alone, or also a process for each tenant, which holds no credentials.",
    ),
    Key::open(
        "worker.processes",
        Kind::Count,
        Some("32"),
        "How many tenants may have a process at once under `worker.isolation = \"process\"`; others wait for an idle one to end.",
    ),
    Key::open(
        "worker.process_idle",
        Kind::Duration,
        Some("1m"),
        "After how long a tenant's process in which nothing runs is ended.",
    ),
    Key::open("worker.name", Kind::Text, None, "The name of a worker; by default its host and process id."),
    Key::open("log", Kind::Text, None, "What is logged: a level, or a filter such as `info,cofferdam_engine=debug`."),
    Key::open(
        "log_format",
        Kind::Choice(&["auto", "text", "json"]),
        Some("auto"),
        "How it is logged; `auto` is text on a terminal.",
    ),
    Key::open("url", HTTP, Some("http://127.0.0.1:8080"), "The API that the commands of the CLI talk to."),
    Key::hidden("token", Kind::Text, Secrecy::Secret, "The API key or access token that the CLI sends."),
    Key::open("output", Kind::Choice(&["auto", "table", "json"]), Some("auto"), "How the CLI prints results; `auto` is a table."),
];

/// The key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The environment variable of the key of that name.
#[must_use]
pub fn variable_of(name: &str) -> String {
    find(name).map_or_else(|| name.to_owned(), Key::variable)
}

/// The name of a key that looks most like `name`, when one is near.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter().map(|key| (distance(key.name, name), key.name)).min().filter(|(distance, _)| *distance <= 3).map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_after_their_keys() {
        assert_eq!(find("worker.slots").unwrap().variable(), "COFFERDAM_WORKER_SLOTS");
        assert_eq!(find("database_url").unwrap().variable(), "COFFERDAM_DATABASE_URL");
    }

    #[test]
    fn a_misspelt_key_is_guessed() {
        assert_eq!(nearest("databse_url"), Some("database_url"));
        assert_eq!(nearest("worker.slot"), Some("worker.slots"));
        assert_eq!(nearest("colour_of_the_sky"), None);
    }

    #[test]
    fn every_key_is_documented() {
        let page = include_str!("../../../../docs/configuration.md");
        for key in KEYS {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", key.name)));
            let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for `{}`", key.name));
            assert!(row.contains(&key.variable()), "{row}");
            assert!(row.contains(key.about), "{row}");
            if let Some(default) = key.default {
                assert!(row.contains(&format!("`{default}`")), "{row}");
            }
        }
    }
}
