//! Who is signed in, and how the page looks to them.

use crate::core::http;
use crate::core::live;
use cofferdam_api_types::{Me, Role, User};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// Who is signed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Visitor {
    /// Not known yet.
    Asking,
    /// Nobody.
    Nobody,
    /// Somebody.
    Known(User),
    /// The server could not be asked.
    Failed(http::Failure),
}

/// The session of this tab.
#[derive(Clone, Copy)]
pub struct Session(pub RwSignal<Visitor>);

impl Session {
    /// Asks the server who is signed in.
    pub fn ask(self) {
        spawn_local(async move {
            let visitor = match http::get::<Me>("/auth/me").await {
                Ok(Me { user: Some(user) }) => Visitor::Known(user),
                Ok(Me { user: None }) => Visitor::Nobody,
                Err(failure @ http::Failure::Refused(_)) if failure.code().is_some_and(|code| code.status() == 401) => {
                    Visitor::Nobody
                }
                Err(failure) => Visitor::Failed(failure),
            };
            self.0.set(visitor);
        });
    }

    /// Whether the visitor's role includes `role`.
    #[must_use]
    pub fn may(self, role: Role) -> bool {
        self.0.with(|visitor| matches!(visitor, Visitor::Known(user) if user.role >= role))
    }

    /// Ends the session.
    pub fn sign_out(self) {
        spawn_local(async move {
            live::close();
            let _ = http::command("/auth/logout").await;
            self.0.set(Visitor::Nobody);
        });
    }
}

/// The session, from anywhere below the root.
#[must_use]
pub fn session() -> Session {
    expect_context::<Session>()
}

/// Light, dark, or as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

const THEME_KEY: &str = "cofferdam.theme";

impl Theme {
    /// The choice of an earlier visit.
    #[must_use]
    pub fn stored() -> Self {
        let stored = window().local_storage().ok().flatten().and_then(|storage| storage.get_item(THEME_KEY).ok().flatten());
        match stored.as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    /// The next choice of the switch.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// The choice in words, with its icon.
    #[must_use]
    pub const fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::System => ("System theme", "monitor"),
            Self::Light => ("Light theme", "sun"),
            Self::Dark => ("Dark theme", "moon"),
        }
    }

    /// Shows it and remembers it.
    pub fn apply(self) {
        let word = match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        };
        let storage = window().local_storage().ok().flatten();
        let root = document().document_element();
        match word {
            Some(word) => {
                root.map(|root| root.set_attribute("data-theme", word));
                storage.map(|storage| storage.set_item(THEME_KEY, word));
            }
            None => {
                root.map(|root| root.remove_attribute("data-theme"));
                storage.map(|storage| storage.remove_item(THEME_KEY));
            }
        }
    }
}
