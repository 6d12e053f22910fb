//! `new`: a project of a task that builds and passes its test at once.
//!
//! The SDKs are not published, so a project gets the one that it needs as a part of itself.

use super::build::Language;
use crate::cli::NewArgs;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use rust_embed::{Embed, EmbeddedFile};
use serde::Serialize;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What stands in templates for the name of the project.
const NAME: &str = "{{name}}";

#[derive(Embed)]
#[folder = "../../sdk/rust"]
#[include = "template/*"]
#[include = "src/*"]
#[include = "macros/*"]
#[include = "Cargo.toml"]
#[include = "README.md"]
struct Rust;

#[derive(Embed)]
#[folder = "../.."]
#[include = "Cargo.toml"]
#[exclude = "*/*"]
struct Workspace;

#[derive(Embed)]
#[folder = "../../sdk/go"]
#[include = "template/*"]
#[include = "cofferdam/*"]
struct Go;

#[derive(Embed)]
#[folder = "../../sdk/c"]
#[include = "template/*"]
#[include = "cofferdam/*"]
struct C;

#[derive(Embed)]
#[folder = "../../sdk/python"]
#[exclude = "*/__pycache__/*"]
#[exclude = "tests/*"]
#[exclude = "examples/*"]
struct Python;

#[derive(Embed)]
#[folder = "../../sdk/js"]
#[exclude = "node_modules/*"]
#[exclude = "test/*"]
#[exclude = "examples/*"]
struct Js;

/// The SDKs have links into this folder.
#[derive(Embed)]
#[folder = "../../wit"]
struct Wit;

/// The version of the contract that new projects are built for.
const TASK: &str = "task/0.1.1/";

#[derive(Serialize)]
struct Made {
    directory: PathBuf,
    language: Language,
    next: Vec<&'static str>,
}

/// Makes a project in a new directory.
///
/// # Errors
/// When the name cannot be one, the directory is there, or a file cannot be written.
pub fn new(output: &Output, args: &NewArgs) -> Result<(), Failure> {
    let name = args.name.as_str();
    check(name)?;
    let dir = Path::new(name);
    if dir.exists() {
        return Err(Failure::new(Exit::Conflict, "there is such a file or directory already")
            .at(name)
            .remedy("choose another name, or remove it"));
    }
    for (path, text) in files(args.lang, name)? {
        let path = dir.join(path);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| {
            Failure::new(Exit::Failed, "the project cannot be written").at(path.display().to_string()).because(&error)
        })?;
    }
    let made = Made { directory: dir.to_owned(), language: args.lang, next: next(args.lang) };
    output.say(&made, |made| {
        let steps: String = made.next.iter().map(|step| format!("\n  {step}")).collect();
        format!("Made {name}, a task in {}. Next:\n  cd {name}{steps}", made.language.name())
    })
}

/// A name that is one for packages of all languages, for components and for dags.
fn check(name: &str) -> Result<(), Failure> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if begins && plain && name.len() <= 60 && !name.ends_with('-') && name != "cofferdam" {
        return Ok(());
    }
    Err(Failure::usage(format!("'{name}' cannot be the name of a project"))
        .remedy("take lower-case letters, digits and '-', beginning with a letter, at most 60, as in clean-weather"))
}

const fn next_of_most(test: &'static str) -> [&'static str; 2] {
    [test, "cofferdam build"]
}

fn next(language: Language) -> Vec<&'static str> {
    match language {
        Language::Rust => next_of_most("cargo test").to_vec(),
        Language::Go => next_of_most("go test").to_vec(),
        Language::C => vec!["sh test.sh"],
        Language::Python => vec![
            "python3 -m venv .venv && .venv/bin/pip install './vendor/cofferdam[build]'",
            ".venv/bin/python -m unittest",
            "cofferdam build",
        ],
        Language::Ts => vec!["npm install", "npm test", "cofferdam build"],
    }
}

/// Writes the Python SDK into a folder that Python can look for modules in.
///
/// # Errors
/// When a file cannot be written.
pub fn python_sdk(folder: &Path) -> Result<(), Failure> {
    for name in Python::iter() {
        let Some((path, file)) = name.strip_prefix("src/").zip(Python::get(&name)) else { continue };
        let path = folder.join(path);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, file.data));
        written.map_err(|error| {
            Failure::new(Exit::Failed, "the Python SDK cannot be unpacked").at(path.display().to_string()).because(&error)
        })?;
    }
    Ok(())
}

type Files = Vec<(PathBuf, Vec<u8>)>;

/// Where things of an SDK go in a project.
struct Layout {
    names: Vec<Cow<'static, str>>,
    get: fn(&str) -> Option<EmbeddedFile>,
    /// The folder of the SDK, in the project.
    sdk: &'static str,
    /// What is taken off the names of the SDK's files.
    strip: &'static str,
    /// The folder of the contract, in the SDK.
    wit: Option<&'static str>,
}

