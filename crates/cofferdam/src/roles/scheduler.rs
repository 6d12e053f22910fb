use super::base::Base;
use super::serve;
use super::stop::Stop;
use crate::config::Settings;
use crate::failure::{Exit, Failure};
use std::sync::Arc;

/// Starts runs and keeps them going until it is told to stop.
pub async fn scheduler(settings: &Settings) -> Result<(), Failure> {
    let stop = Stop::on_signals(settings.drain_timeout)?;
    let base = Base::connect("scheduler", settings).await?;
    serve::operations(&base, settings, &stop).await?;
    stop.or_now(schedule(&base, &stop)).await.unwrap_or(Ok(()))
}

/// Schedules until it is told to stop.
pub async fn schedule(base: &Base, stop: &Stop) -> Result<(), Failure> {
    cofferdam_engine::scheduler::run(Arc::clone(&base.engine), stop.drain.clone())
        .await
        .map_err(|error| Failure::new(Exit::Unreachable, "the scheduler cannot start").because(&error))
}
