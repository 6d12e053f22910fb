//! Where guests compute: the first milliseconds of each try on the thread that started it, the rest on threads of their own.
//!
//! Most tries need less than a millisecond of a processor, and the quickest way is to let the thread that claimed them go on.
//! A guest that computes for longer would hold up the connections that this thread serves, and every other try. So its
//! slices (from one point where it gives its thread back to the next) go to the slow lane: as many threads as there are
//! processors for that, with a lower claim on them than the rest of the worker has (see [`courtesy`]), where all such guests
//! take turns.

use crate::courtesy;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::runtime::Handle;

/// CPU time that a try has before it goes to the slow lane.
const QUICK: Duration = Duration::from_millis(2);

/// The slow lane. Its threads end when it is dropped.
pub(crate) struct SlowLane(Arc<Queue>);

/// Tells whether guests ran on the threads that started them.
#[derive(Clone, Default)]
pub(crate) struct QuickPolls(Arc<AtomicU64>);

impl QuickPolls {
    /// How often one did, so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    polls: QuickPolls,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

enum Job {
    Slice(Arc<dyn Slice>),
    Call(Box<dyn FnOnce() + Send>),
}

impl SlowLane {
    /// Starts its threads, for so many processors.
    pub(crate) fn start(processors: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), arrived: Condvar::new(), polls: QuickPolls::default() });
        let lane = Self(Arc::clone(&queue));
        for _ in 0..processors.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name("sandbox-slow".to_owned()).spawn(move || {
                courtesy::of_thread(processors);
                queue.work();
            })?;
        }
        Ok(lane)
    }

    /// Tells of guests outside of the lane.
    pub(crate) fn quick_polls(&self) -> QuickPolls {
        self.0.polls.clone()
    }

    /// A future that goes to the lane when it has computed for long enough. Its CPU time is added to `cpu`.
    pub(crate) fn meter<F: Future + Send>(&self, inner: F, cpu: Arc<AtomicU64>) -> Metered<F>
    where
        F::Output: Send,
    {
        Metered { inner, cpu, queue: Arc::clone(&self.0), slow: None }
    }

    /// Whether a try that used so much CPU time is for the lane.
    pub(crate) fn is_slow(cpu: Duration) -> bool {
        cpu > QUICK
    }

    /// Calls something in the lane, and waits for it.
    pub(crate) async fn call(&self, call: impl FnOnce() + Send + 'static) {
        let (done, until_done) = tokio::sync::oneshot::channel::<()>();
        self.0.push(Job::Call(Box::new(move || {
            call();
            drop(done);
        })));
        // Ends when the sender is dropped.
        let _ = until_done.await;
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        self.0.waiting.lock().closed = true;
        self.0.arrived.notify_all();
    }
}

impl Queue {
    fn push(&self, job: Job) {
        self.waiting.lock().jobs.push_back(job);
        self.arrived.notify_one();
    }

    fn work(self: &Arc<Self>) {
        loop {
            let job = {
                let mut waiting = self.waiting.lock();
                loop {
                    match waiting.jobs.pop_front() {
                        Some(job) => break job,
                        None if waiting.closed => return,
                        None => self.arrived.wait(&mut waiting),
                    }
                }
            };
            match job {
                Job::Slice(slice) => {
                    if slice.run() {
                        self.push(Job::Slice(slice));
                    }
                }
                // A panic was reported; the thread goes on.
                Job::Call(call) => drop(std::panic::catch_unwind(AssertUnwindSafe(call))),
            }
        }
    }
}

/// A future that is polled where it is while it is quick, and in the slow lane afterwards. Adds up the CPU time of both, in
/// nanoseconds, and turns a panic into [`Panicked`].
pub(crate) struct Metered<F: Future> {
    inner: F,
    cpu: Arc<AtomicU64>,
    queue: Arc<Queue>,
    slow: Option<Arc<Remote<F>>>,
}

/// The code that was called panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

impl<F: Future + Send> Future for Metered<F>
where
    F::Output: Send,
{
    type Output = Result<F::Output, Panicked>;

    #[expect(unsafe_code, reason = "pins a field without a macro crate, and lends it to another thread")]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `inner` is never moved: nothing moves out of it here, and `drop` does not either.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(slow) = &this.slow {
            return slow.attend(context, &this.queue);
        }
        // SAFETY: as above.
        let inner = unsafe { Pin::new_unchecked(&mut this.inner) };
        this.queue.polls.0.fetch_add(1, Ordering::Relaxed);
        let (polled, cpu) = metered(inner, context);
        let used = this.cpu.fetch_add(cpu, Ordering::Relaxed) + cpu;
        let Ok(Poll::Pending) = polled else { return ready(polled) };
        if SlowLane::is_slow(Duration::from_nanos(used))
            && let Ok(handle) = Handle::try_current()
        {
            let task = Mutex::new(context.waker().clone());
            // It may have been woken already, by the waker of this poll: it is polled once more in any case.
            let remote = Remote {
                inner: &raw mut this.inner,
                state: Mutex::new(State::Queued),
                left: Condvar::new(),
                notice: Arc::new(Notice { woken: AtomicBool::new(true), task }),
                cpu: Arc::clone(&this.cpu),
                handle,
            };
            let remote = Arc::new(remote);
            this.slow = Some(Arc::clone(&remote));
            this.queue.push(Job::Slice(lent(remote)));
        }
        Poll::Pending
    }
}

