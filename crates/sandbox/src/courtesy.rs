//! What computes for long gives way to what is quick, by the scheduler of the kernel.
//!
//! A lower priority alone does not do it: a thread that runs is left alone for a time slice, however low it is, and a task of
//! Cofferdam waits for a dozen threads in a row, PostgreSQL's and Redis' among them. So what computes *stays off one processor*,
//! where the others find room at once; and processes that do nothing else are *sessions of their own*, since the kernel divides
//! processors among sessions before it looks at threads (`sched_autogroup`) where no control groups say otherwise. What that
//! brings is measured by `cargo xtask bench neighbour`.
//!
//! Where something of it fails, the thread is as others are: it costs courtesy, not safety.

use std::num::NonZero;

/// How nice threads are that compute: they get a tenth of a processor that others want too.
const NICE: i32 = 10;

/// Processors that what computes may use by default: all but one, if there is more than one.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1)
}

/// Lets this thread, and those that it starts, give way to all others, and compute on so many of its processors only.
pub(crate) fn of_thread(processors: usize) {
    // On Linux, priorities are the threads' own.
    let _ = rustix::process::setpriority_process(None, NICE);
    #[cfg(target_os = "linux")]
    stay_on(processors);
    #[cfg(not(target_os = "linux"))]
    let _ = processors;
}

#[cfg(target_os = "linux")]
fn stay_on(processors: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut chosen = CpuSet::new();
    for processor in (0..CpuSet::MAX_CPU).rev().filter(|processor| allowed.is_set(*processor)).take(processors.max(1)) {
        chosen.set(processor);
    }
    let _ = sched_setaffinity(None, &chosen);
}

/// Makes this process, which another has started to compute and nothing else, a session that gives way to other sessions.
pub(crate) fn of_process() {
    if rustix::process::setsid().is_ok() {
        // The file is not there where sessions do not count.
        drop(std::fs::write("/proc/self/autogroup", NICE.to_string()));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::thread::{CpuSet, sched_getaffinity};

    #[test]
    fn a_thread_that_computes_leaves_a_processor_alone_and_is_nice() {
        let before = sched_getaffinity(None).unwrap();
        let computing = || {
            of_thread(processors());
            (sched_getaffinity(None).unwrap(), rustix::process::getpriority_process(None).unwrap())
        };
        let (after, nice) = std::thread::spawn(computing).join().unwrap();
        assert_eq!(nice, NICE);
        assert_eq!(after.count(), (before.count() - 1).max(1));
        if before.count() > 1 {
            let first = (0..CpuSet::MAX_CPU).find(|processor| before.is_set(*processor)).unwrap();
            assert!(!after.is_set(first), "the first one is free");
        }
        assert_eq!(sched_getaffinity(None).unwrap(), before, "other threads stay as they are");
    }
}
