//! The log of a try: as it is written, as much of it as fits into the window, with search, levels, wrapping and download.

use crate::components::feedback::FailureNotice;
use crate::components::icon::Icon;
use crate::core::http::{self, Failure};
use crate::core::log::{self, ROW, Shape};
use crate::core::{clock, format, paths};
use cofferdam_api_types::{API_BASE, LogFrame, LogLevel, LogLine, LogPage};
use gloo_timers::future::TimeoutFuture;
use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

/// Rows kept ready above and below the window.
const SPARE: usize = 24;
/// The most lines asked for at once.
const PAGE: u64 = 10_000;
/// Pixels of a line before its text: number, time, level.
const LEAD: f64 = 50.0 + 104.0 + 50.0 + 15.0;
/// The width of a character of the log's font, as a part of its size.
const ADVANCE: f64 = 7.224;

/// What is known of the log's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Reading,
    Following,
    Complete,
}

/// The lines and how they come in.
#[derive(Clone, Copy)]
struct Feed {
    lines: StoredValue<Vec<LogLine>>,
    count: RwSignal<usize>,
    /// Lines that the server has sent: the next offset.
    reached: StoredValue<u64>,
    tail: RwSignal<Tail>,
    failure: RwSignal<Option<Failure>>,
}

struct Follower {
    source: EventSource,
    _on_frame: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

type Slot = Rc<RefCell<Option<Follower>>>;

impl Feed {
    fn add(self, lines: Vec<LogLine>) {
        self.lines.try_update_value(|all| {
            for line in lines {
                // A message of several lines is shown as several.
                let mut parts = line.message.split('\n');
                let first = LogLine { message: parts.next().unwrap_or_default().to_owned(), ..line.clone() };
                all.push(first);
                all.extend(parts.map(|part| LogLine { message: part.to_owned(), fields: Default::default(), ..line.clone() }));
            }
        });
        self.count.try_set(self.lines.try_with_value(Vec::len).unwrap_or_default());
    }

    /// Reads what is there, then follows while the try runs.
    async fn read(self, path: String, slot: Slot) {
        loop {
            let Some(offset) = self.reached.try_get_value() else { return };
            match http::get::<LogPage>(&format!(
                "{path}{}offset={offset}&limit={PAGE}",
                if path.contains('?') { "&" } else { "?" }
            ))
            .await
            {
                Ok(page) => {
                    if self.failure.try_set(None).is_some() {
                        return;
                    }
                    let full = page.lines.len() as u64 >= PAGE;
                    self.reached.set_value(page.next_offset);
                    self.add(page.lines);
                    if full {
                        continue;
                    }
                    if page.complete {
                        self.tail.try_set(Tail::Complete);
                    } else {
                        self.follow(path, page.next_offset, slot);
                    }
                    return;
                }
                Err(failure) => {
                    self.failure.try_set(Some(failure));
                    return;
                }
            }
        }
    }

    fn follow(self, path: String, offset: u64, slot: Slot) {
        let url = format!("{API_BASE}{path}{}follow=true&offset={offset}", if path.contains('?') { "&" } else { "?" });
        let Ok(source) = EventSource::new(&url) else { return };
        self.tail.try_set(Tail::Following);
        let on_frame = {
            let slot = slot.clone();
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                let Some(frame) = event.data().as_string().and_then(|text| serde_json::from_str::<LogFrame>(&text).ok()) else {
                    return;
                };
                match frame {
                    // After a reconnection the server may repeat lines.
                    LogFrame::Lines { lines, next_offset } => {
                        let Some(reached) = self.reached.try_get_value() else { return };
                        let known = (reached + lines.len() as u64).saturating_sub(next_offset) as usize;
                        self.add(lines.into_iter().skip(known).collect());
                        self.reached.set_value(next_offset.max(reached));
                    }
                    LogFrame::End { .. } => {
                        self.tail.try_set(Tail::Complete);
                        if let Some(follower) = slot.borrow().as_ref() {
                            follower.source.close();
                        }
                    }
                }
            })
        };
        let on_error = {
            let slot = slot.clone();
            Closure::<dyn FnMut()>::new(move || {
                if let Some(follower) = slot.borrow().as_ref() {
                    follower.source.close();
                }
                let (path, slot) = (path.clone(), slot.clone());
                spawn_local(async move {
                    TimeoutFuture::new(1_500).await;
                    // Gone, or closed for good: the slot is emptied with the view.
                    if slot.borrow().is_some() {
                        self.read(path, slot).await;
                    }
                });
            })
        };
        for name in ["lines", "end", "message"] {
            let _ = source.add_event_listener_with_callback(name, on_frame.as_ref().unchecked_ref());
        }
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        *slot.borrow_mut() = Some(Follower { source, _on_frame: on_frame, _on_error: on_error });
    }
}