impl<F: Future> Drop for Metered<F> {
    /// Waits until the slice that is running, if there is one, ends: it uses `inner`.
    fn drop(&mut self) {
        if let Some(slow) = &self.slow {
            slow.leave();
        }
    }
}

/// Lets the lane hold a future whose life the compiler knows to be shorter.
#[expect(unsafe_code, reason = "lends a future to another thread")]
fn lent<F: Future + Send>(remote: Arc<Remote<F>>) -> Arc<dyn Slice>
where
    F::Output: Send,
{
    let slice: Arc<dyn Slice + '_> = remote;
    // SAFETY: what borrows is `inner`, and a possible output. After `Remote::leave`, which `Metered` calls before `inner` ends,
    // neither is touched: the state is `Left`, in which nothing is polled and no output is kept.
    unsafe { std::mem::transmute::<Arc<dyn Slice + '_>, Arc<dyn Slice + 'static>>(slice) }
}

fn ready<T>(polled: Result<Poll<T>, Panicked>) -> Poll<Result<T, Panicked>> {
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(Panicked) => Poll::Ready(Err(Panicked)),
    }
}

fn metered<F: Future>(inner: Pin<&mut F>, context: &mut Context<'_>) -> (Result<Poll<F::Output>, Panicked>, u64) {
    let before = thread_cpu_time();
    let polled = std::panic::catch_unwind(AssertUnwindSafe(|| inner.poll(context))).map_err(|_| Panicked);
    let cpu = thread_cpu_time().saturating_sub(before);
    (polled, u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX))
}

/// What a thread of the lane does with a future.
trait Slice: Send + Sync {
    /// Polls it, if it is still wanted. Whether it wants to be polled again at once.
    fn run(&self) -> bool;
}

/// A future in the lane.
struct Remote<F: Future> {
    inner: *mut F,
    state: Mutex<State<F::Output>>,
    /// Signalled when a slice has ended.
    left: Condvar,
    notice: Arc<Notice>,
    cpu: Arc<AtomicU64>,
    /// The guest's calls to the host need the runtime that it was started in.
    handle: Handle,
}

enum State<T> {
    /// It waits to be woken.
    Idle,
    /// It waits for its turn.
    Queued,
    /// A thread of the lane polls it.
    Running,
    /// It has ended.
    Done(Result<T, Panicked>),
    /// Nobody wants it any more.
    Left,
}

/// Wakes the task of a future in the lane, and remembers that it was woken.
struct Notice {
    woken: AtomicBool,
    task: Mutex<Waker>,
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.task.lock().wake_by_ref();
        }
    }
}

// SAFETY: `inner` is the only part that is not shared as it is. It is touched by one thread at a time: by `run`, in the state
// `Running`, which one thread enters at a time; and by `Metered`, before it makes the `Remote` and after `leave`. It is `Send`.
#[expect(unsafe_code, reason = "lends a future to another thread")]
unsafe impl<F: Future + Send> Send for Remote<F> where F::Output: Send {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "lends a future to another thread")]
unsafe impl<F: Future + Send> Sync for Remote<F> where F::Output: Send {}

impl<F: Future> Remote<F> {
    /// For the task that waits: takes the end, or lets the lane go on when the future was woken.
    fn attend(self: &Arc<Self>, context: &Context<'_>, queue: &Queue) -> Poll<Result<F::Output, Panicked>>
    where
        F: Send,
        F::Output: Send,
    {
        {
            let mut task = self.notice.task.lock();
            if !task.will_wake(context.waker()) {
                task.clone_from(context.waker());
            }
        }
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Left) {
            State::Done(result) => return Poll::Ready(result),
            State::Idle if self.notice.woken.load(Ordering::Acquire) => {
                *state = State::Queued;
                queue.push(Job::Slice(lent(Arc::clone(self))));
            }
            other => *state = other,
        }
        Poll::Pending
    }

    fn leave(&self) {
        let mut state = self.state.lock();
        while matches!(*state, State::Running) {
            self.left.wait(&mut state);
        }
        *state = State::Left;
    }
}

