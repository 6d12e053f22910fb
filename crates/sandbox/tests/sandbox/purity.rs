//! Time, chance and environment as the grant says.

use crate::lab::{output, program, request, runtime};
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::TaskInstanceId;
use cofferdam_sandbox::{NoHost, TryRequest};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

fn asking(grant: Value) -> TryRequest {
    let entry = Entry::Command { args: vec![], env: vec![("B".to_owned(), "task".to_owned())] };
    let mut request = request(entry, json!({ "do": "senses" }).to_string(), Limits::default());
    request.grant = serde_json::from_value::<Grant>(grant).unwrap();
    request
}

async fn senses(request: TryRequest) -> Value {
    output(&runtime().run(&program("reach"), request, Arc::new(NoHost), CancellationToken::new()).await)
}

#[tokio::test]
async fn a_pure_task_senses_the_same_in_each_try() {
    let mut request = asking(json!({ "clock": false, "random": false }));
    let first = senses(request.clone()).await;
    // 2026-11-21T06:00:00Z, its logical date.
    assert_eq!((&first["wall"], &first["later"]), (&json!("1795240800000000000"), &json!("1795240800000000000")));
    assert_eq!((&first["slept_ns"], &first["turns"]), (&json!("0"), &json!(0)));
    request.context.try_number += 1;
    assert_eq!(senses(request.clone()).await, first);
    // Another task instance has other numbers.
    request.instance = TaskInstanceId::generate();
    let other = senses(request).await;
    for chance in ["random", "insecure", "hash"] {
        assert_ne!(other[chance], first[chance], "{chance}");
    }
}

#[tokio::test]
async fn others_sense_time_and_chance() {
    let request = asking(json!({}));
    let (first, second) = (senses(request.clone()).await, senses(request).await);
    for sense in ["wall", "random", "insecure", "hash"] {
        assert_ne!(first[sense], second[sense], "{sense}");
    }
    let slept: u64 = first["slept_ns"].as_str().unwrap().parse().unwrap();
    assert!(slept >= 30_000_000 && first["turns"].as_u64().unwrap() > 0, "{first}");
    // One without the other.
    let request = asking(json!({ "random": false }));
    let (first, second) = (senses(request.clone()).await, senses(request).await);
    assert_eq!(first["random"], second["random"]);
    assert_ne!(first["wall"], second["wall"]);
}

#[tokio::test]
async fn files_do_not_tell_a_pure_task_the_time() {
    let input = json!({ "do": "files", "steps": [["write", "a", "x"], ["stat", "a"]] }).to_string();
    let mut request = asking(json!({ "clock": false, "scratch": "1MiB" }));
    request.input = input;
    assert_eq!(senses(request).await[1], json!({ "dir": false, "len": 1, "modified": 1_795_240_800 }));
}

#[tokio::test]
async fn the_environment_is_the_grants_and_the_tasks() {
    let told = senses(asking(json!({ "env": { "A": "grant", "B": "grant" } }))).await;
    assert_eq!(told["env"], json!([["A", "grant"], ["B", "task"]]));
    // A task of the world `task` has that of its grant.
    let mut request = request(Entry::Task, json!({ "do": "env" }).to_string(), Limits::default());
    request.grant.env.insert("TZ".to_owned(), "UTC".to_owned());
    let report = runtime().run(&program("behaviours"), request, Arc::new(NoHost), CancellationToken::new()).await;
    assert_eq!(output(&report)["vars"], json!([["TZ", "UTC"]]));
}
