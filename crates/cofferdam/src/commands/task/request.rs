//! From the command line to a try.

use crate::cli::TaskTestArgs;
use crate::commands::lint;
use crate::document::Document;
use crate::failure::Failure;
use chrono::{DateTime, Utc};
use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_domain::definition::{self, DagDefinition, Diagnostic};
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::{Entry, TaskContext};
use cofferdam_domain::limits::Limits;
use cofferdam_domain::wit;
use cofferdam_ids::{DagId, DagRunId, TaskId, TaskInstanceId};
use cofferdam_sandbox::TryRequest;
use cofferdam_sandbox::inspect::{Inspection, Kind};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// The first try of the only task of a dag called `local`.
pub fn request(args: &TaskTestArgs, inspection: &Inspection) -> Result<TryRequest, Failure> {
    let input = args.input.as_deref().map(|text| json_or_file("--input", text)).transpose()?;
    Ok(TryRequest {
        is_input_open: false,
        instance: TaskInstanceId::LOCAL,
        entry: entry(args, inspection)?,
        input: input.unwrap_or_else(|| json!({})).to_string(),
        limits: limits(&args.limits)?,
        grant: grant(args)?,
        private_targets: args.private_targets.clone(),
        context: context(args, inspection)?,
    })
}

/// A JSON document, or `@` and the name of a file that has one.
pub fn json_or_file(flag: &str, text: &str) -> Result<Value, Failure> {
    if let Some(file) = text.strip_prefix('@') {
        return Ok(Document::read(Path::new(file))?.value);
    }
    serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!("{flag} is not JSON"))
            .at(text)
            .remedy(format!("a text needs its quotes ({flag} '\"text\"'); @FILE reads a file"))
            .because(&error)
    })
}

/// The grant in the file, or one of nothing; `--env` adds to its variables.
fn grant(args: &TaskTestArgs) -> Result<Grant, Failure> {
    let mut grant = match &args.grant {
        Some(file) => grant_in(&Document::read(file)?)?,
        None => Grant::default(),
    };
    if args.scratch.is_some() && grant.scratch.is_none() {
        grant.scratch = serde_json::from_value(json!("64MiB")).ok();
    }
    grant.env.extend(args.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())));
    Ok(grant)
}

/// The grant that a document is, by the rules of a dag.
fn grant_in(document: &Document) -> Result<Grant, Failure> {
    let dag = checked(&json!({ "grant": document.value })).map_err(|found| {
        let within = |diagnostic| {
            let mut finding = lint::own(diagnostic);
            let labels = finding.labels.iter_mut().map(|label| &mut label.pointer);
            let suggested = finding.suggestion.iter_mut().map(|suggestion| &mut suggestion.pointer);
            for pointer in labels.chain(suggested).chain([&mut finding.pointer]) {
                *pointer = pointer.trim_start_matches("/defaults/grant").to_owned();
            }
            document.locate(finding)
        };
        let failure = Failure::usage("it is not a grant").at(&document.name).remedy("docs/grants.md describes grants");
        Failure { findings: found.into_iter().map(within).collect(), ..failure }
    })?;
    Ok(dag.defaults.grant.unwrap_or_default())
}

/// A dag with these settings of tasks.
fn dag_with(settings: &Value) -> Result<DagDefinition, Vec<Diagnostic>> {
    let task = json!({ "task_id": "local", "component": "local" });
    definition::parse(json!({ "dag_id": "local", "defaults": settings, "tasks": [task] }))
}

/// The same, when a dag may have them.
fn checked(settings: &Value) -> Result<DagDefinition, Vec<Diagnostic>> {
    let dag = dag_with(settings)?;
    let wrong: Vec<_> = definition::validate(&dag).into_iter().filter(Diagnostic::is_error).collect();
    if wrong.is_empty() { Ok(dag) } else { Err(wrong) }
}

fn entry(args: &TaskTestArgs, inspection: &Inspection) -> Result<Entry, Failure> {
    let for_program = |kind| {
        Failure::usage(format!("--arg is for programs (wasi:cli/command), and this is a {kind}"))
            .remedy("give what it needs in --input")
    };
    // A task or program may export typed functions besides; whoever names one means it.
    if inspection.kind == Kind::Library || args.function.is_some() {
        if !args.args.is_empty() {
            return Err(for_program("typed function"));
        }
        let function = wit::find(&inspection.functions, args.function.as_deref()).map_err(|error| {
            let failure = Failure::usage(error.to_string()).at(args.file.display().to_string());
            match error {
                wit::FindError::Several(_) => failure.remedy("name one of them with --function, as `interface#function`"),
                _ => failure,
            }
        })?;
        return Ok(Entry::Function { interface: function.interface.clone(), function: function.name.clone() });
    }
    match inspection.kind {
        Kind::Command => Ok(Entry::Command {
            args: args.args.clone(),
            env: args.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect(),
        }),
        Kind::Task | Kind::Library if !args.args.is_empty() => Err(for_program("task")),
        Kind::Task | Kind::Library => Ok(Entry::Task),
    }
}

/// The limits as a dag names them, with the same units, and within what a dag may ask for.
fn limits(given: &[String]) -> Result<Limits, Failure> {
    for one in given {
        checked(&settings(one)?).map_err(|found| refused(one, found))?;
    }
    limits_over(given, Limits::default())
}

