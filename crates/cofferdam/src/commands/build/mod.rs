//! `build`: makes a component of a project, with the toolchain of its language.

mod documentation;
mod encode;
mod languages;

use super::tools::Tools;
use crate::cli::BuildArgs;
use crate::config::Environment;
use crate::failure::{Exit, Failure};
use crate::output::{Output, table};
use clap::ValueEnum;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a task is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Rust
    Rust,
    /// Python
    Python,
    /// TypeScript or JavaScript
    Ts,
    /// Go
    Go,
    /// C
    C,
}

impl Language {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::Ts => "TypeScript",
            Self::Go => "Go",
            Self::C => "C",
        }
    }

    /// The language of the project in a directory.
    fn of(dir: &Path) -> Result<Self, Failure> {
        let marks = [
            ("Cargo.toml", Self::Rust),
            ("go.mod", Self::Go),
            ("package.json", Self::Ts),
            ("pyproject.toml", Self::Python),
            ("task.c", Self::C),
        ];
        let found = marks.iter().find(|(file, _)| dir.join(file).is_file());
        found.map(|(_, language)| *language).ok_or_else(|| {
            let files: Vec<_> = marks.iter().map(|(file, _)| *file).collect();
            Failure::new(Exit::NotFound, format!("there is no project here: none of {}", files.join(", ")))
                .at(dir.display().to_string())
                .remedy("name the directory of a project (`cofferdam build DIR`), or make one with `cofferdam new`")
        })
    }
}

#[derive(Serialize)]
struct Built {
    file: PathBuf,
    language: Language,
    bytes: u64,
}

/// Builds the project in a directory.
///
/// # Errors
/// When there is no project, a tool is missing, or the build fails.
pub fn build(output: &Output, environment: &Environment, args: &BuildArgs) -> Result<(), Failure> {
    let unreadable =
        |error| Failure::new(Exit::NotFound, "there is no such directory").at(args.dir.display().to_string()).because(&error);
    let dir = args.dir.canonicalize().map_err(|error: std::io::Error| unreadable(error))?;
    let language = Language::of(&dir)?;
    let tools = Tools::new(environment);
    let mut built = languages::build(language, &dir, &tools)?;
    built.component = documentation::documented(built.component, &dir.join("wit"));
    let file = args.out.clone().unwrap_or_else(|| args.dir.join(format!("{}.wasm", built.name)));
    std::fs::write(&file, &built.component).map_err(|error| {
        Failure::new(Exit::Failed, "the component cannot be written").at(file.display().to_string()).because(&error)
    })?;
    let built = Built { file, language, bytes: built.component.len() as u64 };
    output.say(&built, |built| {
        let file = built.file.display();
        let file = file.to_string();
        let file = file.strip_prefix("./").unwrap_or(&file);
        format!(
            "Built {file} ({}, {}). `cofferdam task test {file}` runs it here.",
            built.language.name(),
            table::bytes(built.bytes)
        )
    })
}
