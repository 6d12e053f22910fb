//! What happens to the queue in Redis when the server forgets, restarts, is a cluster, or speaks TLS.

use crate::subject::{Subject, instance, leases, message, messages, request};
use bytes::Bytes;
use cofferdam_queue::{Message, Presence, Queue, QueueError, RedisQueue, RedisQueueConfig, Signal};
use cofferdam_test_support::redis::RedisServer;
use futures::StreamExt;
use std::net::TcpListener;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
/// Longer than anything here takes; reached only when something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(server: &RedisServer) -> RedisQueue {
    RedisQueue::connect(&server.url(), RedisQueueConfig::default()).await.unwrap()
}

#[tokio::test]
async fn after_a_flush_the_queue_is_empty_and_tokens_and_fences_still_grow() {
    let server = RedisServer::start().unwrap();
    // By the server's own clock, as in production.
    let queue = connect(&server).await;
    queue.enqueue(&messages(1, 0, 10)).await.unwrap();
    let before = leases(&queue.claim(&request(10)).await.unwrap());
    let fence = queue.lead("reaper", "a", MINUTE).await.unwrap().unwrap();
    server.flushall().unwrap();
    assert_eq!(queue.presence(&[instance(1)]).await.unwrap(), [Presence::Absent]);
    assert_eq!(queue.extend(&before, MINUTE).await.unwrap(), before);
    assert_eq!(queue.enqueue(&messages(1, 0, 10)).await.unwrap(), 10);
    let after = leases(&queue.claim(&request(10)).await.unwrap());
    assert_eq!(after.len(), 10);
    assert!(after.iter().all(|new| before.iter().all(|old| new.token > old.token)));
    assert_eq!(queue.ack(&before).await.unwrap(), 0, "a lease from before the flush has no say any more");
    assert!(queue.lead("reaper", "b", MINUTE).await.unwrap().unwrap() > fence);
}

