//! What a try used, for reading.

use crate::components::icon::Icon;
use crate::core::format;
use cofferdam_api_types::Receipt;
use leptos::prelude::*;

/// See the module.
#[component]
pub fn ReceiptView(receipt: Receipt) -> impl IntoView {
    let figures = [
        (
            "timer",
            "Wall time",
            format::duration_us(receipt.wall_us),
            format!("{} µs from the start of the sandbox to its end", format::grouped(receipt.wall_us)),
        ),
        (
            "cpu",
            "CPU time",
            format::duration_us(receipt.cpu_us),
            format!("{} µs of processor time", format::grouped(receipt.cpu_us)),
        ),
        (
            "fuel",
            "Fuel",
            format::count(receipt.fuel),
            format!("{} units, about one for each WebAssembly instruction", format::grouped(receipt.fuel)),
        ),
        (
            "memory",
            "Peak memory",
            format::bytes(receipt.peak_memory_bytes),
            format!("{} bytes of linear memory", format::grouped(receipt.peak_memory_bytes)),
        ),
        ("in", "Input", format::bytes(receipt.input_bytes), format!("{} bytes", format::grouped(receipt.input_bytes))),
        ("out", "Result", format::bytes(receipt.output_bytes), format!("{} bytes", format::grouped(receipt.output_bytes))),
        (
            "log",
            "Log",
            format::bytes(receipt.log_bytes),
            format!("{} bytes of log messages, those dropped included", format::grouped(receipt.log_bytes)),
        ),
        (
            "list",
            "Output",
            format::bytes(receipt.stdio_bytes),
            format!("{} bytes written to stdout and stderr, those dropped included", format::grouped(receipt.stdio_bytes)),
        ),
        (
            "bolt",
            "HTTP",
            format::bytes(receipt.http_bytes),
            format!("{} requests, {} bytes sent and received", receipt.http_calls, format::grouped(receipt.http_bytes)),
        ),
    ];
    view! {
        <div class="meters" role="group" aria-label="Receipt of the try">
            {figures.into_iter().map(|(icon, name, value, whole)| {
                let (figure, unit) = value.rsplit_once(' ').map_or((value.clone(), String::new()), |(figure, unit)| (figure.to_owned(), unit.to_owned()));
                view! { <div class="meter" title=whole><div class="k"><Icon name=icon class="s"/>{name}</div><div class="v">{figure}<small>" "{unit}</small></div></div> }
            }).collect_view()}
        </div>
    }
}
