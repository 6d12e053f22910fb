//! What a task's signature may be, and what is said about one that is something else.

use syn::{Error, FnArg, Result, ReturnType, Type, spanned::Spanned};

/// One parameter of a task.
pub enum Parameter<'a> {
    /// The input, by value.
    Input(&'a Type),
    /// `&Context`.
    Context,
}

/// The parts of a task's signature that the export needs.
pub struct Signature<'a> {
    /// In the order written: the input if any, then the context if any.
    pub parameters: Vec<Parameter<'a>>,
    /// The type returned.
    pub output: &'a Type,
}

impl<'a> Signature<'a> {
    /// Reads a signature.
    ///
    /// # Errors
    /// Each points at the token that is wrong and says what to write in its place.
    pub fn read(signature: &'a syn::Signature) -> Result<Self> {
        if let Some(token) = &signature.asyncness {
            return Err(Error::new_spanned(token, "a task is not `async`: host calls return when they are done"));
        }
        if let Some(token) = &signature.unsafety {
            return Err(Error::new_spanned(token, "a task cannot be `unsafe`: whoever calls it is not known"));
        }
        if !signature.generics.params.is_empty() {
            return Err(Error::new_spanned(&signature.generics, "a task has no type parameters: its input is one type"));
        }
        if let Some(token) = &signature.variadic {
            return Err(Error::new_spanned(token, "a task has a fixed list of parameters"));
        }
        let parameters = signature.inputs.iter().map(parameter).collect::<Result<Vec<_>>>()?;
        match parameters.as_slice() {
            [] | [_] | [Parameter::Input(_), Parameter::Context] => {}
            [Parameter::Context, Parameter::Input(_)] => {
                return Err(Error::new_spanned(&signature.inputs, "the input comes first: `fn(Input, &Context)`"));
            }
            [_, second, ..] => {
                let wrong = signature.inputs.iter().nth(if matches!(second, Parameter::Context) { 2 } else { 1 });
                return Err(Error::new(
                    wrong.map_or_else(|| signature.inputs.span(), Spanned::span),
                    "a task takes one input and `&Context` at the most: put several inputs into one struct",
                ));
            }
        }
        match &signature.output {
            ReturnType::Type(_, output) => Ok(Self { parameters, output }),
            ReturnType::Default => Err(Error::new_spanned(
                &signature.ident,
                "a task returns `Result<Output, cofferdam::Error>`; with no output, `Result<(), cofferdam::Error>`",
            )),
        }
    }
}

fn parameter(argument: &FnArg) -> Result<Parameter<'_>> {
    let typed = match argument {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            return Err(Error::new_spanned(receiver, "a task is a free function, not a method"));
        }
    };
    match &*typed.ty {
        Type::Reference(reference) => {
            let is_context = match &*reference.elem {
                Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Context"),
                _ => false,
            };
            if !is_context {
                return Err(Error::new_spanned(
                    reference,
                    "a task owns its input: take it by value, `String` in place of `&str`",
                ));
            }
            if let Some(token) = &reference.mutability {
                return Err(Error::new_spanned(token, "the context does not change: take `&Context`"));
            }
            Ok(Parameter::Context)
        }
        Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Context") => {
            Err(Error::new_spanned(path, "the context is borrowed: take `&Context`"))
        }
        Type::ImplTrait(ty) => Err(Error::new_spanned(ty, "a task names the type of its input")),
        ty => Ok(Parameter::Input(ty)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message, and the source text that it points at.
    fn complaint(text: &str) -> (String, String) {
        let function: syn::ItemFn = syn::parse_str(text).unwrap();
        let Err(error) = Signature::read(&function.sig) else { panic!("accepted: {text}") };
        (error.to_string(), error.span().source_text().unwrap_or_default())
    }

    #[test]
    fn the_five_shapes_are_accepted() {
        for text in [
            "fn t() -> Result<(), Error> {}",
            "fn t(a: Input) -> Result<u8, Error> {}",
            "fn t(c: &Context) -> Result<u8, Error> {}",
            "fn t(a: Input, c: &cofferdam::Context) -> Result<u8, Error> {}",
            "fn t(_: Vec<(String, f64)>, _: &Context) -> cofferdam::Result<u8> {}",
        ] {
            let function: syn::ItemFn = syn::parse_str(text).unwrap();
            if let Err(error) = Signature::read(&function.sig) {
                panic!("{text}: {error}");
            }
        }
    }

    #[test]
    fn a_complaint_points_at_what_is_wrong() {
        for (text, place, message) in [
            ("async fn t() -> Result<(), E> {}", "async", "not `async`"),
            ("unsafe fn t() -> Result<(), E> {}", "unsafe", "cannot be `unsafe`"),
            ("fn t<T>(a: T) -> Result<(), E> {}", "<T>", "no type parameters"),
            ("fn t(a: &str) -> Result<(), E> {}", "&str", "by value"),
            ("fn t(a: u8, c: Context) -> Result<(), E> {}", "Context", "borrowed"),
            ("fn t(c: &mut Context) -> Result<(), E> {}", "mut", "does not change"),
            ("fn t(a: u8, b: u8) -> Result<(), E> {}", "b: u8", "one struct"),
            ("fn t(a: u8, c: &Context, b: u8) -> Result<(), E> {}", "b: u8", "one struct"),
            ("fn t(c: &Context, a: u8) -> Result<(), E> {}", "c: &Context, a: u8", "input comes first"),
            ("fn t(a: impl Copy) -> Result<(), E> {}", "impl Copy", "names the type"),
            ("fn t(self) -> Result<(), E> {}", "self", "free function"),
            ("fn t(a: u8) {}", "t", "returns `Result"),
        ] {
            let (said, at) = complaint(text);
            assert!(said.contains(message), "{text}: said '{said}'");
            assert_eq!(at, place, "{text}");
        }
    }
}
