//! An editor for a definition. The large one is fetched when a page wants it; where it cannot be had, a plain field takes its place.

use crate::components::feedback::{Skeleton, SkeletonView};
use crate::components::icon::Icon;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// `ui/boot.js` has it: the script's name carries a hash.
    #[wasm_bindgen(catch, js_namespace = cofferdam, js_name = editor)]
    fn fetch_editor() -> Result<js_sys::Promise, JsValue>;

    /// What `mount` in `ui/editor/editor.js` returns.
    type Handle;
    #[wasm_bindgen(method)]
    fn replace(this: &Handle, text: &str);
    #[wasm_bindgen(method)]
    fn show(this: &Handle, problems: &str);
    #[wasm_bindgen(method)]
    fn go(this: &Handle, line: u32, column: u32);
    #[wasm_bindgen(method)]
    fn compare(this: &Handle, original: Option<&str>);
    #[wasm_bindgen(method)]
    fn destroy(this: &Handle);
}

/// Something that is shown at a stretch of the text. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// What it says.
    pub message: String,
    /// More lines of it.
    pub notes: Vec<String>,
    /// What would mend it.
    pub help: Option<String>,
    /// The machine-readable kind.
    pub code: String,
    /// Where.
    #[serde(flatten)]
    pub span: cofferdam_api_types::TextSpan,
    /// What can be written instead.
    pub fix: Option<Fix>,
}

/// Something to write in place of a stretch of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What a button says.
    pub name: String,
    /// What is written.
    pub insert: String,
    /// Where.
    #[serde(flatten)]
    pub span: cofferdam_api_types::TextSpan,
}

/// Which editor there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// It is being fetched.
    Loading,
    /// The large one.
    Full,
    /// A plain field.
    Plain,
}

/// The text and what can be done with it.
#[derive(Clone, Copy)]
pub struct Pad {
    /// The text as it is now.
    pub text: RwSignal<String>,
    /// Which editor shows it.
    pub engine: RwSignal<Engine>,
    handle: StoredValue<Option<Rc<Handle>>, LocalStorage>,
    field: NodeRef<html::Textarea>,
}

impl Pad {
    /// An editor that is not there yet.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self {
            text: RwSignal::new(text),
            engine: RwSignal::new(Engine::Loading),
            handle: StoredValue::new_local(None),
            field: NodeRef::new(),
        }
    }

    fn with(self, act: impl FnOnce(&Handle)) {
        if let Some(handle) = self.handle.try_get_value().flatten() {
            act(&handle);
        }
    }

    /// Puts another text in place of this one.
    pub fn replace(self, text: &str) {
        self.text.set(text.to_owned());
        self.with(|handle| handle.replace(text));
    }

    /// Puts the cursor there.
    pub fn go(self, line: u32, column: u32) {
        self.with(|handle| handle.go(line, column));
        if let Some(field) = self.field.get_untracked() {
            let at = self.text.with_untracked(|text| offset(text, line, column));
            let _ = field.focus();
            let _ = field.set_selection_range(at, at);
        }
    }

    /// Shows what differs from another text, or no longer.
    pub fn compare(self, original: Option<&str>) {
        self.with(|handle| handle.compare(original));
    }
}

/// A line and column of a text as units of UTF-16 from its beginning.
fn offset(text: &str, line: u32, column: u32) -> u32 {
    let mut at = 0;
    for (i, here) in text.split('\n').enumerate() {
        if i + 1 == line as usize {
            return at + here.chars().take(column.saturating_sub(1) as usize).map(char::len_utf16).sum::<usize>() as u32;
        }
        at += here.encode_utf16().count() as u32 + 1;
    }
    at.saturating_sub(1)
}

/// Tells what could be written between two parts of a text, as JSON; empty when nothing could. The last tells whether somebody asked.
pub type Complete = Rc<dyn Fn(String, String, bool) -> Pin<Box<dyn Future<Output = String>>>>;

