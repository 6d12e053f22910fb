//! Tries a function of a component: a form made from its types, and what became of it.

use crate::components::code::Code;
use crate::components::feedback::FailureNotice;
use crate::components::icon::Icon;
use crate::components::schema_form::{Field, labelled, shape};
use crate::core::highlight::Language;
use crate::core::http::{self, Failure};
use crate::core::session::session;
use crate::core::{format, paths};
use cofferdam_api_types::{ComponentKind, ComponentVersionDetail, ExportedFunction, FunctionTried, Role, TryEnding, TryFunction};
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::Value;
use std::sync::Arc;

/// See the module. Shown to those who may try, when there is something to try.
#[component]
pub fn TryIt(
    /// The version.
    version: Arc<ComponentVersionDetail>,
) -> impl IntoView {
    let functions: Vec<ExportedFunction> =
        version.functions.iter().filter(|function| function.refused.is_none()).cloned().collect();
    if functions.is_empty() {
        return ().into_any();
    }
    let chosen = RwSignal::new(0_usize);
    let names: Vec<String> = functions.iter().map(|function| function.name.clone()).collect();
    let options = move || {
        let all = names.iter().enumerate();
        all.map(|(index, name)| view! { <option value=index.to_string()>{name.clone()}</option> }).collect_view()
    };
    let several = functions.len() > 1;
    let body = move || {
        let function = functions.get(chosen.get())?.clone();
        Some(view! { <Form version=Arc::clone(&version) function/> })
    };
    view! {
        <Show when=move || session().may(Role::Operator)>
            <section class="card" aria-label="Try it">
                <header>
                    <h2>"Try it"</h2>
                    <span class="small muted grow">"Runs in the sandbox with these values. Nothing is recorded, and it is granted nothing."</span>
                    {several.then(|| view! {
                        <select id="try-function" class="select small" aria-label="Function" on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))>{options.clone()}</select>
                    })}
                </header>
                {body.clone()}
            </section>
        </Show>
    }
    .into_any()
}

#[component]
fn Form(version: Arc<ComponentVersionDetail>, function: ExportedFunction) -> impl IntoView {
    let field = Field::new(&shape(&function.input_schema.clone().unwrap_or(Value::Null)));
    let as_json = RwSignal::new(None::<String>);
    let arguments = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    let tried = RwSignal::new(None::<Arc<FunctionTried>>);
    let program = version.version.kind == ComponentKind::Command && function.name.starts_with("wasi:cli/");
    // `run` of a task and of a program is what is run when no function is named.
    let entered = version.version.kind != ComponentKind::Library && version.version.exports.contains(&function.name);
    let typed = field.clone();
    let input = Memo::new(move |_| match as_json.get() {
        Some(text) => serde_json::from_str::<Value>(&text).map_err(|error| format!("This is not JSON: {error}.")),
        None => typed.read(),
    });
    let path = format!(
        "{}/versions/{}/try",
        paths::component(version.version.name.as_str()),
        paths::segment(version.version.digest.as_str())
    );
    let name = (!entered).then(|| function.name.clone());
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let Ok(input) = input.get_untracked() else { return };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let args = arguments.get_untracked().lines().map(str::to_owned).collect();
        let body = TryFunction { function: name.clone(), input: Some(input), args, ..TryFunction::default() };
        let path = path.clone();
        spawn_local(async move {
            match http::post::<FunctionTried>(&path, &body).await {
                Ok(done) => tried.set(Some(Arc::new(done))),
                Err(error) => {
                    tried.set(None);
                    failure.set(Some(error));
                }
            }
            busy.set(false);
        });
    };
    let show_json = {
        let field = field.clone();
        move |_| {
            let text = field.read().ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
            as_json.set(Some(text.unwrap_or_else(|| "{}".to_owned())));
        }
    };
    let is_form = matches!(field, Field::Record(_));
    let fields = match &field {
        Field::Record(fields) if fields.is_empty() => view! { <p class="muted">"It takes nothing."</p> }.into_any(),
        Field::Record(fields) => fields
            .iter()
            .map(|(name, help, field)| {
                let kind = function.parameters.iter().find(|parameter| parameter.name == *name).map(|it| it.kind.clone());
                labelled(field, name, help.as_deref().or(kind.as_deref()), &format!("try-{name}"))
            })
            .collect_view()
            .into_any(),
        other => labelled(other, "Input (JSON)", None, "try-input"),
    };
    view! {
        <form class="body stack schema-form" on:submit=submit>
            {function.docs.clone().map(|docs| view! { <p class="docs">{docs}</p> })}
            {is_form.then(|| view! {
                <div class="segmented" role="group" aria-label="How to give the input">
                    <button type="button" aria-pressed=move || as_json.with(Option::is_none).to_string() on:click=move |_| as_json.set(None)>"Form"</button>
                    <button type="button" aria-pressed=move || as_json.with(Option::is_some).to_string() on:click=show_json>"JSON"</button>
                </div>
            })}
            <div class="stack" style:display=move || if as_json.with(Option::is_some) { "none" } else { "flex" }>{fields}</div>
            {move || as_json.with(Option::is_some).then(|| view! {
                <div class="field">
                    <label for="try-json">"Input"</label>
                    <textarea id="try-json" class="textarea" spellcheck="false" prop:value=move || as_json.get().unwrap_or_default() on:input=move |event| as_json.set(Some(event_target_value(&event)))></textarea>
                </div>
            })}
            {program.then(|| view! {
                <div class="field">
                    <label for="try-arguments">"Arguments, one in each line"</label>
                    <textarea id="try-arguments" class="textarea" style="min-height:60px" spellcheck="false" prop:value=move || arguments.get() on:input=move |event| arguments.set(event_target_value(&event))></textarea>
                </div>
            })}
            <div class="row">
                <button class="btn primary" disabled=move || busy.get() || input.with(Result::is_err)>
                    {move || if busy.get() { view! { <Icon name="running"/> }.into_any() } else { view! { <Icon name="play" class="s"/> }.into_any() }}
                    "Try it"
                </button>
                <p class="small muted" aria-live="polite">{move || input.get().err()}</p>
            </div>
            {move || failure.get().map(|failure| view! { <FailureNotice failure/> })}
            {move || tried.get().map(|tried| view! { <Outcome tried/> })}
        </form>
    }
}

