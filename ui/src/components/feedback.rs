//! What a page shows when there is nothing to show, not yet or not any more: skeletons, empty states, failures, toasts.

use crate::components::icon::Icon;
use crate::core::http::Failure;
use crate::core::query::Query;
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Nothing there, and what to do about it.
#[component]
pub fn Empty(
    /// The icon.
    icon: &'static str,
    /// What is missing.
    #[prop(into)]
    title: String,
    /// What to do.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="mark"><Icon name=icon/></span>
            <h3>{title}</h3>
            {children.map(|children| children())}
        </div>
    }
}

/// A failed request: what, why, where, and a way to try again.
#[component]
pub fn FailureNotice(
    /// What failed.
    failure: Failure,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    let reference = failure.reference();
    view! {
        <div class="notice error" role="alert">
            <Icon name="warning"/>
            <div class="grow">
                <h3>{failure.title()}</h3>
                <p class="muted">{failure.detail()}</p>
                {(!failure.diagnostics().is_empty()).then(|| view! {
                    <ul class="small stack">
                        {failure.diagnostics().into_iter().map(|it| view! {
                            <li><code>{it.pointer}</code>" "{it.message}{it.help.map(|help| view! { <span class="muted">" "{help}</span> })}</li>
                        }).collect_view()}
                    </ul>
                })}
                {(!reference.is_empty()).then(|| view! { <p class="meta mono">{reference}</p> })}
            </div>
            {retry.map(|retry| view! {
                <button type="button" class="btn small" on:click=move |_| retry.run(())><Icon name="retry" class="s"/>"Try again"</button>
            })}
        </div>
    }
}

/// The grey shape of what is loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skeleton {
    /// Rows of a table.
    Rows,
    /// One large area.
    Block,
    /// Some lines of text.
    Lines,
}

/// See [`Skeleton`].
#[component]
pub fn SkeletonView(
    /// Its shape.
    shape: Skeleton,
) -> impl IntoView {
    let bar =
        |width: u32, height: u32| view! { <span class="skeleton" style=format!("width:{width}%;height:{height}px")></span> };
    view! {
        <div role="status">
            <span class="visually-hidden">"Loading"</span>
            {match shape {
                Skeleton::Rows => view! {
                    <div class="skeleton-rows">
                        {(0..7).map(|i| view! { <div>{bar(62 + i * 5 % 30, 15)}{bar(74 - i * 7 % 30, 15)}{bar(80, 15)}{bar(40, 15)}</div> }).collect_view()}
                    </div>
                }.into_any(),
                Skeleton::Block => view! { <div style="padding:16px">{bar(100, 280)}</div> }.into_any(),
                Skeleton::Lines => view! { <div class="stack" style="padding:16px">{bar(34, 20)}{bar(82, 13)}{bar(70, 13)}{bar(76, 13)}</div> }.into_any(),
            }}
        </div>
    }
}

/// Shows a query: a skeleton at first, a failure instead of nothing, then `show` once, with the value as a signal. A later failure
/// stands above the value that is still there.
pub fn loaded<T, V>(
    query: Query<T>,
    skeleton: Skeleton,
    show: impl Fn(Signal<Arc<T>>) -> V + Send + Sync + Clone + 'static,
) -> impl IntoView
where
    T: PartialEq + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let present = Memo::new(move |_| query.data.with(Option::is_some));
    let failed = Memo::new(move |_| query.failure.get());
    let retry = Callback::new(move |()| query.refetch());
    let notice = move || failed.get().map(|failure| view! { <FailureNotice failure retry/> });
    move || {
        let first = if present.get() { query.data.get_untracked() } else { None };
        match first {
            Some(first) => {
                let value = Memo::new(move |last: Option<&Arc<T>>| query.data.get().or_else(|| last.cloned()).unwrap_or_else(|| first.clone()));
                view! { {notice}{show(value.into())} }.into_any()
            }
            None => view! { {move || if failed.with(Option::is_some) { notice().into_any() } else { view! { <SkeletonView shape=skeleton/> }.into_any() }} }
                .into_any(),
        }
    }
}

#[derive(Clone)]
struct Toast {
    id: u32,
    title: String,
    detail: String,
    failed: bool,
}

/// Short messages in the corner.
#[derive(Clone, Copy)]
pub struct Toasts(RwSignal<Vec<Toast>>);

impl Toasts {
    /// Gives them to all pages.
    pub fn provide() {
        provide_context(Self(RwSignal::new(Vec::new())));
    }

    /// Says that something worked.
    pub fn done(self, title: impl Into<String>) {
        self.add(title.into(), String::new(), false);
    }

    /// Says that something failed. It stays longer.
    pub fn failed(self, failure: &Failure) {
        self.add(failure.title(), failure.detail(), true);
    }

    fn add(self, title: String, detail: String, failed: bool) {
        let id = self.0.with_untracked(|all| all.last().map_or(0, |toast| toast.id + 1));
        self.0.update(|all| all.push(Toast { id, title, detail, failed }));
        set_timeout(move || self.remove(id), Duration::from_secs(if failed { 12 } else { 4 }));
    }

    fn remove(self, id: u32) {
        self.0.update(|all| all.retain(|toast| toast.id != id));
    }
}

/// The corner where toasts stand.
#[component]
pub fn ToastCorner() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || toasts.0.get() key=|toast| toast.id let:toast>
                <div class="toast" data-state=if toast.failed { "failed" } else { "success" }>
                    <Icon name=if toast.failed { "warning" } else { "check-circle" }/>
                    <div class="grow"><strong>{toast.title.clone()}</strong><p class="muted small">{toast.detail.clone()}</p></div>
                    <button type="button" class="btn quiet small icon-only" aria-label="Dismiss" on:click=move |_| toasts.remove(toast.id)><Icon name="close" class="s"/></button>
                </div>
            </For>
        </div>
    }
}
