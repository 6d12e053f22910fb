//! Where a dag is written: its text, what is wrong with it, its graph and what it changes, as one types.

mod changes;
mod known;
mod preview;
mod problems;

use crate::components::code_editor::{CodeEditor, Complete, Engine, Pad};
use crate::components::feedback::{FailureNotice, Skeleton, SkeletonView, Toasts};
use crate::components::icon::Icon;
use crate::components::page::PageHead;
use crate::core::complete::{complete, component_of, place};
use crate::core::http::{self, Failure};
use crate::core::latest::Latest;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::{format, paths, yaml};
use changes::Changes;
use cofferdam_api_types::{AppliedDag, CompiledDag, DagDetail, Role, Severity};
use known::Known;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};
use preview::Preview;
use problems::{Problems, marks};
use std::rc::Rc;
use std::sync::Arc;

/// How long after the last key the text is compiled, in milliseconds.
const PAUSE_MS: u32 = 250;

/// What a new dag begins with.
const BEGINNING: &str = "dag_id: my_dag\ndescription: What it is for, in one line.\nschedule: \"0 6 * * *\"\ntasks:\n  - task_id: first\n    component: ";

/// What the server says of the text.
#[derive(Clone, Copy)]
struct Check {
    /// Its last answer, and the text that it is about.
    answer: RwSignal<Option<Arc<CompiledDag>>>,
    /// Why there is none.
    failure: RwSignal<Option<Failure>>,
    /// Whether the text is newer than the answer.
    stale: RwSignal<bool>,
    /// Asks again about the same text.
    again: RwSignal<u32>,
}

/// Where the unsaved text of a dag is kept in this tab.
fn draft_key(dag: &str) -> String {
    format!("cofferdam.draft:{dag}")
}

fn tab_storage() -> Option<web_sys::Storage> {
    window().session_storage().ok().flatten()
}

/// See the module. The address names the dag, and whether it is shown as JSON.
#[component]
pub fn EditorPage() -> impl IntoView {
    let address = use_query_map();
    let dag = Memo::new(move |_| address.with(|address| address.get("dag").unwrap_or_default()));
    let json = Memo::new(move |_| address.with(|address| address.get("as").as_deref() == Some("json")));
    let detail = query::<DagDetail>(move || {
        Some(dag.get()).filter(|dag| !dag.is_empty()).map(|dag| format!("{}/details", paths::dag(&dag)))
    });
    let retry = Callback::new(move |()| detail.refetch());
    // The text is made once for each address: what the server says later must not take the place of what is being typed.
    let original = Memo::new(move |before: Option<&Option<(String, bool, String)>>| {
        let (dag, json) = (dag.get(), json.get());
        if let Some(Some(before)) = before
            && before.0 == dag
            && before.1 == json
        {
            return Some(before.clone());
        }
        if dag.is_empty() {
            return Some((dag, json, String::new()));
        }
        detail.data.with(|detail| {
            let detail = detail.as_ref().filter(|detail| detail.dag.dag_id.as_str() == dag)?;
            let text = if json { yaml::to_json(&detail.definition) } else { yaml::to_yaml(&detail.definition) };
            Some((dag, json, text))
        })
    });
    view! {
        {move || match (original.get(), detail.failure.get()) {
            (Some((dag, json, text)), _) => view! { <Desk dag json original=text/> }.into_any(),
            (None, Some(failure)) => view! {
                <PageHead title="Editor" crumbs=vec![("/dags".to_owned(), "Dags".to_owned())]/>
                <div class="content"><FailureNotice failure retry/></div>
            }.into_any(),
            (None, None) => view! { <PageHead title="Editor"/><div class="content"><SkeletonView shape=Skeleton::Block/></div> }.into_any(),
        }}
    }
}

