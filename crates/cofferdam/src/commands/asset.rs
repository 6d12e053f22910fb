use super::session::Session;
use crate::cli::AssetCommand;
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::api::{
    Asset, AssetCollection, AssetEvent, AssetEventCollection, AssetEventListQuery, AssetListQuery, NewAssetEvent,
};

/// Lists and shows assets, and tells that they changed.
pub async fn run(session: &Session, command: AssetCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        AssetCommand::List { pattern, order_by, page } => {
            let order_by = Some(order_by);
            let query = AssetListQuery { limit: page.limit, offset: page.offset, uri_pattern: pattern, order_by };
            session.output.print(&client.list_assets(&query).await.map_err(refused)?, list)
        }
        AssetCommand::Show { uri } => session.output.say(&client.get_asset(&uri).await.map_err(refused)?, show),
        AssetCommand::Events { uri, order_by, page } => {
            let order_by = Some(order_by);
            let query = AssetEventListQuery { limit: page.limit, offset: page.offset, uri, source_dag_id: None, order_by };
            session.output.print(&client.list_asset_events(&query).await.map_err(refused)?, events)
        }
        AssetCommand::Send { uri, extra } => {
            let extra = extra.map(|text| {
                serde_json::from_str(&text)
                    .map_err(|error| Failure::usage("--extra is not JSON").at(text.clone()).because(&error))
            });
            let new = NewAssetEvent { uri, extra: extra.transpose()? };
            let event = client.create_asset_event(&new).await.map_err(refused)?;
            session.output.say(&event, |event| format!("The asset {} has changed (event {}).", event.uri, event.id))
        }
    }
}

fn producers(asset: &Asset) -> String {
    asset.producing_tasks.iter().map(|task| format!("{}.{}", task.dag_id, task.task_id)).collect::<Vec<_>>().join(", ")
}

fn consumers(asset: &Asset) -> String {
    asset.consuming_dags.iter().map(|dag| dag.dag_id.to_string()).collect::<Vec<_>>().join(", ")
}

fn list(assets: &AssetCollection) -> Table {
    let mut rows = Table::new(
        &["asset", "produced by", "waited for by", "changed"],
        "There are no assets; `produces` of a task and `schedule` of a dag name them.",
    );
    for asset in &assets.assets {
        rows.row([asset.uri.clone(), producers(asset), consumers(asset), table::maybe_time(asset.last_event_at)]);
    }
    rows
}

fn show(asset: &Asset) -> String {
    Table::properties(vec![
        ("asset", asset.uri.clone()),
        ("produced by", producers(asset)),
        ("waited for by", consumers(asset)),
        ("changed", table::maybe_time(asset.last_event_at)),
    ])
    .to_string()
}

fn events(events: &AssetEventCollection) -> Table {
    let mut rows = Table::new(&["event", "asset", "when", "by", "made"], "Nothing has happened.");
    for event in &events.asset_events {
        let made: Vec<String> = event.created_dagruns.iter().map(|run| format!("{}/{}", run.dag_id, run.run_id)).collect();
        rows.row([event.id.to_string(), event.uri.clone(), table::time(event.timestamp), source(event), made.join(", ")]);
    }
    rows
}

fn source(event: &AssetEvent) -> String {
    match (&event.source_dag_id, &event.source_task_id) {
        (Some(dag), Some(task)) => format!("{dag}.{task}"),
        _ => "hand".to_owned(),
    }
}
