//! One try that runs in a process: what it says and asks, checked once more before it counts.

use super::super::frame::{Link, encode};
use super::super::protocol::{Answer, Done, Order, PART_BYTES, Question};
use super::exchange::Exchange;
use crate::capabilities::http::Trust;
use crate::capabilities::{Capability as _, Http, MAX_PUSHED, Progress, TOTAL_FACTOR};
use crate::engine::hex;
use crate::host::{ArtifactSink, ArtifactSource, Host, HostError, Level, LogLine, Stream};
use crate::json::clean;
use crate::masking::Masking;
use crate::run::TryRequest;
use bytes::Bytes;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::Digest;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio_util::sync::CancellationToken;

/// Bytes that notices of the sandbox itself may have, beside what the limits leave to the task.
const NOTICE_BYTES: u64 = 256 << 10;
/// A byte of output may become a replacement character, which has three.
const CLEANED: u64 = 3;
/// A byte of a text may have so many in JSON.
const ESCAPED: u64 = 6;
/// Bytes of a frame beside what the task gave.
const FRAME_BYTES: u64 = 1 << 20;
/// Questions that are open at once beside those about handles.
const QUESTIONS: u32 = 64;

/// How a try in a process came to its end.
pub(super) enum Outcome {
    /// The process says how.
    Done(Box<Done>, Bytes),
    /// The process has ended.
    Lost(String),
}

/// The worker's side of a try in a process.
pub(super) struct Attended {
    request: Arc<TryRequest>,
    pub(super) masking: Arc<Masking>,
    host: Arc<dyn Host>,
    link: Arc<Link>,
    id: AtomicU64,
    said: Mutex<Said>,
    pub(super) http: Mutex<Http>,
    opened: Mutex<Opened>,
    questions: AtomicU32,
    /// The try is over: nothing of it is worked on any more.
    over: CancellationToken,
    outcome: Mutex<Option<oneshot::Sender<Outcome>>>,
}

struct Said {
    /// Bytes of lines that may still come.
    left: u64,
    progress: Progress,
}

#[derive(Default)]
struct Opened {
    handles: HashMap<u32, Arc<Open>>,
    last: u32,
    artifacts: u32,
    artifact_bytes: u64,
    stored: HashMap<String, Stored>,
}

/// Something that the task holds open.
enum Open {
    Sink(AsyncMutex<Option<Sink>>),
    Source(AsyncMutex<Box<dyn ArtifactSource>>),
    Exchange(Exchange),
}

struct Sink {
    sink: Box<dyn ArtifactSink>,
    size_bytes: u64,
    sha256: Sha256,
}

/// An artifact that was written whole. Its size and digest are what came, not what the process says of it.
pub(super) struct Stored {
    pub object: String,
    pub size_bytes: u64,
    pub sha256: Digest,
}

type Answered = (Answer, Bytes);

/// A question that is being answered. When the host panics over it, the task is told that much.
struct Unanswered {
    attended: Arc<Attended>,
    call: u32,
    answered: bool,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.attended.questions.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            let failed = Answer::Unavailable("the worker failed over it; try again".to_owned());
            if let Some(frame) = self.attended.answer_frame(self.call, failed, &[]) {
                self.attended.link.send(frame, None);
            }
        }
    }
}

impl Attended {
    pub(super) fn new(request: TryRequest, host: Arc<dyn Host>, link: &Arc<Link>) -> (Arc<Self>, oneshot::Receiver<Outcome>) {
        let request = Arc::new(request);
        let masking = Arc::new(Masking::new(host));
        let host: Arc<dyn Host> = masking.clone();
        let limits = &request.limits;
        let output = limits.output_bytes.saturating_mul(2).saturating_add(limits.log_bytes);
        let left = output.saturating_mul(CLEANED).saturating_add(NOTICE_BYTES);
        let (sender, receiver) = oneshot::channel();
        let attended = Self {
            said: Mutex::new(Said { left, progress: Progress::prepare(&request, &host) }),
            http: Mutex::new(Http::prepare(&request, &host)),
            masking,
            host,
            link: Arc::clone(link),
            id: AtomicU64::new(0),
            opened: Mutex::default(),
            questions: AtomicU32::new(0),
            over: CancellationToken::new(),
            outcome: Mutex::new(Some(sender)),
            request,
        };
        (Arc::new(attended), receiver)
    }

    /// Sends requests to servers that these vouch for.
    pub(super) fn believe(&self, trust: Arc<Trust>) {
        self.http.lock().believe(trust);
    }

    pub(super) fn request(&self) -> &Arc<TryRequest> {
        &self.request
    }

    /// The number under which the process knows the try.
    pub(super) fn named(&self, id: u64) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// Bytes that a frame about this try may have.
    pub(super) fn frame_bytes(&self) -> u64 {
        let Limits { output_bytes, log_bytes, result_bytes, checkpoint_bytes, .. } = &self.request.limits;
        let results = result_bytes.saturating_mul(TOTAL_FACTOR + 1).saturating_add(MAX_PUSHED as u64 * 1024);
        let lines = output_bytes.max(log_bytes).saturating_mul(ESCAPED);
        results.max(lines).max(*checkpoint_bytes).saturating_add(FRAME_BYTES)
    }

