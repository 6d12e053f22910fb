use super::base::{Base, compile_service};
use super::serve;
use super::stop::Stop;
use crate::config::Settings;
use crate::confinement::{self, Files};
use crate::failure::{Exit, Failure};
use cofferdam_domain::egress::PrivateTarget;
use cofferdam_ids::QueueName;
use cofferdam_queue::Wall;
use cofferdam_sandbox::isolation::{ProcessConfig, Processes, Sandboxes};
use cofferdam_sandbox::{Authorities, Runtime, RuntimeConfig};
use cofferdam_worker::{Shutdown, Worker, WorkerConfig, WorkerParts};
use std::path::PathBuf;
use std::sync::Arc;

/// Gives up what a worker process does not need; see [`crate::confinement`]. Call it before threads are started.
pub fn confine(settings: &Settings) -> Vec<Wall> {
    if !settings.worker_confine {
        tracing::warn!("`worker.confine` is off: the sandbox is the only wall around foreign code");
        return Vec::new();
    }
    // A folder that is not there yet could not be named in a rule.
    let objects = settings.objects_url.as_deref().and_then(cofferdam_objects::local_directory);
    let writable = objects.into_iter().chain(settings.worker_scratch_dir.clone()).chain([std::env::temp_dir()]).collect();
    if settings.worker_processes_apart {
        confinement::hide_memory();
    }
    let readable = settings.worker_readable.iter().chain(&settings.worker_extra_ca).cloned().collect();
    confinement::confine(&Files { writable, readable })
}

/// Runs tasks until it is told to stop and what it runs is finished or handed back.
pub async fn worker(settings: &Settings, walls: Vec<Wall>) -> Result<(), Failure> {
    let stop = Stop::on_signals(settings.drain_timeout)?;
    // Before the first connection, so that a wrong number of slots is known at once.
    let sandboxes = sandboxes(settings)?;
    let base = Base::connect("worker", settings).await?;
    serve::operations(&base, settings, &stop).await?;
    work(&base, settings, sandboxes, walls, &stop).await
}

/// Where tries are run.
pub fn sandboxes(settings: &Settings) -> Result<Sandboxes, Failure> {
    let mut config = settings.worker_slots.map_or_else(RuntimeConfig::default, RuntimeConfig::for_slots);
    config.compute_processors = settings.worker_compute_processors.unwrap_or(config.compute_processors);
    if let Some(folder) = &settings.worker_scratch_dir {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Exit::Failed, "the folder for scratch directories cannot be made")
                .at("worker.scratch_dir")
                .because(&error)
        })?;
    }
    if settings.worker_processes_apart {
        return processes(settings, config);
    }
    let runtime = Runtime::new(config)
        .map_err(|error| Failure::new(Exit::Failed, "the sandboxes cannot be prepared").at("worker.slots").because(&error))?;
    if let Some(folder) = &settings.worker_scratch_dir {
        runtime.keep_scratch_in(folder.clone());
    }
    runtime.trust_also(authorities(&settings.worker_extra_ca).map_err(|failure| failure.at("worker.extra_ca"))?);
    Ok(runtime.into())
}

/// Sandboxes in processes of this program, started with a hidden command.
fn processes(settings: &Settings, sandboxes: RuntimeConfig) -> Result<Sandboxes, Failure> {
    let failed = |what: &str| Failure::new(Exit::Failed, what.to_owned()).at("worker.isolation");
    let program = std::env::current_exe().map_err(|error| failed("the path of this program is not known").because(&error))?;
    let processes = Processes::new(ProcessConfig {
        program,
        args: vec![crate::SANDBOXES.to_owned()],
        sandboxes,
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        scratch: settings.worker_scratch_dir.clone().unwrap_or_else(std::env::temp_dir),
        most: settings.worker_processes,
        idle: settings.worker_process_idle,
        confine: settings.worker_confine,
    });
    let processes = processes.map_err(|error| failed("processes for sandboxes cannot be started").because(&error))?;
    processes.trust_also(authorities(&settings.worker_extra_ca).map_err(|failure| failure.at("worker.extra_ca"))?);
    Ok(Sandboxes::Apart(processes))
}

/// Reads the certificates of authorities.
pub fn authorities(files: &[PathBuf]) -> Result<Authorities, Failure> {
    let mut all = Authorities::default();
    for file in files {
        let failed = |error: &(dyn std::error::Error + 'static)| {
            Failure::new(Exit::Failed, format!("the certificates in {} cannot be read", file.display())).because(error)
        };
        let text = std::fs::read(file).map_err(|error| failed(&error))?;
        all.extend(Authorities::from_pem(&text).map_err(|error| failed(&error))?);
    }
    Ok(all)
}

/// Works until it is told to stop.
pub async fn work(base: &Base, settings: &Settings, sandboxes: Sandboxes, walls: Vec<Wall>, stop: &Stop) -> Result<(), Failure> {
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
        walls,
        ..WorkerConfig::new(name, env!("CARGO_PKG_VERSION").to_owned())
    };
    let parts = WorkerParts {
        engine: Arc::clone(&base.engine),
        queue: Arc::clone(&base.queue),
        objects: base.objects.clone(),
        sandboxes,
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
