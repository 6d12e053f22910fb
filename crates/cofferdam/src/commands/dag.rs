use super::session::Session;
use super::{diff, lint, program, trigger};
use crate::cli::{DagCommand, PageArgs};
use crate::failure::Failure;
use crate::output::style::{Tone, paint};
use crate::output::{Table, print_finding, table};
use cofferdam_client::api::{AppliedDag, Dag, DagCalendarQuery, DagCollection, DagDetail, DagListQuery, DagRunState, RecentRun};
use cofferdam_ids::DagId;
use console::Term;
use std::path::PathBuf;

/// Applies dags, shows them, and changes them.
pub async fn run(session: &Session, command: DagCommand) -> Result<(), Failure> {
    match command {
        DagCommand::Apply { files, dry_run } => apply(session, &files, dry_run).await,
        DagCommand::Lint { files, server } => lint::lint(session, &files, server).await,
        DagCommand::Diff { files } => diff::diff(session, &files).await,
        DagCommand::List { page, tags, pattern } => list(session, page, &tags, pattern).await,
        DagCommand::Show { dag_id, version, definition } => show(session, &dag_id, version, definition).await,
        DagCommand::Versions { dag_id } => versions(session, &dag_id).await,
        DagCommand::Calendar { dag_id, from, to } => calendar(session, &dag_id, DagCalendarQuery { from, to }).await,
        DagCommand::Trigger(args) => trigger::trigger(session, args).await,
        DagCommand::Pause { dag_id } => set_paused(session, &dag_id, true).await,
        DagCommand::Unpause { dag_id } => set_paused(session, &dag_id, false).await,
        DagCommand::Delete { dag_id, yes } => delete(session, &dag_id, yes).await,
    }
}

async fn apply(session: &Session, files: &[PathBuf], dry_run: bool) -> Result<(), Failure> {
    // All files are read before the first is sent, so that a typing error in the last does not leave half applied.
    let documents = program::read_all(files, session).await?;
    let client = session.client().await?;
    for document in &documents {
        let (applied, warnings) = lint::apply(session, &client, document, dry_run).await?;
        if !session.output.json {
            warnings.iter().for_each(print_finding);
        }
        session.output.say(&applied, applied_in_words)?;
    }
    Ok(())
}

fn applied_in_words(applied: &AppliedDag) -> String {
    let id = paint(Tone::Strong, applied.dag_id.as_str());
    let text = match (applied.dry_run, applied.changed) {
        (true, true) => format!("{id} is valid and would become version {}.", applied.version_number),
        (true, false) => format!("{id} is valid and would not change (version {}).", applied.version_number),
        (false, true) => format!("{id} is applied as version {}.", applied.version_number),
        (false, false) => format!("{id} has not changed (version {}).", applied.version_number),
    };
    // Of a dag that is new, all of it is.
    match applied.changes.version_number {
        Some(_) if !applied.changes.is_empty() => format!("{text}\n{}", diff::in_words(&applied.changes)),
        _ => text,
    }
}

async fn list(session: &Session, page: PageArgs, tags: &[String], pattern: Option<String>) -> Result<(), Failure> {
    let tags = if tags.is_empty() { None } else { Some(tags.join(",")) };
    let query = DagListQuery { limit: page.limit, offset: page.offset, tags, dag_id_pattern: pattern, ..DagListQuery::default() };
    let dags = session.client().await?.list_dags(&query).await.map_err(|error| session.failure(error))?;
    session.output.print(&dags, dag_table)
}

fn dag_table(dags: &DagCollection) -> Table {
    let mut rows = Table::new(
        &["dag", "schedule", "next run", "version", "last runs"],
        "There are no dags; `cofferdam dag apply FILE` makes one.",
    );
    for dag in &dags.dags {
        rows.row([
            dag.dag_id.to_string(),
            schedule(dag),
            next_run(dag),
            dag.version_number.to_string(),
            recent(&dag.recent_runs),
        ]);
    }
    rows
}

fn schedule(dag: &Dag) -> String {
    dag.schedule_in_words.clone().or_else(|| dag.schedule.clone()).unwrap_or_else(|| "-".to_owned())
}

fn next_run(dag: &Dag) -> String {
    match (&dag.next_run, dag.is_paused) {
        (_, true) => paint(Tone::Warn, "paused"),
        (Some(next), false) => table::time(next.due_at),
        (None, false) => "-".to_owned(),
    }
}

/// The last runs, the newest last: a sign for each.
fn recent(runs: &[RecentRun]) -> String {
    let sign = |run: &RecentRun| {
        let sign = match run.state.as_str() {
            "success" => "✓",
            "failed" => "✗",
            "running" => "▶",
            _ => "·",
        };
        paint(Tone::of_state(run.state.as_str()), sign)
    };
    let signs: Vec<String> = runs.iter().take(10).rev().map(sign).collect();
    if signs.is_empty() { "-".to_owned() } else { signs.join("") }
}

