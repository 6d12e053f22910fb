//! What the operators do, apart from their exports: each is in `examples/`, and its WIT in `wit/operators.wit`.

pub mod condition;
pub mod csv;
#[cfg(target_family = "wasm")]
pub mod http;
pub mod transform;

/// Why an operator cannot do its work: nothing that another try would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
