use super::*;
use crate::job::Entry;
use crate::plan::{Component, DagPlan};
use cofferdam_ids::Digest;
use proptest::prelude::*;
use serde_json::json;

fn full() -> Value {
    json!({
        "dag_id": "weather_etl",
        "description": "Daily weather figures",
        "tags": ["weather"],
        "owners": ["data"],
        "schedule": "0 6 * * *",
        "timezone": "Europe/Berlin",
        "start_date": "2026-11-01",
        "catchup": false,
        "max_active_runs": 4,
        "defaults": { "retries": 2, "retry_delay": "30s", "limits": { "memory": "64MiB" } },
        "params": { "station": "berlin" },
        "tasks": [
            { "task_id": "fetch", "component": "weather/fetch@1.2.0", "input": { "station": { "$param": "station" } } },
            {
                "task_id": "clean",
                "component": "weather/clean",
                "input": { "rows": { "$from": "fetch", "path": "/rows" }, "limit": 10 },
                "retries": 0,
                "limits": { "fuel": 1_000_000 }
            },
            { "task_id": "report", "component": "weather/report", "depends_on": ["clean"], "trigger_rule": "all_done", "timeout": 90 }
        ]
    })
}

/// The definition with a value put in at a pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut dag = full();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match dag.pointer_mut(parent).unwrap() {
        Value::Object(object) => _ = object.insert(key.to_owned(), value),
        Value::Array(array) => array[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other} has no {key}"),
    }
    dag
}

/// What is wrong with a definition: code and pointer of each.
fn problems(value: Value) -> Vec<(String, String)> {
    let found = match parse(value) {
        Ok(dag) => validate(&dag),
        Err(found) => found,
    };
    found.into_iter().map(|problem| (problem.code.to_string(), problem.pointer)).collect()
}

fn only(code: &str, pointer: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), pointer.to_owned())]
}

#[test]
fn a_right_definition_has_no_problems_and_reads_back() {
    let dag = parse(full()).unwrap();
    assert_eq!(validate(&dag), []);
    let written = serde_json::to_value(&dag).unwrap();
    assert_eq!(parse(written).unwrap(), dag);
}

#[test]
fn the_least_definition() {
    let dag = parse(json!({ "dag_id": "a", "tasks": [{ "task_id": "t", "component": "c" }] })).unwrap();
    assert_eq!(validate(&dag), []);
    assert_eq!(dag.timezone, "UTC");
    assert_eq!(serde_json::to_value(&dag).unwrap(), json!({ "dag_id": "a", "tasks": [{ "task_id": "t", "component": "c" }] }));
}

#[test]
fn all_unknown_fields_are_told_with_the_one_that_was_meant() {
    let mut dag = with("/tasks/1/retrys", json!(3));
    dag["tags_"] = json!([]);
    dag["tasks"][1]["limits"]["memroy"] = json!("1MiB");
    dag["tasks"][2]["xyz"] = json!(1);
    let found = parse(dag).unwrap_err();
    let told: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told.contains(&"error[unknown_field] at /tags_: there is no field 'tags_' (did you mean 'tags'?)".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(
            &"error[unknown_field] at /tasks/1/retrys: there is no field 'retrys' (did you mean 'retries'?)".to_owned()
        ),
        "{told:?}"
    );
    assert!(
        told.contains(
            &"error[unknown_field] at /tasks/1/limits/memroy: there is no field 'memroy' (did you mean 'memory'?)".to_owned()
        ),
        "{told:?}"
    );
    assert!(
        told.iter().any(|text| text.contains("/tasks/2/xyz") && text.contains("the fields here are task_id, component")),
        "{told:?}"
    );
}