/// What became of it.
#[component]
fn Outcome(tried: Arc<FunctionTried>) -> impl IntoView {
    let (state, word) = match tried.ending {
        TryEnding::Success => ("success", "Success"),
        TryEnding::Failure => ("failed", "Failed"),
        TryEnding::Skip => ("skipped", "Asked to be skipped"),
        TryEnding::Reschedule => ("up_for_reschedule", "Asked to run again later"),
        TryEnding::Defer => ("deferred", "Asked to wait for an event"),
    };
    let output = tried.output.as_ref().map(|output| serde_json::to_string_pretty(output).unwrap_or_default());
    let log: String = tried.logs.iter().map(|line| format!("{}\n", line.message)).collect();
    let texts = [("stdout", tried.stdout.clone()), ("stderr", tried.stderr.clone()), ("Log", log)];
    let receipt = &tried.receipt;
    let used = format!(
        "{} µs · {} units of fuel · {} of memory · {} in, {} out",
        receipt.wall_us,
        receipt.fuel,
        format::bytes(receipt.peak_memory_bytes),
        format::bytes(receipt.input_bytes),
        format::bytes(receipt.output_bytes)
    );
    view! {
        <div class="stack" role="region" aria-label="Result">
            <div class="row wrap">
                <span class="status" data-state=state><Icon name=if state == "success" { "check-circle" } else { "x-circle" }/>{word}</span>
                {tried.reason.map(|reason| view! { <span class="tag">{reason.as_str()}</span> })}
                {tried.after_ms.map(|ms| view! { <span class="tag">{format!("after {ms} ms")}</span> })}
                <span class="small muted">{used}</span>
            </div>
            {tried.message.clone().map(|message| view! { <pre class="message">{message}</pre> })}
            {output.map(|output| view! { <Code text=Signal::stored(output) language=Language::Json label="The result" boxed=true height="360px"/> })}
            {texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| view! {
                <div class="field"><span class="small muted">{name}</span><Code text=Signal::stored(text) language=Language::Text label=name boxed=true height="240px"/></div>
            }).collect_view()}
        </div>
    }
}