/// See the module.
#[component]
pub fn LogView(
    /// The API's path of the log of one try.
    path: String,
    /// What a downloaded log is called.
    file_name: String,
) -> impl IntoView {
    let feed = Feed {
        lines: StoredValue::new(Vec::new()),
        count: RwSignal::new(0),
        reached: StoredValue::new(0),
        tail: RwSignal::new(Tail::Reading),
        failure: RwSignal::new(None),
    };
    let slot: Slot = Rc::default();
    let guard = StoredValue::new_local(slot.clone());
    on_cleanup(move || {
        if let Some(follower) = guard.try_with_value(|slot| slot.borrow_mut().take()).flatten() {
            follower.source.close();
        }
    });
    let start = {
        let path = path.clone();
        move || spawn_local(feed.read(path.clone(), guard.get_value()))
    };
    start();
    let retry = Callback::new(move |()| {
        spawn_local(feed.read(path.clone(), guard.get_value()));
    });

    let node = NodeRef::<html::Div>::new();
    let top = RwSignal::new(0_usize);
    let size = RwSignal::new((800.0_f64, 460_usize));
    let follow = RwSignal::new(true);
    let wrap = RwSignal::new(true);
    let least = RwSignal::new(LogLevel::Trace);
    let needle = RwSignal::new(String::new());
    let current = RwSignal::new(0_usize);
    let columns = Memo::new(move |_| wrap.get().then(|| ((size.get().0 - LEAD - 14.0) / ADVANCE).floor().max(20.0) as usize));
    let shape = Memo::new(move |_| {
        feed.count.track();
        feed.lines.with_value(|lines| Shape::new(lines, least.get(), columns.get()))
    });
    let found = Memo::new(move |_| shape.with(|shape| feed.lines.with_value(|lines| log::matches(lines, shape, &needle.read()))));
    let measure = move || {
        if let Some(node) = node.get_untracked() {
            let now = (f64::from(node.client_width()), node.client_height().max(100) as usize);
            if size.get_untracked() != now {
                size.set(now);
            }
        }
    };
    Effect::new(move |_| {
        let rows = shape.with(Shape::rows);
        let Some(node) = node.get() else { return };
        let following = follow.get();
        request_animation_frame(move || {
            measure();
            if following {
                node.set_scroll_top((rows * ROW) as i32);
            }
        });
    });
    let resized = window_event_listener(leptos::ev::resize, move |_| measure());
    on_cleanup(move || resized.remove());
    let go_to = move |place: usize| {
        follow.set(false);
        current.set(place);
        let row = shape.with_untracked(|shape| {
            found.with_untracked(|found| found.get(place).and_then(|line| shape.tops.get(*line)).copied())
        });
        if let (Some(row), Some(node)) = (row, node.get_untracked()) {
            node.set_scroll_top((row as usize * ROW).saturating_sub(size.get_untracked().1 / 2) as i32);
        }
    };
    let step = move |back: bool| {
        let n = found.with_untracked(Vec::len);
        if n > 0 {
            go_to((current.get_untracked() + if back { n - 1 } else { 1 }) % n);
        }
    };
    let range = Memo::new(move |_| {
        let first = (top.get() / ROW).saturating_sub(SPARE);
        let last = (top.get() + size.get().1) / ROW + SPARE;
        shape.with(|shape| shape.between(first, last))
    });
    let on_scroll = move |_| {
        if let Some(node) = node.get_untracked() {
            top.set(node.scroll_top().max(0) as usize);
            let at_end = node.scroll_top() + node.client_height() >= node.scroll_height() - 2;
            if at_end && feed.tail.get_untracked() == Tail::Following && !follow.get_untracked() {
                follow.set(true);
            }
        }
    };
    let download = move |_| save(&file_name, &feed.lines.with_value(|lines| log::as_text(lines)));
    let foot = move || {
        let lines = format::plural(feed.count.get() as u64, "line", "lines");
        match feed.tail.get() {
            Tail::Reading => "Reading…".to_owned(),
            Tail::Following => format!("{lines}, more as they are written"),
            Tail::Complete => lines,
        }
    };
    view! {
        <div class="log">
            <div class="log-bar">
                <div class="search">
                    <Icon name="search"/>
                    <input class="input" type="search" placeholder="Search" aria-label="Search the log" spellcheck="false" prop:value=move || needle.get()
                        on:input=move |event| { needle.set(event_target_value(&event)); go_to(0); }
                        on:keydown=move |event| if event.key() == "Enter" { event.prevent_default(); step(event.shift_key()); }/>
                </div>
                <Show when=move || needle.with(|needle| !needle.is_empty())>
                    <span class="small faint num nowrap" role="status">{move || match found.with(Vec::len) { 0 => "none".to_owned(), n => format!("{} of {n}", current.get().min(n - 1) + 1) }}</span>
                    <button type="button" class="btn quiet small icon-only" aria-label="Previous match" on:click=move |_| step(true)><Icon name="chevron-left" class="s"/></button>
                    <button type="button" class="btn quiet small icon-only" aria-label="Next match" on:click=move |_| step(false)><Icon name="chevron" class="s"/></button>
                </Show>
                <select class="select small" aria-label="Least level shown" on:change=move |event| least.set(level(&event_target_value(&event)))>
                    <option value="trace">"All levels"</option><option value="info">"Info"</option><option value="warn">"Warnings"</option><option value="error">"Errors"</option>
                </select>
                <button type="button" class="btn small" aria-pressed=move || wrap.get().to_string() on:click=move |_| wrap.update(|wrap| *wrap = !*wrap)><Icon name="wrap" class="s"/>"Wrap"</button>
                <button type="button" class="btn small" aria-pressed=move || follow.get().to_string() on:click=move |_| follow.update(|follow| *follow = !*follow)><Icon name="follow" class="s"/>"Follow"</button>
                <button type="button" class="btn small icon-only" aria-label="Download" title="Download" on:click=download><Icon name="down" class="s"/></button>
            </div>
            {move || feed.failure.get().map(|failure| view! { <div style="padding:12px"><FailureNotice failure retry/></div> })}
            <div class="log-lines" class:wrap=move || wrap.get() node_ref=node tabindex="0" role="log" aria-label="Log" on:scroll=on_scroll
                on:wheel=move |event| if event.delta_y() < 0.0 { follow.set(false) }
                on:keydown=move |event| if matches!(event.key().as_str(), "ArrowUp" | "PageUp" | "Home") { follow.set(false) }>
                <div class="log-space" style:height=move || format!("{}px", shape.with(Shape::rows) * ROW)>
                    {move || lines(feed, shape, range.get(), &needle.get(), found.with(|found| found.get(current.get()).copied()))}
                </div>
            </div>
            <div class="log-foot" role="status">
                <Show when=move || feed.tail.get() == Tail::Following><span data-state="running" class="status"><Icon name="running" class="s"/></span></Show>
                <span>{foot}</span>
            </div>
        </div>
    }
}

