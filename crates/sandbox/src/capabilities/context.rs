//! `cofferdam:task/context`: what a task can learn of itself.

use super::Capability;
use crate::bindings::cofferdam::task::context::{self as wit, TaskContext};
use crate::host::Host;
use crate::run::{TryRequest, TryState};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// The context of one try.
pub(crate) struct Context {
    request: Arc<TryRequest>,
    deadline: Option<DateTime<Utc>>,
}

impl Capability for Context {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, HasSelf<Self>>(linker, |state| &mut state.capabilities.context)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        let wall = i64::try_from(request.limits.wall_ms).ok().and_then(TimeDelta::try_milliseconds);
        // A task without a clock must not learn the time by another way.
        let now = if request.grant.clock { host.now() } else { None };
        let deadline = now.zip(wall).and_then(|(now, wall)| now.checked_add_signed(wall));
        Self { request: Arc::clone(request), deadline }
    }
}

impl wit::Host for Context {
    fn get(&mut self) -> wasmtime::Result<TaskContext> {
        let context = &self.request.context;
        Ok(TaskContext {
            dag_id: context.dag_id.to_string(),
            dag_run_id: context.dag_run_id.to_string(),
            task_id: context.task_id.to_string(),
            map_index: u32::try_from(context.map_index).ok(),
            try_number: context.try_number,
            max_tries: context.max_tries,
            logical_date: time(context.logical_date),
            data_interval_start: time(context.data_interval_start),
            data_interval_end: time(context.data_interval_end),
            conf: context.conf.to_string(),
            idempotency_key: context.idempotency_key(self.request.instance),
        })
    }

    fn deadline(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.deadline.map(time))
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};
    use wit::Host as _;

    #[test]
    fn a_task_learns_its_place() {
        let request = request(Default::default());
        let host: Arc<dyn Host> = Arc::new(Recorder::default());
        let context = Context::prepare(&request, &host).get().unwrap();
        assert_eq!((context.dag_id.as_str(), context.task_id.as_str()), ("weather", "clean"));
        assert_eq!((context.map_index, context.try_number, context.max_tries), (None, 2, 3));
        assert_eq!(context.logical_date, "2026-11-21T06:00:00Z");
        assert_eq!(context.conf, r#"{"station":7}"#);
        assert!(context.idempotency_key.ends_with(&request.instance.to_string()));
        assert_eq!(Context::prepare(&request, &host).deadline().unwrap().as_deref(), Some("2026-11-21T06:05:00Z"));
    }
}
