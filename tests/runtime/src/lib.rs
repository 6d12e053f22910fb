//! What the tests of bad days stand on: a site made of the real parts, and a look at what was recorded.
//!
//! A [`Site`](site::Site) has real servers of its own and starts schedulers and workers in this process, each with an engine and
//! a connection to the queue of its own, as separate processes have. Tests that kill processes start the binary instead, with
//! `cofferdam_test_support::cluster`.

pub mod dags;
pub mod disturbed;
pub mod ledger;
pub mod site;
