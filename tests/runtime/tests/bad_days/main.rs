//! Bad days: servers that forget and restart, processes that die, guests that misbehave. In each, every task finishes and is
//! recorded once. `tests/runtime/README.md` says which guard each test watches.

mod approvals;
mod callbacks;
mod cancel;
mod capabilities;
mod database;
mod drain;
mod hostile;
#[cfg(target_os = "linux")]
mod isolation;
mod leases;
mod letters;
mod poison;
mod processes;
mod queue_loss;
mod rules;
mod schedule;
mod templates;
