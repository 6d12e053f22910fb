//! Which file a dag comes from, when several name it.

use super::Known;
use super::reading::Reading;
use cofferdam_api_types::SyncFile;
use cofferdam_domain::definition::{self, Severity};
use cofferdam_ids::DagId;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The files that name each dag; the one that has it first.
#[derive(Debug, Default)]
pub(crate) struct Claimants(BTreeMap<String, Vec<String>>);

/// Finds which files name which dags. A dag stays with the file that it comes from as long as that file names it, and goes to the first
/// of the others then, those that are in order before those that are not: so a dag can be moved from one file to another, and two files can
/// exchange theirs.
pub(crate) fn settle(known: &Known, present: &[String], readings: &[(&SyncFile, Reading)]) -> Claimants {
    let present: BTreeSet<&str> = present.iter().map(String::as_str).collect();
    let mut claims = Claimants::default();
    let mut read = BTreeSet::new();
    let mut broken = BTreeSet::new();
    for (file, reading) in readings {
        let Reading::Dags(dags) = reading else { continue };
        read.insert(file.path.as_str());
        for (definition, _) in dags {
            let Some(dag) = definition.get("dag_id").and_then(Value::as_str) else { continue };
            claims.0.entry(dag.to_owned()).or_default().push(file.path.clone());
            if !is_sound(definition) {
                broken.insert((dag, file.path.as_str()));
            }
        }
    }
    // A file that could not be applied takes no dag away from one that can.
    for (dag, files) in &mut claims.0 {
        files.sort_by_key(|file| broken.contains(&(dag.as_str(), file.as_str())));
    }
    for owner in &known.dags {
        let Some(path) = owner.path.as_deref().filter(|path| present.contains(path)) else { continue };
        let files = claims.0.entry(owner.dag_id.to_string()).or_default();
        if !read.contains(path) {
            files.insert(0, path.to_owned());
        } else if let Some(at) = files.iter().position(|file| file == path) {
            let owned = files.remove(at);
            files.insert(0, owned);
        }
    }
    claims.0.retain(|_, files| !files.is_empty());
    claims
}

/// Whether nothing is wrong with a definition by itself.
fn is_sound(definition: &Value) -> bool {
    let parsed = definition::parse(definition.clone());
    parsed.is_ok_and(|dag| definition::validate(&dag).iter().all(|found| found.severity != Severity::Error))
}

impl Claimants {
    /// Whether any file names the dag.
    pub(crate) fn has(&self, dag: &DagId) -> bool {
        self.0.contains_key(dag.as_str())
    }

    /// Why a file does not have a dag that it names.
    pub(crate) fn conflict(&self, definition: &Value, path: &str) -> Option<String> {
        let dag = definition.get("dag_id")?.as_str()?;
        let files = self.0.get(dag)?;
        let first = files.first()?;
        let here = files.iter().filter(|file| *file == path).count();
        match (first == path, here) {
            (true, 0 | 1) => None,
            (true, _) => Some(format!("{path} has several dags with the dag_id '{dag}'")),
            (false, _) => Some(format!("the dag_id '{dag}' is in {path} and in {first}, which has it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_api_types::SyncContent;
    use cofferdam_domain::definition::Source;
    use cofferdam_ids::{BundleName, Digest};
    use cofferdam_store::bundles::Owner;
    use serde_json::json;

    fn file(path: &str) -> SyncFile {
        let hash = Digest::new("a".repeat(64)).unwrap();
        SyncFile { path: path.to_owned(), hash, content: SyncContent::Broken(Vec::new()) }
    }

    fn dags(names: &[&str]) -> Reading {
        let tasks = json!([{ "task_id": "t", "component": "c" }]);
        Reading::Dags(names.iter().map(|name| (json!({ "dag_id": name, "tasks": tasks }), Source::of(""))).collect())
    }

    fn owner(dag: &str, path: &str) -> Owner {
        let (dag_id, bundle) = (DagId::new(dag).unwrap(), BundleName::new("b").unwrap());
        Owner { dag_id, bundle, path: Some(path.to_owned()), stale_since: None }
    }

    fn wrong(owners: Vec<Owner>, present: &[&str], read: &[(&str, Reading)]) -> Vec<String> {
        let files: Vec<SyncFile> = read.iter().map(|(path, _)| file(path)).collect();
        let copy = |reading: &Reading| match reading {
            Reading::Dags(dags) => Reading::Dags(dags.iter().map(|(dag, _)| (dag.clone(), Source::of(""))).collect()),
            Reading::Wrong(_) => Reading::Wrong(Vec::new()),
        };
        let readings: Vec<(&SyncFile, Reading)> =
            files.iter().zip(read).map(|(file, (_, reading))| (file, copy(reading))).collect();
        let present: Vec<String> = present.iter().map(ToString::to_string).collect();
        let claims = settle(&Known { dags: owners, ..Known::default() }, &present, &readings);
        let conflicts = readings.iter().filter_map(|(file, reading)| match reading {
            Reading::Dags(dags) => dags.iter().find_map(|(dag, _)| claims.conflict(dag, &file.path)),
            Reading::Wrong(_) => None,
        });
        conflicts.collect()
    }

    #[test]
    fn a_dag_moves_and_files_exchange_theirs() {
        assert!(wrong(vec![owner("x", "a")], &["b"], &[("b", dags(&["x"]))]).is_empty(), "the file is called otherwise now");
        let moved = [("a", dags(&["y"])), ("b", dags(&["x"]))];
        assert!(wrong(vec![owner("x", "a")], &["a", "b"], &moved).is_empty());
        let exchanged = [("a", dags(&["y"])), ("b", dags(&["x"]))];
        assert!(wrong(vec![owner("x", "a"), owner("y", "b")], &["a", "b"], &exchanged).is_empty());
    }

    #[test]
    fn the_file_that_has_a_dag_keeps_it_and_the_other_is_told() {
        let told = ["the dag_id 'x' is in a and in b, which has it"];
        assert_eq!(wrong(vec![owner("x", "b")], &["a", "b"], &[("a", dags(&["x"]))]), told);
        assert_eq!(wrong(vec![owner("x", "b")], &["a", "b"], &[("a", dags(&["x"])), ("b", dags(&["x"]))]), told);
        assert_eq!(
            wrong(Vec::new(), &["a", "b"], &[("a", dags(&["x"])), ("b", dags(&["x"]))]),
            ["the dag_id 'x' is in b and in a, which has it"]
        );
        // A file that is broken now keeps what it had.
        assert_eq!(wrong(vec![owner("x", "b")], &["a", "b"], &[("a", dags(&["x"])), ("b", Reading::Wrong(Vec::new()))]), told);
        assert_eq!(wrong(Vec::new(), &["a"], &[("a", dags(&["x", "x"]))]), ["a has several dags with the dag_id 'x'"]);
        // One that nobody has goes to the file that can be applied.
        let empty = || Reading::Dags(vec![(json!({ "dag_id": "x", "tasks": [] }), Source::of(""))]);
        let told = ["the dag_id 'x' is in a and in b, which has it"];
        assert_eq!(wrong(Vec::new(), &["a", "b"], &[("a", empty()), ("b", dags(&["x"]))]), told);
        assert_eq!(
            wrong(vec![owner("x", "a")], &["a", "b"], &[("a", empty()), ("b", dags(&["x"]))]),
            ["the dag_id 'x' is in b and in a, which has it"]
        );
    }
}