    /// Takes a line of output or a log message, as far as the limits go.
    pub(super) fn line(&self, stream: Stream, level: Level, fields: Vec<(String, String)>, message: &[u8]) {
        let whole = |text: String| clean(text, usize::MAX);
        let message = whole(String::from_utf8_lossy(message).into_owned());
        let fields: Vec<_> = fields.into_iter().map(|(name, value)| (whole(name), whole(value))).collect();
        let bytes = message.len() + fields.iter().map(|(name, value)| name.len() + value.len() + 1).sum::<usize>() + 1;
        {
            let mut said = self.said.lock();
            // The process has dropped what is too much, and has said so. If it did not, nobody needs to be told.
            let Some(left) = said.left.checked_sub(bytes as u64) else { return };
            said.left = left;
        }
        self.host.log(LogLine { stream, level, message, fields });
    }

    pub(super) fn progress(&self, fraction: f64, message: String) {
        self.said.lock().progress.take(Instant::now(), fraction, message);
    }

    /// Answers a question in its own time. False when there are too many at once.
    pub(super) fn ask(self: &Arc<Self>, call: u32, question: Question, blob: Bytes) -> bool {
        if self.questions.fetch_add(1, Ordering::Relaxed) >= self.most_handles().saturating_add(QUESTIONS) {
            return false;
        }
        let mut unanswered = Unanswered { attended: Arc::clone(self), call, answered: false };
        tokio::spawn(async move {
            let attended = Arc::clone(&unanswered.attended);
            let answered = tokio::select! {
                answered = attended.answer(question, blob) => Some(answered),
                () = attended.over.cancelled() => None,
            };
            unanswered.answered = true;
            drop(unanswered);
            let Some(answered) = answered else { return };
            let (answer, blob) = answered.unwrap_or_else(|error| (error.into(), Bytes::new()));
            if let Some(frame) = attended.answer_frame(call, answer, &blob) {
                attended.link.send_in_turn(frame).await;
            }
        });
        true
    }

    fn answer_frame(&self, call: u32, answer: Answer, blob: &[u8]) -> Option<Vec<u8>> {
        encode(self.id.load(Ordering::Relaxed), call, &Order::Answer(answer), &[blob]).ok()
    }

    /// Forgets something that was open.
    pub(super) fn close(&self, handle: u32) {
        self.opened.lock().handles.remove(&handle);
    }

    /// Takes what the process says of the end.
    pub(super) fn done(&self, done: Box<Done>, blob: Bytes) {
        self.end(Outcome::Done(done, blob));
    }

    /// The process has ended.
    pub(super) fn process_ended(&self, why: &str) {
        self.end(Outcome::Lost(why.to_owned()));
    }

    fn end(&self, outcome: Outcome) {
        self.over.cancel();
        if let Some(sender) = self.outcome.lock().take() {
            drop(sender.send(outcome));
        }
    }

    /// Nobody waits for the try any more. Whether it may still be running.
    pub(super) fn leave(&self) -> bool {
        self.over.cancel();
        self.outcome.lock().take().is_some()
    }

    /// What became of an artifact that the process calls by this name; once.
    pub(super) fn stored(&self, name: &str) -> Option<Stored> {
        self.opened.lock().stored.remove(name)
    }

    /// Gives on the last report of progress.
    pub(super) fn close_progress(&self) {
        self.said.lock().progress.close();
    }

    fn most_handles(&self) -> u32 {
        self.request.limits.handles.saturating_mul(2).saturating_add(8)
    }

