//! Something read from the server: kept while it is read again, with the failure when that fails.

use crate::core::http::{self, Failure};
use crate::core::live::{self, News};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Changes that come in a burst are read once, this many milliseconds after the first.
const SETTLE_MS: u32 = 200;

/// A resource of the server and what is known of it.
pub struct Query<T: Send + Sync + 'static> {
    /// The last answer.
    pub data: RwSignal<Option<Arc<T>>>,
    /// Why the last request failed.
    pub failure: RwSignal<Option<Failure>>,
    /// Whether a request is under way.
    pub loading: RwSignal<bool>,
    again: RwSignal<u32>,
    scheduled: StoredValue<bool>,
}

impl<T: Send + Sync + 'static> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Send + Sync + 'static> Copy for Query<T> {}

impl<T: Send + Sync + 'static> Query<T> {
    /// Reads it again, now.
    pub fn refetch(&self) {
        self.again.try_update(|n| *n = n.wrapping_add(1));
    }

    /// Reads it again, once for all calls within a fraction of a second.
    pub fn refetch_soon(&self) {
        if self.scheduled.try_get_value() != Some(false) {
            return;
        }
        self.scheduled.set_value(true);
        let query = *self;
        spawn_local(async move {
            TimeoutFuture::new(SETTLE_MS).await;
            query.scheduled.try_set_value(false);
            query.refetch();
        });
    }

    /// Reads it again whenever an update for which `concerns` holds arrives.
    pub fn refetch_on(self, concerns: impl Fn(&News) -> bool + 'static) -> Self {
        live::listen(move |update| {
            if matches!(update, News::Resync) || concerns(update) {
                self.refetch_soon();
            }
        });
        self
    }
}

/// Reads what `path` names, and again when it names something else. While only the part after `?` changes, the last answer stays.
pub fn query<T>(path: impl Fn() -> Option<String> + 'static) -> Query<T>
where
    T: DeserializeOwned + PartialEq + Send + Sync + 'static,
{
    let query = Query {
        data: RwSignal::new(None),
        failure: RwSignal::new(None),
        loading: RwSignal::new(true),
        again: RwSignal::new(0),
        scheduled: StoredValue::new(false),
    };
    let generation = StoredValue::new(0_u32);
    let shown = StoredValue::new(String::new());
    Effect::new(move |_| {
        query.again.track();
        let path = path();
        let resource = path.as_deref().and_then(|path| path.split('?').next()).unwrap_or_default().to_owned();
        if shown.with_value(|shown| *shown != resource) {
            shown.set_value(resource);
            query.data.set(None);
            query.failure.set(None);
        }
        let mine = generation.get_value() + 1;
        generation.set_value(mine);
        let Some(path) = path else { return };
        query.loading.set(true);
        spawn_local(async move {
            let answer = http::get::<T>(&path).await;
            if generation.try_get_value() != Some(mine) {
                return;
            }
            match answer {
                Ok(value) => {
                    if query.data.with_untracked(|data| data.as_deref() != Some(&value)) {
                        query.data.set(Some(Arc::new(value)));
                    }
                    query.failure.set(None);
                }
                Err(failure) => query.failure.set(Some(failure)),
            }
            query.loading.set(false);
        });
    });
    query
}
