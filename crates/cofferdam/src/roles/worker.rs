use super::base::{Base, compile_service};
use super::serve;
use super::stop::Stop;
use crate::config::Settings;
use crate::failure::{Exit, Failure};
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_ids::QueueName;
use cofferdam_sandbox::{Runtime, RuntimeConfig};
use cofferdam_worker::{Shutdown, Worker, WorkerConfig, WorkerParts};
use std::sync::Arc;

/// Runs tasks until it is told to stop and what it runs is finished or handed back.
pub async fn worker(settings: &Settings) -> Result<(), Failure> {
    let stop = Stop::on_signals(settings.drain_timeout)?;
    // Before the first connection, so that a wrong number of slots is known at once.
    let runtime = sandboxes(settings)?;
    let base = Base::connect("worker", settings).await?;
    serve::operations(&base, settings, &stop).await?;
    work(&base, settings, runtime, &stop).await
}

/// Makes room for the sandboxes.
pub fn sandboxes(settings: &Settings) -> Result<Runtime, Failure> {
    let config = settings.worker_slots.map_or_else(RuntimeConfig::default, RuntimeConfig::for_slots);
    let runtime = Runtime::new(config)
        .map_err(|error| Failure::new(Exit::Failed, "the sandboxes cannot be prepared").at("worker.slots").because(&error))?;
    if let Some(folder) = &settings.worker_scratch_dir {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Exit::Failed, "the folder for scratch directories cannot be made")
                .at("worker.scratch_dir")
                .because(&error)
        })?;
        runtime.keep_scratch_in(folder.clone());
    }
    Ok(runtime)
}

/// Works until it is told to stop.
pub async fn work(base: &Base, settings: &Settings, runtime: Runtime, stop: &Stop) -> Result<(), Failure> {
    let queues: Result<Vec<QueueName>, _> = settings.worker_queues.iter().map(|queue| queue.parse::<QueueName>()).collect();
    let queues = queues.map_err(|error| Failure::usage(error.to_string()).at("worker.queues"))?;
    let private_targets: Result<Vec<PrivateTarget>, _> =
        settings.worker_egress_private.iter().map(|target| target.parse::<PrivateTarget>()).collect();
    let private_targets = private_targets.map_err(|error| Failure::usage(error.to_string()).at("worker.egress_private"))?;
    let name = settings.worker_name.clone().unwrap_or_else(|| format!("{}:{}", host(), std::process::id()));
    let config = WorkerConfig {
        queues,
        private_targets,
        lease: settings.worker_lease,
        drain_timeout: settings.drain_timeout,
        ..WorkerConfig::new(name, env!("CARGO_PKG_VERSION").to_owned())
    };
    let parts = WorkerParts {
        engine: Arc::clone(&base.engine),
        queue: Arc::clone(&base.queue),
        objects: base.objects.clone(),
        runtime,
        compile: Arc::new(compile_service()?),
        store: base.store.clone(),
        keys: base.keys.ring.clone(),
        config,
    };
    let failed = |error| Failure::new(Exit::Failed, "the worker cannot go on").because(&error);
    let worker = Worker::new(parts).map_err(failed)?;
    worker.run(Shutdown { drain: stop.drain.clone(), stop: stop.now.clone() }).await.map_err(failed)
}

/// The name of this machine, for people.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = name.unwrap_or_default();
    if name.trim().is_empty() { "worker".to_owned() } else { name.trim().to_owned() }
}
