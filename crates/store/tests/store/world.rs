//! Two tenants with a row in every table.

use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::artifact::{Artifact, WrittenArtifact};
use cofferdam_domain::asset::AssetUri;
use cofferdam_domain::backfill::Reprocess;
use cofferdam_domain::callback::CallbackEvent;
use cofferdam_domain::clock::SharedRng;
use cofferdam_domain::connection::Connection;
use cofferdam_domain::context::{Context, Principal, Role};
use cofferdam_domain::dead_letter::DeadLetterKind;
use cofferdam_domain::definition::DeadlineFrom;
use cofferdam_domain::ending::{Reason, Receipt};
use cofferdam_domain::run::RunType;
use cofferdam_domain::schedule::Interval;
use cofferdam_domain::seal::{KeyId, KeyRing, SealingKey};
use cofferdam_ids::{
    ApiKeyId, ArtifactName, BackfillId, ComponentName, ConnectionId, DagId, DagKey, DagRunId, DagVersionId, Digest, LeaseToken,
    LogSegmentId, RunKey, SessionId, TaskId, TaskInstanceId, TenantName, UserId, VariableKey, XComKey,
};
use cofferdam_store::execution::{apply, callbacks, deadlines, facts::XComValue, letters, log_index, runs, transition, triggers};
use cofferdam_store::{
    Access, Store, api_keys, approvals, audit, backfills, bundles, checkpoints, components, connections, idempotency, sessions,
    tenants, users, variables, webhooks,
};
use cofferdam_test_support::postgres::TestDatabase;
use serde_json::json;

/// Noon of a day in 2026: what the tests' clocks show.
pub fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

pub struct World {
    pub database: TestDatabase,
    pub api: Store,
    pub system: Store,
    pub ours: Tenant,
    pub theirs: Tenant,
}

/// A tenant and what it has.
pub struct Tenant {
    pub context: Context,
    pub user: UserId,
    pub api_key: ApiKeyId,
    pub session: SessionId,
    pub run: RunKey,
    pub instance: TaskInstanceId,
    pub segment: LogSegmentId,
}

pub fn digest(of: char) -> Digest {
    Digest::new(of.to_string().repeat(64)).unwrap()
}

pub fn dag_id() -> DagId {
    DagId::new("weather").unwrap()
}

pub fn dag_run_id() -> DagRunId {
    DagRunId::new("manual__1").unwrap()
}

pub fn task_id() -> TaskId {
    TaskId::new("clean").unwrap()
}

pub fn component() -> ComponentName {
    ComponentName::new("weather/clean").unwrap()
}

impl World {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let api = database.store(Access::Api).await;
        let system = database.store(Access::System).await;
        let ours = found(&api, &system, "ours").await;
        let theirs = found(&api, &system, "theirs").await;
        Self { database, api, system, ours, theirs }
    }
}

pub fn new_component(of: char, label: Option<&str>) -> components::NewVersion {
    components::NewVersion {
        name: component(),
        digest: digest(of),
        label: label.map(str::to_owned),
        size_bytes: 1_000,
        kind: "task".to_owned(),
        inspection: json!({"wit": "world"}),
    }
}

pub fn new_dag_version(hash: char) -> apply::NewVersion {
    apply::NewVersion {
        dag_id: dag_id(),
        definition: json!({"dag_id": "weather"}),
        plan: json!({"tasks": []}),
        content_hash: hash.to_string().repeat(64),
        description: Some("What the weather was".to_owned()),
        tags: vec!["weather".to_owned(), "demo".to_owned()],
        owners: vec!["ada".to_owned()],
        schedule: Some("0 6 * * *".to_owned()),
        timezone: "Europe/Zurich".to_owned(),
        max_active_runs: 4,
        next: None,
        origin: None,
        standalone: false,
    }
}

