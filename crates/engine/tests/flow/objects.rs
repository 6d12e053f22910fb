//! Objects that nothing names any more are removed from the object store, and no others.

use crate::stage::{Stage, Taken, task};
use bytes::Bytes;
use chrono::TimeDelta;
use cofferdam_domain::artifact::{Artifact, WrittenArtifact};
use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_engine::{Act, Selection};
use cofferdam_ids::{DagId, Digest, RunKey};
use cofferdam_objects::TaskObject;
use cofferdam_store::checkpoints::{self, StoredCheckpoint};
use cofferdam_store::{artifacts, runs};
use futures::TryStreamExt as _;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

impl Stage {
    /// Stores an artifact, as a try does before it ends.
    async fn write(&self, taken: &Taken, run: RunKey) -> WrittenArtifact {
        let mut upload = self.objects.create_artifact(self.context.tenant, run, taken.claim.lease.instance);
        upload.write(b"bytes").await.unwrap();
        let artifact = Artifact {
            name: "report.txt".parse().unwrap(),
            content_type: "text/plain".to_owned(),
            size_bytes: 5,
            sha256: Digest::new("0b".repeat(32)).unwrap(),
        };
        WrittenArtifact { artifact, object: upload.finish().await.unwrap().to_string() }
    }

    /// Stores a checkpoint in an object and records it.
    async fn keep(&self, taken: &Taken, run: RunKey) -> String {
        let lease = taken.claim.lease;
        let object =
            self.objects.put_checkpoint(self.context.tenant, run, lease.instance, Bytes::from_static(b"kept")).await.unwrap();
        let stored = StoredCheckpoint::Object(object.to_string());
        let mut tx = self.store.begin(&self.context).await.unwrap();
        let now = SystemClock.now();
        let kept = checkpoints::save(&mut tx, lease.instance, lease.try_number, lease.token, &stored, 4, now).await.unwrap();
        tx.commit().await.unwrap();
        assert!(kept.is_some(), "the try counts");
        object.to_string()
    }

    async fn is_there(&self, object: &str) -> bool {
        let object: TaskObject = object.parse().unwrap();
        self.objects.open_artifact(self.context.tenant, &object).await.is_ok()
    }

    /// Removes what was stored until now, as if it were old.
    async fn sweep(&self) -> usize {
        self.engine.remove_unneeded_objects(SystemClock.now() + TimeDelta::hours(1)).await.unwrap()
    }

    /// The object of the artifact that is recorded.
    async fn recorded(&self, run: RunKey) -> String {
        let mut tx = self.store.begin(&self.context).await.unwrap();
        artifacts::get(&mut tx, run, &"a".parse().unwrap(), -1, &"report.txt".parse().unwrap()).await.unwrap().written.object
    }

    async fn clear(&self, dag: &DagId) {
        self.engine.act(&self.context, dag, &Selection::default(), Act::Clear, false).await.unwrap();
    }
}

fn one_task(dag_id: &str) -> serde_json::Value {
    json!({ "dag_id": dag_id, "tasks": [task("a", &[], json!({}))] })
}

#[tokio::test]
async fn what_no_row_names_is_removed_when_its_task_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::on(folder.path().to_str().unwrap()).await;
    let dag = stage.apply(one_task("left")).await;
    let run = stage.trigger(&dag, json!({})).await;
    let taken = stage.take_task("a").await;
    let (first, given_up) = (stage.write(&taken, run.run).await, stage.write(&taken, run.run).await);
    let (forgotten, kept) = (stage.keep(&taken, run.run).await, stage.keep(&taken, run.run).await);
    assert_eq!(stage.sweep().await, 0, "the try goes on and may record them");
    stage.end_with(taken, std::slice::from_ref(&first)).await;
    let young = stage.engine.remove_unneeded_objects(SystemClock.now() - TimeDelta::hours(1)).await.unwrap();
    assert_eq!(young, 0, "they are too young");
    // A task that has succeeded needs no checkpoint.
    assert_eq!(stage.sweep().await, 3);
    for gone in [&given_up.object, &forgotten, &kept] {
        assert!(!stage.is_there(gone).await, "{gone}");
    }
    assert!(stage.is_there(&first.object).await);

    stage.clear(&dag).await;
    let taken = stage.take_task("a").await;
    let second = stage.write(&taken, run.run).await;
    stage.end_with(taken, std::slice::from_ref(&second)).await;
    assert_eq!(stage.sweep().await, 1, "the artifact of the try before was replaced");
    assert!(stage.is_there(&second.object).await && !stage.is_there(&first.object).await);

    // An XCom stays as long as its task instance, which may store it at the same place again.
    let instance = stage.instances(run.run).await[0].id;
    let xcom = stage.objects.put_xcom(stage.context.tenant, run.run, instance, Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(stage.sweep().await, 0);
    let mut tx = stage.store.begin(&stage.context).await.unwrap();
    let name = runs::get_by_key(&mut tx, run.run).await.unwrap().dag_run_id;
    drop(tx);
    stage.engine.delete_run(&stage.context, &dag, &name).await.unwrap();
    assert_eq!(stage.sweep().await, 2, "the run is deleted");
    assert!(stage.objects.get_xcom(stage.context.tenant, &xcom).await.is_err());
}

/// Nothing that is recorded is ever removed, however often is looked while tries write, replace and record.
#[tokio::test(flavor = "multi_thread")]
async fn writers_and_sweepers_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::on(folder.path().to_str().unwrap()).await;
    let dag = stage.apply(one_task("race")).await;
    let done = AtomicBool::new(false);
    let sweeping = async || {
        while !done.load(Ordering::Relaxed) {
            stage.sweep().await;
        }
    };
    let writing = async {
        let mut all = Vec::new();
        for _ in 0..10 {
            let run = stage.trigger(&dag, json!({})).await.run;
            let taken = stage.take_task("a").await;
            let _given_up = stage.write(&taken, run).await;
            stage.keep(&taken, run).await;
            let written = stage.write(&taken, run).await;
            stage.end_with(taken, std::slice::from_ref(&written)).await;
            all.push(run);
        }
        stage.clear(&dag).await;
        for _ in 0..10 {
            let taken = stage.take_task("a").await;
            let run = taken.job.run;
            let written = stage.write(&taken, run).await;
            stage.end_with(taken, std::slice::from_ref(&written)).await;
        }
        done.store(true, Ordering::Relaxed);
        all
    };
    let (runs, (), ()) = tokio::join!(writing, sweeping(), sweeping());
    stage.sweep().await;
    let mut recorded = Vec::new();
    for run in runs {
        recorded.push(Some(stage.recorded(run).await));
    }
    let left = stage.objects.left_by_tasks(SystemClock.now() + TimeDelta::hours(1)).await.unwrap();
    let mut left: Vec<_> = left.map_ok(|object| object.name).try_collect().await.unwrap();
    left.sort();
    recorded.sort();
    assert_eq!(left, recorded);
}
