//! How many files a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to what the process may give itself. Each connection of a task, a person or a server is an open file, and what
/// systems start with (often 1,024) is little beside the sandboxes that a worker holds.
pub fn allow_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            files.current = current,
            files.maximum = maximum,
            "the limit on open files cannot be raised"
        );
    }
}
