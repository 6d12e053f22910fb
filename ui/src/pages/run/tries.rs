//! The tries of a task instance side by side.

use crate::components::feedback::{Empty, Skeleton, loaded};
use crate::components::time::Moment;
use crate::core::format;
use crate::core::query::Query;
use crate::core::status::reason;
use crate::pages::run::run_context;
use crate::pages::run::task_panel::ending;
use cofferdam_api_types::{Try, TryCollection};
use leptos::prelude::*;

/// See the module.
#[component]
pub fn Tries(tries: Query<TryCollection>) -> impl IntoView {
    view! {
        {loaded(tries, Skeleton::Rows, move |list| move || {
            if list.with(|list| list.tries.is_empty()) {
                return view! { <Empty icon="retry" title="No try has ended yet"><p>"Each try that has ended is a row here: how it ended, why, and what it used."</p></Empty> }.into_any();
            }
            view! {
                <div class="table-wrap" tabindex="0" role="region" aria-label="Tries">
                    <table class="table tries">
                        <thead><tr><th scope="col" class="num">"Try"</th><th scope="col">"Ended"</th><th scope="col">"Started"</th><th scope="col" class="num">"Waited"</th><th scope="col" class="num">"Took"</th><th scope="col" class="num">"CPU"</th><th scope="col" class="num">"Fuel"</th><th scope="col" class="num">"Memory"</th><th scope="col"><span class="visually-hidden">"More"</span></th></tr></thead>
                        <tbody>{list.with(|list| list.tries.iter().cloned().map(|one| view! { <Row one/> }).collect_view())}</tbody>
                    </table>
                </div>
            }.into_any()
        })}
    }
}

#[component]
fn Row(one: Try) -> impl IntoView {
    let address = run_context().address;
    let micros = |from: chrono::DateTime<chrono::Utc>, to: chrono::DateTime<chrono::Utc>| {
        format::duration_us((to - from).num_microseconds().unwrap_or(0).max(0) as u64)
    };
    let waited = one.start_date.map_or_else(|| "–".to_owned(), |start| micros(one.queued_at, start));
    let took = one.start_date.map_or_else(|| "–".to_owned(), |start| micros(start, one.end_date));
    let number = one.try_number;
    let message = one.message.clone().map(|text| crate::core::ansi::plain_lines(&text)).filter(|text| !text.is_empty());
    let go = move |part: &'static str| address.set([("part", part.to_owned()), ("try", number.to_string())]);
    view! {
        <tr>
            <td class="num"><strong>{number}</strong></td>
            <td>{ending(one.ending)}{one.reason.map(|it| view! { <div class="small muted">{reason(it).0}</div> })}
                {message.map(|text| view! { <div class="small mono clip message" title=text.clone()>{text.clone()}</div> })}</td>
            <td class="small">{one.start_date.map(|at| view! { <Moment at short=true/> })}</td>
            <td class="num nowrap">{waited}</td>
            <td class="num nowrap">{took}</td>
            <td class="num nowrap">{format::duration_us(one.receipt.cpu_us)}</td>
            <td class="num nowrap">{format::count(one.receipt.fuel)}</td>
            <td class="num nowrap">{format::bytes(one.receipt.peak_memory_bytes)}</td>
            <td class="nowrap">
                <button type="button" class="link small" aria-label=format!("Log of try {number}") on:click=move |_| go("log")>"Log"</button>" "
                <button type="button" class="link small" aria-label=format!("Input of try {number}") on:click=move |_| go("input")>"Input"</button>
            </td>
        </tr>
    }
}
