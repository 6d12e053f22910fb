//! The list of dags: what runs when, how it went lately, and the switch that stops it.

use crate::components::feedback::{Empty, Skeleton, Toasts, loaded};
use crate::components::icon::Icon;
use crate::components::page::{PageHead, Search};
use crate::components::pager::Pager;
use crate::components::run_bars::RunBars;
use crate::components::switch::Switch;
use crate::components::table::{Column, Table, ordered, plain};
use crate::components::time::Ago;
use crate::components::trigger::TriggerDialog;
use crate::core::live::News;
use crate::core::query::{Query, query};
use crate::core::session::session;
use crate::core::status::Status;
use crate::core::{format, http, paths};
use cofferdam_api_types::{Dag, DagCollection, ImportErrorCollection, PatchDag, Role};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;
use std::cmp::Reverse;
use std::sync::Arc;

const LIMIT: u32 = 50;

/// As many as the server gives at once. Filters and orders that it does not know look through these.
const MOST: u32 = cofferdam_api_types::Page::MAX_LIMIT;

const COLUMNS: &[Column] = &[
    plain("Active").tight(),
    ordered("Dag", "dag_id"),
    plain("Schedule"),
    ordered("Next run", "next_run"),
    ordered("Last runs", "last_run"),
];

/// How the last run of a dag can have gone, as the address and the list of choices have it.
const LAST: &[(&str, &str)] =
    &[("success", "Succeeded"), ("failed", "Failed"), ("running", "Running"), ("queued", "Queued"), ("none", "No run yet")];

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, PartialEq)]
struct Filter {
    text: String,
    tag: String,
    owner: String,
    last: String,
    paused: String,
    order: String,
    offset: u32,
}

impl Filter {
    fn read(map: &ParamsMap) -> Self {
        let get = |name: &str| map.get(name).unwrap_or_default();
        Self {
            text: get("q"),
            tag: get("tag"),
            owner: get("owner"),
            last: get("last"),
            paused: map.get("paused").filter(|paused| matches!(paused.as_str(), "true" | "false")).unwrap_or_default(),
            order: get("order"),
            offset: map.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or_default(),
        }
    }

    fn page(&self) -> String {
        let offset = if self.offset == 0 { String::new() } else { self.offset.to_string() };
        let values = [
            ("q", self.text.as_str()),
            ("tag", &self.tag),
            ("owner", &self.owner),
            ("last", &self.last),
            ("paused", &self.paused),
            ("order", &self.order),
            ("offset", &offset),
        ];
        format!("/dags{}", paths::query(&values))
    }

    /// Whether the console looks through the dags itself.
    fn is_own(&self) -> bool {
        !(self.owner.is_empty() && self.last.is_empty()) || !matches!(self.order.as_str(), "" | "dag_id" | "-dag_id")
    }

    fn request(&self) -> String {
        let (limit, offset) = if self.is_own() { (MOST, 0) } else { (LIMIT, self.offset) };
        let (limit, offset) = (limit.to_string(), offset.to_string());
        let values = [
            ("limit", limit.as_str()),
            ("offset", &offset),
            ("dag_id_pattern", &self.text),
            ("tags", &self.tag),
            ("paused", &self.paused),
            ("order_by", if self.is_own() { "" } else { &self.order }),
        ];
        format!("/dags{}", paths::query(&values))
    }

    fn is_set(&self) -> bool {
        !(self.text.is_empty() && self.tag.is_empty() && self.owner.is_empty() && self.last.is_empty() && self.paused.is_empty())
    }

