//! The list of dags: what runs when, how it went lately, and the switch that stops it.

use crate::components::feedback::{Empty, Skeleton, Toasts, loaded};
use crate::components::icon::Icon;
use crate::components::page::{PageHead, Search};
use crate::components::pager::Pager;
use crate::components::run_bars::RunBars;
use crate::components::switch::Switch;
use crate::components::time::Ago;
use crate::components::trigger::TriggerDialog;
use crate::core::http;
use crate::core::live::News;
use crate::core::paths;
use crate::core::query::{Query, query};
use crate::core::session::session;
use cofferdam_api_types::{Dag, DagCollection, PatchDag, Role};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};
use std::sync::Arc;

const LIMIT: u32 = 50;

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, PartialEq)]
struct Filter {
    text: String,
    tag: String,
    paused: String,
    offset: u32,
}

impl Filter {
    fn page(&self) -> String {
        let offset = if self.offset == 0 { String::new() } else { self.offset.to_string() };
        format!("/dags{}", paths::query(&[("q", &self.text), ("tag", &self.tag), ("paused", &self.paused), ("offset", &offset)]))
    }

    fn request(&self) -> String {
        let (limit, offset) = (LIMIT.to_string(), self.offset.to_string());
        let values = [
            ("limit", limit.as_str()),
            ("offset", &offset),
            ("dag_id_pattern", &self.text),
            ("tags", &self.tag),
            ("paused", &self.paused),
        ];
        format!("/dags{}", paths::query(&values))
    }

    fn is_set(&self) -> bool {
        !(self.text.is_empty() && self.tag.is_empty() && self.paused.is_empty())
    }
}

/// See the module.
#[component]
pub fn DagList() -> impl IntoView {
    let address = use_query_map();
    let navigate = use_navigate();
    let filter = Memo::new(move |_| {
        address.with(|map| Filter {
            text: map.get("q").unwrap_or_default(),
            tag: map.get("tag").unwrap_or_default(),
            paused: map.get("paused").filter(|paused| matches!(paused.as_str(), "true" | "false")).unwrap_or_default(),
            offset: map.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or_default(),
        })
    });
    let go = Callback::new(move |filter: Filter| {
        navigate(&filter.page(), NavigateOptions { replace: true, scroll: false, ..Default::default() })
    });
    let dags = query::<DagCollection>(move || Some(filter.get().request())).refetch_on(News::is_about_runs);
    let trigger = RwSignal::new(None::<String>);
    let set_text = Callback::new(move |text| go.run(Filter { text, offset: 0, ..filter.get_untracked() }));
    let set_tag = Callback::new(move |tag: String| {
        let now = filter.get_untracked();
        go.run(Filter { tag: if now.tag == tag { String::new() } else { tag }, offset: 0, ..now });
    });
    let choices = [("", "All"), ("false", "Active"), ("true", "Paused")];
    view! {
        <PageHead title="Dags" actions=move || view! { <A href="/editor" attr:class="btn primary"><Icon name="plus" class="s"/>"New dag"</A> }/>
        <div class="content">
            <div class="toolbar">
                <Search value=Signal::derive(move || filter.get().text) on_input=set_text label="Find a dag by name"/>
                <div class="segmented" role="group" aria-label="Paused or not">
                    {choices.into_iter().map(|(value, label)| view! {
                        <button type="button" aria-pressed=move || (filter.get().paused == value).to_string()
                            on:click=move |_| go.run(Filter { paused: value.to_owned(), offset: 0, ..filter.get_untracked() })>{label}</button>
                    }).collect_view()}
                </div>
                {move || Some(filter.get().tag).filter(|tag| !tag.is_empty()).map(|tag| {
                    let label = format!("Remove the filter {tag}");
                    view! { <button type="button" class="tag on" aria-label=label on:click=move |_| set_tag.run(tag.clone())>{tag.clone()}<Icon name="close" class="s"/></button> }
                })}
            </div>
            <section class="card" aria-label="Dags">
                {loaded(dags, Skeleton::Rows, move |list| view! { <Listing list filter go set_tag trigger dags/> })}
            </section>
        </div>
        <TriggerDialog dag=trigger/>
    }
}

