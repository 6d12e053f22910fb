//! What a page shows, as it stands in the query of its address: filters, the order of a list, and which part of it.

use crate::core::paths;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::params::ParamsMap;

/// The query of the address: read by name, changed by name. What is not changed stays.
#[derive(Clone, Copy)]
pub struct Address {
    map: Memo<ParamsMap>,
    go: Callback<Vec<(&'static str, String)>>,
}

/// The address of the page.
#[must_use]
pub fn address() -> Address {
    // Of the router itself: what a nested route is given stays at the query with which it was come to.
    let location = use_location();
    let (map, path) = (location.query, location.pathname);
    let navigate = use_navigate();
    let go = Callback::new(move |changes: Vec<(&'static str, String)>| {
        let values: Vec<(String, String)> =
            map.get_untracked().into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        let page = format!("{}{}", path.get_untracked(), changed(&values, &changes));
        navigate(&page, NavigateOptions { replace: true, scroll: false, ..Default::default() });
    });
    Address { map, go }
}

impl Address {
    /// A value, or nothing. Tracked. An effect reads memos of these, and not both a memo and a value: it would miss changes.
    #[must_use]
    pub fn get(self, name: &str) -> String {
        self.map.with(|map| map.get(name).unwrap_or_default())
    }

    /// A value as a number. Tracked.
    #[must_use]
    pub fn number(self, name: &str) -> Option<u32> {
        self.map.with(|map| map.get(name).and_then(|text| text.parse().ok()))
    }

    /// A value as a signal.
    #[must_use]
    pub fn signal(self, name: &'static str) -> Memo<String> {
        Memo::new(move |_| self.get(name))
    }

    /// The part of a list that the address asks for.
    #[must_use]
    pub fn paging(self, limit: u32) -> Paging {
        self.paging_as("offset", limit)
    }

    /// The same, for a second list of a page: under another name.
    #[must_use]
    pub fn paging_as(self, name: &'static str, limit: u32) -> Paging {
        Paging { limit, offset: Memo::new(move |_| self.number(name).unwrap_or_default()), address: self, name }
    }

    /// Changes a filter or the order of the list, which then begins with its first page.
    pub fn narrow(self, name: &'static str, value: impl Into<String>) {
        self.set([(name, value.into()), ("offset", String::new())]);
    }

    /// Changes some values. Those that are set to nothing go.
    pub fn set<T: Into<String>>(self, changes: impl IntoIterator<Item = (&'static str, T)>) {
        self.go.run(changes.into_iter().map(|(name, value)| (name, value.into())).collect());
    }
}

/// Which part of a list is shown.
#[derive(Clone, Copy)]
pub struct Paging {
    /// How many items a page has.
    pub limit: u32,
    /// How many come before this page.
    pub offset: Memo<u32>,
    address: Address,
    name: &'static str,
}

impl Paging {
    /// The query of the request for it, with more values. Tracked.
    #[must_use]
    pub fn query(self, more: &[(&str, &str)]) -> String {
        let (limit, offset) = (self.limit.to_string(), self.offset.get().to_string());
        let mut values = vec![("limit", limit.as_str()), ("offset", &offset)];
        values.extend_from_slice(more);
        paths::query(&values)
    }

    /// Goes to the page before which there are so many items.
    pub fn turn(self, offset: u32) {
        self.address.set([(self.name, if offset == 0 { String::new() } else { offset.to_string() })]);
    }
}

/// The query with some values changed, in the order that it had.
fn changed(values: &[(String, String)], changes: &[(&'static str, String)]) -> String {
    let of = |name: &str| changes.iter().find(|(changed, _)| *changed == name).map(|(_, value)| value.as_str());
    let mut all: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (name.as_str(), of(name).unwrap_or(value.as_str()))).collect();
    let new = changes.iter().filter(|(name, _)| !values.iter().any(|(other, _)| other == name));
    all.extend(new.map(|(name, value)| (*name, value.as_str())));
    paths::query(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_the_rest() {
        let values = [("view".to_owned(), "tasks".to_owned()), ("task".to_owned(), "a b".to_owned())];
        assert_eq!(changed(&values, &[("task", "c".to_owned())]), "?view=tasks&task=c");
        assert_eq!(changed(&values, &[("task", String::new()), ("offset", "50".to_owned())]), "?view=tasks&offset=50");
        assert_eq!(changed(&values, &[("view", String::new()), ("task", String::new())]), "");
    }
}
