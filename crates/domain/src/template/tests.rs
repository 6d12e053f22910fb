use super::*;
use crate::grant::Grant;
use crate::run::RunType;
use chrono::{DateTime, Utc};
use cofferdam_ids::{ConnectionId, TaskId, VariableKey, XComKey};
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;

/// What the templates of these tests see.
struct World {
    conf: Value,
    grant: Grant,
    variables: HashMap<VariableKey, VariableFacts>,
    connections: HashMap<ConnectionId, ConnectionFacts>,
    previous: Option<PreviousSuccess>,
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let variable = |name: &str, facts| (VariableKey::new(name).unwrap(), facts);
        let warehouse = ConnectionFacts {
            conn_type: "http".to_owned(),
            description: None,
            host: Some("db.example.com".to_owned()),
            port: Some(5432),
            login: Some("reader".to_owned()),
            schema: None,
        };
        Self {
            conf: json!({"station": "berlin", "limit": 10, "rows": [{"t": 1}, {"t": 2.5}], "flag": true, "none": null}),
            grant: serde_json::from_value(
                json!({"variables": ["region", "settings", "pin", "gone"], "connections": ["warehouse"]}),
            )
            .unwrap(),
            variables: HashMap::from([
                variable("region", VariableFacts::Plain("eu".to_owned())),
                variable("settings", VariableFacts::Plain("{\"depth\": 3}".to_owned())),
                variable("pin", VariableFacts::Secret),
            ]),
            connections: HashMap::from([(ConnectionId::new("warehouse").unwrap(), warehouse)]),
            previous: None,
        }
    }

    fn scope<'a>(&'a self, xcom: &'a dyn Fn(&TaskId, &XComKey) -> Option<Value>) -> Scope<'a> {
        Scope {
            dag: DagFacts { dag_id: "weather", description: None, tags: &[], owners: &[], timezone: "UTC" },
            run: RunScope {
                run_id: "scheduled__2026-11-21T06:00:00+00:00",
                run_type: RunType::Scheduled,
                logical_date: time("2026-11-21T06:00:00Z"),
                interval: (time("2026-11-21T06:00:00Z"), time("2026-11-22T06:00:00Z")),
                queued_at: time("2026-11-22T06:00:01Z"),
                conf: &self.conf,
            },
            task: TaskScope {
                task_id: "load",
                map_index: -1,
                try_number: 2,
                max_tries: 3,
                pool: "default_pool",
                queue: "default",
                priority: 0,
            },
            previous: self.previous.as_ref(),
            grant: &self.grant,
            variables: &self.variables,
            connections: &self.connections,
            xcom,
            happened: None,
            input: None,
            item: None,
        }
    }
}

fn xcoms(task: &TaskId, key: &XComKey) -> Option<Value> {
    match (task.as_str(), key.as_str()) {
        ("fetch", "return_value") => Some(json!({"count": 3, "rows": [1, 2, 3]})),
        ("fetch", "note") => Some(json!("ready")),
        _ => None,
    }
}

fn render(template: Template) -> Result<Value, String> {
    template.render(&World::new().scope(&xcoms)).map_err(|fault| fault.to_string())
}

fn text(source: &str) -> Result<String, String> {
    let template =
        Template::text(source).map_err(|errors| errors[0].to_string() + errors[0].help.as_deref().unwrap_or_default())?;
    render(template).map(|value| value.as_str().unwrap().to_owned())
}

fn expression(source: &str) -> Result<Value, String> {
    render(Template::expression(source).map_err(|errors| errors[0].to_string())?)
}

