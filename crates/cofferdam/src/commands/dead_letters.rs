use super::session::Session;
use crate::cli::{DeadLettersCommand, LetterFilterArgs, LetterKindArg, LetterStateArg, WhichLetters};
use crate::failure::Failure;
use crate::output::{Table, table};
use chrono_tz::UTC;
use cofferdam_client::api::{
    DeadLetter, DeadLetterCollection, DeadLetterDetail, DeadLetterFilter, DeadLetterKind, DeadLetterListQuery,
    DeadLetterReference, DeadLetterRetention, DeadLettersChanged, DiscardDeadLetters, Reason, RetryDeadLetters,
};
use cofferdam_domain::definition::TimeSpan;

/// Characters of an error that lists show.
const SHOWN_CHARS: usize = 60;

/// Shows dead letters, runs their tasks again, and puts them aside.
pub async fn run(session: &Session, command: DeadLettersCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        DeadLettersCommand::List { filter, state, order_by, page } => {
            let joined = |names: Vec<String>| (!names.is_empty()).then(|| names.join(","));
            let query = DeadLetterListQuery {
                limit: page.limit,
                offset: page.offset,
                order_by: Some(order_by),
                dag_id: joined(filter.dags.iter().map(ToString::to_string).collect()),
                dag_run_id: joined(filter.runs.iter().map(ToString::to_string).collect()),
                task_id: joined(filter.tasks.iter().map(ToString::to_string).collect()),
                reason: joined(filter.reasons.iter().map(ToString::to_string).collect()),
                kind: filter.kind.map(|kind| api_kind(kind).as_str().to_owned()),
                state: state_name(state).map(str::to_owned),
                at_gte: filter.since.map(|since| since.resolve(UTC)),
                at_lte: filter.until.map(|until| until.resolve(UTC)),
            };
            let listed = client.list_dead_letters(&query).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        DeadLettersCommand::Show { id } => {
            let shown = client.get_dead_letter(id).await.map_err(refused)?;
            session.output.say(&shown, show)
        }
        DeadLettersCommand::Retry { which } => {
            let dry_run = which.dry_run;
            let request = RetryDeadLetters { filter: meant(which)?, dry_run };
            let done = client.retry_dead_letters(&request).await.map_err(refused)?;
            session.output.say(&done, |done| changed(done, "are run again", "would be run again"))
        }
        DeadLettersCommand::Discard { which, note } => {
            let dry_run = which.dry_run;
            let request = DiscardDeadLetters { filter: meant(which)?, note, dry_run };
            let done = client.discard_dead_letters(&request).await.map_err(refused)?;
            session.output.say(&done, |done| changed(done, "are put aside", "would be put aside"))
        }
        DeadLettersCommand::Retention { set, default } => {
            let kept = match (set, default) {
                (None, false) => client.dead_letter_retention().await,
                (set, _) => client.set_dead_letter_retention(set.map(|kept| kept.as_secs())).await,
            };
            session.output.say(&kept.map_err(refused)?, retention)
        }
    }
}

fn retention(kept: &DeadLetterRetention) -> String {
    let whose = if kept.is_default { ", as the configuration says" } else { "" };
    let time = TimeSpan::from_ms(kept.kept_s.saturating_mul(1_000));
    format!("Dead letters are kept for {time} once they were resolved or discarded{whose}.")
}

const fn api_kind(kind: LetterKindArg) -> DeadLetterKind {
    match kind {
        LetterKindArg::Task => DeadLetterKind::Task,
        LetterKindArg::Message => DeadLetterKind::Message,
    }
}

const fn state_name(state: LetterStateArg) -> Option<&'static str> {
    match state {
        LetterStateArg::Open => Some("open"),
        LetterStateArg::Resolved => Some("resolved"),
        LetterStateArg::Discarded => Some("discarded"),
        LetterStateArg::All => None,
    }
}

/// The letters that are meant. Nobody means all of them by saying nothing.
fn meant(which: WhichLetters) -> Result<DeadLetterFilter, Failure> {
    let WhichLetters { ids, filter, all, dry_run: _ } = which;
    if ids.is_empty() && filter.is_empty() && !all {
        return Err(Failure::usage("no dead letters are named").remedy("name some, give a filter, or say --all"));
    }
    let LetterFilterArgs { dags, runs, tasks, reasons, kind, since, until } = filter;
    let reasons: Vec<Reason> =
        Reason::ALL.iter().copied().filter(|known| reasons.iter().any(|reason| reason.as_str() == known.as_str())).collect();
    Ok(DeadLetterFilter {
        dead_letter_ids: some(ids),
        dag_ids: some(dags),
        dag_run_ids: some(runs),
        task_ids: some(tasks),
        reasons: some(reasons),
        kinds: kind.map(|kind| vec![api_kind(kind)]),
        at_gte: since.map(|since| since.resolve(UTC)),
        at_lte: until.map(|until| until.resolve(UTC)),
    })
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    if items.is_empty() { None } else { Some(items) }
}