#[component]
fn Listing(
    list: Signal<Arc<DagCollection>>,
    filter: Memo<Filter>,
    go: Callback<Filter>,
    set_tag: Callback<String>,
    trigger: RwSignal<Option<String>>,
    dags: Query<DagCollection>,
) -> impl IntoView {
    let none = Memo::new(move |_| list.with(|list| list.dags.is_empty()));
    let ids = Memo::new(move |_| list.with(|list| list.dags.iter().map(|dag| dag.dag_id.clone()).collect::<Vec<_>>()));
    move || {
        if none.get() {
            return if filter.get().is_set() {
                view! {
                    <Empty icon="search" title="No dag fits these filters">
                        <button type="button" class="btn small" on:click=move |_| go.run(Filter::default())>"Show all dags"</button>
                    </Empty>
                }
                .into_any()
            } else {
                view! {
                    <Empty icon="dags" title="No dags yet">
                        <p>"A dag is a set of tasks with an order and a schedule. Push the components that its tasks run, then apply its definition:"</p>
                        <pre tabindex="0"><code>"cofferdam component push target/clean.wasm --name weather/clean\ncofferdam dag apply weather.yaml"</code></pre>
                    </Empty>
                }
                .into_any()
            };
        }
        view! {
            <div class="table-wrap" tabindex="0" role="region" aria-label="List of dags">
                <table class="table dag-table">
                    <thead><tr>
                        <th scope="col" class="tight"><span class="visually-hidden">"Active"</span></th>
                        <th scope="col">"Dag"</th><th scope="col">"Schedule"</th><th scope="col">"Next run"</th><th scope="col">"Last runs"</th>
                        <th scope="col" class="tight"><span class="visually-hidden">"Actions"</span></th>
                    </tr></thead>
                    <tbody>
                        <For each=move || ids.get() key=Clone::clone let:id>
                            {
                                let first = list.with_untracked(|list| list.dags.iter().find(|dag| dag.dag_id == id).cloned());
                                first.map(|first| {
                                    let dag = Memo::new(move |last: Option<&Dag>| {
                                        list.with(|list| list.dags.iter().find(|dag| dag.dag_id == id).cloned()).or_else(|| last.cloned()).unwrap_or_else(|| first.clone())
                                    });
                                    view! { <Row dag=dag filter set_tag trigger dags/> }
                                })
                            }
                        </For>
                    </tbody>
                </table>
            </div>
            <Pager limit=LIMIT offset=Signal::derive(move || filter.get().offset) total=Signal::derive(move || list.with(|list| list.total_entries)) names=("dag", "dags")
                go=move |offset| go.run(Filter { offset, ..filter.get_untracked() })/>
        }
        .into_any()
    }
}