/// See the module.
#[component]
pub fn CodeEditor(
    /// The text.
    pad: Pad,
    /// What it is called.
    label: &'static str,
    /// What is shown at the text.
    #[prop(into)]
    marks: Signal<Vec<Mark>>,
    /// Called on Ctrl+Enter and Ctrl+S.
    apply: Callback<()>,
    /// What could be written.
    complete: Complete,
) -> impl IntoView {
    let frame = NodeRef::<html::Div>::new();
    let complete = StoredValue::new_local(complete);
    let mount = move || {
        pad.engine.set(Engine::Loading);
        spawn_local(async move {
            let fetched = match fetch_editor() {
                Ok(promise) => JsFuture::from(promise).await,
                Err(error) => Err(error),
            };
            let Some(parent) = frame.try_get_untracked().flatten() else { return };
            let Some(complete) = complete.try_get_value() else { return };
            let mounted = fetched.and_then(|module| put(&module, &parent, pad, label, apply, complete));
            match mounted {
                Ok(handle) => {
                    pad.handle.set_value(Some(Rc::new(handle)));
                    pad.engine.set(Engine::Full);
                }
                Err(_) => pad.engine.set(Engine::Plain),
            }
        });
    };
    Effect::new(move |mounted: Option<bool>| {
        if frame.get().is_some() && mounted != Some(true) {
            mount();
            return true;
        }
        mounted.unwrap_or_default()
    });
    Effect::new(move |_| {
        pad.engine.track();
        let shown = marks.with(|marks| serde_json::to_string(marks).unwrap_or_else(|_| "[]".to_owned()));
        pad.with(|handle| handle.show(&shown));
    });
    on_cleanup(move || {
        pad.with(Handle::destroy);
        pad.handle.try_set_value(None);
    });
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        if (event.ctrl_key() || event.meta_key()) && matches!(event.key().as_str(), "Enter" | "s") {
            event.prevent_default();
            apply.run(());
        }
    };
    view! {
        <div class="code-editor">
            <p id="editor-help" class="visually-hidden">"Tab indents. Press Escape, then Tab, to leave the editor. F8 goes to the next problem."</p>
            <Show when=move || pad.engine.get() == Engine::Plain>
                <p class="picture-note small muted" role="status"><Icon name="info" class="s"/>
                    <span class="grow">"The full editor could not be fetched, so this is a plain field. Everything else works as always."</span>
                    <button type="button" class="btn small" on:click=move |_| mount()>"Try again"</button>
                </p>
                <textarea node_ref=pad.field class="textarea plain" spellcheck="false" autocapitalize="none" aria-label=label
                    prop:value=move || pad.text.get() on:input=move |event| pad.text.set(event_target_value(&event)) on:keydown=on_key></textarea>
            </Show>
            <Show when=move || pad.engine.get() == Engine::Loading><SkeletonView shape=Skeleton::Lines/></Show>
            <div class="engine" node_ref=frame></div>
        </div>
    }
}

/// Puts the large editor into `parent`.
fn put(
    module: &JsValue,
    parent: &web_sys::HtmlDivElement,
    pad: Pad,
    label: &str,
    apply: Callback<()>,
    complete: Complete,
) -> Result<Handle, JsValue> {
    let mount: js_sys::Function = js_sys::Reflect::get(module, &"mount".into())?.dyn_into()?;
    let changed = Closure::<dyn FnMut(String)>::new(move |text: String| {
        if pad.text.try_with_untracked(|now| *now != text) == Some(true) {
            pad.text.set(text);
        }
    });
    let apply = Closure::<dyn FnMut()>::new(move || apply.run(()));
    let complete = Closure::<dyn FnMut(String, String, bool) -> js_sys::Promise>::new(move |before, after, asked| {
        let found = complete(before, after, asked);
        wasm_bindgen_futures::future_to_promise(async move { Ok(found.await.into()) })
    });
    let options = js_sys::Object::new();
    let set = |name: &str, value: &JsValue| js_sys::Reflect::set(&options, &name.into(), value);
    set("text", &pad.text.get_untracked().into())?;
    set("label", &label.into())?;
    set("help", &"editor-help".into())?;
    // The editor keeps them as long as it lives, and the browser collects them with it.
    set("changed", &changed.into_js_value())?;
    set("apply", &apply.into_js_value())?;
    set("complete", &complete.into_js_value())?;
    Ok(mount.call2(&JsValue::NULL, parent, &options)?.unchecked_into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_as_browsers_count() {
        assert_eq!(offset("ab\ncd", 2, 2), 4);
        assert_eq!(offset("a𝄞b\nc", 1, 3), 3);
        assert_eq!(offset("a𝄞b\nc", 2, 1), 5);
        assert_eq!(offset("ab", 1, 9), 2);
        assert_eq!(offset("ab\n", 9, 1), 3);
    }
}
