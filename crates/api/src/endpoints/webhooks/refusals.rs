//! Counting what webhooks refuse. Whoever sends rubbish must not have the database write for each request, nor learn from the time
//! that an answer takes whether there is such a webhook: refusals are counted here and written together, a moment later.

use crate::App;
use chrono::{DateTime, Utc};
use cofferdam_domain::context::Context;
use cofferdam_ids::{DagId, TenantId};
use cofferdam_store::webhooks::{self, WebhookRefusal};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long refusals are gathered before they are written.
const GATHER: Duration = Duration::from_millis(500);

/// Refusals that are not written yet, by webhook.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<(TenantId, DagId), Refused>>);

struct Refused {
    count: u64,
    last: (DateTime<Utc>, WebhookRefusal),
}

/// Counts a refusal of a webhook that exists.
pub(super) fn note(app: &Arc<App>, tenant: TenantId, dag_id: &DagId, why: WebhookRefusal) {
    let last = (app.now(), why);
    let mut waiting = app.refusals.0.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = waiting.is_empty();
    let refused = waiting.entry((tenant, dag_id.clone())).or_insert(Refused { count: 0, last });
    refused.count += 1;
    refused.last = last;
    drop(waiting);
    if is_first {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            let gathered = std::mem::take(&mut *app.refusals.0.lock().unwrap_or_else(PoisonError::into_inner));
            for ((tenant, dag_id), refused) in gathered {
                write(&app, tenant, &dag_id, &refused).await;
            }
        });
    }
}

async fn write(app: &App, tenant: TenantId, dag_id: &DagId, refused: &Refused) {
    let written = async {
        let mut tx = app.state.store.begin(&Context::system(tenant, "webhook")).await?;
        webhooks::note_refusals(&mut tx, dag_id, refused.count, refused.last).await?;
        tx.commit().await
    };
    if let Err(error) = written.await {
        tracing::warn!(dag.id = %dag_id, "refusals of a webhook were not counted: {}", crate::error::chain(&error));
    }
}
