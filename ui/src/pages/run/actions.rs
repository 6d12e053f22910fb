//! What a person does to a run or to tasks of it, each with a look at what it would touch.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::feedback::{FailureNotice, Toasts};
use crate::components::status::StatusLabel;
use crate::components::touched::{Choice, Foot, ONLY_THE_RUN, PreviewView, Request, previewed, send, touches, verb_for};
use crate::core::http::{self, Failure};
use crate::core::status::Status;
use crate::core::{format, paths};
use crate::pages::run::run_context;
use cofferdam_api_types::{
    ClearTaskInstances, DagRun, MarkedRunState, MarkedState, RunTask, TaskInstance, UpdateDagRunState, UpdateTaskInstancesState,
};
use cofferdam_ids::{DagRunId, TaskId};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use std::collections::BTreeMap;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Tasks run again.
    Clear,
    /// Tasks, and all that comes after them, run again.
    Retry,
    /// Tasks count as something.
    Mark(MarkedState),
    /// A task runs by itself.
    RunAlone,
    /// The run counts as something.
    MarkRun(MarkedRunState),
    /// The run goes.
    Delete,
}

/// A task of the run: all of its instances, or one.
pub type Chosen = (TaskId, Option<i32>);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is to be done.
    pub deed: Deed,
    /// To which tasks; to all of the run, when none is named.
    pub tasks: Vec<Chosen>,
}

impl Asked {
    /// To the whole run.
    #[must_use]
    pub const fn of_run(deed: Deed) -> Self {
        Self { deed, tasks: Vec::new() }
    }

    /// To one task.
    #[must_use]
    pub fn of(deed: Deed, task: TaskId, map_index: Option<i32>) -> Self {
        Self { deed, tasks: vec![(task, map_index)] }
    }

    fn subject(&self) -> String {
        match &self.tasks[..] {
            [] => "the run".to_owned(),
            [(task, None)] => task.to_string(),
            [(task, Some(index))] => format!("{task} [{index}]"),
            several => format::plural(several.len() as u64, "task", "tasks"),
        }
    }

    fn title(&self) -> String {
        let subject = self.subject();
        match self.deed {
            Deed::Clear => format!("Clear {subject}"),
            Deed::Retry => format!("Retry from {subject}"),
            Deed::Mark(state) => format!("Mark {subject} as {}", word(state)),
            Deed::RunAlone => format!("Run {subject} by itself"),
            Deed::MarkRun(MarkedRunState::Success) => "Mark the run as success".to_owned(),
            Deed::MarkRun(MarkedRunState::Failed) => "Mark the run as failed".to_owned(),
            Deed::MarkRun(MarkedRunState::Queued) => "Take the mark of the run back".to_owned(),
            Deed::Delete => "Delete the run".to_owned(),
        }
    }

    const fn meaning(&self) -> &'static str {
        match self.deed {
            Deed::Clear | Deed::Retry => {
                "They run again, on the dag version of the run. Earlier tries stay with their logs; results are removed, and what runs now is stopped first."
            }
            Deed::Mark(_) => {
                "Tasks that wait for them are judged by the new state. What runs is stopped; what was not run because of a failure goes on."
            }
            Deed::RunAlone => "It starts at once, whatever it waits for. Tasks after it are not run again.",
            Deed::MarkRun(MarkedRunState::Success) => "The run and all its tasks count as succeeded. What runs is stopped.",
            Deed::MarkRun(MarkedRunState::Failed) => "Running tasks are stopped and fail, waiting ones are skipped.",
            Deed::MarkRun(MarkedRunState::Queued) => "The run is again what its tasks say.",
            Deed::Delete => "The run goes with its tasks, tries, logs and XComs. This cannot be undone.",
        }
    }

    /// Whether the server tells beforehand what would be touched.
    const fn has_preview(&self) -> bool {
        matches!(self.deed, Deed::Clear | Deed::Retry | Deed::Mark(_) | Deed::MarkRun(_))
    }
}