#[test]
fn an_unknown_field_named_like_its_parent_is_found() {
    let found = parse(with("/defaults/limits", json!({ "limits": {} }))).unwrap_err();
    assert_eq!(found[0].pointer, "/defaults/limits/limits");
    assert_eq!(found.len(), 1);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for (pointer, value, code) in [
        ("/dag_id", json!("my dag"), "invalid_value"),
        ("/dag_id", json!(7), "invalid_value"),
        ("/tags", json!("weather"), "invalid_value"),
        ("/start_date", json!("yesterday"), "invalid_value"),
        ("/tasks", json!({}), "invalid_value"),
        ("/defaults", json!([]), "invalid_value"),
        ("/tasks/0", json!(["fetch", "weather/fetch"]), "invalid_value"),
        ("/tasks/1/limits", json!([1]), "invalid_value"),
        ("/tasks/0/task_id", json!("a/b"), "invalid_value"),
        ("/tasks/0/component", json!("a@"), "invalid_value"),
        ("/tasks/0/component", json!("a@sha256:12"), "invalid_value"),
        ("/tasks/1/retries", json!(-1), "invalid_value"),
        ("/tasks/1/timeout", json!("5 min"), "invalid_value"),
        ("/tasks/1/limits/memory", json!("64"), "invalid_value"),
        ("/tasks/2/depends_on/0", json!(""), "invalid_value"),
        ("/tasks/2/trigger_rule", json!("all_sucess"), "invalid_value"),
    ] {
        assert_eq!(problems(with(pointer, value)), only(code, pointer), "{pointer}");
    }
    let found = parse(with("/tasks/2/trigger_rule", json!("all_sucess"))).unwrap_err();
    assert_eq!(found[0].help.as_deref(), Some("did you mean 'all_success'?"));
    let found = parse(with("/dag_id", json!("my dag"))).unwrap_err();
    assert!(found[0].message.contains("' ' is not allowed (at character 3)"), "{}", found[0].message);
}

#[test]
fn missing_fields_and_other_shapes() {
    assert_eq!(problems(json!({ "tasks": [] })), only("missing_field", ""));
    assert_eq!(problems(json!({ "dag_id": "a" })), only("missing_field", ""));
    assert_eq!(problems(json!([1])), only("invalid_value", ""));
    assert_eq!(problems(json!({ "dag_id": "a", "tasks": [{ "task_id": "t" }] })), only("missing_field", "/tasks/0"));
    assert_eq!(problems(json!({ "dag_id": "a", "tasks": [] })), only("no_tasks", "/tasks"));
}

#[test]
fn mistakes_in_several_tasks_are_all_told() {
    let mut dag = with("/tasks/0/retries", json!("two"));
    dag["tasks"][2]["pool"] = json!("");
    dag["schedule"] = json!(6);
    let pointers: Vec<_> = problems(dag).into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/schedule", "/tasks/0/retries", "/tasks/2/pool"]);
}

#[test]
fn mistakes_do_not_hide_each_other() {
    let mut dag = full();
    dag["max_active_runs"] = json!("many");
    dag["timezone"] = json!("Europe/Berln");
    dag["tagz"] = json!([]);
    dag["tasks"][0]["retries"] = json!("two");
    dag["tasks"][0]["depends_on"] = json!("clean");
    dag["tasks"][1]["depends_on"] = json!(["fetch", 7]);
    dag["tasks"][1]["limits"]["memory"] = json!(true);
    dag["tasks"][2]["depends_on"] = json!(["claen"]);
    let pointers: Vec<_> = problems(dag).into_iter().map(|(_, pointer)| pointer).collect();
    let expected = [
        "/max_active_runs",
        "/tagz",
        "/tasks/0/depends_on",
        "/tasks/0/retries",
        "/tasks/1/depends_on/1",
        "/tasks/1/limits/memory",
        "/tasks/2/depends_on/0",
        "/timezone",
    ];
    let mut sorted = pointers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{pointers:?}");
}

#[test]
fn what_follows_from_a_mistake_is_not_told_besides() {
    // Without the grant, the parameters, the group or the component, what needs them would look wrong.
    let uses = json!({ "region": "{{ var.value.region }}", "station": { "$param": "station" } });
    for (field, value, code) in [
        ("/tasks/0/grant", json!({ "variables": "region" }), "invalid_value"),
        ("/tasks/0/grnt", json!({ "variables": ["region"] }), "unknown_field"),
        ("/tasks/0/component", json!("a@"), "invalid_value"),
        ("/tasks/0/task_id", json!(7), "invalid_value"),
    ] {
        let mut dag = with(field, value);
        dag["tasks"][0]["input"] = uses.clone();
        assert_eq!(
            problems(dag),
            only(code, if field.ends_with("/grant") { "/tasks/0/grant/variables" } else { field }),
            "{field}"
        );
    }
    for (wrong, at) in [
        (json!({ "task_id": "t", "componen": "c" }), "/tasks/0/componen"),
        (json!({ "taskid": "t", "component": "c" }), "/tasks/0/taskid"),
    ] {
        assert_eq!(problems(json!({ "dag_id": "a", "tasks": [wrong] })), only("unknown_field", at));
    }
    assert_eq!(
        problems(json!({ "dagid": "a", "tasks": [{ "task_id": "t", "component": "c" }] })),
        only("unknown_field", "/dagid")
    );
    let mut dag = with("/params", json!(["station"]));
    dag["tasks"][0]["group"] = json!("load");
    dag["tasks"][2]["depends_on"] = json!(["load"]);
    assert_eq!(problems(dag), only("invalid_value", "/params"));
}

