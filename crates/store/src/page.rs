/// How many entries behind a page of a large list are counted. Counting millions takes longer than reading the page, so the list tells
/// that there are at least so many more; whoever reads on comes to the end all the same.
pub const COUNTED_BEHIND: i64 = 10_000;

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

    /// How many entries of a large list are counted: the page's, those before it, and [`COUNTED_BEHIND`] after it.
    pub(crate) fn counted(self) -> i64 {
        self.limit() + self.offset() + COUNTED_BEHIND
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries of the page.
    pub items: Vec<T>,
    /// How many entries the whole list has; of runs and task instances no more than [`COUNTED_BEHIND`] behind the page are counted.
    pub total: u64,
}

/// The order of a list: by a field, forwards or backwards. What is equal there comes by name, so that pages are stable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order<F> {
    /// The field.
    pub field: F,
    /// From the last to the first.
    pub backwards: bool,
}

impl<F> Order<F> {
    /// From the first to the last.
    pub const fn by(field: F) -> Self {
        Self { field, backwards: false }
    }
}
