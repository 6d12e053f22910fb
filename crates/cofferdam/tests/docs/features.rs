//! `docs/features.md`: each row leads to a page and to tests, and nothing that a dag can say is missing.

use super::page::{Page, links, root};
use cofferdam_domain::definition;
use std::fs;
use std::path::Path;

/// Feature, where it is described, its tests.
struct Row {
    feature: String,
    described: String,
    tests: String,
}

fn rows() -> Vec<Row> {
    let page = Page::read("docs/features.md");
    let lines = page.prose().filter(|line| line.starts_with("| ") && !line.starts_with("| Feature"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [feature, described, tests] = cells.as_slice() else { panic!("three columns: {line}") };
            let owned = |cell: &&str| (*cell).to_owned();
            Row { feature: owned(feature), described: owned(described), tests: owned(tests) }
        })
        .collect()
}

/// What stands between backticks.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// `a/{b,c}.rs` is two paths.
fn paths(cell: &str) -> Vec<String> {
    let spread = |path: &str| match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (several, after))) => several.split(',').map(|one| format!("{before}{one}{after}")).collect(),
        None => vec![path.to_owned()],
    };
    code(cell).flat_map(spread).collect()
}

/// Whether there is a test in a file, or in one of a folder. A folder of definitions beside what is to be found in them is one, too.
fn has_test(path: &Path) -> bool {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().any(|entry| has_test(&entry.unwrap().path()));
    }
    let Ok(text) = fs::read_to_string(path) else { return false };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => text.contains("#[test]") || text.contains("#[tokio::test") || text.contains("proptest! {"),
        Some("py") => text.contains("def test_"),
        Some("js") => text.contains("test("),
        Some("yaml") => path.with_extension("txt").exists(),
        _ => false,
    }
}

#[test]
fn every_feature_has_its_page_and_its_tests() {
    for row in rows() {
        assert!(links(&row.described).next().is_some(), "'{}' is described nowhere", row.feature);
        // Beside files there are commands, which have blanks, and names of what is in a file named before.
        let named = paths(&row.tests);
        let files: Vec<&String> = named.iter().filter(|path| path.contains('/') && !path.contains(' ')).collect();
        for path in &files {
            assert!(root().join(path).exists(), "'{}': there is no {path}", row.feature);
        }
        assert!(files.iter().any(|path| has_test(&root().join(path))), "'{}': there is no test in {files:?}", row.feature);
    }
}

/// Fields of a dag, of its defaults and of a task: each is part of a feature.
#[test]
fn every_field_of_a_dag_is_part_of_a_feature() {
    let schema = definition::schema();
    let properties = |pointer: &str| {
        let found =
            schema.pointer(pointer).and_then(|found| found.as_object()).unwrap_or_else(|| panic!("no {pointer}: {schema}"));
        found.keys().cloned().collect::<Vec<_>>()
    };
    let features: Vec<String> = rows().iter().flat_map(|row| code(&row.feature).map(str::to_owned).collect::<Vec<_>>()).collect();
    let mut missing: Vec<String> = ["/properties", "/$defs/task/properties", "/$defs/settings/properties"]
        .into_iter()
        .flat_map(properties)
        .filter(|field| !features.contains(field))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    assert!(missing.is_empty(), "docs/features.md says nothing of {missing:?}");
}
