//! Follows a run to its end.

use super::session::Session;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Table, progress, table};
use cofferdam_client::Client;
use cofferdam_client::api::{DagRun, DagRunState, Event, StreamMessage, TaskInstance, TaskState};
use cofferdam_ids::{DagId, DagRunId, TaskId};
use futures::StreamExt;
use indicatif::ProgressBar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The most messages of failed instances that are shown.
const MESSAGES: usize = 20;
/// How long to wait for an event before looking anyway.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// A run with its tasks.
#[derive(Debug, Serialize)]
pub struct RunWithTasks {
    /// The run.
    #[serde(flatten)]
    pub run: DagRun,
    /// Its tasks.
    pub task_instances: Vec<TaskInstance>,
}

impl RunWithTasks {
    /// Reads both.
    pub async fn read(session: &Session, client: &Client, dag_id: &DagId, run_id: &DagRunId) -> Result<Self, Failure> {
        // The run is read first: when it is finished, so are the tasks that are read after it.
        let run = client.get_dag_run(dag_id, run_id).await.map_err(|error| session.failure(error))?;
        let tasks = client.list_task_instances(dag_id, run_id).await.map_err(|error| session.failure(error))?;
        Ok(Self { run, task_instances: tasks.task_instances })
    }

    /// As a person reads it.
    #[must_use]
    pub fn in_words(&self) -> String {
        let run = &self.run;
        let mut properties = vec![
            ("run", run.dag_run_id.to_string()),
            ("dag", format!("{} version {}", run.dag_id, run.version_number)),
            ("state", table::state(run.state.as_str())),
            ("for", table::time(run.logical_date)),
            ("started", table::maybe_time(run.start_date)),
            ("took", table::seconds(run.duration)),
        ];
        properties.extend(run.reason.map(|reason| ("reason", reason.to_string())));
        properties.extend(run.note.clone().map(|note| ("note", note)));
        format!("{}\n\n{}{}", Table::properties(properties), self.tasks(), self.messages())
    }

    fn tasks(&self) -> Table {
        let mut rows = Table::new(&["task", "state", "reason", "try", "took", "fuel", "peak memory"], "It has no tasks.");
        let mut mapped = None;
        for task in &self.task_instances {
            if task.map_index >= 0 {
                // The instances of a mapped task together, at the place of the first.
                if mapped.replace(&task.task_id) != Some(&task.task_id) {
                    rows.row(self.mapped(&task.task_id));
                }
                continue;
            }
            let receipt = |value: fn(&cofferdam_client::api::Receipt) -> String| {
                task.receipt.as_ref().map_or_else(|| "-".to_owned(), value)
            };
            rows.row([
                name(task),
                table::state(task.state.as_str()),
                task.reason.map_or_else(|| "-".to_owned(), |reason| reason.to_string()),
                format!("{}/{}", task.try_number, task.max_tries),
                task.receipt.as_ref().map_or_else(|| table::seconds(task.duration), |receipt| table::micros(receipt.wall_us)),
                receipt(|receipt| table::number(receipt.fuel)),
                receipt(|receipt| table::bytes(receipt.peak_memory_bytes)),
            ]);
        }
        rows
    }

    /// A row for all instances of a mapped task.
    fn mapped(&self, task_id: &TaskId) -> [String; 7] {
        let of_task: Vec<&TaskInstance> =
            self.task_instances.iter().filter(|task| task.task_id == *task_id && task.map_index >= 0).collect();
        let mut states: BTreeMap<TaskState, usize> = BTreeMap::new();
        for task in &of_task {
            *states.entry(task.state).or_default() += 1;
        }
        let states: Vec<String> = states
            .iter()
            .map(|(state, count)| format!("{} {}", table::state(state.as_str()), table::number(*count as u64)))
            .collect();
        let receipts = || of_task.iter().filter_map(|task| task.receipt.as_ref());
        let none = || "-".to_owned();
        let some = |text: String| if receipts().next().is_none() { none() } else { text };
        [
            format!("{task_id}[{}]", of_task.len()),
            states.join(", "),
            none(),
            none(),
            some(table::micros(receipts().map(|receipt| receipt.wall_us).sum())),
            some(table::number(receipts().map(|receipt| receipt.fuel).sum())),
            some(table::bytes(receipts().map(|receipt| receipt.peak_memory_bytes).max().unwrap_or_default())),
        ]
    }

    fn messages(&self) -> String {
        let failed = self.task_instances.iter().filter(|task| matches!(task.state, TaskState::Failed | TaskState::UpForRetry));
        // Of thousands of instances, the first few tell enough.
        let said =
            failed.filter_map(|task| Some(format!("\n\n{}: {}", name(task), plain(task.message.as_ref()?)))).take(MESSAGES);
        said.collect()
    }
}