async fn found(api: &Store, system: &Store, name: &str) -> Tenant {
    let mut tx = system.begin_across_tenants("test").await.unwrap();
    let id = tenants::create(&mut tx, &TenantName::new(name).unwrap(), name, noon()).await.unwrap();
    tx.commit().await.unwrap();

    let founder = Context::system(id, "test");
    let mut tx = api.begin(&founder).await.unwrap();
    let new = users::NewUser {
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        names: users::UserNames::default(),
        role: Role::Editor,
        password_hash: Some("$argon2id$".to_owned()),
    };
    let user = users::create(&mut tx, &new, noon()).await.unwrap();
    tx.commit().await.unwrap();

    let principal = Principal::User { id: user, name: "ada".to_owned() };
    let context = Context { tenant: id, principal, role: Role::Editor, request_id: "request-1".to_owned() };
    let (api_key, session) = (ApiKeyId::generate(), SessionId::generate());
    let mut tx = api.begin(&context).await.unwrap();
    let new = api_keys::NewApiKey { id: api_key, user, name: "ci".to_owned(), role: Role::Admin, expires_at: None };
    api_keys::create(&mut tx, &new, &[1; 32], noon()).await.unwrap();
    sessions::create(&mut tx, session, user, &[1; 32], noon() + minutes(600), noon()).await.unwrap();
    components::create_version(&mut tx, &new_component('a', Some("v1")), noon()).await.unwrap();
    let done = audit::Action { action: "component.push", target_kind: "component", target: "weather/clean" };
    audit::append(&mut tx, done, &json!({"label": "v1"}), noon()).await.unwrap();
    variables::create(&mut tx, &keys(1, &[]), &new_variable("region", "eu"), noon()).await.unwrap();
    connections::create(&mut tx, &keys(1, &[]), &new_connection("warehouse"), noon()).await.unwrap();
    idempotency::begin(&mut tx, "trigger", "key-1", &[1; 32], noon()).await.unwrap();
    let stored = apply::put_version(&mut tx, None, &new_dag_version('b'), Some(user), noon()).await.unwrap();
    tx.commit().await.unwrap();

    let (run, instance, segment) = (RunKey::generate(), TaskInstanceId::generate(), LogSegmentId::generate());
    let mut tx = system.begin(&context).await.unwrap();
    let new = new_run(&context, &stored, run, dag_run_id(), noon());
    runs::insert(&mut tx, &[new], &[new_instance(&context, run, instance)], noon()).await.unwrap();
    let xcom = transition::NewXCom {
        tenant: id,
        run,
        task_id: task_id(),
        map_index: -1,
        key: XComKey::return_value(),
        value: XComValue::Inline("42".to_owned()),
        size_bytes: 2,
    };
    let changes = transition::Changes {
        instances: Vec::new(),
        tries: vec![new_try(&context, instance)],
        xcoms: vec![xcom],
        artifacts: vec![new_artifact(&context, run)],
        rendered: vec![transition::NewRendered { instance, try_number: 1, tenant: id, rendered: "{}".to_owned() }],
    };
    transition::write(&mut tx, &changes, noon()).await.unwrap();
    letters::file(&mut tx, &[new_letter(instance)], noon()).await.unwrap();
    let range = log_index::LogRange { instance, try_number: 1, tenant: id, segment, offset: 10, length: 20 };
    log_index::insert(&mut tx, &[range], noon()).await.unwrap();
    let work = cofferdam_domain::approval::ApprovalWork::default();
    let (message, expires_at) = ("Publish?", None);
    let new = approvals::NewApproval { instance, try_number: 1, tenant: id, message, work: &work, asked_at: noon(), expires_at };
    approvals::ask(&mut tx, new).await.unwrap();
    let called = callbacks::Called {
        run,
        subject: None,
        map_index: -1,
        event: CallbackEvent::OnFailure,
        try_number: 0,
        state: "failed".to_owned(),
        reason: None,
        message: None,
        deadline: None,
    };
    let call = TaskInstanceId::generate();
    let call = callbacks::NewCall { instance: call, tenant: id, task_index: 1, task_id: task_id(), called };
    callbacks::call(&mut tx, &[call], noon(), noon()).await.unwrap();
    let deadline =
        deadlines::NewDeadline { run, tenant: id, task: None, from: DeadlineFrom::StartedAt, after_ms: 1_000, due_at: None };
    deadlines::insert(&mut tx, &[deadline]).await.unwrap();
    let checkpoint = checkpoints::StoredCheckpoint::Inline(b"so far".to_vec());
    let saved = checkpoints::save(&mut tx, instance, 1, LeaseToken(8), &checkpoint, 6, noon()).await.unwrap();
    assert_eq!(saved, Some(None));
    let asset: AssetUri = "s3://warehouse/orders".parse().unwrap();
    let links = triggers::Links {
        produces: vec![(task_id(), asset.clone())],
        consumes: vec![(0, asset.clone())],
        follows: vec![(DagId::new("load").unwrap(), "any")],
    };
    triggers::link(&mut tx, stored.dag, &links, noon()).await.unwrap();
    let event = triggers::told(&mut tx, &asset, None, noon()).await.unwrap();
    triggers::note_run(&mut tx, id, run, &[event]).await.unwrap();
    webhooks::put(&mut tx, &keys(1, &[]), &dag_id(), "whsec_x", noon()).await.unwrap();
    webhooks::receive(&mut tx, stored.dag, "event", 1, noon()).await.unwrap();
    backfills::create(&mut tx, &new_backfill(stored.dag), noon()).await.unwrap();
    let source = bundles::BundleSource { is_git: false, location: "/dags".to_owned(), reference: None };
    let bundle = bundles::put(&mut tx, &"dags".parse().unwrap(), &source, false, noon()).await.unwrap();
    bundles::put_file(&mut tx, bundle, "a.yaml", &"a".repeat(64), None, noon()).await.unwrap();
    tx.commit().await.unwrap();
    Tenant { context, user, api_key, session, run, instance, segment }
}

