//! What an edge of a dag carries, in the types of the functions at its ends, where these are known.

use crate::core::flow::{data_edges, defined};
use cofferdam_api_types::{ComponentKind, ComponentVersionDetail, DagDetail, ExportedFunction};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What goes along the edges between two tasks, in words.
pub type EdgeTypes = Arc<BTreeMap<(String, String), String>>;

/// Versions of components, by the digest of their bytes.
pub type Versions = HashMap<String, Arc<ComponentVersionDetail>>;

/// The versions of components that stand at the ends of edges with data: name and digest.
#[must_use]
pub fn wanted(detail: &DagDetail) -> BTreeSet<(String, String)> {
    let ends: BTreeSet<String> = data_edges(&detail.definition).into_keys().flat_map(|(from, to)| [from, to]).collect();
    let tasks = detail.tasks.iter().filter(|task| ends.contains(task.task_id.as_str()));
    tasks.filter_map(|task| Some((task.component.as_ref()?.to_string(), task.digest.as_ref()?.to_string()))).collect()
}

/// The function that is called: the one that is named, with or without its interface, or the only one there is. None for a component
/// that is entered otherwise: it takes and gives any JSON.
fn called<'a>(version: &'a ComponentVersionDetail, named: Option<&str>) -> Option<&'a ExportedFunction> {
    let callable = || version.functions.iter().filter(|it| it.refused.is_none());
    let short = |name: &str| name.rsplit('#').next() == named;
    match named {
        Some(named) => callable().find(|it| it.name == named).or_else(|| callable().find(|it| short(&it.name))),
        None if version.version.kind != ComponentKind::Library => None,
        None => callable().next().filter(|_| callable().count() == 1),
    }
}

/// What goes along each edge with data, in words: `find gives list<u32>`, `count takes over: u32`.
#[must_use]
pub fn told(detail: &DagDetail, versions: &Versions) -> EdgeTypes {
    let function = |task: &str| {
        let digest = detail.tasks.iter().find(|it| it.task_id.as_str() == task)?.digest.as_ref()?;
        let named = defined(task, &detail.definition).and_then(|task| task.get("function")?.as_str());
        called(versions.get(digest.as_str())?, named)
    };
    let edge = |(from, to): &(String, String), keys: &[String]| {
        let mut lines = Vec::new();
        if let Some(result) = function(from).and_then(|it| it.result.as_deref()) {
            lines.push(format!("{from} gives {result}"));
        }
        let takes = function(to).into_iter().flat_map(|it| &it.parameters).filter(|it| keys.contains(&it.name));
        lines.extend(takes.map(|it| format!("{to} takes {}: {}", it.name, it.kind)));
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    let edges = data_edges(&detail.definition).into_iter();
    Arc::new(edges.filter_map(|(ends, keys)| edge(&ends, &keys).map(|text| (ends, text))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn version(kind: &str, functions: serde_json::Value) -> ComponentVersionDetail {
        serde_json::from_value(json!({
            "name": "a/b", "digest": "0".repeat(64), "version_number": 1, "kind": kind, "size_bytes": 1,
            "imports": [], "exports": [], "label": null, "permissions": [], "needs_approval": false, "created_at": "2026-11-21T00:00:00Z",
            "imported": [], "wit": "", "functions": functions,
        }))
        .unwrap()
    }

    #[test]
    fn a_function_is_found_with_and_without_its_interface() {
        let two = version("library", json!([{"name": "x:y/z@1.0.0#sum", "signature": ""}, {"name": "plain", "signature": ""}]));
        for named in ["sum", "x:y/z@1.0.0#sum"] {
            assert_eq!(called(&two, Some(named)).unwrap().name, "x:y/z@1.0.0#sum");
        }
        assert!(called(&two, None).is_none());
        let one = json!([{"name": "plain", "signature": ""}, {"name": "odd", "signature": "", "refused": "takes a stream"}]);
        assert_eq!(called(&version("library", one.clone()), None).unwrap().name, "plain");
        assert!(called(&version("task", one), None).is_none());
    }
}
