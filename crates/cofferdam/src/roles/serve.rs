//! HTTP servers of the roles.

use super::base::Base;
use super::stop::Stop;
use crate::config::Settings;
use crate::failure::{Exit, Failure};
use cofferdam_api::OperationsState;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Takes an address.
///
/// # Errors
/// When it is in use or not one of this machine's.
pub async fn bind(key: &'static str, address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let cannot = |error: std::io::Error| {
        let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        let exit = if in_use { Exit::Conflict } else { Exit::Usage };
        let failure = Failure::new(exit, format!("cannot listen on {address}")).at(key).because(&error);
        if in_use {
            failure.remedy("stop what listens there, or choose another address (port 0: any that is free)")
        } else {
            failure
        }
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    Ok((listener, bound))
}

/// Serves health and metrics of a scheduler or a worker, when an address is configured.
///
/// # Errors
/// When the address cannot be taken.
pub async fn operations(base: &Base, settings: &Settings, stop: &Stop) -> Result<(), Failure> {
    let Some(address) = &settings.metrics_listen else { return Ok(()) };
    let (listener, bound) = bind("metrics_listen", address).await?;
    tracing::info!(address = %bound, "health and metrics are served");
    let router = cofferdam_api::operations_router(OperationsState {
        store: base.store.clone(),
        figures: base.store.clone(),
        queue: Arc::clone(&base.queue),
        objects: base.objects.clone(),
        metrics: base.metrics.clone(),
        clock: Arc::clone(&base.clock),
    });
    // Health is asked for during the drain too, so that a supervisor sees how it goes.
    let ended = stop.now.clone();
    tokio::spawn(async move {
        if let Err(error) = cofferdam_api::serve(listener, router, ended).await {
            tracing::error!(error = &error as &dyn std::error::Error, "health and metrics are no longer served");
        }
    });
    Ok(())
}
