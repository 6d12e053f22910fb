use super::super::DagPlan;
use super::*;
use crate::definition::{Severity, parse};
use crate::job::Entry;
use crate::wit::{Field, Named};
use cofferdam_ids::Digest;
use serde_json::{Value, json};

fn field(name: &str, ty: WitType) -> Field {
    Field { name: name.to_owned(), ty, docs: None }
}

fn record(name: &str, fields: Vec<Field>) -> WitType {
    WitType::Record { named: Named { name: Some(name.to_owned()), docs: None }, fields }
}

fn list(ty: WitType) -> WitType {
    WitType::List(Box::new(ty))
}

fn option(ty: WitType) -> WitType {
    WitType::Option(Box::new(ty))
}

fn function(name: &str, params: Vec<Field>, result: Option<WitType>) -> WitFunction {
    WitFunction { interface: None, name: name.to_owned(), params, result, docs: None, refused: None }
}

/// `typed` exports functions; `json` is a task of any JSON, `mean` and `double` are tasks that tell their types.
fn resolve(wanted: &ComponentRef) -> Result<Component, ResolveError> {
    let digest = Digest::new("a".repeat(64)).unwrap();
    let row = |count: WitType| record("row", vec![field("count", count), field("name", WitType::String)]);
    let report = record("report", vec![field("rows", list(row(WitType::S64))), field("note", option(WitType::String))]);
    let functions = vec![
        function(
            "fetch",
            vec![field("station", option(WitType::String))],
            Some(WitType::Result { ok: Some(Box::new(report)), err: Some(Box::new(WitType::String)) }),
        ),
        function("count", vec![], Some(WitType::U8)),
        function("nothing", vec![], None),
        function("narrow", vec![field("rows", list(row(WitType::U8)))], Some(WitType::Bool)),
        function("wide", vec![field("rows", list(row(WitType::S64))), field("most", option(WitType::U16))], None),
        function("number", vec![field("n", WitType::U32)], None),
    ];
    match wanted.name.as_str() {
        "typed" => Ok(Component { digest, entry: None, functions, run: None }),
        name => {
            let run = |takes, gives| {
                let result = WitType::Result { ok: Some(Box::new(gives)), err: None };
                function("run", vec![field("input", takes)], Some(result))
            };
            let run = match name {
                "mean" => Some(run(record("rows", vec![field("rows", list(row(WitType::S64)))]), WitType::F64)),
                "double" => Some(run(WitType::S64, WitType::S64)),
                _ => None,
            };
            Ok(Component { digest, entry: Some(Entry::Task), functions: Vec::new(), run })
        }
    }
}

/// What is found in a dag of these tasks, each on a line.
fn found(tasks: Value) -> String {
    found_with(json!({}), tasks)
}