#[test]
fn what_cannot_be_read_is_told_in_plain_words() {
    let told = |pointer: &str, value: Value| {
        let found = parse(with(pointer, value)).unwrap_err().remove(0);
        (found.message, found.help.unwrap_or_default())
    };
    for (pointer, value, message, help) in [
        ("/tags", json!("weather"), "it must be a list, and is the text \"weather\"", "a list of one is written [weather]"),
        ("/tags/0", json!(true), "it must be a text, and is true", "write it in quotes"),
        ("/description", json!(7), "it must be a text, and is the number 7", "write it in quotes"),
        ("/catchup", json!("yes"), "it must be true or false, and is the text \"yes\"", ""),
        ("/max_active_runs", json!(-1), "it must be a whole number that is not below 0, and is the number -1", ""),
        ("/max_active_runs", json!(1.5), "it must be a whole number that is not below 0, and is the number 1.5", ""),
        ("/tasks/0/args", json!({}), "it must be a list, and is an object", ""),
        ("/params", json!([]), "it must be an object, and is a list", ""),
    ] {
        assert_eq!(told(pointer, value), (message.to_owned(), help.to_owned()), "{pointer}");
    }
}

#[test]
fn texts_that_cannot_be_kept_are_told_with_their_place() {
    for (pointer, value, place) in [
        ("/description", json!("a\0"), "/description"),
        ("/tasks/0/args", json!(["a", "b\0"]), "/tasks/0/args/1"),
        ("/tasks/1/input", json!({ "deep": [{ "a\0": 1 }] }), "/tasks/1/input/deep/0/a\0"),
    ] {
        let found = parse(with(pointer, value)).unwrap_err();
        assert_eq!((found.len(), found[0].pointer.as_str()), (1, place));
        assert!(found[0].message.contains("U+0000"), "{}", found[0].message);
    }
}

#[test]
fn truths_are_those_of_yaml_1_2() {
    let (value, _) = Source::read("a: [no, on, y, Yes, 'true']\nb: [true, false]\n").unwrap();
    assert_eq!(value, json!({ "a": ["no", "on", "y", "Yes", "true"], "b": [true, false] }));
}

