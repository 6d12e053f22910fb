use super::*;
use crate::definition::parse;
use crate::job::Entry;
use crate::wit::{Field, WitFunction, WitType};
use chrono::TimeZone;
use cofferdam_ids::Digest;
use serde_json::json;

fn definition() -> DagDefinition {
    // Written in an order that is not that of the work.
    parse(json!({
        "dag_id": "etl",
        "schedule": "0 6 * * *",
        "timezone": "Europe/Berlin",
        "start_date": "2026-11-01",
        "end_date": "2026-11-10",
        "catchup": true,
        "defaults": { "retries": 1, "priority": 5 },
        "params": { "station": "berlin", "limit": 10 },
        "tasks": [
            { "task_id": "report", "component": "cli/report", "args": ["--html"], "env": { "TZ": "UTC" }, "depends_on": ["clean", "fetch"], "trigger_rule": "all_done" },
            { "task_id": "clean", "component": "clean@1", "input": { "rows": { "$from": "fetch", "path": "/rows" } }, "queue": "big", "pool": "db", "pool_slots": 2 },
            { "task_id": "fetch", "component": "fetch" },
            { "task_id": "audit", "component": "fetch", "priority": -1 }
        ]
    }))
    .unwrap()
}

fn digest(letter: &str) -> Digest {
    Digest::new(letter.repeat(64)).unwrap()
}

fn component(letter: &str, entry: Option<Entry>) -> Component {
    Component { digest: digest(letter), entry, functions: Vec::new(), run: None }
}

fn resolve(wanted: &ComponentRef) -> Result<Component, ResolveError> {
    match wanted.to_string().as_str() {
        "fetch" => Ok(component("a", Some(Entry::Task))),
        "clean@1" => Ok(component("b", Some(Entry::Task))),
        "cli/report" => Ok(component("c", Some(Entry::Command { args: vec![], env: vec![] }))),
        "typed" => Ok(Component { functions: typed(), ..component("d", None) }),
        other => Err(ResolveError {
            code: DiagnosticCode::UnknownComponent,
            message: format!("there is no component '{other}'"),
            help: Some("push it first".to_owned()),
        }),
    }
}

/// `clean`, and `open`, which takes a resource.
fn typed() -> Vec<WitFunction> {
    let field = |name: &str, ty| Field { name: name.to_owned(), ty, docs: None };
    let clean = WitFunction {
        interface: Some("acme:rows/api@1.2.0".to_owned()),
        name: "clean".to_owned(),
        params: vec![
            field("rows", WitType::List(Box::new(WitType::U8))),
            field("max-rows", WitType::Option(Box::new(WitType::U32))),
        ],
        result: Some(WitType::String),
        docs: None,
        refused: None,
    };
    let open = WitFunction {
        name: "open".to_owned(),
        params: Vec::new(),
        result: None,
        refused: Some("it takes a resource".to_owned()),
        ..clean.clone()
    };
    vec![clean, open]
}

/// What compiling a dag of one typed task finds: code and place.
fn of_typed(task: Value) -> Result<Entry, Vec<String>> {
    let mut document = json!({ "dag_id": "d", "params": { "p": 1 }, "tasks": [{ "task_id": "t", "component": "typed" }] });
    document["tasks"][0].as_object_mut().unwrap().extend(task.as_object().unwrap().clone());
    match DagPlan::compile(&parse(document).unwrap(), resolve) {
        Ok(plan) => Ok(plan.tasks[0].work.component().unwrap().entry.clone()),
        Err(found) => {
            Err(found.iter().map(|problem| format!("{} {}: {}", problem.code, problem.pointer, problem.message)).collect())
        }
    }
}

