//! One process, from its start to its end.

use super::super::Wall;
use super::super::frame::{Frame, Link, Receiver, encode};
use super::super::protocol::{Order, Report, Settings};
use super::attend::Attended;
use super::folder::Folder;
use super::keeper::Keeper;
use super::{Code, ProcessConfig, ProcessError};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

/// How long a process may take to become ready, on a busy machine.
const READY: Duration = Duration::from_secs(30);
/// How long the end of a process may be on its way when its socket is closed.
const ENDING: Duration = Duration::from_secs(1);
/// Bytes of a frame before any try was given to the process.
const FIRST_FRAME_BYTES: u64 = 1 << 20;
/// Bytes of what a process says to its standard error, in all its life.
const STDERR_BYTES: u64 = 16 << 10;

/// A process for the sandboxes of one tenant. Ends when it is dropped.
pub(super) struct Process {
    pid: u32,
    walls: Vec<Wall>,
    capacity: u32,
    shared: Arc<Shared>,
    /// Where the bytes of its scratch directories are.
    _scratch: Folder,
}

/// What those share who speak with the process.
pub(super) struct Shared {
    link: Arc<Link>,
    state: Mutex<State>,
    /// Bytes that a frame may have.
    frame_bytes: AtomicU64,
    kill: Notify,
}

#[derive(Default)]
struct State {
    tries: HashMap<u64, Arc<Attended>>,
    /// The number of the last try that was given to it.
    last: u64,
    /// The compiled code that it has.
    programs: HashMap<u64, Weak<Code>>,
    /// Why it takes no more tries.
    over: Option<String>,
    /// It was ended because it was not needed.
    quietly: bool,
}

/// A try that is in a process. Dropped, it is stopped there.
pub(super) struct Entered {
    id: u64,
    shared: Arc<Shared>,
}

impl Process {
    pub(super) async fn start(
        keeper: &Keeper,
        config: &ProcessConfig,
        settings: Settings,
        scratch: Folder,
    ) -> Result<Self, ProcessError> {
        let (ours, theirs) = UnixStream::pair().map_err(ProcessError::Start)?;
        ours.set_nonblocking(true).map_err(ProcessError::Start)?;
        let mut command = Command::new(&config.program);
        command
            .args(&config.args)
            // Nothing of our environment: it may hold secrets.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = keeper.spawn(command).await.map_err(ProcessError::Start)?;
        let link = Arc::new(Link::new(tokio::net::UnixStream::from_std(ours).map_err(ProcessError::Start)?));
        let mut receiver = Receiver::new(Arc::clone(&link), false);
        link.send(encode(0, 0, &Order::Begin(settings), &[]).map_err(ProcessError::Start)?, None);
        let carrying = Arc::clone(&link);
        tokio::spawn(async move { carrying.carry_on().await });

        let first = tokio::time::timeout(READY, receiver.next(|| FIRST_FRAME_BYTES)).await;
        let ready = match first {
            Ok(Ok(Some(frame))) => frame.message::<Report>().ok(),
            Ok(Ok(None) | Err(_)) | Err(_) => None,
        };
        let Some(Report::Ready { capacity, walls }) = ready else {
            // Its end closes the socket a moment before it can be waited for.
            if let Ok(Ok(status)) = tokio::time::timeout(ENDING, child.wait()).await
                && status.signal().is_some()
            {
                return Err(ProcessError::Killed(described(status)));
            }
            drop(child.start_kill());
            let mut said = String::new();
            if let Some(stderr) = child.stderr.take() {
                drop(tokio::time::timeout(READY, stderr.take(STDERR_BYTES).read_to_string(&mut said)).await);
            }
            let said = said.trim();
            return Err(ProcessError::NotReady(if said.is_empty() { "it says nothing".to_owned() } else { said.to_owned() }));
        };

        let pid = child.id().unwrap_or_default();
        let shared = Arc::new(Shared::new(link));
        tracing::debug!(process.pid = pid, "a process for sandboxes is ready");
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(repeat(pid, stderr));
        }
        tokio::spawn(listen(Arc::clone(&shared), receiver));
        tokio::spawn(tend(pid, Arc::clone(&shared), child));
        Ok(Self { pid, walls, capacity, shared, _scratch: scratch })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn walls(&self) -> &[Wall] {
        &self.walls
    }

    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.shared.link
    }

    /// Whether it takes no more tries.
    pub(super) fn is_over(&self) -> bool {
        self.shared.state.lock().over.is_some()
    }

    /// Enters a try, so that the process may speak of it.
    ///
    /// # Errors
    /// When the process has ended: why.
    pub(super) fn enter(&self, attended: &Arc<Attended>) -> Result<Entered, String> {
        Shared::enter(&self.shared, attended)
    }

    /// Gives the process this code if it does not have it, and takes back what nobody needs.
    pub(super) fn hand_over(&self, code: &Arc<Code>) -> io::Result<()> {
        let link = &self.shared.link;
        let mut state = self.shared.state.lock();
        let mut forgotten = Vec::new();
        if !state.programs.contains_key(&code.id) {
            state.programs.retain(|program, code| {
                let needed = code.strong_count() > 0;
                if !needed {
                    forgotten.push(*program);
                }
                needed
            });
            state.programs.insert(code.id, Arc::downgrade(code));
            // Under the lock, so that it goes before the first try that needs it.
            link.send(encode(0, 0, &Order::Program { program: code.id }, &[])?, Some(Arc::clone(&code.file)));
        }
        for program in forgotten {
            link.send(encode(0, 0, &Order::Forget { program }, &[])?, None);
        }
        Ok(())
    }

    /// Ends the process because it does wrong. Its tries are lost.
    pub(super) fn end(&self, why: &str) {
        self.shared.end(why);
    }

    /// Ends the process because it is not needed.
    pub(super) fn end_quietly(&self) {
        self.shared.state.lock().quietly = true;
        self.shared.end("it was not needed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end_quietly();
    }
}

