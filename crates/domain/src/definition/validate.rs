//! What only shows when a definition is looked at as a whole.

mod grant;

use super::diagnostic::join;
use super::{
    DagDefinition, Diagnostic, DiagnosticCode as Code, LimitsDefinition, TaskDefinition, TaskSettings, graph, templates, wire,
};
use crate::limits::Limits;
use crate::retry::RetryPolicy;
use crate::schedule::parse_timezone;

/// How many tasks a dag may have.
pub const MAX_TASKS: usize = 1_000;

pub(super) use grant::{MAX_ENV, MAX_GRANTED};
pub(super) const MAX_RETRIES: u32 = 100;
pub(super) const MAX_ACTIVE: u32 = 10_000;
pub(super) const MAX_POOL_SLOTS: u32 = 1_000;
pub(super) const MAX_TEXT: usize = 64 << 10;
pub(super) const MAX_FUNCTION: usize = 250;
pub(super) const MAX_LABELS: usize = 100;
pub(super) const MAX_LABEL: usize = 100;
pub(super) const MAX_DESCRIPTION: usize = 1_000;
pub(super) const MAX_PRODUCED: usize = 100;

/// Everything that is wrong with a definition, or looks wrong. It can be applied when there is no error among it
/// ([`Diagnostic::is_error`]).
#[must_use]
pub fn validate(dag: &DagDefinition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    schedule(dag, &mut found);
    texts(dag, &mut found);
    super::params::validate(dag, &mut found);
    range("/max_active_runs", dag.max_active_runs, 1, MAX_ACTIVE, &mut found);
    range("/max_active_tasks", dag.max_active_tasks, 1, MAX_ACTIVE, &mut found);
    if dag.dagrun_timeout.is_some_and(|timeout| timeout.ms() == 0) {
        found.push(Diagnostic::error(Code::OutOfRange, "/dagrun_timeout", "a time limit must be longer than nothing"));
    }
    settings("/defaults", &dag.defaults, &mut found);
    if let Some(limits) = &dag.limits {
        limits_definition("/limits", limits, &mut found);
    }
    if dag.tasks.is_empty() {
        found.push(Diagnostic::error(Code::NoTasks, "/tasks", "a dag needs at least one task"));
    }
    if dag.tasks.len() > MAX_TASKS {
        let message = format!("a dag has at most {MAX_TASKS} tasks; this one has {}", dag.tasks.len());
        found.push(Diagnostic::error(Code::TooManyTasks, "/tasks", message));
        return found;
    }
    for (index, definition) in dag.tasks.iter().enumerate() {
        task(&format!("/tasks/{index}"), definition, dag, &mut found);
    }
    super::mapped::validate(dag, &mut found);
    super::callback::check(dag, &mut found);
    super::deadline::validate(dag, &mut found);
    if let Some(wiring) = wire(dag, &mut found) {
        cycles(dag, &wiring.upstream, &mut found);
        super::reach::check(dag, &wiring.upstream, &mut found);
    }
    found
}

fn cycles(dag: &DagDefinition, upstream: &[Vec<usize>], found: &mut Vec<Diagnostic>) {
    let Err(circles) = graph::order(upstream) else { return };
    for circle in circles {
        let Some(first) = circle.first() else { continue };
        let name = |index: &usize| dag.tasks.get(*index).map_or("", |task| task.task_id.as_str());
        let path: Vec<&str> = circle.iter().chain([first]).map(name).collect();
        let message = if circle.len() == 1 {
            format!("the task '{}' waits for itself", name(first))
        } else {
            format!("tasks wait for each other: {}", path.join(" → "))
        };
        let mut problem = Diagnostic::error(Code::Cycle, format!("/tasks/{first}/task_id"), message);
        for (above, task) in circle.iter().zip(circle.iter().cycle().skip(1)) {
            let place = waits_at(dag, *task, name(above)).unwrap_or_else(|| format!("/tasks/{task}"));
            problem = problem.label(place, format!("'{}' waits for '{}'", name(task), name(above)));
        }
        found.push(problem);
    }
}

/// Where a task says that it waits for another.
fn waits_at(dag: &DagDefinition, task: usize, above: &str) -> Option<String> {
    let definition = dag.tasks.get(task)?;
    if let Some(number) = definition.depends_on.iter().position(|name| name.as_str() == above) {
        return Some(format!("/tasks/{task}/depends_on/{number}"));
    }
    let place = templates::references(definition).into_iter().find(|place| place.task.as_str() == above)?;
    Some(format!("/tasks/{task}{}", place.pointer))
}

