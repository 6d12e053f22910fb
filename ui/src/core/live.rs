//! What changes on the server, as it changes: one event stream for the whole tab.

use cofferdam_api_types::{API_BASE, Event, StreamMessage};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

/// Something to act on.
#[derive(Clone, Debug)]
pub enum News {
    /// A change.
    Change(Event),
    /// Changes may have been missed: read again what is shown.
    Resync,
}

impl News {
    /// The dag that it concerns, if it concerns one.
    #[must_use]
    pub fn dag_id(&self) -> Option<&str> {
        match self {
            Self::Change(Event::Dag { dag_id } | Event::DagRun { dag_id, .. } | Event::DeadlineMissed { dag_id, .. }) => {
                Some(dag_id.as_str())
            }
            Self::Change(Event::TaskInstance { dag_id, .. } | Event::Progress { dag_id, .. }) => Some(dag_id.as_str()),
            Self::Resync => None,
        }
    }

    /// The run that it concerns, if it concerns one.
    #[must_use]
    pub fn run_id(&self) -> Option<&str> {
        match self {
            Self::Change(
                Event::DagRun { dag_run_id, .. }
                | Event::TaskInstance { dag_run_id, .. }
                | Event::DeadlineMissed { dag_run_id, .. }
                | Event::Progress { dag_run_id, .. },
            ) => Some(dag_run_id.as_str()),
            Self::Change(Event::Dag { .. }) | Self::Resync => None,
        }
    }

    /// Whether it only tells how far a task is: nothing that is stored has changed.
    #[must_use]
    pub fn is_progress(&self) -> bool {
        matches!(self, Self::Change(Event::Progress { .. }))
    }

    /// Whether it concerns the dag itself or one of its runs, and not only a task of one.
    #[must_use]
    pub fn is_about_runs(&self) -> bool {
        matches!(self, Self::Change(Event::Dag { .. } | Event::DagRun { .. }) | Self::Resync)
    }
}

/// How the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Not open yet, or open again soon.
    Connecting,
    /// Changes arrive as they happen.
    Live,
    /// It could not be opened several times. Pages are read again from time to time until it is.
    Down,
}

/// While the stream is down, what is shown is read again this often.
const FALLBACK_MS: u32 = 10_000;
/// After so many attempts in vain the stream counts as down.
const PATIENCE: u32 = 3;

type Listener = Rc<dyn Fn(&News)>;

thread_local! {
    static LISTENERS: RefCell<Vec<(u64, Listener)>> = const { RefCell::new(Vec::new()) };
    static STREAM: RefCell<Option<Stream>> = const { RefCell::new(None) };
    /// Whether it is known when the page is left.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    /// Whether the page was left with an open stream.
    static IS_LEFT: Cell<bool> = const { Cell::new(false) };
}

struct Stream {
    source: EventSource,
    // Held while the stream is open: the browser calls them.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
    retry: Option<Timeout>,
}

/// The state of the stream, for the whole page.
#[derive(Clone, Copy)]
pub struct Live(pub RwSignal<Link>);

/// Calls `act` on every update until the owner of the calling component goes away.
pub fn listen(act: impl Fn(&News) + 'static) {
    let id = LISTENERS.with(|all| {
        let mut all = all.borrow_mut();
        let id = all.last().map_or(0, |(id, _)| id + 1);
        all.push((id, Rc::new(act)));
        id
    });
    on_cleanup(move || LISTENERS.with(|all| all.borrow_mut().retain(|(other, _)| *other != id)));
}

fn tell(update: &News) {
    // Copied first: a listener may add or remove listeners.
    let all: Vec<Listener> = LISTENERS.with(|all| all.borrow().iter().map(|(_, act)| act.clone()).collect());
    for act in all {
        act(update);
    }
}

/// Opens the stream. A page that is left may be kept by the browser to come back to, and a stream with it would be one of the few
/// connections that the browser has for a server: so it is closed then, and opened again when the page comes back.
pub fn open(live: Live) {
    if !IS_WATCHED.replace(true) {
        window_event_listener_untyped("pagehide", |_| IS_LEFT.set(close()));
        window_event_listener_untyped("pageshow", move |_| {
            if IS_LEFT.replace(false) {
                live.0.set(Link::Connecting);
                connect(live, 0);
            }
        });
    }
    connect(live, 0);
}

/// Closes the stream, at sign-out. Returns whether there was one.
pub fn close() -> bool {
    let stream = STREAM.with(|slot| slot.borrow_mut().take());
    stream.as_ref().inspect(|stream| stream.source.close()).is_some()
}

fn connect(live: Live, failures: u32) {
    close();
    let Ok(source) = EventSource::new(&format!("{API_BASE}/events")) else { return };
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(text) = event.data().as_string() else { return };
        match serde_json::from_str(&text) {
            Ok(StreamMessage::Ready) => {
                live.0.set(Link::Live);
                tell(&News::Resync);
            }
            Ok(StreamMessage::Changes { events }) => events.into_iter().for_each(|event| tell(&News::Change(event))),
            Ok(StreamMessage::Resync) => tell(&News::Resync),
            // A kind of message of a later version: a change of some sort.
            Err(_) => tell(&News::Resync),
        }
    });
    let on_error = Closure::<dyn FnMut()>::new(move || {
        // The browser's own retry gives up on some answers, so the stream is opened anew here, ever more slowly.
        let was_live = live.0.get_untracked() == Link::Live;
        let failures = if was_live { 1 } else { failures + 1 };
        live.0.set(if failures >= PATIENCE { Link::Down } else { Link::Connecting });
        let wait = if failures >= PATIENCE { FALLBACK_MS } else { 500 << failures };
        STREAM.with(|slot| {
            if let Some(stream) = slot.borrow_mut().as_mut() {
                stream.source.close();
                stream.retry = Some(Timeout::new(wait, move || {
                    if failures >= PATIENCE {
                        tell(&News::Resync);
                    }
                    connect(live, failures);
                }));
            }
        });
    });
    for name in ["ready", "changes", "resync", "message"] {
        let _ = source.add_event_listener_with_callback(name, on_message.as_ref().unchecked_ref());
    }
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    let stream = Stream { source, _on_message: on_message, _on_error: on_error, retry: None };
    STREAM.with(|slot| *slot.borrow_mut() = Some(stream));
}
