use super::super::*;
use super::schema;
use crate::approval::{Approvers, OnExpiry, OnReject};
use crate::context::Role;
use crate::grant::{HttpRule, Scheme};
use crate::trigger_rule::TriggerRule;
use regex::Regex;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

/// Whether a value is valid, for the keywords that our schema uses. Another keyword is a panic, so that none is passed over.
fn valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let schema = match schema {
        Value::Bool(all) => return *all,
        other => other.as_object().unwrap(),
    };
    let number = |limit: &Value| limit.as_f64().unwrap();
    schema.iter().all(|(keyword, argument)| match keyword.as_str() {
        "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "examples" => true,
        "$ref" => valid(root, root.pointer(argument.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
        "anyOf" => argument.as_array().unwrap().iter().any(|branch| valid(root, branch, value)),
        "enum" => argument.as_array().unwrap().contains(value),
        "type" => match argument {
            Value::Array(kinds) => kinds.iter().any(|kind| is_a(value, kind)),
            kind => is_a(value, kind),
        },
        "properties" => value.as_object().is_none_or(|fields| {
            fields.iter().all(|(key, field)| argument.get(key).is_none_or(|property| valid(root, property, field)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            let known = |key: &String| schema.get("properties").is_some_and(|properties| properties.get(key).is_some());
            fields.iter().filter(|(key, _)| !known(key)).all(|(_, field)| valid(root, argument, field))
        }),
        "propertyNames" => {
            value.as_object().is_none_or(|fields| fields.keys().all(|key| valid(root, argument, &Value::String(key.clone()))))
        }
        "required" => value
            .as_object()
            .is_none_or(|fields| argument.as_array().unwrap().iter().all(|key| fields.contains_key(key.as_str().unwrap()))),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(root, argument, item))),
        "minProperties" => value.as_object().is_none_or(|fields| fields.len() as f64 >= number(argument)),
        "minItems" => value.as_array().is_none_or(|items| items.len() as f64 >= number(argument)),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as f64 <= number(argument)),
        "pattern" => value.as_str().is_none_or(|text| Regex::new(argument.as_str().unwrap()).unwrap().is_match(text)),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 >= number(argument)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 <= number(argument)),
        "minimum" => value.as_f64().is_none_or(|given| given >= number(argument)),
        "maximum" => value.as_f64().is_none_or(|given| given <= number(argument)),
        other => panic!("the schema uses {other}, which this test does not know"),
    })
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    }
}

fn fits(definition: &Value) -> bool {
    let schema = schema();
    valid(&schema, &schema, definition)
}

fn every_callback() -> CallbackDefinition {
    CallbackDefinition {
        component: Some("std/http".parse().unwrap()),
        script: Some(ScriptDefinition { language: ScriptLanguage::Python, source: "def main(input): ...".to_owned() }),
        function: Some("api#notify".to_owned()),
        args: vec!["-v".to_owned()],
        env: BTreeMap::from([("MODE".to_owned(), "x".to_owned())]),
        input: Some(json!({ "text": "{{ reason }}" })),
        retries: Some(2),
        retry_delay: Some(TimeSpan::from_ms(1_000)),
        timeout: Some(TimeSpan::from_ms(60_000)),
        priority: Some(1),
        pool: Some("small".parse().unwrap()),
        pool_slots: Some(2),
        queue: Some("eu".parse().unwrap()),
        limits: Some(LimitsDefinition { fuel: Some(1), ..LimitsDefinition::default() }),
        grant: Some(Grant::default()),
    }
}

fn every_deadline() -> DeadlineDefinition {
    DeadlineDefinition {
        after: TimeSpan::from_ms(60_000),
        from: Some(DeadlineFrom::LogicalDate),
        callback: Some(every_callback()),
    }
}