fn schedule(dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    let timezone = match parse_timezone(&dag.timezone) {
        Ok(timezone) => timezone,
        Err(error) => {
            let problem = Diagnostic::error(Code::UnknownTimezone, "/timezone", error.to_string());
            found.push(problem.maybe_help(error.help()));
            chrono_tz::UTC
        }
    };
    super::schedule::validate(dag, timezone, found);
    if let (Some(start), Some(end)) = (dag.start_date, dag.end_date)
        && end.resolve(timezone) < start.resolve(timezone)
    {
        found.push(Diagnostic::error(Code::InvalidDates, "/end_date", "the end_date is before the start_date"));
    }
    if dag.catchup && dag.start_date.is_none() {
        let problem =
            Diagnostic::warning(Code::NoEffect, "/catchup", "without a start_date there is nothing to catch up at first");
        found.push(problem.help("give a start_date"));
    }
}

fn texts(dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    let long = [("/description", &dag.description, MAX_DESCRIPTION), ("/doc_md", &dag.doc_md, MAX_TEXT)];
    for (pointer, text, max) in long {
        too_long(pointer, text.as_deref(), max, found);
    }
    for (pointer, labels) in [("/tags", &dag.tags), ("/owners", &dag.owners)] {
        if labels.len() > MAX_LABELS {
            let message = format!("at most {MAX_LABELS} are allowed; here are {}", labels.len());
            found.push(Diagnostic::error(Code::TooLong, pointer, message));
        }
        for (index, label) in labels.iter().enumerate() {
            too_long(&join(pointer, index), Some(label), MAX_LABEL, found);
            if label.trim().is_empty() {
                found.push(Diagnostic::error(Code::InvalidValue, join(pointer, index), "it must not be empty"));
            }
        }
    }
}

fn too_long(pointer: &str, text: Option<&str>, max: usize, found: &mut Vec<Diagnostic>) {
    if let Some(len) = text.map(str::len).filter(|len| *len > max) {
        found.push(Diagnostic::error(Code::TooLong, pointer, format!("at most {max} bytes are allowed; this has {len}")));
    }
}

fn range(pointer: &str, given: Option<u32>, min: u32, max: u32, found: &mut Vec<Diagnostic>) {
    if let Some(given) = given.filter(|given| !(min..=max).contains(given)) {
        found.push(Diagnostic::error(Code::OutOfRange, pointer, format!("it must be from {min} to {max}, not {given}")));
    }
}

fn task(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    own(at, task, dag, found);
    templates::validate(at, task, dag, found);
}

/// What is wrong with a task, or a callback, apart from its templates.
pub(super) fn own(at: &str, task: &TaskDefinition, dag: &DagDefinition, found: &mut Vec<Diagnostic>) {
    settings(at, &task.settings_or(&TaskSettings::default()), found);
    super::script::validate(at, task, found);
    super::work::validate(at, task, found);
    super::approval::validate(at, task, found);
    super::expand::validate(at, task, dag, found);
    super::flow::validate(at, task, dag, found);
    super::room::validate(at, task, dag, found);
    range(&join(at, "max_active"), task.max_active, 1, MAX_ACTIVE, found);
    range(&join(at, "concurrency_limit"), task.concurrency_limit, 1, MAX_ACTIVE, found);
    too_long(&join(at, "doc"), task.doc.as_deref(), MAX_TEXT, found);
    too_long(&join(at, "function"), task.function.as_deref(), MAX_FUNCTION, found);
    if task.function.as_deref() == Some("") {
        found.push(Diagnostic::error(Code::InvalidValue, join(at, "function"), "it must not be empty"));
    }
    if task.produces.len() > MAX_PRODUCED {
        let message = format!("a task produces at most {MAX_PRODUCED} assets; this one has {}", task.produces.len());
        found.push(Diagnostic::error(Code::TooLong, join(at, "produces"), message));
    }
    for (index, produced) in task.produces.iter().enumerate() {
        if task.produces.iter().take(index).any(|other| other.asset == produced.asset) {
            let message = format!("'{}' is named twice", produced.asset);
            found.push(Diagnostic::error(Code::InvalidValue, join(&join(at, "produces"), index), message));
        }
    }
    for (name, value) in &task.env {
        grant::environment(&join(at, "env"), name, value, found);
    }
    let retries = task.retries.or(dag.defaults.retries).unwrap_or(0);
    if retries == 0 {
        let own = [
            ("retry_delay", task.retry_delay.is_some()),
            ("retry_backoff", task.retry_backoff.is_some()),
            ("max_retry_delay", task.max_retry_delay.is_some()),
            ("retry_on", !task.retry_on.is_empty()),
        ];
        for (field, _) in own.into_iter().filter(|(_, given)| *given) {
            let problem = Diagnostic::warning(Code::NoEffect, join(at, field), "without retries it has no effect");
            found.push(problem.help("give retries"));
        }
    }
}