/// The lines of `range`, each in its place.
fn lines(
    feed: Feed,
    shape: Memo<Shape>,
    range: std::ops::Range<usize>,
    needle: &str,
    current: Option<usize>,
) -> impl IntoView + use<> {
    let needle = needle.to_owned();
    shape.with(|shape| {
        feed.lines.with_value(|all| {
            range
                .filter_map(|place| {
                    let at = *shape.shown.get(place)? as usize;
                    let line = all.get(at)?;
                    let is_current = !needle.is_empty() && current == Some(place);
                    let text = log::pieces(&line.message, &needle).into_iter().map(|piece| {
                        let class = piece.look.class();
                        if piece.found { view! { <mark class=class>{piece.text}</mark> }.into_any() } else { view! { <span class=class>{piece.text}</span> }.into_any() }
                    });
                    let fields = line.fields.iter().map(|(name, value)| view! { <span class="fd">{format!(" {name}=")}</span>{log::field(value)} });
                    Some(view! {
                        <div class="log-line" class:current=is_current data-level=level_word(line.level) data-stream=stream_word(line) style=format!("top:{}px", shape.tops[place] as usize * ROW)>
                            <span class="no">{at + 1}</span>
                            <span class="at" title=clock::utc(line.at)>{clock::local_time(line.at)}</span>
                            <span class="lv">{log::word(line)}</span>
                            <span class="tx">{text.collect_view()}{fields.collect_view()}</span>
                        </div>
                    })
                })
                .collect_view()
        })
    })
}

fn level(word: &str) -> LogLevel {
    match word {
        "info" => LogLevel::Info,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => LogLevel::Trace,
    }
}

const fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

const fn stream_word(line: &LogLine) -> &'static str {
    match line.stream {
        cofferdam_api_types::LogStream::Stderr => "stderr",
        cofferdam_api_types::LogStream::Stdout => "stdout",
        cofferdam_api_types::LogStream::Log => "log",
        cofferdam_api_types::LogStream::System => "system",
    }
}

/// Gives a text to the browser as a file.
fn save(name: &str, text: &str) {
    let parts = js_sys::Array::of1(&text.into());
    let options = web_sys::BlobPropertyBag::new();
    options.set_type("text/plain;charset=utf-8");
    let Ok(blob) = web_sys::Blob::new_with_str_sequence_and_options(&parts, &options) else { return };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else { return };
    if let Some(link) = document().create_element("a").ok().and_then(|link| link.dyn_into::<web_sys::HtmlAnchorElement>().ok()) {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    let _ = web_sys::Url::revoke_object_url(&url);
}

/// The API's path of the log of a try.
#[must_use]
pub fn log_path(dag_id: &str, run_id: &str, task_id: &str, map_index: i32, try_number: u32) -> String {
    let path = format!("{}/logs/{try_number}", paths::task(dag_id, run_id, task_id));
    if map_index < 0 { path } else { format!("{path}?map_index={map_index}") }
}