#[test]
fn a_typed_function_is_found_by_any_name_that_is_clear() {
    let entry = Entry::Function { interface: Some("acme:rows/api@1.2.0".to_owned()), function: "clean".to_owned() };
    let input = json!({ "rows": "AAEC" });
    for function in ["acme:rows/api@1.2.0#clean", "acme:rows/api#clean", "api#clean", "clean"] {
        assert_eq!(of_typed(json!({ "function": function, "input": input })), Ok(entry.clone()), "{function}");
    }
    // The only one that can be called need not be named.
    assert_eq!(of_typed(json!({ "input": input })), Ok(entry.clone()));
    let problem = |function: &str| of_typed(json!({ "function": function, "input": input })).unwrap_err().join("; ");
    assert_eq!(
        problem("api#claen"),
        "unknown_function /tasks/0/function: the component 'typed': there is no function 'api#claen'; did you mean \
         'acme:rows/api@1.2.0#clean'?"
    );
    assert_eq!(
        problem("open"),
        "unknown_function /tasks/0/function: the component 'typed': the function 'acme:rows/api@1.2.0#open' cannot be called with \
         JSON: it takes a resource"
    );
    let args = of_typed(json!({ "input": input, "args": ["x"] })).unwrap_err();
    assert!(args[0].starts_with("unused_arguments /tasks/0/args"), "{args:?}");
}

#[test]
fn mapped_values_of_a_typed_input_are_checked() {
    let problem = |over: Value| of_typed(json!({ "expand": { "over": over } })).unwrap_err().join("; ");
    assert!(of_typed(json!({ "expand": { "over": { "rows": ["AAEC", [1, 2]] } } })).is_ok());
    assert!(of_typed(json!({ "expand": { "over": { "rows": { "$param": "p" } } } })).is_ok());
    assert_eq!(
        problem(json!({ "rows": ["AAEC", [1, 300]] })),
        "type_mismatch /tasks/0/expand/over/rows/1/1: expected an integer from 0 to 255 (u8), found 300"
    );
    assert!(problem(json!({ "row": [1] })).starts_with("type_mismatch /tasks/0: "));
}

#[test]
fn the_known_part_of_a_typed_input_is_checked() {
    let problem = |input: Value| of_typed(json!({ "input": input })).unwrap_err().join("; ");
    assert_eq!(
        problem(json!({ "rows": [1, 2, 300] })),
        "type_mismatch /tasks/0/input/rows/2: expected an integer from 0 to 255 (u8), found 300"
    );
    assert_eq!(
        problem(json!({ "rows": { "$literal": [1, "x"] } })),
        r#"type_mismatch /tasks/0/input/rows/$literal/1: expected an integer from 0 to 255 (u8), found "x""#
    );
    assert_eq!(
        problem(json!({ "rows": "", "max_row": 3 })),
        r#"type_mismatch /tasks/0/input/max_row: expected the key "max-rows", found the key "max_row""#
    );
    assert_eq!(
        of_typed(json!({})).unwrap_err().join("; "),
        "type_mismatch /tasks/0: expected a string in base64 (list<u8>), found nothing"
    );
    // What is only known when it runs is not.
    for input in [
        json!({ "rows": { "$conf": "/rows" }, "max_rows": { "$param": "p" } }),
        json!({ "rows": [0, { "$param": "p" }] }),
        json!({ "$conf": "" }),
    ] {
        of_typed(json!({ "input": input.clone() })).unwrap_or_else(|found| panic!("{input}: {found:?}"));
    }
}

fn plan() -> DagPlan {
    DagPlan::compile(&definition(), resolve).unwrap()
}

fn task_id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

#[test]
fn tasks_come_after_those_they_wait_for() {
    let plan = plan();
    let shape: Vec<_> = plan
        .tasks
        .iter()
        .map(|t| (t.task_index, t.task_id.as_str(), t.upstream.clone(), t.downstream.clone(), t.is_leaf))
        .collect();
    assert_eq!(
        shape,
        [
            (0, "fetch", vec![], vec![1, 2], false),
            (1, "clean", vec![0], vec![2], false),
            (2, "report", vec![0, 1], vec![], true),
            (3, "audit", vec![], vec![], true),
        ]
    );
}

