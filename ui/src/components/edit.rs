//! The form that makes or changes one thing: its fields, what the server says about them, and the question before one is deleted.

use crate::components::dialog::{Dialog, opens_with};
use crate::components::feedback::{FailureNotice, Toasts};
use crate::components::icon::Icon;
use crate::core::http::{self, Failure};
use cofferdam_api_types::ErrorCode;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::future::Future;

/// What a form is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Edited<T> {
    /// Something that is to be made.
    New,
    /// Something that is there.
    Old(T),
}

impl<T> Edited<T> {
    /// What is there.
    pub const fn old(&self) -> Option<&T> {
        match self {
            Self::New => None,
            Self::Old(it) => Some(it),
        }
    }
}

/// The request of a form: whether it is under way, and how it failed.
#[derive(Clone, Copy)]
pub struct Saving {
    busy: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
    fields: &'static [&'static str],
}

/// The field that a failure is about. That there is such a thing already is about its name, the first field.
fn field_of(failure: &Failure, fields: &[&'static str]) -> Option<&'static str> {
    if failure.code() == Some(ErrorCode::Conflict) {
        return fields.first().copied();
    }
    let pointer = failure.pointer()?.strip_prefix('/')?;
    fields.iter().copied().find(|field| *field == pointer)
}

impl Saving {
    /// Nothing is sent yet. `fields` are those of the form as the API names them, the name of the thing first.
    #[must_use]
    pub fn new(fields: &'static [&'static str]) -> Self {
        Self { busy: RwSignal::new(false), failure: RwSignal::new(None), fields }
    }

    /// What the server says about a field.
    #[must_use]
    pub fn said_of(self, field: &'static str) -> Option<String> {
        self.failure
            .with(|failure| failure.as_ref().filter(|failure| field_of(failure, self.fields) == Some(field)).map(Failure::detail))
    }

    /// The failure, when it is about none of the fields.
    fn said_of_none(self) -> Option<Failure> {
        self.failure.get().filter(|failure| field_of(failure, self.fields).is_none())
    }

    /// Sends a request, unless one is under way. `done` is called when it has worked.
    pub fn send(self, request: impl Future<Output = Result<(), Failure>> + 'static, done: impl FnOnce() + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        spawn_local(async move {
            let answer = request.await;
            // The dialog may be closed by now.
            self.busy.try_set(false);
            match answer {
                Ok(()) => done(),
                Err(failure) => drop(self.failure.try_set(Some(failure))),
            }
        });
    }
}

/// The form, with its buttons.
#[component]
pub fn EditForm(
    /// Whether the dialog around it is open.
    open: RwSignal<bool>,
    /// Its request.
    saving: Saving,
    /// Whether it can be sent.
    #[prop(into)]
    valid: Signal<bool>,
    /// What the button that sends it says.
    verb: &'static str,
    /// Sends it.
    submit: Callback<()>,
    /// The fields.
    children: Children,
) -> impl IntoView {
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if valid.get_untracked() {
            submit.run(());
        }
    };
    // What the server said was about the text of before.
    let on_input = move |_| {
        if saving.failure.with_untracked(Option::is_some) {
            saving.failure.set(None);
        }
    };
    view! {
        <form on:submit=on_submit on:input=on_input autocomplete="off">
            <div class="body">
                {move || saving.said_of_none().map(|failure| view! { <FailureNotice failure/> })}
                {children()}
            </div>
            <footer>
                <button type="button" class="btn" on:click=move |_| open.set(false)>"Cancel"</button>
                <button class="btn primary" disabled=move || saving.busy.get() || !valid.get()>
                    <Show when=move || saving.busy.get()><Icon name="running"/></Show>{verb}
                </button>
            </footer>
        </form>
    }
}

/// How a text is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typed {
    /// In a line.
    #[default]
    Line,
    /// In a line that does not show it.
    Hidden,
    /// In several lines.
    Lines,
}

/// A field for text.
#[component]
pub fn TextField(
    /// Its id.
    id: &'static str,
    /// What it is called.
    #[prop(into)]
    label: String,
    /// Its text.
    value: RwSignal<String>,
    /// How it is typed.
    #[prop(optional)]
    typed: Typed,
    /// Whether the form begins with it.
    #[prop(optional)]
    autofocus: bool,
    /// What belongs there.
    #[prop(optional)]
    hint: &'static str,
    /// What is wrong with it. It stands where the hint is.
    #[prop(into)]
    wrong: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <TextInput id value typed autofocus wrong/>
            <Said id hint wrong/>
        </div>
    }
}

