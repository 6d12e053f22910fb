//! Checkpoints: in PostgreSQL, the large ones in the object store. Fenced by try and lease.

use super::{TryHost, unavailable};
use bytes::Bytes;
use cofferdam_objects::TaskObject;
use cofferdam_sandbox::HostError;
use cofferdam_store::checkpoints::{self, StoredCheckpoint};

impl TryHost {
    pub(super) async fn keep_checkpoint(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        let failed = |error: &(dyn std::error::Error + 'static)| unavailable("a checkpoint could not be kept", error);
        // The object is stored first; a row never names what is not there.
        let (stored, size) = match data {
            None => (None, 0),
            Some(data) => {
                let size = data.len();
                let stored = if size <= self.shared.config.inline_xcom_bytes {
                    StoredCheckpoint::Inline(data.into())
                } else {
                    let put = self.shared.objects.put_checkpoint(self.tenant, self.run, self.lease.instance, data).await;
                    StoredCheckpoint::Object(put.map_err(|error| failed(&error))?.to_string())
                };
                (Some(stored), size as u64)
            }
        };
        let written = async {
            let mut tx = self.shared.store.begin(&self.system()).await?;
            let (instance, try_number, lease) = (self.lease.instance, self.lease.try_number, self.lease.token);
            let written = match &stored {
                Some(stored) => {
                    let now = self.shared.engine.clock().now();
                    checkpoints::save(&mut tx, instance, try_number, lease, stored, size, now).await?
                }
                None => checkpoints::clear(&mut tx, instance, try_number, lease).await?,
            };
            tx.commit().await?;
            Ok::<_, cofferdam_store::StoreError>(written)
        };
        let written = written.await.map_err(|error| failed(&error))?;
        let (current, needless) = match (written, stored) {
            (Some(before), _) => (true, before),
            (None, Some(StoredCheckpoint::Object(own))) => (false, Some(own)),
            (None, _) => (false, None),
        };
        if let Some(object) = needless.and_then(|object| object.parse::<TaskObject>().ok())
            && let Err(error) = self.shared.objects.remove_task_object(self.tenant, &object).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the object of a former checkpoint remains");
        }
        Ok(current)
    }

    pub(super) async fn read_checkpoint(&self) -> Result<Option<Bytes>, HostError> {
        let failed = |error: &(dyn std::error::Error + 'static)| unavailable("a checkpoint could not be read", error);
        let stored = async {
            let mut tx = self.shared.store.begin(&self.system()).await?;
            checkpoints::load(&mut tx, self.lease.instance).await
        };
        match stored.await.map_err(|error| failed(&error))? {
            None => Ok(None),
            Some(StoredCheckpoint::Inline(data)) => Ok(Some(data.into())),
            Some(StoredCheckpoint::Object(object)) => {
                let object: TaskObject = object.parse().map_err(|error: cofferdam_objects::TaskObjectError| failed(&error))?;
                self.shared.objects.get_checkpoint(self.tenant, &object).await.map(Some).map_err(|error| failed(&error))
            }
        }
    }
}
