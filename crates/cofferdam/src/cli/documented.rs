//! Commands that the documentation shows are commands that there are.

use super::Cli;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::path::{Path, PathBuf};

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folders = [
        "",
        "docs",
        "docs/errors",
        "examples/weather-etl",
        "examples/operators",
        "sdk/rust",
        "sdk/python",
        "sdk/js",
        "sdk/go",
        "sdk/c",
    ];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The words of a line, as a shell takes them apart; nothing behind a comment, a pipe or a semicolon.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\\') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, '|' | ';' | '&' | '>') => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The commands of a page, each on one line, and whether it is in a block of code: in the text, arguments may be left out.
fn commands(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            let line = line.trim().trim_start_matches("$ ");
            found.extend(line.starts_with("cofferdam ").then(|| (line.to_owned(), true)));
        } else {
            let shown = line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("cofferdam ") && !code.contains('['));
            found.extend(shown.map(|command| (command.to_owned(), false)));
        }
    }
    found
}

/// Whether the words name a command, whose arguments are then left out.
fn names_a_command(words: &[String]) -> bool {
    let mut command = Cli::command();
    words.iter().skip(1).all(|word| match command.find_subcommand(word) {
        Some(found) => {
            command = found.clone();
            true
        }
        None => false,
    })
}

#[test]
fn every_command_in_the_documentation_is_understood() {
    let mut checked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (command, is_whole) in commands(&text) {
            // Placeholders are words in capitals; where an id is asked for they stand for one.
            let stand_in = |word: String| match word.as_str() {
                "ID" => "019aa2f0-5d4e-7c1b-9a55-0d6b6f1c2e11".to_owned(),
                "NAME" => "name".to_owned(),
                _ => word.replace("$task", "task").replace('…', "0"),
            };
            let words: Vec<String> = words(&command).into_iter().map(stand_in).collect();
            if words.get(1).is_some_and(|word| matches!(word.as_str(), "=" | "help")) || names_a_command(&words) {
                continue;
            }
            if let Err(error) = Cli::try_parse_from(&words)
                && error.use_stderr()
                && (is_whole || error.kind() != ErrorKind::MissingRequiredArgument)
            {
                panic!("{}: {command}\n{error}", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked} are too few: are they still found?");
}

/// Every command has its place in the table of `docs/cli.md`.
#[test]
fn every_command_is_documented() {
    let table = include_str!("../../../../docs/cli.md");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let mut missing = Vec::new();
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let name = command.get_name();
        let own: Vec<&&str> = rows.iter().filter(|row| row.split(['`', ' ', ',']).any(|word| word == name)).collect();
        if own.is_empty() {
            missing.push(name.to_owned());
        }
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            if !own.iter().any(|row| row.split(['`', ' ', ',']).any(|word| word == sub.get_name())) {
                missing.push(format!("{name} {}", sub.get_name()));
            }
        }
    }
    assert!(missing.is_empty(), "docs/cli.md says nothing of {missing:?}");
}