#[test]
fn settings_are_filled_in_and_components_pinned() {
    let plan = plan();
    let clean = plan.task_named(&task_id("clean")).unwrap();
    let work = clean.work.component().unwrap();
    assert_eq!((work.digest.clone(), work.entry.clone()), (digest("b"), Entry::Task));
    assert_eq!((clean.queue.as_str(), clean.pool.as_str(), clean.pool_slots, clean.priority), ("big", "db", 2, 5));
    assert_eq!(clean.retry.max_tries, 2);
    let report = plan.task(2).unwrap();
    assert_eq!(
        report.work.component().unwrap().entry,
        Entry::Command { args: vec!["--html".to_owned()], env: vec![("TZ".to_owned(), "UTC".to_owned())] }
    );
    assert_eq!(report.trigger_rule, TriggerRule::AllDone);
    assert_eq!(plan.task(3).unwrap().priority, -1);
    assert_eq!(plan.max_active_runs, DEFAULT_MAX_ACTIVE_RUNS);
    assert_eq!((plan.task(-1), plan.task(4)), (None, None));
}

#[test]
fn the_smaller_of_task_and_dag_is_the_limit_and_a_grant_is_taken_whole() {
    let mut dag = definition();
    let limits = |value| Some(serde_json::from_value(value).unwrap());
    dag.limits = limits(json!({ "memory": "64MiB", "http_calls": 7 }));
    dag.defaults.limits = limits(json!({ "memory": "1GiB", "fuel": 5 }));
    dag.defaults.grant = Some(serde_json::from_value(json!({ "variables": ["a"], "clock": false })).unwrap());
    dag.tasks[1].limits = limits(json!({ "memory": "32MiB", "http_calls": 9 }));
    dag.tasks[1].grant = Some(serde_json::from_value(json!({ "http": ["https://a.example"] })).unwrap());
    let plan = DagPlan::compile(&dag, resolve).unwrap();
    let clean = plan.task_named(&task_id("clean")).unwrap();
    assert_eq!((clean.limits.memory_bytes, clean.limits.http_calls, clean.limits.fuel), (32 << 20, 7, 5));
    assert_eq!((clean.grant.http.len(), clean.grant.variables.len(), clean.grant.clock), (1, 0, true));
    let fetch = plan.task_named(&task_id("fetch")).unwrap();
    assert_eq!((fetch.limits.memory_bytes, fetch.limits.http_calls), (64 << 20, 7));
    assert_eq!((fetch.grant.variables.len(), fetch.grant.clock), (1, false));
    // A plan that was stored before there were grants has none.
    let mut stored = plan.to_json();
    stored["tasks"][0].as_object_mut().unwrap().remove("grant");
    assert_eq!(DagPlan::from_json(stored).unwrap().tasks[0].grant, Grant::default());
}

#[test]
fn a_plan_reads_back_and_a_later_version_is_refused() {
    let plan = plan();
    let mut stored = plan.to_json();
    assert_eq!(DagPlan::from_json(stored.clone()).unwrap(), plan);
    stored["v"] = json!(PLAN_VERSION + 1);
    let error = DagPlan::from_json(stored).unwrap_err();
    assert!(matches!(error, PlanReadError::TooNew { found } if found == PLAN_VERSION + 1));
    assert!(matches!(DagPlan::from_json(json!({})), Err(PlanReadError::Malformed(_))));
}

#[test]
fn components_that_are_not_there_or_take_no_arguments() {
    let mut dag = definition();
    dag.tasks[2].component = Some("ftech".parse().unwrap());
    dag.tasks[3].args = vec!["x".to_owned()];
    let found = DagPlan::compile(&dag, resolve).unwrap_err();
    let told: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "error[unknown_component] at /tasks/2/component: there is no component 'ftech' (push it first)",
            "error[unused_arguments] at /tasks/3/args: the component 'fetch' takes no args: it is no wasi:cli/command (pass what it needs as input)",
        ]
    );
}

#[test]
fn each_component_is_resolved_once() {
    let asked = std::cell::RefCell::new(Vec::new());
    let result = DagPlan::compile(&definition(), |component| {
        asked.borrow_mut().push(component.to_string());
        resolve(component)
    });
    assert!(result.is_ok());
    assert_eq!(asked.into_inner(), ["clean@1", "cli/report", "fetch"]);
}