#[component]
fn TextInput(
    id: &'static str,
    value: RwSignal<String>,
    typed: Typed,
    autofocus: bool,
    wrong: Signal<Option<String>>,
) -> impl IntoView {
    let said = format!("{id}-said");
    let is_wrong = move || wrong.with(Option::is_some).to_string();
    match typed {
        Typed::Lines => view! {
            <textarea id=id class="textarea short" spellcheck="false" autofocus=autofocus aria-describedby=said aria-invalid=is_wrong
                prop:value=move || value.get() on:input=move |event| value.set(event_target_value(&event))></textarea>
        }
        .into_any(),
        Typed::Line | Typed::Hidden => {
            let (kind, autocomplete) = if typed == Typed::Hidden { ("password", "new-password") } else { ("text", "off") };
            view! {
                <input id=id class="input" type=kind autocomplete=autocomplete autocapitalize="none" spellcheck="false" autofocus=autofocus aria-describedby=said aria-invalid=is_wrong
                    prop:value=move || value.get() on:input=move |event| value.set(event_target_value(&event))/>
            }
            .into_any()
        }
    }
}

/// What is said below a field: what is wrong with it, else what belongs there.
#[component]
pub fn Said(
    /// The id of the field.
    id: &'static str,
    /// What belongs there.
    hint: &'static str,
    /// What is wrong with it.
    wrong: Signal<Option<String>>,
) -> impl IntoView {
    let class = move || match wrong.with(Option::is_some) {
        true => "wrong",
        false if hint.is_empty() => "visually-hidden",
        false => "hint",
    };
    view! { <p id=format!("{id}-said") class=class aria-live="polite">{move || wrong.get().unwrap_or_else(|| hint.to_owned())}</p> }
}

/// What becomes of a text that can be written and not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It is replaced by what is typed.
    Write,
    /// There will be none.
    Remove,
}

/// A text that can be written and not read.
#[derive(Clone, Copy)]
pub struct Sealed {
    /// What becomes of the one that is there. Where there is none, what is typed is written.
    pub fate: RwSignal<Fate>,
    /// What is typed.
    pub text: RwSignal<String>,
    /// Whether there is one.
    is_there: bool,
}

impl Sealed {
    /// Nothing is typed yet.
    #[must_use]
    pub fn new(is_there: bool) -> Self {
        let fate = if is_there { Fate::Keep } else { Fate::Write };
        Self { fate: RwSignal::new(fate), text: RwSignal::new(String::new()), is_there }
    }

    /// The change: nothing, or the new text, where an empty one is none.
    #[must_use]
    pub fn change(self) -> Option<Option<String>> {
        change(self.fate.get(), self.text.get(), self.is_there)
    }

    /// Whether something is to be replaced, and nothing is typed yet.
    #[must_use]
    pub fn is_missing(self) -> bool {
        self.is_there && self.fate.get() == Fate::Write && self.text.with(String::is_empty)
    }
}

fn change(fate: Fate, text: String, is_there: bool) -> Option<Option<String>> {
    match fate {
        Fate::Keep => None,
        Fate::Write if text.is_empty() && !is_there => None,
        Fate::Write => Some(Some(text)),
        Fate::Remove => Some(None),
    }
}

