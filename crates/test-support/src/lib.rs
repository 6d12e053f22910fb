//! What tests share: real servers, made for them and gone after them.

pub mod cluster;
pub mod postgres;
pub mod redis;
