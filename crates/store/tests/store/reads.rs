//! What the API reads of dags, runs and task instances.

use crate::world::{World, dag_id, dag_run_id, minutes, new_dag_version, new_run, noon, task_id};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::{DagId, DagRunId, RunKey, TaskId, XComKey};
use cofferdam_store::dags::{self, DagFilter};
use cofferdam_store::execution::{apply, runs as write_runs};
use cofferdam_store::runs::{self, RunFilter, RunOrder};
use cofferdam_store::task_instances::{self, TryEnding};
use cofferdam_store::{Page, StoreError, logs, stats, xcoms};
use serde_json::json;

#[tokio::test]
async fn dags_are_listed_with_filters_and_their_last_runs() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let other = apply::NewVersion { dag_id: DagId::new("billing").unwrap(), tags: vec![], next: None, ..new_dag_version('c') };
    apply::put_version(&mut tx, None, &other, None, noon()).await.unwrap();

    let all = dags::list(&mut tx, &DagFilter::default(), Page::first(10)).await.unwrap();
    assert_eq!(all.items.iter().map(|dag| dag.dag_id.as_str()).collect::<Vec<_>>(), ["billing", "weather"]);
    let weather = &all.items[1];
    assert_eq!((weather.version_number, weather.paused, weather.max_active_runs), (1, false, 4));
    assert_eq!((weather.schedule.as_deref(), weather.timezone.as_str()), (Some("0 6 * * *"), "Europe/Zurich"));
    assert_eq!(weather.recent_runs.len(), 1);
    assert_eq!((&weather.recent_runs[0].dag_run_id, weather.recent_runs[0].state), (&dag_run_id(), RunStateName::Running));
    assert_eq!(all.items[0].recent_runs, []);

    let tagged = DagFilter { tags: vec!["demo".to_owned(), "weather".to_owned()], ..DagFilter::default() };
    let named = DagFilter { id_contains: Some("ill".to_owned()), ..DagFilter::default() };
    let paused = DagFilter { paused: Some(true), ..DagFilter::default() };
    for (filter, found) in [(tagged, vec!["weather"]), (named, vec!["billing"]), (paused, vec![])] {
        let listed = dags::list(&mut tx, &filter, Page::first(10)).await.unwrap();
        assert_eq!(listed.items.iter().map(|dag| dag.dag_id.as_str()).collect::<Vec<_>>(), found, "{filter:?}");
        assert_eq!(listed.total, found.len() as u64);
    }
    let second = dags::list(&mut tx, &DagFilter::default(), Page { limit: 1, offset: 1 }).await.unwrap();
    assert_eq!((second.total, second.items[0].dag_id.as_str()), (2, "weather"));
}

#[tokio::test]
async fn a_dag_shows_as_many_recent_runs_as_fit() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let dag = dags::get(&mut tx, &dag_id()).await.unwrap();
    let stored = apply::Stored { dag: dag.key, version: dag.version, version_number: 1, created: false, changed: false };
    for day in 1..=20 {
        let name = DagRunId::new(format!("manual__day-{day}")).unwrap();
        let run = new_run(&world.ours.context, &stored, RunKey::generate(), name, noon() + minutes(day * 1440));
        write_runs::insert(&mut tx, &[run], &[], noon()).await.unwrap();
    }
    let recent = dags::get(&mut tx, &dag_id()).await.unwrap().recent_runs;
    assert_eq!(recent.len(), dags::RECENT_RUNS as usize);
    assert_eq!(recent[0].dag_run_id.as_str(), "manual__day-20");
    assert!(recent.is_sorted_by(|a, b| a.logical_date > b.logical_date));
}

#[tokio::test]
async fn versions_of_a_dag_say_who_applied_them() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let current = apply::lock_current(&mut tx, &dag_id()).await.unwrap();
    let next = apply::NewVersion { definition: json!({"second": true}), ..new_dag_version('d') };
    apply::put_version(&mut tx, current.as_ref(), &next, Some(world.ours.user), noon() + minutes(1)).await.unwrap();

    let newest = dags::get_version(&mut tx, &dag_id(), None).await.unwrap();
    assert_eq!((newest.version_number, newest.created_by.as_deref()), (2, Some("ada")));
    assert_eq!(newest.definition, json!({"second": true}));
    assert_eq!(dags::get_version(&mut tx, &dag_id(), Some(1)).await.unwrap().content_hash, "b".repeat(64));
    let missing = dags::get_version(&mut tx, &dag_id(), Some(3)).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { .. }), "{missing:?}");
    let listed = dags::versions(&mut tx, &dag_id(), Page::first(10)).await.unwrap();
    assert_eq!(listed.items.iter().map(|version| version.version_number).collect::<Vec<_>>(), [2, 1]);
    let missing = dags::get(&mut tx, &DagId::new("nothing").unwrap()).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no dag 'nothing'");
}

