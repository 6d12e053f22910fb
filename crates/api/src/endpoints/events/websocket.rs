use crate::App;
use crate::error::ApiError;
use crate::extract::{Caller, Viewer, check_origin};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use cofferdam_api_types::{ErrorCode, StreamMessage};
use futures::{Stream, StreamExt};
use http::{Method, header};
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take to accept a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the connection is tried.
const PING: Duration = Duration::from_secs(20);

/// What changes in the tenant, over a WebSocket: each text message is one `StreamMessage`.
#[utoipa::path(
    get,
    path = "/api/v1/events/ws",
    tag = "events",
    operation_id = "events_websocket",
    responses((status = 101, description = "The connection becomes a WebSocket."))
)]
pub(crate) async fn handler(State(app): State<Arc<App>>, caller: Caller<Viewer>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    // A page of another origin may open a WebSocket with our cookie; its Origin header tells.
    if parts.headers.contains_key(header::ORIGIN) && !parts.headers.contains_key(header::AUTHORIZATION) {
        check_origin(&Method::POST, &parts.headers)?;
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|error| {
        ApiError::new(ErrorCode::InvalidParameter, "This endpoint speaks WebSocket; use /api/v1/events for server-sent events.")
            .because(error)
    })?;
    let messages = app.events.watch(caller.context.tenant, app.state.shutdown.clone()).await?;
    Ok(upgrade.max_message_size(4 << 10).on_upgrade(move |socket| serve(socket, messages)))
}

async fn serve(mut socket: WebSocket, messages: impl Stream<Item = StreamMessage>) {
    let mut messages = Box::pin(messages);
    let mut ticks = tokio::time::interval(PING);
    loop {
        let out = tokio::select! {
            message = messages.next() => match message {
                Some(message) => Message::text(serde_json::to_string(&message).unwrap_or_default()),
                None => Message::Close(None),
            },
            _ = ticks.tick() => Message::Ping(Default::default()),
            received = socket.recv() => match received {
                // What a client says is of no interest, but that it is there.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let last = matches!(out, Message::Close(_));
        if !matches!(tokio::time::timeout(PATIENCE, socket.send(out)).await, Ok(Ok(()))) || last {
            return;
        }
    }
}