    /// The dags of the page, and how many there are.
    fn part(&self, dags: &[Dag], total: u64) -> (Vec<Dag>, u64) {
        if !self.is_own() {
            return (dags.iter().take(LIMIT as usize).cloned().collect(), total);
        }
        let last = |dag: &Dag| dag.recent_runs.first().map_or("none", |run| Status::from(run.state).slug());
        let fits = |dag: &&Dag| {
            (self.owner.is_empty() || dag.owners.contains(&self.owner)) && (self.last.is_empty() || last(dag) == self.last)
        };
        let mut found: Vec<&Dag> = dags.iter().filter(fits).collect();
        let next = |dag: &Dag| dag.next_run.filter(|_| !dag.is_paused).map(|next| next.due_at);
        let began = |dag: &Dag| dag.recent_runs.first().map(|run| run.logical_date);
        // What has none comes last either way.
        match self.order.as_str() {
            "next_run" => found.sort_by_key(|dag| (next(dag).is_none(), next(dag))),
            "-next_run" => found.sort_by_key(|dag| Reverse(next(dag))),
            "last_run" => found.sort_by_key(|dag| (began(dag).is_none(), began(dag))),
            "-last_run" => found.sort_by_key(|dag| Reverse(began(dag))),
            "-dag_id" => found.sort_by(|a, b| b.dag_id.cmp(&a.dag_id)),
            _ => {}
        }
        let total = found.len() as u64;
        (found.into_iter().skip(self.offset as usize).take(LIMIT as usize).cloned().collect(), total)
    }
}

