//! Logs and metrics of the process.
//!
//! On a terminal a log line is text, coloured; elsewhere it is one JSON object with the fields of the spans around it
//! (`request_id`, `dag_id`, …), so that the lines of one request or run can be found. Logs go to standard error.

use crate::config::{Effective, keys};
use crate::failure::{Exit, Failure};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged by default: little by a command, the course of things by a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// A command of the CLI.
    Command,
    /// A long-running role.
    Role,
}

impl Verbosity {
    const fn filter(self) -> &'static str {
        match self {
            Self::Command => "warn",
            Self::Role => "info,sqlx=warn,hyper=warn,h2=warn,wasmtime=warn,cranelift=warn",
        }
    }
}

/// Starts logging.
///
/// # Errors
/// When the configured filter cannot be read.
pub fn start_logs(effective: &Effective, verbosity: Verbosity) -> Result<(), Failure> {
    let text = effective.get("log").map_or(verbosity.filter(), |value| value.text.as_str());
    let filter = EnvFilter::try_new(text).map_err(|error| {
        let from = effective.get("log").map(|value| value.source.to_string()).unwrap_or_default();
        Failure::usage(format!("`log` is not a filter: {text:?}"))
            .at(from)
            .remedy(format!(
                "use a level (error, warn, info, debug, trace), or levels by module: {}=info,cofferdam_engine=debug",
                keys::variable_of("log")
            ))
            .because(&error)
    })?;
    let format = effective.get("log_format").map_or("auto", |value| value.text.as_str());
    let terminal = std::io::stderr().is_terminal();
    let text = match format {
        "text" => true,
        "json" => false,
        // A command that is piped somewhere still talks to a person; a role that is, talks to a collector.
        _ => terminal || verbosity == Verbosity::Command,
    };
    let registry = tracing_subscriber::registry().with(filter);
    if text {
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(terminal && console::colors_enabled_stderr())
            .with_target(verbosity == Verbosity::Role);
        registry.with(layer).try_init().ok();
    } else {
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_writer(std::io::stderr);
        registry.with(layer).try_init().ok();
    }
    Ok(())
}

/// Buckets for durations in seconds, from a sandbox's start to a long task.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0,
];

/// Buckets for the sizes of batches.
const SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

/// Installs the metrics recorder of the process, and keeps its histograms from growing.
///
/// # Errors
/// When the process has one already.
pub fn start_metrics() -> Result<PrometheusHandle, Failure> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), SIZES))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Failure::new(Exit::Failed, "the metrics recorder cannot be installed").because(&error))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_secs(5));
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
