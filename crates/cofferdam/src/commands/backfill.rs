use super::session::Session;
use super::trigger::conf;
use crate::cli::{BackfillCommand, BackfillCreateArgs, BackfillOrder, ReprocessArg};
use crate::failure::Failure;
use crate::output::{Table, table};
use chrono_tz::UTC;
use cofferdam_client::api::{
    Backfill, BackfillCollection, BackfillForecast, BackfillListQuery, DryRunBackfill, NewBackfill, ReprocessBehavior,
};

/// Intervals of a dry run that are shown; of more, the first and the last.
const SHOWN: usize = 20;

/// Makes backfills, shows them, and changes them.
pub async fn run(session: &Session, command: BackfillCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        BackfillCommand::Create(args) => {
            let dry_run = args.dry_run;
            let new = request(*args)?;
            if dry_run {
                let told = client.dry_run_backfill(&new).await.map_err(refused)?;
                return session.output.say(&told, would);
            }
            let made = client.create_backfill(&new).await.map_err(refused)?;
            session
                .output
                .say(&made, |made| format!("The backfill {} of {} has {} intervals.", made.id, made.dag_id, made.progress.total))
        }
        BackfillCommand::List { dag_id, states, order_by, page } => {
            let state = (!states.is_empty()).then(|| states.join(","));
            let order_by = Some(order_by);
            let query = BackfillListQuery { limit: page.limit, offset: page.offset, dag_id, state, order_by };
            let listed = client.list_backfills(&query).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        BackfillCommand::Show { id } => {
            let shown = client.get_backfill(id).await.map_err(refused)?;
            session.output.say(&shown, show)
        }
        BackfillCommand::Pause { id } => {
            let paused = client.pause_backfill(id).await.map_err(refused)?;
            session.output.say(&paused, |paused| format!("The backfill {} is paused.", paused.id))
        }
        BackfillCommand::Resume { id } => {
            let resumed = client.resume_backfill(id).await.map_err(refused)?;
            session.output.say(&resumed, |resumed| format!("The backfill {} goes on.", resumed.id))
        }
        BackfillCommand::Cancel { id } => {
            let cancelled = client.cancel_backfill(id).await.map_err(refused)?;
            session.output.say(&cancelled, |cancelled| format!("The backfill {} is cancelled.", cancelled.id))
        }
    }
}

fn request(args: BackfillCreateArgs) -> Result<NewBackfill, Failure> {
    Ok(NewBackfill {
        dag_id: args.dag_id,
        from_date: args.from.resolve(UTC),
        to_date: args.to.resolve(UTC),
        run_backwards: args.order == BackfillOrder::Reverse,
        dag_run_conf: args.conf.as_deref().map(conf).transpose()?,
        reprocess_behavior: match args.reprocess {
            ReprocessArg::None => ReprocessBehavior::None,
            ReprocessArg::Failed => ReprocessBehavior::Failed,
            ReprocessArg::Completed => ReprocessBehavior::Completed,
        },
        max_active_runs: args.max_active_runs,
    })
}

fn would(told: &DryRunBackfill) -> String {
    let mut rows = Table::new(&["interval", "until", "last run", "is run"], "There are no intervals.");
    let hidden = told.backfills.len().saturating_sub(SHOWN);
    for (index, interval) in told.backfills.iter().enumerate() {
        // The last of many is shown too.
        if hidden > 0 && index >= SHOWN && index + 1 < told.backfills.len() {
            continue;
        }
        rows.row([
            table::time(interval.logical_date),
            table::time(interval.data_interval_end),
            interval.last_run.map_or_else(|| "-".to_owned(), |state| table::state(state.as_str())),
            if interval.runs { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let more = if hidden > 1 { format!("\n({} more in between)", hidden - 1) } else { String::new() };
    format!("{rows}{more}\n\n{} of {} intervals would be run. {}", told.runs, told.total_entries, cost(told.forecast))
}

fn cost(forecast: Option<BackfillForecast>) -> String {
    match forecast {
        None => "No run of the dag has succeeded yet, so the cost cannot be told.".to_owned(),
        Some(forecast) => format!(
            "By the last {} successful runs: {} fuel, {} of CPU, {} tries, and {} until the last has ended.",
            forecast.learnt_from,
            table::number(forecast.fuel),
            table::micros(forecast.cpu_ms.saturating_mul(1_000)),
            table::number(forecast.tries),
            table::micros(forecast.wall_ms.saturating_mul(1_000)),
        ),
    }
}

fn list(backfills: &BackfillCollection) -> Table {
    let mut rows = Table::new(
        &["backfill", "dag", "from", "to", "state", "done", "failed", "of"],
        "There are no backfills; `cofferdam backfill create DAG --from TIME --to TIME` makes one.",
    );
    for backfill in &backfills.backfills {
        rows.row([
            backfill.id.to_string(),
            backfill.dag_id.to_string(),
            table::time(backfill.from_date),
            table::time(backfill.to_date),
            backfill.state.as_str().to_owned(),
            (backfill.progress.success + backfill.progress.failed).to_string(),
            backfill.progress.failed.to_string(),
            backfill.progress.total.to_string(),
        ]);
    }
    rows
}

fn show(backfill: &Backfill) -> String {
    let progress = backfill.progress;
    let made = format!(
        "{} succeeded, {} failed, {} running, {} queued, {} waiting, {} left out, of {}",
        progress.success, progress.failed, progress.running, progress.queued, progress.waiting, progress.left_out, progress.total
    );
    Table::properties(vec![
        ("backfill", backfill.id.to_string()),
        ("dag", backfill.dag_id.to_string()),
        ("state", backfill.state.as_str().to_owned()),
        ("progress", made),
        ("from", table::time(backfill.from_date)),
        ("to", table::time(backfill.to_date)),
        ("order", if backfill.run_backwards { "reverse" } else { "forward" }.to_owned()),
        ("runs at once", backfill.max_active_runs.to_string()),
        ("ended", table::maybe_time(backfill.completed_at)),
    ])
    .to_string()
}