fn files(language: Language, name: &str) -> Result<Files, Failure> {
    let layout = match language {
        Language::Rust => Layout { names: Rust::iter().collect(), get: Rust::get, sdk: "cofferdam", strip: "", wit: Some("wit") },
        Language::Go => Layout { names: Go::iter().collect(), get: Go::get, sdk: "cofferdam", strip: "cofferdam/", wit: None },
        Language::C => Layout { names: C::iter().collect(), get: C::get, sdk: "cofferdam", strip: "cofferdam/", wit: None },
        Language::Python => Layout {
            names: Python::iter().collect(),
            get: Python::get,
            sdk: "vendor/cofferdam",
            strip: "",
            wit: Some("src/cofferdam/wit/task"),
        },
        Language::Ts => {
            Layout { names: Js::iter().collect(), get: Js::get, sdk: "vendor/cofferdam", strip: "", wit: Some("wit/task") }
        }
    };
    let mut files = Vec::new();
    for path in &layout.names {
        let Some(file) = (layout.get)(path) else { continue };
        if let Some(path) = path.strip_prefix("template/") {
            files.push((of_template(path), filled(language, &file.data, name)));
            continue;
        }
        let mut data = file.data.into_owned();
        if language == Language::Rust && path.ends_with("Cargo.toml") {
            data = standalone(&data)?.into_bytes();
        }
        let path = path.strip_prefix(layout.strip).unwrap_or(path);
        files.push((Path::new(layout.sdk).join(path), data));
    }
    if let Some(folder) = layout.wit {
        let folder = Path::new(layout.sdk).join(folder);
        files.retain(|(path, _)| !path.starts_with(&folder));
        for name in Wit::iter() {
            let Some((name, file)) = name.strip_prefix(TASK).zip(Wit::get(&name)) else { continue };
            files.push((folder.join(name), file.data.into_owned()));
        }
    }
    Ok(files)
}

/// Some names would mean something inside of this repository.
fn of_template(path: &str) -> PathBuf {
    match path {
        "gitignore" => ".gitignore".into(),
        other => other.strip_suffix(".txt").unwrap_or(other).into(),
    }
}

/// A file of a template with the project's name and the place of the SDK in it.
fn filled(language: Language, data: &[u8], name: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(data).replace(NAME, name);
    let text = match language {
        Language::Ts => text.replace("\"@cofferdam/sdk\": \"^0.1.0\"", "\"@cofferdam/sdk\": \"file:vendor/cofferdam\""),
        Language::Rust | Language::Python | Language::Go | Language::C => text,
    };
    text.into_bytes()
}

/// The manifest of a crate without what it takes from the workspace.
fn standalone(manifest: &[u8]) -> Result<String, Failure> {
    let broken = |what: &str| Failure::new(Exit::Failed, format!("the template of the Rust SDK is broken: {what}"));
    let parse = |data: &[u8]| String::from_utf8_lossy(data).parse::<Table>().map_err(|error| broken(error.message()));
    let workspace = Workspace::get("Cargo.toml").ok_or_else(|| broken("there is no workspace"))?;
    let workspace = parse(&workspace.data)?;
    let workspace = workspace.get("workspace").ok_or_else(|| broken("there is no workspace"))?;
    let mut manifest = parse(manifest)?;
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    resolve(&mut manifest, workspace.get("package"), "package");
    resolve(&mut manifest, workspace.get("dependencies"), "dependencies");
    if let Some(targets) = manifest.get_mut("target").and_then(Value::as_table_mut) {
        for target in targets.iter_mut().filter_map(|(_, target)| target.as_table_mut()) {
            resolve(target, workspace.get("dependencies"), "dependencies");
        }
    }
    Ok(manifest.to_string())
}

/// Puts what the workspace says in place of `workspace = true` in a table of a manifest.
fn resolve(manifest: &mut Table, workspace: Option<&Value>, table: &str) {
    let Some(entries) = manifest.get_mut(table).and_then(Value::as_table_mut) else { return };
    for (name, value) in entries {
        let inherits = value.as_table().is_some_and(|value| value.contains_key("workspace"));
        let Some(given) = workspace.and_then(|workspace| workspace.get(name)).filter(|_| inherits) else { continue };
        let mut given = given.clone();
        // The crates of this repository that the SDK needs are beside it.
        if let Some(path) = given.get_mut("path") {
            *path = Value::from(path.as_str().unwrap_or_default().trim_start_matches("sdk/rust/"));
        }
        if value.get("optional").is_some() {
            let version = given.clone();
            let table = given.as_table().cloned().unwrap_or_else(|| Table::from_iter([("version".to_owned(), version)]));
            given = Table::from_iter(table.into_iter().chain([("optional".to_owned(), Value::from(true))])).into();
        }
        *value = given;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_every_language() {
        for good in ["a", "clean-weather", "x1-2"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a_b", "a-", "-a", "a/b", "..", "cofferdam", &"a".repeat(61)] {
            assert_eq!(check(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn nothing_of_a_template_is_left_open() {
        for language in [Language::Rust, Language::Go, Language::C, Language::Python, Language::Ts] {
            let files = files(language, "clean-weather").unwrap();
            let names: Vec<_> = files.iter().map(|(path, _)| path.display().to_string()).collect();
            assert!(names.contains(&"README.md".to_owned()) && names.contains(&".gitignore".to_owned()), "{names:?}");
            for (path, data) in &files {
                assert!(!String::from_utf8_lossy(data).contains(NAME), "{}", path.display());
            }
        }
    }

    #[test]
    fn the_rust_sdk_stands_alone() {
        for (path, data) in files(Language::Rust, "x").unwrap() {
            if path.ends_with("Cargo.toml") {
                let text = String::from_utf8(data).unwrap();
                assert!(!text.contains("workspace = true"), "{}: {text}", path.display());
            }
        }
    }
}