/// Follows a run until it is finished; prints what changes, and the run at the end. Fails when the run does.
pub async fn watch(
    session: &Session,
    client: &Client,
    dag_id: &DagId,
    run_id: &DagRunId,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let spinner = progress::wait(&session.output, "waiting");
    let run = tokio::select! {
        run = finish(session, client, dag_id, run_id, &spinner) => run,
        () = until(deadline) => Err(Failure::new(Exit::Failed, format!("{run_id} is not finished yet; it goes on"))
            .remedy(format!("`cofferdam run watch {dag_id} {run_id}` waits again"))),
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, format!("interrupted; {run_id} goes on"))
            .remedy(format!("`cofferdam run cancel {dag_id} {run_id}` stops it"))),
    };
    spinner.finish_and_clear();
    let run = run?;
    session.output.say(&run, RunWithTasks::in_words)?;
    match run.run.state {
        DagRunState::Success => Ok(()),
        _ => Err(Failure::new(Exit::Failed, format!("{run_id} of {dag_id} failed"))
            .remedy(format!("`cofferdam run logs {dag_id} {run_id}` shows what its tasks wrote"))),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn finish(
    session: &Session,
    client: &Client,
    dag_id: &DagId,
    run_id: &DagRunId,
    spinner: &ProgressBar,
) -> Result<RunWithTasks, Failure> {
    let mut changes = Changes::new(client, dag_id, run_id);
    let mut seen: BTreeMap<String, TaskState> = BTreeMap::new();
    loop {
        let now = RunWithTasks::read(session, client, dag_id, run_id).await?;
        for task in &now.task_instances {
            let before = seen.insert(name(task), task.state);
            // Of a mapped task, only what goes wrong is told of each instance.
            let told = task.map_index < 0 || matches!(task.state, TaskState::Failed | TaskState::UpForRetry);
            if told && before != Some(task.state) && task.state != TaskState::None {
                tell(&session.output, spinner, task);
            }
        }
        spinner.set_message(summary(&now));
        if now.run.state.is_finished() {
            return Ok(now);
        }
        changes.wait().await;
    }
}

fn tell(output: &Output, spinner: &ProgressBar, task: &TaskInstance) {
    if output.json {
        return;
    }
    let reason = task.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let line = format!("{} {}{reason}", name(task), table::state(task.state.as_str()));
    if spinner.is_hidden() { output.note(&line) } else { spinner.println(line) }
}

fn summary(now: &RunWithTasks) -> String {
    let finished = now.task_instances.iter().filter(|task| task.state.is_finished()).count();
    let running = now.task_instances.iter().filter(|task| task.state == TaskState::Running);
    let running: Vec<String> = running.take(3).map(name).collect();
    let doing = if running.is_empty() { now.run.state.to_string() } else { format!("running {}", running.join(", ")) };
    format!("{finished} of {} tasks done, {doing}", now.task_instances.len())
}

/// The name of a task instance: with its index when it is one of several.
pub fn name(task: &TaskInstance) -> String {
    if task.map_index < 0 { task.task_id.to_string() } else { format!("{}[{}]", task.task_id, task.map_index) }
}

/// A text of a task without what could change the terminal.
pub fn plain(text: &str) -> String {
    console::strip_ansi_codes(text)
        .chars()
        .map(|c| match c {
            '\t' | '\n' => c,
            // What would turn the direction of the text around shows another text than the one that is there.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            _ if c.is_control() => '\u{fffd}',
            _ => c,
        })
        .collect()
}

/// Wakes whoever follows a run when something of it changes, and now and then anyway.
struct Changes {
    events: Option<cofferdam_client::EventStream>,
    dag_id: DagId,
    run_id: DagRunId,
}

impl Changes {
    fn new(client: &Client, dag_id: &DagId, run_id: &DagRunId) -> Self {
        Self { events: Some(client.events()), dag_id: dag_id.clone(), run_id: run_id.clone() }
    }

    async fn wait(&mut self) {
        let look_anyway = Instant::now() + LOOK_ANYWAY;
        while let Some(events) = &mut self.events {
            let message = match tokio::time::timeout_at(look_anyway, events.next()).await {
                Err(_) => return,
                Ok(message) => message,
            };
            match message {
                Some(Ok(StreamMessage::Changes { events })) => {
                    if events.iter().any(|event| self.concerns(event)) {
                        return;
                    }
                }
                Some(Ok(StreamMessage::Ready | StreamMessage::Resync)) => return,
                // Without events the run is looked at every second.
                Some(Err(_)) | None => self.events = None,
            }
        }
        tokio::time::sleep_until(look_anyway).await;
    }

    fn concerns(&self, event: &Event) -> bool {
        match event {
            Event::DagRun { dag_id, dag_run_id, .. } | Event::TaskInstance { dag_id, dag_run_id, .. } => {
                (dag_id, dag_run_id) == (&self.dag_id, &self.run_id)
            }
            Event::Dag { .. } | Event::Progress { .. } | Event::DeadlineMissed { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_wrote_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[31mred\x1b[0m\ttab\x07\x08"), "ared\ttab\u{fffd}\u{fffd}");
        // A title, a link, moving the cursor, clearing the screen, asking the terminal to answer, other character sets, what
        // does not end, the short forms of eight bits, and a change of direction: none of it reaches the terminal.
        for hostile in [
            "\x1b]0;owned\x07",
            "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
            "\x1b[2J\x1b[1;1H",
            "\x1b[6n",
            "\x1b(0",
            "\x1bc",
            "\x1bP$q\"p\x1b\\",
            "\x1b[",
            "\x1b]0;no end",
            "\x1b",
            "\u{9b}31m",
            "\u{9d}0;owned\u{9c}",
            "over\rwritten",
            "\u{202e}txt.exe",
        ] {
            let shown = plain(&format!("before {hostile} after"));
            let harmless =
                |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c) && !('\u{2066}'..='\u{2069}').contains(&c);
            assert!(shown.starts_with("before ") && shown.chars().all(harmless), "{hostile:?}: {shown:?}");
        }
    }
}
