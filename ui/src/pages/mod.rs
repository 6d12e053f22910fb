//! The pages.

pub mod admin;
pub mod components;
pub mod dag;
pub mod dags;
pub mod run;
pub mod sign_in;
pub mod system;
