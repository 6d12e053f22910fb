//! A form made from a JSON Schema: a field for each part of a function's input.

mod field;
mod shape;

pub use field::{Field, Line};
pub use shape::{Shape, shape};

use crate::components::icon::Icon;
use leptos::prelude::*;

/// The field with its label. `id` is unique on the page.
#[must_use]
pub fn labelled(field: &Field, name: &str, help: Option<&str>, id: &str) -> AnyView {
    let help = help.map(|help| view! { <p class="hint">{help.to_owned()}</p> });
    let name = name.to_owned();
    match field {
        // One element to point a label at.
        Field::Line(..) | Field::Enum(..) => {
            view! { <div class="field"><label for=id.to_owned()>{name}</label>{help}{control(field, id)}</div> }.into_any()
        }
        Field::Bool(value) => view! { <div class="field">{check(value, name, id)}{help}</div> }.into_any(),
        Field::Optional(inner, given, _) => {
            let (inner, inner_id, shown) = (inner.clone(), format!("{id}-some"), given.clone());
            let label = name.clone();
            view! {
                <div class="field">
                    {check(given, format!("{name} (optional)"), id)}{help}
                    {move || shown.get().then(|| view! { <div class="nested" role="group" aria-label=label.clone()>{unlabelled(&inner, &label, &inner_id)}</div> })}
                </div>
            }
            .into_any()
        }
        _ => view! { <fieldset class="field"><legend>{name}</legend>{help}<div class="nested">{control(field, id)}</div></fieldset> }.into_any(),
    }
}

/// The field, labelled for those who cannot see.
fn unlabelled(field: &Field, name: &str, id: &str) -> AnyView {
    match field {
        Field::Line(..) | Field::Enum(..) => {
            view! { <label class="visually-hidden" for=id.to_owned()>{name.to_owned()}</label>{control(field, id)} }.into_any()
        }
        Field::Bool(_) | Field::Optional(..) => labelled(field, name, None, id),
        _ => control(field, id),
    }
}

fn control(field: &Field, id: &str) -> AnyView {
    let id = id.to_owned();
    match field {
        Field::Bool(value) => check(value, String::new(), &id),
        Field::Line(line, text) => self::line(*line, text, id),
        Field::Enum(words, word) => {
            let (shown, word) = (word.clone(), word.clone());
            let options = words.iter().map(|word| view! { <option value=word.clone()>{word.clone()}</option> }).collect_view();
            view! {
                <select id=id class="select" prop:value=move || shown.get() on:change=move |event| word.set(event_target_value(&event))>{options}</select>
            }
            .into_any()
        }
        Field::Flags(flags) => {
            let boxes = flags.iter().enumerate().map(|(index, (word, set))| check(set, word.clone(), &format!("{id}-{index}")));
            view! { <div class="row wrap">{boxes.collect_view()}</div> }.into_any()
        }
        Field::Tuple(items) => {
            let items = items.iter().enumerate().map(|(index, item)| {
                let name = format!("{}", index + 1);
                labelled(item, &name, None, &format!("{id}-{index}"))
            });
            view! { {items.collect_view()} }.into_any()
        }
        Field::Record(fields) => {
            let fields = fields.iter().map(|(name, help, field)| labelled(field, name, help.as_deref(), &format!("{id}-{name}")));
            view! { {fields.collect_view()} }.into_any()
        }
        Field::List(item, items) => {
            let (shown, more, item) = (items.clone(), items.clone(), item.clone());
            let add = move |_| {
                more.update(|items| {
                    let key = items.last().map_or(0, |(key, _)| key + 1);
                    items.push((key, Field::new(&item)));
                });
            };
            let fewer = items.clone();
            view! {
                <For each=move || shown.get().into_iter().enumerate() key=|(index, (key, _))| (*index, *key) children=move |(index, (key, field))| {
                    let fewer = fewer.clone();
                    let remove = move |_| fewer.update(|items| items.retain(|(other, _)| *other != key));
                    let name = format!("{}", index + 1);
                    view! {
                        <div class="list-item">
                            <div class="grow">{labelled(&field, &name, None, &format!("{id}-{key}"))}</div>
                            <button type="button" class="btn quiet small icon-only" aria-label=format!("Remove {name}") on:click=remove><Icon name="close" class="s"/></button>
                        </div>
                    }
                }/>
                <button type="button" class="btn small" style="align-self:flex-start" on:click=add><Icon name="plus" class="s"/>"Add"</button>
            }
            .into_any()
        }
        Field::Choice(cases, chosen) => {
            let names = cases
                .iter()
                .enumerate()
                .map(|(index, (name, _))| view! { <option value=index.to_string()>{name.clone()}</option> });
            let names = names.collect_view();
            let (cases, shown, at, chosen) = (cases.clone(), chosen.clone(), chosen.clone(), chosen.clone());
            let choose = move |event| {
                if let Ok(index) = event_target_value(&event).parse() {
                    chosen.set(index);
                }
            };
            let select = format!("{id}-case");
            view! {
                <select id=select class="select" aria-label="Case" prop:value=move || shown.get().to_string() on:change=choose>{names}</select>
                {move || cases.get(at.get()).and_then(|(name, field)| field.as_ref().map(|field| unlabelled(field, name, &format!("{id}-{name}"))))}
            }
            .into_any()
        }
        Field::Optional(..) => labelled(field, "value", None, &id),
        Field::Null => view! { <p class="hint">"Nothing to give."</p> }.into_any(),
    }
}

fn check(value: &ArcRwSignal<bool>, name: String, id: &str) -> AnyView {
    let (shown, value) = (value.clone(), value.clone());
    view! {
        <label class="check"><input type="checkbox" id=id.to_owned() prop:checked=move || shown.get() on:change=move |event| value.set(event_target_checked(&event))/>{name}</label>
    }
    .into_any()
}

fn line(line: Line, text: &ArcRwSignal<String>, id: String) -> AnyView {
    let (shown, text) = (text.clone(), text.clone());
    let typed = move |event| text.set(event_target_value(&event));
    match line {
        Line::Json => view! {
            <textarea id=id class="textarea" spellcheck="false" prop:value=move || shown.get() on:input=typed></textarea>
        }
        .into_any(),
        Line::Text | Line::Bytes | Line::Integer | Line::Number => {
            let placeholder = match line {
                Line::Bytes => "base64",
                Line::Integer => "0",
                Line::Number => "0.0",
                Line::Text | Line::Json => "",
            };
            let mode = if matches!(line, Line::Integer | Line::Number) { "decimal" } else { "text" };
            view! {
                <input id=id class="input" inputmode=mode placeholder=placeholder autocomplete="off" spellcheck="false" prop:value=move || shown.get() on:input=typed/>
            }
            .into_any()
        }
    }
}
