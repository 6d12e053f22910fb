use super::*;
use crate::definition::{Diagnostic, DiagnosticCode, parse};
use crate::job::Entry;
use crate::plan::{Component, Past};
use crate::trigger_rule::TriggerRule;
use cofferdam_ids::{DagKey, Digest, TenantId};
use serde_json::json;

fn compile(document: Value) -> Result<DagPlan, Vec<Diagnostic>> {
    let component =
        Component { digest: Digest::new("0".repeat(64)).unwrap(), entry: Some(Entry::Task), functions: Vec::new(), run: None };
    parse(document).and_then(|dag| DagPlan::compile(&dag, |_| Ok(component.clone())))
}

/// A plan of these tasks, each with what it waits for and what else it has.
fn plan_of(tasks: &[(&str, &[&str], Value)], groups: Value) -> Result<DagPlan, Vec<Diagnostic>> {
    let tasks = tasks.iter().map(|(task_id, depends_on, more)| {
        let mut task = json!({ "task_id": task_id, "depends_on": depends_on, "component": "c" });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    });
    compile(json!({ "dag_id": "d", "groups": groups, "params": { "customer": "a" }, "tasks": tasks.collect::<Vec<_>>() }))
}

fn plan(tasks: &[(&str, &[&str], Value)]) -> DagPlan {
    plan_of(tasks, json!({})).unwrap()
}

fn problems(found: Result<DagPlan, Vec<Diagnostic>>) -> Vec<(DiagnosticCode, String)> {
    let found = found.unwrap_err();
    found.into_iter().filter(Diagnostic::is_error).map(|problem| (problem.code, problem.pointer)).collect()
}

fn names(plan: &DagPlan, tasks: &[i32]) -> Vec<String> {
    tasks.iter().map(|index| plan.task(*index).unwrap().task_id.to_string()).collect()
}

fn upstream(plan: &DagPlan, task: &str) -> Vec<String> {
    names(plan, &plan.task_named(&task.parse().unwrap()).unwrap().upstream)
}

fn left_out(plan: &DagPlan, task: &str, result: Value) -> Result<Vec<String>, DecisionError> {
    let index = plan.task_named(&task.parse().unwrap()).unwrap().task_index;
    let mut left = plan.left_out(index, &result)?.map_or_else(Vec::new, |left| names(plan, left.tasks()));
    left.sort();
    Ok(left)
}

fn branching() -> DagPlan {
    plan_of(
        &[
            ("choose", &[], json!({ "branch": true })),
            ("left", &["choose"], json!({})),
            ("right", &["choose"], json!({})),
            ("in_group", &["choose"], json!({ "group": "g" })),
            ("later_in_group", &["in_group"], json!({ "group": "g" })),
            // It comes after `left` and after the branch itself.
            ("join", &["choose", "left", "right"], json!({ "trigger_rule": "none_failed_min_one_success" })),
            ("clean", &["choose"], json!({ "teardown": true })),
            ("far", &["right"], json!({})),
        ],
        json!({}),
    )
    .unwrap()
}

#[test]
fn a_branch_leaves_out_what_it_does_not_choose() {
    let plan = branching();
    assert_eq!(left_out(&plan, "choose", json!("left")).unwrap(), ["in_group", "right"]);
    assert_eq!(left_out(&plan, "choose", json!(["left", "right"])).unwrap(), ["in_group"]);
    assert_eq!(left_out(&plan, "choose", json!(["join"])).unwrap(), ["in_group", "left", "right"]);
    assert_eq!(left_out(&plan, "choose", json!("g")).unwrap(), ["join", "left", "right"]);
    for nothing in [json!(null), json!([])] {
        assert_eq!(left_out(&plan, "choose", nothing).unwrap(), ["in_group", "join", "left", "right"]);
    }
    assert_eq!(left_out(&plan, "left", json!("anything")).unwrap(), Vec::<String>::new());
}

#[test]
fn a_branch_must_choose_what_waits_for_it() {
    let plan = branching();
    for wrong in ["far", "choose", "nowhere", "later_in_group"] {
        let error = left_out(&plan, "choose", json!(["left", wrong])).unwrap_err();
        assert!(error.to_string().contains(&format!("'{wrong}'")) && error.to_string().contains("left, right"), "{error}");
    }
    for wrong in [json!(1), json!({ "left": true }), json!([["left"]]), json!(true)] {
        assert!(matches!(left_out(&plan, "choose", wrong), Err(DecisionError::NoNames(_))));
    }
}

