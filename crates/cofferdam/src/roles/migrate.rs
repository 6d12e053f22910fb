use crate::config::Settings;
use crate::failure::{Exit, Failure};
use cofferdam_store::StoreError;

/// Brings the database up to this version.
pub async fn migrate(settings: &Settings) -> Result<(), Failure> {
    let installation = settings.installation("migrate", &["database_url"])?;
    cofferdam_store::migrate(&installation.database_url).await.map_err(|error| database(&error))?;
    tracing::info!(schema.version = cofferdam_store::schema_version(), "the database is up to date");
    Ok(())
}

/// What an error of the database means to whoever starts a role.
pub fn database(error: &StoreError) -> Failure {
    let exit = if matches!(error, StoreError::Unavailable(_)) { Exit::Unreachable } else { Exit::Failed };
    Failure::new(exit, "the database cannot be used")
        .at("database_url")
        .remedy("check that PostgreSQL 15 or later runs there, that the database exists, and that its user may create tables and roles")
        .because(error)
}
