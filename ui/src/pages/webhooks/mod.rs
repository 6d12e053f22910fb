//! Webhooks: what runs dags from outside, what came of late, and what was refused.

mod secret;

use crate::components::edit::Removal;
use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::icon::Icon;
use crate::components::link::{dag_link, link};
use crate::components::page::{PageHead, Search};
use crate::components::table::{Column, Listed, ordered, plain};
use crate::components::time::Ago;
use crate::core::address::{Address, address};
use crate::core::query::query;
use crate::core::session::session;
use crate::core::{format, paths};
use cofferdam_api_types::{Role, Webhook, WebhookCollection, WebhookDelivery, WebhookDeliveryCollection, WebhookRefusal};
use leptos::prelude::*;
use secret::{SecretDialog, Wanted};

/// Webhooks, or what one received, of a page.
const LIMIT: u32 = 50;

const COLUMNS: &[Column] = &[
    ordered("Dag", "dag_id"),
    plain("Where events are sent"),
    plain("In the last day").num(),
    ordered("Last came", "last_received_at").latest(),
    ordered("Refused", "refused").latest(),
    ordered("Made", "created_at").latest(),
];

const DELIVERIES: &[Column] = &[plain("When"), plain("Event"), plain("Run")];

/// Why something was refused, in words.
const fn refusal(why: WebhookRefusal) -> &'static str {
    match why {
        WebhookRefusal::Headers => "a header of the signature is missing or has another form",
        WebhookRefusal::Time => "it was signed more than five minutes away from the server's clock",
        WebhookRefusal::Signature => "the signature is wrong: the sender has another secret",
        WebhookRefusal::Body => "the body is no event",
        WebhookRefusal::TooMany => "more came in a minute than it takes",
    }
}

/// See the module. The address has the search, the order, and the dag whose webhook is looked at.
#[component]
pub fn WebhookPage() -> impl IntoView {
    let address = address();
    let (text, order, dag) = (address.signal("q"), address.signal("order"), address.signal("dag"));
    let paging = address.paging(LIMIT);
    let webhooks = query::<WebhookCollection>(move || {
        Some(format!("/webhooks{}", paging.query(&[("dag_id_pattern", &text.get()), ("order_by", &order.get())])))
    })
    .refetch_on(|news| news.is_about_runs());
    let session = session();
    let wanted = RwSignal::new(None::<Wanted>);
    let deleted = RwSignal::new(None::<String>);
    let done = Callback::new(move |()| webhooks.refetch());
    // One that is gone has no events to look at.
    let gone = Callback::new(move |()| {
        address.set([("dag", ""), ("events_offset", "")]);
        webhooks.refetch();
    });
    view! {
        <PageHead title="Webhooks" actions=move || view! {
            <button type="button" class="btn primary" disabled=move || !session.may(Role::Editor) on:click=move |_| wanted.set(Some(Wanted::New))><Icon name="plus" class="s"/>"Add a webhook"</button>
        }/>
        <div class="content">
            <div class="toolbar"><Search value=text on_input=move |text: String| address.narrow("q", text) label="Find the webhook of a dag"/></div>
            <section class="card" aria-label="Webhooks">
                {loaded(webhooks, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.webhooks.is_empty() && text.with(String::is_empty) {
                        return view! {
                            <Empty icon="bolt" title="No webhooks yet">
                                <p>"A webhook lets a program that has no user run a dag. It signs its events with a secret of the dag's own. Add one here, or on the command line:"</p>
                                <pre tabindex="0"><code>"cofferdam webhook create load_orders"</code></pre>
                            </Empty>
                        }.into_any();
                    }
                    if list.webhooks.is_empty() {
                        return view! { <Empty icon="search" title="No dag with a webhook has this in its name"/> }.into_any();
                    }
                    let rows = list.webhooks.iter().map(|it| view! { <Row it=it.clone() address dag wanted deleted/> }).collect_view();
                    view! { <Listed address paging total=Signal::stored(list.total_entries) names=("webhook", "webhooks") columns=COLUMNS usual="dag_id" actions=true>{rows}</Listed> }.into_any()
                })}
            </section>
            {move || Some(dag.get()).filter(|dag| !dag.is_empty()).map(|dag| view! { <Deliveries dag address/> })}
        </div>
        <SecretDialog wanted done/>
        <Removal name=deleted kind="webhook" owned=true consequence="What is sent to it is refused from then on. A new one has another secret." path=paths::webhook done=gone/>
    }
}