const fn word(state: MarkedState) -> &'static str {
    match state {
        MarkedState::Success => "success",
        MarkedState::Failed => "failed",
        MarkedState::Skipped => "skipped",
    }
}

/// How far it reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    before: bool,
    after: bool,
    past: bool,
    future: bool,
    only_failed: bool,
    only_running: bool,
}

/// The requests that do it, or that say what it would touch. A run is only looked at by these.
fn requests(asked: &Asked, reach: Reach, run: &DagRunId, dry_run: bool) -> Vec<Request> {
    match asked.deed {
        Deed::Clear | Deed::Retry => {
            // The API names one position for all tasks of a request.
            let mut by_index: BTreeMap<Option<i32>, Vec<TaskId>> = BTreeMap::new();
            for (task, index) in &asked.tasks {
                by_index.entry(*index).or_default().push(task.clone());
            }
            let all = if by_index.is_empty() {
                vec![(None, None)]
            } else {
                by_index.into_iter().map(|(index, tasks)| (index, Some(tasks))).collect()
            };
            all.into_iter()
                .map(|(map_index, task_ids)| {
                    let body = ClearTaskInstances {
                        dry_run,
                        task_ids,
                        map_index,
                        dag_run_id: Some(run.clone()),
                        only_failed: reach.only_failed,
                        only_running: reach.only_running,
                        include_upstream: reach.before,
                        include_downstream: reach.after,
                        include_future: reach.future,
                        include_past: reach.past,
                        ..ClearTaskInstances::default()
                    };
                    Request::post("clearTaskInstances", &body)
                })
                .collect()
        }
        Deed::Mark(new_state) => asked
            .tasks
            .iter()
            .map(|(task, map_index)| {
                let body = UpdateTaskInstancesState {
                    dry_run,
                    task_id: task.clone(),
                    map_index: *map_index,
                    dag_run_id: Some(run.clone()),
                    execution_date: None,
                    include_upstream: reach.before,
                    include_downstream: reach.after,
                    include_future: reach.future,
                    include_past: reach.past,
                    new_state,
                };
                Request::post("updateTaskInstancesState", &body)
            })
            .collect(),
        Deed::MarkRun(state) => vec![Request::of_mark(run, state)],
        Deed::RunAlone | Deed::Delete => Vec::new(),
    }
}

/// See the module. The dialog is open while something is asked.
#[component]
pub fn ActionDialog(asked: RwSignal<Option<Asked>>) -> impl IntoView {
    let open = opens_with(asked);
    let title = Signal::derive(move || asked.with(|asked| asked.as_ref().map(Asked::title).unwrap_or_default()));
    view! {
        <Dialog open title>
            {move || asked.get().map(|asked| view! { <Question asked open/> })}
        </Dialog>
    }
}

