use crate::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Brings the schema of the database at `url` up to this version of Cofferdam. Does nothing when it is.
///
/// Forward only. Several may do it at once: an advisory lock lets one work and the others wait.
///
/// # Errors
/// When the database cannot be reached, was migrated by a later version, or a migration fails (which undoes it).
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    let outcome = MIGRATIONS.run(&mut connection).await;
    // The lock goes with the connection, also after a failure.
    connection.close().await?;
    outcome.map_err(|error| match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => match StoreError::from(source) {
            StoreError::Unavailable(source) => StoreError::Unavailable(source),
            StoreError::Internal(source) => StoreError::Internal(source),
            other => StoreError::Internal(other.into()),
        },
        MigrateError::VersionMissing(version) => StoreError::conflict(format!(
            "the database has migration {version}, which this version of Cofferdam does not know: upgrade Cofferdam"
        )),
        other => StoreError::Internal(other.into()),
    })
}

/// The version of the schema that this program works with: the number of its newest migration.
#[must_use]
pub fn schema_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// A fingerprint of all migrations: changes whenever one of them does.
#[must_use]
pub fn schema_fingerprint() -> u64 {
    // FNV-1a over the checksums: stable across builds, and nobody attacks it.
    MIGRATIONS
        .iter()
        .flat_map(|migration| migration.checksum.iter())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
