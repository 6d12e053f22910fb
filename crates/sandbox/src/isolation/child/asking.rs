//! Questions to the worker, and their answers.

use super::super::frame::{Link, encode};
use super::super::protocol::{Answer, Question, Report};
use super::done;
use crate::host::HostError;
use crate::run::TryReport;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::oneshot;

type Waiting = Mutex<HashMap<u32, oneshot::Sender<(Answer, Bytes)>>>;

/// Asks for all tries of the process.
pub(super) struct Asking {
    link: Arc<Link>,
    calls: Arc<AtomicU32>,
    waiting: Arc<Waiting>,
}

/// Asks for one try. Cheap to clone.
#[derive(Clone)]
pub(super) struct Asker {
    try_id: u64,
    link: Arc<Link>,
    calls: Arc<AtomicU32>,
    waiting: Arc<Waiting>,
}

impl Asking {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, calls: Arc::new(AtomicU32::new(1)), waiting: Arc::default() }
    }

    /// Asks for a try.
    pub(super) fn of(&self, try_id: u64) -> Asker {
        Asker { try_id, link: Arc::clone(&self.link), calls: Arc::clone(&self.calls), waiting: Arc::clone(&self.waiting) }
    }

    /// Gives an answer to whoever waits for it, if anybody still does.
    pub(super) fn answered(&self, call: u32, answer: Answer, blob: Bytes) {
        if let Some(waiting) = self.waiting.lock().remove(&call) {
            drop(waiting.send((answer, blob)));
        }
    }
}

impl Asker {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When the host refused, or could not answer.
    pub(super) async fn ask(&self, question: Question, blob: &[u8]) -> Result<(Answer, Bytes), HostError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().insert(call, sender);
        self.send(call, &Report::Ask(question), &[blob]);
        match receiver.await {
            Ok((Answer::Denied(why), _)) => Err(HostError::Denied(why)),
            Ok((Answer::Unavailable(why), _)) => Err(HostError::Unavailable(why)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(HostError::Unavailable("the worker is gone".to_owned())),
        }
    }

    /// Tells something that has no answer.
    pub(super) fn tell(&self, report: &Report, blob: &[u8]) {
        self.send(0, report, &[blob]);
    }

    /// Tells how the try ended.
    pub(super) fn tell_done(&self, report: TryReport) {
        let (done, blob) = done(report);
        let parts: Vec<&[u8]> = blob.iter().map(Vec::as_slice).collect();
        self.send(0, &Report::Done(Box::new(done)), &parts);
    }

    fn send(&self, call: u32, report: &Report, blob: &[&[u8]]) {
        // What is said of a try is bounded by its limits, far below what a frame can hold.
        if let Ok(frame) = encode(self.try_id, call, report, blob) {
            self.link.send(frame, None);
        }
    }
}

/// An answer that does not fit its question; the worker does not give such.
pub(super) fn unexpected(answer: &Answer) -> HostError {
    HostError::Unavailable(format!("the worker gave an answer that does not fit: {answer:?}"))
}