#[component]
fn Question(asked: Asked, open: RwSignal<bool>) -> impl IntoView {
    let context = run_context();
    let toasts = expect_context::<Toasts>();
    let navigate = use_navigate();
    let (dag, run) = (context.dag_id.get_untracked(), context.run_id.get_untracked());
    let failed_run =
        context.run.data.with_untracked(|run| run.as_ref().is_some_and(|run| Status::from(run.state).slug() == "failed"));
    let reach = RwSignal::new(Reach {
        after: asked.deed == Deed::Retry,
        only_failed: asked.deed == Deed::Clear && asked.tasks.is_empty() && failed_run,
        ..Reach::default()
    });
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let question = StoredValue::new(asked.clone());
    let preview = {
        let run = run.clone();
        previewed(dag.clone(), move || {
            let reach = reach.get();
            let Ok(run) = DagRunId::new(&run) else { return Vec::new() };
            question.with_value(|asked| requests(asked, reach, &run, true))
        })
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let (asked, reach) = (question.get_value(), reach.get_untracked());
        let (dag, run, navigate) = (dag.clone(), run.clone(), navigate.clone());
        spawn_local(async move {
            match carry_out(&asked, reach, &dag, &run).await {
                Ok(said) => {
                    open.try_set(false);
                    toasts.done(said);
                    if asked.deed == Deed::Delete {
                        navigate(&format!("{}/runs", paths::dag(&dag)), Default::default());
                    } else {
                        context.changed.run(());
                    }
                }
                Err(error) => {
                    busy.try_set(false);
                    failure.try_set(Some(error));
                }
            }
        });
    };
    let has_preview = asked.has_preview();
    let marks_run = matches!(asked.deed, Deed::MarkRun(_));
    // A run's own state may change where no task's does.
    let ready = Memo::new(move |_| {
        !has_preview || preview.with(|preview| if marks_run { matches!(preview, Some(Ok(_))) } else { touches(preview) })
    });
    let (verb, danger) = match asked.deed {
        Deed::Clear => ("Clear", false),
        Deed::Retry => ("Retry", false),
        Deed::Mark(_) => ("Mark", false),
        Deed::MarkRun(MarkedRunState::Success | MarkedRunState::Failed) => ("Mark the run", false),
        Deed::MarkRun(MarkedRunState::Queued) => ("Take it back", false),
        Deed::RunAlone => ("Run", false),
        Deed::Delete => ("Delete the run", true),
    };
    let label = Signal::derive(move || preview.with(|preview| if marks_run { verb.to_owned() } else { verb_for(verb, preview) }));
    let clears = matches!(asked.deed, Deed::Clear | Deed::Retry);
    let whole = asked.tasks.is_empty();
    view! {
        <form on:submit=submit>
            <div class="body">
                <p class="muted">{asked.meaning()}</p>
                {move || failure.get().map(|failure| view! { <FailureNotice failure/> })}
                {(has_preview && !marks_run).then(|| view! {
                    <fieldset class="choices" aria-label="How far it reaches">
                        {(!whole).then(|| view! {
                            <Choice label="Tasks before" get=move || reach.get().before set=move |on| reach.update(|reach| reach.before = on)/>
                            <Choice label="Tasks after" get=move || reach.get().after set=move |on| reach.update(|reach| reach.after = on)/>
                        })}
                        <Choice label="Earlier runs" get=move || reach.get().past set=move |on| reach.update(|reach| reach.past = on)/>
                        <Choice label="Later runs" get=move || reach.get().future set=move |on| reach.update(|reach| reach.future = on)/>
                        {clears.then(|| view! {
                            <Choice label="Only failed" get=move || reach.get().only_failed set=move |on| reach.update(|reach| { reach.only_failed = on; reach.only_running &= !on; })/>
                            <Choice label="Only running" get=move || reach.get().only_running set=move |on| reach.update(|reach| { reach.only_running = on; reach.only_failed &= !on; })/>
                        })}
                    </fieldset>
                    <PreviewView preview/>
                })}
                {marks_run.then(|| view! { <PreviewView preview nothing=ONLY_THE_RUN/> })}
                {(asked.deed == Deed::Delete).then(|| view! { <Counted/> })}
            </div>
            <Foot open busy ready danger label/>
        </form>
    }
}

