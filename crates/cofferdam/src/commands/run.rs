use super::callbacks;
use super::follow::{self, RunWithTasks, name, plain};
use super::session::Session;
use super::{action, artifacts};
use crate::cli::{PageArgs, RunArgs, RunCommand};
use crate::failure::{Exit, Failure};
use crate::output::style::{Tone, paint};
use crate::output::{Table, table};
use cofferdam_client::api::{
    DagRunCollection, DagRunListQuery, LogFrame, LogLevel, LogLine, LogQuery, RenderedInput, TaskInstance,
};
use cofferdam_client::{Client, ClientError, TaskInstanceRef};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long the last lines of a try that has ended are waited for.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// Shows runs, their logs, and cancels them.
pub async fn run(session: &Session, command: RunCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    match command {
        RunCommand::List { dag_id, page, state } => list(session, &client, &dag_id, page, state).await,
        RunCommand::Show { run } => {
            let run_id = run_id(session, &client, &run).await?;
            let run = RunWithTasks::read(session, &client, &run.dag_id, &run_id).await?;
            session.output.say(&run, RunWithTasks::in_words)
        }
        RunCommand::Callbacks { run } => {
            let id = run_id(session, &client, &run).await?;
            callbacks::show(session, &client, &run.dag_id, &id).await
        }
        RunCommand::Watch { run, timeout } => {
            let run_id = run_id(session, &client, &run).await?;
            follow::watch(session, &client, &run.dag_id, &run_id, timeout).await
        }
        RunCommand::Logs { run, task, map_index, try_number, follow } => {
            let run_id = run_id(session, &client, &run).await?;
            let logs = Logs { session, client: &client, dag: run.dag_id, run: run_id, task, map_index, try_number };
            if follow { logs.follow().await } else { logs.print().await }
        }
        RunCommand::Xcom { run, task, map_index, key } => {
            let run_id = run_id(session, &client, &run).await?;
            let task = TaskInstanceRef { dag: run.dag_id, run: run_id, task };
            let xcom = client.get_mapped_xcom(&task, map_index.unwrap_or(-1), &key).await;
            let xcom = xcom.map_err(|error| session.failure(error))?;
            session.output.say(&xcom, |xcom| in_words(&xcom.value))
        }
        RunCommand::Input { run, task, try_number } => {
            let run_id = run_id(session, &client, &run).await?;
            let task = TaskInstanceRef { dag: run.dag_id, run: run_id, task };
            let try_number = match try_number {
                Some(number) => number,
                None => client.get_task_instance(&task).await.map_err(|error| session.failure(error))?.try_number,
            };
            let rendered = client.get_rendered(&task, try_number).await.map_err(|error| session.failure(error))?;
            session.output.say(&rendered, given)
        }
        RunCommand::Artifacts { run, task, name, save } => {
            let run_id = run_id(session, &client, &run).await?;
            let task = TaskInstanceRef { dag: run.dag_id, run: run_id, task };
            match name {
                None => artifacts::list(session, &client, &task).await,
                Some(name) => artifacts::save(session, &client, &task, &name, save).await,
            }
        }
        RunCommand::Clear(args) => action::clear(session, &client, args).await,
        RunCommand::Mark(args) => action::mark(session, &client, args).await,
        RunCommand::Note(args) => action::note(session, &client, args).await,
        RunCommand::Delete { dag_id, run_id, dry_run: true } => {
            let gone = client.preview_delete_dag_run(&dag_id, &run_id).await.map_err(|error| session.failure(error))?;
            action::print(session, &gone)
        }
        RunCommand::Delete { dag_id, run_id, dry_run: false } => {
            client.delete_dag_run(&dag_id, &run_id).await.map_err(|error| session.failure(error))?;
            let gone = serde_json::json!({ "dag_id": dag_id, "dag_run_id": run_id, "deleted": true });
            session.output.say(&gone, |_| format!("{run_id} of {dag_id} is deleted."))
        }
        RunCommand::Cancel { dag_id, run_id } => {
            let run = client.cancel_dag_run(&dag_id, &run_id).await.map_err(|error| session.failure(error))?;
            session.output.say(&run, |run| format!("{} of {dag_id} is being cancelled (now {}).", run.dag_run_id, run.state))
        }
    }
}

