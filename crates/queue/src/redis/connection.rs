//! The connections for commands: they reconnect by themselves, and bring the functions back when the server lost them.

use crate::QueueError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind, TlsCertificates, cmd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LIBRARY: &str = include_str!("cofferdam.lua");

/// What makes connections to `url`.
pub(super) fn client(url: &str, root_certificates: Option<Vec<u8>>) -> Result<Client, QueueError> {
    // TLS takes the process's provider. An error means that there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let made = match root_certificates {
        Some(pem) => Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert: Some(pem) }),
        None => Client::open(url),
    };
    made.map_err(classify)
}

pub(super) struct Connection {
    managers: Vec<ConnectionManager>,
    next: AtomicUsize,
}

impl Connection {
    pub(super) async fn open(client: &Client, connections: usize, timeout: Duration) -> Result<Self, QueueError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(4)
            .set_min_delay(Duration::from_millis(20))
            .set_max_delay(Duration::from_millis(500));
        let mut managers = Vec::new();
        for _ in 0..connections.max(1) {
            managers.push(client.get_connection_manager_with_config(config.clone()).await.map_err(classify)?);
        }
        let connection = Self { managers, next: AtomicUsize::new(0) };
        connection.load().await.map_err(classify)?;
        Ok(connection)
    }

    /// Sends the commands together and returns their answers. A broken connection and lost functions are mended once each:
    /// every command that comes here may be sent again.
    pub(super) async fn run<T: FromRedisValue>(&self, commands: &[Cmd]) -> Result<Vec<T>, QueueError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        // The second try goes over the same connection: that one is being mended.
        let mut manager = self.manager();
        let (mut may_load, mut may_reconnect) = (true, true);
        loop {
            match send(&mut manager, commands).await {
                Ok(answers) => return Ok(answers),
                Err(error) if may_load && is_missing_function(&error) => {
                    may_load = false;
                    tracing::info!("The queue's functions are missing in Redis: loading them");
                    self.load().await.map_err(classify)?;
                }
                Err(error) if may_reconnect && error.is_connection_dropped() => may_reconnect = false,
                Err(error) => return Err(classify(error)),
            }
        }
    }

    /// Puts `fields` in the place of a hash.
    pub(super) async fn replace_hash(&self, key: &str, fields: &[(String, String)]) -> Result<(), QueueError> {
        let mut pipeline = redis::pipe();
        pipeline.atomic().del(key).ignore();
        if !fields.is_empty() {
            pipeline.hset_multiple(key, fields).ignore();
        }
        let mut manager = self.manager();
        let mut may_reconnect = true;
        loop {
            match pipeline.query_async::<()>(&mut manager).await {
                Ok(()) => return Ok(()),
                Err(error) if may_reconnect && error.is_connection_dropped() => may_reconnect = false,
                Err(error) => return Err(classify(error)),
            }
        }
    }

    async fn load(&self) -> Result<(), RedisError> {
        cmd("FUNCTION").arg("LOAD").arg("REPLACE").arg(LIBRARY).query_async(&mut self.manager()).await
    }

    fn manager(&self) -> ConnectionManager {
        self.managers[self.next.fetch_add(1, Ordering::Relaxed) % self.managers.len()].clone()
    }
}

async fn send<T: FromRedisValue>(manager: &mut ConnectionManager, commands: &[Cmd]) -> Result<Vec<T>, RedisError> {
    if let [command] = commands {
        return command.query_async(manager).await.map(|answer| vec![answer]);
    }
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline.query_async(manager).await
}

fn is_missing_function(error: &RedisError) -> bool {
    error.to_string().contains("Function not found")
}

/// Whether trying again may help.
pub(super) fn classify(error: RedisError) -> QueueError {
    let passing = match error.kind() {
        ErrorKind::Io => true,
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::TryAgain
                | ServerErrorKind::NotBusy
        ),
        _ => error.is_connection_dropped() || error.is_timeout(),
    };
    if passing { QueueError::Unavailable(error.into()) } else { QueueError::Refused(error.into()) }
}
