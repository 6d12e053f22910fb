//! The dialog that starts a run.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::feedback::{FailureNotice, Toasts};
use crate::components::icon::Icon;
use crate::components::schema_form::{Field, Shape, labelled, shape};
use crate::core::http::{self, Failure};
use crate::core::query::query;
use crate::core::{clock, conf, paths};
use chrono::{DateTime, NaiveDateTime, Utc};
use cofferdam_api_types::{DagRun, TriggerDagRun};
use cofferdam_ids::DagRunId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use serde_json::{Map, Value};

/// Reads what was typed as a run's name. An empty text leaves it to the server.
fn read_run_id(text: &str) -> Result<Option<DagRunId>, String> {
    match text.trim() {
        "" => Ok(None),
        text => DagRunId::new(text).map(Some).map_err(|error| error.to_string()),
    }
}

/// Reads the value of a date field, which is in UTC.
fn read_date(text: &str) -> Result<Option<DateTime<Utc>>, String> {
    match text.trim() {
        "" => Ok(None),
        text => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
            .map(|date| Some(date.and_utc()))
            .map_err(|_| "Use the form 2026-11-21T06:00.".to_owned()),
    }
}

/// A parameter of the dag, with its field.
#[derive(Clone)]
struct Parameter {
    name: String,
    help: Option<String>,
    default: Option<Value>,
    field: Field,
}

/// The parameters that the schema of a dag's conf declares, the required ones first.
fn parameters(schema: &Value) -> Vec<Parameter> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let default = schema.get("default").cloned();
        let shape = match (shape(schema), &default) {
            // A default without a type is an example of what is meant.
            (Shape::Json, Some(Value::String(_))) if schema.get("type").is_none() => Shape::Text,
            (Shape::Json, Some(Value::Bool(_))) if schema.get("type").is_none() => Shape::Bool,
            (Shape::Json, Some(Value::Number(number))) if schema.get("type").is_none() => {
                if number.is_f64() {
                    Shape::Number
                } else {
                    Shape::Integer
                }
            }
            (shape, _) => shape,
        };
        let field = Field::new(&shape);
        if let Some(default) = &default {
            field.fill(default);
        }
        let help = schema.get("description").and_then(Value::as_str).map(str::to_owned);
        Parameter { name: name.clone(), help, default, field }
    };
    let mut all: Vec<Parameter> = properties.into_iter().flatten().map(parameter).collect();
    all.sort_by_key(|parameter| parameter.default.is_some());
    all
}

/// What the fields say: the parameters whose values are not those of the dag.
fn conf_of(parameters: &[Parameter]) -> Result<Map<String, Value>, String> {
    let mut conf = Map::new();
    for parameter in parameters {
        let value = parameter.field.read().map_err(|wanted| format!("{}: {wanted}", parameter.name))?;
        if parameter.default.as_ref() != Some(&value) {
            conf.insert(parameter.name.clone(), value);
        }
    }
    Ok(conf)
}

/// See the module.
#[component]
pub fn TriggerDialog(
    /// The dag; the dialog is open while there is one.
    dag: RwSignal<Option<String>>,
) -> impl IntoView {
    let open = opens_with(dag);
    let title =
        Signal::derive(move || dag.with(|dag| dag.as_ref().map_or_else(|| "Trigger".to_owned(), |dag| format!("Trigger {dag}"))));
    view! {
        <Dialog open title>
            {move || dag.get().map(|dag| view! { <Form dag open/> })}
        </Dialog>
    }
}

