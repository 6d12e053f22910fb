//! The connection for signals: one for each process, whatever the number of subscribers.

use super::connection::classify;
use crate::signal::{BACKLOG, look_for_yourself};
use crate::{QueueError, Signal};
use futures::StreamExt;
use redis::{Client, RedisError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// After so long without a signal the connection is checked.
const QUIET: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The first and the longest pause between two tries to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

pub(super) struct Subscriber {
    signals: broadcast::Sender<Signal>,
    connected: watch::Receiver<bool>,
    _stops_the_task: DropGuard,
}

impl Subscriber {
    pub(super) fn start(client: Client, channel: String) -> Self {
        let stop = CancellationToken::new();
        let signals = broadcast::Sender::new(BACKLOG);
        let (announce, connected) = watch::channel(false);
        let task = Task { client, channel, signals: signals.clone(), announce };
        tokio::spawn(stop.clone().run_until_cancelled_owned(task.run()));
        Self { signals, connected, _stops_the_task: stop.drop_guard() }
    }

    /// Waits until signals arrive.
    pub(super) async fn subscribe(&self) -> Result<broadcast::Receiver<Signal>, QueueError> {
        let receiver = self.signals.subscribe();
        let mut connected = self.connected.clone();
        match timeout(ANSWER, connected.wait_for(|connected| *connected)).await {
            Ok(Ok(_)) => Ok(receiver),
            Ok(Err(closed)) => Err(QueueError::Unavailable(closed.into())),
            Err(elapsed) => Err(QueueError::Unavailable(elapsed.into())),
        }
    }
}

struct Task {
    client: Client,
    channel: String,
    signals: broadcast::Sender<Signal>,
    announce: watch::Sender<bool>,
}

impl Task {
    async fn run(self) {
        let mut pause = PAUSE.0;
        let mut again = false;
        loop {
            let error = match timeout(ANSWER, self.connect()).await {
                Ok(Ok(connection)) => {
                    pause = PAUSE.0;
                    self.announce.send_replace(true);
                    if again {
                        look_for_yourself().into_iter().for_each(|signal| self.tell(signal));
                    }
                    again = true;
                    let error = self.forward(connection).await;
                    self.announce.send_replace(false);
                    error
                }
                Ok(Err(error)) => classify(error),
                Err(elapsed) => QueueError::Unavailable(elapsed.into()),
            };
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(error = %error, cause, pause_ms = pause.as_millis(), "Signals are interrupted: connecting again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn connect(&self) -> Result<redis::aio::PubSub, RedisError> {
        let mut connection = self.client.get_async_pubsub().await?;
        connection.subscribe(&self.channel).await?;
        Ok(connection)
    }

    /// Returns when the connection broke.
    async fn forward(&self, connection: redis::aio::PubSub) -> QueueError {
        let (mut sink, mut stream) = connection.split();
        loop {
            match timeout(QUIET, stream.next()).await {
                Ok(Some(message)) => match serde_json::from_slice(message.get_payload_bytes()) {
                    Ok(signal) => self.tell(signal),
                    // A later version may say things that this one does not know.
                    Err(error) => tracing::debug!(error = %error, "A signal is not understood"),
                },
                Ok(None) => return QueueError::Unavailable("the connection ended".into()),
                Err(_) => match timeout(ANSWER, sink.ping::<redis::Value>()).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return classify(error),
                    Err(elapsed) => return QueueError::Unavailable(elapsed.into()),
                },
            }
        }
    }

    fn tell(&self, signal: Signal) {
        // An error means that nobody listens, which is fine.
        drop(self.signals.send(signal));
    }
}