#[test]
fn names_of_the_run_have_the_forms_that_airflow_gives_them() {
    for (source, expected) in [
        ("{{ ds }} {{ ds_nodash }}", "2026-11-21 20261121"),
        ("{{ ts }}", "2026-11-21T06:00:00+00:00"),
        ("{{ ts_nodash }} {{ ts_nodash_with_tz }}", "20261121T060000 20261121T060000+0000"),
        ("{{ logical_date }}", "2026-11-21T06:00:00+00:00"),
        ("{{ data_interval_end | ds }} {{ data_interval_end | ts_nodash }}", "2026-11-22 20261122T060000"),
        ("{{ yesterday_ds }} {{ tomorrow_ds_nodash }}", "2026-11-20 20261122"),
        ("{{ run_id }}", "scheduled__2026-11-21T06:00:00+00:00"),
        (
            "{{ dag_run.run_id }}/{{ dag_run.run_type }}/{{ dag_run.conf.station }}",
            "scheduled__2026-11-21T06:00:00+00:00/scheduled/berlin",
        ),
        ("{{ dag.dag_id }}.{{ task.task_id }} {{ ti.try_number }}/{{ task_instance.max_tries }}", "weather.load 2/3"),
        ("{{ task_instance_key_str }}", "weather__load__20261121"),
        ("{{ params.station | upper }}{% if params.limit > 5 %} many{% else %} few{% endif %}", "BERLIN many"),
        ("{% for row in params.rows %}{{ loop.index }}={{ row.t }}{{ ',' if not loop.last }}{% endfor %}", "1=1,2=2.5"),
        ("{{ prev_start_date_success }} {{ prev_end_date_success }}", "None None"),
        ("{{ triggering_asset_events }} {{ triggering_dataset_events | length }}", "{} 0"),
        ("a\n{{ ds }}\n", "a\n2026-11-21\n"),
        ("{% raw %}{{ ds }}{% endraw %} {{ '{{' }}", "{{ ds }} {{"),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_a_moment_has_is_known_before_a_run() {
    for name in names::MOMENT {
        let part = text(&format!("{{{{ logical_date.{name} }}}}"));
        let method = text(&format!("{{{{ logical_date.{name}('x') }}}}"));
        // What is no part is a method, which perhaps does not like its argument.
        assert!(part.is_ok() || !method.as_ref().is_err_and(|told| told.contains("no method")), "{name}: {method:?}");
    }
    let told = |source: &str| text(source).unwrap_err();
    assert!(told("{{ logical_date.format('YYYY') }}").contains("strftime"));
    assert!(told("{{ data_interval_end.diff(logical_date) }}").contains("total_seconds"));
    assert!(told("{{ prev_end_date_success.yaer }}").contains("did you mean 'year'?"));
}

#[test]
fn events_of_assets_are_found_by_the_names_of_the_assets() {
    let mut world = World::new();
    world.conf =
        json!({"asset_events": [{"uri": "s3://a", "extra": 1}, {"uri": "s3://b", "extra": 2}, {"uri": "s3://a", "extra": 3}]});
    let render = |source: &str| Template::text(source).unwrap().render(&world.scope(&xcoms)).map_err(|fault| fault.to_string());
    let source = "{% for uri, events in triggering_dataset_events.items() %}{{ uri }}: {{ events | last }}{{ '; ' if not loop.last }}{% endfor %}";
    assert_eq!(render(source), Ok(json!(r#"s3://a: {"extra":3,"uri":"s3://a"}; s3://b: {"extra":2,"uri":"s3://b"}"#)));
    assert_eq!(render("{{ triggering_asset_events['s3://a'][0].extra }}"), Ok(json!("1")));
    // It is made each time, and counts each time.
    world.conf = json!({"asset_events": [{"uri": "s3://a", "extra": "x".repeat(100_000)}]});
    let often = "{% for n in range(100) %}{{ triggering_asset_events | length }}{% endfor %}";
    let refused = Template::text(often).unwrap().render(&world.scope(&xcoms)).unwrap_err();
    assert!(refused.to_string().contains("MiB"), "{refused}");
}

#[test]
fn times_can_be_calculated_with() {
    for (source, expected) in [
        ("{{ macros.ds_add(ds, 7) }} {{ macros.ds_add(ds, -21) }}", "2026-11-28 2026-10-31"),
        ("{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "21.11.26"),
        ("{{ logical_date.replace(hour=0, minute=30) | ts }}", "2026-11-21T00:30:00+00:00"),
        ("{{ logical_date.replace(month=2, day=1, microsecond=5) | ts }}", "2026-02-01T06:00:00.000005+00:00"),
        ("{{ (logical_date - macros.timedelta(days=1, hours=2)) | ts }}", "2026-11-20T04:00:00+00:00"),
        ("{{ data_interval_end - data_interval_start }}", "1 day, 0:00:00"),
        ("{{ (data_interval_end - data_interval_start).total_seconds() }}", "86400.0"),
        ("{{ logical_date.strftime('%Y/%m/%d/%H') }}", "2026/11/21/06"),
        ("{{ logical_date.subtract(months=1).start_of('month') | ds }}", "2026-10-01"),
        ("{{ logical_date.add(days=1).end_of('day') }}", "2026-11-22T23:59:59.999999+00:00"),
        ("{{ logical_date.in_timezone('Europe/Berlin') }}", "2026-11-21T07:00:00+01:00"),
        ("{{ logical_date.year }}-{{ logical_date.day_of_week }}-{{ logical_date.int_timestamp }}", "2026-5-1795240800"),
        ("{{ macros.datetime(2026, 2, 28, 12).isoformat() }}", "2026-02-28T12:00:00+00:00"),
        ("{{ macros.datetime.strptime('01.02.2026', '%d.%m.%Y').date() }}", "2026-02-01"),
        ("{{ 'late' if data_interval_end > logical_date else 'early' }}", "late"),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn filters_tests_and_operators() {
    for (source, expected) in [
        ("{{ params.rows | map(attribute='t') | join('+') }}", "1+2.5"),
        ("{{ params.rows | length }} {{ [3, 1, 2] | sort | join }} {{ [1, 2, 2] | unique | list | tojson }}", "2 123 [1,2]"),
        ("{{ params.missing | default('x') }} {{ params.missing is defined }} {{ none | default('y', true) }}", "x False y"),
        ("{{ {'b': 1, 'a': params.station} | tojson }}", r#"{"a":"berlin","b":1}"#),
        ("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ 'ab' * 2 ~ 1 }}", "3 -4 2 1024 3.5 abab1"),
        ("{{ 'a b' | urlencode }} {{ 'a-b' | replace('-', '+') }} {{ 'x' in ['x'] }} {{ 3 is odd }}", "a%20b a+b True True"),
        ("{{ 'a,b'.split(',')[1] }} {{ params.get('none', 1) }} {{ 'abc'[1:] }} {{ [1,2,3][-1] }}", "b None bc 3"),
        ("{% set n = 2 %}{{ range(n) | list }}{% with m = n + 1 %}{{ m }}{% endwith %}", "[0,1]3"),
        ("{{ 2.5 | round }} {{ '7' | int + 1 }} {{ [1, 2] | sum }} {{ params.flag }}", "3.0 8 3 True"),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn expressions_keep_their_type() {
    assert_eq!(expression("params.limit * 2"), Ok(json!(20)));
    assert_eq!(expression("[params.station, logical_date.year]"), Ok(json!(["berlin", 2026])));
    assert_eq!(expression("ti.xcom_pull(task_ids='fetch')['rows']"), Ok(json!([1, 2, 3])));
    assert_eq!(expression("logical_date"), Ok(json!("2026-11-21T06:00:00+00:00")));
    assert_eq!(expression("params.flag and params.none"), Ok(json!(null)));
}

#[test]
fn what_other_tasks_left_is_found_before_it_is_needed() {
    assert_eq!(text("{{ ti.xcom_pull('fetch').count }} {{ ti.xcom_pull(task_ids='fetch', key='note') }}").unwrap(), "3 ready");
    assert_eq!(text("{{ ti.xcom_pull(task_ids=['fetch', 'gone'], key='note') }}").unwrap(), r#"["ready",null]"#);
    assert_eq!(text("{{ ti.xcom_pull(task_ids='gone', default='-') }}").unwrap(), "-");
    let template =
        Template::text("{{ ti.xcom_pull(task_ids=['a', 'b']) }}\n {{ task_instance.xcom_pull('c', key='n') }}").unwrap();
    let found: Vec<_> =
        template.uses().xcoms.iter().map(|used| (used.what.0.as_str(), used.what.1.as_str(), used.place.line)).collect();
    assert_eq!(found, [("a", "return_value", 1), ("b", "return_value", 1), ("c", "n", 2)]);
}

#[test]
fn what_is_read_from_the_database_is_known_before() {
    let template = Template::text(
        "{{ var.value.region }}{{ var.json.settings.depth }}{{ conn.warehouse.host }}{{ prev_data_interval_end_success }}",
    )
    .unwrap();
    let uses = template.uses();
    assert_eq!(uses.variables.iter().map(|used| used.what.as_str()).collect::<Vec<_>>(), ["region", "settings"]);
    assert_eq!(uses.connections.iter().map(|used| used.what.as_str()).collect::<Vec<_>>(), ["warehouse"]);
    assert!(uses.previous);
    assert_eq!(*Template::text("{{ params['x' ~ 1] }}{{ dag_run.conf }}").unwrap().uses(), Uses::default());
    assert_eq!(text("{{ var.value.region }} {{ var.json.settings.depth }} {{ var.value.get('gone', '-') }}").unwrap(), "eu 3 -");
    assert_eq!(
        text("{{ conn.warehouse.host }}:{{ conn.warehouse.port }} {{ conn.warehouse.login }}").unwrap(),
        "db.example.com:5432 reader"
    );
}

#[test]
fn secrets_do_not_become_input() {
    assert_eq!(text("Bearer {{ conn.warehouse.password }}").unwrap(), "Bearer <<connection:warehouse:password>>");
    assert_eq!(text("{{ conn.warehouse.extra_dejson.token }}").unwrap(), "<<connection:warehouse:extra:token>>");
    let secret = text("{{ var.value.pin }}").unwrap_err();
    assert!(secret.contains("the variable 'pin' is secret"), "{secret}");
    let refused = text("{{ var.value.other }}").unwrap_err();
    assert!(refused.contains("not granted"), "{refused}");
}

#[test]
fn names_that_are_wrong_are_told_with_their_place() {
    for (source, place, message) in [
        ("{{ logcal_date }}", (1, 4), "there is no name 'logcal_date'did you mean 'logical_date'?"),
        ("a\nb {{ dag_run.cnf }}", (2, 14), "'dag_run' has no attribute 'cnf'did you mean 'conf'?"),
        ("{{ ds | upcase }}", (1, 9), "there is no filter 'upcase'"),
        ("{{ ds is nothing }}", (1, 10), "there is no test 'nothing'"),
        ("{{ ti.xcom_pull() }}", (1, 4), "xcom_pull needs task_ids"),
        ("{{ ti.xcom_pull(task_ids=params.x) }}", (1, 26), "task_ids must be written out"),
        ("{{ var.region }}", (1, 4), "a variable is written as var.value.NAME"),
        ("{{ conn.warehouse.hots }}", (1, 19), "a connection has no field 'hots'did you mean 'host'?"),
        ("{{ next_ds }}", (1, 4), "there is no name 'next_ds'use data_interval_end | ds"),
        ("{{ ds", (1, 1), "unexpected end of input"),
        ("{% for x in params %}", (1, 1), ""),
    ] {
        let error = Template::text(source).unwrap_err().swap_remove(0);
        let told = error.message.clone() + error.help.as_deref().unwrap_or_default();
        assert!(told.contains(message), "{source}: {told}");
        assert_eq!((error.place.line, error.place.column), place, "{source}: {error:?}");
    }
    // A loop's names are known in it, and not after it.
    assert!(Template::text("{% for x in params.rows %}{{ x }}{% endfor %}").is_ok());
    assert!(Template::text("{% for x in params.rows %}{% endfor %}{{ x }}").is_err());
}

#[test]
fn what_is_missing_when_it_is_rendered_is_told_with_its_name() {
    let missing = text("at {{ dag_run.conf.statoin }}").unwrap_err();
    assert!(missing.contains("line 1, column") && missing.contains("'dag_run.conf.statoin' is not defined"), "{missing}");
    assert!(missing.contains("did you mean 'dag_run.conf.station'?"), "{missing}");
    let deeper = text("{{ dag_run.conf.a.b }}").unwrap_err();
    assert!(deeper.contains("'dag_run.conf.a' is not defined"), "{deeper}");
    assert!(text("{{ params.limit + params.station }}").unwrap_err().contains("'+' has no meaning for a number and a text"));
    assert!(text("{{ 1 // 0 }}").unwrap_err().contains("division by zero"));
}

#[test]
fn a_template_cannot_take_all_time_or_memory() {
    let doubling = format!("{{% set x = 'abcdefgh' %}}{}{{{{ x | length }}}}", "{% set x = x ~ x %}".repeat(40));
    for source in [
        doubling.as_str(),
        "{{ 'x' * 100000000000 }}",
        "{{ range(100000000) }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{{ ('a' * 3000) | replace('a', 'a' * 3000) | replace('a', 'a' * 3000) }}",
        "{% for a in range(9999) %}{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' * 10 }}{% endfor %}",
        "{% set l = [[1]] %}{% for i in range(40) %}{% set l = l + l %}{{ l }}{% endfor %}{{ [l,l,l,l] * 3 }}",
    ] {
        let refused = text(source).unwrap_err();
        assert!(
            refused.contains("more than") || refused.contains("at most") || refused.contains("no meaning"),
            "{source}: {refused}"
        );
    }
    assert!(text(&format!("{{{{ {} }}}}", "(".repeat(500))).is_err());
    assert!(text(&format!("{{{{ {}1 }}}}", "1 ~ ".repeat(10_000))).unwrap_err().contains("words and signs"));
    assert!(text(&format!("{{{{ {}1 }}}}", "1 ~ ".repeat(300))).unwrap_err().contains("nested"));
    assert!(text(&"x{{".repeat(40_000)).unwrap_err().contains("bytes"));
}

/// The rows of the tables of `docs/templates.md` that have an example and what it gives.
fn documented() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/templates.md")).unwrap();
    let code = |cell: &str| Some(cell.trim().strip_prefix('`')?.strip_suffix('`')?.replace("\\|", "|"));
    let rows = page.lines().filter(|line| line.starts_with("| `")).filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [.., example, gives] = cells.as_slice() else { return None };
        Some((code(example)?, code(gives)?))
    });
    rows.collect()
}

#[test]
fn the_examples_in_the_documentation_are_right() {
    let examples = documented();
    assert!(examples.len() > 35, "{examples:?}");
    for (example, gives) in examples {
        assert_eq!(text(&example), Ok(gives), "{example}");
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/templates.md")).unwrap();
    for name in NAMES.iter().chain(filters::FILTERS).chain(filters::TESTS) {
        let words = page.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        assert!(words.into_iter().any(|word| word == *name), "docs/templates.md says nothing of {name}");
    }
}

proptest! {
    /// Whatever is written, reading and rendering it ends, without a panic.
    #[test]
    fn any_text_can_be_tried(parts in proptest::collection::vec(
        proptest::sample::select(vec!["{{", "}}", "{%", "%}", " ds ", "logical_date", ".", "(", ")", "'a'", "|", "upper", "+", "-", "*", "~", " for x in ", "range(", "9", "if", " set x = ", "endfor", "[", "]", "macros.datetime(", "add(years=", "ti.xcom_pull(", ",", "1e9", "start_of('week')"]),
        0..25,
    )) {
        let source = parts.concat();
        let _ = text(&source);
        let _ = expression(&source);
        let _ = text(&format!("{{{{ {source} }}}}"));
    }
}
