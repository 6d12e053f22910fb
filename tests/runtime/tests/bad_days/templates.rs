//! Templates on real servers: what they take from other tasks, from the run and from the tenant, and what is kept of it.

use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_domain::connection::Connection;
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_ids::RunKey;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use cofferdam_store::{connections, task_instances, variables};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

async fn site() -> Site {
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    std::mem::forget((site.scheduler().await, site.worker().await));
    site
}

async fn rendered(site: &Site, run: RunKey, task_id: &str) -> Value {
    let recorded = site.ledger().of_task(run, task_id).await;
    let mut tx = site.store.begin(&site.context).await.unwrap();
    let kept = task_instances::rendered(&mut tx, recorded.instance.id, recorded.instance.try_number).await.unwrap();
    serde_json::from_str(&kept.expect("what the try was given is kept")).unwrap()
}

/// The example of the documentation, as it stands there.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_documentation_runs() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/templates.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let site = site().await;
    let dag = site.apply(serde_saphyr::from_str(example).unwrap()).await;
    let run = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success, "{:?}", site.ledger().of_run(run).await);
    let day = site.ledger().run(run).await.logical_date.format("%Y%m%d");
    let given = json!({
        "path": format!("readings/berlin/{day}.csv"), "rows": 4, "note": "by hand", "literal": "{{ ds }}",
    });
    assert_eq!(site.ledger().xcom(run, "load", "return_value").await, given);
    assert_eq!(rendered(&site, run, "load").await, json!({ "input": { "do": "echo", "value": given } }));
}

/// Variables and connections are read for the template; what is secret is a placeholder, or refused.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_is_filled_in_and_secrets_are_not() {
    let site = site().await;
    let mut tx = site.store.begin(&site.context).await.unwrap();
    let now = SystemClock.now();
    for (key, value, secret) in [("region", "eu", false), ("pin", "1234567", true)] {
        let new = variables::NewVariable { key: key.parse().unwrap(), value: value.to_owned(), secret, description: None };
        variables::create(&mut tx, &site.keys, &new, now).await.unwrap();
    }
    let connection = Connection {
        connection_id: "warehouse".parse().unwrap(),
        conn_type: "http".to_owned(),
        host: Some("db.example.com".to_owned()),
        port: Some(5432),
        login: None,
        password: Some("hunter22".to_owned()),
        schema: None,
        extra: None,
    };
    let new = connections::NewConnection { connection, description: None };
    connections::create(&mut tx, &site.keys, &new, now).await.unwrap();
    tx.commit().await.unwrap();

    let granted = |name: &str, value: Value| {
        let mut task = task(name, &json!({ "do": "echo", "value": value }), &[]);
        task["grant"] = json!({ "variables": ["region", "pin"], "connections": ["warehouse"] });
        task
    };
    let plain = json!({ "url": "{{ conn.warehouse.host }}:{{ conn.warehouse.port }}/{{ var.value.region }}",
        "auth": "Bearer {{ conn.warehouse.password }}", "last": "{{ prev_start_date_success is none }}", "password": "{{ ds }}" });
    let definition = of("granted", vec![granted("plain", plain)]);
    let dag = site.apply(definition).await;
    let first = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    let day = site.ledger().run(first).await.logical_date.format("%Y-%m-%d").to_string();
    let given = json!({ "url": "db.example.com:5432/eu", "auth": "Bearer <<connection:warehouse:password>>", "last": "True",
        "password": day });
    assert_eq!(site.ledger().xcom(first, "plain", "return_value").await, given);
    assert_eq!(rendered(&site, first, "plain").await["input"]["value"]["password"], "***");
    // The next run sees the first.
    let second = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().xcom(second, "plain", "return_value").await["last"], "False");

    let refused = site.run_once("refused", vec![granted("secret", json!("{{ var.value.pin }}"))], LONG).await.run;
    let recorded = site.ledger().of_task(refused, "secret").await;
    assert_eq!(recorded.tries[0].reason, Some(Reason::InvalidInput));
    let message = recorded.tries[0].message.as_deref().unwrap();
    assert!(
        message.contains("input/value: line 1") && message.contains("'pin' is secret") && !message.contains("1234567"),
        "{message}"
    );
}

/// What only a run can tell ends the try with the place and what was perhaps meant.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_ends_the_try_as_invalid_input() {
    let site = site().await;
    let mut definition = of("missing", vec![task("asks", &json!({ "do": "echo", "value": "{{ dag_run.conf.statoin }}" }), &[])]);
    definition["params"] = json!({ "station": "berlin" });
    let dag = site.apply(definition).await;
    let run = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    let recorded = site.ledger().of_task(run, "asks").await;
    assert_eq!(recorded.tries[0].reason, Some(Reason::InvalidInput));
    let message = recorded.tries[0].message.as_deref().unwrap();
    assert!(message.contains("did you mean 'dag_run.conf.station'?"), "{message}");
}
