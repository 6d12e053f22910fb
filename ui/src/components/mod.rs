//! What pages are made of.

pub mod backfills;
pub mod code;
pub mod code_editor;
pub mod dialog;
pub mod diff_view;
pub mod edit;
pub mod feedback;
pub mod gantt;
pub mod graph;
pub mod icon;
pub mod link;
pub mod log_view;
pub mod markdown;
pub mod menu;
pub mod page;
pub mod pager;
pub mod run_bars;
pub mod schema_form;
pub mod sort;
pub mod status;
pub mod switch;
pub mod table;
pub mod time;
pub mod trigger;
