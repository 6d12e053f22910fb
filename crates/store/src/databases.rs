//! Whole databases of a server: made and removed for tests and for the embedded server.

use crate::StoreError;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Makes a database, as a copy of `template` when one is named. `url` leads to another database of the same server.
///
/// # Errors
/// When it exists, or the template is in use.
pub async fn create(url: &str, name: &str, template: Option<&str>) -> Result<(), StoreError> {
    let from = template.map(|template| format!(" TEMPLATE {}", quoted(template))).unwrap_or_default();
    run(url, format!("CREATE DATABASE {}{from}", quoted(name))).await
}

/// Removes a database, and with it every connection to it. Does nothing when there is none.
///
/// # Errors
/// When the server refuses.
pub async fn remove(url: &str, name: &str) -> Result<(), StoreError> {
    run(url, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name))).await
}

/// The names of the server's databases, templates of PostgreSQL itself left out.
///
/// # Errors
/// When the server cannot be reached.
pub async fn list(url: &str) -> Result<Vec<String>, StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    let names = sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE NOT datistemplate ORDER BY 1")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(names)
}

async fn run(url: &str, statement: String) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    let outcome = connection.execute(AssertSqlSafe(statement)).await;
    connection.close().await?;
    outcome?;
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