#[component]
fn Form(dag: String, open: RwSignal<bool>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let navigate = use_navigate();
    let conf = RwSignal::new("{}".to_owned());
    let run_id = RwSignal::new(String::new());
    let date = RwSignal::new(String::new());
    let note = RwSignal::new(String::new());
    let more = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<Failure>);
    // What the dag says of its conf. Until that is known, and when it says nothing, the conf is typed as JSON.
    let about = query::<Value>({
        let path = format!("{}/details?fields=conf_schema", paths::dag(&dag));
        move || Some(path.clone())
    });
    let fields = RwSignal::new(Vec::<Parameter>::new());
    let as_json = RwSignal::new(true);
    Effect::new(move |_| {
        let Some(found) = about.data.get() else { return };
        let declared = found.get("conf_schema").map(parameters).unwrap_or_default();
        if fields.with_untracked(Vec::is_empty) && !declared.is_empty() {
            as_json.set(conf.with_untracked(|conf| conf != "{}"));
            fields.set(declared);
        }
    });
    let has_fields = Memo::new(move |_| fields.with(|fields| !fields.is_empty()));
    // One key for this form: pressing the button twice starts one run.
    let key = format!("console-{}-{:x}", clock::now_ms(), (js_sys::Math::random() * 9e15) as u64);
    let parsed = Memo::new(move |_| if as_json.get() { conf::read(&conf.read()) } else { fields.with(|fields| conf_of(fields)) });
    let show_form = move |_| {
        if let (true, Ok(map)) = (as_json.get_untracked(), parsed.get_untracked()) {
            fields.with_untracked(|fields| {
                for parameter in fields {
                    if let Some(value) = map.get(&parameter.name).or(parameter.default.as_ref()) {
                        parameter.field.fill(value);
                    }
                }
            });
            as_json.set(false);
        }
    };
    let show_json = move |_| {
        if !as_json.get_untracked() {
            if let Ok(map) = parsed.get_untracked() {
                conf.set(serde_json::to_string_pretty(&map).unwrap_or_default());
            }
            as_json.set(true);
        }
    };
    let parsed_id = Memo::new(move |_| read_run_id(&run_id.read()));
    let parsed_date = Memo::new(move |_| read_date(&date.read()));
    let valid = move || parsed.with(Result::is_ok) && parsed_id.with(Result::is_ok) && parsed_date.with(Result::is_ok);
    let tidy = move |_| {
        if let Ok(map) = parsed.get_untracked() {
            conf.set(serde_json::to_string_pretty(&map).unwrap_or_default());
        }
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (Ok(conf), Ok(dag_run_id), Ok(logical_date)) =
            (parsed.get_untracked(), parsed_id.get_untracked(), parsed_date.get_untracked())
        else {
            return;
        };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let note = Some(note.get_untracked().trim().to_owned()).filter(|note| !note.is_empty());
        let body = TriggerDagRun { dag_run_id, logical_date, conf: Some(conf), note, ..TriggerDagRun::default() };
        let (dag, key, navigate) = (dag.clone(), key.clone(), navigate.clone());
        spawn_local(async move {
            match http::post_once::<DagRun>(&format!("{}/dagRuns", paths::dag(&dag)), &body, &key).await {
                Ok(run) => {
                    open.set(false);
                    toasts.done(format!("Started {}", run.dag_run_id));
                    navigate(&paths::run_page(&dag, run.dag_run_id.as_str()), Default::default());
                }
                Err(error) => {
                    busy.set(false);
                    failure.set(Some(error));
                }
            }
        });
    };
    view! {
        <form on:submit=submit>
            <div class="body">
                {move || failure.get().map(|failure| view! { <FailureNotice failure/> })}
                <Show when=move || has_fields.get()>
                    <div class="segmented" role="group" aria-label="How the conf is given" style="align-self:flex-start">
                        <button type="button" aria-pressed=move || (!as_json.get()).to_string() on:click=show_form>"Form"</button>
                        <button type="button" aria-pressed=move || as_json.get().to_string() on:click=show_json>"JSON"</button>
                    </div>
                </Show>
                <Show when=move || !as_json.get()>
                    <div class="schema-form stack" role="group" aria-label="Parameters">
                        {move || fields.get().into_iter().map(|it| {
                            let name = if it.default.is_none() { format!("{} (required)", it.name) } else { it.name.clone() };
                            labelled(&it.field, &name, it.help.as_deref(), &format!("param-{}", it.name))
                        }).collect_view()}
                    </div>
                    <p id="trigger-conf-said" class=move || if parsed.with(Result::is_err) { "wrong small" } else { "hint small muted" } aria-live="polite">
                        {move || match parsed.get() {
                            Err(wrong) => format!("{wrong}."),
                            Ok(map) if map.is_empty() => "The run has the values of the dag.".to_owned(),
                            Ok(map) => format!("Conf: {}", Value::Object(map)),
                        }}
                    </p>
                </Show>
                <Show when=move || as_json.get()>
                    <div class="field">
                        <div class="row"><label class="grow" for="trigger-conf">"Conf"</label><button type="button" class="btn quiet small" disabled=move || parsed.with(Result::is_err) on:click=tidy>"Format"</button></div>
                        <textarea id="trigger-conf" class="textarea" spellcheck="false" autofocus aria-describedby="trigger-conf-hint" aria-invalid=move || parsed.with(Result::is_err).to_string()
                            prop:value=move || conf.get() on:input=move |event| conf.set(event_target_value(&event))></textarea>
                        <p id="trigger-conf-hint" class=move || if parsed.with(Result::is_err) { "wrong" } else { "hint" } aria-live="polite">
                            {move || parsed.get().err().unwrap_or_else(|| "A JSON object that tasks can read.".to_owned())}
                        </p>
                    </div>
                </Show>
                <button type="button" class="btn quiet small" style="align-self:flex-start" aria-expanded=move || more.get().to_string() on:click=move |_| more.update(|more| *more = !*more)>
                    {move || if more.get() { "Fewer options" } else { "Run id, logical date, note" }}
                </button>
                <Show when=move || more.get()>
                    <div class="field">
                        <label for="trigger-id">"Run id"</label>
                        <input id="trigger-id" class="input mono" placeholder="manual__ and the time, when left empty" autocomplete="off" aria-invalid=move || parsed_id.with(Result::is_err).to_string()
                            prop:value=move || run_id.get() on:input=move |event| run_id.set(event_target_value(&event))/>
                        {move || parsed_id.get().err().map(|wrong| view! { <p class="wrong">{wrong}</p> })}
                    </div>
                    <div class="field">
                        <label for="trigger-date">"Logical date (UTC)"</label>
                        <input id="trigger-date" class="input" type="datetime-local" prop:value=move || date.get() on:input=move |event| date.set(event_target_value(&event))/>
                        {move || parsed_date.get().err().map(|wrong| view! { <p class="wrong">{wrong}</p> })}
                    </div>
                    <div class="field">
                        <label for="trigger-note">"Note"</label>
                        <input id="trigger-note" class="input" maxlength="4000" prop:value=move || note.get() on:input=move |event| note.set(event_target_value(&event))/>
                    </div>
                </Show>
            </div>
            <footer>
                <button type="button" class="btn" on:click=move |_| open.set(false)>"Cancel"</button>
                <button class="btn primary" disabled=move || busy.get() || !valid()>
                    {move || if busy.get() { view! { <Icon name="running"/> }.into_any() } else { view! { <Icon name="play" class="s"/> }.into_any() }}
                    "Trigger"
                </button>
            </footer>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conf_is_an_object() {
        assert_eq!(conf::read(" ").unwrap(), Map::new());
        assert_eq!(conf::read("{\"a\": 1}").unwrap()["a"], 1);
        assert!(conf::read("[1]").unwrap_err().contains("object"));
        assert!(conf::read("{\"a\": }").unwrap_err().contains("line 1"));
    }

    #[test]
    fn a_run_id_and_a_date_may_be_left_out() {
        assert_eq!(read_run_id("  ").unwrap(), None);
        assert!(read_run_id("my run").is_err());
        assert_eq!(read_date("").unwrap(), None);
        assert_eq!(read_date("2026-11-21T06:00").unwrap().unwrap().to_rfc3339(), "2026-11-21T06:00:00+00:00");
        assert!(read_date("tomorrow").is_err());
    }

    #[test]
    fn a_form_is_made_of_the_parameters() {
        let schema = serde_json::json!({ "type": "object", "required": ["city"], "properties": {
            "limit": { "type": "integer", "default": 100 }, "dry": { "default": false }, "city": { "type": "string" },
            "region": { "enum": ["eu", "us"], "default": "us" }, "days": { "type": "array", "items": { "type": "string" }, "default": ["mon"] },
        } });
        let all = parameters(&schema);
        assert_eq!(all[0].name, "city", "what is required comes first");
        all[0].field.fill(&Value::from("Oslo"));
        assert_eq!(Value::Object(conf_of(&all).unwrap()), serde_json::json!({ "city": "Oslo" }), "defaults are not sent");
        let limit = all.iter().find(|it| it.name == "limit").unwrap();
        limit.field.fill(&Value::from(7));
        assert_eq!(Value::Object(conf_of(&all).unwrap()), serde_json::json!({ "city": "Oslo", "limit": 7 }));
        limit.field.fill(&Value::from("many"));
        assert_eq!(conf_of(&all).unwrap_err(), "limit: type a whole number");
    }
}
