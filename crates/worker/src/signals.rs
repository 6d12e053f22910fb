//! What the queue's subscription tells.

use crate::Shared;
use crate::running::Stop;
use cofferdam_queue::Signal;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Follows signals until `stop`.
pub(crate) async fn listen(shared: Arc<Shared>, mut signals: BoxStream<'static, Signal>, stop: CancellationToken) {
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = stop.cancelled() => return,
        };
        match signal {
            Some(Signal::Enqueued) => shared.wake.notify_one(),
            Some(Signal::Cancel { instances }) => shared.running.stop_instances(&instances, Stop::Cancelled),
            Some(Signal::Schedule | Signal::Event { .. }) => {}
            None => return,
        }
    }
}
