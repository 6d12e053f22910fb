//! What tasks ask people: what waits for a decision, and what has been decided.

pub mod decide;

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::filters::{Choice, Choices, Segments, Tag};
use crate::components::icon::Icon;
use crate::components::link::link;
use crate::components::page::PageHead;
use crate::components::pager::Pages;
use crate::components::time::Ago;
use crate::core::address::address;
use crate::core::live::News;
use crate::core::paths;
use crate::core::query::{Query, query};
use cofferdam_api_types::{Approval, ApprovalCollection, ApprovalState, Approvers, Event, OnExpiry, TaskState};
use decide::{DecideDialog, Decision};
use leptos::prelude::*;

/// Approvals of a page.
const LIMIT: u32 = 25;

const STATES: &[Choice] = &[("", "Waiting"), ("settled", "Settled"), ("all", "All")];

const WHOSE: &[Choice] = &[("", "Everybody's"), ("true", "Mine")];

const ORDERS: &[Choice] =
    &[("", "Latest first"), ("asked_at", "Oldest first"), ("expires_at", "Soonest end first"), ("dag_id", "By dag")];

/// A state with its colour, its icon and its name.
const fn state(state: ApprovalState) -> (&'static str, &'static str, &'static str) {
    match state {
        ApprovalState::Waiting => ("deferred", "pause-circle", "Waiting"),
        ApprovalState::Approved => ("success", "check-circle", "Approved"),
        ApprovalState::Rejected => ("failed", "x-circle", "Rejected"),
        ApprovalState::Expired => ("up_for_retry", "clock", "Expired"),
        ApprovalState::Withdrawn => ("skipped", "minus-circle", "Withdrawn"),
    }
}

/// Who may decide, in words.
fn asked(who: &Approvers) -> String {
    let roles = who.roles.iter().map(|role| format!("whoever is {role} or more"));
    let all: Vec<String> = who.users.iter().cloned().chain(roles).collect();
    if all.is_empty() { "Nobody".to_owned() } else { all.join(", ") }
}

/// Whether an update may have made or settled a question.
fn concerns(news: &News) -> bool {
    match news {
        News::Change(Event::TaskInstance { state, .. }) => *state == TaskState::Deferred || state.is_finished(),
        News::Change(_) => false,
        News::Resync => true,
    }
}

/// How many decisions wait for whoever is signed in.
#[must_use]
pub fn waiting_for_me() -> Query<ApprovalCollection> {
    query::<ApprovalCollection>(|| Some("/approvals?mine=true&limit=1".to_owned())).refetch_on(concerns)
}

/// See the module. The address has the state, the dag, and whether only one's own are meant.
#[component]
pub fn ApprovalList() -> impl IntoView {
    let address = address();
    let (wanted, dag) = (address.signal("state"), address.signal("dag"));
    let (mine, order) = (address.signal("mine"), address.signal("order"));
    let paging = address.paging(LIMIT);
    let approvals = query::<ApprovalCollection>(move || {
        let values =
            paging.query(&[("state", &wanted.get()), ("dag_id", &dag.get()), ("mine", &mine.get()), ("order_by", &order.get())]);
        Some(format!("/approvals{values}"))
    })
    .refetch_on(concerns);
    let decision = RwSignal::new(None::<Decision>);
    let done = Callback::new(move |()| approvals.refetch());
    view! {
        <PageHead title="Approvals"/>
        <div class="content">
            <div class="toolbar">
                <Segments address name="state" label="State" choices=STATES/>
                <Segments address name="mine" label="Whose decision" choices=WHOSE/>
                <Choices address name="order" label="Order" choices=ORDERS.to_vec()/>
                <Tag address name="dag"/>
            </div>
            <section class="card" aria-label="Approvals">
                {loaded(approvals, Skeleton::Rows, move |list| move || {
                    let list = list.get();
                    if list.approvals.is_empty() {
                        return view! {
                            <Empty icon="stamp" title=if wanted.with(String::is_empty) { "Nothing waits for a decision" } else { "No approvals yet" }>
                                <p>"A task with "<code>"approval"</code>" in place of a component asks a person, and waits until somebody decides:"</p>
                                <pre tabindex="0"><code>"- task_id: ask\n  approval:\n    message: \"Publish the figures of {{ ds }}?\"\n    who: {roles: [editor]}"</code></pre>
                            </Empty>
                        }.into_any();
                    }
                    view! {
                        <ul class="questions">{list.approvals.iter().map(|it| view! { <Question it=it.clone() decision/> }).collect_view()}</ul>
                        <Pages paging total=Signal::stored(list.total_entries) names=("approval", "approvals")/>
                    }.into_any()
                })}
            </section>
        </div>
        <DecideDialog decision done/>
    }
}

/// A question, with what was decided or the buttons that decide it.
#[component]
pub fn Question(it: Approval, decision: RwSignal<Option<Decision>>) -> impl IntoView {
    let (slug, icon, word) = state(it.state);
    let (dag, run, task) = (it.dag_id.to_string(), it.dag_run_id.to_string(), it.task_id.to_string());
    let place = if it.map_index >= 0 { format!("{task} [{}]", it.map_index) } else { task.clone() };
    let expiry = it.expires_at.filter(|_| it.state == ApprovalState::Waiting).map(|at| {
        let then = match it.on_expiry {
            OnExpiry::Fail => "fails",
            OnExpiry::Skip => "is skipped",
            OnExpiry::Approve => "counts as approved",
        };
        view! { <span>{format!("{then} ")}<Ago at/></span> }
    });
    let (yes, no) = (Decision { approval: it.clone(), approves: true }, Decision { approval: it.clone(), approves: false });
    let title = format!("{dag}: {task}");
    view! {
        <li>
            <span class="status" data-state=slug title=word><Icon name=icon/><span class="visually-hidden">{word}</span></span>
            <div class="grow">
                <p class="question">{it.message.clone()}</p>
                <div class="facts">
                    <span>{link(paths::task_page(&dag, &run, &task), format!("{dag} · {place}"))}</span>
                    <span>"asked "<Ago at=it.asked_at/></span>
                    {(it.state == ApprovalState::Waiting).then(|| view! { <span>"of "{asked(&it.who)}</span> })}
                    {expiry}
                    {(!it.options.is_empty() && it.decision.is_none()).then(|| view! { <span>{it.options.join(" / ")}</span> })}
                </div>
                {it.decision.clone().map(|decision| view! {
                    <p class="small">
                        <strong>{word}</strong>{decision.by.map(|by| format!(" by {by}"))}" "<Ago at=decision.at/>
                        {decision.choice.map(|choice| view! { ": "<strong>{choice}</strong> })}
                        {decision.note.map(|note| view! { <span class="muted">" – “"{note}"”"</span> })}
                    </p>
                })}
            </div>
            {(it.state == ApprovalState::Waiting).then(|| view! {
                <div class="row">
                    <button type="button" class="btn small primary" aria-label=format!("Approve {title}") disabled=!it.may_decide on:click=move |_| decision.set(Some(yes.clone()))>"Approve"</button>
                    <button type="button" class="btn small danger" aria-label=format!("Reject {title}") disabled=!it.may_decide on:click=move |_| decision.set(Some(no.clone()))>"Reject"</button>
                </div>
            })}
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_api_types::Role;

    #[test]
    fn who_is_asked_is_told_in_words() {
        let who = Approvers { users: vec!["anna".to_owned()], roles: vec![Role::Editor] };
        assert_eq!(asked(&who), "anna, whoever is editor or more");
        assert_eq!(asked(&Approvers::default()), "Nobody");
    }
}
