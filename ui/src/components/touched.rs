//! What an act on task instances would touch, looked at before it is done.

use crate::components::feedback::FailureNotice;
use crate::components::icon::Icon;
use crate::components::status::StatusLabel;
use crate::core::http::{self, Failure};
use crate::core::latest::Latest;
use crate::core::status::Status;
use crate::core::{format, paths};
use cofferdam_api_types::{MarkedRunState, TaskInstanceReference, TaskInstanceReferenceCollection, TaskState, UpdateDagRunState};
use cofferdam_ids::DagRunId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// As many instances as are listed by name.
const LISTED: usize = 200;

/// What the server said that would be touched; nothing before it has.
pub type Preview = Option<Result<Vec<TaskInstanceReference>, Failure>>;

/// What is said of a run whose state changes and no state of its tasks.
pub const ONLY_THE_RUN: &str = "No task instance gets another state; only the run does.";

/// Whether something would be touched.
#[must_use]
pub fn touches(preview: &Preview) -> bool {
    matches!(preview, Some(Ok(touched)) if !touched.is_empty())
}

/// What the button says that does it: the verb, and to how many when that is known.
#[must_use]
pub fn verb_for(verb: &str, preview: &Preview) -> String {
    match preview {
        Some(Ok(touched)) if !touched.is_empty() => {
            format!("{verb} {}", format::plural(touched.len() as u64, "task instance", "task instances"))
        }
        _ => verb.to_owned(),
    }
}

/// A request whose answer is what it touches, or would touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether it is a `PATCH`, and no `POST`.
    pub is_patch: bool,
    /// The end of its path, below that of the dag.
    pub end: String,
    /// Its body.
    pub body: Value,
}

impl Request {
    /// A `POST`.
    #[must_use]
    pub fn post(end: &str, body: &impl Serialize) -> Self {
        Self { is_patch: false, end: end.to_owned(), body: serde_json::to_value(body).unwrap_or_default() }
    }

    /// A look at what a run's new state would touch.
    #[must_use]
    pub fn of_mark(run: &DagRunId, state: MarkedRunState) -> Self {
        let body = serde_json::to_value(UpdateDagRunState { state }).unwrap_or_default();
        Self { is_patch: true, end: format!("dagRuns/{}?dry_run=true", paths::segment(run.as_str())), body }
    }
}

/// Sends requests about a dag, one after the other. What several of them touch is counted once.
///
/// # Errors
/// See [`Failure`]. Those before the one that failed have been carried out.
pub async fn send(dag: &str, requests: Vec<Request>) -> Result<Vec<TaskInstanceReference>, Failure> {
    let mut touched: Vec<TaskInstanceReference> = Vec::new();
    for Request { is_patch, end, body } in requests {
        let path = format!("{}/{end}", paths::dag(dag));
        let answer: TaskInstanceReferenceCollection =
            if is_patch { http::amend(&path, &body).await? } else { http::post(&path, &body).await? };
        touched.extend(answer.task_instances);
    }
    touched.sort_by(|a, b| {
        (a.execution_date, &a.dag_run_id, &a.task_id, a.map_index).cmp(&(
            b.execution_date,
            &b.dag_run_id,
            &b.task_id,
            b.map_index,
        ))
    });
    touched.dedup_by(|a, b| a.dag_run_id == b.dag_run_id && a.task_id == b.task_id && a.map_index == b.map_index);
    Ok(touched)
}

/// What these requests would touch, which must be such that change nothing; asked again when what they are made of changes. Nothing is
/// asked when there are none.
pub fn previewed(dag: String, requests: impl Fn() -> Vec<Request> + 'static) -> RwSignal<Preview> {
    let preview: RwSignal<Preview> = RwSignal::new(None);
    let latest = Latest::new();
    Effect::new(move |_| {
        let requests = requests();
        if requests.is_empty() {
            return;
        }
        let question = latest.ask();
        preview.set(None);
        let dag = dag.clone();
        spawn_local(async move {
            let answer = send(&dag, requests).await;
            if question.is_wanted() {
                preview.try_set(Some(answer));
            }
        });
    });
    preview
}

