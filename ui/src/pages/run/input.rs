//! What a try was given, once everything was filled in; and what differs from what another try was given.

use crate::components::code::Code;
use crate::components::diff_view::DiffView;
use crate::components::feedback::{Empty, FailureNotice, Skeleton, SkeletonView};
use crate::core::highlight::Language;
use crate::core::query::{Query, query};
use cofferdam_api_types::{ErrorCode, RenderedInput};
use leptos::prelude::*;

/// The whole as JSON, for reading and comparing.
fn text(rendered: &RenderedInput) -> String {
    let value = if rendered.args.is_empty() && rendered.env.is_empty() {
        Ok(rendered.input.clone())
    } else {
        serde_json::to_value(rendered)
    };
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_default()
}

fn rendered(path: String) -> Query<RenderedInput> {
    query::<RenderedInput>(move || Some(path.clone()))
}

/// See the module.
#[component]
pub fn Input(
    /// The API's path of the task instance, without its position.
    path: String,
    /// The query that names the position, with its `?`.
    at: String,
    /// The try.
    number: u32,
    /// The latest try.
    newest: u32,
) -> impl IntoView {
    let of = {
        let (path, at) = (path.clone(), at.clone());
        move |number: u32| format!("{path}/tries/{number}/rendered{at}")
    };
    let this = rendered(of(number));
    let other = RwSignal::new(None::<u32>);
    let others: Vec<u32> = (1..=newest).filter(|other| *other != number).collect();
    let of = StoredValue::new(of);
    view! {
        <div class="body stack">
            {(!others.is_empty()).then(|| view! {
                <label class="row"><span class="small faint">"Compare with try"</span>
                    <select class="select small" on:change=move |event| other.set(event_target_value(&event).parse().ok())>
                        <option value="">"none"</option>
                        {others.iter().map(|number| view! { <option value=*number>{*number}</option> }).collect_view()}
                    </select>
                </label>
            })}
            {move || shown(this, number, move |this| {
                let after = text(&this);
                match other.get() {
                    None => view! {
                        {this.truncated.then(|| view! { <p class="small muted">"It was too large to be kept whole: long texts and lists are cut."</p> })}
                        <Code boxed=true height="60vh" label="Input" language=Language::Json text=Signal::stored(after)/>
                    }.into_any(),
                    Some(number) => {
                        let before = rendered(of.with_value(|of| of(number)));
                        view! { {move || { let after = after.clone(); shown(before, number, move |before| view! {
                            <DiffView before=Signal::stored(text(&before)) after=Signal::stored(after.clone()) language=Language::Json label=Signal::stored(format!("What differs from try {number}"))/>
                        }.into_any()) }} }.into_any()
                    }
                }
            })}
        </div>
    }
}

/// A rendered input, or why there is none.
fn shown(query: Query<RenderedInput>, number: u32, show: impl Fn(RenderedInput) -> AnyView) -> AnyView {
    if let Some(value) = query.data.get() {
        return show(RenderedInput::clone(&value));
    }
    match query.failure.get() {
        Some(failure) if failure.code() == Some(ErrorCode::NotFound) => view! {
            <Empty icon="in" title=format!("Nothing is recorded of try {number}")><p>"What a try is given is recorded when it starts."</p></Empty>
        }
        .into_any(),
        Some(failure) => view! { <FailureNotice failure/> }.into_any(),
        None => view! { <SkeletonView shape=Skeleton::Lines/> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_input_stands_alone_unless_there_is_more() {
        let plain: RenderedInput = serde_json::from_value(json!({ "input": { "day": "2026-11-21" } })).unwrap();
        assert_eq!(text(&plain), "{\n  \"day\": \"2026-11-21\"\n}");
        let command: RenderedInput = serde_json::from_value(json!({ "input": {}, "args": ["--day"] })).unwrap();
        assert!(text(&command).contains("\"args\"") && text(&command).contains("--day"));
    }
}
