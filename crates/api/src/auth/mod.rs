//! Who may come in: passwords, tokens, API keys, cookies, and how often one may try.

pub(crate) mod cookie;
pub(crate) mod limiter;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod seen;
pub(crate) mod token;
