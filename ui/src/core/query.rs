//! Something read from the server: kept while it is read again, with the failure when that fails.

use crate::core::clock;
use crate::core::http::{self, Failure};
use crate::core::latest::Latest;
use crate::core::live::{self, News};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Changes that come in a burst are read once, this many milliseconds after the first.
const SETTLE_MS: i64 = 200;
/// While changes go on and on, they are read this often: a busy tenant must not make every open page hammer the server.
const REST_MS: i64 = 800;

/// How long to wait with reading a change, when the last reading began at `last`.
fn pause(last: i64, now: i64) -> u32 {
    (last + REST_MS - now).clamp(SETTLE_MS, REST_MS) as u32
}

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
    began: StoredValue<i64>,
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
            TimeoutFuture::new(pause(query.began.try_get_value().unwrap_or_default(), clock::now_ms())).await;
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
        began: StoredValue::new(0),
    };
    let latest = Latest::new();
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
        let question = latest.ask();
        let Some(path) = path else { return };
        query.loading.set(true);
        query.began.set_value(clock::now_ms());
        spawn_local(async move {
            let answer = http::get::<T>(&path).await;
            if !question.is_wanted() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_soon_and_a_stream_of_changes_at_a_steady_pace() {
        assert_eq!(pause(0, 1_000_000), 200);
        assert_eq!(pause(1_000_000, 1_000_100), 700);
        assert_eq!(pause(1_000_000, 999_000), 800);
    }
}
