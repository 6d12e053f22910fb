//! The queue on Redis 7 or Valkey, for many processes. All rules run in the server, in `cofferdam.lua`: each call is one
//! function, atomic, one round trip whatever the number of messages.

mod connection;
mod keys;
mod subscriber;
mod unread;
mod wire;

use crate::message::{from_micros, micros};
use crate::queue::{Queue, QueueError, TurnOver, TurnedOver};
use crate::signal::signals;
use crate::{Claim, ClaimPolicy, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence, Signal, WorkerBeat};
use ::redis::{Cmd, FromRedisValue, Value, cmd};
use async_trait::async_trait;
use bytes::Bytes;
use cofferdam_domain::clock::SharedClock;
use cofferdam_ids::{Fence, LeaseToken, TaskInstanceId, TenantId, WorkerId};
use connection::Connection;
use futures::stream::BoxStream;
use keys::Keys;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};
use subscriber::Subscriber;
use unread::Unread;
use uuid::Uuid;

/// How many messages or leases one function takes; more are sent as several functions in one round trip.
const CHUNK: usize = 1_000;

/// How to use a Redis server.
#[derive(Clone)]
pub struct RedisQueueConfig {
    /// Comes first in every key, as the hash tag. Installations that share a server have different ones. Without braces.
    pub prefix: String,
    /// Connections for commands; there is one more for signals.
    pub connections: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// For `rediss://` URLs: who may vouch for the server, as certificates in PEM. Those that the system trusts when `None`.
    pub root_certificates: Option<Vec<u8>>,
    /// Where the time comes from; the server's own when `None`, which is right wherever there is more than one process.
    pub clock: Option<SharedClock>,
}

impl Default for RedisQueueConfig {
    fn default() -> Self {
        Self {
            prefix: "cofferdam".to_owned(),
            connections: 2,
            timeout: Duration::from_secs(5),
            root_certificates: None,
            clock: None,
        }
    }
}

