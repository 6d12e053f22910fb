//! The pages of the documentation: what they link to is there, the table of features is whole, and their examples are right.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

mod examples;
mod features;
mod links;
mod page;