/// Every field of every type is given; one that is added later must be given here too, or this does not compile.
fn with_every_field() -> DagDefinition {
    let settings = TaskSettings {
        trigger_rule: Some(TriggerRule::AllDone),
        retries: Some(2),
        retry_delay: Some(TimeSpan::from_ms(90_500)),
        retry_backoff: Some(RetryBackoff::Exponential),
        max_retry_delay: Some(TimeSpan::from_ms(3_600_000)),
        retry_jitter: Some(0.2),
        retry_on: BTreeMap::from([(Reason::TimedOut, false), (Reason::OutOfFuel, true)]),
        timeout: Some(TimeSpan::from_ms(60_000)),
        priority: Some(-3),
        weight_rule: Some(WeightRule::Downstream),
        depends_on_past: Some(true),
        wait_for_downstream: Some(false),
        pool: Some("small".parse().unwrap()),
        pool_slots: Some(2),
        queue: Some("eu".parse().unwrap()),
        limits: Some(LimitsDefinition {
            fuel: Some(1),
            memory: Some(ByteSize::from_bytes(64 << 20)),
            output: Some(ByteSize::from_bytes(1_001)),
            log: Some(ByteSize::from_bytes(1 << 10)),
            result: Some(ByteSize::from_bytes(1 << 20)),
            table_elements: Some(10),
            instances: Some(3),
            handles: Some(4),
            http_calls: Some(5),
            http_bytes: Some(ByteSize::from_bytes(1 << 20)),
            scratch: Some(ByteSize::from_bytes(1 << 20)),
            checkpoint: Some(ByteSize::from_bytes(1 << 10)),
            artifact_bytes: Some(ByteSize::from_bytes(1 << 30)),
            artifacts: Some(6),
        }),
        on_success: Some(Box::new(every_callback())),
        on_failure: Some(Box::new(every_callback())),
        on_retry: Some(Box::new(every_callback())),
        on_skipped: Some(Box::new(every_callback())),
        deadline: Some(Box::new(every_deadline())),
        grant: Some(Grant {
            http: vec![HttpRule {
                host: "api.example.com".parse().unwrap(),
                port: Some(8080),
                scheme: Scheme::Http,
                methods: vec!["GET".parse().unwrap()],
            }],
            variables: vec!["region".parse().unwrap()],
            connections: vec!["warehouse_*".parse().unwrap()],
            scratch: Some(ByteSize::from_bytes(64 << 20)),
            clock: false,
            random: false,
            env: BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]),
        }),
    };
    let defaults = settings.clone();
    let task = TaskDefinition {
        task_id: "clean".parse().unwrap(),
        component: Some(format!("weather/clean@sha256:{}", "0a".repeat(32)).parse().unwrap()),
        script: Some(ScriptDefinition { language: ScriptLanguage::Python, source: "def main(input): ...".to_owned() }),
        run_dag: Some(RunDagDefinition {
            dag_id: "other".parse().unwrap(),
            conf: Some(json!({ "rows": { "$from": "fetch" } })),
            wait: Some(false),
            logical_date: RunDagDate::At("2026-11-21".parse().unwrap()),
        }),
        approval: Some(ApprovalDefinition {
            message: json!("Publish {{ params.station }}?"),
            who: Some(Approvers { users: vec!["anna".to_owned()], roles: vec![Role::Editor] }),
            timeout: Some(TimeSpan::from_ms(60_000)),
            until: Some("{{ ds }}".to_owned()),
            on_expiry: Some(OnExpiry::Approve),
            on_reject: Some(OnReject::Skip),
            options: vec!["all".to_owned(), "some".to_owned()],
        }),
        function: Some("weather:clean/api#clean".to_owned()),
        args: vec!["-v".to_owned()],
        env: BTreeMap::from([("MODE".to_owned(), "x=y".to_owned())]),
        input: Some(json!({ "rows": { "$from": "fetch", "path": "/rows", "key": "k", "default": [] }, "n": [1, null, "a"] })),
        expand: Some(ExpandDefinition {
            over: BTreeMap::from([
                ("n".to_owned(), json!([1, 2])),
                ("m".to_owned(), json!({ "$from": "fetch", "path": "/rows" })),
            ]),
            mode: ExpandMode::Zip,
        }),
        map_index_template: Some("{{ input.n }}".to_owned()),
        depends_on: vec!["fetch".parse().unwrap()],
        group: Some("load.staging".parse().unwrap()),
        branch: true,
        short_circuit: Some(ShortCircuitDefinition { on: true, ignore_trigger_rules: false }),
        setup: true,
        teardown: Some(TeardownDefinition { on: true, setups: vec!["create".parse().unwrap()], fail_run: true }),
        max_active: Some(1),
        concurrency_key: Some(json!({ "$param": "station" })),
        concurrency_limit: Some(2),
        produces: serde_json::from_value(json!(["s3://a", { "asset": "s3://b", "extra": "rows" }])).unwrap(),
        doc: Some("Words.".to_owned()),
        trigger_rule: settings.trigger_rule,
        retries: settings.retries,
        retry_delay: settings.retry_delay,
        retry_backoff: settings.retry_backoff,
        max_retry_delay: settings.max_retry_delay,
        retry_jitter: settings.retry_jitter,
        retry_on: settings.retry_on,
        timeout: settings.timeout,
        priority: settings.priority,
        weight_rule: settings.weight_rule,
        depends_on_past: settings.depends_on_past,
        wait_for_downstream: settings.wait_for_downstream,
        pool: settings.pool,
        pool_slots: settings.pool_slots,
        queue: settings.queue,
        limits: settings.limits.clone(),
        grant: settings.grant,
        on_success: settings.on_success,
        on_failure: settings.on_failure,
        on_retry: settings.on_retry,
        on_skipped: settings.on_skipped,
        deadline: settings.deadline,
    };
    DagDefinition {
        dag_id: "weather".parse().unwrap(),
        description: Some("One line.".to_owned()),
        doc_md: Some("# Words".to_owned()),
        tags: vec!["a".to_owned()],
        owners: vec!["b".to_owned()],
        schedule: Some("@daily".into()),
        timezone: "Europe/Berlin".to_owned(),
        start_date: Some("2026-11-01".parse().unwrap()),
        end_date: Some("2026-12-01T06:00:00.5+01:00".parse().unwrap()),
        catchup: true,
        jitter: Some(TimeSpan::from_ms(1_000)),
        overlap: Some(Overlap::Skip),
        max_active_runs: Some(1),
        max_active_tasks: Some(2),
        dagrun_timeout: Some(TimeSpan::from_ms(1)),
        on_success: Some(Box::new(every_callback())),
        on_failure: Some(Box::new(every_callback())),
        deadline: Some(Box::new(every_deadline())),
        defaults,
        limits: settings.limits,
        params: Map::from_iter([("station".to_owned(), json!("berlin"))]),
        groups: BTreeMap::from([(
            "load".parse().unwrap(),
            GroupDefinition {
                description: Some("Words.".to_owned()),
                depends_on: vec!["fetch".parse().unwrap()],
                expand: serde_json::from_value(json!({ "over": { "x": [1] }, "mode": "zip" })).unwrap(),
            },
        )]),
        tasks: vec![task],
    }
}

