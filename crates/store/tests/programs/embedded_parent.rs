//! Runs an embedded server on the folder given as the first argument and prints its URL and process id; then, with the
//! word `write`, inserts numbers one by one and prints each when its commit was acknowledged. It is there to be killed.

use cofferdam_store::embedded::{self, EmbeddedConfig};
use sqlx::{Connection, Executor, PgConnection};
use std::io::Write;

type AnyError = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: embedded-parent FOLDER [write]")?;
    let postgres = embedded::start(EmbeddedConfig::new(folder)).await?;
    say(&format!("{} {}", postgres.url(), postgres.pid().unwrap_or_default()))?;
    if arguments.next().as_deref() == Some("write") {
        write_numbers(postgres.url()).await?;
    }
    std::future::pending().await
}

async fn write_numbers(url: &str) -> Result<(), AnyError> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CREATE TABLE IF NOT EXISTS numbers (n bigint PRIMARY KEY)").await?;
    for n in 0_i64.. {
        sqlx::query("INSERT INTO numbers VALUES ($1)").bind(n).execute(&mut connection).await?;
        say(&n.to_string())?;
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
