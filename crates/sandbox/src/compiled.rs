//! Compiled code, which is trusted.

use bytes::Bytes;

/// What the compile service made of a component: machine code, loaded without a check of what it does.
///
/// There are two ways to get one: compile, or vouch for stored bytes with [`CompiledCode::from_authenticated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledCode(Bytes);

impl CompiledCode {
    /// Takes back bytes that [`CompiledCode::bytes`] gave.
    ///
    /// The caller vouches that they are unchanged: they were stored with a message authentication code under a key that
    /// only Cofferdam holds, and the code was checked just now. Loading anything else runs foreign machine code in this
    /// process.
    #[must_use]
    pub const fn from_authenticated(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Only for the compile service.
    pub(crate) const fn made_here(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes, for storing them together with a message authentication code.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }
}
