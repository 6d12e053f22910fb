//! What people and programs ask for. One file each.

pub(crate) mod act;
pub(crate) mod apply_dag;
pub(crate) mod backfill;
mod cancel_run;
pub(crate) mod compile_dag;
mod delete_dag;
mod note;
mod send_event;
mod set_paused;
pub(crate) mod trigger;
