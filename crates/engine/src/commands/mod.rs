//! What people and programs ask for. One file each.

pub(crate) mod act;
pub(crate) mod answer;
pub(crate) mod apply_dag;
pub(crate) mod apply_file;
pub(crate) mod backfill;
mod cancel_run;
pub(crate) mod compile_dag;
pub(crate) mod dead_letters;
mod delete_dag;
mod note;
pub(crate) mod pools;
pub(crate) mod receive_webhook;
pub(crate) mod send_asset_event;
mod send_event;
mod set_paused;
pub(crate) mod standalone;
pub(crate) mod trigger;