/// A field for a text that can be written and not read.
#[component]
pub fn SealedField(
    /// Its id.
    id: &'static str,
    /// What it is called.
    label: &'static str,
    /// Its text.
    sealed: Sealed,
    /// How it is typed.
    typed: Typed,
    /// Whether there need not be one.
    #[prop(optional)]
    removable: bool,
    /// What belongs there.
    #[prop(optional)]
    hint: &'static str,
    /// What is wrong with it.
    #[prop(into)]
    wrong: Signal<Option<String>>,
) -> impl IntoView {
    if !sealed.is_there {
        return view! { <TextField id label value=sealed.text typed hint wrong/> }.into_any();
    }
    let fate = sealed.fate;
    let mut fates = vec![(Fate::Keep, "Keep"), (Fate::Write, "Replace")];
    if removable {
        fates.push((Fate::Remove, "Remove"));
    }
    let told = move || match fate.get() {
        Fate::Keep => "It stays as it is. Only tasks are shown it.",
        Fate::Write => hint,
        Fate::Remove => "There will be none any more.",
    };
    let label_id = format!("{id}-label");
    view! {
        <div class="field" role="group" aria-labelledby=label_id.clone()>
            <div class="row">
                <span class="label grow" id=label_id.clone()>{label}</span>
                <div class="segmented small" role="group" aria-label=format!("What becomes of the {}", label.to_lowercase())>
                    {fates.into_iter().map(|(choice, word)| view! {
                        <button type="button" aria-pressed=move || (fate.get() == choice).to_string() on:click=move |_| fate.set(choice)>{word}</button>
                    }).collect_view()}
                </div>
            </div>
            {move || match fate.get() {
                Fate::Write => view! { <label class="visually-hidden" for=id>{format!("New {}", label.to_lowercase())}</label><TextInput id value=sealed.text typed autofocus=false wrong/><Said id hint wrong/> }.into_any(),
                Fate::Keep | Fate::Remove => view! { <p class="hint" aria-live="polite">{told}</p> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

/// The change of a text that need not be there: nothing when it is as before.
#[must_use]
pub fn changed(before: Option<&str>, now: &str) -> Option<Option<String>> {
    let now = now.trim();
    (before.unwrap_or_default() != now).then(|| Some(now.to_owned()).filter(|now| !now.is_empty()))
}

/// The question before something is deleted.
#[component]
pub fn Removal(
    /// The name of what is to be deleted; the dialog is open while there is one.
    name: RwSignal<Option<String>>,
    /// What it is.
    kind: &'static str,
    /// Whether the name is not its own, but that of what it belongs to.
    #[prop(optional)]
    owned: bool,
    /// What follows from it.
    consequence: &'static str,
    /// Its path in the API.
    path: fn(&str) -> String,
    /// Called when it is gone.
    done: Callback<()>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let open = opens_with(name);
    let busy = RwSignal::new(false);
    let title = Signal::derive(move || {
        name.with(|name| match name.as_deref() {
            Some(name) if owned => format!("Delete the {kind} of {name}?"),
            Some(name) => format!("Delete {name}?"),
            None => format!("Delete the {kind}?"),
        })
    });
    let delete = move |_| {
        let Some(name) = name.get_untracked() else { return };
        busy.set(true);
        spawn_local(async move {
            match http::delete(&path(&name)).await {
                Ok(()) => toasts.done(format!("The {kind} {}{name} is deleted", if owned { "of " } else { "" })),
                Err(failure) => toasts.failed(&failure),
            }
            busy.try_set(false);
            open.try_set(false);
            done.run(());
        });
    };
    view! {
        <Dialog open title narrow=true>
            <div class="body"><p>{consequence}</p></div>
            <footer>
                <button type="button" class="btn" autofocus on:click=move |_| open.set(false)>"Keep it"</button>
                <button type="button" class="btn danger solid" disabled=move || busy.get() on:click=delete>{format!("Delete the {kind}")}</button>
            </footer>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_api_types::Problem;

    fn refused(code: ErrorCode, pointer: Option<&str>) -> Failure {
        Failure::Refused(Box::new(Problem {
            kind: String::new(),
            title: code.title().into(),
            status: code.status(),
            detail: "detail".to_owned(),
            code,
            pointer: pointer.map(str::to_owned),
            diagnostics: Vec::new(),
            request_id: String::new(),
        }))
    }

    #[test]
    fn what_the_server_says_belongs_to_a_field() {
        let fields = ["key", "value"];
        assert_eq!(field_of(&refused(ErrorCode::InvalidBody, Some("/value")), &fields), Some("value"));
        assert_eq!(field_of(&refused(ErrorCode::Conflict, None), &fields), Some("key"));
        assert_eq!(field_of(&refused(ErrorCode::InvalidBody, Some("/other")), &fields), None);
        assert_eq!(field_of(&refused(ErrorCode::RoleTooLow, None), &fields), None);
        assert_eq!(field_of(&Failure::Unreachable(String::new()), &fields), None);
    }

    #[test]
    fn only_changes_are_sent() {
        assert_eq!(changed(Some("a"), " a "), None);
        assert_eq!(changed(None, ""), None);
        assert_eq!(changed(Some("a"), ""), Some(None));
        assert_eq!(changed(None, "b"), Some(Some("b".to_owned())));
        assert_eq!(change(Fate::Keep, "typed and given up".to_owned(), true), None);
        assert_eq!(change(Fate::Write, String::new(), false), None);
        assert_eq!(change(Fate::Write, String::new(), true), Some(Some(String::new())));
        assert_eq!(change(Fate::Remove, "x".to_owned(), true), Some(None));
    }
}