/// See the module.
#[component]
pub fn DagList() -> impl IntoView {
    let address = use_query_map();
    let navigate = use_navigate();
    let filter = Memo::new(move |_| address.with(Filter::read));
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
    let set_owner = Callback::new(move |owner: String| {
        let now = filter.get_untracked();
        go.run(Filter { owner: if now.owner == owner { String::new() } else { owner }, offset: 0, ..now });
    });
    let broken = query::<ImportErrorCollection>(|| Some("/importErrors?limit=1".to_owned())).refetch_on(News::is_about_runs);
    let broken = Memo::new(move |_| broken.data.with(|list| list.as_ref().map_or(0, |list| list.total_entries)));
    let chip = move |value: fn(&Filter) -> &String, clear: Callback<String>| {
        move || {
            Some(filter.with(|filter| value(filter).clone())).filter(|value| !value.is_empty()).map(|value| {
                let label = format!("Remove the filter {value}");
                let chosen = value.clone();
                view! { <button type="button" class="tag on" aria-label=label on:click=move |_| clear.run(chosen.clone())>{value}<Icon name="close" class="s"/></button> }
            })
        }
    };
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
                <select class="select small" aria-label="How the last run went" on:change=move |event| go.run(Filter { last: event_target_value(&event), offset: 0, ..filter.get_untracked() })>
                    <option value="" selected=move || filter.with(|filter| filter.last.is_empty())>"Last run: any"</option>
                    {LAST.iter().map(|(value, label)| view! { <option value=*value selected=move || filter.with(|filter| filter.last == *value)>{*label}</option> }).collect_view()}
                </select>
                {chip(|filter| &filter.tag, set_tag)}{chip(|filter| &filter.owner, set_owner)}
            </div>
            <Show when=move || broken.get() != 0>
                <div class="notice error" role="status"><Icon name="warning"/><div class="grow"><p>{move || format!("{} of bundles {} broken. Their dags go on as the last version that was right.", format::plural(broken.get(), "file", "files"), if broken.get() == 1 { "is" } else { "are" })}</p></div>
                    <A href="/imports" attr:class="btn small">"See what is wrong"</A></div>
            </Show>
            <section class="card" aria-label="Dags">
                {loaded(dags, Skeleton::Rows, move |list| view! { <Listing list filter go set_tag set_owner trigger dags/> })}
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
    set_owner: Callback<String>,
    trigger: RwSignal<Option<String>>,
    dags: Query<DagCollection>,
) -> impl IntoView {
    let part = Memo::new(move |_| list.with(|list| filter.with(|filter| filter.part(&list.dags, list.total_entries))));
    let none = Memo::new(move |_| part.with(|part| part.0.is_empty()));
    let ids = Memo::new(move |_| part.with(|part| part.0.iter().map(|dag| dag.dag_id.clone()).collect::<Vec<_>>()));
    let partial = Memo::new(move |_| filter.with(Filter::is_own) && list.with(|list| list.total_entries > u64::from(MOST)));
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
            <Show when=move || partial.get()><p class="picture-note small muted"><Icon name="info" class="s"/>"There are more than 1000 dags; this filter or order looks at the first 1000 by name."</p></Show>
            <Table label="List of dags" class="dag-table" columns=COLUMNS order=Signal::derive(move || filter.get().order)
                go=move |order| go.run(Filter { order, offset: 0, ..filter.get_untracked() }) actions=true>
                <For each=move || ids.get() key=Clone::clone let:id>
                    {
                        let first = list.with_untracked(|list| list.dags.iter().find(|dag| dag.dag_id == id).cloned());
                        first.map(|first| {
                            let dag = Memo::new(move |last: Option<&Dag>| {
                                list.with(|list| list.dags.iter().find(|dag| dag.dag_id == id).cloned()).or_else(|| last.cloned()).unwrap_or_else(|| first.clone())
                            });
                            view! { <Row dag=dag filter set_tag set_owner trigger dags/> }
                        })
                    }
                </For>
            </Table>
            <Pager limit=LIMIT offset=Signal::derive(move || filter.get().offset) total=Signal::derive(move || part.with(|part| part.1)) names=("dag", "dags")
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
    set_owner: Callback<String>,
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
                    {move || dag.with(|dag| dag.tags.iter().map(|tag| {
                        let chosen = tag.clone();
                        let on = { let tag = tag.clone(); move || filter.with(|filter| filter.tag == tag) };
                        view! { <button type="button" class="tag" class:on=on title="Show dags with this tag" on:click=move |_| set_tag.run(chosen.clone())>{tag.clone()}</button> }
                    }).collect_view())}
                    {move || dag.with(|dag| dag.airflow.has_import_errors).then(|| view! { <A href="/imports" attr:class="tag warn" attr:title="Its file is broken; it goes on as the last version that was right"><Icon name="warning" class="s"/>"Import error"</A> })}
                    <span class="owners small">{move || dag.with(|dag| dag.owners.iter().cloned().map(|owner| {
                        let chosen = owner.clone();
                        view! { <button type="button" class="link muted" title="Show dags of this owner" on:click=move |_| set_owner.run(chosen.clone())>{owner}</button> }
                    }).collect_view())}</span>
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
        let filter = Filter { text: "we".into(), tag: "a b".into(), paused: "true".into(), offset: 50, ..Filter::default() };
        assert_eq!(filter.page(), "/dags?q=we&tag=a%20b&paused=true&offset=50");
        assert_eq!(filter.request(), "/dags?limit=50&offset=50&dag_id_pattern=we&tags=a%20b&paused=true");
        assert_eq!(Filter::default().page(), "/dags");
        assert!(!Filter::default().is_set());
        let named = Filter { order: "-dag_id".into(), ..Filter::default() };
        assert_eq!(named.request(), "/dags?limit=50&offset=0&order_by=-dag_id");
        let own = Filter { owner: "anna".into(), order: "-next_run".into(), offset: 50, ..Filter::default() };
        assert_eq!(own.page(), "/dags?owner=anna&order=-next_run&offset=50");
        assert_eq!(own.request(), "/dags?limit=1000&offset=0");
    }

    #[test]
    fn what_the_server_does_not_filter_and_order_the_console_does() {
        let dag = |name: &str, owner: &str, next: Option<&str>| -> Dag {
            let mut value = serde_json::json!({
                "dag_id": name, "is_paused": false, "owners": [owner], "timezone": "UTC", "version_number": 1, "revision": 1,
                "tags": [], "recent_runs": [], "max_active_runs": 16,
                "created_at": "2026-11-21T00:00:00Z", "updated_at": "2026-11-21T00:00:00Z",
            });
            if let Some(next) = next {
                value["next_run"] = serde_json::json!({ "logical_date": next, "due_at": next });
            }
            serde_json::from_value(value).unwrap()
        };
        let dags = [
            dag("a", "anna", None),
            dag("b", "anna", Some("2026-11-23T00:00:00Z")),
            dag("c", "bob", Some("2026-11-22T00:00:00Z")),
        ];
        let names = |filter: Filter| filter.part(&dags, 3).0.iter().map(|dag| dag.dag_id.to_string()).collect::<String>();
        assert_eq!(names(Filter { owner: "anna".into(), ..Filter::default() }), "ab");
        assert_eq!(names(Filter { order: "next_run".into(), ..Filter::default() }), "cba");
        assert_eq!(names(Filter { order: "-next_run".into(), ..Filter::default() }), "bca");
        assert_eq!(names(Filter { last: "none".into(), ..Filter::default() }), "abc");
        assert_eq!(names(Filter { last: "failed".into(), ..Filter::default() }), "");
    }
}