/// Everything around one text. `original` is what the server has; empty for a new dag.
#[component]
fn Desk(dag: String, json: bool, original: String) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let session = session();
    let may = move || session.may(Role::Editor);
    let navigate = use_navigate();
    let is_new = dag.is_empty();
    let key = draft_key(&dag);
    let start = if is_new { BEGINNING.to_owned() } else { original.clone() };
    let draft = tab_storage().and_then(|storage| storage.get_item(&key).ok().flatten()).filter(|draft| *draft != start);
    let found_draft = RwSignal::new(draft.is_some());
    let pad = Pad::new(draft.unwrap_or_else(|| start.clone()));
    let original = RwSignal::new(original);
    let start = RwSignal::new(start);
    let changed = Memo::new(move |_| pad.text.with(|text| start.with(|start| text != start)));
    let check =
        Check { answer: RwSignal::new(None), failure: RwSignal::new(None), stale: RwSignal::new(true), again: RwSignal::new(0) };
    let applied = RwSignal::new(None::<AppliedDag>);
    let refused = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let known = Known::read();

    // The text is kept while it differs, so that leaving the page loses nothing.
    {
        let key = key.clone();
        Effect::new(move |_| {
            let Some(storage) = tab_storage() else { return };
            let _ = if changed.get() { storage.set_item(&key, &pad.text.read()) } else { storage.remove_item(&key) };
        });
    }
    compile_as_one_types(pad, check);

    let apply = {
        let (dag, key) = (dag.clone(), key.clone());
        Callback::new(move |()| {
            if busy.get_untracked() || !untrack(may) {
                return;
            }
            busy.set(true);
            let (dag, key, navigate) = (dag.clone(), key.clone(), navigate.clone());
            let text = pad.text.get_untracked();
            spawn_local(async move {
                let answer = http::post_yaml::<AppliedDag>("/dags", &text).await;
                if busy.try_set(false).is_some() {
                    return;
                }
                match answer {
                    Ok(done) => {
                        refused.set(None);
                        start.set(text.clone());
                        original.set(text);
                        toasts.done(told(&done));
                        if dag == done.dag_id.as_str() {
                            applied.set(Some(done));
                            check.again.update(|n| *n += 1);
                        } else {
                            // It is another dag than the address names.
                            let _ = tab_storage().map(|storage| storage.remove_item(&key));
                            let to = format!("/editor{}", paths::query(&[("dag", done.dag_id.as_str())]));
                            navigate(&to, NavigateOptions { replace: true, ..Default::default() });
                        }
                    }
                    Err(failure) => {
                        applied.set(None);
                        refused.set(Some(failure));
                    }
                }
            });
        })
    };

    let completion: Complete = Rc::new(move |before, after, asked| {
        Box::pin(async move {
            let Some(place) = place(&before, &after) else { return String::new() };
            if place.typed.is_empty() && !asked && !before.ends_with([' ', '"', '[', '{']) {
                return String::new();
            }
            let functions = match component_of(&place) {
                Some(component) => known.functions(component).await,
                None => Vec::new(),
            };
            let names = known.names(functions).with_text(&format!("{before}{after}"));
            let found =
                known.schema.data.try_with_untracked(|schema| schema.as_ref().map(|schema| complete(&place, schema, &names)));
            serde_json::to_string(&found.flatten().unwrap_or_default()).unwrap_or_default()
        })
    });

    if is_new && !found_draft.get_untracked() {
        // The first thing that is missing.
        let end = BEGINNING.lines().count() as u32;
        Effect::new(move |_| {
            if pad.engine.get() != Engine::Loading {
                pad.go(end, u32::MAX);
            }
        });
    }
    let comparing = RwSignal::new(false);
    Effect::new(move |_| {
        let on = comparing.get() && pad.engine.get() == Engine::Full;
        original.with(|original| pad.compare(Some(original.as_str()).filter(|_| on)));
    });
    let discard = move |_| {
        pad.replace(&start.get_untracked());
        found_draft.set(false);
    };
    let found =
        Memo::new(move |_| check.answer.with(|answer| answer.as_ref().map(|it| marks(&it.diagnostics)).unwrap_or_default()));
    let title = if is_new { "New dag".to_owned() } else { dag.clone() };
    let mut crumbs = vec![("/dags".to_owned(), "Dags".to_owned())];
    if !is_new {
        crumbs.push((paths::dag(&dag), dag.clone()));
    }
    let as_link = {
        let dag = dag.clone();
        move |json: bool, word: &'static str, is: bool| {
            let to = format!("/editor{}", paths::query(&[("dag", &dag), ("as", if json { "json" } else { "" })]));
            view! {
                <a href=move || if changed.get() { None } else { Some(to.clone()) } role="link" aria-disabled=move || changed.get().to_string() aria-current=is.then_some("true")
                    title=move || if changed.get() { "Apply or discard the changes first" } else { "" }>{word}</a>
            }
        }
    };
    view! {
        <PageHead title crumbs beside=move || view! { <Verdict check/> }
            actions=move || view! {
                <Show when=move || changed.get()><span class="small muted nowrap">"Not applied yet"</span><button type="button" class="btn" on:click=discard>"Discard"</button></Show>
                <button type="button" class="btn primary" title="Ctrl+Enter" disabled=move || busy.get() || !may() || !changed.get() on:click=move |_| apply.run(())>
                    <Show when=move || busy.get() fallback=|| view! { <Icon name="glyph-check" class="s"/> }><Icon name="running"/></Show>"Apply"
                </button>
            }/>
        <div class="content desk">
            {move || refused.get().map(|failure| view! { <FailureNotice failure/> })}
            {move || applied.get().map(|done| view! { <Done done/> })}
            <Show when=move || found_draft.get() && changed.get()>
                <div class="notice info" role="status"><Icon name="info"/><div class="grow"><p>"This is the text that was not applied when you left. Go on with it, or discard it."</p></div></div>
            </Show>
            <Show when=move || !may()><div class="notice info"><Icon name="info"/><div class="grow"><p>"Your role reads dags. An editor applies them, and has them compiled."</p></div></div></Show>
            <div class="desk-columns">
                <section class="card pane" aria-label="Definition">
                    <header>
                        <h2>"Definition"</h2><span class="grow"></span>
                        {(!is_new).then(|| view! {
                            <button type="button" class="btn small" aria-pressed=move || comparing.get().to_string() disabled=move || pad.engine.get() != Engine::Full
                                on:click=move |_| comparing.update(|on| *on = !*on)>"Compare"</button>
                            <div class="segmented small" role="group" aria-label="Format">{as_link(false, "YAML", !json)}{as_link(true, "JSON", json)}</div>
                        })}
                    </header>
                    <CodeEditor pad label="Definition of the dag, in YAML or JSON" marks=found apply complete=completion/>
                    <Problems check pad/>
                </section>
                <div class="pane stack">
                    <section class="card" aria-label="Graph"><Preview check pad/></section>
                    <section class="card" aria-label="Changes"><Changes check/></section>
                </div>
            </div>
        </div>
    }
}