#[test]
fn every_field_that_is_read_is_in_the_schema_and_no_other() {
    let written = serde_json::to_value(with_every_field()).unwrap();
    assert!(fits(&written), "{written:#}");
    let schema = schema();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    for (of_value, of_schema) in [
        ("", "/properties"),
        ("/tasks/0", "/$defs/task/properties"),
        ("/tasks/0/run_dag", "/$defs/run_dag/properties"),
        ("/tasks/0/approval", "/$defs/approval/properties"),
        ("/tasks/0/approval/who", "/$defs/approval/properties/who/properties"),
        ("/on_failure", "/$defs/callback/anyOf/1/properties"),
        ("/deadline", "/$defs/deadline/properties"),
        ("/groups/load", "/properties/groups/additionalProperties/properties"),
        ("/defaults", "/$defs/settings/properties"),
        ("/defaults/limits", "/$defs/limits/properties"),
        ("/defaults/grant", "/$defs/grant/properties"),
        ("/defaults/grant/http/0", "/$defs/http_rule/properties"),
    ] {
        assert_eq!(keys(written.pointer(of_value).unwrap()), keys(schema.pointer(of_schema).unwrap()), "{of_schema}");
    }
}

/// The dags in a page: blocks of JSON or YAML that have both a name and tasks.
fn dags_in(page: &str) -> Vec<Value> {
    let blocks = page.split("\n```").collect::<Vec<_>>();
    let read = |block: &&str| match block.split_once('\n')? {
        ("json", text) => serde_json::from_str(text).ok(),
        ("yaml", text) => serde_saphyr::from_str(text).ok(),
        _ => None,
    };
    let is_dag = |value: &Value| value.get("dag_id").is_some() && value.get("tasks").is_some();
    blocks.iter().filter_map(read).filter(is_dag).collect()
}

