//! Variables and connections, sealed; checkpoints, fenced; artifacts.

use crate::world::{World, keys, minutes, new_connection, new_variable, noon, task_id};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::task::{TaskState, TaskStateName};
use cofferdam_ids::{ConnectionId, LeaseToken, VariableKey};
use cofferdam_store::checkpoints::{self, StoredCheckpoint};
use cofferdam_store::execution::transition::{self, Changes, InstanceWrite};
use cofferdam_store::secrets::{self, Rotation};
use cofferdam_store::{StoreError, artifacts, connections, variables};

fn variable(key: &str) -> VariableKey {
    VariableKey::new(key).unwrap()
}

#[tokio::test]
async fn what_is_sealed_opens_with_its_key_only() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let read = variables::read(&mut tx, &keys(1, &[]), &variable("region")).await.unwrap().unwrap();
    assert_eq!(read.value, "eu");
    let error = variables::read(&mut tx, &keys(2, &[]), &variable("region")).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { table: "variables", column: "sealed", .. }), "{error:?}");
    let warehouse = ConnectionId::new("warehouse").unwrap();
    let connection = connections::read(&mut tx, &keys(1, &[]), &warehouse).await.unwrap().unwrap();
    assert_eq!(connection, new_connection("warehouse").connection);
    assert!(connections::read(&mut tx, &keys(2, &[]), &warehouse).await.is_err());
    let again = variables::create(&mut tx, &keys(1, &[]), &new_variable("region", "us"), noon()).await.unwrap_err();
    assert_eq!(again.to_string(), "a variable with this key exists");
}

#[tokio::test]
async fn rotation_seals_all_tenants_values_anew_and_can_be_begun_again() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    for number in 0..450 {
        variables::create(&mut tx, &keys(1, &[]), &new_variable(&format!("v{number}"), "x"), noon()).await.unwrap();
    }
    // Sealed under a key that nobody has any more.
    variables::create(&mut tx, &keys(9, &[]), &new_variable("lost", "x"), noon()).await.unwrap();
    tx.commit().await.unwrap();

    let ring = keys(2, &[1]);
    let step = async |rotation: &mut Rotation| {
        let mut tx = world.system.begin_across_tenants("test").await.unwrap();
        secrets::rotate(&mut tx, &ring, rotation).await.unwrap();
        tx.commit().await.unwrap();
    };
    let mut stopped = Rotation::default();
    step(&mut stopped).await;
    assert!(!stopped.is_done() && stopped.resealed > 0);
    let mut rotation = Rotation::default();
    while !rotation.is_done() {
        step(&mut rotation).await;
    }
    // Two tenants have a variable, a connection and a webhook each.
    assert_eq!(stopped.resealed + rotation.resealed, 450 + 6);
    assert_eq!(rotation.failed.len(), 1);
    assert!(rotation.failed[0].0.contains("'lost'") && rotation.failed[0].1.to_string().contains("0909090909090909"));

    let mut tx = world.api.begin(&world.theirs.context).await.unwrap();
    let read = variables::read(&mut tx, &keys(2, &[]), &variable("region")).await.unwrap().unwrap();
    assert_eq!(read.value, "eu");
    assert!(connections::read(&mut tx, &keys(2, &[]), &ConnectionId::new("warehouse").unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn only_the_lease_that_counts_writes_a_checkpoint() {
    let world = World::new().await;
    let instance = world.ours.instance;
    let data = |text: &str| StoredCheckpoint::Inline(text.as_bytes().to_vec());
    let mut tx = world.system.begin(&world.ours.context).await.unwrap();
    assert_eq!(checkpoints::load(&mut tx, instance).await.unwrap(), Some(data("so far")));
    let large = StoredCheckpoint::Object("an object".to_owned());
    assert_eq!(checkpoints::save(&mut tx, instance, 1, LeaseToken(9), &large, 9, noon()).await.unwrap(), Some(None));
    // An earlier lease, another try, another tenant.
    assert_eq!(checkpoints::save(&mut tx, instance, 1, LeaseToken(8), &data("late"), 4, noon()).await.unwrap(), None);
    assert_eq!(checkpoints::save(&mut tx, instance, 2, LeaseToken(10), &data("early"), 5, noon()).await.unwrap(), None);
    let before = Some("an object".to_owned());
    assert_eq!(checkpoints::save(&mut tx, instance, 1, LeaseToken(10), &data("new"), 3, noon()).await.unwrap(), Some(before));
    assert_eq!(checkpoints::load(&mut tx, instance).await.unwrap(), Some(data("new")));
    tx.commit().await.unwrap();
    let mut tx = world.system.begin(&world.theirs.context).await.unwrap();
    assert_eq!(checkpoints::load(&mut tx, instance).await.unwrap(), None);
    assert_eq!(checkpoints::clear(&mut tx, instance, 1, LeaseToken(11)).await.unwrap(), None);
}

#[tokio::test]
async fn a_checkpoint_outlives_a_failure_and_not_a_success() {
    let world = World::new().await;
    let instance = world.ours.instance;
    let mut tx = world.system.begin(&world.ours.context).await.unwrap();
    let mut before = (TaskStateName::Queued, 1);
    let last_lease = LeaseToken(8);
    let waits = TaskState::UpForRetry { try_number: 1, last_lease, reason: Reason::WorkerLost, due: noon() };
    let done = TaskState::Success { try_number: 2, last_lease, at: noon(), reason: None };
    for (state, attend_at, kept) in [(waits, Some(noon() + minutes(1)), true), (done, None, false)] {
        let write = InstanceWrite { instance, before, state, tries_before: 0, started_at: None, worker: None, attend_at };
        before = (write.state.name(), write.state.try_number());
        transition::write(&mut tx, &Changes { instances: vec![write], ..Changes::default() }, noon()).await.unwrap();
        assert_eq!(checkpoints::load(&mut tx, instance).await.unwrap().is_some(), kept);
        let late = StoredCheckpoint::Inline(b"late".to_vec());
        let written = checkpoints::save(&mut tx, instance, 1, LeaseToken(9), &late, 4, noon()).await.unwrap();
        assert_eq!(written, None, "the first try has ended");
    }
}

#[tokio::test]
async fn artifacts_are_listed_and_found() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let listed = artifacts::list(&mut tx, world.ours.run, &task_id(), -1).await.unwrap();
    assert_eq!((listed.len(), listed[0].written.artifact.name.as_str(), listed[0].try_number), (1, "plots/a.png", 1));
    let found = artifacts::get(&mut tx, world.ours.run, &task_id(), -1, &listed[0].written.artifact.name).await.unwrap();
    assert_eq!(found, listed[0]);
    assert!(artifacts::list(&mut tx, world.theirs.run, &task_id(), -1).await.unwrap().is_empty());
}
