//! Whether everything works, and who does the work.

use crate::components::feedback::{Empty, FailureNotice, Skeleton, SkeletonView};
use crate::components::icon::Icon;
use crate::components::page::PageHead;
use crate::components::table::{Column, Table, plain};
use crate::components::time::Ago;
use crate::core::http::{self, Failure};
use cofferdam_api_types::{DeepHealth, HealthStatus, WorkerSummary};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;

/// Health is not an event, so it is asked for while the page is open.
const EVERY: Duration = Duration::from_secs(5);

const WORKERS: &[Column] = &[plain("Worker"), plain("Queues"), plain("Busy"), plain("Started"), plain("State")];

const fn words(status: HealthStatus) -> (&'static str, &'static str, &'static str) {
    match status {
        HealthStatus::Healthy => ("success", "check-circle", "Healthy"),
        HealthStatus::Degraded => ("up_for_retry", "warning", "Degraded"),
        HealthStatus::Unhealthy => ("failed", "x-circle", "Not working"),
    }
}

/// See the module.
#[component]
pub fn SystemPage() -> impl IntoView {
    let health = RwSignal::new(None::<Result<DeepHealth, Failure>>);
    let ask = move || {
        spawn_local(async move {
            let answer = http::health().await;
            health.try_set(Some(answer));
        });
    };
    ask();
    if let Ok(handle) = set_interval_with_handle(ask, EVERY) {
        on_cleanup(move || handle.clear());
    }
    let retry = Callback::new(move |()| ask());
    view! {
        <PageHead title="System"/>
        <div class="content">
            {move || match health.get() {
                None => view! { <section class="card"><SkeletonView shape=Skeleton::Lines/></section> }.into_any(),
                Some(Err(failure)) => view! { <FailureNotice failure retry/> }.into_any(),
                Some(Ok(health)) => view! { <Report health/> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn Report(health: DeepHealth) -> impl IntoView {
    let (state, icon, label) = words(health.status);
    view! {
        <section class="card" aria-label="Health">
            <header>
                <h2>"Health"</h2>
                <span class="status pill" data-state=state><Icon name=icon/>{label}</span>
                <span class="grow"></span>
                <span class="small faint">{format!("Cofferdam {}", health.version)}</span>
            </header>
            <ul class="checks">
                {health.checks.into_iter().map(|(name, part)| {
                    let (state, icon, label) = words(part.status);
                    view! {
                        <li>
                            <span class="status" data-state=state><Icon name=icon/></span>
                            <div class="grow"><strong class="capital">{name}</strong><div class="small muted">{part.detail.unwrap_or_else(|| label.to_owned())}</div></div>
                            <span class="small faint num">{format!("{:.1} ms", part.latency_ms)}</span>
                        </li>
                    }
                }).collect_view()}
            </ul>
        </section>
        <section class="card" aria-label="Workers">
            <header><h2>"Workers"</h2></header>
            {if health.workers.is_empty() {
                view! { <Empty icon="worker" title="No worker is alive"><p>"Tasks stay queued until one starts: "<code>"cofferdam worker"</code></p></Empty> }.into_any()
            } else {
                view! {
                    <Table label="List of workers" columns=WORKERS>
                        {health.workers.into_iter().map(|worker| view! { <Worker worker/> }).collect_view()}
                    </Table>
                }.into_any()
            }}
        </section>
    }
}

#[component]
fn Worker(worker: WorkerSummary) -> impl IntoView {
    let part = f64::from(worker.busy) / f64::from(worker.slots.max(1)) * 100.0;
    let (state, icon, label) =
        if worker.draining { ("up_for_retry", "pause-circle", "Draining") } else { ("success", "check-circle", "Working") };
    view! {
        <tr>
            <td><strong>{worker.name.clone()}</strong><div class="small faint mono">{worker.worker_id.to_string()}</div></td>
            <td>{worker.queues.iter().map(|queue| view! { <span class="tag">{queue.to_string()}</span>" " }).collect_view()}</td>
            <td><div class="row"><span class="gauge" role="img" aria-label=format!("{} of {} slots", worker.busy, worker.slots)><i style=format!("width:{part:.0}%")></i></span><span class="num small">{format!("{} / {}", worker.busy, worker.slots)}</span></div></td>
            <td><Ago at=worker.started_at/></td>
            <td><span class="status" data-state=state><Icon name=icon/>{label}</span></td>
        </tr>
    }
}
