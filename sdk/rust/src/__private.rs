//! What the expansions of `#[cofferdam::task]` and `#[cofferdam::tasks]` call. Not part of the interface.

use crate::{Context, Error, Result};
use serde::{Serialize, de::DeserializeOwned};

#[cfg(target_arch = "wasm32")]
pub use crate::bindings;
pub use crate::schema;
#[cfg(any(target_arch = "wasm32", feature = "wit"))]
pub use wit_bindgen;
/// Stands in where the types of a given WIT cannot be made.
#[cfg(not(any(target_arch = "wasm32", feature = "wit")))]
pub mod wit_bindgen {
    #[doc(hidden)]
    #[macro_export]
    macro_rules! __no_types_of_wit {
        ($($all:tt)*) => {
            compile_error!("`#[cofferdam::tasks(wit = …)]` needs the feature `wit` of `cofferdam-sdk` outside of components");
        };
    }
    pub use __no_types_of_wit as generate;
}

/// A task with its types worn away: JSON in, JSON out.
pub type Task = fn(&str, &Context) -> Result<String>;

/// Reads the input. One that does not fit will not fit at the next try either.
pub fn read_input<T: DeserializeOwned>(input: &str) -> Result<T> {
    serde_json::from_str(input).map_err(|error| Error::fatal(format_args!("the input is not what the task takes: {error}")))
}

/// Writes the output.
pub fn write_output<T: Serialize>(result: Result<T>) -> Result<String> {
    serde_json::to_string(&result?).map_err(|error| Error::fatal(format_args!("the output cannot be written as JSON: {error}")))
}

/// Runs a task as the component's export does.
#[cfg(target_arch = "wasm32")]
pub fn run(task: Task, input: &str) -> std::result::Result<String, bindings::TaskError> {
    task(input, &Context::current()).map_err(Into::into)
}

/// The context of this try.
#[cfg(target_arch = "wasm32")]
#[must_use]
pub fn context() -> Context {
    Context::current()
}

/// Turns a task's type into that of the bindings, or back.
pub trait Convert<T> {
    /// The value as the other type.
    fn convert(self) -> T;
}

macro_rules! same {
    ($($ty:ty),*) => {$(
        impl Convert<$ty> for $ty {
            fn convert(self) -> $ty {
                self
            }
        }
    )*};
}

same!((), bool, u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, char, String);

impl<A: Convert<B>, B> Convert<Vec<B>> for Vec<A> {
    fn convert(self) -> Vec<B> {
        self.into_iter().map(Convert::convert).collect()
    }
}

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(Convert::convert)
    }
}

macro_rules! tuples {
    ($(($($a:ident $b:ident),*))*) => {$(
        impl<$($a: Convert<$b>, $b),*> Convert<($($b,)*)> for ($($a,)*) {
            #[expect(non_snake_case, reason = "the names of the types are those of the values")]
            fn convert(self) -> ($($b,)*) {
                let ($($a,)*) = self;
                ($($a.convert(),)*)
            }
        }
    )*};
}

tuples! { (A1 B1) (A1 B1, A2 B2) (A1 B1, A2 B2, A3 B3) (A1 B1, A2 B2, A3 B3, A4 B4) (A1 B1, A2 B2, A3 B3, A4 B4, A5 B5) }