#[test]
fn the_next_interval_keeps_to_the_dates() {
    let plan = plan();
    let now = Utc.with_ymd_and_hms(2026, 12, 1, 0, 0, 0).unwrap();
    let mut last = None;
    let mut starts = Vec::new();
    while let Some(next) = plan.next_interval(last, now, now) {
        starts.push(next.start.format("%m-%dT%H:%M").to_string());
        last = Some(next.start);
    }
    assert_eq!(starts.first().map(String::as_str), Some("11-01T05:00"));
    // The 10th at midnight is the end, so the interval that begins on the 10th at 06:00 is not run.
    assert_eq!(starts.last().map(String::as_str), Some("11-09T05:00"));
    assert_eq!(starts.len(), 9);
}

#[test]
fn without_a_start_date_the_interval_of_the_first_apply_is_the_first() {
    let dag =
        parse(json!({ "dag_id": "a", "schedule": "* * * * *", "tasks": [{ "task_id": "t", "component": "fetch" }] })).unwrap();
    let plan = DagPlan::compile(&dag, resolve).unwrap();
    let applied = Utc.with_ymd_and_hms(2026, 11, 21, 6, 7, 30).unwrap();
    let minute = |minute| Utc.with_ymd_and_hms(2026, 11, 21, 6, minute, 0).unwrap();
    for now in [applied, minute(8)] {
        assert_eq!(plan.next_interval(None, applied, now), Some(Interval { start: minute(7), end: minute(8) }));
    }
    assert_eq!(plan.next_interval(Some(minute(7)), applied, minute(8)), Some(Interval { start: minute(8), end: minute(9) }));
}

fn template(value: Value) -> InputTemplate {
    InputTemplate::parse(&value).unwrap()
}

fn render(value: Value) -> Result<Value, RenderError> {
    let conf = plan().effective_conf(&json!({ "limit": 3, "extra": { "a/b": true } }));
    let xcom = |task: &TaskId, key: &cofferdam_ids::XComKey| match (task.as_str(), key.as_str()) {
        ("fetch", "return_value") => Some(json!({ "rows": [1, 2], "none": null })),
        ("fetch", "count") => Some(json!(2)),
        _ => None,
    };
    template(value).render(&Scope::bare(&conf, &xcom))
}

#[test]
fn inputs_are_filled_in() {
    for (input, expected) in [
        (json!({}), json!({})),
        (json!([1, "two", null]), json!([1, "two", null])),
        (json!({ "$from": "fetch" }), json!({ "rows": [1, 2], "none": null })),
        (json!({ "rows": { "$from": "fetch", "path": "/rows" } }), json!({ "rows": [1, 2] })),
        (json!([{ "$from": "fetch", "path": "/rows/1" }]), json!([2])),
        (json!({ "$from": "fetch", "key": "count" }), json!(2)),
        (json!({ "$from": "fetch", "path": "/none" }), json!(null)),
        (json!({ "$from": "fetch", "path": "/x", "default": 7 }), json!(7)),
        (json!({ "$from": "other", "default": null }), json!(null)),
        (json!({ "$conf": "/station" }), json!("berlin")),
        (json!({ "$conf": "/limit" }), json!(3)),
        (json!({ "$conf": "/extra/a~1b" }), json!(true)),
        (json!({ "$conf": "" }), json!({ "station": "berlin", "limit": 3, "extra": { "a/b": true } })),
        (json!({ "$conf": "/x", "default": [] }), json!([])),
        (json!({ "$param": "limit" }), json!(3)),
        (json!({ "$literal": { "$from": "fetch" } }), json!({ "$from": "fetch" })),
        (json!({ "q": "at {{ params.station }}", "n": { "$expr": "params.limit + 1" } }), json!({ "q": "at berlin", "n": 4 })),
        (json!([{ "$literal": "{{ ds }}" }, "{{ ti.xcom_pull('fetch', key='count') }}"]), json!(["{{ ds }}", "2"])),
    ] {
        assert_eq!(render(input.clone()), Ok(expected), "{input}");
    }
}

#[test]
fn what_is_not_there_is_told_with_its_place() {
    let error = |input: Value| render(input).unwrap_err().to_string();
    assert_eq!(
        error(json!({ "a": [{ "$from": "other" }] })),
        "input/a/0: the task 'other' left no XCom 'return_value'; give a \"default\" if that may happen"
    );
    assert_eq!(
        error(json!({ "a": { "$from": "fetch", "path": "/rows/9" } })),
        "input/a: the XCom 'return_value' of task 'fetch' has nothing at \"/rows/9\""
    );
    assert_eq!(error(json!({ "$conf": "/x/y" })), "input: the run's conf has nothing at \"/x/y\"");
    assert_eq!(
        error(json!({ "q": "at {{ dag_run.conf.statoin }}" })),
        "input/q: line 1, column 7 of the template: 'dag_run.conf.statoin' is not defined (did you mean 'dag_run.conf.station'?)"
    );
}