#[test]
fn the_examples_are_valid() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut seen = 0;
    for page in fs::read_dir(format!("{root}/docs")).unwrap().map(|entry| entry.unwrap().path()) {
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for dag in dags_in(&fs::read_to_string(&page).unwrap()) {
            assert!(fits(&dag), "{}: {dag:#}", page.display());
            assert!(parse(dag.clone()).is_ok(), "{}: {dag:#}", page.display());
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} dags are found in the documentation");
    let example = include_str!("../../../../../examples/weather-etl/dag.yaml");
    assert!(fits(&serde_saphyr::from_str(example).unwrap()));
}

#[test]
fn what_is_not_read_is_not_valid() {
    let good = serde_json::to_value(with_every_field()).unwrap();
    for (inside, field) in [
        ("", "shedule"),
        ("/tasks/0", "retry"),
        ("/tasks/0/run_dag", "dagid"),
        ("/defaults", "task_id"),
        ("/defaults/limits", "wall"),
        ("/defaults/grant", "htp"),
        ("/defaults/grant/http/0", "path"),
    ] {
        let mut wrong = good.clone();
        wrong.pointer_mut(inside).unwrap()[field] = json!(1);
        assert!(!fits(&wrong), "{inside}/{field}");
    }
    for (at, value) in [
        ("/dag_id", json!("a b")),
        ("/tasks", json!([])),
        ("/tasks/0/component", json!("Weather")),
        ("/tasks/0/component", json!("weather@sha256:12")),
        ("/tasks/0/input", json!({ "$from": "a b" })),
        ("/tasks/0/input", json!([{ "rows": { "$form": "fetch" } }])),
        ("/tasks/0/input", json!({ "$param": "x", "rows": 1 })),
        ("/tasks/0/retry_on", json!({ "fatal": true })),
        ("/tasks/0/grant/http/0", json!("api.example.com")),
        ("/tasks/0/grant/http/0", json!("https://api.example.com/path")),
        ("/tasks/0/grant/http/0/methods", json!(["get"])),
        ("/tasks/0/grant/variables", json!(["a*b"])),
        ("/tasks/0/grant/scratch", json!("64M")),
        ("/tasks/0/trigger_rule", json!("all_good")),
        ("/tasks/0/retries", json!(101)),
        ("/start_date", json!("21.11.2026")),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(at).unwrap() = value;
        assert!(!fits(&wrong), "{at}: {}", wrong.pointer(at).unwrap());
    }
}

#[test]
fn patterns_agree_with_what_is_read() {
    let schema = schema();
    let holds = |kind: &str, value: &Value| valid(&schema, &schema["$defs"][kind], value);
    for text in ["30s", "1h30m", "1d 2h", "500ms", "1m5ms", "30", "5 minutes", "30m1h", "1h1h", "", "5x"] {
        assert_eq!(holds("time_span", &json!(text)), text.parse::<TimeSpan>().is_ok(), "{text:?}");
    }
    for text in ["64MiB", "1 GB", "12B", "3kB", "64M", "64mib", "MiB", "1MiB2KiB", ""] {
        assert_eq!(holds("byte_size", &json!(text)), text.parse::<ByteSize>().is_ok(), "{text:?}");
    }
    for text in ["2026-11-21", "2026-11-21T06:00", "2026-11-21 06:00:00.5", "2026-11-21T06:00:00Z", "2026-11-21T06Z", "today"] {
        assert_eq!(holds("moment", &json!(text)), text.parse::<Moment>().is_ok(), "{text:?}");
    }
    for character in (0_u8..128).map(char::from) {
        let text = character.to_string();
        assert_eq!(holds("task_id", &json!(text)), TaskId::new(&text).is_ok(), "{text:?}");
        let component = valid(&schema, &schema["$defs"]["task"]["properties"]["component"], &json!(text));
        assert_eq!(component, cofferdam_ids::ComponentName::new(&text).is_ok(), "{text:?}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "`cargo xtask gen` tells the test through the environment to write the file")]
fn derived_file_dag_schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas/dag-1.schema.json");
    let derived = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var("COFFERDAM_GEN").is_ok_and(|mode| mode == "write") {
        fs::write(path, &derived).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == derived, "docs/schemas/dag-1.schema.json differs from the code; run `cargo xtask gen`");
}