/// A text as it is, so that a report can be read; anything else as JSON.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => format!("{other:#}"),
    }
}

/// What a try was given, as JSON; the input alone when there is nothing else.
fn given(rendered: &RenderedInput) -> String {
    let mut text = if rendered.args.is_empty() && rendered.env.is_empty() {
        format!("{:#}", rendered.input)
    } else {
        format!("{:#}", json!({ "input": rendered.input, "args": rendered.args, "env": rendered.env }))
    };
    if rendered.truncated {
        text.push_str("\n(Long texts and lists were cut.)");
    }
    plain(&text)
}

/// The run that is named, or the latest.
pub async fn run_id(session: &Session, client: &Client, run: &RunArgs) -> Result<DagRunId, Failure> {
    if let Some(run_id) = &run.run_id {
        return Ok(run_id.clone());
    }
    let query = DagRunListQuery { limit: 1, order_by: Some("-queued_at".to_owned()), ..DagRunListQuery::default() };
    let runs = client.list_dag_runs(&run.dag_id, &query).await.map_err(|error| session.failure(error))?;
    runs.dag_runs.into_iter().next().map(|run| run.dag_run_id).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("{} has no runs yet", run.dag_id))
            .remedy(format!("`cofferdam dag trigger {}` starts one", run.dag_id))
    })
}

async fn list(session: &Session, client: &Client, dag_id: &DagId, page: PageArgs, state: Option<String>) -> Result<(), Failure> {
    let query = DagRunListQuery {
        limit: page.limit,
        offset: page.offset,
        state,
        order_by: Some("-queued_at".to_owned()),
        ..DagRunListQuery::default()
    };
    let runs = client.list_dag_runs(dag_id, &query).await.map_err(|error| session.failure(error))?;
    session.output.print(&runs, run_table)
}

fn run_table(runs: &DagRunCollection) -> Table {
    let mut rows = Table::new(&["run", "state", "for", "started", "took", "version"], "It has no runs.");
    for run in &runs.dag_runs {
        rows.row([
            run.dag_run_id.to_string(),
            table::state(run.state.as_str()),
            table::time(run.logical_date),
            table::maybe_time(run.start_date),
            table::seconds(run.duration),
            run.version_number.to_string(),
        ]);
    }
    rows
}

/// Which logs are printed.
struct Logs<'a> {
    session: &'a Session,
    client: &'a Client,
    dag: DagId,
    run: DagRunId,
    task: Option<TaskId>,
    map_index: Option<i32>,
    try_number: Option<u32>,
}

/// A line of a log and whose it is, for `--output json`.
#[derive(Serialize)]
struct Written<'a> {
    task_id: &'a TaskId,
    map_index: i32,
    try_number: u32,
    #[serde(flatten)]
    line: &'a LogLine,
}

type Frames = BoxStream<'static, (TaskInstance, u32, Result<LogFrame, ClientError>)>;

