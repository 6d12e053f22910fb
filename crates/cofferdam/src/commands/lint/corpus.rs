//! Definitions with mistakes, and how they are shown: `tests/diagnostics/*.yaml` beside `*.txt`.
//!
//! `COFFERDAM_GEN=write cargo test -p cofferdam-cli corpus` writes the texts anew; what changed is then for a person to read.

use super::own;
use crate::document::Document;
use crate::output::finding::render;
use cofferdam_domain::definition::{self, ComponentRef, Diagnostic, Surroundings};
use cofferdam_domain::job::Entry;
use cofferdam_domain::plan::{Component, DagPlan, ResolveError};
use cofferdam_domain::wit::{Field, Named, WitFunction, WitType};
use cofferdam_ids::Digest;
use std::fs;
use std::path::Path;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/diagnostics");

fn named(name: &str, fields: Vec<Field>) -> WitType {
    WitType::Record { named: Named { name: Some(name.to_owned()), docs: None }, fields }
}

fn field(name: &str, ty: WitType) -> Field {
    Field { name: name.to_owned(), ty, docs: None }
}

fn function(name: &str, params: Vec<Field>, result: Option<WitType>) -> WitFunction {
    let interface = Some("acme:rows/api@1.0.0".to_owned());
    WitFunction { interface, name: name.to_owned(), params, result, docs: None, refused: None }
}

/// What the definitions of the corpus can name: `typed` with functions, `script` and `json` of any JSON.
fn component(wanted: &ComponentRef) -> Result<Component, ResolveError> {
    let digest = Digest::new("a".repeat(64)).unwrap();
    let list = |ty: WitType| WitType::List(Box::new(ty));
    let row = |count| named("row", vec![field("station-id", WitType::U64), field("count", count)]);
    let report =
        named("report", vec![field("rows", list(row(WitType::S64))), field("note", WitType::Option(Box::new(WitType::String)))]);
    let functions = vec![
        function("fetch", vec![field("station", WitType::String)], Some(report)),
        function("store", vec![field("rows", list(row(WitType::U8))), field("most", WitType::U16)], None),
    ];
    match wanted.name.as_str() {
        "typed" => Ok(Component { digest, entry: None, functions, run: None }),
        "json" | "std/python" => Ok(Component { digest, entry: Some(Entry::Task), functions: Vec::new(), run: None }),
        other => Err(ResolveError {
            code: definition::DiagnosticCode::UnknownComponent,
            message: format!("the component '{other}' does not exist"),
            help: Some(format!("upload it first: cofferdam component push FILE --name {other}")),
        }),
    }
}

fn found(document: &Document) -> Vec<Diagnostic> {
    let dag = match definition::parse(document.value.clone()) {
        Ok(dag) => dag,
        Err(found) => return found,
    };
    let mut warnings = Vec::new();
    let mut found = match DagPlan::compile_noting(&dag, component, &mut warnings) {
        Ok(_) => warnings,
        Err(found) => found,
    };
    let surroundings = Surroundings {
        pools: [("database".parse().unwrap(), 4)].into(),
        variables: vec!["region".to_owned()],
        connections: vec!["warehouse_eu".to_owned()],
        limits: Some(cofferdam_domain::limits::Limits {
            memory_bytes: 128 << 20,
            ..cofferdam_domain::limits::Limits::hard_caps()
        }),
        private_targets: Vec::new(),
        without_conf: ["typed".parse().unwrap()].into(),
    };
    found.extend(definition::check_surroundings(&dag, &surroundings));
    found
}

fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let findings = match Document::parse(&name, &text) {
        Ok(document) => found(&document).into_iter().map(|problem| document.locate(own(problem))).collect(),
        Err(failure) => failure.findings,
    };
    findings
        .iter()
        .map(|finding| render(finding, false).unwrap_or_else(|| finding.to_string()) + "\n")
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the texts are written anew when the environment says so")]
fn every_mistake_is_shown_as_it_was() {
    let write = std::env::var("COFFERDAM_GEN").is_ok_and(|mode| mode == "write");
    let mut paths: Vec<_> = fs::read_dir(CORPUS).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"));
    paths.sort();
    assert!(paths.len() > 10, "the corpus is gone");
    for path in paths {
        let kept = path.with_extension("txt");
        let shown = shown(&path);
        assert!(!shown.is_empty(), "{}: nothing was found", path.display());
        if write {
            fs::write(&kept, &shown).unwrap();
        }
        let expected = fs::read_to_string(&kept).unwrap_or_default();
        assert!(shown == expected, "{}: shown is now\n{shown}\nand was\n{expected}", path.display());
    }
}
