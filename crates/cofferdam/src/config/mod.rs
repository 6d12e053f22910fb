//! The configuration: defaults, then `cofferdam.toml`, then the environment, then flags; the later wins.
//!
//! This is the only place of the whole project that reads environment variables.

pub mod bundles;
pub mod file;
pub mod keys;
pub mod settings;
pub mod show;

pub use settings::{Installation, Settings};

use keys::{KEYS, Key, Kind};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was asked for is not there, or cannot be read.
    #[error("{}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// A file that is not TOML, or has a value of a wrong type.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key that does not exist.
    #[error("{}, line {line}: there is no key `{name}`; {}", path.display(), match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "see docs/configuration.md for those there are".to_owned(),
    })]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        name: String,
        /// A key that it may be meant to be.
        nearest: Option<&'static str>,
    },
    /// A value that its key does not take.
    #[error("`{key}` must be {expected}; it is {found:?} ({from})")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What it takes, in words.
        expected: String,
        /// What was given; masked where it is secret.
        found: String,
        /// Where it comes from.
        from: Source,
    },
    /// Values that a role cannot do without.
    #[error("`cofferdam {role}` needs {}", list(missing))]
    Missing {
        /// The role.
        role: &'static str,
        /// The keys.
        missing: Vec<&'static str>,
    },
}

fn list(names: &[&'static str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing set it.
    Default,
    /// A file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valued {
    /// The value, as text.
    pub text: String,
    /// Where it comes from.
    pub source: Source,
}

/// The environment that the process was started in.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the variables of the process. Those that are not UTF-8 are passed over.
    #[must_use]
    pub fn of_process() -> Self {
        let utf8 =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self(std::env::vars_os().filter_map(utf8).collect())
    }

    /// The value of a variable, when it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where the user's own configuration is kept: `$XDG_CONFIG_HOME/cofferdam`, else `~/.config/cofferdam`.
    #[must_use]
    pub fn config_dir(&self) -> Option<PathBuf> {
        let base = self.get("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(Path::new(self.get("HOME")?).join(".config")));
        base.map(|base| base.join("cofferdam"))
    }

    /// Where the user's caches are kept: `$XDG_CACHE_HOME/cofferdam`, else `~/.cache/cofferdam`.
    #[must_use]
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let base = self.get("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(Path::new(self.get("HOME")?).join(".cache")));
        base.map(|base| base.join("cofferdam"))
    }

    /// Variables that look like ours and set nothing: likely misspelt.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
        let ours = self.0.keys().filter(|name| name.starts_with("COFFERDAM_"));
        ours.filter(|name| !known.contains(name) && *name != CONFIG_VARIABLE).map(String::as_str).collect()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "COFFERDAM_CONFIG";

/// A value that a flag sets.
#[derive(Clone, Debug)]
pub struct FlagValue {
    /// The key that it sets.
    pub key: &'static str,
    /// The flag, as it is typed.
    pub flag: &'static str,
    /// The value.
    pub text: String,
}

/// The effective configuration: each key with its value and where that comes from.
#[derive(Clone, Debug)]
pub struct Effective {
    values: BTreeMap<&'static str, Valued>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Variables named `COFFERDAM_…` that set nothing.
    pub ignored_variables: Vec<String>,
}

impl Effective {
    /// Reads everything and checks every value.
    ///
    /// The file is `explicit` (the flag `--config`), else what `COFFERDAM_CONFIG` names, else `cofferdam.toml` in `working_dir`,
    /// else `cofferdam.toml` in the user's configuration directory.
    ///
    /// # Errors
    /// When a file cannot be read or has an unknown key, or a value is not what its key takes.
    pub fn load(
        environment: &Environment,
        explicit: Option<&Path>,
        flags: &[FlagValue],
        working_dir: &Path,
    ) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for key in KEYS {
            if let Some(default) = key.default {
                values.insert(key.name, Valued { text: default.to_owned(), source: Source::Default });
            }
        }
        let file = locate(environment, explicit, working_dir);
        if let Some(path) = &file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::Unreadable { path: path.clone(), message: error.to_string() })?;
            let shown = path.strip_prefix(working_dir).unwrap_or(path);
            values.extend(file::parse(shown, &text)?);
        }
        for key in KEYS {
            let variable = key.variable();
            if let Some(text) = environment.get(&variable) {
                values.insert(key.name, Valued { text: text.to_owned(), source: Source::Environment(variable) });
            }
        }
        for flag in flags {
            values.insert(flag.key, Valued { text: flag.text.clone(), source: Source::Flag(flag.flag) });
        }
        let effective = Self { values, file, ignored_variables: environment.unknown().into_iter().map(str::to_owned).collect() };
        effective.check()?;
        Ok(effective)
    }

    /// The value of a key, when anything sets it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Valued> {
        self.values.get(key)
    }

    fn check(&self) -> Result<(), ConfigError> {
        for key in KEYS {
            if let Some(value) = self.values.get(key.name)
                && let Err(expected) = key.kind.check(&value.text)
            {
                let found = show::masked(key.secrecy, &value.text);
                return Err(ConfigError::Invalid { key: key.name, expected, found, from: value.source.clone() });
            }
        }
        Ok(())
    }
}

fn locate(environment: &Environment, explicit: Option<&Path>, working_dir: &Path) -> Option<PathBuf> {
    if let Some(path) = explicit.map(Path::to_owned).or_else(|| environment.get(CONFIG_VARIABLE).map(PathBuf::from)) {
        return Some(working_dir.join(path));
    }
    let near = working_dir.join("cofferdam.toml");
    let own = environment.config_dir().map(|dir| dir.join("cofferdam.toml"));
    std::iter::once(near).chain(own).find(|path| path.is_file())
}

