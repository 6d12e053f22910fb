use super::base::{Base, compile_service, connect_store};
use super::serve;
use super::stop::Stop;
use crate::config::Settings;
use crate::config::bundles::{BundleFrom, BundleSettings};
use crate::failure::{Exit, Failure};
use cofferdam_api::bootstrap::{InitialAdmin, ensure_first_admin};
use cofferdam_api::{ApiConfig, ApiState, TokenKeys, WatchedBundle, WatchedSource};
use cofferdam_bundles::GitSource;
use cofferdam_sandbox::inspect::UploadCaps;
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_store::{Access, Store};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;

/// How many functions may be tried at once.
const TRIALS: u32 = 8;

/// Serves the API and the console until it is told to stop.
pub async fn api(settings: &Settings) -> Result<(), Failure> {
    let stop = Stop::on_signals(settings.drain_timeout)?;
    let base = Base::connect("api", settings).await?;
    let database_url = settings.database_url.as_deref().unwrap_or_default();
    let store = connect_store(database_url, Access::Api, "api", settings).await?;
    let (listener, bound) = serve::bind("listen", &settings.listen).await?;
    if let Some(admin) = first_admin(&base).await? {
        // Nobody can read the password later, and logs are kept by others: it goes to standard output, once.
        println!("The first administrator is {} with the password {}", admin.username, admin.password);
    }
    tracing::info!(address = %bound, "the API is served");
    serve_api(&base, store, &trials()?, settings, listener, &stop).await?;
    tracing::info!("the API has stopped");
    Ok(())
}

/// The sandboxes of this process, for functions that are tried.
pub fn trials() -> Result<Runtime, Failure> {
    Runtime::new(RuntimeConfig::for_slots(TRIALS))
        .map_err(|error| Failure::new(Exit::Failed, "the sandbox cannot be prepared").because(&error))
}

/// Makes the first administrator, when there is none.
pub async fn first_admin(base: &Base) -> Result<Option<InitialAdmin>, Failure> {
    ensure_first_admin(&base.store, base.clock.as_ref(), &base.rng)
        .await
        .map_err(|error| Failure::new(Exit::Failed, "the first administrator cannot be made").because(&error))
}

/// Serves until it is told to stop; open requests may end within the drain timeout.
pub async fn serve_api(
    base: &Base,
    store: Store,
    sandbox: &Runtime,
    settings: &Settings,
    listener: TcpListener,
    stop: &Stop,
) -> Result<(), Failure> {
    let state = ApiState {
        engine: base.engine_on(store.clone()),
        store,
        figures: base.store.clone(),
        queue: Arc::clone(&base.queue),
        objects: base.objects.clone(),
        compile: compile_service()?,
        sandbox: sandbox.clone(),
        compatibility_hash: sandbox.compatibility_hash(),
        token_keys: TokenKeys::new(&base.keys.tokens),
        keys: base.keys.ring.clone(),
        metrics: base.metrics.clone(),
        clock: Arc::clone(&base.clock),
        rng: base.rng.clone(),
        shutdown: stop.drain.clone(),
        config: ApiConfig {
            upload: UploadCaps { bytes: settings.upload_limit, ..UploadCaps::default() },
            cookie_secure: settings.secure_cookies,
            ..ApiConfig::default()
        },
    };
    if let Some(directory) = std_dir(settings) {
        // In the background: the API is there at once, and the operators a little later.
        tokio::spawn(cofferdam_api::operators::install(state.clone(), directory));
    }
    tokio::spawn(cofferdam_api::watch_bundles(state.clone(), watched_bundles(settings)));
    let serving = cofferdam_api::serve(listener, cofferdam_api::router(state), stop.drain.clone());
    let drained = async {
        stop.drain.cancelled().await;
        tokio::time::sleep(settings.drain_timeout).await;
    };
    tokio::select! {
        served = serving => served.map_err(|error| Failure::new(Exit::Failed, "the API is no longer served").because(&error)),
        () = drained => {
            tracing::warn!("requests that were still open were cut off");
            Ok(())
        }
        () = stop.now.cancelled() => Ok(()),
    }
}

/// The bundles that are read by this process, when it has the lead.
fn watched_bundles(settings: &Settings) -> Vec<WatchedBundle> {
    let watched = |bundle: &BundleSettings| WatchedBundle {
        name: bundle.name.clone(),
        tenant: bundle.tenant.clone(),
        source: match &bundle.from {
            BundleFrom::Directory(path) => WatchedSource::Directory(path.clone()),
            BundleFrom::Git { url, reference } => WatchedSource::Git(GitSource {
                program: "git".into(),
                url: url.clone(),
                reference: reference.clone(),
                cache: settings.data_dir.join("bundles").join(bundle.tenant.as_str()).join(bundle.name.as_str()),
            }),
        },
        interval: bundle.interval,
        prune: bundle.prune,
    };
    settings.bundles.iter().map(watched).collect()
}

/// The directory of the operators: the one that is configured, or `std` beside the program, where there is one.
fn std_dir(settings: &Settings) -> Option<PathBuf> {
    settings.std_dir.clone().or_else(|| {
        let beside = std::env::current_exe().ok()?.parent()?.join("std");
        beside.is_dir().then_some(beside)
    })
}