async fn show(session: &Session, dag_id: &DagId, version: Option<u32>, definition: bool) -> Result<(), Failure> {
    let client = session.client().await?;
    let detail = match version {
        Some(version) => client.get_dag_version(dag_id, version).await,
        None => client.get_dag_details(dag_id).await,
    };
    let detail = detail.map_err(|error| session.failure(error))?;
    if definition {
        return session.output.say(&detail.definition, |definition| format!("{definition:#}"));
    }
    session.output.say(&detail, shown)
}

async fn versions(session: &Session, dag_id: &DagId) -> Result<(), Failure> {
    let detail = session.client().await?.get_dag_details(dag_id).await.map_err(|error| session.failure(error))?;
    session.output.print(&detail.versions, |versions| {
        let mut rows = Table::new(&["version", "applied", "by", "from"], "It has no versions.");
        for version in versions {
            rows.row([
                version.version_number.to_string(),
                table::time(version.created_at),
                version.created_by.clone().unwrap_or_else(|| "-".to_owned()),
                version.origin.as_ref().map_or_else(|| "-".to_owned(), |origin| format!("{}/{}", origin.bundle, origin.path)),
            ]);
        }
        rows
    })
}

async fn calendar(session: &Session, dag_id: &DagId, query: DagCalendarQuery) -> Result<(), Failure> {
    let calendar = session.client().await?.get_dag_calendar(dag_id, &query).await.map_err(|error| session.failure(error))?;
    session.output.print(&calendar, |calendar| {
        let mut rows =
            Table::new(&["day", "success", "failed", "running", "queued", "planned"], "No day has runs, and none is planned.");
        for day in &calendar.days {
            let count = |state| table::number(day.states.get(&state).copied().unwrap_or(0));
            rows.row([
                day.date.to_string(),
                count(DagRunState::Success),
                count(DagRunState::Failed),
                count(DagRunState::Running),
                count(DagRunState::Queued),
                table::number(day.planned),
            ]);
        }
        rows
    })
}

fn shown(detail: &DagDetail) -> String {
    let dag = &detail.dag;
    let mut properties = vec![
        ("dag", dag.dag_id.to_string()),
        (
            "version",
            match detail.shown_version {
                shown if shown == dag.version_number => shown.to_string(),
                shown => format!("{shown}; the current one is {}", dag.version_number),
            },
        ),
        ("schedule", schedule(dag)),
        ("next run", next_run(dag)),
        ("last runs", recent(&dag.recent_runs)),
        ("updated", table::time(dag.updated_at)),
    ];
    properties.extend(dag.description.clone().map(|description| ("description", description)));
    if !dag.tags.is_empty() {
        properties.push(("tags", dag.tags.join(", ")));
    }
    if !dag.owners.is_empty() {
        properties.push(("owners", dag.owners.join(", ")));
    }
    let mut tasks = Table::new(&["task", "waits for", "component", "digest", "tries", "time limit"], "It has no tasks.");
    for task in &detail.tasks {
        let upstream: Vec<&str> =
            detail.edges.iter().filter(|edge| edge.downstream == task.task_id).map(|edge| edge.upstream.as_str()).collect();
        tasks.row([
            task.task_id.to_string(),
            if upstream.is_empty() { "-".to_owned() } else { upstream.join(", ") },
            match (&task.component, &task.run_dag) {
                (Some(component), _) => component.to_string(),
                (None, Some(dag)) => format!("run of {dag}"),
                (None, None) => task.kind.clone(),
            },
            task.digest.as_ref().map_or_else(|| "-".to_owned(), |digest| digest.as_str().chars().take(12).collect()),
            task.max_tries.to_string(),
            table::micros(task.timeout_ms.saturating_mul(1_000)),
        ]);
    }
    format!("{}\n\n{tasks}", Table::properties(properties))
}

async fn set_paused(session: &Session, dag_id: &DagId, paused: bool) -> Result<(), Failure> {
    let dag = session.client().await?.set_dag_paused(dag_id, paused).await.map_err(|error| session.failure(error))?;
    session.output.say(&dag, |dag| match paused {
        true => format!("{} is paused: no run starts on schedule.", dag.dag_id),
        false => format!("{} is not paused; its next run is due {}.", dag.dag_id, next_run(dag)),
    })
}

async fn delete(session: &Session, dag_id: &DagId, yes: bool) -> Result<(), Failure> {
    if !yes {
        let terminal = Term::stderr();
        if !terminal.is_term() {
            return Err(Failure::usage(format!("{dag_id} is not deleted without confirmation")).remedy("give --yes"));
        }
        terminal.write_str(&format!("Delete {dag_id} with all its runs, logs and results? Type its name to confirm: "))?;
        if terminal.read_line()?.trim() != dag_id.as_str() {
            return Err(Failure::usage("nothing was deleted"));
        }
    }
    let deleted = session.client().await?.delete_dag(dag_id).await.map_err(|error| session.failure(error))?;
    session.output.say(&deleted, |deleted| format!("{} is deleted with all its runs.", deleted.dag_id))
}
