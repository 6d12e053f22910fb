//! What changes, as it changes: one subscription to the queue for the process, shared by all who watch.

mod send;
mod sse;
mod websocket;

use crate::App;
use crate::error::ApiError;
use cofferdam_api_types::{Event, StreamMessage};
use cofferdam_ids::TenantId;
use cofferdam_queue::{Queue, Signal};
use futures::{Stream, StreamExt, stream};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OnceCell, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Signals that a watcher may lag behind before it misses some.
const BUFFER: usize = 1024;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(sse::handler)).routes(routes!(websocket::handler)).routes(routes!(send::handler))
}

/// Changes of one tenant.
type Changes = (TenantId, Arc<[Event]>);

/// Passes signals of the queue on to all who watch.
pub(crate) struct Hub {
    queue: Arc<dyn Queue>,
    sender: broadcast::Sender<Changes>,
    pump: OnceCell<AbortOnDropHandle<()>>,
}

impl Hub {
    pub(crate) fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, sender: broadcast::Sender::new(BUFFER), pump: OnceCell::new() }
    }

    /// What changes in the tenant from now on, until `stop`.
    pub(crate) async fn watch(
        &self,
        tenant: TenantId,
        stop: CancellationToken,
    ) -> Result<impl Stream<Item = StreamMessage> + Send + use<>, ApiError> {
        let receiver = self.sender.subscribe();
        self.pump
            .get_or_try_init(|| async {
                let signals = self.queue.subscribe().await?;
                Ok::<_, ApiError>(AbortOnDropHandle::new(tokio::spawn(pump(signals, self.sender.clone()))))
            })
            .await?;
        metrics::counter!("cofferdam_event_streams_total").increment(1);
        let changes = stream::unfold((receiver, stop), move |(mut receiver, stop)| async move {
            let message = tokio::select! {
                message = next(&mut receiver, tenant) => message?,
                () = stop.cancelled() => return None,
            };
            Some((message, (receiver, stop)))
        });
        Ok(stream::iter([StreamMessage::Ready]).chain(changes))
    }
}

async fn next(receiver: &mut broadcast::Receiver<Changes>, tenant: TenantId) -> Option<StreamMessage> {
    loop {
        match receiver.recv().await {
            Ok((of, events)) if of == tenant => return Some(StreamMessage::Changes { events: events.to_vec() }),
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => {
                tracing::debug!(events.missed = missed, "a watcher is too slow");
                return Some(StreamMessage::Resync);
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

async fn pump(mut signals: stream::BoxStream<'static, Signal>, sender: broadcast::Sender<Changes>) {
    while let Some(signal) = signals.next().await {
        let Signal::Event { tenant, payload } = signal else { continue };
        match serde_json::from_str::<Vec<Event>>(&payload) {
            // An error means that nobody watches.
            Ok(events) => drop(sender.send((tenant, events.into()))),
            Err(error) => tracing::warn!("an event cannot be read: {error}"),
        }
    }
}
