//! A state as an icon with its name.

use crate::components::icon::Icon;
use crate::core::status::Status;
use leptos::prelude::*;

/// The state, told by colour, shape and word.
#[component]
pub fn StatusLabel(
    /// The state.
    #[prop(into)]
    status: Signal<Status>,
    /// Draws a frame around it.
    #[prop(optional)]
    pill: bool,
) -> impl IntoView {
    view! {
        <span class=if pill { "status pill" } else { "status" } data-state=move || status.get().slug() title=move || status.get().meaning()>
            <Icon name=Signal::derive(move || status.get().icon())/>
            {move || status.get().label()}
        </span>
    }
}
