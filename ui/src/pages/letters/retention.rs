//! How long letters are kept that were resolved or discarded, and the dialog in which an administrator says it.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::edit::{EditForm, Said, Saving};
use crate::components::feedback::Toasts;
use crate::components::icon::Icon;
use crate::core::query::query;
use crate::core::session::session;
use crate::core::{format, http};
use cofferdam_api_types::{DeadLetterRetention, Role, SetDeadLetterRetention};
use leptos::prelude::*;

const PATH: &str = "/deadLetters/retention";

/// The longest that the server takes: ten years.
const LONGEST_S: u64 = 315_360_000;

/// Units of time, the largest first: its seconds, one of them, several.
const UNITS: [(u64, &str, &str); 4] =
    [(86_400, "day", "days"), (3_600, "hour", "hours"), (60, "minute", "minutes"), (1, "second", "seconds")];

/// A time as a whole number of the largest unit that it is a multiple of: how many, and which unit.
fn split(seconds: u64) -> (u64, usize) {
    let unit = if seconds == 0 {
        0
    } else {
        UNITS.iter().position(|(unit, ..)| seconds.is_multiple_of(*unit)).unwrap_or(UNITS.len() - 1)
    };
    (seconds / UNITS[unit].0, unit)
}

/// A time in words.
fn words(seconds: u64) -> String {
    let (count, unit) = split(seconds);
    format::plural(count, UNITS[unit].1, UNITS[unit].2)
}

/// What was typed, in seconds.
fn read(count: &str, unit: usize) -> Option<u64> {
    let seconds = count.trim().parse::<u64>().ok()?.checked_mul(UNITS.get(unit)?.0)?;
    (seconds <= LONGEST_S).then_some(seconds)
}

/// See the module. It is a line below the list.
#[component]
pub fn Retention() -> impl IntoView {
    let kept = query::<DeadLetterRetention>(|| Some(PATH.to_owned()));
    let session = session();
    let edited = RwSignal::new(None::<DeadLetterRetention>);
    let open = opens_with(edited);
    let done = Callback::new(move |()| kept.refetch());
    let said = move |it: DeadLetterRetention| match it.kept_s {
        0 => "Letters that were resolved or discarded are removed at the next sweep. Open ones stay.".to_owned(),
        seconds => format!("Letters that were resolved or discarded are kept for {}. Open ones stay.", words(seconds)),
    };
    view! {
        {move || kept.data.with(|it| it.as_deref().copied()).map(|it| view! {
            <p class="row wrap small muted" role="note" aria-label="How long letters are kept">
                <Icon name="clock" class="s"/><span>{said(it)}</span>
                <Show when=move || session.may(Role::Admin)><button type="button" class="btn small" on:click=move |_| edited.set(Some(it))>"Change"</button></Show>
            </p>
        })}
        <Dialog open title="How long letters are kept" narrow=true>{move || edited.get().map(|it| view! { <Form it open done/> })}</Dialog>
    }
}

#[component]
fn Form(it: DeadLetterRetention, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let saving = Saving::new(&["kept_s"]);
    let (count, unit) = split(it.kept_s);
    let own = RwSignal::new(!it.is_default);
    let count = RwSignal::new(count.to_string());
    let unit = RwSignal::new(unit);
    let seconds = Memo::new(move |_| read(&count.read(), unit.get()));
    let submit = Callback::new(move |()| {
        let body = SetDeadLetterRetention { kept_s: if own.get_untracked() { seconds.get_untracked() } else { None } };
        let request = async move { http::replace::<DeadLetterRetention>(PATH, &body).await.map(drop) };
        saving.send(request, move || {
            open.try_set(false);
            toasts.done("Letters are kept as you said");
            done.run(());
        });
    });
    let wrong = Signal::derive(move || {
        let is_wrong = seconds.get().is_none();
        is_wrong.then(|| "A whole number, for at most ten years.".to_owned()).or_else(|| saving.said_of("kept_s"))
    });
    let choices = [(false, format!("As configured: {}", words(it.default_s))), (true, "Another time".to_owned())];
    view! {
        <EditForm open saving valid=Signal::derive(move || !own.get() || seconds.get().is_some()) submit verb="Save">
            <p>"After this time, letters that were resolved or discarded are removed with their history. It holds for all letters of the tenant."</p>
            <div class="segmented" style="align-self:flex-start" role="group" aria-label="How long">
                {choices.into_iter().map(|(choice, word)| view! { <button type="button" aria-pressed=move || (own.get() == choice).to_string() on:click=move |_| own.set(choice)>{word}</button> }).collect_view()}
            </div>
            <Show when=move || own.get()>
                <div class="field">
                    <label for="kept-count">"Kept for"</label>
                    <div class="row">
                        <input id="kept-count" class="input index" inputmode="numeric" autocomplete="off" aria-describedby="kept-count-said" aria-invalid=move || wrong.with(Option::is_some).to_string()
                            prop:value=move || count.get() on:input=move |event| count.set(event_target_value(&event))/>
                        <select class="select" aria-label="Unit" on:change=move |event| unit.set(event_target_value(&event).parse().unwrap_or_default())>
                            {UNITS.iter().enumerate().map(|(at, (_, _, many))| view! { <option value=at.to_string() selected=move || unit.get() == at>{*many}</option> }).collect_view()}
                        </select>
                    </div>
                    <Said id="kept-count" hint="" wrong/>
                </div>
            </Show>
        </EditForm>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_largest_whole_unit() {
        assert_eq!([0, 86_400, 90_000, 5_400, 61].map(words), ["0 days", "1 day", "25 hours", "90 minutes", "61 seconds"]);
    }

    #[test]
    fn what_is_typed_is_read_within_its_bounds() {
        assert_eq!([read("90", 0), read(" 36 ", 1), read("0", 0)], [Some(7_776_000), Some(129_600), Some(0)]);
        assert_eq!([read("3650", 0), read("3651", 0), read("1.5", 0), read("", 1)], [Some(LONGEST_S), None, None, None]);
    }
}