fn settings(at: &str, settings: &TaskSettings, found: &mut Vec<Diagnostic>) {
    range(&join(at, "retries"), settings.retries, 0, MAX_RETRIES, found);
    range(&join(at, "pool_slots"), settings.pool_slots, 1, MAX_POOL_SLOTS, found);
    if let Some(jitter) = settings.retry_jitter.filter(|jitter| !(0.0..=1.0).contains(jitter)) {
        let message = format!("it must be from 0 to 1, not {jitter}");
        found.push(Diagnostic::error(Code::OutOfRange, join(at, "retry_jitter"), message));
    }
    for reason in settings.retry_on.keys().filter(|reason| !RetryPolicy::can_choose(**reason)) {
        let message = format!("whether '{reason}' is tried again cannot be chosen");
        found.push(Diagnostic::error(Code::NeverRetried, join(&join(at, "retry_on"), reason), message));
    }
    let caps = Limits::hard_caps();
    if let Some(timeout) = settings.timeout {
        limit(&join(at, "timeout"), timeout.ms(), caps.wall_ms, "milliseconds", found);
    }
    if let Some(limits) = &settings.limits {
        limits_definition(&join(at, "limits"), limits, found);
    }
    if let Some(given) = &settings.grant {
        grant::grant(&join(at, "grant"), given, found);
    }
}

fn limits_definition(at: &str, limits: &LimitsDefinition, found: &mut Vec<Diagnostic>) {
    let caps = Limits::hard_caps();
    let given = [
        ("fuel", limits.fuel, caps.fuel, "units"),
        ("memory", limits.memory.map(super::ByteSize::bytes), caps.memory_bytes, "bytes"),
        ("output", limits.output.map(super::ByteSize::bytes), caps.output_bytes, "bytes"),
        ("log", limits.log.map(super::ByteSize::bytes), caps.log_bytes, "bytes"),
        ("result", limits.result.map(super::ByteSize::bytes), caps.result_bytes, "bytes"),
        ("table_elements", limits.table_elements, caps.table_elements, "elements"),
        ("instances", limits.instances.map(u64::from), caps.instances.into(), "instances"),
        ("handles", limits.handles.map(u64::from), caps.handles.into(), "handles"),
        ("http_calls", limits.http_calls.map(u64::from), caps.http_calls.into(), "requests"),
        ("http_bytes", limits.http_bytes.map(super::ByteSize::bytes), caps.http_bytes, "bytes"),
        ("scratch", limits.scratch.map(super::ByteSize::bytes), caps.scratch_bytes, "bytes"),
        ("checkpoint", limits.checkpoint.map(super::ByteSize::bytes), caps.checkpoint_bytes, "bytes"),
        ("artifact_bytes", limits.artifact_bytes.map(super::ByteSize::bytes), caps.artifact_bytes, "bytes"),
        ("artifacts", limits.artifacts.map(u64::from), caps.artifacts.into(), "artifacts"),
    ];
    for (field, value, cap, unit) in given {
        if let Some(value) = value {
            limit(&join(at, field), value, cap, unit, found);
        }
    }
}

fn limit(pointer: &str, given: u64, cap: u64, unit: &str, found: &mut Vec<Diagnostic>) {
    if given > cap {
        let message = format!("no task can have more than {cap} {unit}; this asks for {given}");
        found.push(Diagnostic::error(Code::LimitOverCap, pointer, message));
    } else if given == 0 {
        found.push(Diagnostic::error(Code::OutOfRange, pointer, "a limit must be more than nothing"));
    }
}