/// Compiles the text at first, and whenever it has rested for a moment.
fn compile_as_one_types(pad: Pad, check: Check) {
    let latest = Latest::new();
    Effect::new(move |first: Option<()>| {
        pad.text.track();
        check.again.track();
        check.stale.set(true);
        let question = latest.ask();
        spawn_local(async move {
            let wanted = if first.is_some() { question.rests(PAUSE_MS).await } else { question.is_wanted() };
            if !wanted {
                return;
            }
            let Some(text) = pad.text.try_get_untracked() else { return };
            let answer = http::post_yaml::<CompiledDag>("/compile", &text).await;
            if !question.is_wanted() {
                return;
            }
            match answer {
                Ok(answer) => {
                    check.answer.set(Some(Arc::new(answer)));
                    check.failure.set(None);
                }
                Err(failure) => check.failure.set(Some(failure)),
            }
            check.stale.set(false);
        });
    });
}

/// The outcome in a word, beside the heading.
#[component]
fn Verdict(check: Check) -> impl IntoView {
    let counts = Memo::new(move |_| {
        check.answer.with(|answer| {
            answer.as_ref().map(|answer| {
                let errors = answer.diagnostics.iter().filter(|it| it.severity == Severity::Error).count() as u64;
                (errors, answer.diagnostics.len() as u64 - errors)
            })
        })
    });
    let text = move || match counts.get() {
        _ if check.failure.with(Option::is_some) => ("failed", "warning", "Not compiled".to_owned()),
        None => ("queued", "running", "Compiling".to_owned()),
        Some((0, 0)) => ("success", "check-circle", "No problems".to_owned()),
        Some((0, warnings)) => ("up_for_retry", "warning", format::plural(warnings, "warning", "warnings")),
        Some((errors, _)) => ("failed", "x-circle", format::plural(errors, "error", "errors")),
    };
    view! {
        <span class="status pill" role="status" data-state=move || text().0 class:fading=move || check.stale.get()>
            <Icon name=Signal::derive(move || text().1)/>{move || text().2}
        </span>
    }
}

/// What came of applying, in a sentence.
fn told(done: &AppliedDag) -> String {
    if done.changed {
        format!("Version {} of {} is applied", done.version_number, done.dag_id)
    } else {
        format!("{} was like this already", done.dag_id)
    }
}

/// What came of applying, and where to go from there.
#[component]
fn Done(done: AppliedDag) -> impl IntoView {
    let id = done.dag_id.to_string();
    let paused = done.dag.as_ref().is_some_and(|dag| dag.is_paused);
    let runs = if done.changed { "Runs that exist keep the version that they began with." } else { "Nothing was stored." };
    view! {
        <div class="notice info" role="status">
            <Icon name="check-circle"/>
            <div class="grow">
                <h3>{told(&done)}</h3>
                <p class="muted">{runs}{paused.then_some(" Its schedule is paused.")}</p>
            </div>
            <A href=paths::dag(&id) attr:class="btn small">"Open the dag"</A>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_dag_begins_with_a_text_whose_end_can_be_completed() {
        let place = place(BEGINNING, "").unwrap();
        assert_eq!(place.siblings, [("task_id".to_owned(), "first".to_owned())]);
        let value: serde_json::Value = serde_saphyr::from_str(&format!("{BEGINNING}a/b")).unwrap();
        assert_eq!(value["tasks"][0]["component"], "a/b");
    }
}
