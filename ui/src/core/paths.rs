//! Paths of the API and of the console's own pages.

use std::fmt::Write;

/// A text as one segment of a path, or as a value in a query.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// A query string of the values that are there, with its `?`; empty when none is.
#[must_use]
pub fn query(values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(if out.is_empty() { '?' } else { '&' });
        let _ = write!(out, "{name}={}", segment(value));
    }
    out
}

/// The API's path of a dag.
#[must_use]
pub fn dag(dag_id: &str) -> String {
    format!("/dags/{}", segment(dag_id))
}

/// The API's path of a run.
#[must_use]
pub fn run(dag_id: &str, run_id: &str) -> String {
    format!("/dags/{}/dagRuns/{}", segment(dag_id), segment(run_id))
}

/// The API's path of a task instance.
#[must_use]
pub fn task(dag_id: &str, run_id: &str, task_id: &str) -> String {
    format!("{}/taskInstances/{}", run(dag_id, run_id), segment(task_id))
}

/// The API's path of a component.
#[must_use]
pub fn component(name: &str) -> String {
    format!("/components/{}", segment(name))
}

/// The API's path of a variable.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("/variables/{}", segment(key))
}

/// The API's path of a connection.
#[must_use]
pub fn connection(connection_id: &str) -> String {
    format!("/connections/{}", segment(connection_id))
}

/// The API's path of a pool.
#[must_use]
pub fn pool(name: &str) -> String {
    format!("/pools/{}", segment(name))
}

/// The API's path of the webhook of a dag.
#[must_use]
pub fn webhook(dag_id: &str) -> String {
    format!("{}/webhook", dag(dag_id))
}

/// The page of a run.
#[must_use]
pub fn run_page(dag_id: &str, run_id: &str) -> String {
    format!("/dags/{}/runs/{}", segment(dag_id), segment(run_id))
}

/// The page of a run, with a task of it selected.
#[must_use]
pub fn task_page(dag_id: &str, run_id: &str, task_id: &str) -> String {
    format!("{}?task={}", run_page(dag_id, run_id), segment(task_id))
}

/// The page of a component.
#[must_use]
pub fn component_page(name: &str) -> String {
    format!("/components/{}", segment(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_path_is_escaped() {
        assert_eq!(
            run("weather", "scheduled__2026-11-21T06:00:00+00:00"),
            "/dags/weather/dagRuns/scheduled__2026-11-21T06%3A00%3A00%2B00%3A00"
        );
        assert_eq!(component("weather/clean"), "/components/weather%2Fclean");
        assert_eq!(segment("é"), "%C3%A9");
    }

    #[test]
    fn a_query_has_only_what_is_there() {
        assert_eq!(query(&[("q", ""), ("tags", "a,b"), ("x", "1")]), "?tags=a%2Cb&x=1");
        assert_eq!(query(&[("q", "")]), "");
    }
}