#[test]
fn what_only_shows_as_a_whole() {
    for (pointer, value, code, place) in [
        ("/schedule", json!("0 6 * *"), "invalid_schedule", "/schedule"),
        ("/schedule", json!("0 0 30 2 *"), "invalid_schedule", "/schedule"),
        ("/timezone", json!("Europe/Berln"), "unknown_timezone", "/timezone"),
        ("/end_date", json!("2026-10-31"), "invalid_dates", "/end_date"),
        ("/max_active_runs", json!(0), "out_of_range", "/max_active_runs"),
        ("/dagrun_timeout", json!("0s"), "out_of_range", "/dagrun_timeout"),
        ("/tags", json!([" "]), "invalid_value", "/tags/0"),
        ("/description", json!("x".repeat(1_001)), "too_long", "/description"),
        ("/tasks/1/task_id", json!("fetch"), "duplicate_task_id", "/tasks/1/task_id"),
        ("/tasks/2/depends_on/0", json!("claen"), "unknown_upstream", "/tasks/2/depends_on/0"),
        ("/tasks/1/input/rows/$from", json!("fech"), "unknown_upstream", "/tasks/1/input/rows/$from"),
        ("/tasks/0/input/station/$param", json!("statoin"), "unknown_param", "/tasks/0/input/station/$param"),
        ("/tasks/0/input/station", json!({ "$conf": "station" }), "invalid_input", "/tasks/0/input/station/$conf"),
        ("/tasks/0/input/station", json!({ "$form": "x" }), "invalid_input", "/tasks/0/input/station/$form"),
        ("/tasks/0/limits", json!({ "memory": "5GiB" }), "limit_over_cap", "/tasks/0/limits/memory"),
        ("/tasks/0/limits", json!({ "fuel": 0 }), "out_of_range", "/tasks/0/limits/fuel"),
        ("/tasks/0/timeout", json!("25h"), "limit_over_cap", "/tasks/0/timeout"),
        ("/tasks/0/retries", json!(101), "out_of_range", "/tasks/0/retries"),
        ("/tasks/0/pool_slots", json!(0), "out_of_range", "/tasks/0/pool_slots"),
        ("/tasks/0/retry_jitter", json!(1.5), "out_of_range", "/tasks/0/retry_jitter"),
        ("/tasks/0/retry_on", json!({ "fatal": true }), "never_retried", "/tasks/0/retry_on/fatal"),
        ("/tasks/0/env", json!({ "A=B": "c" }), "invalid_value", "/tasks/0/env/A=B"),
        ("/defaults/timeout", json!("2d"), "limit_over_cap", "/defaults/timeout"),
    ] {
        let found = problems(with(pointer, value));
        // Renaming a task also leaves others without it; the mistake itself is among what is told.
        assert!(found.contains(&(code.to_owned(), place.to_owned())), "{pointer}: {found:?}");
    }
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let dag = parse(with("/tasks/1/retry_delay", json!("5s"))).unwrap();
    let found = validate(&dag);
    assert_eq!(found.len(), 1);
    assert!(!found[0].is_error());
    assert_eq!(found[0].pointer, "/tasks/1/retry_delay");
    assert_eq!(
        problems(
            json!({ "dag_id": "a", "catchup": true, "schedule": "@daily", "tasks": [{ "task_id": "t", "component": "c" }] })
        ),
        only("no_effect", "/catchup")
    );
}

#[test]
fn circles_are_named() {
    let mut dag = full();
    dag["tasks"][0]["depends_on"] = json!(["report"]);
    let found = validate(&parse(dag).unwrap());
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "error[cycle] at /tasks/0/task_id: tasks wait for each other: fetch → clean → report → fetch"
    );
    let labels: Vec<_> = found[0].labels.iter().map(|label| (label.pointer.as_str(), label.message.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("/tasks/1/input/rows/$from", "'clean' waits for 'fetch'"),
            ("/tasks/2/depends_on/0", "'report' waits for 'clean'"),
            ("/tasks/0/depends_on/0", "'fetch' waits for 'report'"),
        ]
    );
    let found = validate(&parse(with("/tasks/2/depends_on", json!(["report"]))).unwrap());
    assert_eq!(found[0].to_string(), "error[cycle] at /tasks/2/task_id: the task 'report' waits for itself");
}

#[test]
fn a_dag_has_at_most_a_thousand_tasks() {
    let tasks =
        |count: usize| -> Vec<Value> { (0..count).map(|n| json!({ "task_id": format!("t{n}"), "component": "c" })).collect() };
    assert_eq!(problems(json!({ "dag_id": "a", "tasks": tasks(1_000) })), []);
    assert_eq!(problems(json!({ "dag_id": "a", "tasks": tasks(1_001) })), only("too_many_tasks", "/tasks"));
}