#[component]
fn Row(
    dag: Memo<Dag>,
    filter: Memo<Filter>,
    set_tag: Callback<String>,
    trigger: RwSignal<Option<String>>,
    dags: Query<DagCollection>,
) -> impl IntoView {
    let id = dag.with_untracked(|dag| dag.dag_id.clone());
    let href = paths::dag(id.as_str());
    let (name, bars_id, trigger_id) = (id.to_string(), id.to_string(), id.to_string());
    let trigger_label = format!("Trigger {name}");
    let session = session();
    let next = Memo::new(move |_| dag.with(|dag| dag.next_run.filter(|_| !dag.is_paused).map(|next| next.due_at)));
    let recent = Memo::new(move |_| dag.with(|dag| dag.recent_runs.clone()));
    view! {
        <tr>
            <td class="tight"><PauseSwitch dag changed=move || dags.refetch()/></td>
            <td>
                <div class="row wrap"><A href=href attr:class="name">{name.clone()}</A>
                    {move || dag.with(|dag| dag.tags.iter().cloned().map(|tag| {
                        let chosen = tag.clone();
                        let on = { let tag = tag.clone(); move || filter.with(|filter| filter.tag == tag) };
                        view! { <button type="button" class="tag" class:on=on title="Show dags with this tag" on:click=move |_| set_tag.run(chosen.clone())>{tag.clone()}</button> }
                    }).collect_view())}
                </div>
                {move || dag.with(|dag| dag.description.clone()).map(|text| view! { <p class="small muted description">{text}</p> })}
            </td>
            <td>{move || dag.with(|dag| view! { <Schedule schedule=dag.schedule.clone() words=dag.schedule_in_words.clone() timezone=dag.timezone.clone()/> })}</td>
            <td>{move || match next.get() {
                Some(at) => view! { <Ago at/> }.into_any(),
                None if dag.with(|dag| dag.is_paused && dag.schedule.is_some()) => view! { <span class="tag">"Paused"</span> }.into_any(),
                None => view! { <span class="faint">"–"</span> }.into_any(),
            }}</td>
            <td>{move || view! { <RunBars dag_id=bars_id.clone() runs=recent.get()/> }}</td>
            <td class="tight">
                <button type="button" class="btn small" aria-label=trigger_label disabled=move || !session.may(Role::Operator)
                    on:click=move |_| trigger.set(Some(trigger_id.clone()))><Icon name="play" class="s"/>"Trigger"</button>
            </td>
        </tr>
    }
}

/// A schedule as a sentence, with the text it was written as.
#[component]
pub fn Schedule(
    /// As written.
    schedule: Option<String>,
    /// As a sentence.
    words: Option<String>,
    /// Its time zone.
    timezone: String,
) -> impl IntoView {
    let Some(schedule) = schedule else { return view! { <span class="faint">"By hand"</span> }.into_any() };
    let told = timezone == "UTC" || words.as_ref().is_some_and(|words| words.contains(&timezone));
    let zone = if told { String::new() } else { format!(" · {timezone}") };
    match words {
        Some(words) => {
            view! { <div class="sentence">{words}</div><div class="small faint"><code>{schedule}</code>{zone}</div> }.into_any()
        }
        None => view! { <div><code>{schedule}</code><span class="small faint">{zone}</span></div> }.into_any(),
    }
}

/// The switch that stops and starts a dag's schedule.
#[component]
pub fn PauseSwitch(
    /// The dag.
    #[prop(into)]
    dag: Signal<Dag>,
    /// Called after a change.
    #[prop(into)]
    changed: Callback<()>,
    /// The text beside it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let busy = RwSignal::new(false);
    let on = Signal::derive(move || dag.with(|dag| !dag.is_paused));
    let label = Signal::derive(move || {
        dag.with(|dag| {
            format!(
                "{}: {}",
                dag.dag_id,
                if dag.is_paused { "paused. Switch on to run its schedule" } else { "active. Switch off to pause its schedule" }
            )
        })
    });
    let change = move |active: bool| {
        busy.set(true);
        let (path, revision) = dag.with_untracked(|dag| (paths::dag(dag.dag_id.as_str()), dag.revision));
        spawn_local(async move {
            let answer = http::patch::<Dag>(&path, &PatchDag { is_paused: Some(!active) }, revision).await;
            if let Err(failure) = answer {
                toasts.failed(&failure);
            }
            changed.run(());
            busy.try_set(false);
        });
    };
    let session = session();
    let disabled = Signal::derive(move || busy.get() || !session.may(Role::Operator));
    match children {
        Some(children) => view! { <Switch on disabled label on_change=change>{children()}</Switch> }.into_any(),
        None => view! { <Switch on disabled label on_change=change/> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stand_in_the_address_and_in_the_request() {
        let filter = Filter { text: "we".into(), tag: "a b".into(), paused: "true".into(), offset: 50 };
        assert_eq!(filter.page(), "/dags?q=we&tag=a%20b&paused=true&offset=50");
        assert_eq!(filter.request(), "/dags?limit=50&offset=50&dag_id_pattern=we&tags=a%20b&paused=true");
        assert_eq!(Filter::default().page(), "/dags");
        assert!(!Filter::default().is_set());
    }
}