impl Shared {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, state: Mutex::default(), frame_bytes: AtomicU64::new(FIRST_FRAME_BYTES), kill: Notify::new() }
    }

    pub(super) fn enter(this: &Arc<Self>, attended: &Arc<Attended>) -> Result<Entered, String> {
        this.frame_bytes.fetch_max(attended.frame_bytes(), Ordering::Relaxed);
        let mut state = this.state.lock();
        if let Some(why) = &state.over {
            return Err(why.clone());
        }
        state.last += 1;
        let id = state.last;
        state.tries.insert(id, Arc::clone(attended));
        attended.named(id);
        Ok(Entered { id, shared: Arc::clone(this) })
    }

    fn end(&self, why: &str) {
        self.state.lock().over.get_or_insert_with(|| why.to_owned());
        self.kill.notify_one();
    }
}

impl Entered {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Tells the process to stop the try.
    pub(super) fn cancel(&self) {
        if let Ok(frame) = encode(self.id, 0, &Order::Cancel, &[]) {
            self.shared.link.send(frame, None);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = self.shared.state.lock().tries.remove(&self.id);
        // Nobody waits for it any more.
        if left.is_some_and(|attended| attended.leave()) {
            self.cancel();
        }
    }
}

/// Hears what the process says until it ends or says what it may not say.
async fn listen(shared: Arc<Shared>, mut receiver: Receiver) {
    let why = loop {
        match receiver.next(|| shared.frame_bytes.load(Ordering::Relaxed)).await {
            Ok(Some(frame)) => {
                if let Err(wrong) = hear(&shared, &frame) {
                    break wrong.to_string();
                }
            }
            // It has ended; how, whoever waits for it is told.
            Ok(None) => return shared.kill.notify_one(),
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return shared.kill.notify_one(),
            Err(error) => break error.to_string(),
        }
    };
    shared.end(&why);
}

/// Takes what the process says.
///
/// # Errors
/// When it says what it may not say.
pub(super) fn hear(shared: &Shared, frame: &Frame) -> io::Result<()> {
    let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()));
    let report: Report = frame.message()?;
    let attended = {
        let state = shared.state.lock();
        if frame.try_id == 0 || frame.try_id > state.last {
            return wrong("it speaks of a try that it was not given");
        }
        state.tries.get(&frame.try_id).cloned()
    };
    // A try that is over here may still be running there for a moment.
    let Some(attended) = attended else { return Ok(()) };
    match report {
        Report::Ready { .. } => return wrong("it has been ready before"),
        Report::Line { stream, level, fields } => attended.line(stream, level, fields, &frame.blob),
        Report::Progress { fraction, message } => attended.progress(fraction, message),
        Report::Ask(question) => {
            if !attended.ask(frame.call, question, frame.blob.clone()) {
                return wrong("it asks too many questions at once");
            }
        }
        Report::Close { handle } => attended.close(handle),
        Report::Done(done) => attended.done(done, frame.blob.clone()),
    }
    Ok(())
}

/// Waits for the end of a process, brings it about when it is told to, and then lets go of its tries.
async fn tend(pid: u32, shared: Arc<Shared>, mut child: Child) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = shared.kill.notified() => {
            drop(child.start_kill());
            child.wait().await
        }
    };
    let (tries, why) = {
        let mut state = shared.state.lock();
        let ended = status.map_or_else(|error| error.to_string(), described);
        let why = state.over.get_or_insert(ended).clone();
        let tries: Vec<_> = state.tries.drain().map(|(_, attended)| attended).collect();
        if !state.quietly {
            tracing::warn!(process.pid = pid, process.tries = tries.len(), "a process for sandboxes has ended: {why}");
        }
        (tries, why)
    };
    for attended in tries {
        attended.process_ended(&why);
    }
}

fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(signal)) => format!("it was ended by signal {signal}"),
        (Some(code), None) => format!("it ended with code {code}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// Puts what a process says to its standard error into the log, up to a limit.
async fn repeat(pid: u32, stderr: impl tokio::io::AsyncRead + Unpin) {
    let mut stderr = stderr;
    let mut said = Vec::new();
    let mut whole = (&mut stderr).take(STDERR_BYTES);
    if whole.read_to_end(&mut said).await.is_ok() && !said.is_empty() {
        let said = String::from_utf8_lossy(&said);
        tracing::warn!(
            process.pid = pid,
            process.stderr = said.trim().escape_debug().to_string(),
            "a process for sandboxes said"
        );
    }
    // Read on, so that it is not stopped by a full pipe.
    drop(tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await);
}
