use super::session::Session;
use super::variable::from_stdin;
use crate::cli::ConnectionCommand;
use crate::failure::Failure;
use crate::output::Table;
use cofferdam_client::api::{Connection, ConnectionCollection, NewConnection};
use serde_json::json;

/// Lists, shows, adds and deletes connections.
pub async fn run(session: &Session, command: ConnectionCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        ConnectionCommand::List { page } => {
            let listed = client.list_connections(&page.query()).await.map_err(refused)?;
            session.output.print(&listed, |listed: &ConnectionCollection| list(&listed.connections))
        }
        ConnectionCommand::Get { connection_id } => {
            let connection = client.get_connection(&connection_id).await.map_err(refused)?;
            session.output.print(&connection, |connection| list(std::slice::from_ref(connection)))
        }
        ConnectionCommand::Add(args) => {
            let extra = match args.extra.as_deref().map(|extra| (extra.strip_prefix('@'), extra)) {
                None => None,
                Some((None, extra)) => Some(extra.to_owned()),
                Some((Some(file), _)) => Some(
                    std::fs::read_to_string(file)
                        .map_err(|error| Failure::usage("the file cannot be read").at(file).because(&error))?,
                ),
            };
            let new = NewConnection {
                connection_id: args.connection_id,
                conn_type: args.conn_type,
                description: args.description,
                host: args.host,
                login: args.login,
                schema: args.schema,
                port: args.port,
                password: if args.password_stdin { Some(from_stdin()?) } else { None },
                extra,
            };
            let added = client.create_connection(&new).await.map_err(refused)?;
            session.output.say(&added, |added| format!("The connection '{}' is added.", added.connection_id))
        }
        ConnectionCommand::Delete { connection_id } => {
            client.delete_connection(&connection_id).await.map_err(refused)?;
            session.output.say(&json!({ "connection_id": connection_id, "deleted": true }), |_| {
                format!("The connection '{connection_id}' is deleted.")
            })
        }
    }
}

fn list(connections: &[Connection]) -> Table {
    let mut rows = Table::new(&["connection", "type", "host", "port", "login", "password", "extra"], "There are no connections.");
    let there = |there: bool| if there { "(set)" } else { "" }.to_owned();
    for connection in connections {
        rows.row([
            connection.connection_id.to_string(),
            connection.conn_type.clone(),
            connection.host.clone().unwrap_or_default(),
            connection.port.map(|port| port.to_string()).unwrap_or_default(),
            connection.login.clone().unwrap_or_default(),
            there(connection.has_password),
            there(connection.has_extra),
        ]);
    }
    rows
}