impl fmt::Debug for RedisQueueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueueConfig").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A [`Queue`] in Redis. Share it with an `Arc`.
pub struct RedisQueue {
    connection: Connection,
    subscriber: Subscriber,
    keys: Keys,
    clock: Option<SharedClock>,
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl RedisQueue {
    /// Connects to `redis://`, `rediss://` (TLS) or `redis+unix://`, and loads the functions.
    ///
    /// # Errors
    /// When the URL or the prefix is malformed, or the server cannot be reached or is too old for functions.
    pub async fn connect(url: &str, config: RedisQueueConfig) -> Result<Self, QueueError> {
        let keys = Keys::new(&config.prefix)?;
        let client = connection::client(url, config.root_certificates)?;
        let connection = Connection::open(&client, config.connections, config.timeout).await?;
        let subscriber = Subscriber::start(client, keys.channel.clone());
        Ok(Self { connection, subscriber, keys, clock: config.clock })
    }

    /// The time for a function: empty for the server's own.
    fn now(&self) -> String {
        self.clock.as_ref().map_or_else(String::new, |clock| clock.now().timestamp_micros().to_string())
    }

    /// A call of a function on the keys of the queue proper.
    fn function(&self, name: &str) -> Cmd {
        let mut command = cmd("FCALL");
        command.arg(format!("cofferdam_1_{name}")).arg(self.keys.queue.len()).arg(&self.keys.queue);
        command
    }

    /// A call of a function on other keys.
    fn function_on(&self, name: &str, keys: &[&str]) -> Cmd {
        let mut command = cmd("FCALL");
        command.arg(format!("cofferdam_1_{name}")).arg(keys.len()).arg(keys);
        command
    }

    async fn one<T: FromRedisValue>(&self, command: Cmd) -> Result<T, QueueError> {
        let mut answers = self.connection.run(std::slice::from_ref(&command)).await?;
        answers.pop().ok_or_else(|| QueueError::Corrupt("an answer is missing".into()))
    }

    /// Calls `name` with `head` and the leases, in chunks.
    async fn on_leases<T: FromRedisValue>(&self, name: &str, head: &[String], leases: &[Lease]) -> Result<Vec<T>, QueueError> {
        self.connection.run(&self.calls_on_leases(name, head, leases)).await
    }

    fn calls_on_leases(&self, name: &str, head: &[String], leases: &[Lease]) -> Vec<Cmd> {
        leases
            .chunks(CHUNK)
            .map(|chunk| {
                let mut command = self.function(name);
                command.arg(head);
                for lease in chunk {
                    command.arg(hex(lease.instance.uuid())).arg(lease.try_number).arg(lease.token.0);
                }
                command
            })
            .collect()
    }

    /// Puts messages in, and tells those who listen on `channel`, which may be empty.
    fn enqueuing(&self, messages: &[Message], channel: &str) -> Vec<Cmd> {
        let now = self.now();
        messages
            .chunks(CHUNK)
            .map(|chunk| {
                let mut command = self.function("enqueue");
                command.arg(&now).arg(channel);
                for message in chunk {
                    let message = message.normalised();
                    command
                        .arg(hex(message.instance.uuid()))
                        .arg(message.try_number)
                        .arg(wire::member(&message))
                        .arg(message.not_before.map_or(0, |time| time.timestamp_micros()))
                        .arg(wire::encode(&message));
                }
                command
            })
            .collect()
    }

    fn claiming(&self, request: &ClaimRequest) -> Cmd {
        let mut queues: Vec<&str> = request.queues.iter().map(AsRef::as_ref).collect();
        queues.sort_unstable();
        queues.dedup();
        let served = queues.join(",");
        let mut command = cmd("FCALL");
        command
            .arg("cofferdam_1_claim")
            .arg(self.keys.queue.len() + 1)
            .arg(&self.keys.queue)
            .arg(self.keys.turns(&served))
            .arg(self.now())
            .arg(micros(request.lease))
            .arg(request.max)
            .arg(hex(request.worker.uuid()))
            .arg(&served)
            .arg(&queues);
        command
    }
}

/// What the function `claim` answered.
#[derive(Default)]
struct Claimed {
    claims: Vec<Claim>,
    unread: Vec<Unread>,
}

/// Reads what the function `claim` answers: the first token, and the messages.
fn claims(answer: Vec<Option<Vec<u8>>>) -> Result<Claimed, QueueError> {
    let mut answer = answer.into_iter();
    let first = answer.next().flatten().unwrap_or_default();
    let first: i64 = number(&String::from_utf8_lossy(&first))?;
    let mut claimed = Claimed::default();
    for (token, body) in (first..).zip(answer) {
        let body = Bytes::from(body.unwrap_or_default());
        match wire::decode(&body) {
            Ok(message) => {
                let lease = Lease { instance: message.instance, try_number: message.try_number, token: LeaseToken(token) };
                claimed.claims.push(Claim { message, lease, damage: None });
            }
            Err(error) => {
                tracing::error!(error = %error, lease.token = token, "a message cannot be read");
                claimed.unread.push(Unread { token: LeaseToken(token), body, why: error.to_string() });
            }
        }
    }
    Ok(claimed)
}

/// One answer of several that came together.
fn answer<T: FromRedisValue>(value: Value) -> Result<T, QueueError> {
    T::from_redis_value(value).map_err(|error| QueueError::Corrupt(error.to_string()))
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, QueueError> {
    text.parse().map_err(|_| QueueError::Corrupt(format!("{text:?} is not what was expected")))
}

fn record(name: &'static str, started: Instant) {
    metrics::histogram!(name, "queue" => "redis").record(started.elapsed());
}

#[async_trait]
impl Queue for RedisQueue {
    async fn enqueue(&self, messages: &[Message]) -> Result<usize, QueueError> {
        let started = Instant::now();
        let added: Vec<usize> = self.connection.run(&self.enqueuing(messages, &self.keys.channel)).await?;
        record("cofferdam_queue_enqueue_seconds", started);
        Ok(added.into_iter().sum())
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claim>, QueueError> {
        let started = Instant::now();
        let answer = self.one(self.claiming(request)).await?;
        record("cofferdam_queue_claim_seconds", started);
        Ok(self.with_unread(claims(answer)?).await)
    }

    async fn turn_over(&self, turn: &TurnOver<'_>) -> Result<TurnedOver, QueueError> {
        let started = Instant::now();
        let ended = self.calls_on_leases("ack", &[], turn.ended);
        // Who may take all of it does not wake the others, unless something is left.
        let alone = turn.claim.is_some_and(|request| request.max >= turn.messages.len());
        let enqueued = self.enqueuing(turn.messages, if alone { "" } else { &self.keys.channel });
        let between = ended.len()..ended.len() + enqueued.len();
        let commands: Vec<Cmd> =
            ended.into_iter().chain(enqueued).chain(turn.claim.map(|request| self.claiming(request))).collect();
        let mut answers: Vec<Value> = self.connection.run(&commands).await?;
        record("cofferdam_queue_turn_over_seconds", started);
        let claims = match turn.claim {
            Some(_) => self.with_unread(claims(answer(answers.pop().unwrap_or(Value::Nil))?)?).await,
            None => Vec::new(),
        };
        let added = answers.drain(between).map(answer::<usize>).sum::<Result<_, _>>()?;
        let taken: HashSet<TaskInstanceId> = claims.iter().map(|claim| claim.message.instance).collect();
        if alone
            && turn.messages.iter().any(|message| !taken.contains(&message.instance))
            && let Err(error) = self.publish(&Signal::Enqueued).await
        {
            // Signals are hints; what was claimed must not be lost for one.
            tracing::debug!(error = &error as &dyn std::error::Error, "workers were not told of new messages");
        }
        Ok(TurnedOver { added, claims })
    }

    async fn ack(&self, leases: &[Lease]) -> Result<usize, QueueError> {
        let started = Instant::now();
        let ended: Vec<usize> = self.on_leases("ack", &[], leases).await?;
        record("cofferdam_queue_ack_seconds", started);
        Ok(ended.into_iter().sum())
    }

    async fn extend(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, QueueError> {
        let started = Instant::now();
        let lost: Vec<Vec<usize>> = self.on_leases("extend", &[self.now(), micros(lease).to_string()], leases).await?;
        record("cofferdam_queue_extend_seconds", started);
        Ok(leases
            .chunks(CHUNK)
            .zip(lost)
            .flat_map(|(chunk, lost)| lost.into_iter().filter_map(|position| chunk.get(position - 1).copied()))
            .collect())
    }

    async fn release(&self, leases: &[Lease]) -> Result<usize, QueueError> {
        let released: Vec<usize> = self.on_leases("release", std::slice::from_ref(&self.keys.channel), leases).await?;
        Ok(released.into_iter().sum())
    }

    async fn expire(&self, max: usize) -> Result<Vec<ExpiredLease>, QueueError> {
        let mut command = self.function("expire");
        command.arg(self.now()).arg(max);
        let answer: Vec<String> = self.one(command).await?;
        answer
            .chunks_exact(5)
            .map(|fields| {
                let lease = Lease {
                    instance: number(&fields[0])?,
                    try_number: number(&fields[1])?,
                    token: LeaseToken(number(&fields[2])?),
                };
                let (tenant, worker): (TenantId, WorkerId) = (number(&fields[3])?, number(&fields[4])?);
                Ok(ExpiredLease { lease, tenant, worker })
            })
            .collect()
    }

    async fn remove(&self, instances: &[TaskInstanceId]) -> Result<usize, QueueError> {
        let commands: Vec<Cmd> = instances
            .chunks(CHUNK)
            .map(|chunk| {
                let mut command = self.function("remove");
                command.arg(chunk.iter().map(|instance| hex(instance.uuid())).collect::<Vec<_>>());
                command
            })
            .collect();
        let removed: Vec<usize> = self.connection.run(&commands).await?;
        Ok(removed.into_iter().sum())
    }

    async fn presence(&self, instances: &[TaskInstanceId]) -> Result<Vec<Presence>, QueueError> {
        let commands: Vec<Cmd> = instances
            .chunks(CHUNK)
            .map(|chunk| {
                let mut command = cmd("HMGET");
                command.arg(self.keys.held());
                command.arg(chunk.iter().map(|instance| hex(instance.uuid())).collect::<Vec<_>>());
                command
            })
            .collect();
        let held: Vec<Vec<Option<String>>> = self.connection.run(&commands).await?;
        held.into_iter().flatten().map(presence_of).collect()
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let mut command = self.function("depth");
        command.arg(self.now());
        let answer: Vec<String> = self.one(command).await?;
        let [ready, delayed, leased, oldest, counts @ ..] = answer.as_slice() else {
            return Err(QueueError::Corrupt("the depth is incomplete".into()));
        };
        let mut by_tenant = BTreeMap::<TenantId, u64>::new();
        for pair in counts.chunks_exact(2) {
            let (_, tenant) = pair[0].split_once(':').unwrap_or_default();
            *by_tenant.entry(number(tenant)?).or_default() += number::<u64>(&pair[1])?;
        }
        Ok(Depth {
            ready: number(ready)?,
            delayed: number(delayed)?,
            leased: number(leased)?,
            oldest: if oldest.is_empty() { None } else { Some(from_micros(number(oldest)?)) },
            by_tenant: by_tenant.into_iter().collect(),
        })
    }

    async fn set_policy(&self, policy: &ClaimPolicy) -> Result<(), QueueError> {
        let tenants = policy.tenants.iter().map(|(tenant, policy)| {
            let most = policy.max_leased.map_or_else(String::new, |most| most.to_string());
            (format!("t:{}", hex(tenant.uuid())), format!("{most}:{}", policy.weight))
        });
        let pools =
            policy.pools.iter().map(|(tenant, pool, slots)| (format!("p:{}:{pool}", hex(tenant.uuid())), slots.to_string()));
        let fields: Vec<(String, String)> = tenants.chain(pools).collect();
        self.connection.replace_hash(self.keys.policy(), &fields).await
    }

    async fn publish(&self, signal: &Signal) -> Result<(), QueueError> {
        let text = serde_json::to_string(signal).map_err(|error| QueueError::Refused(error.into()))?;
        let mut command = cmd("PUBLISH");
        command.arg(&self.keys.channel).arg(text);
        self.one::<i64>(command).await.map(drop)
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Signal>, QueueError> {
        Ok(signals(self.subscriber.subscribe().await?))
    }

    async fn beat(&self, beat: &WorkerBeat, ttl: Duration) -> Result<(), QueueError> {
        let text = serde_json::to_string(beat).map_err(|error| QueueError::Refused(error.into()))?;
        let mut command = self.function_on("beat", &[&self.keys.beats, &self.keys.workers]);
        command.arg(self.now()).arg(micros(ttl)).arg(hex(beat.worker.uuid())).arg(text);
        self.one::<i64>(command).await.map(drop)
    }

    async fn workers(&self) -> Result<Vec<WorkerBeat>, QueueError> {
        let mut command = self.function_on("workers", &[&self.keys.beats, &self.keys.workers]);
        command.arg(self.now());
        let texts: Vec<String> = self.one(command).await?;
        let mut beats = texts
            .iter()
            .map(|text| serde_json::from_str::<WorkerBeat>(text).map_err(|error| QueueError::Corrupt(error.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        beats.sort_unstable_by_key(|beat| beat.worker);
        Ok(beats)
    }

    async fn lead(&self, role: &str, holder: &str, ttl: Duration) -> Result<Option<Fence>, QueueError> {
        let mut command = self.function_on("lead", &[&self.keys.leads]);
        command.arg(self.now()).arg(micros(ttl)).arg(role).arg(holder);
        let fence: String = self.one(command).await?;
        if fence.is_empty() { Ok(None) } else { Ok(Some(Fence(number(&fence)?))) }
    }

    async fn resign(&self, role: &str, holder: &str) -> Result<(), QueueError> {
        let mut command = self.function_on("resign", &[&self.keys.leads]);
        command.arg(role).arg(holder);
        self.one::<i64>(command).await.map(drop)
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.one::<String>(cmd("PING")).await.map(drop)
    }
}

fn presence_of(held: Option<String>) -> Result<Presence, QueueError> {
    let Some(held) = held else { return Ok(Presence::Absent) };
    let mut fields = held.split('|');
    let (phase, try_number) = (fields.next().unwrap_or_default(), number(fields.next().unwrap_or_default())?);
    match phase {
        "r" | "d" => Ok(Presence::Waiting { try_number }),
        "l" => Ok(Presence::Leased { try_number }),
        _ => Err(QueueError::Corrupt(format!("{held:?} has no known phase"))),
    }
}
