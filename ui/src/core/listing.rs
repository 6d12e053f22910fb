//! Lists that the server hands out in pages and does not search: what is asked for, and which part of the answer is shown.

use crate::core::paths;
use leptos_router::params::ParamsMap;
use std::cmp::Ordering;

/// Items of a page.
pub const LIMIT: u32 = 50;

/// As many as the server gives at once. A search looks through these.
const MOST: u32 = cofferdam_api_types::Page::MAX_LIMIT;

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What is searched for.
    pub text: String,
    /// How many items come before this page.
    pub offset: u32,
    /// The order: the name of a column, with a minus before it when the last comes first. Empty for that of the server, by name.
    pub order: String,
}

/// What is shown of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// How many fit the search.
    pub total: u64,
    /// Whether there are items that the search did not look at.
    pub is_partial: bool,
}

impl Place {
    /// Reads the query of an address.
    #[must_use]
    pub fn read(map: &ParamsMap) -> Self {
        Self {
            text: map.get("q").unwrap_or_default(),
            offset: map.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or_default(),
            order: map.get("order").unwrap_or_default(),
        }
    }

    /// Whether the console looks through what the server has, which knows neither searches nor orders here.
    fn is_own(&self) -> bool {
        !(self.text.is_empty() && self.order.is_empty())
    }

    /// The page of the console.
    #[must_use]
    pub fn page(&self, base: &str) -> String {
        let offset = if self.offset == 0 { String::new() } else { self.offset.to_string() };
        format!("{base}{}", paths::query(&[("q", &self.text), ("order", &self.order), ("offset", &offset)]))
    }

    /// The request to the API: one page or, for a search or an order, as much as there is.
    #[must_use]
    pub fn request(&self, base: &str) -> String {
        let (limit, offset) = if self.is_own() { (MOST, 0) } else { (LIMIT, self.offset) };
        format!("{base}?limit={limit}&offset={offset}")
    }

    /// The items of the answer to [`Place::request`] that are shown. `texts` are what a search looks at, `compare` compares by a column.
    pub fn part<T: Clone>(
        &self,
        items: &[T],
        total: u64,
        texts: impl Fn(&T) -> Vec<&str>,
        compare: impl Fn(&str, &T, &T) -> Ordering,
    ) -> Part<T> {
        if !self.is_own() {
            // An answer to the search before this one may still be there.
            return Part { items: items.iter().take(LIMIT as usize).cloned().collect(), total, is_partial: false };
        }
        let wanted = self.text.to_lowercase();
        let mut found: Vec<&T> =
            items.iter().filter(|item| texts(item).iter().any(|text| text.to_lowercase().contains(&wanted))).collect();
        match self.order.strip_prefix('-') {
            Some(column) => found.sort_by(|a, b| compare(column, b, a)),
            None if self.order.is_empty() => {}
            None => found.sort_by(|a, b| compare(&self.order, a, b)),
        }
        Part {
            items: found.iter().skip(self.offset as usize).take(LIMIT as usize).map(|item| (*item).clone()).collect(),
            total: found.len() as u64,
            is_partial: total > u64::from(MOST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: u32) -> Place {
        Place { text: text.to_owned(), offset, order: String::new() }
    }

    #[test]
    fn a_place_stands_in_the_address_and_in_the_request() {
        assert_eq!(place("", 0).page("/variables"), "/variables");
        assert_eq!(place("a b", 50).page("/variables"), "/variables?q=a%20b&offset=50");
        assert_eq!(place("", 50).request("/variables"), "/variables?limit=50&offset=50");
        assert_eq!(place("a", 50).request("/variables"), "/variables?limit=1000&offset=0");
    }

    #[test]
    fn a_search_looks_through_the_answer_and_has_pages_of_its_own() {
        let items: Vec<String> = (0..120).map(|n| format!("Item_{n}")).collect();
        let part = place("item", 100).part(&items, 120, |item| vec![item.as_str()], |_, a, b| a.cmp(b));
        assert_eq!((part.items.len(), part.items[0].as_str(), part.total, part.is_partial), (20, "Item_100", 120, false));
        assert_eq!(place("_11", 0).part(&items, 5_000, |item| vec![item.as_str()], |_, a, b| a.cmp(b)).total, 11);
        assert!(place("_11", 0).part(&items, 5_000, |item| vec![item.as_str()], |_, a, b| a.cmp(b)).is_partial);
        let part = place("", 50).part(&items[50..100], 120, |item| vec![item.as_str()], |_, a, b| a.cmp(b));
        assert_eq!((part.items.len(), part.items[0].as_str(), part.total), (50, "Item_50", 120));
    }

    #[test]
    fn an_order_is_that_of_all_items() {
        let items: Vec<u32> = (0..120).map(|n| n * 7 % 120).collect();
        let part = |order: &str, offset| {
            let place = Place { order: order.to_owned(), ..place("", offset) };
            assert_eq!(place.request("/pools"), "/pools?limit=1000&offset=0");
            place.part(&items, 120, |_| vec![""], |column, a, b| if column == "size" { a.cmp(b) } else { Ordering::Equal }).items
        };
        assert_eq!((part("size", 0)[0], part("size", 50)[0], part("-size", 0)[0]), (0, 50, 119));
        assert_eq!(part("unknown", 0)[1], 7);
        assert_eq!(Place { order: "-size".to_owned(), ..place("a", 50) }.page("/pools"), "/pools?q=a&order=-size&offset=50");
    }
}
