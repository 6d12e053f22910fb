//! Guests that misbehave, beside a neighbour that does not.

use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::ledger::Recorded;
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use cofferdam_store::tenants::{self, TenantRules};
use cofferdam_store::variables;
use cofferdam_test_guests::corpus::{self, Hostile};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const LONG: Duration = Duration::from_secs(120);
const NEIGHBOURS: usize = 40;

/// The address of the server: this machine, as no other hostile task calls it.
const SERVER: &str = "127.0.0.2";
const PIN: &str = "4711-0815";

/// A server that leads astray, does not stop, or does not answer.
async fn server() -> u16 {
    let listener = TcpListener::bind((SERVER, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    port
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    match String::from_utf8_lossy(&head).split(' ').nth(1) {
        Some("/redirect") => {
            let answer = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await
        }
        Some("/endless") => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 4096]).await?;
            }
        }
        // The connection stays open for as long as the other side wants it.
        _ => stream.read_u8().await.map(drop),
    }
}

/// What the tenant of the hostile tasks has: a secret, and a server of its own that an administrator opened to it.
async fn equip(site: &Site) {
    let mut tx = site.store.begin(&site.context).await.unwrap();
    let secret =
        variables::NewVariable { key: corpus::SECRET.parse().unwrap(), value: PIN.to_owned(), secret: true, description: None };
    variables::create(&mut tx, &site.keys, &secret, SystemClock.now()).await.unwrap();
    let rules = TenantRules { limits: None, private_targets: vec![SERVER.parse().unwrap()] };
    tenants::set_policy(&mut tx, None, 1, &rules).await.unwrap();
    tx.commit().await.unwrap();
}

/// The corpus breaks every limit that a dag can name.
#[test]
fn every_limit_is_broken_by_a_hostile_task() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/schemas/dag-1.schema.json")).unwrap();
    let of_dags = schema["$defs"]["limits"]["properties"].as_object().unwrap();
    let named: BTreeSet<&str> = of_dags.keys().map(String::as_str).chain(["timeout"]).collect();
    assert_eq!(corpus::LIMITS.iter().map(|(limit, _)| *limit).collect::<BTreeSet<_>>(), named);
    let tasks: Vec<_> = corpus::tasks().into_iter().chain(corpus::served(SERVER)).map(|one| one.task).collect();
    for (limit, task) in corpus::LIMITS {
        assert!(tasks.iter().any(|one| one["task_id"] == task), "{limit}: there is no task {task}");
    }
}

/// Each ends with its reason, within its limits; the neighbour's runs all succeed, and none waits for a hostile guest to end.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_guests_end_and_disturb_nobody() {
    let site = Site::start(SiteOptions::default()).await;
    let neighbour = site.tenant("neighbour").await;
    let _roles = (site.scheduler().await, site.worker().await);
    site.install(&site.context, "reach", "command").await;
    equip(&site).await;
    let authority = format!("{SERVER}:{}", server().await);
    let expected: Vec<Hostile> = corpus::tasks().into_iter().chain(corpus::served(&authority)).collect();
    let dag = site.apply(of("hostile", expected.iter().map(|one| one.task.clone()).collect())).await;
    let steps = ["one", "two", "three"];
    let tasks = (0..3).map(|n| task(steps[n], &json!({ "do": "echo", "value": n }), &steps[n.saturating_sub(1)..n])).collect();
    let friendly = site.apply_for(&neighbour, of("friendly", tasks)).await;

    let run = site.trigger(&dag).await.run;
    let ledger = site.ledger_of(&neighbour);
    for _ in 0..NEIGHBOURS {
        site.trigger_for(&neighbour, &friendly).await;
        ledger.until_all_runs_ended(Duration::from_secs(20)).await;
    }
    site.ledger().until_all_runs_ended(LONG).await;

    let mut wrong = Vec::new();
    for Hostile { task, reason, within_ms, says } in expected {
        let task_id = task["task_id"].as_str().unwrap();
        let Recorded { instance, tries, .. } = site.ledger().of_task(run, task_id).await;
        let state = if reason.is_some() { TaskStateName::Failed } else { TaskStateName::Success };
        let found = instance.reason.map(|reason| reason.to_string());
        let said = match reason {
            None if !says.is_empty() => site.ledger().xcom(run, task_id, "return_value").await.to_string(),
            _ => tries[0].message.clone().unwrap_or_default(),
        };
        let wall = Duration::from_micros(tries[0].receipt.wall_us);
        if (instance.state, found.as_deref(), tries.len()) != (state, reason, 1)
            || !said.contains(says)
            || said.contains("\"ok\"")
            || wall > Duration::from_millis(within_ms)
        {
            wrong.push(format!("{task_id}: {:?} {found:?} after {} tries and {wall:?}: {said}", instance.state, tries.len()));
        }
    }
    assert_eq!(wrong, [""; 0]);
    let flood = site.ledger().of_task(run, "flood").await;
    assert!(flood.tries[0].receipt.stdio_bytes >= 1 << 30, "{flood:?}");
    let kept = site.ledger().log_bytes(&flood.instance).await;
    assert!(kept > 100_000 && kept < 2 << 20, "{kept} bytes of the flood were kept");
    // What was shown of the secret reached nobody, though the task had it.
    let echoed = site.ledger().of_task(run, "echoed_secret").await.instance;
    assert_eq!(site.ledger().xcom(run, "echoed_secret", "return_value").await, json!([PIN]));
    let shown = || async { site.ledger().log(&site.objects, &echoed).await };
    // On stdout, on stderr, and in a field of a message.
    site.ledger().until("its log", LONG, || async { shown().await.matches("***").count() >= 3 }).await;
    let shown = shown().await;
    assert!(!shown.contains(PIN), "{shown}");

    let mut times = Vec::new();
    for run in ledger.runs().await {
        assert_eq!(run.state, RunStateName::Success);
        times.push((run.ended_at.unwrap() - run.queued_at).num_milliseconds());
    }
    times.sort_unstable();
    assert_eq!(times.len(), NEIGHBOURS);
    // Three loops alone would hold two processors for three seconds.
    assert!(times[NEIGHBOURS / 2] < 500 && times[NEIGHBOURS - 1] < 2_500, "the neighbour waited: {times:?} ms");
}
