use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Viewer};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use cofferdam_api_types::StreamMessage;
use futures::{Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;

/// What changes in the tenant, as server-sent events. The first is `ready`. After `resync` and after each `ready`, read again
/// what you show.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    operation_id = "events",
    responses((status = 200, content_type = "text/event-stream", body = StreamMessage))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Viewer>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let messages = app.events.watch(caller.context.tenant, app.state.shutdown.clone()).await?;
    Ok(Sse::new(messages.map(|message| Ok(event(&message)))).keep_alive(KeepAlive::default()))
}

fn event(message: &StreamMessage) -> Event {
    let name = match message {
        StreamMessage::Ready => "ready",
        StreamMessage::Changes { .. } => "changes",
        StreamMessage::Resync => "resync",
    };
    Event::default().event(name).json_data(message).unwrap_or_else(|_| Event::default().event("resync"))
}
