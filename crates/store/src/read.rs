//! Reading columns back into the types that they came from.

use crate::StoreError;
use std::fmt::Display;
use std::str::FromStr;

/// Which table and row a value was read from, for the error when it cannot be read.
pub(crate) struct Origin<R> {
    table: &'static str,
    row: R,
}

pub(crate) const fn row_of<R: Display + Copy>(table: &'static str, row: R) -> Origin<R> {
    Origin { table, row }
}

impl<R: Display + Copy> Origin<R> {
    /// A name.
    pub(crate) fn name<T: FromStr>(&self, column: &'static str, text: &str) -> Result<T, StoreError> {
        self.known(column, text.parse().ok())
    }

    /// A number that is stored with a sign and has none.
    pub(crate) fn number<T: TryFrom<N>, N>(&self, column: &'static str, number: N) -> Result<T, StoreError> {
        self.known(column, T::try_from(number).ok())
    }

    /// What a `parse` made of a word.
    pub(crate) fn known<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| StoreError::corrupt(self.table, column, self.row))
    }

    /// What a `parse` made of a word that may be missing.
    pub(crate) fn known_if_set<T>(
        &self,
        column: &'static str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.known(column, parse(text))).transpose()
    }
}