fn new_backfill(dag: DagKey) -> backfills::NewBackfill {
    backfills::NewBackfill {
        id: BackfillId::generate(),
        dag,
        from: noon() - minutes(60),
        to: noon(),
        backwards: false,
        reprocess: Reprocess::Failed,
        max_active_runs: 2,
        conf: json!({}),
        intervals: vec![Interval { start: noon() - minutes(60), end: noon() }],
        created_by: None,
    }
}

pub fn new_run(
    context: &Context,
    dag: &apply::Stored,
    run: RunKey,
    dag_run_id: DagRunId,
    logical_date: DateTime<Utc>,
) -> runs::NewRun {
    let version: DagVersionId = dag.version;
    runs::NewRun {
        run,
        tenant: context.tenant,
        dag: dag.dag,
        version,
        dag_run_id,
        run_type: RunType::Manual,
        admitted: true,
        logical_date,
        interval: (logical_date, logical_date),
        conf: json!({"city": "Bern"}),
        note: None,
        unfinished: 1,
        queued_at: noon(),
        triggered_by: context.user(),
    }
}

fn new_instance(context: &Context, run: RunKey, instance: TaskInstanceId) -> runs::NewInstance {
    runs::NewInstance {
        instance,
        tenant: context.tenant,
        run,
        task_index: 0,
        map_index: -1,
        task_id: task_id(),
        upstream_total: 0,
        is_leaf: true,
        queued_until: Some(noon() + minutes(1)),
    }
}

/// A ring of keys that are made of numbers.
pub fn keys(current: u8, earlier: &[u8]) -> KeyRing {
    let key = |number: u8| SealingKey { id: KeyId::new([number; 8]), key: [number; 32] };
    KeyRing::new(key(current), earlier.iter().copied().map(key).collect(), SharedRng::seeded(u64::from(current)))
}

pub fn new_variable(key: &str, value: &str) -> variables::NewVariable {
    let key = VariableKey::new(key).unwrap();
    variables::NewVariable { key, value: value.to_owned(), secret: false, description: None }
}

pub fn new_connection(id: &str) -> connections::NewConnection {
    let connection = Connection {
        connection_id: ConnectionId::new(id).unwrap(),
        conn_type: "http".to_owned(),
        host: Some("db.example.com".to_owned()),
        port: Some(443),
        login: None,
        password: Some("hunter22".to_owned()),
        schema: None,
        extra: None,
    };
    connections::NewConnection { connection, description: None }
}

fn new_artifact(context: &Context, run: RunKey) -> transition::NewArtifact {
    let artifact = Artifact {
        name: ArtifactName::new("plots/a.png").unwrap(),
        content_type: "image/png".to_owned(),
        size_bytes: 10,
        sha256: digest('a'),
    };
    transition::NewArtifact {
        tenant: context.tenant,
        run,
        task_id: task_id(),
        map_index: -1,
        try_number: 1,
        written: WrittenArtifact { artifact, object: "an object".to_owned() },
    }
}

fn new_letter(instance: TaskInstanceId) -> letters::NewLetter {
    letters::NewLetter {
        instance,
        kind: DeadLetterKind::Task,
        try_number: 1,
        reason: Reason::Trap,
        message: Some("it panicked".to_owned()),
        as_written: None,
        body: None,
    }
}

fn new_try(context: &Context, instance: TaskInstanceId) -> transition::NewTry {
    transition::NewTry {
        instance,
        try_number: 1,
        tenant: context.tenant,
        ending: "failure",
        reason: Some(Reason::Trap),
        message: Some("it panicked".to_owned()),
        worker: None,
        lease: LeaseToken(7),
        queued_at: noon(),
        started_at: Some(noon()),
        ended_at: noon() + minutes(1),
        receipt: Receipt { fuel: 5, peak_memory_bytes: 1 << 20, ..Receipt::default() },
    }
}