fn task(letter: &DeadLetter) -> String {
    match letter.map_index {
        -1 => letter.task_id.to_string(),
        map_index => format!("{}[{map_index}]", letter.task_id),
    }
}

fn list(letters: &DeadLetterCollection) -> Table {
    let mut rows =
        Table::new(&["letter", "at", "dag", "run", "task", "reason", "tries", "state", "error"], "There are no dead letters.");
    for letter in &letters.dead_letters {
        let error: String =
            letter.message.as_deref().unwrap_or("-").lines().next().unwrap_or("-").chars().take(SHOWN_CHARS).collect();
        rows.row([
            letter.dead_letter_id.to_string(),
            table::time(letter.at),
            letter.dag_id.to_string(),
            letter.dag_run_id.to_string(),
            task(letter),
            letter.reason.to_string(),
            letter.tries.to_string(),
            letter.state.as_str().to_owned(),
            error,
        ]);
    }
    rows
}

fn show(detail: &DeadLetterDetail) -> String {
    let letter = &detail.dead_letter;
    let mut properties = vec![
        ("letter", letter.dead_letter_id.to_string()),
        ("kind", letter.kind.as_str().to_owned()),
        ("state", letter.state.as_str().to_owned()),
        ("dag", letter.dag_id.to_string()),
        ("run", letter.dag_run_id.to_string()),
        ("task", task(letter)),
        ("task now", letter.task_state.map_or_else(|| "its run was deleted".to_owned(), |state| table::state(state.as_str()))),
        ("reason", letter.reason.to_string()),
        ("error", letter.message.clone().unwrap_or_else(|| "-".to_owned())),
        ("came", table::time(letter.at)),
        ("how often", letter.times.to_string()),
        ("run again", table::maybe_time(letter.retried_at)),
        ("closed", table::maybe_time(letter.closed_at)),
    ];
    if let Some(by) = &letter.discarded_by {
        properties.push(("discarded by", by.clone()));
    }
    if let Some(note) = &letter.note {
        properties.push(("note", note.clone()));
    }
    if let Some(rendered) = &detail.rendered {
        properties.push(("input", rendered.input.to_string()));
    }
    if let Some(message) = &detail.undecodable {
        properties.push(("queue", message.queue.clone().unwrap_or_else(|| "-".to_owned())));
        properties.push(("message (Base64)", message.body.clone()));
        properties.push(("bytes", message.size_bytes.to_string()));
    }
    let mut tries = Table::new(&["try", "ended", "worker", "reason", "fuel", "log", "error"], "No try has ended.");
    for one in &detail.history {
        tries.row([
            one.ended.try_number.to_string(),
            table::time(one.ended.end_date),
            one.ended.worker_id.map_or_else(|| "-".to_owned(), |worker| worker.to_string()),
            one.ended.reason.map_or_else(|| "-".to_owned(), |reason| reason.to_string()),
            table::number(one.ended.receipt.fuel),
            one.log.clone().unwrap_or_else(|| "-".to_owned()),
            one.ended.message.clone().unwrap_or_default().lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    format!("{}\n\n{tries}", Table::properties(properties))
}

fn changed(done: &DeadLettersChanged, did: &str, would: &str) -> String {
    let line = |one: &DeadLetterReference| {
        let mapped = if one.map_index < 0 { String::new() } else { format!("[{}]", one.map_index) };
        format!("  {} {}/{}/{}{mapped}", one.dead_letter_id, one.dag_id, one.dag_run_id, one.task_id)
    };
    let what = if done.dry_run { would } else { did };
    let mut text = match done.total_entries {
        1 => format!("1 dead letter {}.", what.replacen("are ", "is ", 1)),
        count => format!("{count} dead letters {what}."),
    };
    for one in &done.dead_letters {
        text.push('\n');
        text.push_str(&line(one));
    }
    if !done.left_out.is_empty() {
        text.push_str(&format!("\n{} are left out:", done.left_out.len()));
        for one in &done.left_out {
            text.push_str(&format!("\n{}: {}", line(one), one.why.as_deref().unwrap_or_default()));
        }
    }
    text
}
