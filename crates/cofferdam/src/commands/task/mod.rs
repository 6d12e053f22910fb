//! `task test`: runs a component here, in the sandbox of a worker and within its limits, without a server.

mod cache;
mod define;
mod host;
mod report;
mod request;
mod stand_ins;

use crate::cli::TaskTestArgs;
use crate::config::Environment;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::output::progress;
use crate::roles::compile_service;
pub use define::define;
pub use request::limits_over;

use cache::Cache;
use cofferdam_ids::TenantId;
use cofferdam_sandbox::inspect::{self, UploadCaps};
use cofferdam_sandbox::{LoadError, Program, Runtime, RuntimeConfig};
use host::LocalHost;
use report::Report;
use stand_ins::StandIns;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs one try of a component and prints what became of it.
///
/// # Errors
/// When the try cannot be started, and when it does not end with a result: then the report is printed nevertheless.
pub async fn test(output: Output, environment: &Environment, args: TaskTestArgs) -> Result<(), Failure> {
    let file = args.file.display().to_string();
    let read = super::component::read(&args.file)?;
    let (bytes, inspection) = inspect::adapt_and_inspect(&read, &UploadCaps::default()).map_err(|error| {
        let mut failure = Failure::usage(error.to_string()).at(&file);
        failure.code = Some(error.code().to_owned());
        failure
    })?;
    let stand_ins = StandIns::read(&args)?;
    let mut request = request::request(&args, &inspection)?;
    stand_ins.grant(&mut request.grant);
    let expected = args.expect.as_deref().map(|text| request::json_or_file("--expect", text)).transpose()?;
    let host = Arc::new(LocalHost::new(args.xcoms, stand_ins));

    let runtime = Runtime::new(RuntimeConfig::for_slots(1))
        .map_err(|error| Failure::new(Exit::Failed, "the sandbox cannot be prepared").because(&error))?;
    if let Some(folder) = &args.scratch {
        if !folder.is_dir() {
            return Err(Failure::new(Exit::NotFound, "there is no such folder").at(folder.display().to_string()));
        }
    }
    let cache = Cache::open(environment);
    let spinner = progress::wait(&output, "compiling");
    let program = load(&runtime, &cache, &inspection.digest, &bytes).await.map_err(|failure| failure.at(&file));
    spinner.finish_and_clear();
    let program = program?;

    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    let for_run: Arc<dyn cofferdam_sandbox::Host> = Arc::clone(&host) as _;
    let done = match &args.scratch {
        Some(folder) => runtime.run_in_folder(folder, &program, request, for_run, cancel.clone()).await,
        None => runtime.run(&program, request, for_run, cancel.clone()).await,
    };
    host.stand_ins.put_artifacts(&done.artifacts)?;
    let report = Report::new(file, &inspection, done, host.take());
    output.say(&report, Report::in_words)?;
    if cancel.is_cancelled() { Err(Failure::new(Exit::Interrupted, "stopped")) } else { report.outcome(expected.as_ref()) }
}

/// The component, compiled now or on an earlier call, and loaded.
async fn load(runtime: &Runtime, cache: &Cache, digest: &cofferdam_ids::Digest, bytes: &[u8]) -> Result<Program, Failure> {
    let compatibility = runtime.compatibility_hash();
    if let Some(compiled) = cache.get(digest, &compatibility).await {
        match runtime.load(&compiled) {
            Ok(program) => return Ok(program),
            // It is compiled again below.
            Err(LoadError::Incompatible(_)) => {}
            Err(error) => return Err(Failure::usage(error.to_string())),
        }
    }
    let compiled = compile_service()?.compile(TenantId::generate(), bytes).await.map_err(|error| {
        let mut failure = Failure::usage("the component cannot be compiled").because(&error);
        failure.code = Some(error.code().to_owned());
        failure
    })?;
    cache.put(digest, &compatibility, &compiled).await;
    runtime.load(&compiled).map_err(|error| Failure::usage(error.to_string()))
}