#[test]
fn a_short_circuit_skips_what_follows() {
    let tasks = |short_circuit: Value| {
        plan(&[
            ("check", &[], json!({ "short_circuit": short_circuit })),
            ("next", &["check"], json!({})),
            ("last", &["next"], json!({ "trigger_rule": "all_done" })),
            ("clean", &["next"], json!({ "teardown": true })),
            ("beside", &[], json!({})),
        ])
    };
    let all = tasks(json!(true));
    for falsy in [json!(null), json!(false), json!(0), json!(0.0), json!(""), json!([]), json!({})] {
        assert_eq!(left_out(&all, "check", falsy).unwrap(), ["last", "next"]);
    }
    for truthy in [json!(true), json!(-1), json!("no"), json!([null]), json!({ "a": 0 })] {
        assert!(left_out(&all, "check", truthy).unwrap().is_empty());
    }
    let direct = tasks(json!({ "ignore_trigger_rules": false }));
    assert_eq!(left_out(&direct, "check", json!(false)).unwrap(), ["next"]);
    assert!(left_out(&tasks(json!(false)), "check", json!(false)).unwrap().is_empty());
}

#[test]
fn groups_are_waited_for_and_wait_as_a_whole() {
    let plan = plan_of(
        &[
            ("start", &[], json!({})),
            ("a", &[], json!({ "group": "load" })),
            ("b", &["a"], json!({ "group": "load.deep" })),
            ("c", &["a"], json!({ "group": "load.deep" })),
            ("d", &["load.deep"], json!({ "group": "load" })),
            ("e", &[], json!({ "group": "load" })),
            ("end", &["load"], json!({})),
            ("f", &[], json!({ "group": "after" })),
        ],
        json!({ "load": { "description": "Words.", "depends_on": ["start"] }, "after": { "depends_on": ["load.deep"] } }),
    )
    .unwrap();
    assert_eq!(upstream(&plan, "a"), ["start"]);
    assert_eq!(upstream(&plan, "e"), ["start"]);
    assert_eq!(upstream(&plan, "b"), ["a"]);
    assert_eq!(upstream(&plan, "d"), ["b", "c"]);
    assert_eq!(upstream(&plan, "end"), ["d", "e"]);
    assert_eq!(upstream(&plan, "f"), ["b", "c"]);
    let found: Vec<_> =
        plan.groups.iter().map(|group| (group.name.as_str(), names(&plan, &group.roots), names(&plan, &group.leaves))).collect();
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            ("after", of(&["f"]), of(&["f"])),
            ("load", of(&["a", "e"]), of(&["d", "e"])),
            ("load.deep", of(&["b", "c"]), of(&["b", "c"])),
        ]
    );
    assert_eq!(plan.groups[1].description.as_deref(), Some("Words."));
    assert_eq!(DagPlan::from_json(plan.to_json()).unwrap(), plan);
}

#[test]
fn groups_that_cannot_be() {
    let at = |code, pointer: &str| vec![(code, pointer.to_owned())];
    let own = plan_of(&[("a", &["g"], json!({ "group": "g.h" }))], json!({}));
    assert_eq!(problems(own), at(DiagnosticCode::Cycle, "/tasks/0/depends_on/0"));
    let inner = plan_of(&[("a", &[], json!({ "group": "g.h" }))], json!({ "g": { "depends_on": ["g.h"] } }));
    assert_eq!(problems(inner), at(DiagnosticCode::Cycle, "/groups/g/depends_on/0"));
    let unknown =
        plan_of(&[("a", &["gg"], json!({})), ("b", &[], json!({ "group": "g" }))], json!({ "g": { "depends_on": ["c"] } }));
    assert_eq!(problems(unknown).len(), 2);
    let taken = plan_of(&[("g", &[], json!({})), ("b", &[], json!({ "group": "g" }))], json!({}));
    assert_eq!(problems(taken), at(DiagnosticCode::DuplicateTaskId, "/groups"));
    let circle = plan_of(
        &[("a", &[], json!({ "group": "g" })), ("b", &[], json!({ "group": "h" }))],
        json!({ "g": { "depends_on": ["h"] }, "h": { "depends_on": ["g"] } }),
    );
    assert_eq!(problems(circle), at(DiagnosticCode::Cycle, "/tasks/0/task_id"));
    let input = plan_of(&[("a", &[], json!({ "input": { "$from": "g" } })), ("b", &[], json!({ "group": "g" }))], json!({}));
    assert_eq!(problems(input), at(DiagnosticCode::UnknownUpstream, "/tasks/0/input/$from"));
}

