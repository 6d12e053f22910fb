//! What handlers take: who calls, and what was sent. Each fails with a problem document.

mod basic;
mod body;
mod caller;
mod parameters;

pub(crate) use body::{JsonBody, MAX_BODY, media_type, parse, read_body, too_large};
pub(crate) use caller::{Admin, Caller, Editor, Operator, OptionalCaller, Viewer, check_origin, identify};
pub(crate) use parameters::{PathParams, QueryParams, order, page};
