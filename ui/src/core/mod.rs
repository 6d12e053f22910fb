//! What the pages stand on: HTTP, live updates, time, and everything that can be tested without a browser.

pub mod address;
pub mod ansi;
pub mod calendar;
pub mod clock;
pub mod complete;
pub mod conf;
pub mod diff;
pub mod edge_types;
pub mod flow;
pub mod format;
pub mod highlight;
pub mod http;
pub mod latest;
pub mod layout;
pub mod listing;
pub mod live;
pub mod log;
pub mod markdown;
pub mod paths;
pub mod query;
pub mod session;
pub mod status;
pub mod tally;
pub mod yaml;