/// The same with groups.
fn found_with(groups: Value, tasks: Value) -> String {
    let params = json!({ "most": 70_000, "n": 3, "later": null });
    let dag = parse(json!({ "dag_id": "d", "params": params, "groups": groups, "tasks": tasks })).unwrap();
    let mut warnings = Vec::new();
    let found = match DagPlan::compile_noting(&dag, resolve, &mut warnings) {
        Ok(_) => warnings,
        Err(found) => found,
    };
    let line = |problem: &Diagnostic| {
        let sign = if problem.severity == Severity::Warning { "warning " } else { "" };
        format!("{sign}{} {}: {}", problem.code, problem.pointer, problem.message)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn task(id: &str, function: &str, input: Value) -> Value {
    json!({ "task_id": id, "component": "typed", "function": function, "input": input })
}

#[test]
fn edges_that_fit_are_not_mentioned() {
    let fetch = || task("fetch", "fetch", json!({}));
    for tasks in [
        json!([fetch(), task("b", "wide", json!({ "rows": { "$from": "fetch", "path": "/rows" } }))]),
        // The whole of a record can be given for the parameters that it has among its fields.
        json!([fetch(), task("b", "wide", json!({ "$from": "fetch" }))]),
        json!([fetch(), task("b", "number", json!({ "n": { "$param": "n" } }))]),
        json!([fetch(), task("b", "number", json!({ "n": { "$param": "later" } }))]),
        json!([task("count", "count", json!({})), task("b", "number", json!({ "n": { "$from": "count" } }))]),
        // Nothing is known of what a task of any JSON takes and gives, nor of other XComs.
        json!([fetch(), { "task_id": "b", "component": "json", "input": { "x": { "$from": "fetch" } } }]),
        json!([{ "task_id": "a", "component": "json" }, task("b", "narrow", json!({ "rows": { "$from": "a" } }))]),
        json!([fetch(), task("b", "narrow", json!({ "rows": { "$from": "fetch", "key": "rows" } }))]),
    ] {
        assert_eq!(found(tasks.clone()), "", "{tasks}");
    }
}

#[test]
fn an_edge_that_does_not_fit_names_both_types_and_its_place() {
    let fetch = || task("fetch", "fetch", json!({}));
    for (tasks, says) in [
        (
            json!([fetch(), task("b", "narrow", json!({ "rows": { "$from": "fetch", "path": "/rows" } }))]),
            "type_mismatch /tasks/1/input/rows/$from: 'fetch' gives list<row> at '/rows', and 'b' takes list<row> for 'rows': \
             [].count: output s64, input u8 (it can be less than 0)",
        ),
        (
            json!([fetch(), task("b", "narrow", json!({ "rows": { "$from": "fetch" } }))]),
            "type_mismatch /tasks/1/input/rows/$from: 'fetch' gives report, and 'b' takes list<row> for 'rows': output report, \
             input list<row>",
        ),
        (
            json!([fetch(), task("b", "narrow", json!({ "$from": "fetch" }))]),
            "type_mismatch /tasks/1/input/$from: 'fetch' gives report, and 'b' takes record { rows } for its input: .rows[].count: \
             output s64, input u8 (it can be less than 0)",
        ),
        (
            json!([task("a", "nothing", json!({})), task("b", "number", json!({ "n": { "$from": "a" } }))]),
            "type_mismatch /tasks/1/input/n/$from: 'a' gives nothing, and 'b' takes u32 for 'n': output nothing, input u32",
        ),
        (
            json!([
                task("count", "count", json!({})),
                task("b", "narrow", json!({ "rows": [{ "count": { "$from": "count" }, "name": { "$from": "count" } }] }))
            ]),
            "type_mismatch /tasks/1/input/rows/0/name/$from: 'count' gives u8, and 'b' takes string for 'rows.0.name': output u8, \
             input string",
        ),
    ] {
        assert_eq!(found(tasks.clone()), says, "{tasks}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_told_whoever_takes_it() {
    let fetch = || task("fetch", "fetch", json!({}));
    let at =
        |path: &str| json!([fetch(), { "task_id": "b", "component": "json", "input": [{ "$from": "fetch", "path": path }] }]);
    assert_eq!(found(at("/rows/0/count")), "");
    assert_eq!(
        found(at("/row/0")),
        "unknown_path /tasks/1/input/0/path: what 'fetch' returns has nothing at '/row/0': report has no field 'row'; it has rows, note"
    );
    let with_default = json!([fetch(), task("b", "number", json!({ "n": { "$from": "fetch", "path": "/n", "default": -1 } }))]);
    assert_eq!(
        found(with_default),
        "warning unknown_path /tasks/1/input/n/path: what 'fetch' returns has nothing at '/n': report has no field 'n'; it has rows, note\n\
         type_mismatch /tasks/1/input/n/default: the default does not fit: expected an integer from 0 to 4294967295 (u32), found -1"
    );
    let dag = parse(json!({ "dag_id": "d", "tasks": at("/row") })).unwrap();
    let problem = DagPlan::compile(&dag, resolve).unwrap_err().remove(0);
    assert_eq!(problem.help.as_deref(), Some("did you mean '/rows'?"));
    assert_eq!(problem.suggestion.unwrap().replacement, "/rows");
}

#[test]
fn tasks_of_json_are_checked_by_the_types_that_they_tell() {
    let of = |id: &str, component: &str, input: Value| json!({ "task_id": id, "component": component, "input": input });
    let fetch = || task("fetch", "fetch", json!({}));
    let mean = |path: &str| of("mean", "mean", json!({ "rows": { "$from": "fetch", "path": path } }));
    assert_eq!(found(json!([fetch(), mean("/rows"), task("n", "nothing", json!({}))])), "");
    assert_eq!(found(json!([of("d", "double", json!(3)), of("e", "double", json!({ "$from": "d" }))])), "");
    assert_eq!(
        found(json!([fetch(), mean("/note"), of("d", "double", json!({ "$from": "mean" }))])),
        "type_mismatch /tasks/1/input/rows/$from: 'fetch' gives option<string> at '/note', and 'mean' takes list<row> for 'rows': \
         output option<string>, input list<row> (it can be null)\n\
         type_mismatch /tasks/2/input/$from: 'mean' gives f64, and 'd' takes s64 for its input: output f64, input s64"
    );
    assert_eq!(
        found(json!([of("d", "double", json!("3x")), of("m", "mean", json!({ "row": [] }))])),
        "type_mismatch /tasks/0/input: expected an integer from -9223372036854775808 to 9223372036854775807 \
         (s64), found \"3x\"\n\
         type_mismatch /tasks/1/input/rows: expected an array (list<row>), found nothing\n\
         type_mismatch /tasks/1/input/row: expected the key \"rows\", found the key \"row\""
    );
}

#[test]
fn parameters_and_all_literals_are_checked() {
    let most = |most: Value| found(json!([task("b", "wide", json!({ "rows": [], "most": most }))]));
    assert_eq!(
        most(json!({ "$param": "most" })),
        "type_mismatch /tasks/0/input/most: the parameter 'most' does not fit 'wide', which takes option<u16> here: expected an \
         integer from 0 to 65535 (u16), found 70000"
    );
    assert_eq!(most(json!({ "$conf": "/n" })), "");
    assert_eq!(most(json!({ "$conf": "/other", "default": 5 })), "");
    let both = found(json!([task("b", "wide", json!({ "rows": 1, "mst": 2 }))]));
    assert_eq!(
        both,
        "type_mismatch /tasks/0/input/rows: expected an array (list<row>), found 1\n\
         type_mismatch /tasks/0/input/mst: expected the key \"most\", found the key \"mst\""
    );
}

#[test]
fn mapped_tasks_give_lists_and_take_items() {
    let fetch = || task("fetch", "fetch", json!({}));
    let mapped = |function: &str, key: &str, source: Value, input: Value| {
        let mut task = task("m", function, input);
        task["expand"] = json!({ "over": { key: source } });
        task
    };
    let rows = json!({ "$from": "fetch", "path": "/rows" });
    // Each row has a name, and is no number.
    let row = mapped("number", "n", rows.clone(), json!({}));
    assert_eq!(
        found(json!([fetch(), row])),
        "type_mismatch /tasks/1/expand/over/n/$from: 'fetch' gives list<row> at '/rows', and 'm' takes u32 for each 'n': output row, \
         input u32"
    );
    let counts = mapped("number", "n", json!({ "$from": "fetch", "path": "/rows/0/count" }), json!({}));
    assert_eq!(
        found(json!([fetch(), counts])),
        "type_mismatch /tasks/1/expand/over/n/$from: 'fetch' gives s64, and a task is mapped over a list or an object"
    );
    let nowhere = mapped("number", "n", json!({ "$from": "fetch", "path": "/row" }), json!({}));
    assert!(found(json!([fetch(), nowhere])).starts_with("unknown_path /tasks/1/expand/over/n/path: "));
    // The items of a literal, and the other keys of the input.
    let literal = mapped("wide", "most", json!([1, 70_000, -1]), json!({ "rows": 1 }));
    assert_eq!(
        found(json!([literal])),
        "type_mismatch /tasks/0/input/rows: expected an array (list<row>), found 1\n\
         type_mismatch /tasks/0/expand/over/most/1: expected an integer from 0 to 65535 (u16), found 70000"
    );
    // What several instances return is a list.
    let many = || mapped("fetch", "station", json!(["a", "b"]), json!({}));
    let take = |path: &str| json!([many(), task("b", "wide", json!({ "rows": { "$from": "m", "path": path } }))]);
    assert_eq!(found(take("/0/rows")), "");
    assert_eq!(
        found(take("/rows")),
        "unknown_path /tasks/1/input/rows/path: what 'm' returns has nothing at '/rows': an item of list<report> is named by its \
         number, from 0, not by 'rows'"
    );
}

#[test]
fn tasks_of_a_mapped_group_give_each_other_one_and_others_a_list() {
    let member = |id: &str, function: &str, input: Value| {
        let mut task = task(id, function, input);
        task["group"] = json!("g");
        task
    };
    let over = |source: Value| json!({ "g": { "expand": { "over": { "x": source } } } });
    let rows = json!({ "$from": "all", "path": "/rows" });
    let dag = |more: Value| {
        let mut tasks = vec![task("all", "fetch", json!({})), member("m", "number", json!({ "n": 1 }))];
        tasks.extend(more.as_array().unwrap().iter().cloned());
        found_with(over(rows.clone()), json!(tasks))
    };
    let inside = member("f", "fetch", json!({ "station": { "$item": "x", "path": "/name" } }));
    assert_eq!(dag(json!([inside, member("w", "wide", json!({ "rows": { "$from": "f", "path": "/rows" } }))])), "");
    assert_eq!(dag(json!([inside, task("after", "wide", json!({ "rows": { "$from": "f", "path": "/0/rows" } }))])), "");
    assert_eq!(
        dag(json!([inside, task("after", "wide", json!({ "rows": { "$from": "f", "path": "/rows" } }))])),
        "unknown_path /tasks/3/input/rows/path: what 'f' returns has nothing at '/rows': an item of list<report> is named by its \
         number, from 0, not by 'rows'"
    );
    // What an item is, and its parts.
    assert_eq!(
        dag(json!([member("n", "number", json!({ "n": { "$item": "x", "path": "/name" } }))])),
        "type_mismatch /tasks/2/input/n/$item: 'all' gives list<row> at '/rows', and 'n' takes u32 for each 'x': output string, \
         input u32"
    );
    assert_eq!(
        dag(json!([member("n", "number", json!({ "n": { "$item": "x", "path": "/nme" } }))])),
        "unknown_path /tasks/2/input/n/path: the item 'x' has nothing at '/nme': row has no field 'nme'; it has count, name"
    );
    let literal = |items: Value| found_with(over(items), json!([member("n", "number", json!({ "n": { "$item": "x" } }))]));
    assert_eq!(literal(json!([1, 2])), "");
    assert_eq!(
        literal(json!([1, "two"])),
        "type_mismatch /groups/g/expand/over/x/1: expected an integer from 0 to 4294967295 (u32), found \"two\""
    );
}
