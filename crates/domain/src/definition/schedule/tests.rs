use super::*;
use crate::definition::{self, Severity};

fn dag(schedule: &Value) -> Value {
    json!({ "dag_id": "x", "schedule": schedule, "tasks": [{ "task_id": "t", "component": "c" }] })
}

fn read(schedule: Value) -> ScheduleDefinition {
    schedule.try_into().unwrap()
}

/// What is wrong with a dag that has this schedule.
fn problems(document: Value) -> Vec<String> {
    match definition::parse(document) {
        Ok(dag) => definition::validate(&dag).iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect(),
        Err(problems) => problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect(),
    }
}

#[test]
fn every_form_is_read_written_and_told() {
    for (schedule, words) in [
        (json!("@daily"), "every day at 00:00 (UTC)"),
        (json!({ "cron": "0 6 * * *", "timezone": "Asia/Tokyo" }), "every day at 06:00 (Asia/Tokyo)"),
        (json!({ "once": "2026-11-21T06:00:00" }), "once at 2026-11-21 06:00 (UTC)"),
        (json!({ "assets": { "any": ["s3://a", "s3://b"] } }), "when s3://a or s3://b changed"),
        (json!({ "dag": { "dag_id": "load", "state": "failed" } }), "when load fails"),
        (json!(["@hourly", { "assets": "s3://a" }]), "every hour (UTC); when s3://a changed"),
    ] {
        let definition = read(schedule.clone());
        assert_eq!(definition.describe(Tz::UTC), words);
        assert_eq!(Value::from(definition.clone()), schedule);
        assert_eq!(definition.to_string().parse::<ScheduleDefinition>().unwrap(), definition);
        assert_eq!(problems(dag(&schedule)), Vec::<String>::new(), "{schedule}");
    }
}

#[test]
fn times_of_a_list_are_one_schedule() {
    let times = read(json!(["0 6 * * *", { "dag": { "dag_id": "load" } }, "0 18 * * *"])).times(Tz::UTC).unwrap();
    assert_eq!(times.describe(), "every day at 06:00 (UTC); every day at 18:00 (UTC)");
    assert!(!read(json!({ "assets": "a" })).times(Tz::UTC).unwrap().is_some());
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (schedule, expected) in [
        (json!("at noon"), "/schedule: a crontab expression has 5 fields"),
        (json!(["@daily", "@dayly"]), "/schedule/1: '@dayly' is not a known alias"),
        (json!(["@daily", "@once"]), "/schedule/1: '@once' stands alone"),
        (json!([{ "cron": "@daily", "timezone": "Mars" }]), "/schedule/0: 'Mars' is not a time zone"),
        (json!([]), "/schedule: a list of schedules must not be empty"),
        (json!(7), "/schedule: a schedule is a text"),
        (json!({ "asset": "a" }), "/schedule: a schedule has no 'asset'; did you mean 'assets'?"),
        (json!({ "assets": { "none": [] } }), "/schedule: in 'assets': a condition is"),
        (json!({ "once": "soon" }), "/schedule: in 'once': \"soon\" is not a date"),
        (json!({ "cron": "@daily", "once": "2026-11-21" }), "/schedule: 'once' does not belong here"),
        (json!({ "dag": { "dag_id": "y", "state": "done" } }), "/schedule: in 'dag': unknown variant"),
        (
            json!([{ "dag": { "dag_id": "y" } }, { "dag": { "dag_id": "y", "state": "failed" } }]),
            "/schedule/1: the dag 'y' is named twice",
        ),
        (json!({ "dag": { "dag_id": "x" } }), "/schedule: a dag cannot wait for the end of its own runs"),
    ] {
        let found = problems(dag(&schedule));
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{schedule}: {found:?}");
    }
    let mut waits_for_itself = dag(&json!({ "assets": "s3://a" }));
    waits_for_itself["tasks"][0]["produces"] = json!(["s3://a"]);
    assert!(problems(waits_for_itself)[0].contains("which its own tasks produce"));
    let mut jitter = dag(&json!("@daily"));
    jitter["jitter"] = json!("2d");
    assert_eq!(problems(jitter), ["/jitter: it must be at most 1d"]);
}

#[test]
fn ends_hold_for_their_state() {
    for (state, success, failed) in
        [(EndState::Success, true, false), (EndState::Failed, false, true), (EndState::Any, true, true)]
    {
        assert_eq!((state.holds(RunStateName::Success), state.holds(RunStateName::Failed)), (success, failed));
        assert!(!state.holds(RunStateName::Running));
    }
}

/// Every example of the pages can be applied.
#[test]
fn the_examples_of_the_pages_are_valid() {
    for page in [include_str!("../../../../../docs/schedules.md"), include_str!("../../../../../docs/assets.md")] {
        let blocks: Vec<&str> = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            let mut document: Value = serde_saphyr::from_str(block).unwrap();
            let fields = document.as_object_mut().unwrap();
            fields.entry("dag_id").or_insert_with(|| "x".into());
            fields.entry("tasks").or_insert_with(|| json!([{ "task_id": "t", "component": "c" }]));
            let dag = definition::parse(document).unwrap_or_else(|problems| panic!("{problems:?}\n{block}"));
            let errors: Vec<_> =
                definition::validate(&dag).into_iter().filter(|problem| problem.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{errors:?}\n{block}");
        }
    }
}
