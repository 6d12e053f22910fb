use super::session::Session;
use crate::failure::Failure;
use crate::output::{Table, table};
use chrono::{DateTime, Utc};
use cofferdam_client::Client;
use cofferdam_client::api::{Callback, Deadline};
use cofferdam_ids::{DagId, DagRunId};
use serde::Serialize;

/// What is printed.
#[derive(Serialize)]
struct Shown {
    callbacks: Vec<Callback>,
    deadlines: Vec<Deadline>,
}

/// Shows the callbacks that a run has called, and its deadlines.
pub async fn show(session: &Session, client: &Client, dag: &DagId, run: &DagRunId) -> Result<(), Failure> {
    let refused = |error| session.failure(error);
    let callbacks = client.list_callbacks(dag, run).await.map_err(refused)?.callbacks;
    let deadlines = client.list_deadlines(dag, run).await.map_err(refused)?.deadlines;
    session
        .output
        .say(&Shown { callbacks, deadlines }, |shown| format!("{}\n\n{}", called(&shown.callbacks), due(&shown.deadlines)))
}

fn called(callbacks: &[Callback]) -> Table {
    let columns = ["called", "for", "task", "try", "callback", "no.", "state", "message"];
    let mut rows = Table::new(&columns, "It has called no callbacks.");
    for one in callbacks {
        rows.row([
            table::time(one.called_at),
            one.event.as_str().to_owned(),
            match (&one.subject_task_id, one.subject_map_index) {
                (None, _) => "-".to_owned(),
                (Some(task), -1) => task.to_string(),
                (Some(task), index) => format!("{task}[{index}]"),
            },
            one.subject_try_number.to_string(),
            one.task_id.to_string(),
            one.map_index.to_string(),
            table::state(one.state.as_str()),
            one.message.as_deref().and_then(|message| message.lines().next()).unwrap_or_default().to_owned(),
        ]);
    }
    rows
}

fn due(deadlines: &[Deadline]) -> Table {
    let mut rows = Table::new(&["deadline", "of", "missed"], "It has no deadlines ahead, and has missed none.");
    let at = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), table::time);
    for one in deadlines {
        let of = one.task_id.as_ref().map_or_else(|| "the run".to_owned(), ToString::to_string);
        rows.row([at(one.due_at), of, if one.missed_at.is_some() { "yes".to_owned() } else { "no".to_owned() }]);
    }
    rows
}
