//! `cofferdam:task/xcom`: small values between the tasks of a run.
//!
//! What is pushed stays here until the try ends, and is recorded with its ending: a try that loses its lease leaves
//! nothing behind.

use super::{Capability, HostUnavailable};
use crate::bindings::cofferdam::task::xcom::{self as wit, XcomError};
use crate::host::{Host, HostError};
use crate::json;
use crate::run::{TryRequest, TryState};
use cofferdam_ids::{TaskId, XComKey};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// XComs that one try may push.
pub(crate) const MAX_PUSHED: usize = 256;
/// All values of one try together may have this many times the bytes of one.
pub(crate) const TOTAL_FACTOR: u64 = 4;

/// The XComs of one try.
pub(crate) struct XComs {
    host: Arc<dyn Host>,
    pushed: Vec<(XComKey, String)>,
    value_max: u64,
}

impl XComs {
    /// What the task pushed, in the order of its keys' first pushes.
    pub(crate) fn take(&mut self) -> Vec<(XComKey, String)> {
        std::mem::take(&mut self.pushed)
    }

    /// Keeps what the task pushes, when it may.
    pub(crate) fn keep(&mut self, key: &str, value: String) -> Result<(), XcomError> {
        let key = XComKey::new(key).map_err(|error| XcomError::InvalidName(error.to_string()))?;
        if key == XComKey::return_value() {
            let message = "the key `return_value` is kept for what the task returns: choose another";
            return Err(XcomError::InvalidName(message.to_owned()));
        }
        if value.len() as u64 > self.value_max {
            return Err(XcomError::TooLarge(self.value_max));
        }
        json::check(&value).map_err(|error| XcomError::InvalidValue(error.to_string()))?;

        let others: u64 = self.pushed.iter().filter(|(known, _)| *known != key).map(|(_, value)| value.len() as u64).sum();
        let total_max = self.value_max.saturating_mul(TOTAL_FACTOR);
        if others + value.len() as u64 > total_max {
            return Err(XcomError::TooLarge(total_max));
        }
        if let Some((_, kept)) = self.pushed.iter_mut().find(|(known, _)| *known == key) {
            *kept = value;
        } else if self.pushed.len() == MAX_PUSHED {
            return Err(XcomError::InvalidName(format!("a try may push {MAX_PUSHED} XComs: put more values under one key")));
        } else {
            self.pushed.push((key, value));
        }
        Ok(())
    }
}

impl Capability for XComs {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, HasSelf<Self>>(linker, |state| &mut state.capabilities.xcom)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self { host: Arc::clone(host), pushed: Vec::new(), value_max: request.limits.result_bytes }
    }
}

impl wit::Host for XComs {
    fn push(&mut self, key: String, value: String) -> wasmtime::Result<Result<(), XcomError>> {
        Ok(self.keep(&key, value))
    }

    async fn pull(
        &mut self,
        task_id: String,
        key: String,
        map_index: Option<u32>,
    ) -> wasmtime::Result<Result<Option<String>, XcomError>> {
        let names = TaskId::new(task_id).and_then(|task_id| Ok((task_id, XComKey::new(key)?)));
        let (task_id, key) = match names {
            Ok(names) => names,
            Err(error) => return Ok(Err(XcomError::InvalidName(error.to_string()))),
        };
        let map_index = match map_index.map(i32::try_from).transpose() {
            Ok(map_index) => map_index,
            Err(_) => return Ok(Ok(None)),
        };
        match self.host.xcom_pull(&task_id, &key, map_index).await {
            Ok(value) => Ok(Ok(value)),
            Err(HostError::Denied(message)) => Ok(Err(XcomError::Denied(message))),
            Err(HostError::Unavailable(message)) => {
                Err(wasmtime::Error::new(HostUnavailable { what: "an XCom could not be read", message }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};
    use cofferdam_domain::limits::Limits;
    use wit::Host as _;

    fn xcoms(result_bytes: u64, host: Recorder) -> XComs {
        let host: Arc<dyn Host> = Arc::new(host);
        XComs::prepare(&request(Limits { result_bytes, ..Limits::default() }), &host)
    }

    #[test]
    fn a_second_push_replaces_the_first() {
        let mut xcoms = xcoms(100, Recorder::default());
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            xcoms.push(key.to_owned(), value.to_owned()).unwrap().unwrap();
        }
        let taken: Vec<_> = xcoms.take().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(taken, ["a=3", "b=2"]);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let mut xcoms = xcoms(10, Recorder::default());
        let mut push = |key: &str, value: &str| xcoms.push(key.to_owned(), value.to_owned()).unwrap();
        assert!(matches!(push("a b", "1"), Err(XcomError::InvalidName(why)) if why.contains("XCom key")));
        assert!(matches!(push("return_value", "1"), Err(XcomError::InvalidName(_))));
        assert!(matches!(push("a", "{"), Err(XcomError::InvalidValue(why)) if why.contains("line 1")));
        assert!(matches!(push("a", "\"1234567890\""), Err(XcomError::TooLarge(10))));
        for key in ["a", "b", "c", "d"] {
            push(key, "1234567890").unwrap();
        }
        assert!(matches!(push("e", "1"), Err(XcomError::TooLarge(40))));
        push("a", "1").unwrap();
        push("e", "1").unwrap();
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let mut xcoms = xcoms(1000, Recorder::default());
        for number in 0..MAX_PUSHED {
            xcoms.push(format!("k{number}"), "0".to_owned()).unwrap().unwrap();
        }
        assert!(matches!(xcoms.push("more".to_owned(), "0".to_owned()).unwrap(), Err(XcomError::InvalidName(_))));
        xcoms.push("k0".to_owned(), "1".to_owned()).unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_failing_host_ends_the_try_and_a_refusing_one_does_not() {
        let mut xcoms = xcoms(
            100,
            Recorder {
                xcoms: vec![
                    (("a", "k", None), Ok(Some("7".to_owned()))),
                    (("a", "k", Some(2)), Err(HostError::Denied("not yours".to_owned()))),
                    (("a", "down", None), Err(HostError::Unavailable("no connection".to_owned()))),
                ],
                ..Recorder::default()
            },
        );
        let pull = async |xcoms: &mut XComs, key: &str, map_index| xcoms.pull("a".to_owned(), key.to_owned(), map_index).await;
        assert_eq!(pull(&mut xcoms, "k", None).await.unwrap().unwrap().as_deref(), Some("7"));
        assert_eq!(pull(&mut xcoms, "other", None).await.unwrap().unwrap(), None);
        assert!(matches!(pull(&mut xcoms, "k", Some(2)).await.unwrap(), Err(XcomError::Denied(why)) if why == "not yours"));
        assert!(matches!(pull(&mut xcoms, "", None).await.unwrap(), Err(XcomError::InvalidName(_))));
        let error = pull(&mut xcoms, "down", None).await.unwrap_err();
        assert!(error.downcast_ref::<HostUnavailable>().is_some());
    }
}