#[component]
fn Row(
    it: Webhook,
    address: Address,
    dag: Memo<String>,
    wanted: RwSignal<Option<Wanted>>,
    deleted: RwSignal<Option<String>>,
) -> impl IntoView {
    let session = session();
    let may = move || session.may(Role::Editor);
    let name = it.dag_id.to_string();
    let (chosen, own, goner, renewed) = (name.clone(), name.clone(), name.clone(), name.clone());
    let is_chosen = Memo::new(move |_| dag.with(|dag| *dag == own));
    let look = move |_| {
        address.set([
            ("dag", if is_chosen.get_untracked() { String::new() } else { chosen.clone() }),
            ("events_offset", String::new()),
        ])
    };
    let never = || view! { <span class="faint">"Never"</span> }.into_any();
    view! {
        <tr aria-selected=move || is_chosen.get().to_string()>
            <td>{dag_link(&name)}</td>
            <td class="value"><code>{it.path.clone()}</code></td>
            <td class="num">{format::grouped(it.events_last_day)}</td>
            <td>{it.last_received_at.map_or_else(never, |at| view! { <Ago at/> }.into_any())}</td>
            <td>{if it.refused == 0 { view! { <span class="faint">"None"</span> }.into_any() } else { view! {
                <span class="num">{format::grouped(it.refused)}</span>
                <div class="small muted">{it.last_refusal.map(refusal)}{it.last_refused_at.map(|at| view! { ", "<Ago at/> })}</div>
            }.into_any() }}</td>
            <td><Ago at=it.created_at/>{(it.updated_at != it.created_at).then(|| view! { <div class="small muted">"new secret "<Ago at=it.updated_at/></div> })}</td>
            <td class="tight"><div class="row">
                <button type="button" class="btn small" aria-pressed=move || is_chosen.get().to_string() aria-label=format!("What came for {name}") on:click=look>"Events"</button>
                <button type="button" class="btn small" aria-label=format!("New secret for {name}") disabled=move || !may() on:click=move |_| wanted.set(Some(Wanted::Renewed(renewed.clone())))><Icon name="key" class="s"/>"New secret"</button>
                <button type="button" class="btn small danger icon-only" title="Delete" aria-label=format!("Delete the webhook of {name}") disabled=move || !may() on:click=move |_| deleted.set(Some(goner.clone()))><Icon name="trash" class="s"/></button>
            </div></td>
        </tr>
    }
}

/// What the webhook of a dag received within the last day.
#[component]
fn Deliveries(dag: String, address: Address) -> impl IntoView {
    let paging = address.paging_as("events_offset", LIMIT);
    let path = paths::webhook(&dag);
    let list = query::<WebhookDeliveryCollection>(move || Some(format!("{path}/deliveries{}", paging.query(&[]))))
        .refetch_on(|news| news.is_about_runs());
    let name = dag.clone();
    view! {
        <section class="card" aria-label="Events of the last day">
            <header><h2>{format!("What came for {dag} in the last day")}</h2><span class="grow"></span>
                <button type="button" class="btn small" on:click=move |_| address.set([("dag", ""), ("events_offset", "")])>"Close"</button></header>
            {loaded(list, Skeleton::Rows, move |list| {
                let dag = name.clone();
                move || {
                    let list = list.get();
                    if list.deliveries.is_empty() {
                        return view! { <Empty icon="inbox" title="Nothing came in the last day"><p>"Events that were refused are counted above, and are not kept."</p></Empty> }.into_any();
                    }
                    let rows = list.deliveries.iter().map(|it| view! { <Delivery it=it.clone() dag=dag.clone()/> }).collect_view();
                    view! { <Listed address paging total=Signal::stored(list.total_entries) names=("event", "events") columns=DELIVERIES>{rows}</Listed> }.into_any()
                }
            })}
        </section>
    }
}

#[component]
fn Delivery(it: WebhookDelivery, dag: String) -> impl IntoView {
    let run = it.dag_run_id.map_or_else(
        || view! { <span class="faint">"None"</span> }.into_any(),
        |run| link(paths::run_page(&dag, run.as_str()), run.to_string()),
    );
    view! { <tr><td><Ago at=it.received_at/></td><td class="value mono">{it.event_id}</td><td>{run}</td></tr> }
}
