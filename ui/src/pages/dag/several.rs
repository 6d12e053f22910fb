//! What a person does to several runs of a dag at once, with a look at what it would touch.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::feedback::{FailureNotice, Toasts};
use crate::components::icon::Icon;
use crate::components::menu::Item;
use crate::components::picked::{Picked, PickedBar};
use crate::components::status::StatusLabel;
use crate::components::touched::{Choice, Foot, ONLY_THE_RUN, PreviewView, Request, previewed, send, touches, verb_for};
use crate::core::http::{self, Failure};
use crate::core::session::session;
use crate::core::status::Status;
use crate::core::tally::{self, Tally};
use crate::core::{format, paths};
use crate::pages::dag::dag_context;
use cofferdam_api_types::{ClearTaskInstances, DagRun, MarkedRunState, Role, TaskSummaryCollection, UpdateDagRunState};
use cofferdam_ids::DagRunId;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// As many runs can be acted on at once: each is a request.
const MOST: usize = 100;

/// What is done to runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Their tasks run again.
    Clear,
    /// They count as something.
    Mark(MarkedRunState),
    /// They go.
    Delete,
}

/// What is asked for: the deed, and the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    deed: Deed,
    runs: Vec<DagRunId>,
}

impl Asked {
    fn title(&self) -> String {
        let runs = format::plural(self.runs.len() as u64, "run", "runs");
        match self.deed {
            Deed::Clear => format!("Clear {runs}"),
            Deed::Mark(MarkedRunState::Success) => format!("Mark {runs} as success"),
            Deed::Mark(MarkedRunState::Failed) => format!("Mark {runs} as failed"),
            Deed::Mark(MarkedRunState::Queued) => format!("Take the mark of {runs} back"),
            Deed::Delete => format!("Delete {runs}"),
        }
    }

    const fn meaning(&self) -> &'static str {
        match self.deed {
            Deed::Clear => {
                "Their tasks run again, each run on the dag version that it has. Earlier tries stay with their logs; results are removed, and what runs now is stopped first."
            }
            Deed::Mark(MarkedRunState::Success) => "The runs and all their tasks count as succeeded. What runs is stopped.",
            Deed::Mark(MarkedRunState::Failed) => "Running tasks are stopped and fail, waiting ones are skipped.",
            Deed::Mark(MarkedRunState::Queued) => "The runs are again what their tasks say.",
            Deed::Delete => {
                "The runs go with their tasks, tries, logs and XComs. This cannot be undone. Runs that are not finished are refused."
            }
        }
    }

    const fn verb(&self) -> &'static str {
        match self.deed {
            Deed::Clear => "Clear",
            Deed::Mark(_) => "Mark",
            Deed::Delete => "Delete",
        }
    }
}

/// Which task instances of the runs are cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Only {
    failed: bool,
    running: bool,
}

/// The requests that clear runs.
fn requests(runs: &[DagRunId], only: Only, dry_run: bool) -> Vec<Request> {
    let body = |run: &DagRunId| ClearTaskInstances {
        dry_run,
        dag_run_id: Some(run.clone()),
        only_failed: only.failed,
        only_running: only.running,
        ..ClearTaskInstances::default()
    };
    runs.iter().map(|run| Request::post("clearTaskInstances", &body(run))).collect()
}

/// Runs that are picked, and what can be done to them.
#[component]
pub fn RunsBar(
    /// What is picked.
    picked: Picked<DagRunId>,
    /// Called when something was done.
    changed: Callback<()>,
) -> impl IntoView {
    let session = session();
    let asked = RwSignal::new(None::<Asked>);
    let open = opens_with(asked);
    let title = Signal::derive(move || asked.with(|asked| asked.as_ref().map(Asked::title).unwrap_or_default()));
    let ask = move |deed| asked.set(Some(Asked { deed, runs: picked.all() }));
    let items = move || {
        let mut items = vec![
            Item::new("Clear…", "retry", move || ask(Deed::Clear)),
            Item::new("Mark as success…", "check-circle", move || ask(Deed::Mark(MarkedRunState::Success))),
            Item::new("Mark as failed…", "x-circle", move || ask(Deed::Mark(MarkedRunState::Failed))),
        ];
        if session.may(Role::Editor) {
            items.push(Item::new("Delete…", "trash", move || ask(Deed::Delete)).dangerous());
        }
        items
    };
    let done = Callback::new(move |()| {
        picked.clear();
        changed.run(());
    });
    view! {
        <PickedBar picked most=MOST may=Signal::derive(move || session.may(Role::Operator)) items=Signal::derive(items)/>
        <Dialog open title>
            {move || asked.get().map(|asked| view! { <Question asked open done/> })}
        </Dialog>
    }
}