#[test]
fn teardowns_do_not_decide_how_a_run_ends() {
    let plan = plan(&[
        ("create", &[], json!({ "setup": true })),
        ("work", &["create"], json!({})),
        ("drop", &["work"], json!({ "teardown": { "setups": ["create"] } })),
        ("strict", &["work", "create"], json!({ "teardown": { "fail_run": true } })),
    ]);
    let task = |name: &str| plan.task_named(&name.parse().unwrap()).unwrap();
    assert_eq!(upstream(&plan, "drop"), ["create", "work"]);
    for name in ["drop", "strict"] {
        assert_eq!(task(name).trigger_rule, TriggerRule::AllDone);
        assert_eq!(task(name).flow.teardown.as_ref().unwrap().setups, [0]);
    }
    let leaves: Vec<_> = plan.tasks.iter().filter(|task| task.is_leaf).map(|task| task.task_id.as_str()).collect();
    assert_eq!(leaves, ["strict"]);
    let without = plan_of(&[("w", &[], json!({})), ("t", &["w"], json!({ "teardown": true }))], json!({})).unwrap();
    assert!(without.tasks[0].is_leaf && !without.tasks[1].is_leaf);
}

#[test]
fn roles_that_do_not_go_together() {
    let one = |more: Value| problems(plan_of(&[("s", &[], json!({})), ("t", &["s"], more)], json!({})));
    let at = |pointer: &str| vec![(DiagnosticCode::InvalidValue, format!("/tasks/1/{pointer}"))];
    assert_eq!(one(json!({ "branch": true, "short_circuit": true })), at("short_circuit"));
    assert_eq!(one(json!({ "setup": true, "teardown": true })), at("teardown"));
    assert_eq!(one(json!({ "teardown": true, "trigger_rule": "all_success" })), at("trigger_rule"));
    assert_eq!(one(json!({ "teardown": { "setups": ["s"] } })), at("teardown/setups/0"));
    assert_eq!(one(json!({ "teardown": { "setup": ["s"] } })).len(), 1);
}

#[test]
fn priorities_add_up() {
    let tasks = |rule: &str| {
        plan(&[
            ("a", &[], json!({ "priority": 1, "weight_rule": rule })),
            ("b", &["a"], json!({ "priority": 10, "weight_rule": rule })),
            ("c", &["a"], json!({ "priority": 100, "weight_rule": rule })),
            ("d", &["b", "c"], json!({ "priority": 1000, "weight_rule": rule })),
        ])
        .tasks
        .iter()
        .map(|task| task.priority)
        .collect::<Vec<_>>()
    };
    assert_eq!(tasks("absolute"), [1, 10, 100, 1000]);
    assert_eq!(tasks("downstream"), [1111, 1010, 1100, 1000]);
    assert_eq!(tasks("upstream"), [1, 11, 101, 1111]);
}

#[test]
fn gates_are_named_after_what_they_count() {
    let mut document = json!({ "dag_id": "d", "params": { "customer": "a" }, "max_active_tasks": 3, "tasks": [
        { "task_id": "t", "component": "c", "max_active": 2, "concurrency_key": { "$param": "customer" }, "concurrency_limit": 4,
          "wait_for_downstream": true },
        { "task_id": "u", "component": "c", "depends_on": ["t"], "concurrency_key": "fixed" },
    ] });
    let plan = compile(document.clone()).unwrap();
    let (tenant, dag) = (TenantId::generate(), DagKey::generate());
    let gates = plan.gates(tenant, dag, &plan.tasks[0], &json!({ "customer": "b" }));
    let counting: Vec<_> = gates.counting().map(|gate| (gate.name.clone(), gate.limit)).collect();
    assert_eq!(counting, [(format!("dag {dag}"), 3), (format!("task {dag} t"), 2), (format!("key {tenant} b"), 4)]);
    assert_eq!(gates.past, Some((format!("past {dag} t"), Past::TaskAndDownstream)));
    assert_eq!(plan.awaited_as(dag, &plan.tasks[1]).collect::<Vec<_>>(), [format!("past {dag} t")]);
    assert_eq!(plan.gates(tenant, dag, &plan.tasks[1], &json!({})).key.unwrap().limit, 1);
    assert!(plan.gates(tenant, dag, &plan.tasks[0], &json!({ "customer": "" })).key.is_none());
    for wrong in [json!({ "$from": "u" }), json!({ "$param": "other" }), json!({ "$nothing": 1 })] {
        document["tasks"][0]["concurrency_key"] = wrong;
        assert!(compile(document.clone()).is_err());
    }
}