#[test]
fn every_code_has_its_section_in_the_documentation() {
    let page = include_str!("../../../../docs/dags.md");
    for code in DiagnosticCode::ALL {
        assert!(page.contains(&format!("| `{}` |", code.as_str())), "docs/dags.md says nothing of {code}");
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn the_example_in_the_documentation_is_right() {
    let page = include_str!("../../../../docs/dags.md");
    let examples: Vec<&str> = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let dag = parse(serde_json::from_str(example).unwrap()).unwrap();
        assert_eq!(validate(&dag), []);
    }
}

#[test]
fn dates_are_meant_in_the_time_zone_of_the_dag() {
    let resolve = |text: &str| text.parse::<Moment>().unwrap().resolve(chrono_tz::Europe::Berlin).to_rfc3339();
    assert_eq!(resolve("2026-11-21"), "2026-11-20T23:00:00+00:00");
    assert_eq!(resolve("2026-11-21T06:00"), "2026-11-21T05:00:00+00:00");
    assert_eq!(resolve("2026-11-21 06:00:00"), "2026-11-21T05:00:00+00:00");
    assert_eq!(resolve("2026-11-21T06:00:00+05:00"), "2026-11-21T01:00:00+00:00");
    // Skipped, and twice there.
    assert_eq!(resolve("2026-03-29T02:30"), "2026-03-29T01:00:00+00:00");
    assert_eq!(resolve("2026-10-25T02:30"), "2026-10-25T00:30:00+00:00");
    for text in ["2026-11-21", "2026-11-21T06:00:00Z", "2026-11-21T06:00:00.250"] {
        let moment: Moment = text.parse().unwrap();
        assert_eq!(String::from(moment).parse(), Ok(moment));
    }
    for wrong in ["", "2026-13-01", "21.11.2026", "2026-11-21T25:00:00", "+262142-12-31", "0000-01-01"] {
        assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
    }
}

#[test]
fn settings_come_from_the_task_then_from_the_defaults() {
    let dag = parse(full()).unwrap();
    let fetch = dag.tasks[0].settings_or(&dag.defaults);
    assert_eq!(fetch.retry_policy().max_tries, 3);
    assert_eq!(fetch.effective_limits().memory_bytes, 64 << 20);
    let clean = dag.tasks[1].settings_or(&dag.defaults);
    assert_eq!(clean.retry_policy().max_tries, 1);
    // Limits are merged one by one.
    assert_eq!((clean.effective_limits().memory_bytes, clean.effective_limits().fuel), (64 << 20, 1_000_000));
    let report = dag.tasks[2].settings_or(&dag.defaults);
    assert_eq!(report.effective_limits().wall_ms, 90_000);
    assert_eq!(TaskSettings::default().retry_policy(), RetryPolicy::default());
    assert_eq!(TaskSettings::default().effective_limits(), Limits::default());
}

/// Every place of a document, as a pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| places(item, &join(at, i), found)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| places(field, &join(at, key), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[-$@a-z0-9 */:+]{0,12}".prop_map(Value::from),
        proptest::sample::select(&["fetch", "clean", "report", "@daily", "2026-11-21", "30s", "1MiB", "all_done"][..])
            .prop_map(Value::from),
    ];
    let keys = proptest::sample::select(
        &["$from", "$conf", "$param", "$literal", "path", "key", "default", "task_id", "component", "limits", "retries", "a/b~c"]
            [..],
    );
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Whatever is put in whatever place: it is read or told, and every place that is told is in the document.
    #[test]
    fn no_document_panics_and_every_problem_has_a_place(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), some_json()), 1..4),
    ) {
        let mut document = full();
        for (index, value) in changes {
            let mut found = Vec::new();
            places(&document, "", &mut found);
            let place: &String = index.get(&found);
            *document.pointer_mut(place).unwrap() = value;
        }
        let digest = Digest::new("a".repeat(64)).unwrap();
        let problems = match parse(document.clone()) {
            Ok(dag) => {
                let written = serde_json::to_value(&dag).unwrap();
                prop_assert_eq!(parse(written), Ok(dag.clone()), "what was read can be written and read again");
                match DagPlan::compile(&dag, |_| {
                    Ok(Component { digest: digest.clone(), entry: Some(Entry::Task), functions: Vec::new(), run: None })
                }) {
                    Ok(plan) => {
                        prop_assert_eq!(DagPlan::from_json(plan.to_json()).unwrap(), plan);
                        validate(&dag)
                    }
                    Err(problems) => problems,
                }
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                problems
            }
        };
        for problem in problems {
            // A setting that is judged together with what it inherits may be told where it would be.
            let parent = problem.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert!(document.pointer(parent).is_some(), "{problem} is not in {document}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_grant_has_its_place() {
    let of = |grant: Value| problems(with("/tasks/0/grant", grant));
    assert_eq!(of(json!({ "http": ["https://a.example"], "scratch": "1MiB", "env": { "A": "b" } })), []);
    assert_eq!(of(json!({ "http": ["https://a.example", "a.example"] })), only("invalid_value", "/tasks/0/grant/http/1"));
    assert_eq!(of(json!({ "variables": ["a", "b*c"] })), only("invalid_value", "/tasks/0/grant/variables/1"));
    assert_eq!(of(json!({ "htpp": [] })), only("unknown_field", "/tasks/0/grant/htpp"));
    assert_eq!(of(json!({ "http": [{ "host": "a.example", "prot": 1 }] })), only("unknown_field", "/tasks/0/grant/http/0/prot"));
    assert_eq!(of(json!(["https://a.example"])), only("invalid_value", "/tasks/0/grant"));
    assert_eq!(of(json!({ "http": [{ "host": "a.example", "port": 0 }] })), only("out_of_range", "/tasks/0/grant/http/0/port"));
    assert_eq!(of(json!({ "scratch": "1TiB" })), only("limit_over_cap", "/tasks/0/grant/scratch"));
    assert_eq!(of(json!({ "scratch": 0 })), only("out_of_range", "/tasks/0/grant/scratch"));
    assert_eq!(of(json!({ "env": { "A=": "b" } })), only("invalid_value", "/tasks/0/grant/env/A="));
    assert_eq!(of(json!({ "env": { "A": "b\0" } })), only("invalid_value", "/tasks/0/grant/env/A"));
    assert_eq!(of(json!({ "env": { "A": "b".repeat(40_000) } })), only("too_long", "/tasks/0/grant/env/A"));
    assert_eq!(of(json!({ "variables": vec!["a"; 101] })).first(), only("too_long", "/tasks/0/grant/variables").first());
    assert_eq!(of(json!({ "connections": ["a", "a"] })), only("no_effect", "/tasks/0/grant/connections/1"));
    assert_eq!(problems(with("/limits", json!({ "memory": "1TiB" }))), only("limit_over_cap", "/limits/memory"));
}

mod scripts {
    use super::super::*;
    use crate::plan::{Component, DagPlan};
    use crate::template::Scope;
    use cofferdam_ids::Digest;
    use serde_json::json;

    fn problems(task: serde_json::Value) -> Vec<String> {
        let dag = json!({ "dag_id": "d", "tasks": [task] });
        let found = match parse(dag) {
            Ok(dag) => validate(&dag),
            Err(found) => found,
        };
        found.iter().map(|problem| format!("{} {}: {}", problem.code, problem.pointer, problem.message)).collect()
    }

    #[test]
    fn a_script_is_run_by_its_interpreter_with_source_and_input() {
        let task = json!({
            "task_id": "a", "input": { "rows": { "$param": "rows" } },
            "script": { "language": "javascript", "source": "function main(input) { return `{{ x }}` }" },
        });
        let dag = parse(json!({ "dag_id": "d", "params": { "rows": [1] }, "tasks": [task] })).unwrap();
        assert_eq!(validate(&dag), []);
        let component = Component {
            digest: Digest::new("ab".repeat(32)).unwrap(),
            entry: Some(crate::job::Entry::Task),
            functions: Vec::new(),
            run: None,
        };
        let plan = DagPlan::compile(&dag, |name| {
            assert_eq!(name.to_string(), "std/javascript");
            Ok(component.clone())
        });
        let plan = plan.unwrap();
        let input = plan.tasks[0].input.render(&Scope::bare(&plan.effective_conf(&json!({})), &|_, _| None)).unwrap();
        assert_eq!(input, json!({ "source": "function main(input) { return `{{ x }}` }", "input": { "rows": [1] } }));
        // What is stored is read again.
        assert_eq!(parse(serde_json::to_value(&dag).unwrap()).unwrap(), dag);
    }

    #[test]
    fn mistakes_in_a_script_have_their_place() {
        let script = json!({ "language": "python", "source": "x" });
        assert_eq!(
            problems(json!({ "task_id": "a", "component": "b", "script": script })),
            ["invalid_value /tasks/0/component: a task has a component or a script, not both"]
        );
        assert_eq!(
            problems(json!({ "task_id": "a", "script": { "language": "cobol", "source": "x" } })),
            ["invalid_value /tasks/0/script/language: 'cobol' is not known here"]
        );
        assert_eq!(
            problems(json!({ "task_id": "a", "script": { "language": "python", "source": " " } })),
            ["invalid_value /tasks/0/script/source: the script is empty"]
        );
        assert_eq!(
            problems(json!({ "task_id": "a", "script": script, "args": ["x"] })),
            ["unused_arguments /tasks/0/args: a script takes no args"]
        );
        assert_eq!(problems(json!({ "task_id": "a", "script": "x" })), ["invalid_value /tasks/0/script: it must be an object"]);
        assert_eq!(problems(json!({ "task_id": "a" })), ["missing_field /tasks/0: the field 'component' is missing"]);
    }
}
