/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The most entries.
    pub limit: u32,
    /// Entries passed over before them.
    pub offset: u32,
}

impl Page {
    /// The first entries.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { limit, offset: 0 }
    }

    pub(crate) fn limit(self) -> i64 {
        i64::from(self.limit)
    }

    pub(crate) fn offset(self) -> i64 {
        i64::from(self.offset)
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries of the page.
    pub items: Vec<T>,
    /// How many entries the whole list has.
    pub total: u64,
}
