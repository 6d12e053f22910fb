use crate::{Engine, EngineError};
use cofferdam_domain::asset::AssetUri;
use cofferdam_domain::context::{Context, Role};
use cofferdam_store::execution::triggers;
use serde_json::Value;

/// The largest `extra` of an event, as JSON.
pub(crate) const MAX_EXTRA: usize = 64 << 10;

impl Engine {
    /// Records that an asset has changed, and lets the dags that wait for it run. Returns the number of the event.
    ///
    /// # Errors
    /// When `extra` is too large, or the caller is no operator.
    pub async fn send_asset_event(&self, context: &Context, uri: &AssetUri, extra: Option<&Value>) -> Result<i64, EngineError> {
        context.require(Role::Operator)?;
        if extra.is_some_and(|extra| extra.to_string().len() > MAX_EXTRA) {
            let message = format!("'extra' has at most {MAX_EXTRA} bytes");
            return Err(EngineError::Invalid { pointer: "/extra".into(), message });
        }
        let mut tx = self.store.begin(context).await?;
        let event = triggers::told(&mut tx, uri, extra, self.clock.now()).await?;
        tx.commit().await?;
        self.wake_schedulers();
        Ok(event)
    }
}
