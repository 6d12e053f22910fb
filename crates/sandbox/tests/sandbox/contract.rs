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