impl Kind {
    /// Checks a value; the error says what is expected.
    fn check(self, text: &str) -> Result<(), String> {
        if self == Self::Bundles {
            return bundles::parse(text).map(|_| ());
        }
        let ok = match self {
            Self::Text => !text.is_empty(),
            Self::Path => !text.is_empty(),
            Self::Url(schemes) => {
                text.split_once("://").is_some_and(|(scheme, rest)| schemes.contains(&scheme) && !rest.is_empty())
            }
            Self::Address => text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
            Self::Duration => parse_duration(text).is_some(),
            Self::Count => text.parse::<u32>().is_ok_and(|count| count > 0),
            Self::Bytes => parse_bytes(text).is_some(),
            Self::List => !text.is_empty() && text.split(',').all(|item| !item.trim().is_empty()),
            Self::Switch => matches!(text, "true" | "false"),
            Self::Choice(words) => words.contains(&text),
            Self::Bundles => true,
        };
        if ok { Ok(()) } else { Err(self.expected()) }
    }

    fn expected(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Url(schemes) => {
                format!(
                    "a URL that starts with {}",
                    schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ")
                )
            }
            Self::Address => "an address such as 127.0.0.1:8080".to_owned(),
            Self::Duration => "a duration such as 500ms, 30s, 5m or 2h".to_owned(),
            Self::Count => "a whole number of at least 1".to_owned(),
            Self::Bytes => "a number of bytes such as 65536 or 64MiB".to_owned(),
            Self::List => "names separated by commas".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Bundles => "a list of bundles".to_owned(),
        }
    }
}

/// Reads `500ms`, `30s`, `5m` or `2h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Reads `65536`, `64KiB`, `64MiB` or `1GiB`.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(key: &'static str, flag: &'static str, text: &str) -> FlagValue {
        FlagValue { key, flag, text: text.to_owned() }
    }

    #[test]
    fn the_later_source_wins() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cofferdam.toml"), "listen = \"1.1.1.1:1\"\ndata_dir = \"file\"\nurl = \"http://file\"\n")
            .unwrap();
        let environment = Environment::from([("COFFERDAM_LISTEN", "2.2.2.2:2"), ("COFFERDAM_DATA_DIR", "environment")]);
        let flags = [flag("listen", "--listen", "3.3.3.3:3")];
        let effective = Effective::load(&environment, None, &flags, dir.path()).unwrap();
        let shown = |key: &str| {
            let value = effective.get(key).unwrap();
            format!("{} from {}", value.text, value.source)
        };
        assert_eq!(shown("listen"), "3.3.3.3:3 from flag --listen");
        assert_eq!(shown("data_dir"), "environment from environment variable COFFERDAM_DATA_DIR");
        assert_eq!(shown("url"), "http://file from cofferdam.toml, line 3");
        assert_eq!(shown("drain_timeout"), "30s from default");
        assert!(effective.get("database_url").is_none());
    }

    #[test]
    fn the_nearest_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (work, home) = (dir.path().join("work"), dir.path().join("home"));
        std::fs::create_dir_all(&work).unwrap();
        std::fs::create_dir_all(home.join("cofferdam")).unwrap();
        let environment = Environment::from([("XDG_CONFIG_HOME", home.to_str().unwrap())]);
        let listen = |environment: &Environment, explicit: Option<&Path>| {
            Effective::load(environment, explicit, &[], &work).map(|effective| effective.get("listen").unwrap().text.clone())
        };
        assert_eq!(listen(&environment, None).unwrap(), "127.0.0.1:8080");
        std::fs::write(home.join("cofferdam/cofferdam.toml"), "listen = \"own:1\"").unwrap();
        assert_eq!(listen(&environment, None).unwrap(), "own:1");
        std::fs::write(work.join("cofferdam.toml"), "listen = \"near:1\"").unwrap();
        assert_eq!(listen(&environment, None).unwrap(), "near:1");
        std::fs::write(work.join("other.toml"), "listen = \"other:1\"").unwrap();
        assert_eq!(listen(&environment, Some(Path::new("other.toml"))).unwrap(), "other:1");
        let missing = listen(&environment, Some(Path::new("missing.toml"))).unwrap_err().to_string();
        assert!(missing.contains("missing.toml"), "{missing}");
    }

    #[test]
    fn wrong_values_name_their_source_and_hide_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let load = |name: &str, value: &str| {
            let environment = Environment::from([(name, value)]);
            Effective::load(&environment, None, &[], dir.path()).unwrap_err().to_string()
        };
        assert_eq!(
            load("COFFERDAM_WORKER_SLOTS", "many"),
            "`worker.slots` must be a whole number of at least 1; it is \"many\" (environment variable COFFERDAM_WORKER_SLOTS)"
        );
        let error = load("COFFERDAM_DATABASE_URL", "mysql://root:hunter2@db/x");
        assert!(error.contains("a URL that starts with postgres://") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn misspelt_variables_are_listed() {
        let environment = Environment::from([("COFFERDAM_DATABSE_URL", "x"), ("COFFERDAM_CONFIG", "y"), ("HOME", "/")]);
        assert_eq!(environment.unknown(), ["COFFERDAM_DATABSE_URL"]);
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(parse_duration("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_duration("30"), None);
        assert_eq!(parse_duration("s"), None);
        assert_eq!(parse_bytes("64MiB"), Some(64 << 20));
        assert_eq!(parse_bytes("12"), Some(12));
        assert_eq!(parse_bytes("12 parsecs"), None);
    }
}