#[component]
fn Question(asked: Asked, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let dag = dag_context().id.get_untracked();
    let only = RwSignal::new(Only::default());
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<(usize, Failure)>);
    let clears = asked.deed == Deed::Clear;
    let question = StoredValue::new(asked.clone());
    let marks = matches!(asked.deed, Deed::Mark(_));
    let preview = previewed(dag.clone(), move || {
        let only = only.get();
        question.with_value(|asked| match asked.deed {
            Deed::Clear => requests(&asked.runs, only, true),
            Deed::Mark(state) => asked.runs.iter().map(|run| Request::of_mark(run, state)).collect(),
            Deed::Delete => Vec::new(),
        })
    });
    let submit = {
        let dag = dag.clone();
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            if busy.get_untracked() {
                return;
            }
            busy.set(true);
            failure.set(None);
            let (asked, only, dag) = (question.get_value(), only.get_untracked(), dag.clone());
            spawn_local(async move {
                for (before, run) in asked.runs.iter().enumerate() {
                    if let Err(error) = carry_out(asked.deed, only, &dag, run).await {
                        busy.try_set(false);
                        failure.try_set(Some((before, error)));
                        return;
                    }
                }
                open.try_set(false);
                toasts.done(told(asked.deed, asked.runs.len()));
                done.run(());
            });
        }
    };
    let verb = asked.verb();
    let danger = asked.deed == Deed::Delete;
    let deed = asked.deed;
    let ready = Memo::new(move |_| {
        preview.with(|preview| match deed {
            Deed::Clear => touches(preview),
            // A run's own state may change where no task's does.
            Deed::Mark(_) => matches!(preview, Some(Ok(_))),
            Deed::Delete => true,
        })
    });
    let runs = format::plural(asked.runs.len() as u64, "run", "runs");
    let label =
        Signal::derive(move || if clears { preview.with(|preview| verb_for(verb, preview)) } else { format!("{verb} {runs}") });
    view! {
        <form on:submit=submit>
            <div class="body">
                <p class="muted">{asked.meaning()}</p>
                {move || failure.get().map(|(before, failure)| view! {
                    <FailureNotice failure/>
                    <p class="small">{format!("{} had been done before; the others were left as they are.", format::plural(before as u64, "run", "runs"))}</p>
                })}
                {if clears {
                    view! {
                        <fieldset class="choices" aria-label="How far it reaches">
                            <Choice label="Only failed" get=move || only.get().failed set=move |on| only.set(Only { failed: on, running: false })/>
                            <Choice label="Only running" get=move || only.get().running set=move |on| only.set(Only { failed: false, running: on })/>
                        </fieldset>
                        <PreviewView preview/>
                    }.into_any()
                } else if marks {
                    view! { <PreviewView preview nothing=ONLY_THE_RUN/> }.into_any()
                } else {
                    view! { <Counted dag=dag.clone() runs=asked.runs.clone()/> }.into_any()
                }}
            </div>
            <Foot open busy ready danger label/>
        </form>
    }
}

async fn carry_out(deed: Deed, only: Only, dag: &str, run: &DagRunId) -> Result<(), Failure> {
    let path = paths::run(dag, run.as_str());
    match deed {
        Deed::Clear => send(dag, requests(std::slice::from_ref(run), only, false)).await.map(drop),
        Deed::Mark(state) => http::amend::<DagRun>(&path, &UpdateDagRunState { state }).await.map(drop),
        Deed::Delete => http::delete(&path).await,
    }
}

/// What was done, in a few words.
fn told(deed: Deed, runs: usize) -> String {
    let runs = format::plural(runs as u64, "run", "runs");
    match deed {
        Deed::Clear => format!("Cleared {runs}"),
        Deed::Mark(MarkedRunState::Success) => format!("Marked {runs} as success"),
        Deed::Mark(MarkedRunState::Failed) => format!("Marked {runs} as failed"),
        Deed::Mark(MarkedRunState::Queued) => format!("Took the mark of {runs} back"),
        Deed::Delete => format!("Deleted {runs}"),
    }
}

/// The runs, each with how many of its tasks are in which state now.
#[component]
fn Counted(dag: String, runs: Vec<DagRunId>) -> impl IntoView {
    let found = RwSignal::new(None::<Result<Vec<(DagRunId, Tally)>, Failure>>);
    spawn_local(async move {
        let mut all = Vec::new();
        for run in runs {
            match http::get::<TaskSummaryCollection>(&format!("{}/taskSummaries", paths::run(&dag, run.as_str()))).await {
                Ok(list) => all.push((run, tally::sum(list.task_summaries.iter().map(|task| &task.states)))),
                Err(failure) => return drop(found.try_set(Some(Err(failure)))),
            }
        }
        found.try_set(Some(Ok(all)));
    });
    let counts = |tally: Tally| {
        tally
            .into_iter()
            .map(|(state, count)| view! { <span class="row" style="gap:5px"><StatusLabel status=Status::from(state)/><span class="num">{format::grouped(count)}</span></span> })
            .collect_view()
    };
    view! {
        <section class="preview" aria-label="What it touches" aria-live="polite">
            {move || match found.get() {
                None => view! { <p class="small muted row"><Icon name="running" class="s"/>"Looking at what it would touch"</p> }.into_any(),
                Some(Err(failure)) => view! { <FailureNotice failure/> }.into_any(),
                Some(Ok(all)) => view! {
                    <p class="row wrap small"><strong>{format::plural(all.len() as u64, "run", "runs")}</strong>{counts(tally::sum(all.iter().map(|(_, tally)| tally)))}</p>
                    <ul class="touched" tabindex="0" role="region" aria-label="Runs">
                        {all.into_iter().map(|(run, tally)| view! { <li><span class="clip grow mono small">{run.to_string()}</span><span class="row wrap small">{counts(tally)}</span></li> }).collect_view()}
                    </ul>
                }.into_any(),
            }}
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_is_cleared_by_itself_and_whole() {
        let runs = ["a", "b"].map(|run| DagRunId::new(run).unwrap());
        let all = requests(&runs, Only { failed: true, running: false }, true);
        let told: Vec<_> = all.iter().map(|it| (it.end.as_str(), it.body["dag_run_id"].as_str().unwrap())).collect();
        assert_eq!(told, [("clearTaskInstances", "a"), ("clearTaskInstances", "b")]);
        assert!(all.iter().all(|Request { body, .. }| {
            body["only_failed"] == true
                && body["dry_run"] == true
                && body["include_future"] == false
                && body.get("task_ids").is_none()
        }));
    }
}
