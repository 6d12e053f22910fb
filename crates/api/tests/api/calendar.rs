//! The days of a dag, its earlier versions, and runs by what made them.

use crate::harness::Server;
use chrono::{DateTime, Utc};
use cofferdam_domain::context::Role;
use serde_json::{Value, json};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn dag(settings: Value) -> Value {
    let mut dag = json!({ "dag_id": "clock", "tasks": [{ "task_id": "only", "component": "demo/echo" }] });
    dag.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    dag
}

#[tokio::test]
async fn days_have_runs_and_what_the_schedule_plans() {
    let server = Server::start().await;
    server.clock.set(at("2026-11-20T12:00:00Z"));
    let key = server.key(server.tenant, Role::Editor).await;
    server.component(server.tenant, "demo/echo").await;
    server.schedule();
    let settings = json!({ "schedule": "0 */12 * * *", "start_date": "2026-11-20", "end_date": "2026-11-23T00:00" });
    server.post("/api/v1/dags", &key, dag(settings.clone())).await.ok(201);
    let runs = "/api/v1/dags/clock/dagRuns";
    server.until("the scheduled run", runs, &key, |listed| listed["total_entries"] == 1).await;
    let manual = json!({ "dag_run_id": "by_hand", "logical_date": "2026-11-19T23:59:59Z" });
    server.post(runs, &key, manual).await.ok(200);

    let calendar = "/api/v1/dags/clock/calendar";
    let found = server.get(&format!("{calendar}?from=2026-11-19&to=2026-11-22"), &key).await.ok(200);
    let days = json!([
        { "date": "2026-11-19", "states": { "queued": 1 }, "planned": 0 },
        { "date": "2026-11-20", "states": { "running": 1 }, "planned": 1 },
        { "date": "2026-11-21", "states": {}, "planned": 2 },
        { "date": "2026-11-22", "states": {}, "planned": 2 },
    ]);
    let counted = |found: &Value| {
        let mut days = found["days"].clone();
        // One run at once: which of the two waits does not matter here.
        for day in days.as_array_mut().unwrap() {
            let runs: u64 = day["states"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
            day["states"] = json!(runs);
        }
        days
    };
    let mut expected = json!({ "days": days });
    expected["days"] = counted(&expected);
    assert_eq!(counted(&found), expected["days"]);
    assert_eq!(found["next_runs"][0], json!({ "logical_date": "2026-11-20T12:00:00Z", "due_at": "2026-11-21T00:00:00Z" }));
    // The end of the dag ends the plan: the last interval begins on the 23rd at 00:00.
    assert_eq!(found["next_runs"].as_array().unwrap().len(), 6, "{found}");
    server.get(&format!("{calendar}?from=2020-01-01&to=2026-11-22"), &key).await.problem(400, "invalid_parameter");

    // A paused dag plans nothing.
    server.call("PATCH", "/api/v1/dags/clock", &key, Some(&json!({ "is_paused": true }))).await.ok(200);
    let found = server.get(calendar, &key).await.ok(200);
    assert_eq!((found["next_runs"].clone(), found["days"].as_array().unwrap().len()), (json!([]), 2), "{found}");

    // Runs by what made them.
    for (kind, names) in [("manual", 1), ("scheduled,manual", 2), ("backfill", 0)] {
        let listed = server.get(&format!("{runs}?run_type={kind}"), &key).await.ok(200);
        assert_eq!((listed["total_entries"].clone(), listed["dag_runs"].as_array().unwrap().len()), (json!(names), names));
    }
    server.get(&format!("{runs}?run_type=robot"), &key).await.problem(400, "invalid_parameter");

    // The definition of an earlier version.
    let mut changed = settings;
    changed["description"] = json!("Twice a day.");
    server.post("/api/v1/dags", &key, dag(changed)).await.ok(200);
    let details = "/api/v1/dags/clock/details";
    let first = server.get(&format!("{details}?version_number=1"), &key).await.ok(200);
    assert_eq!((first["shown_version"].clone(), first["version_number"].clone()), (json!(1), json!(2)));
    assert_eq!(first["definition"].get("description"), None, "{first}");
    let now = server.get(details, &key).await.ok(200);
    assert_eq!((now["shown_version"].clone(), now["definition"]["description"].clone()), (json!(2), json!("Twice a day.")));
    server.get(&format!("{details}?version_number=3"), &key).await.problem(404, "not_found");
}
