use super::inspection;
use crate::App;
use crate::endpoints::{audit_after, words};
use crate::error::{ApiError, sentence};
use crate::extract::{Caller, JsonBody, Operator, PathParams};
use crate::trials::{TrialHost, attempt, load, printed};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use cofferdam_api_types::{self as wire, ErrorCode, FunctionTried, LogLine, TryEnding, TryFunction};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::Entry;
use cofferdam_domain::wit::FindError;
use cofferdam_ids::{ComponentName, Digest};
use cofferdam_sandbox::{self as sandbox, Host, TryReport};
use cofferdam_store::audit::Action;
use cofferdam_store::components::{self, VersionRef};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
pub(crate) struct Path {
    name: ComponentName,
    digest: Digest,
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        Self::new(ErrorCode::UnknownFunction, sentence(&error)).at("/function")
    }
}

/// Tries a function: runs it in the sandbox with an input, and answers with what became of it. Nothing is recorded but an entry
/// of the audit log. It is granted nothing: no hosts, variables, connections or scratch directory. It has the default limits of a
/// task, and 15 seconds.
#[utoipa::path(
    post,
    path = "/api/v1/components/{name}/versions/{digest}/try",
    tag = "components",
    operation_id = "try_function",
    params(
        ("name" = String, Path, description = "The component's name, percent-encoded: `weather%2Fclean`."),
        ("digest" = String, Path, description = "The SHA-256 of its bytes, in hexadecimal.")
    ),
    request_body = TryFunction,
    responses((status = 200, body = FunctionTried))
)]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    caller: Caller<Operator>,
    PathParams(path): PathParams<Path>,
    JsonBody(request): JsonBody<TryFunction>,
) -> Result<Json<FunctionTried>, ApiError> {
    let context = caller.context;
    let mut tx = app.state.store.begin(&context).await?;
    let version = components::get(&mut tx, &path.name, &VersionRef::Digest(path.digest)).await?;
    tx.rollback().await?;
    let entry = entry(inspection(&version)?.entry(request.function.as_deref())?, &request)?;
    let _trial = app.trials.begin(context.tenant)?;

    let runtime = &app.state.sandbox;
    let program = load(&app, context.tenant, &version.digest).await?;
    let function = entry.function_path();
    let host = Arc::new(TrialHost::new(Arc::clone(&app.state.clock)));
    let attempt = attempt(entry, request.input, app.now())?;
    let for_run: Arc<dyn Host> = Arc::clone(&host) as _;
    // When the caller goes away this future is dropped, and the guest with it.
    let report = runtime.run(&program, attempt, for_run, CancellationToken::new()).await;

    let target = format!("{}@{}", version.name, version.digest);
    let done = Action { action: "component.try", target_kind: "component", target: &target };
    let answer = answer(report, host.take());
    audit_after(&app, &context, done, json!({ "function": function, "ending": answer.ending })).await;
    Ok(Json(answer))
}

fn entry(entry: Entry, request: &TryFunction) -> Result<Entry, ApiError> {
    let given = [("/args", !request.args.is_empty()), ("/env", !request.env.is_empty())];
    match (entry, given.into_iter().find(|(_, given)| *given)) {
        (Entry::Command { .. }, _) => {
            Ok(Entry::Command { args: request.args.clone(), env: request.env.clone().into_iter().collect() })
        }
        (Entry::Task | Entry::Function { .. }, Some((field, _))) => {
            let detail = "Arguments and environment variables are for programs. Give what the function needs as input.";
            Err(ApiError::new(ErrorCode::InvalidBody, detail).at(field))
        }
        (entry @ (Entry::Task | Entry::Function { .. }), None) => Ok(entry),
    }
}

fn answer(report: TryReport, said: Vec<(DateTime<Utc>, sandbox::LogLine)>) -> FunctionTried {
    // What the sandbox hands over was checked to be JSON.
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let mut answer = FunctionTried {
        ending: TryEnding::Success,
        reason: None,
        message: None,
        after_ms: None,
        output: None,
        xcoms: report.xcoms.iter().map(|(key, value)| (key.to_string(), read(value))).collect(),
        stdout: printed(&said, |stream| stream == sandbox::Stream::Stdout),
        stderr: printed(&said, |stream| stream == sandbox::Stream::Stderr),
        logs: Vec::new(),
        receipt: words::receipt(report.receipt),
    };
    answer.logs = said.into_iter().filter(|(_, line)| line.stream == sandbox::Stream::Log).map(log_line).collect();
    match report.ending {
        Ending::Success { output } => answer.output = Some(read(&output)),
        Ending::Failure { reason, message } => {
            (answer.ending, answer.reason, answer.message) = (TryEnding::Failure, Some(words::reason(reason)), Some(message));
        }
        Ending::Skip { message } => {
            let reason = Some(words::reason(Reason::SkippedByTask));
            (answer.ending, answer.reason, answer.message) = (TryEnding::Skip, reason, Some(message));
        }
        Ending::Reschedule { after_ms } => (answer.ending, answer.after_ms) = (TryEnding::Reschedule, Some(after_ms)),
        Ending::Defer { event, timeout_ms } => {
            (answer.ending, answer.message, answer.after_ms) = (TryEnding::Defer, Some(event), Some(timeout_ms));
        }
    }
    answer
}

fn log_line((at, line): (DateTime<Utc>, sandbox::LogLine)) -> LogLine {
    LogLine {
        at,
        stream: wire::LogStream::Log,
        level: match line.level {
            sandbox::Level::Trace => wire::LogLevel::Trace,
            sandbox::Level::Debug => wire::LogLevel::Debug,
            sandbox::Level::Info => wire::LogLevel::Info,
            sandbox::Level::Warn => wire::LogLevel::Warn,
            sandbox::Level::Error => wire::LogLevel::Error,
        },
        message: line.message,
        fields: line.fields.into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
    }
}