#[test]
fn templates_that_cannot_be_read() {
    let errors = |input: Value| -> Vec<(String, String)> {
        InputTemplate::parse(&input).unwrap_err().into_iter().map(|e| (e.pointer, e.help.unwrap_or_default())).collect()
    };
    let one = |pointer: &str, help: &str| vec![(pointer.to_owned(), help.to_owned())];
    assert_eq!(errors(json!({ "a": { "$form": "x" } })), one("/a/$form", "did you mean '$from'?"));
    assert_eq!(errors(json!({ "$from": "a", "pth": "/x" })), one("/pth", "did you mean 'path'?"));
    assert_eq!(errors(json!({ "$from": 1 })), one("/$from", ""));
    assert_eq!(errors(json!({ "$from": "a b" })), one("/$from", ""));
    assert_eq!(errors(json!({ "$from": "a", "key": 1 })), one("/key", ""));
    assert_eq!(errors(json!({ "$from": "a", "path": "x" })), one("/path", "write '/x'"));
    assert_eq!(errors(json!({ "$conf": "x" })), one("/$conf", "write '/x'"));
    assert_eq!(errors(json!([{ "$x": 1 }, { "$conf": 2 }])).len(), 2);
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    assert_eq!(errors(deep).len(), 1);
}

#[test]
fn references_are_listed_once() {
    let template =
        template(json!({ "a": { "$from": "x" }, "b": [{ "$from": "x", "path": "/p" }, { "$from": "y", "key": "k" }] }));
    let key = |text: &str| cofferdam_ids::XComKey::new(text).unwrap();
    assert_eq!(template.references(), [(task_id("x"), key("return_value")), (task_id("y"), key("k"))]);
    let stored = serde_json::to_value(&template).unwrap();
    assert_eq!(serde_json::from_value::<InputTemplate>(stored).unwrap(), template);
    assert_eq!(InputTemplate::default().render(&Scope::bare(&json!({}), &|_, _| None)), Ok(json!({})));
}

#[test]
fn a_run_of_another_dag() {
    let dag = parse(json!({
        "dag_id": "a",
        "timezone": "Europe/Berlin",
        "defaults": { "timeout": "1m" },
        "tasks": [
            { "task_id": "fetch", "component": "fetch" },
            { "task_id": "call", "run_dag": { "dag_id": "b", "conf": { "rows": { "$from": "fetch" } }, "logical_date": "2026-11-21" } },
            { "task_id": "go", "timeout": "1h", "run_dag": { "dag_id": "b", "wait": false, "logical_date": "parent" } },
        ]
    }))
    .unwrap();
    let plan = DagPlan::compile(&dag, resolve).unwrap();
    let call = plan.task_named(&"call".parse().unwrap()).unwrap();
    assert_eq!(call.upstream, [0]);
    let midnight = Utc.with_ymd_and_hms(2026, 11, 20, 23, 0, 0).unwrap();
    let at = |wait, logical_date, timeout_ms| TaskWork::RunDag {
        run_dag: RunDagWork { dag_id: "b".parse().unwrap(), wait, logical_date, timeout_ms },
    };
    assert_eq!(call.work, at(true, RunDagMoment::At(midnight), None));
    assert_eq!(plan.tasks[2].work, at(false, RunDagMoment::Parent, Some(3_600_000)));
    assert_eq!(DagPlan::from_json(plan.to_json()).unwrap(), plan);
}

#[test]
fn a_plan_of_version_one_is_read() {
    let mut stored = DagPlan::compile(&definition(), resolve).unwrap().to_json();
    stored["v"] = json!(1);
    let read = DagPlan::from_json(stored).unwrap();
    assert_eq!(read.tasks[0].work.component().unwrap().digest, digest("a"));
}
