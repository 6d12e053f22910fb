//! The icons, drawn on a grid of 16 by 16.

use leptos::prelude::*;

/// An icon by name. It is decoration: the text beside it, or the label of its button, says what is meant.
#[component]
pub fn Icon(
    /// One of the names below.
    #[prop(into)]
    name: Signal<&'static str>,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    view! {
        <svg class=format!("icon {class}") viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" inner_html=move || shape(name.get())></svg>
    }
}

/// The drawing of an icon. Only what stands here is ever set as markup.
#[must_use]
pub fn shape(name: &str) -> &'static str {
    match name {
        "logo" => {
            r#"<path d="M3.5 2v9.200A2.3 2.3 0 0 0 5.8 13.500h4.400a2.3 2.3 0 0 0 2.3-2.300V2"/><path d="M1 6q.9-1 2 0M13 6q1-1 2 0"/><rect x="6.2" y="8" width="3.6" height="3" rx=".8" fill="currentColor" stroke="none"/>"#
        }
        "dags" => {
            r#"<rect x="1.5" y="6" width="4" height="4" rx="1"/><rect x="10.5" y="1.8" width="4" height="4" rx="1"/><rect x="10.5" y="10.2" width="4" height="4" rx="1"/><path d="M5.5 8H8V3.800h2.500M8 8v4.200h2.5"/>"#
        }
        "component" => r#"<path d="M8 1.5 14 4.800v6.400L8 14.5 2 11.200V4.800z"/><path d="M2.2 4.9 8 8l5.8-3.100M8 8v6.3"/>"#,
        "system" => r#"<path d="M1.5 8.500h2.700l1.6-4.7 3 8.4 1.9-5.2.8 1.500h3"/>"#,
        "check-circle" => {
            r#"<circle cx="8" cy="8" r="6.5" fill="currentColor" stroke="none"/><path d="m5 8.2 2.1 2.100L11 6.3" stroke="var(--surface)" stroke-width="1.8"/>"#
        }
        "x-circle" => {
            r#"<path d="M5.3 1.500h5.400l3.8 3.800v5.400l-3.8 3.800H5.300l-3.8-3.800V5.300z" fill="currentColor" stroke="none"/><path d="m5.7 5.7 4.6 4.600m0-4.6-4.6 4.6" stroke="var(--surface)" stroke-width="1.8"/>"#
        }
        "running" => {
            r#"<circle cx="8" cy="8" r="6" opacity=".28"/><path class="spin" style="transform-origin:8px 8px" d="M8 2a6 6 0 0 1 6 6" stroke-width="2"/>"#
        }
        "retry" => {
            r#"<path d="M2.5 8a5.5 5.5 0 0 1 9.6-3.600L13.5 6M13.5 2.500V6H10"/><path d="M13.5 8a5.5 5.5 0 0 1-9.6 3.600L2.5 10m0 3.500V10H6"/>"#
        }
        "clock" => r#"<circle cx="8" cy="8" r="6.2"/><path d="M8 4.500V8l2.3 1.5"/>"#,
        "circle" => r#"<circle cx="8" cy="8" r="6"/><path d="M5.2 8h.01M8 8h.01M10.8 8h.01" stroke-width="2"/>"#,
        "circle-dotted" => r#"<circle cx="8" cy="8" r="6" stroke-dasharray="1.6 3.1"/>"#,
        "pause-circle" => r#"<circle cx="8" cy="8" r="6.2"/><path d="M6.5 6v4M9.5 6v4"/>"#,
        "minus-circle" => r#"<circle cx="8" cy="8" r="6.2"/><path d="M5.5 8h5"/>"#,
        "blocked" => {
            r#"<path d="M8 1.8 14.7 13.600H1.300z" fill="currentColor" stroke="none"/><path d="M8 6.300v3.200m0 2v.1" stroke="var(--surface)" stroke-width="1.7"/>"#
        }
        "skip" => r#"<path d="m3 4 4.5 4L3 12zM8.5 4 13 8l-4.5 4z"/>"#,
        "glyph-check" => r#"<path d="m4 8.3 2.7 2.700L12 5.5" stroke-width="2.4"/>"#,
        "glyph-x" => r#"<path d="m4.6 4.6 6.8 6.800m0-6.8-6.8 6.8" stroke-width="2.4"/>"#,
        "glyph-play" => r#"<path d="m5.5 4 6 4-6 4z" fill="currentColor"/>"#,
        "glyph-retry" => r#"<path d="M12 8a4 4 0 1 1-1.3-3M12 2.500V5.300H9.2" stroke-width="1.9"/>"#,
        "glyph-pause" => r#"<path d="M6 5v6M10 5v6" stroke-width="2.4"/>"#,
        "glyph-up" => r#"<path d="M8 12V4.500M4.5 7.5 8 4l3.5 3.5" stroke-width="2.2"/>"#,
        "glyph-skip" => r#"<path d="m4 4.5 3.5 3.500L4 11.500M8.5 4.5 12 8l-3.5 3.5" stroke-width="2"/>"#,
        "glyph-dots" => r#"<path d="M4 8h.01M8 8h.01M12 8h.01" stroke-width="2.6"/>"#,
        "glyph-none" => "",
        "play" => r#"<path d="M4.5 2.800v10.400L13 8z" fill="currentColor"/>"#,
        "stop" => r#"<rect x="3.5" y="3.5" width="9" height="9" rx="1.5"/>"#,
        "hand" => {
            r#"<path d="M5 8V3.600a1.1 1.1 0 0 1 2.2 0V7m0-.5V2.600a1.1 1.1 0 0 1 2.2 0V7m0-.3V3.700a1.1 1.1 0 0 1 2.2 0v5.500c0 3-1.6 5-4.3 5-2 0-3-.8-4-2.500L2.2 9c-.6-1.2.8-2 1.6-1.100L5 9.3"/>"#
        }
        "bolt" => r#"<path d="M9 1.5 3 9h4.500L7 14.5 13 7H8.500z"/>"#,
        "search" => r#"<circle cx="7" cy="7" r="4.7"/><path d="m10.5 10.5 3.7 3.7"/>"#,
        "close" => r#"<path d="m4 4 8 8m0-8-8 8"/>"#,
        "chevron" => r#"<path d="m6 3.5 4.5 4.500L6 12.5"/>"#,
        "chevron-left" => r#"<path d="M10 3.5 5.5 8l4.5 4.5"/>"#,
        "down" => r#"<path d="M8 2.500v8m0 0L4.5 7M8 10.5 11.5 7M2.5 13.500h11"/>"#,
        "up" => r#"<path d="m4 10 4-4.500L12 10"/>"#,
        "down-small" => r#"<path d="m4 6 4 4.500L12 6"/>"#,
        "up-down" => r#"<path d="m5 6 3-3 3 3M5 10l3 3 3-3" opacity=".45"/>"#,
        "pool" => r#"<rect x="1.500" y="3" width="13" height="10" rx="1.500"/><path d="M5.800 3v10M10.200 3v10"/>"#,
        "backfill" => r#"<path d="M8 3 3 8l5 5M13.500 3l-5 5 5 5"/>"#,
        "asset" => {
            r#"<ellipse cx="8" cy="3.800" rx="5.500" ry="2.300"/><path d="M2.500 3.800v8.400c0 1.300 2.500 2.300 5.500 2.300s5.500-1 5.500-2.300V3.800M2.500 8c0 1.300 2.500 2.300 5.500 2.300s5.500-1 5.500-2.300"/>"#
        }
        "inbox" => r#"<path d="M2 9.500 4 3h8l2 6.500V13a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1zM2 9.500h3.500l1 2h3l1-2H14"/>"#,
        "history" => r#"<path d="M2.500 8a5.500 5.500 0 1 0 1.700-4L2.500 5.500M2.500 2v3.500H6M8 5v3.200l2 1.300"/>"#,
        "folder" => r#"<path d="M2 12.500v-9h4l1.500 2H14v7a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1z"/>"#,
        "stamp" => r#"<path d="M2.500 14h11M3 11.500h10V9.500H9.500L10 6a2.300 2.300 0 1 0-4 0l.500 3.500H3z"/>"#,
        "follow" => r#"<path d="M8 2.500v9m0 0L4 7.500m4 4 4-4M3 14h10"/>"#,
        "wrap" => r#"<path d="M2 3.500h12M2 8h9.500a2.2 2.2 0 0 1 0 4.400H8m0 0 1.8-1.800M8 12.400l1.8 1.800M2 12.500h3"/>"#,
        "copy" => {
            r#"<rect x="5.5" y="5.5" width="8.5" height="8.5" rx="1.5"/><path d="M3 10.500a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1h6.500a1 1 0 0 1 1 1"/>"#
        }
        "plus" => r#"<path d="M8 3v10M3 8h10"/>"#,
        "minus" => r#"<path d="M3 8h10"/>"#,
        "fit" => {
            r#"<path d="M2 5.500V3a1 1 0 0 1 1-1h2.500M10.5 2H13a1 1 0 0 1 1 1v2.500M14 10.500V13a1 1 0 0 1-1 1h-2.500M5.5 14H3a1 1 0 0 1-1-1v-2.5"/>"#
        }
        "sun" => {
            r#"<circle cx="8" cy="8" r="3"/><path d="M8 1v1.500M8 13.500V15M1 8h1.500M13.5 8H15M3 3l1.1 1.100M11.9 11.9 13 13M13 3l-1.1 1.100M4.1 11.9 3 13"/>"#
        }
        "moon" => r#"<path d="M13.5 9.700A5.8 5.8 0 0 1 6.3 2.500a5.8 5.8 0 1 0 7.2 7.200z"/>"#,
        "monitor" => r#"<rect x="1.5" y="2.5" width="13" height="8.5" rx="1.3"/><path d="M5.5 14h5M8 11v3"/>"#,
        "keyboard" => {
            r#"<rect x="1" y="3.5" width="14" height="9" rx="1.5"/><path d="M4 6.500h.01M6.7 6.500h.01M9.3 6.500h.01M12 6.500h.01M5 9.700h6"/>"#
        }
        "sign-out" => r#"<path d="M6 14H3a1 1 0 0 1-1-1V3a1 1 0 0 1 1-1h3M10.5 11.5 14 8l-3.5-3.500M14 8H6"/>"#,
        "warning" => r#"<path d="M8 2 14.5 13.500h-13zM8 6.500v3m0 1.900v.1"/>"#,
        "info" => r#"<circle cx="8" cy="8" r="6.2"/><path d="M8 7.300v3.700M8 5v.1"/>"#,
        "calendar" => r#"<rect x="2" y="3" width="12" height="11" rx="1.5"/><path d="M2 6.500h12M5.5 1.500V4M10.5 1.500V4"/>"#,
        "timer" => r#"<circle cx="8" cy="9" r="5.3"/><path d="M8 6.300V9l1.5 1M6.3 1.500h3.400M8 1.500v2"/>"#,
        "fuel" => {
            r#"<path d="M3 14V3a1 1 0 0 1 1-1h4a1 1 0 0 1 1 1v11M2 14h8M3 7h6M9 8.500h1.500a1 1 0 0 1 1 1V11a1.2 1.2 0 0 0 2.4 0V5.500L11.5 3"/>"#
        }
        "memory" => {
            r#"<rect x="3.5" y="3.5" width="9" height="9" rx="1.3"/><path d="M6 1.500v2M10 1.500v2M6 12.500v2M10 12.500v2M1.5 6h2M1.5 10h2M12.5 6h2M12.5 10h2"/>"#
        }
        "cpu" => r#"<path d="M2 12.500a6.5 6.5 0 1 1 12 0M8 10l2.8-4"/>"#,
        "in" => r#"<path d="M8 2v7m0 0L5 6m3 3 3-3M2.5 10.500V13a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1v-2.5"/>"#,
        "out" => r#"<path d="M8 9V2m0 0L5 5m3-3 3 3M2.5 10.500V13a1 1 0 0 0 1 1h9a1 1 0 0 0 1-1v-2.5"/>"#,
        "log" => r#"<path d="M2.5 3.500h11M2.5 6.500h7M2.5 9.500h11M2.5 12.500h5"/>"#,
        "key" => r#"<circle cx="5" cy="11" r="3"/><path d="m7.2 8.8 6.3-6.300M11 5l2 2"/>"#,
        "shield" => r#"<path d="M8 1.5 13.5 3.500v4c0 3.5-2.3 5.9-5.5 7-3.2-1.1-5.5-3.5-5.5-7v-4z"/>"#,
        "worker" => {
            r#"<rect x="2" y="2.5" width="12" height="4.5" rx="1"/><rect x="2" y="9" width="12" height="4.5" rx="1"/><path d="M4.7 4.800h.01M4.7 11.300h.01"/>"#
        }
        "grid" => {
            r#"<rect x="2" y="2" width="5" height="5" rx="1"/><rect x="9" y="2" width="5" height="5" rx="1"/><rect x="2" y="9" width="5" height="5" rx="1"/><rect x="9" y="9" width="5" height="5" rx="1"/>"#
        }
        "list" => r#"<path d="M5.5 4h8.500M5.5 8h8.500M5.5 12h8.500M2.3 4h.01M2.3 8h.01M2.3 12h.01"/>"#,
        "gantt" => r#"<path d="M2 3.500h6M5 8h6M9 12.500h5" stroke-width="2.2"/>"#,
        "code" => r#"<path d="m5 4-4 4 4 4M11 4l4 4-4 4M9.3 2.500l-2.6 11"/>"#,
        "braces" => {
            r#"<path d="M6 2H5a2 2 0 0 0-2 2v2a2 2 0 0 1-1.5 2A2 2 0 0 1 3 10v2a2 2 0 0 0 2 2h1M10 2h1a2 2 0 0 1 2 2v2a2 2 0 0 0 1.5 2A2 2 0 0 0 13 10v2a2 2 0 0 1-2 2h-1"/>"#
        }
        "plug" => r#"<path d="M5.5 1.500V5M10.5 1.500V5M3.5 5h9v2.500a4.500 4.500 0 0 1-9 0zM8 12v2.500"/>"#,
        "edit" => {
            r#"<path d="M2.5 13.500l.7-3L10.8 2.900a1.3 1.3 0 0 1 1.800 0l.5.5a1.3 1.3 0 0 1 0 1.800L5.500 12.800zM9.500 4.200l2.3 2.300"/>"#
        }
        "trash" => r#"<path d="M2.500 4h11M6 4V2.500h4V4M4 4l.6 9.500h6.800L12 4M6.800 6.800v4M9.200 6.800v4"/>"#,
        "caret" => r#"<path d="m4 6 4 4 4-4"/>"#,
        "layers" => {
            r#"<path d="M8 2 14 5.200 8 8.400 2 5.200zM2.500 8.400 8 11.300l5.500-2.900M2.500 11.300 8 14.200l5.500-2.900"/>"#
        }
        "branch" => {
            r#"<path d="M2 8h4M6 8c2 0 2-4.500 4-4.500h3.500M6 8c2 0 2 4.500 4 4.500h3.500M11.800 1.800l1.700 1.700-1.700 1.700M11.800 10.800l1.700 1.700-1.700 1.700"/>"#
        }
        "short-circuit" => r#"<path d="M1.500 8H6M10 8h4.500M6 5v6M10 5v6"/>"#,
        "external" => {
            r#"<path d="M9.500 2.500h4v4M13.500 2.500 7.500 8.500M11.500 9.500v3a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3"/>"#
        }
        "setup" => r#"<path d="M8 11V3m0 0L5 6m3-3 3 3M3 13.500h10"/>"#,
        "teardown" => r#"<path d="M8 3v8m0 0L5 8m3 3 3-3M3 13.500h10"/>"#,
        "group" => {
            r#"<rect x="1.500" y="1.500" width="13" height="13" rx="2" stroke-dasharray="2.6 2"/><rect x="4.500" y="4.500" width="3" height="3" rx=".6"/><rect x="8.500" y="8.500" width="3" height="3" rx=".6"/>"#
        }
        "note" => r#"<path d="M3 2.500h10v8l-3.500 3.500H3zM13 10.500H9.500V14M5.500 5.500h5M5.500 8.500h3"/>"#,
        "compare" => r#"<path d="M3 4.500h8M8.500 2 11 4.500 8.500 7M13 11.500H5M7.500 9 5 11.500 7.500 14"/>"#,
        "filter" => r#"<path d="M2 3h12L9.500 8.500v4.500l-3-1.500v-3z"/>"#,
        "skip-circle" => {
            r#"<circle cx="8" cy="8" r="6.2"/><path d="m5.500 5.500 2.500 2.500-2.500 2.500M9 5.500 11.500 8 9 10.500"/>"#
        }
        "user" => r#"<circle cx="8" cy="5" r="3"/><path d="M2.5 14c.5-3 2.6-4.5 5.5-4.500s5 1.5 5.5 4.5"/>"#,
        _ => r#"<circle cx="8" cy="8" r="3"/>"#,
    }
}
