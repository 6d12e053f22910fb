use super::base::connect_store;
use super::migrate::database;
use super::secrets::Keys;
use crate::config::Settings;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use cofferdam_store::Access;
use cofferdam_store::secrets::{self, Rotation};
use serde_json::json;

/// Seals every variable and connection of every tenant anew under the current secret key.
pub async fn rotate(settings: &Settings, output: &Output) -> Result<(), Failure> {
    let installation = settings.installation("secrets rotate", &["database_url", "secret_key"])?;
    let ring = Keys::from_secret(&installation.secret_key, &settings.earlier_secret_keys).ring;
    let store = connect_store(&installation.database_url, Access::System, "secrets rotate", settings).await?;
    let mut rotation = Rotation::default();
    while !rotation.is_done() {
        let mut tx = store.begin_across_tenants("secrets rotate").await.map_err(|error| database(&error))?;
        secrets::rotate(&mut tx, &ring, &mut rotation).await.map_err(|error| database(&error))?;
        tx.commit().await.map_err(|error| database(&error))?;
        tracing::info!(values.resealed = rotation.resealed, "sealing anew");
    }
    for (what, error) in &rotation.failed {
        output.note(&format!("the {what} stays as it is: {error}"));
    }
    let done = json!({ "key_id": ring.current().to_string(), "resealed": rotation.resealed, "failed": rotation.failed.len() });
    output.say(&done, |_| format!("{} values are sealed anew under the key {}.", rotation.resealed, ring.current()))?;
    if rotation.failed.is_empty() {
        return Ok(());
    }
    let what = format!("{} values cannot be opened with the keys given", rotation.failed.len());
    Err(Failure::new(Exit::Failed, what)
        .remedy("add the secret keys that they were sealed under to `earlier_secret_keys`, and run this again"))
}