#[tokio::test]
async fn after_a_restart_the_functions_and_the_subscriptions_come_back() {
    let mut server = RedisServer::start().unwrap();
    let queue = connect(&server).await;
    let mut signals = queue.subscribe().await.unwrap();
    queue.enqueue(&messages(1, 0, 3)).await.unwrap();
    assert_eq!(signals.next().await, Some(Signal::Enqueued));
    server.stop();
    assert!(matches!(queue.ping().await, Err(QueueError::Unavailable(_))), "a stopped server is something that passes");
    server.restart().unwrap();

    // A reconnected subscriber is told to look for itself, since it may have missed something.
    let heard = tokio::time::timeout(PATIENCE, signals.next()).await.unwrap();
    assert_eq!(heard, Some(Signal::Enqueued));
    assert_eq!(signals.next().await, Some(Signal::Schedule));
    assert_eq!(queue.enqueue(&messages(1, 0, 3)).await.unwrap(), 3);
    assert_eq!(signals.next().await, Some(Signal::Enqueued));
    assert_eq!(queue.claim(&request(9)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn functions_that_were_deleted_are_loaded_again() {
    let server = RedisServer::start().unwrap();
    let queue = connect(&server).await;
    server.command("FUNCTION FLUSH").unwrap();
    assert_eq!(queue.enqueue(&messages(1, 0, 2_500)).await.unwrap(), 2_500, "also when several go in one round trip");
    server.command("FUNCTION FLUSH").unwrap();
    assert_eq!(queue.claim(&request(9)).await.unwrap().len(), 9);
}

#[tokio::test]
async fn a_lease_runs_out_by_the_clock_of_the_server() {
    let server = RedisServer::start().unwrap();
    let queue = connect(&server).await;
    queue.enqueue(&[message(1, 1)]).await.unwrap();
    let mut short = request(1);
    short.lease = Duration::from_millis(50);
    let held = leases(&queue.claim(&short).await.unwrap());
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            let ended = queue.expire(9).await.unwrap();
            if !ended.is_empty() {
                return ended;
            }
        }
    });
    assert_eq!(ended.await.unwrap()[0].lease, held[0]);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_does_not_take_others_with_it() {
    let server = RedisServer::start().unwrap();
    let subject = Subject::redis_on(&server, "c").await;
    subject.enqueue(&messages(1, 1, 3)).await;
    let field = instance(2).uuid().simple();
    server.command(&format!("HSET {{c}}:1:body {field} nonsense")).unwrap();
    let claims = subject.claim(9).await;
    // It comes last, with all that the queue itself knows of it.
    assert_eq!(claims.iter().map(|claim| claim.lease.instance).collect::<Vec<_>>(), [instance(1), instance(3), instance(2)]);
    let sound = &messages(1, 2, 1)[0];
    let found = &claims[2];
    assert!(found.damage.is_some() && claims[..2].iter().all(|claim| claim.damage.is_none()), "{claims:?}");
    assert_eq!(found.message, Message { payload: Bytes::from_static(b"nonsense"), ..sound.clone() });
    assert!(claims[0].lease.token < found.lease.token && found.lease.token < claims[1].lease.token);
    subject.advance(60);
    assert_eq!(subject.queue.expire(9).await.unwrap().len(), 3, "its lease ends, and the loss is seen");
}

/// Two ports that are free now.
fn free_ports() -> [String; 2] {
    let listeners = [0, 0].map(|any| TcpListener::bind(("127.0.0.1", any)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port().to_string())
}

#[tokio::test]
async fn tls_is_spoken_with_servers_that_a_trusted_authority_vouches_for_and_no_others() {
    // For tests only; made with openssl, valid until 2126, for 127.0.0.1.
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/tls");
    let [port, _] = free_ports();
    let [cert, key] = ["server.pem", "server.key"].map(|name| format!("{directory}/{name}"));
    let server = RedisServer::start_with(&[
        "--bind",
        "127.0.0.1",
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &cert,
        "--tls-auth-clients",
        "no",
    ])
    .unwrap();
    let url = format!("rediss://127.0.0.1:{port}");
    let authority = std::fs::read(format!("{directory}/authority.pem")).unwrap();
    let trusting = RedisQueueConfig { root_certificates: Some(authority), ..RedisQueueConfig::default() };
    let queue = RedisQueue::connect(&url, trusting).await.unwrap();
    let mut signals = queue.subscribe().await.unwrap();
    queue.enqueue(&messages(1, 0, 3)).await.unwrap();
    assert_eq!(signals.next().await, Some(Signal::Enqueued));
    assert_eq!(queue.claim(&request(9)).await.unwrap().len(), 3);

    let stranger = RedisQueue::connect(&url, RedisQueueConfig::default()).await;
    assert!(stranger.is_err(), "an authority that nobody trusts");
    drop(server);
}

#[tokio::test]
async fn a_cluster_accepts_every_call() {
    // A node of a cluster listens on TCP, and on a second port that is 10,000 higher unless it is told another one.
    let [port, bus] = free_ports();
    let server =
        RedisServer::start_with(&["--bind", "127.0.0.1", "--port", &port, "--cluster-enabled", "yes", "--cluster-port", &bus])
            .unwrap();
    server.command("CLUSTER ADDSLOTSRANGE 0 16383").unwrap();
    let up = tokio::time::timeout(PATIENCE, async {
        while !server.command("CLUSTER INFO").unwrap().contains("cluster_state:ok") {
            tokio::task::yield_now().await;
        }
    });
    up.await.unwrap();

    let subject = Subject::redis_on(&server, "c").await;
    subject.enqueue(&messages(1, 0, 4)).await;
    let mut wanted = request(4);
    wanted.queues.push(cofferdam_ids::QueueName::new("gpu").unwrap());
    let claims = leases(&subject.queue.claim(&wanted).await.unwrap());
    assert_eq!(claims.len(), 4);
    assert!(subject.queue.extend(&claims, MINUTE).await.unwrap().is_empty());
    assert_eq!(subject.queue.ack(&claims[..1]).await.unwrap(), 1);
    assert_eq!(subject.queue.release(&claims[1..2]).await.unwrap(), 1);
    assert_eq!(subject.queue.remove(&[instance(2)]).await.unwrap(), 1);
    subject.advance(61);
    assert_eq!(subject.queue.expire(9).await.unwrap().len(), 1);
    assert_eq!(subject.queue.depth().await.unwrap().ready, 1);
    assert!(subject.queue.workers().await.unwrap().is_empty());
    assert!(subject.queue.lead("reaper", "a", MINUTE).await.unwrap().is_some());
    subject.queue.resign("reaper", "a").await.unwrap();
    subject.queue.set_policy(&cofferdam_queue::ClaimPolicy::default()).await.unwrap();
}
