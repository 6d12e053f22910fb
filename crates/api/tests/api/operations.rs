use crate::harness::{Server, worker};
use chrono::TimeDelta;
use cofferdam_client::api::HealthStatus;
use cofferdam_domain::clock::Clock;
use cofferdam_domain::context::Role;
use cofferdam_ids::QueueName;
use cofferdam_queue::{Queue, WorkerBeat};
use std::time::Duration;

#[tokio::test]
async fn health_says_how_each_part_does() {
    let server = Server::start().await;
    let client = server.client("");
    let client = client.with_credentials(Default::default());
    assert_eq!(client.health_live().await.unwrap().status, HealthStatus::Healthy);
    assert_eq!(client.health_ready().await.unwrap().status, HealthStatus::Healthy);
    let deep = client.health_deep().await.unwrap();
    assert_eq!(deep.status, HealthStatus::Degraded, "nobody would run a task");
    assert_eq!(deep.checks.keys().collect::<Vec<_>>(), ["database", "objects", "queue"]);

    let beat = WorkerBeat {
        worker: worker(),
        name: "host:1".to_owned(),
        queues: vec![QueueName::default_queue()],
        slots: 8,
        busy: 1,
        started_at: server.clock.now() - TimeDelta::minutes(1),
        draining: false,
        walls: Vec::new(),
    };
    server.queue.beat(&beat, Duration::from_secs(30)).await.unwrap();
    let deep = client.health_deep().await.unwrap();
    assert_eq!((deep.status, deep.workers.len()), (HealthStatus::Healthy, 1));
    assert_eq!(deep.workers[0].slots, 8);
}

#[tokio::test]
async fn metrics_count_what_is_there_now() {
    let server = Server::start().await;
    let key = server.key(server.tenant, Role::Editor).await;
    server.demo_run(&key).await;
    let metrics = server.client(&key).metrics().await.unwrap();
    for line in [
        "cofferdam_task_instances{state=\"queued\"} 1",
        "cofferdam_task_instances{state=\"running\"} 0",
        "cofferdam_dag_runs{state=\"running\"} 1",
        "cofferdam_queue_messages{state=\"ready\"} 1",
        "cofferdam_database_connections_max ",
        "cofferdam_http_requests_total{method=\"POST\",route=\"/api/v1/dags/{dag_id}/dagRuns\",status=\"200\"} ",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn the_rest_of_the_paths() {
    let server = Server::start().await;
    let metrics = server.get("/metrics", "").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("text/plain"), "{metrics:?}");
    let document = server.get("/api/openapi.json", "").await.ok(200);
    assert_eq!(document, serde_json::to_value(cofferdam_api::openapi()).unwrap());
    let schema = server.get("/api/schemas/dag-1.json", "").await.ok(200);
    assert_eq!(schema, cofferdam_domain::definition::schema());
    assert_eq!(server.get("/api/v1/version", "").await.ok(200)["version"], env!("CARGO_PKG_VERSION"));

    server.get("/api/v1/nothing", "").await.problem(404, "not_found");
    server.call("PUT", "/api/v1/dags", "", None).await.problem(405, "method_not_allowed");
    let page = server.get("/dags/demo", "").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    assert!(page.text.contains("<html"), "{}", page.text);

    let explained = server.get("/errors/invalid_body", "").await;
    assert!(explained.text.starts_with("## invalid_body\n"), "{}", explained.text);
    server.get("/errors/unheard_of", "").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_request_keeps_the_id_that_it_came_with() {
    let server = Server::start().await;
    let answer = server.send(server.request("GET", "/api/v1/dags").header("x-request-id", "from-a-proxy-1")).await;
    assert_eq!(answer.problem(401, "unauthenticated")["request_id"], "from-a-proxy-1");
    let key = server.key(server.tenant, Role::Viewer).await;
    let answer = server.get("/api/v1/dags", &key).await;
    assert_eq!(answer.headers["x-request-id"].len(), 36);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}
