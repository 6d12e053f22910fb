//! The process's side: runs tries, and asks the worker for everything that they need.

mod asking;
mod carrier;
mod host;

use super::frame::{Frame, Link, Receiver, encode};
use super::protocol::{Done, Finished, Order, Report, Run, Settings, VERSION};
use super::{ProcessFiles, Wall};
use crate::capabilities::Carrier;
use crate::courtesy;
use crate::host::Host;
use crate::run::{TryReport, TryRequest};
use crate::runtime::{LoadError, Program, Runtime, RuntimeConfig};
use asking::Asking;
use cofferdam_domain::ending::{Ending, Reason};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Exit code for a start that went wrong.
const EXIT_USAGE: u8 = 3;
/// Bytes of one frame from the worker, who is trusted: enough for every answer.
const FRAME_BYTES: u64 = 1 << 30;

/// The whole of a process for sandboxes. Its standard input is the socket to the worker.
///
/// Call it first thing in `main` of the program that [`super::ProcessConfig`] names, before any thread is started. `confine`
/// gives up what the process does not need but these files, when it is to be confined, and tells what holds then.
pub fn child_main(confine: impl FnOnce(&ProcessFiles) -> Vec<Wall>) -> ExitCode {
    close_inherited();
    match serve(confine) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn serve(confine: impl FnOnce(&ProcessFiles) -> Vec<Wall>) -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let wrong = || io::Error::other("this command is started by Cofferdam itself, to run sandboxes");
    socket.set_nonblocking(true)?;
    // One thread for the first message, so that there are no others when rights are given up.
    let opening = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let settings: Settings = opening.block_on(async {
        let link = Arc::new(Link::new(tokio::net::UnixStream::from_std(socket.try_clone()?).map_err(|_| wrong())?));
        let frame = Receiver::new(link, false).next(|| 64 << 10).await.map_err(|_| wrong())?.ok_or_else(wrong)?;
        match frame.message() {
            Ok(Order::Begin(settings)) if settings.version == VERSION => Ok(settings),
            Ok(Order::Begin(_)) => Err(io::Error::other("the program was replaced by another version: start the worker again")),
            Ok(_) | Err(_) => Err(wrong()),
        }
    })?;
    drop(opening);
    end_with_parent()?;
    courtesy::of_process();
    let walls = if settings.confine { confine(&ProcessFiles { scratch: settings.scratch.clone() }) } else { Vec::new() };

    let config = RuntimeConfig {
        slots: settings.slots,
        keep_resident_bytes: settings.keep_resident_bytes,
        compute_processors: settings.compute_processors,
    };
    let sandboxes = Runtime::new(config).map_err(|error| io::Error::other(described(&error)))?;
    sandboxes.keep_scratch_in(settings.scratch);
    // Not before: the kernel shows a process that hides its memory from others less of it, too.
    hide_memory()?;
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads.max(1))
        .thread_name("sandbox")
        .enable_all()
        .build()?;
    let served = threads.block_on(async move {
        let link = Arc::new(Link::new(tokio::net::UnixStream::from_std(socket)?));
        let ready = Report::Ready { capacity: sandboxes.capacity(), walls };
        link.send(encode(0, 0, &ready, &[])?, None);
        let carrying = Arc::clone(&link);
        tokio::spawn(async move { carrying.carry_on().await });
        let process = Arc::new(Process {
            sandboxes,
            asking: Asking::new(link.clone()),
            programs: Mutex::default(),
            running: Mutex::default(),
        });
        let mut receiver = Receiver::new(link, true);
        // The worker's death closes the socket; what runs here is of no use to anybody then.
        while let Some(frame) = receiver.next(|| FRAME_BYTES).await? {
            process.obey(frame, || receiver.file())?;
        }
        Ok(())
    });
    // Guests may spin: nobody waits for them.
    threads.shutdown_background();
    served
}