impl<F: Future + Send> Slice for Remote<F>
where
    F::Output: Send,
{
    #[expect(unsafe_code, reason = "polls a future that belongs to a task of another thread")]
    fn run(&self) -> bool {
        {
            let mut state = self.state.lock();
            match *state {
                State::Queued => *state = State::Running,
                State::Idle | State::Running | State::Done(_) | State::Left => return false,
            }
        }
        self.notice.woken.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.notice));
        let entered = self.handle.enter();
        // SAFETY: `Metered` is pinned and does not end before `leave`, which waits for the state to be another than
        // `Running`; meanwhile it does not touch `inner`.
        let inner = unsafe { Pin::new_unchecked(&mut *self.inner) };
        let (polled, cpu) = metered(inner, &mut Context::from_waker(&waker));
        drop(entered);
        self.cpu.fetch_add(cpu, Ordering::Relaxed);
        let mut state = self.state.lock();
        let again = match ready(polled) {
            Poll::Ready(result) => {
                *state = State::Done(result);
                false
            }
            Poll::Pending if self.notice.woken.load(Ordering::Acquire) => {
                *state = State::Queued;
                true
            }
            Poll::Pending => {
                *state = State::Idle;
                false
            }
        };
        let ended = matches!(*state, State::Done(_));
        self.left.notify_all();
        drop(state);
        // The task may have looked while this ran: it looks again.
        if ended || (!again && self.notice.woken.load(Ordering::Acquire)) {
            self.notice.task.lock().wake_by_ref();
        }
        again
    }
}

/// CPU time of this thread so far.
#[expect(unsafe_code, reason = "the standard library has no per-thread CPU clock")]
fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `clock_gettime` writes one `timespec` to the pointer, which is valid for that.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Computes for this long.
    fn spin(time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            std::hint::black_box(0);
        }
    }

    fn thread() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn what_is_quick_stays_and_what_is_not_moves() {
        let lane = SlowLane::start(2).unwrap();
        let cpu = Arc::new(AtomicU64::new(0));
        let here = thread();
        let quick = lane.meter(async { thread() }, Arc::clone(&cpu)).await;
        assert_eq!(quick, Ok(here.clone()));
        let mut slept = Vec::new();
        let slow = async {
            for _ in 0..4 {
                spin(Duration::from_millis(3));
                slept.push(thread());
                tokio::task::yield_now().await;
            }
            // Parked and woken by a timer of the runtime that it was started in.
            tokio::time::sleep(Duration::from_millis(2)).await;
            slept.push(thread());
            slept.len()
        };
        assert_eq!(lane.meter(slow, Arc::clone(&cpu)).await, Ok(5));
        assert_eq!((slept[0].as_str(), slept[4].as_str()), (here.as_str(), "sandbox-slow"), "{slept:?}");
        assert!(cpu.load(Ordering::Relaxed) > 4_000_000, "its time is counted on both");
    }

    #[tokio::test]
    async fn a_panic_in_the_lane_is_told() {
        let lane = SlowLane::start(2).unwrap();
        let fails = async {
            spin(Duration::from_millis(8));
            tokio::task::yield_now().await;
            panic!("for this test");
        };
        let fails: Result<(), _> = lane.meter(fails, Arc::default()).await;
        assert_eq!(fails, Err(Panicked));
        // The thread lives on.
        let (sender, receiver) = std::sync::mpsc::channel();
        lane.call(move || sender.send(thread()).unwrap()).await;
        assert_eq!(receiver.recv().unwrap(), "sandbox-slow");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_dropped_is_not_polled_again() {
        let lane = SlowLane::start(2).unwrap();
        for wait_ms in [6, 7, 9, 12, 20] {
            let alive = Arc::new(AtomicBool::new(true));
            struct Guard(Arc<AtomicBool>);
            impl Drop for Guard {
                fn drop(&mut self) {
                    self.0.store(false, Ordering::SeqCst);
                }
            }
            let guard = Guard(Arc::clone(&alive));
            let endless = async move {
                loop {
                    assert!(guard.0.load(Ordering::SeqCst), "polled after its end");
                    spin(Duration::from_millis(1));
                    tokio::task::yield_now().await;
                }
            };
            let spinning = lane.meter(endless, Arc::default());
            let ended = tokio::time::timeout(Duration::from_millis(wait_ms), spinning).await;
            assert!(ended.is_err());
            assert!(!alive.load(Ordering::SeqCst), "dropped with its future");
        }
    }

    #[tokio::test]
    async fn others_go_on_while_guests_compute() {
        // One thread serves this test; without the lane, the spinning ones would hold it for a second.
        let lane = SlowLane::start(2).unwrap();
        let stop = AtomicBool::new(false);
        let spinning = || async {
            while !stop.load(Ordering::Relaxed) {
                spin(Duration::from_millis(2));
                tokio::task::yield_now().await;
            }
        };
        let others = async {
            let mut turns = 0;
            while turns < 50 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                turns += 1;
            }
            stop.store(true, Ordering::Relaxed);
            turns
        };
        let (one, two, turns) =
            tokio::join!(lane.meter(spinning(), Arc::default()), lane.meter(spinning(), Arc::default()), others);
        assert_eq!((one, two, turns), (Ok(()), Ok(()), 50));
    }
}