async fn carry_out(asked: &Asked, reach: Reach, dag: &str, run: &str) -> Result<String, Failure> {
    let path = paths::run(dag, run);
    let instances = |count: usize| format::plural(count as u64, "task instance", "task instances");
    match asked.deed {
        Deed::Clear | Deed::Retry | Deed::Mark(_) => {
            let name = DagRunId::new(run).map_err(|error| Failure::Unreadable { status: 0, detail: error.to_string() })?;
            let touched = send(dag, requests(asked, reach, &name, false)).await?;
            Ok(match asked.deed {
                Deed::Mark(state) => format!("Marked {} as {}", instances(touched.len()), word(state)),
                _ => format!("Cleared {}", instances(touched.len())),
            })
        }
        Deed::RunAlone => {
            for (task, map_index) in &asked.tasks {
                let body = RunTask { map_index: *map_index };
                http::post::<TaskInstance>(&format!("{path}/taskInstances/{}/run", paths::segment(task.as_str())), &body).await?;
            }
            Ok(format!("Started {}", asked.subject()))
        }
        Deed::MarkRun(state) => {
            http::amend::<DagRun>(&path, &UpdateDagRunState { state }).await?;
            Ok(match state {
                MarkedRunState::Success => "The run counts as succeeded".to_owned(),
                MarkedRunState::Failed => "The run counts as failed".to_owned(),
                MarkedRunState::Queued => "The run is what its tasks say".to_owned(),
            })
        }
        Deed::Delete => {
            http::delete(&path).await?;
            Ok(format!("Deleted {run}"))
        }
    }
}

/// How many tasks of the run are in which state.
#[component]
fn Counted() -> impl IntoView {
    let context = run_context();
    view! {
        <p class="row wrap small" aria-label="Task instances of the run">
            {move || context.counts.get().into_iter().map(|(status, count)| view! { <span class="row" style="gap:5px"><StatusLabel status/><span class="num">{format::grouped(count)}</span></span> }).collect_view()}
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> DagRunId {
        DagRunId::new("r").unwrap()
    }

    fn task(name: &str, index: Option<i32>) -> Chosen {
        (TaskId::new(name).unwrap(), index)
    }

    #[test]
    fn tasks_are_cleared_together_and_instances_by_their_position() {
        let tasks = vec![task("a", None), task("m", Some(3)), task("b", None), task("n", Some(3)), task("m", Some(4))];
        let asked = Asked { deed: Deed::Clear, tasks };
        let all = requests(&asked, Reach { after: true, ..Reach::default() }, &run(), true);
        let told: Vec<_> = all.iter().map(|it| (it.body["task_ids"].clone(), it.body["map_index"].clone())).collect();
        assert_eq!(serde_json::to_value(told).unwrap(), serde_json::json!([[["a", "b"], null], [["m", "n"], 3], [["m"], 4]]));
        assert!(all.iter().all(|it| it.end == "clearTaskInstances" && it.body["include_downstream"] == true));
        assert!(all.iter().all(|it| it.body["only_failed"] == false && it.body["dry_run"] == true));
    }

    #[test]
    fn the_whole_run_is_one_request() {
        let all = requests(&Asked::of_run(Deed::Clear), Reach { only_failed: true, ..Reach::default() }, &run(), false);
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].body.get("task_ids"), &all[0].body["only_failed"], &all[0].body["dry_run"]),
            (None, &true.into(), &false.into())
        );
    }

    #[test]
    fn each_task_is_marked_by_itself() {
        let asked = Asked { deed: Deed::Mark(MarkedState::Skipped), tasks: vec![task("a", None), task("m", Some(0))] };
        let all = requests(&asked, Reach::default(), &run(), false);
        assert_eq!(all.len(), 2);
        assert_eq!((&all[1].body["map_index"], &all[1].body["new_state"]), (&0.into(), &"skipped".into()));
    }

    #[test]
    fn a_mark_of_the_run_is_only_looked_at() {
        let asked = Asked::of_run(Deed::MarkRun(MarkedRunState::Failed));
        let all = requests(&asked, Reach::default(), &DagRunId::new("manual__2026-11-21T06:00:00+00:00").unwrap(), true);
        assert_eq!(all.len(), 1);
        assert!(all[0].is_patch);
        assert_eq!(all[0].end, "dagRuns/manual__2026-11-21T06%3A00%3A00%2B00%3A00?dry_run=true");
        assert_eq!(all[0].body, serde_json::json!({ "state": "failed" }));
    }
}
