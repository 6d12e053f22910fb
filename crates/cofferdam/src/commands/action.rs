//! What people do to runs and their tasks.

use super::run::run_id;
use super::session::Session;
use crate::cli::{ClearArgs, MarkArgs, MarkName, NoteArgs, SelectionArgs, TaskOfRunArgs};
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::api::{
    ClearTaskInstances, MarkedRunState, MarkedState, TaskInstanceReference, TaskInstanceReferenceCollection,
    UpdateTaskInstancesState,
};
use cofferdam_client::{Client, TaskInstanceRef};
use cofferdam_ids::{DagId, DagRunId, TaskId};

/// Runs tasks of a run anew.
pub async fn clear(session: &Session, client: &Client, args: ClearArgs) -> Result<(), Failure> {
    let run = run_id(session, client, &args.run).await?;
    let SelectionArgs { tasks, map_index, upstream, downstream, past, future, dry_run } = args.selection;
    let request = ClearTaskInstances {
        dry_run,
        task_ids: (!tasks.is_empty()).then_some(tasks),
        map_index,
        dag_run_id: Some(run),
        only_failed: args.only_failed,
        only_running: args.only_running,
        include_upstream: upstream,
        include_downstream: downstream,
        include_past: past,
        include_future: future,
        ..ClearTaskInstances::default()
    };
    let touched = client.clear_task_instances(&args.run.dag_id, &request).await.map_err(|error| session.failure(error))?;
    print(session, &touched)
}

/// Gives a run, or tasks of it, a state.
pub async fn mark(session: &Session, client: &Client, args: MarkArgs) -> Result<(), Failure> {
    let refused = |error| session.failure(error);
    let SelectionArgs { tasks, map_index, upstream, downstream, past, future, dry_run } = args.selection;
    if tasks.is_empty() {
        if past || future {
            return Err(
                Failure::usage("--past and --future go with --task").remedy("name the tasks, or mark one run without them")
            );
        }
        let state = match args.state {
            MarkName::Success => MarkedRunState::Success,
            MarkName::Failed => MarkedRunState::Failed,
            MarkName::Skipped => {
                return Err(Failure::usage("a run cannot be skipped").remedy("name tasks with --task, or use `failed`"));
            }
        };
        if dry_run {
            let touched = client.preview_mark_dag_run(&args.dag_id, &args.run_id, state).await.map_err(refused)?;
            return print(session, &touched);
        }
        let run = client.mark_dag_run(&args.dag_id, &args.run_id, state).await.map_err(refused)?;
        return session.output.say(&run, |run| format!("{} of {} is {}.", run.dag_run_id, run.dag_id, run.state));
    }
    let mut all = TaskInstanceReferenceCollection { task_instances: Vec::new(), total_entries: 0 };
    for task_id in tasks {
        let request = UpdateTaskInstancesState {
            dry_run,
            task_id,
            map_index,
            dag_run_id: Some(args.run_id.clone()),
            execution_date: None,
            include_upstream: upstream,
            include_downstream: downstream,
            include_future: future,
            include_past: past,
            new_state: match args.state {
                MarkName::Success => MarkedState::Success,
                MarkName::Failed => MarkedState::Failed,
                MarkName::Skipped => MarkedState::Skipped,
            },
        };
        let touched = client.mark_task_instances(&args.dag_id, &request).await.map_err(refused)?;
        all.task_instances.extend(touched.task_instances);
        all.total_entries += touched.total_entries;
    }
    print(session, &all)
}

/// Writes a note.
pub async fn note(session: &Session, client: &Client, args: NoteArgs) -> Result<(), Failure> {
    let refused = |error| session.failure(error);
    let said = if args.note.is_empty() { "The note is removed." } else { "The note is written." };
    match args.task {
        None => {
            let run = client.note_dag_run(&args.dag_id, &args.run_id, &args.note).await.map_err(refused)?;
            session.output.say(&run, |_| said.to_owned())
        }
        Some(task) => {
            let task = TaskInstanceRef { dag: args.dag_id, run: args.run_id, task };
            let noted = client.note_task_instance(&task, args.map_index.unwrap_or(-1), &args.note).await.map_err(refused)?;
            session.output.say(&noted, |_| said.to_owned())
        }
    }
}

/// Runs a task of a run anew, and all that waits for it.
pub async fn retry(session: &Session, args: TaskOfRunArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let TaskOfRunArgs { dag_id, run_id, task_id, map_index } = args;
    let request = ClearTaskInstances {
        dry_run: false,
        task_ids: Some(vec![task_id]),
        map_index,
        dag_run_id: Some(run_id),
        only_failed: false,
        include_downstream: true,
        ..ClearTaskInstances::default()
    };
    let touched = client.clear_task_instances(&dag_id, &request).await.map_err(|error| session.failure(error))?;
    print(session, &touched)
}

/// Runs one task of a run by itself.
pub async fn run_alone(session: &Session, args: TaskOfRunArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let task = reference(args.dag_id, args.run_id, args.task_id);
    let started = client.run_task(&task, args.map_index).await.map_err(|error| session.failure(error))?;
    session.output.say(&started, |started| format!("{} is {} (try {}).", started.task_id, started.state, started.try_number))
}

const fn reference(dag: DagId, run: DagRunId, task: TaskId) -> TaskInstanceRef {
    TaskInstanceRef { dag, run, task }
}

/// Lists what is touched, or would be.
pub fn print(session: &Session, touched: &TaskInstanceReferenceCollection) -> Result<(), Failure> {
    session.output.print(touched, |touched| {
        let mut rows = Table::new(&["run", "task", "was"], "There is nothing to change.");
        for one in &touched.task_instances {
            rows.row([one.dag_run_id.to_string(), name(one), table::state(one.state.as_str())]);
        }
        rows
    })
}

fn name(one: &TaskInstanceReference) -> String {
    if one.map_index < 0 { one.task_id.to_string() } else { format!("{}[{}]", one.task_id, one.map_index) }
}
