//! The pages.

pub mod admin;
pub mod approvals;
pub mod assets;
pub mod audit;
pub mod backfills;
pub mod bundles;
pub mod components;
pub mod dag;
pub mod dags;
pub mod editor;
pub mod letters;
pub mod run;
pub mod sign_in;
pub mod system;
pub mod webhooks;