/// The foot of a form in a dialog: leaves it, or does what it asks about.
#[component]
pub fn Foot(
    /// Whether the dialog is open.
    open: RwSignal<bool>,
    /// Whether it is being done.
    busy: RwSignal<bool>,
    /// Whether it can be done.
    ready: Memo<bool>,
    /// Whether it destroys something.
    danger: bool,
    /// What the button says that does it.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    view! {
        <footer>
            <button type="button" class="btn" on:click=move |_| open.set(false)>"Cancel"</button>
            <button class="btn" class:primary=!danger class:danger=danger class:solid=danger autofocus disabled=move || busy.get() || !ready.get()>
                <Show when=move || busy.get()><Icon name="running"/></Show>{label}
            </button>
        </footer>
    }
}

/// A choice of how far an act reaches.
#[component]
pub fn Choice(
    /// What it says.
    label: &'static str,
    /// Whether it is made.
    #[prop(into)]
    get: Signal<bool>,
    /// Makes it, or takes it back.
    #[prop(into)]
    set: Callback<bool>,
) -> impl IntoView {
    view! {
        <label class="check"><input type="checkbox" prop:checked=move || get.get() on:change=move |event| set.run(event_target_checked(&event))/>{label}</label>
    }
}

/// See the module.
#[component]
pub fn PreviewView(
    /// What the server said.
    preview: RwSignal<Preview>,
    /// What is said when nothing would be touched.
    #[prop(default = "It would touch nothing: no task instance fits. Choose more above.")]
    nothing: &'static str,
) -> impl IntoView {
    view! {
        <section class="preview" aria-label="What it touches" aria-live="polite">
            {move || match preview.get() {
                None => view! { <p class="small muted row"><Icon name="running" class="s"/>"Looking at what it would touch"</p> }.into_any(),
                Some(Err(failure)) => view! { <FailureNotice failure/> }.into_any(),
                Some(Ok(touched)) if touched.is_empty() => view! { <p class="small muted">{nothing}</p> }.into_any(),
                Some(Ok(touched)) => view! { <Touched touched/> }.into_any(),
            }}
        </section>
    }
}

/// The instances that it would touch: how many in which state, and which.
#[component]
fn Touched(touched: Vec<TaskInstanceReference>) -> impl IntoView {
    let mut states: BTreeMap<TaskState, usize> = BTreeMap::new();
    for one in &touched {
        *states.entry(one.state).or_default() += 1;
    }
    let mut runs: Vec<DagRunId> = touched.iter().map(|one| one.dag_run_id.clone()).collect();
    runs.dedup();
    let many_runs = runs.len() > 1;
    let left = touched.len().saturating_sub(LISTED);
    let total = format::plural(touched.len() as u64, "task instance", "task instances");
    let sum = if many_runs { format!("{total} in {} runs", runs.len()) } else { total };
    let mut last = None;
    let rows = touched
        .into_iter()
        .take(LISTED)
        .map(|one| {
            let head = (many_runs && last.as_ref() != Some(&one.dag_run_id)).then(|| {
                last = Some(one.dag_run_id.clone());
                view! { <li class="run mono small">{one.dag_run_id.to_string()}</li> }
            });
            let name = if one.map_index < 0 { one.task_id.to_string() } else { format!("{} [{}]", one.task_id, one.map_index) };
            view! { {head}<li><span class="clip grow">{name}</span><StatusLabel status=Status::from(one.state)/></li> }
        })
        .collect_view();
    view! {
        <p class="row wrap small"><strong>{sum}</strong>
            {states.into_iter().map(|(state, count)| view! { <span class="row" style="gap:5px"><StatusLabel status=Status::from(state)/><span class="num">{count}</span></span> }).collect_view()}
        </p>
        <ul class="touched" tabindex="0" role="region" aria-label="Task instances">{rows}</ul>
        {(left > 0).then(|| view! { <p class="small muted">{format!("and {} more", format::grouped(left as u64))}</p> })}
    }
}