impl Logs<'_> {
    /// Prints what is there now. The last lines of a try that has just ended are waited for: they may be on their way still.
    async fn print(&self) -> Result<(), Failure> {
        let patience = Instant::now() + STRAGGLERS;
        for task in self.tasks().await? {
            let try_number = self.try_number.unwrap_or(task.try_number);
            if try_number == 0 {
                continue;
            }
            let ended = task.state.is_finished() || try_number < task.try_number;
            let mut query = LogQuery { map_index: (task.map_index >= 0).then_some(task.map_index), ..LogQuery::default() };
            loop {
                let page = self.client.get_log(&self.reference(&task), try_number, &query).await;
                let page = page.map_err(|error| self.session.failure(error))?;
                self.write(&task, try_number, &page.lines)?;
                if !page.lines.is_empty() && page.next_offset > query.offset {
                    query.offset = page.next_offset;
                } else if ended && !page.complete && Instant::now() < patience {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                } else {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Prints what is written, from the beginning, until the run is finished (or the one try that was asked for is).
    async fn follow(&self) -> Result<(), Failure> {
        let mut frames: SelectAll<Frames> = SelectAll::new();
        let mut followed: BTreeSet<(String, u32)> = BTreeSet::new();
        let mut finished = false;
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                Some((task, try_number, frame)) = frames.next() => match frame.map_err(|error| self.session.failure(error))? {
                    LogFrame::Lines { lines, .. } => self.write(&task, try_number, &lines)?,
                    LogFrame::End { .. } => {}
                },
                _ = tick.tick(), if !finished => {
                    finished = self.begin(&mut frames, &mut followed).await?;
                }
                else => return Ok(()),
            }
        }
    }

    /// Starts to follow the tries that have begun. True when no more will.
    async fn begin(&self, frames: &mut SelectAll<Frames>, followed: &mut BTreeSet<(String, u32)>) -> Result<bool, Failure> {
        let run = self.client.get_dag_run(&self.dag, &self.run).await.map_err(|error| self.session.failure(error))?;
        for task in self.tasks().await? {
            let first = self.try_number.unwrap_or(1);
            for try_number in first..=self.try_number.unwrap_or(task.try_number) {
                if try_number > task.try_number || !followed.insert((name(&task), try_number)) {
                    continue;
                }
                let stream = self.client.follow_mapped_log(&self.reference(&task), task.map_index, try_number, 0);
                let task = task.clone();
                frames.push(stream.map(move |frame| (task.clone(), try_number, frame)).boxed());
            }
        }
        let one_is_followed = self.try_number.is_some() && !followed.is_empty();
        Ok(run.state.is_finished() || one_is_followed)
    }

    async fn tasks(&self) -> Result<Vec<TaskInstance>, Failure> {
        let tasks = self.client.list_task_instances(&self.dag, &self.run).await.map_err(|error| self.session.failure(error))?;
        let mut tasks = tasks.task_instances;
        if let Some(task) = &self.task {
            tasks.retain(|instance| instance.task_id == *task && self.map_index.is_none_or(|index| index == instance.map_index));
            if tasks.is_empty() {
                return Err(Failure::new(Exit::NotFound, format!("{} has no task {task}", self.run))
                    .remedy(format!("`cofferdam run show {} {}` lists its tasks", self.dag, self.run)));
            }
        }
        Ok(tasks)
    }

    fn reference(&self, task: &TaskInstance) -> TaskInstanceRef {
        TaskInstanceRef { dag: self.dag.clone(), run: self.run.clone(), task: task.task_id.clone() }
    }

    fn write(&self, task: &TaskInstance, try_number: u32, lines: &[LogLine]) -> Result<(), Failure> {
        for line in lines {
            let written = Written { task_id: &task.task_id, map_index: task.map_index, try_number, line };
            self.session.output.say(&written, |written| {
                // One task's log is printed as it was written; of several, each line names its task.
                let whose = if self.task.is_some() { String::new() } else { format!("{} ", paint(Tone::Strong, &name(task))) };
                format!(
                    "{} {} {whose}{}",
                    paint(Tone::Dim, &written.line.at.format("%H:%M:%S%.3f").to_string()),
                    level(line.level),
                    text(line)
                )
            })?;
        }
        Ok(())
    }
}

fn level(level: LogLevel) -> String {
    match level {
        LogLevel::Trace => paint(Tone::Dim, "TRACE"),
        LogLevel::Debug => paint(Tone::Dim, "DEBUG"),
        LogLevel::Info => paint(Tone::Good, "INFO "),
        LogLevel::Warn => paint(Tone::Warn, "WARN "),
        LogLevel::Error => paint(Tone::Bad, "ERROR"),
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

fn text(line: &LogLine) -> String {
    let mut text = plain(&line.message);
    for (name, value) in &line.fields {
        text += &paint(Tone::Dim, &format!(" {}={}", plain(name), field(value)));
    }
    text
}
