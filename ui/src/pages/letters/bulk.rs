//! The dialog that retries or discards letters. It says first which they are, and which are left out.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Saving, TextField, Typed};
use crate::components::feedback::{FailureNotice, Skeleton, SkeletonView, Toasts};
use crate::components::link::link;
use crate::core::http::{self, Failure};
use crate::core::{format, paths};
use cofferdam_api_types::{DeadLetterFilter, DeadLetterReference, DeadLettersChanged, DiscardDeadLetters, RetryDeadLetters};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// As many are named; of the others only the number is told.
const NAMED: usize = 12;

/// What is done to letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Their tasks are run again.
    Retry,
    /// They are put aside.
    Discard,
}

/// What is done, and to which letters.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    /// What is done.
    pub act: Act,
    /// Open letters that this lets pass.
    pub filter: DeadLetterFilter,
}

impl Bulk {
    /// Asks the server to do it, or to say what it would do.
    async fn ask(&self, note: Option<String>, dry_run: bool) -> Result<DeadLettersChanged, Failure> {
        let filter = self.filter.clone();
        match self.act {
            Act::Retry => http::post("/deadLetters/retry", &RetryDeadLetters { filter, dry_run }).await,
            Act::Discard => http::post("/deadLetters/discard", &DiscardDeadLetters { filter, note, dry_run }).await,
        }
    }
}

/// See the module. It is open while `bulk` is something.
#[component]
pub fn BulkDialog(bulk: RwSignal<Option<Bulk>>, done: Callback<()>) -> impl IntoView {
    let open = opens_with(bulk);
    let title = Signal::derive(move || match bulk.with(|bulk| bulk.as_ref().map(|it| it.act)) {
        Some(Act::Discard) => "Discard dead letters".to_owned(),
        _ => "Retry dead letters".to_owned(),
    });
    view! { <Dialog open title>{move || bulk.get().map(|bulk| view! { <Form bulk open done/> })}</Dialog> }
}

#[component]
fn Form(bulk: Bulk, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(&["note"]);
    let preview = RwSignal::new(None::<Result<DeadLettersChanged, Failure>>);
    let note = RwSignal::new(String::new());
    let (act, asked) = (bulk.act, bulk.clone());
    spawn_local(async move {
        let answer = asked.ask(None, true).await;
        preview.try_set(Some(answer));
    });
    let count =
        Memo::new(move |_| preview.with(|it| it.as_ref().and_then(|it| it.as_ref().ok()).map_or(0, |it| it.total_entries)));
    let submit = Callback::new(move |()| {
        let bulk = bulk.clone();
        let note = Some(note.get_untracked().trim().to_owned()).filter(|note| !note.is_empty());
        let changed = StoredValue::new(0);
        let request = async move {
            let answer = bulk.ask(note, false).await?;
            changed.try_set_value(answer.total_entries);
            Ok(())
        };
        saving.send(request, move || {
            open.try_set(false);
            let letters = format::plural(changed.try_get_value().unwrap_or_default(), "letter", "letters");
            toasts.done(format!("{letters} {}", if act == Act::Retry { "retried" } else { "discarded" }));
            done.run(());
        });
    });
    let what = match act {
        Act::Retry => "Their tasks are run again in their runs; tasks that were not run because of them wait for them anew.",
        Act::Discard => "They are put aside. Their tasks stay failed.",
    };
    view! {
        <EditForm open saving valid=Signal::derive(move || count.get() > 0) submit verb=if act == Act::Retry { "Retry" } else { "Discard" }>
            <p>{what}</p>
            {move || match preview.get() {
                None => view! { <SkeletonView shape=Skeleton::Lines/> }.into_any(),
                Some(Err(failure)) => view! { <FailureNotice failure/> }.into_any(),
                Some(Ok(it)) => view! { <Preview it/> }.into_any(),
            }}
            {(act == Act::Discard).then(|| view! {
                <TextField id="discard-note" label="Remark" value=note typed=Typed::Lines hint="Why they need no more. It stays with them." wrong=Signal::derive(move || saving.said_of("note"))/>
            })}
        </EditForm>
    }
}

/// Which letters it is about, and which are left out.
#[component]
fn Preview(it: DeadLettersChanged) -> impl IntoView {
    let list = |letters: Vec<DeadLetterReference>| {
        let more = letters.len().saturating_sub(NAMED);
        view! {
            <ul class="named">
                {letters.into_iter().take(NAMED).map(|letter| {
                    let (dag, run, task) = (letter.dag_id.to_string(), letter.dag_run_id.to_string(), letter.task_id.to_string());
                    let place = if letter.map_index >= 0 { format!("{task} [{}]", letter.map_index) } else { task.clone() };
                    view! { <li>{link(paths::task_page(&dag, &run, &task), format!("{dag} · {place}"))}<span class="small muted">" "{run}</span>{letter.why.map(|why| view! { <div class="small">{why}</div> })}</li> }
                }).collect_view()}
                {(more > 0).then(|| view! { <li class="muted">{format!("and {more} more")}</li> })}
            </ul>
        }
    };
    let left_out = it.left_out.len() as u64;
    view! {
        <section aria-label="Preview" class="stack">
            <h3>{format::plural(it.total_entries, "letter", "letters")}</h3>
            {list(it.dead_letters)}
            {(left_out > 0).then(|| view! { <h3>{format!("{left_out} left out")}</h3>{list(it.left_out)} })}
        </section>
    }
}
