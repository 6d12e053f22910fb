//! The API on a real PostgreSQL, over HTTP.

mod actions;
mod airflow;
mod approvals;
mod assets;
mod auth;
mod backfills;
mod bundles;
mod calendar;
mod compile;
mod components;
mod config;
mod coverage;
mod dags;
mod dead_letters;
mod decisions;
mod derived;
mod events;
mod harness;
mod operations;
mod pools;
mod runs;
mod schedules;
mod tasks;
mod tenant_rules;
mod typed;
mod webhooks;
