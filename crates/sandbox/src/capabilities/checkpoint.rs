//! `cofferdam:task/checkpoint`: what a task keeps for its own next try.

use super::{Capability, HostUnavailable};
use crate::bindings::cofferdam::task::checkpoint::{self as wit, CheckpointError};
use crate::host::{Host, HostError};
use crate::run::{TryRequest, TryState};
use bytes::Bytes;
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// The checkpoint of one try's task instance.
pub(crate) struct Checkpoint {
    host: Arc<dyn Host>,
    limit: u64,
}

impl Checkpoint {
    async fn keep(&self, data: Option<Bytes>) -> wasmtime::Result<Result<(), CheckpointError>> {
        match self.host.checkpoint_save(data).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(CheckpointError::Superseded)),
            Err(HostError::Denied(why)) => Ok(Err(CheckpointError::Denied(why))),
            Err(HostError::Unavailable(message)) => Err(failed("the checkpoint could not be kept", message)),
        }
    }
}

fn failed(what: &'static str, message: String) -> wasmtime::Error {
    wasmtime::Error::new(HostUnavailable { what, message })
}

impl Capability for Checkpoint {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, HasSelf<Self>>(linker, |state| &mut state.capabilities.checkpoint)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self { host: Arc::clone(host), limit: request.limits.checkpoint_bytes }
    }
}

impl wit::Host for Checkpoint {
    async fn save(&mut self, data: Vec<u8>) -> wasmtime::Result<Result<(), CheckpointError>> {
        if data.len() as u64 > self.limit {
            return Ok(Err(CheckpointError::TooLarge(self.limit)));
        }
        self.keep(Some(data.into())).await
    }

    async fn load(&mut self) -> wasmtime::Result<Result<Option<Vec<u8>>, CheckpointError>> {
        match self.host.checkpoint_load().await {
            Ok(data) => Ok(Ok(data.map(Vec::from))),
            Err(HostError::Denied(why)) => Ok(Err(CheckpointError::Denied(why))),
            Err(HostError::Unavailable(message)) => Err(failed("the checkpoint could not be read", message)),
        }
    }

    async fn clear(&mut self) -> wasmtime::Result<Result<(), CheckpointError>> {
        self.keep(None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};
    use crate::host::NoHost;
    use cofferdam_domain::limits::Limits;
    use wit::Host as _;

    fn checkpoint(host: Arc<dyn Host>) -> Checkpoint {
        Checkpoint::prepare(&request(Limits { checkpoint_bytes: 4, ..Limits::default() }), &host)
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded_until_it_is_cleared() {
        let mut checkpoint = checkpoint(Arc::new(Recorder::default()));
        assert_eq!(checkpoint.load().await.unwrap().unwrap(), None);
        checkpoint.save(b"1234".to_vec()).await.unwrap().unwrap();
        let error = checkpoint.save(b"12345".to_vec()).await.unwrap().unwrap_err();
        assert!(matches!(error, CheckpointError::TooLarge(4)), "{error:?}");
        assert_eq!(checkpoint.load().await.unwrap().unwrap().as_deref(), Some(&b"1234"[..]));
        checkpoint.clear().await.unwrap().unwrap();
        assert_eq!(checkpoint.load().await.unwrap().unwrap(), None);
    }

    #[tokio::test]
    async fn a_try_without_its_lease_is_told_so() {
        let host = Arc::new(Recorder::default());
        let mut checkpoint = checkpoint(host.clone());
        checkpoint.save(b"old".to_vec()).await.unwrap().unwrap();
        *host.superseded.lock() = true;
        assert!(matches!(checkpoint.save(b"late".to_vec()).await.unwrap(), Err(CheckpointError::Superseded)));
        assert!(matches!(checkpoint.clear().await.unwrap(), Err(CheckpointError::Superseded)));
        assert_eq!(checkpoint.load().await.unwrap().unwrap().as_deref(), Some(&b"old"[..]));
    }

    #[tokio::test]
    async fn a_host_without_checkpoints_says_so() {
        let mut checkpoint = checkpoint(Arc::new(NoHost));
        let error = checkpoint.save(Vec::new()).await.unwrap().unwrap_err();
        assert!(matches!(error, CheckpointError::Denied(why) if why.contains("no checkpoints")));
    }
}