#[tokio::test]
async fn runs_are_listed_with_filters_and_orders() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let dag = dags::get(&mut tx, &dag_id()).await.unwrap();
    let stored = apply::Stored { dag: dag.key, version: dag.version, version_number: 1, created: false, changed: false };
    let mut earlier =
        new_run(&world.ours.context, &stored, RunKey::generate(), DagRunId::new("manual__0").unwrap(), noon() - minutes(60));
    earlier.admitted = false;
    earlier.queued_at = noon() + minutes(1);
    write_runs::insert(&mut tx, &[earlier], &[], noon()).await.unwrap();

    let names = |listed: cofferdam_store::Listed<runs::Run>| {
        listed.items.iter().map(|run| run.dag_run_id.to_string()).collect::<Vec<_>>()
    };
    for (order, expected) in [
        (RunOrder::LatestLogicalDate, ["manual__1", "manual__0"]),
        (RunOrder::EarliestLogicalDate, ["manual__0", "manual__1"]),
        (RunOrder::LastQueued, ["manual__0", "manual__1"]),
        (RunOrder::FirstQueued, ["manual__1", "manual__0"]),
    ] {
        let listed = runs::list(&mut tx, &RunFilter::default(), order, Page::first(10)).await.unwrap();
        assert_eq!(listed.total, 2);
        assert_eq!(names(listed), expected, "{order:?}");
    }
    let queued = RunFilter { states: vec![RunStateName::Queued], dag_id: Some(dag_id()), ..RunFilter::default() };
    let since = RunFilter { logical_date_from: Some(noon()), ..RunFilter::default() };
    let until = RunFilter { logical_date_to: Some(noon() - minutes(1)), ..RunFilter::default() };
    let of_another = RunFilter { dag_id: Some(DagId::new("nothing").unwrap()), ..RunFilter::default() };
    for (filter, expected) in
        [(queued, vec!["manual__0"]), (since, vec!["manual__1"]), (until, vec!["manual__0"]), (of_another, vec![])]
    {
        let listed = runs::list(&mut tx, &filter, RunOrder::default(), Page::first(10)).await.unwrap();
        assert_eq!(names(listed), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_run_is_found_by_name_and_by_key_in_its_own_tenant_only() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let run = runs::get(&mut tx, &dag_id(), &dag_run_id()).await.unwrap();
    assert_eq!((run.key, run.state, run.unfinished, run.version_number), (world.ours.run, RunStateName::Running, 1, 1));
    assert_eq!(run.conf, json!({"city": "Bern"}));
    assert_eq!(runs::get_by_key(&mut tx, world.ours.run).await.unwrap(), run);
    assert!(matches!(runs::get_by_key(&mut tx, world.theirs.run).await, Err(StoreError::NotFound { .. })));
    // The first wall, by itself: a store of the system has no row-level security to lean on.
    let mut tx = world.system.begin(&world.ours.context).await.unwrap();
    assert!(matches!(runs::get_by_key(&mut tx, world.theirs.run).await, Err(StoreError::NotFound { .. })));
    assert_eq!(task_instances::list(&mut tx, world.theirs.run).await.unwrap(), []);
    assert_eq!(task_instances::tries(&mut tx, world.theirs.instance).await.unwrap(), []);
    assert_eq!(logs::ranges(&mut tx, world.theirs.instance, 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_task_instance_comes_with_its_last_try() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let instance = task_instances::get(&mut tx, world.ours.run, &task_id(), -1).await.unwrap();
    assert_eq!((instance.id, instance.state, instance.try_number), (world.ours.instance, TaskStateName::Queued, 1));
    let last = instance.last_try.clone().unwrap();
    assert_eq!(
        (last.ending, last.reason, last.message.as_deref()),
        (TryEnding::Failure, Some(Reason::Trap), Some("it panicked"))
    );
    assert_eq!((last.receipt.fuel, last.receipt.peak_memory_bytes), (5, 1 << 20));
    assert_eq!(task_instances::list(&mut tx, world.ours.run).await.unwrap(), [instance]);
    assert_eq!(task_instances::tries(&mut tx, world.ours.instance).await.unwrap(), [last]);
    let missing = task_instances::get(&mut tx, world.ours.run, &TaskId::new("nothing").unwrap(), -1).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no task instance 'nothing'");
}

#[tokio::test]
async fn xcoms_and_logs_are_found() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    let entries = xcoms::list(&mut tx, world.ours.run, &task_id(), -1).await.unwrap();
    assert_eq!((entries.len(), entries[0].size_bytes), (1, 2));
    let xcom = xcoms::get(&mut tx, world.ours.run, &task_id(), -1, &XComKey::return_value()).await.unwrap();
    assert_eq!((&xcom.entry, &xcom.value), (&entries[0], &xcoms::StoredValue::Inline("42".to_owned())));
    let missing = xcoms::get(&mut tx, world.ours.run, &task_id(), -1, &XComKey::new("other").unwrap()).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no XCom 'other'");
    let ranges = logs::ranges(&mut tx, world.ours.instance, 1).await.unwrap();
    assert_eq!(ranges, [logs::LogRange { segment: world.ours.segment, offset: 10, length: 20 }]);
}

#[tokio::test]
async fn counts_are_of_one_tenant_or_of_all() {
    let world = World::new().await;
    let mut tx = world.api.begin(&world.ours.context).await.unwrap();
    assert_eq!(stats::active_tasks(&mut tx).await.unwrap(), [(TaskStateName::Queued, 2)], "a task and a callback");
    assert_eq!(stats::active_runs(&mut tx).await.unwrap(), [(RunStateName::Running, 1)]);
    assert_eq!(stats::oldest_queued(&mut tx).await.unwrap(), Some(noon()));
    let mut tx = world.system.begin_across_tenants("test").await.unwrap();
    assert_eq!(stats::active_tasks(&mut tx).await.unwrap(), [(TaskStateName::Queued, 4)]);
}