/// Limits as a dag names them, over others.
pub fn limits_over(given: &[String], others: Limits) -> Result<Limits, Failure> {
    given.iter().try_fold(others, |mut limits, one| {
        let dag = dag_with(&settings(one)?).map_err(|found| refused(one, found))?;
        if let Some(given) = &dag.defaults.limits {
            limits = given.over(limits);
        }
        if let Some(timeout) = dag.defaults.timeout {
            limits.wall_ms = timeout.ms();
        }
        Ok(limits)
    })
}

/// `NAME=VALUE` as it stands in a dag.
fn settings(one: &str) -> Result<Value, Failure> {
    let Some((name, value)) = one.split_once('=') else {
        return Err(Failure::usage(format!("--limit {one}: there is no '='")).remedy("as in --limit memory=64MiB"));
    };
    let number = serde_json::from_str::<serde_json::Number>(&value.replace('_', ""));
    let value = number.map_or_else(|_| Value::from(value), Value::Number);
    Ok(if name == "timeout" { json!({ name: value }) } else { json!({ "limits": { name: value } }) })
}

fn refused(one: &str, found: Vec<Diagnostic>) -> Failure {
    let first = found.into_iter().next();
    let (message, help) = first.map(|first| (first.message, first.help)).unwrap_or_default();
    let names = "the names and units are those of a dag: `timeout` and what `limits` has";
    let remedy = format!("{}: see docs/limits.md", help.as_deref().unwrap_or(names));
    Failure::usage(format!("--limit {one}: {message}")).remedy(remedy)
}

fn context(args: &TaskTestArgs, inspection: &Inspection) -> Result<TaskContext, Failure> {
    let conf = args.conf.as_deref().map(|text| json_or_file("--conf", text)).transpose()?.unwrap_or_else(|| json!({}));
    if !conf.is_object() {
        return Err(Failure::usage("--conf must be a JSON object").at(conf.to_string()));
    }
    let logical_date: DateTime<Utc> = args.logical_date.unwrap_or_else(|| SystemClock.now());
    let never = |error: cofferdam_ids::NameError| Failure::usage(error.to_string());
    // The task is called after its file, as far as a task can be.
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    let task_id = stem.and_then(|stem| TaskId::new(stem).ok());
    let task_id = task_id.map_or_else(|| TaskId::new(format!("task_{}", &inspection.digest.as_str()[..8])), Ok).map_err(never)?;
    Ok(TaskContext {
        dag_id: DagId::new("local").map_err(never)?,
        dag_run_id: DagRunId::new(format!("manual__{}", logical_date.format("%Y-%m-%dT%H:%M:%S+00:00"))).map_err(never)?,
        task_id,
        map_index: -1,
        try_number: args.try_number,
        max_tries: args.max_tries.max(args.try_number),
        logical_date,
        data_interval_start: logical_date,
        data_interval_end: logical_date,
        conf: Arc::new(conf),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn limits_are_those_of_a_dag() {
        let given = ["memory=64MiB", "fuel=1_000_000", "timeout=2s"].map(str::to_owned);
        let limits = limits(&given).unwrap();
        assert_eq!((limits.memory_bytes, limits.fuel, limits.wall_ms), (64 << 20, 1_000_000, 2_000));
        assert_eq!(limits.handles, Limits::default().handles);
        for (wrong, says) in [
            ("memroy=1", "memroy"),
            ("memory=much", "much"),
            ("memory", "no '='"),
            ("memory=64GiB", "--limit memory=64GiB: no task can have more than"),
            ("fuel=-1", "--limit fuel=-1: it must be a whole number"),
            ("timeout=0", "more than nothing"),
        ] {
            let failure = super::limits(&[wrong.to_owned()]).unwrap_err();
            assert!(failure.exit == Exit::Usage && failure.what.contains(says), "{failure:?}");
        }
    }

    #[test]
    fn grants_are_those_of_a_dag() {
        let grant = |text: &str| grant_in(&Document::parse("grant.yaml", text).unwrap());
        let given = grant("{http: ['GET https://api.example'], scratch: 1MiB, clock: false}").unwrap();
        assert_eq!((given.http.len(), given.clock, given.random), (1, false, true));
        for (wrong, pointer, says) in [
            ("htpp: []", "/htpp", "there is no field 'htpp'"),
            ("[]", "", "must be an object"),
            ("http: [{host: a, port: 0}]", "/http/0/port", "from 1 to 65535"),
            ("env: {'A=B': x}", "/env/A=B", "must not be empty or contain '='"),
            ("scratch: 0", "/scratch", "more than nothing"),
        ] {
            let failure = grant(wrong).unwrap_err();
            let finding = &failure.findings[0];
            assert_eq!((failure.exit, finding.pointer.as_str()), (Exit::Usage, pointer), "{wrong}: {finding}");
            assert!(finding.message.contains(says) && finding.line == Some(1), "{wrong}: {finding}");
        }
    }

    #[test]
    fn input_is_json_or_a_file() {
        assert_eq!(json_or_file("--input", "[1]").unwrap(), json!([1]));
        let failure = json_or_file("--input", "hello").unwrap_err();
        assert!(failure.remedy.unwrap().contains("quotes"));
        assert_eq!(json_or_file("--input", "@/nowhere").unwrap_err().exit, Exit::NotFound);
    }
}
