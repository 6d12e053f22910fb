//! Everything in one process, with a private PostgreSQL and a queue in memory.

use super::api::{first_admin, serve_api, trials};
use super::base::{Base, connect_store, open_objects};
use super::migrate::database;
use super::scheduler::schedule;
use super::secrets::Keys;
use super::serve;
use super::stop::Stop;
use super::worker::{sandboxes, work};
use crate::commands::{DevSession, write_private};
use crate::config::{Environment, Settings};
use crate::failure::{Exit, Failure};
use cofferdam_domain::clock::{SharedClock, SharedRng, SystemClock};
use cofferdam_queue::MemoryQueue;
use cofferdam_sandbox::isolation::Sandboxes;
use cofferdam_store::embedded::{self, EmbeddedConfig, EmbeddedError};
use cofferdam_store::{Access, migrate};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// Runs everything until it is told to stop.
pub async fn dev(settings: &Settings, environment: &Environment) -> Result<(), Failure> {
    let stop = Stop::on_signals(settings.drain_timeout)?;
    let (listener, bound) = serve::bind("listen", &settings.listen).await?;
    let data_dir = std::path::absolute(&settings.data_dir)?;
    std::fs::create_dir_all(&data_dir).map_err(|error| {
        Failure::usage("the data directory cannot be made").at(data_dir.display().to_string()).because(&error)
    })?;
    let own = secret(&data_dir, &SharedRng::from_system())?;
    let mut earlier = settings.earlier_secret_keys.clone();
    let keys = if settings.secret_key.is_some() {
        // What was sealed before one was configured can still be read.
        earlier.push(own);
        Keys::from_secret(&settings.installation("dev", &["secret_key"])?.secret_key, &earlier)
    } else {
        Keys::from_secret(&own, &earlier)
    };

    let postgres = embedded::start(EmbeddedConfig {
        bin_dir: settings.postgres_bin.clone(),
        search_path: environment.get("PATH").map(OsString::from),
        ..EmbeddedConfig::new(data_dir.join("postgres"))
    });
    let Some(postgres) = stop.or_now(postgres).await else { return Ok(()) };
    let postgres = postgres.map_err(|error| embedded_failure(&error))?;
    migrate(postgres.url()).await.map_err(|error| database(&error))?;
    let store = connect_store(postgres.url(), Access::System, "dev", settings).await?;
    let api_store = connect_store(postgres.url(), Access::Api, "dev api", settings).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let queue = Arc::new(MemoryQueue::new(Arc::clone(&clock)));
    let objects_url = settings.objects_url.clone().unwrap_or_else(|| data_dir.join("objects").display().to_string());
    let objects = open_objects(&objects_url, &keys, settings)?;
    let base = Base::assemble(clock, store, queue, objects, keys, settings)?;
    let sandboxes = sandboxes(settings)?;
    // Functions are tried in this process whatever runs the tasks.
    let runtime = match &sandboxes {
        Sandboxes::Here(runtime) => runtime.clone(),
        Sandboxes::Apart(_) => trials()?,
    };

    // The queue starts empty: what the database knows to be under way goes back in.
    let recalled = cofferdam_engine::scheduler::rebuild_queue(&base.engine).await;
    let recalled = recalled.map_err(|error| Failure::new(Exit::Failed, "the queue cannot be rebuilt").because(&error))?;
    if recalled > 0 {
        tracing::info!(task_instances = recalled, "went on with what an earlier start left unfinished");
    }
    announce(&base, &data_dir, &format!("http://{bound}")).await?;

    let ended = tokio::join!(
        or_stop(&stop, serve_api(&base, api_store, &runtime, settings, listener, &stop)),
        or_stop(&stop, schedule(&base, &stop)),
        or_stop(&stop, work(&base, settings, sandboxes, Vec::new(), &stop)),
    );
    postgres.stop().await;
    tracing::info!("stopped");
    ended.0.and(ended.1).and(ended.2)
}

/// Does one part's work. When a part ends before it was told to, so must the others.
async fn or_stop(stop: &Stop, part: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let ended = stop.or_now(part).await.unwrap_or(Ok(()));
    stop.drain.cancel();
    ended
}

/// Says where the console is and how to sign in, and keeps it for the commands run in the same directory.
async fn announce(base: &Base, data_dir: &Path, url: &str) -> Result<(), Failure> {
    let known = DevSession::read(data_dir);
    let session = match (first_admin(base).await?, known) {
        (Some(admin), _) => Some(DevSession { url: url.to_owned(), username: admin.username, password: admin.password }),
        (None, Some(known)) => Some(DevSession { url: url.to_owned(), ..known }),
        (None, None) => None,
    };
    println!("\nCofferdam is at {url}");
    match session {
        Some(session) => {
            let path = DevSession::path(data_dir);
            let text = serde_json::to_vec_pretty(&session).unwrap_or_default();
            write_private(&path, &text).map_err(|error| {
                Failure::new(Exit::Failed, "the sign-in cannot be kept").at(path.display().to_string()).because(&error)
            })?;
            println!("Sign in as {} with {}   (kept in {})", session.username, session.password, path.display());
        }
        None => println!("Sign in as the administrator that the first start printed."),
    }
    println!("Commands in this directory find it by themselves: cofferdam dag list\n");
    Ok(())
}

/// The secret of a data directory, made at the first start.
fn secret(data_dir: &Path, rng: &SharedRng) -> Result<String, Failure> {
    let path = data_dir.join("secret.key");
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::Failed, "the secret key cannot be read or made").at(path.display().to_string()).because(&error)
    };
    match std::fs::read_to_string(&path) {
        Ok(secret) => return Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot(error)),
    }
    let bytes: [u8; 32] = rng.with(rand::RngExt::random);
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    write_private(&path, secret.as_bytes()).map_err(cannot)?;
    Ok(secret)
}

fn embedded_failure(error: &EmbeddedError) -> Failure {
    let exit = if matches!(error, EmbeddedError::InUse(_)) { Exit::Conflict } else { Exit::Failed };
    Failure::new(exit, error.to_string()).because_of(std::error::Error::source(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_secret_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let rng = SharedRng::seeded(1);
        let first = secret(dir.path(), &rng).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(secret(dir.path(), &rng).unwrap(), first);
        let mode = std::fs::metadata(dir.path().join("secret.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
