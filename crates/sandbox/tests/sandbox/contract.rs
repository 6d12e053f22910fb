//! The versions of the contract: released ones do not change, and guests of earlier ones go on running.

use crate::lab::{Recorder, output, program, request, runtime};
use cofferdam_domain::ending::Ending;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::Level;
use cofferdam_sandbox::inspect::{Kind, UploadCaps, inspect};
use cofferdam_test_guests::artefacts;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wit_parser::{Docs, Resolve, Type, TypeDefKind, WorldItem};

#[test]
fn released_versions_are_frozen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/task");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut listed = Vec::new();
    for line in sums.lines() {
        let (sum, file) = line.split_once("  ").unwrap();
        let bytes = std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file} is part of a release: {error}"));
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{file} was released and must not change: add a version beside it");
        listed.push(file.to_owned());
    }
    let mut there: Vec<_> = std::fs::read_dir(folder.join("0.1.0")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    there.sort();
    let there: Vec<_> = there.into_iter().map(|name| format!("0.1.0/{}", name.display())).collect();
    assert_eq!(listed, there);
}

/// Interfaces, functions, types, fields and cases: whoever reads the WIT needs no other page.
#[test]
fn every_item_is_documented() {
    for version in ["task/0.1.0", "task/0.1.1", "workflow/0.1.0"] {
        let mut resolve = Resolve::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(version);
        let (package, _) = resolve.push_dir(&folder).unwrap_or_else(|error| panic!("{version}: {error:#}"));
        let (mut items, mut bare) = (0, Vec::new());
        let mut look = |name: String, docs: &Docs| {
            items += 1;
            if docs.contents.as_ref().is_none_or(|text| text.trim().is_empty()) {
                bare.push(name);
            }
        };
        for (name, interface) in &resolve.packages[package].interfaces {
            let interface = &resolve.interfaces[*interface];
            look(name.clone(), &interface.docs);
            for (function, described) in &interface.functions {
                look(format!("{name}.{function}"), &described.docs);
            }
            for (ty, id) in &interface.types {
                let described = &resolve.types[*id];
                // What is used from another interface is documented there.
                if matches!(described.kind, TypeDefKind::Type(Type::Id(_))) {
                    continue;
                }
                look(format!("{name}.{ty}"), &described.docs);
                let parts: Vec<(&String, &Docs)> = match &described.kind {
                    TypeDefKind::Record(record) => record.fields.iter().map(|field| (&field.name, &field.docs)).collect(),
                    TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (&case.name, &case.docs)).collect(),
                    TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| (&case.name, &case.docs)).collect(),
                    TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| (&flag.name, &flag.docs)).collect(),
                    _ => Vec::new(),
                };
                parts.into_iter().for_each(|(part, docs)| look(format!("{name}.{ty}.{part}"), docs));
            }
        }
        for (name, world) in &resolve.packages[package].worlds {
            let world = &resolve.worlds[*world];
            look(name.clone(), &world.docs);
            for (export, item) in &world.exports {
                if let WorldItem::Function(function) = item {
                    look(format!("{name}: {}", resolve.name_world_key(export)), &function.docs);
                }
            }
        }
        assert_eq!(bare, [""; 0], "of {version}");
        assert!(items >= 3, "{items} items in {version}");
    }
}

#[tokio::test]
async fn a_guest_of_the_first_version_still_runs() {
    let inspection = inspect(&artefacts::bytes("first-version"), &UploadCaps::default()).unwrap();
    assert_eq!(inspection.kind, Kind::Task);
    let ours: Vec<_> = inspection.imports.iter().filter(|import| import.interface.starts_with("cofferdam:")).collect();
    assert_eq!(ours.len(), 4);
    assert!(ours.iter().all(|import| import.offered && import.interface.ends_with("@0.1.0")), "{ours:?}");

    let mut host = Recorder::default();
    host.xcoms.insert(("fetch".to_owned(), "return_value".to_owned()), Ok(Some("[1]".to_owned())));
    let host = Arc::new(host);
    let run = async |input: &str| {
        let request = request(Entry::Task, input.to_owned(), Limits::default());
        runtime().run(&program("first-version"), request, host.clone(), CancellationToken::new()).await
    };
    let report = run("7").await;
    assert_eq!(output(&report), json!({"task": "clean", "pulled": [1]}));
    assert_eq!(report.xcoms.len(), 1);
    assert_eq!(host.progress.lock().unwrap().len(), 1);
    let line = host.lines.lock().unwrap().pop().unwrap();
    assert_eq!((line.level, line.message.as_str()), (Level::Warn, "from the first version"));
    assert_eq!(run("\"skip\"").await.ending, Ending::Skip { message: "nothing to do".to_owned() });
}
