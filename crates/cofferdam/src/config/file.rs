//! Reads `cofferdam.toml`, keeping the line of every value.

use super::keys::{self, KEYS, Kind};
use super::{ConfigError, Source, Valued, bundles};
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// Reads the text of a configuration file.
///
/// # Errors
/// When it is not TOML, or names a key that does not exist, or gives a table or a date where a value belongs.
pub fn parse(path: &Path, text: &str) -> Result<BTreeMap<&'static str, Valued>, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| line_at(text, span.start)),
        message: error.message().to_owned(),
    })?;
    let mut values = BTreeMap::new();
    collect(path, text, "", table.get_ref(), &mut values)?;
    Ok(values)
}

fn collect(
    path: &Path,
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    values: &mut BTreeMap<&'static str, Valued>,
) -> Result<(), ConfigError> {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let line = line_at(text, key.span().start);
        if let Some(found) = keys::find(&name) {
            let is_bundles = found.kind == Kind::Bundles;
            let text = if is_bundles { bundles::tables(value.get_ref()) } else { scalar(value.get_ref()) };
            let text = text.ok_or_else(|| ConfigError::Syntax {
                path: path.to_owned(),
                line,
                message: if is_bundles {
                    format!("`{name}` must be tables `[[{name}]]` of texts, true and false")
                } else {
                    format!("`{name}` must be text, a number, true or false, or a list of texts")
                },
            })?;
            values.insert(found.name, Valued { text, source: Source::File { path: path.to_owned(), line } });
            continue;
        }
        let section = format!("{name}.");
        match value.get_ref() {
            DeValue::Table(inner) if KEYS.iter().any(|key| key.name.starts_with(&section)) => {
                collect(path, text, &section, inner, values)?;
            }
            _ => return Err(ConfigError::UnknownKey { path: path.to_owned(), line, nearest: keys::nearest(&name), name }),
        }
    }
    Ok(())
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<&'static str, Valued>, ConfigError> {
        parse(Path::new("cofferdam.toml"), text)
    }

    #[test]
    fn values_know_their_line() {
        let values =
            read("# A comment.\nlisten = \"0.0.0.0:80\"\n\n[worker]\nslots = 0x10\nqueues = [\"default\", \"gpu\"]\n").unwrap();
        assert_eq!(values["listen"].text, "0.0.0.0:80");
        assert_eq!(values["listen"].source.to_string(), "cofferdam.toml, line 2");
        assert_eq!(values["worker.slots"].text, "16");
        assert_eq!(values["worker.queues"].text, "default,gpu");
        assert_eq!(values["worker.queues"].source.to_string(), "cofferdam.toml, line 6");
    }

    #[test]
    fn bundles_are_tables() {
        let values = read(
            "[[bundles]]\nname = \"a\"\npath = \"/dags\"\n\n[[bundles]]\nname = \"b\"\ngit = \"https://h/x\"\nprune = true\n",
        );
        let text = &values.unwrap()["bundles"].text;
        assert_eq!(bundles::parse(text).unwrap().len(), 2, "{text}");
        let error = read("bundles = [\"/dags\"]\n").unwrap_err().to_string();
        assert!(error.contains("must be tables `[[bundles]]`"), "{error}");
    }

    #[test]
    fn an_unknown_key_names_file_and_line() {
        let error = read("listen = \"[::]:80\"\n[worker]\nslotz = 3\n").unwrap_err();
        assert_eq!(error.to_string(), "cofferdam.toml, line 3: there is no key `worker.slotz`; did you mean `worker.slots`?");
        let error = read("[weather]\nrain = true\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cofferdam.toml, line 1: there is no key `weather`; see docs/configuration.md for those there are"
        );
    }

    #[test]
    fn broken_toml_names_the_line() {
        let error = read("listen = \"a:1\"\nurl = [\n").unwrap_err().to_string();
        assert!(error.starts_with("cofferdam.toml, line "), "{error}");
        let error = read("\nlisten = 1.5\n").unwrap_err().to_string();
        assert!(error.starts_with("cofferdam.toml, line 2: `listen` must be text"), "{error}");
    }
}
