//! Tasks by themselves.

use super::session::Session;
use crate::cli::PageArgs;
use crate::document::Document;
use crate::failure::{Exit, Failure};
use crate::output::{Table, table};
use cofferdam_client::ClientError;
use cofferdam_client::api::{ErrorCode, PutTask, StandaloneTask, StandaloneTaskCollection, StandaloneTaskListQuery};
use cofferdam_ids::TaskId;
use std::path::Path;

/// Makes a task of a file, or replaces the one of that name.
pub async fn apply(session: &Session, file: &Path, version: Option<u64>) -> Result<(), Failure> {
    let document = Document::read(file)?;
    let mut request: PutTask = serde_json::from_value(document.value.clone()).map_err(|error| {
        Failure::usage(format!("it is no task: {error}")).at(document.name.clone()).remedy("docs/tasks-api.md describes tasks")
    })?;
    let Some(task_id) = request.task_id.clone() else {
        return Err(Failure::usage("the task has no name").at(document.name).remedy("give it a `task_id`"));
    };
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    let known = match client.get_task(&task_id).await {
        Ok(known) => Some(known),
        Err(error) if error.code() == Some(ErrorCode::NotFound) => None,
        Err(error) => return Err(refused(error)),
    };
    let task = match known {
        Some(known) => {
            request.version = version.or(request.version).or(Some(known.version));
            client.update_task(&task_id, &request).await.map_err(refused)?
        }
        None if version.is_some() => {
            return Err(Failure::new(Exit::NotFound, format!("there is no task '{task_id}' to replace")));
        }
        None => {
            request.version = None;
            client.create_task(&request).await.map_err(refused)?
        }
    };
    session.output.say(&task, |task| format!("The task {} is at version {}.", task.task_id, task.version))
}

/// Lists tasks.
pub async fn list(session: &Session, page: PageArgs) -> Result<(), Failure> {
    let query = StandaloneTaskListQuery { limit: page.limit, offset: page.offset, ..StandaloneTaskListQuery::default() };
    let listed = session.client().await?.list_tasks(&query).await.map_err(|error: ClientError| session.failure(error))?;
    session.output.print(&listed, rows)
}

/// Shows a task.
pub async fn show(session: &Session, task_id: &TaskId) -> Result<(), Failure> {
    let task = session.client().await?.get_task(task_id).await.map_err(|error| session.failure(error))?;
    session.output.say(&task, shown)
}

/// Deletes a task.
pub async fn delete(session: &Session, task_id: &TaskId, version: Option<u64>) -> Result<(), Failure> {
    session.client().await?.delete_task(task_id, version).await.map_err(|error| session.failure(error))?;
    session.output.note(&format!("The task {task_id} is deleted."));
    Ok(())
}

fn when(task: &StandaloneTask) -> String {
    if !task.depends_on.is_empty() {
        let names: Vec<String> = task.depends_on.iter().map(ToString::to_string).collect();
        return format!("after {}", names.join(", "));
    }
    task.schedule_in_words.clone().unwrap_or_else(|| "-".to_owned())
}

fn rows(tasks: &StandaloneTaskCollection) -> Table {
    let mut rows = Table::new(
        &["task", "runs", "next run", "priority", "retries", "version", "last run"],
        "There are no tasks by themselves; `cofferdam task apply FILE` makes one.",
    );
    for task in &tasks.tasks {
        rows.row([
            task.task_id.to_string(),
            when(task),
            if task.is_paused { "paused".to_owned() } else { table::maybe_time(task.next_run.map(|next| next.due_at)) },
            task.priority.to_string(),
            task.retries.to_string(),
            task.version.to_string(),
            task.recent_runs.first().map_or_else(|| "-".to_owned(), |run| table::state(run.state.as_str())),
        ]);
    }
    rows
}

fn shown(task: &StandaloneTask) -> String {
    let mut properties = vec![
        ("task", task.task_id.to_string()),
        ("version", task.version.to_string()),
        ("runs", when(task)),
        ("next run", table::maybe_time(task.next_run.map(|next| next.due_at))),
        ("paused", if task.is_paused { "yes" } else { "no" }.to_owned()),
        ("priority", task.priority.to_string()),
        ("retries", task.retries.to_string()),
        ("updated", table::time(task.updated_at)),
    ];
    for (field, value) in &task.definition {
        properties.push((field, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    Table::properties(properties).to_string()
}