/// Closes what the worker was started with and did not open itself, so that it does not close it for its children.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "nobody owns these descriptors, so nobody can be asked to close them")]
fn close_inherited() {
    // SAFETY: it takes plain numbers. This process has opened nothing yet, so all descriptors beside the first three were handed to
    // it, and none of them is in use. A kernel without the call (before Linux 5.9) leaves them open.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}

#[cfg(not(target_os = "linux"))]
fn close_inherited() {}

/// Ends this process when the thread that started it ends, which the worker keeps for that.
#[cfg(target_os = "linux")]
fn end_with_parent() -> io::Result<()> {
    let parent = rustix::process::getppid();
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // It may have ended just before.
    if rustix::process::getppid() == parent { Ok(()) } else { Err(io::Error::other("the worker has ended")) }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn end_with_parent() -> io::Result<()> {
    Ok(())
}

/// Other processes of the same user cannot read this one's memory.
#[cfg(target_os = "linux")]
fn hide_memory() -> io::Result<()> {
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn hide_memory() -> io::Result<()> {
    Ok(())
}

fn described(error: &(dyn std::error::Error + 'static)) -> String {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{cause}")
}

struct Process {
    sandboxes: Runtime,
    asking: Asking,
    programs: Mutex<HashMap<u64, Arc<Code>>>,
    running: Mutex<HashMap<u64, CancellationToken>>,
}

/// A component that came as compiled code. It is loaded by the first try that needs it.
struct Code {
    file: Mutex<Option<OwnedFd>>,
    loaded: OnceLock<Result<Program, String>>,
}

impl Code {
    fn program(&self, sandboxes: &Runtime) -> Result<Program, String> {
        let load = || {
            let file = self.file.lock().take().ok_or("its code is gone")?;
            sandboxes.load_file(&file.into()).map_err(|error: LoadError| error.to_string())
        };
        self.loaded.get_or_init(load).clone()
    }
}

impl Process {
    fn obey(self: &Arc<Self>, frame: Frame, file: impl FnOnce() -> Option<OwnedFd>) -> io::Result<()> {
        match frame.message()? {
            Order::Begin(_) => return Err(io::Error::other("the process has begun already")),
            Order::Program { program } => {
                let file = file().ok_or_else(|| io::Error::other("compiled code came without its file"))?;
                let code = Code { file: Mutex::new(Some(file)), loaded: OnceLock::new() };
                self.programs.lock().insert(program, Arc::new(code));
            }
            Order::Forget { program } => drop(self.programs.lock().remove(&program)),
            Order::Run(run) => self.start(frame.try_id, *run, &frame.blob),
            Order::Cancel => {
                if let Some(cancel) = self.running.lock().get(&frame.try_id) {
                    cancel.cancel();
                }
            }
            Order::Answer(answer) => self.asking.answered(frame.call, answer, frame.blob),
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, try_id: u64, run: Run, input: &[u8]) {
        let Run { program, instance, entry, is_input_open, limits, grant, private_targets, context, now } = run;
        let input = String::from_utf8_lossy(input).into_owned();
        let request = TryRequest { instance, entry, input, is_input_open, limits, grant, private_targets, context };
        let cancel = CancellationToken::new();
        self.running.lock().insert(try_id, cancel.clone());
        let code = self.programs.lock().get(&program).cloned();
        let process = Arc::clone(self);
        tokio::spawn(async move {
            let asker = process.asking.of(try_id);
            let program =
                code.ok_or_else(|| "its code did not come".to_owned()).and_then(|code| code.program(&process.sandboxes));
            let report = match program {
                Ok(program) => {
                    let host: Arc<dyn Host> = Arc::new(host::Remote::new(asker.clone(), now));
                    let carrier: Arc<dyn Carrier> = Arc::new(carrier::Remote::new(asker.clone()));
                    process.sandboxes.run_through(&program, request, host, Some(carrier), None, cancel).await
                }
                Err(why) => {
                    let message = format!("the component could not be loaded: {why}");
                    TryReport::never_started(&request, Ending::failure(Reason::InvalidComponent, message))
                }
            };
            process.running.lock().remove(&try_id);
            asker.tell_done(report);
        });
    }
}

/// A report in the form in which it goes over the socket, and its bytes.
fn done(report: TryReport) -> (Done, Vec<Vec<u8>>) {
    let TryReport { ending, receipt, xcoms, artifacts, dropped_output_bytes, dropped_log_bytes } = report;
    let (ending, output) = match ending {
        Ending::Success { output } => (Ending::Success { output: String::new() }, output),
        other => (other, String::new()),
    };
    let (output_bytes, mut blob) = (output.len(), vec![output.into_bytes()]);
    let mut keys = Vec::with_capacity(xcoms.len());
    for (key, value) in xcoms {
        keys.push((key, value.len()));
        blob.push(value.into_bytes());
    }
    let finished = |written: cofferdam_domain::artifact::WrittenArtifact| Finished {
        name: written.artifact.name,
        content_type: written.artifact.content_type,
        stored: written.object,
    };
    let artifacts = artifacts.into_iter().map(finished).collect();
    (Done { ending, output_bytes, receipt, xcoms: keys, artifacts, dropped_output_bytes, dropped_log_bytes }, blob)
}
