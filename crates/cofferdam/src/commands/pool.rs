use super::session::Session;
use crate::cli::PoolCommand;
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::api::{ErrorCode, NewPool, PatchPool, PoolCollection};
use serde_json::json;

/// Lists, sets and deletes pools.
pub async fn run(session: &Session, command: PoolCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        PoolCommand::List { page } => {
            let listed = client.list_pools(&page.query()).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        PoolCommand::Get { name } => {
            let pool = client.get_pool(&name).await.map_err(refused)?;
            session.output.print(&pool, |pool| list(&PoolCollection { pools: vec![pool.clone()], total_entries: 1 }))
        }
        PoolCommand::Set { name, slots, description, include_deferred } => {
            let new = NewPool {
                name: name.clone(),
                slots,
                description: description.clone(),
                include_deferred: include_deferred.unwrap_or(false),
            };
            let set = match client.create_pool(&new).await {
                Err(error) if error.code() == Some(ErrorCode::Conflict) => {
                    let patch =
                        PatchPool { name: None, slots: Some(slots), description: description.map(Some), include_deferred };
                    client.patch_pool(&name, &patch).await
                }
                made => made,
            };
            let set = set.map_err(refused)?;
            session.output.say(&set, |set| format!("The pool '{}' has {} slots.", set.name, set.slots))
        }
        PoolCommand::Delete { name } => {
            client.delete_pool(&name).await.map_err(refused)?;
            session.output.say(&json!({ "name": name, "deleted": true }), |_| format!("The pool '{name}' is deleted."))
        }
    }
}

fn list(pools: &PoolCollection) -> Table {
    let mut rows = Table::new(&["pool", "slots", "open", "running", "queued", "deferred", "description"], "There are no pools.");
    let bounded = |number: i64, slots: i64| if slots < 0 { "-".to_owned() } else { number.to_string() };
    for pool in &pools.pools {
        rows.row([
            pool.name.to_string(),
            bounded(pool.slots, pool.slots),
            bounded(pool.open_slots, pool.slots),
            table::number(pool.running_slots),
            table::number(pool.queued_slots),
            table::number(pool.deferred_slots),
            pool.description.clone().unwrap_or_default(),
        ]);
    }
    rows
}