    /// Answers a question.
    pub(super) async fn answer(&self, question: Question, blob: Bytes) -> Result<Answered, HostError> {
        let (host, grant) = (&self.host, &self.request.grant);
        let refused = |refusal: cofferdam_domain::grant::Refusal| HostError::Denied(refusal.to_string());
        Ok(match question {
            Question::XCom { task_id, key, map_index } => {
                given(host.xcom_pull(&task_id, &key, map_index).await?.map(Bytes::from))
            }
            Question::Variable { key } => {
                grant.variable(key.as_str()).map_err(refused)?;
                match host.variable(&key).await? {
                    Some(variable) => (Answer::Variable { secret: variable.secret }, variable.value.into()),
                    None => alone(Answer::Nothing),
                }
            }
            Question::Connection { id } => {
                grant.connection(id.as_str()).map_err(refused)?;
                alone(match host.connection(&id).await? {
                    Some(connection) => Answer::Connection(Box::new(connection.into())),
                    None => Answer::Nothing,
                })
            }
            Question::SaveCheckpoint { forget: false } if blob.len() as u64 > self.request.limits.checkpoint_bytes => {
                return Err(HostError::Denied("the checkpoint is too large".to_owned()));
            }
            Question::SaveCheckpoint { forget } => alone(Answer::Saved(host.checkpoint_save((!forget).then_some(blob)).await?)),
            Question::LoadCheckpoint => given(host.checkpoint_load().await?),
            Question::CreateArtifact => {
                {
                    let mut opened = self.opened.lock();
                    if opened.artifacts == self.request.limits.artifacts {
                        return Err(HostError::Denied("there are too many artifacts".to_owned()));
                    }
                    opened.artifacts += 1;
                }
                let sink = Sink { sink: host.artifact_create().await?, size_bytes: 0, sha256: Sha256::new() };
                alone(Answer::Opened { handle: self.open(Open::Sink(AsyncMutex::new(Some(sink))))?, artifact: None })
            }
            Question::WriteArtifact { handle } => {
                self.write(handle, blob).await?;
                alone(Answer::Given)
            }
            Question::FinishArtifact { handle } => alone(Answer::Stored(self.finish(handle).await?)),
            Question::OpenArtifact { task_id, map_index, name } => {
                alone(match host.artifact_open(&task_id, map_index, &name).await? {
                    Some((artifact, source)) => {
                        let handle = self.open(Open::Source(AsyncMutex::new(source)))?;
                        Answer::Opened { handle, artifact: Some(artifact) }
                    }
                    None => Answer::Nothing,
                })
            }
            Question::ReadArtifact { handle, max } => {
                let open = self.opened(handle)?;
                let Open::Source(source) = &*open else { return Err(no_such_handle()) };
                let read = source.lock().await.read(max.clamp(1, PART_BYTES)).await?;
                (Answer::Given, read)
            }
            Question::ListArtifacts { task_id, map_index } => {
                alone(Answer::Artifacts(host.artifacts(&task_id, map_index).await?))
            }
            Question::Send(head) => match Exchange::begin(self, head, &blob) {
                Ok(exchange) => alone(Answer::Opened { handle: self.open(Open::Exchange(exchange))?, artifact: None }),
                Err(failed) => alone(failed),
            },
            Question::Body { handle, part } => {
                let open = self.opened(handle)?;
                let Open::Exchange(exchange) = &*open else { return Err(no_such_handle()) };
                alone(exchange.body(part, blob).await)
            }
            Question::Response { handle } => {
                let open = self.opened(handle)?;
                let Open::Exchange(exchange) = &*open else { return Err(no_such_handle()) };
                exchange.response(self).await
            }
            Question::Read { handle } => {
                let open = self.opened(handle)?;
                let Open::Exchange(exchange) = &*open else { return Err(no_such_handle()) };
                exchange.read(self).await
            }
        })
    }

    fn open(&self, open: Open) -> Result<u32, HostError> {
        let mut opened = self.opened.lock();
        if opened.handles.len() >= self.most_handles() as usize {
            return Err(HostError::Denied("the task holds too much open at once".to_owned()));
        }
        opened.last += 1;
        let handle = opened.last;
        opened.handles.insert(handle, Arc::new(open));
        Ok(handle)
    }

    fn opened(&self, handle: u32) -> Result<Arc<Open>, HostError> {
        self.opened.lock().handles.get(&handle).cloned().ok_or_else(no_such_handle)
    }

    async fn write(&self, handle: u32, data: Bytes) -> Result<(), HostError> {
        let open = self.opened(handle)?;
        let Open::Sink(sink) = &*open else { return Err(no_such_handle()) };
        let mut sink = sink.lock().await;
        let Some(Sink { sink, size_bytes, sha256 }) = sink.as_mut() else { return Err(no_such_handle()) };
        {
            let mut opened = self.opened.lock();
            opened.artifact_bytes = opened.artifact_bytes.saturating_add(data.len() as u64);
            if opened.artifact_bytes > self.request.limits.artifact_bytes {
                return Err(HostError::Denied("the artifacts are too large".to_owned()));
            }
        }
        *size_bytes += data.len() as u64;
        sha256.update(&data);
        sink.write(data).await
    }

    async fn finish(&self, handle: u32) -> Result<String, HostError> {
        let open = self.opened(handle)?;
        let Open::Sink(sink) = &*open else { return Err(no_such_handle()) };
        let Some(Sink { sink, size_bytes, sha256 }) = sink.lock().await.take() else { return Err(no_such_handle()) };
        let object = sink.finish().await?;
        let sha256 = Digest::new(hex(&sha256.finalize())).map_err(|error| HostError::Unavailable(error.to_string()))?;
        let name = handle.to_string();
        self.opened.lock().stored.insert(name.clone(), Stored { object, size_bytes, sha256 });
        Ok(name)
    }
}

fn no_such_handle() -> HostError {
    HostError::Denied("it is not open".to_owned())
}

fn alone(answer: Answer) -> Answered {
    (answer, Bytes::new())
}

fn given(bytes: Option<Bytes>) -> Answered {
    match bytes {
        Some(bytes) => (Answer::Given, bytes),
        None => alone(Answer::Nothing),
    }
}
