//! The attribute macro of `cofferdam-sdk`; see there for its use.

mod docs;
mod schema;
mod signature;
mod typed;
mod wit;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::{quote, quote_spanned};
use signature::{Parameter, Signature};
use syn::{ItemFn, parse_macro_input, spanned::Spanned};

/// Makes a function the task of this component.
///
/// The function stays as it is and can be called and tested like any other. It takes its input by value, the context by
/// reference, both (in this order), or nothing, and returns `Result<Output, cofferdam::Error>`:
///
/// ```ignore
/// #[cofferdam::task]
/// fn double(input: i64) -> Result<i64, cofferdam::Error> {
///     Ok(input * 2)
/// }
/// ```
///
/// The input implements `serde::Deserialize`, the output `serde::Serialize`. A component has one task. Its documentation goes with the
/// component, and so do its types where they have `#[derive(Schema)]`.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = proc_macro2::TokenStream::from(arguments);
    let function = parse_macro_input!(item as ItemFn);
    match expand(&arguments, &function) {
        Ok(tokens) => tokens.into(),
        Err(error) => {
            // The function is kept, so that the wrong signature is the only complaint.
            let errors = error.to_compile_error();
            quote!(#errors #function).into()
        }
    }
}

/// Tells how a type is written as JSON, so that Cofferdam knows what a `#[cofferdam::task]` takes and gives: see the module `schema`.
#[proc_macro_derive(Schema, attributes(schema, serde))]
pub fn schema(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as syn::DeriveInput);
    schema::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes the public functions of a module the typed tasks of this component.
///
/// The component exports the interface `tasks` of the package `local:NAME`, where NAME is the crate's. Its WIT is made from the
/// module: each `pub fn` is a function, each `pub struct` a record, each `pub enum` an enum or a variant, and their
/// documentation goes with them. A function takes its parameters by value, and `&Context` where it wants that.
///
/// ```ignore
/// #[cofferdam::tasks]
/// mod tasks {
///     pub struct Summary { pub count: u32, pub mean: f64 }
///
///     /// Sums up the values.
///     pub fn summarize(values: Vec<f64>) -> Result<Summary, cofferdam::Error> {
///         let count = values.len() as u32;
///         Ok(Summary { count, mean: values.iter().sum::<f64>() / f64::from(count) })
///     }
/// }
/// ```
///
/// With `wit = "FILE"`, the interface comes from a file: the module has a `pub fn` for each function that its world exports, and the
/// types of the exported interfaces are there by their Rust names. The path begins in the crate's folder. `world = "NAME"` says which
/// world, when the file has several. What the WIT calls `result<…, task-error>`, with the `task-error` of `cofferdam:task/types@0.1.1`,
/// is a `Result<…, cofferdam::Error>`; all else is what `wit-bindgen` makes of it.
///
/// ```ignore
/// #[cofferdam::tasks(wit = "wit/sun.wit")]
/// mod sun {
///     use cofferdam::{Context, Error};
///
///     pub fn noon(place: Place, day: String, context: &Context) -> Result<String, Error> {
///         Ok(format!("{day}T12:00:00Z"))
///     }
/// }
/// ```
///
/// For tests, which run natively, this needs the feature `wit` of `cofferdam-sdk`.
#[proc_macro_attribute]
pub fn tasks(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = proc_macro2::TokenStream::from(arguments);
    let module = parse_macro_input!(item as syn::ItemMod);
    let expanded = if arguments.is_empty() {
        typed::expand(&module, &package())
    } else {
        syn::parse2(arguments).and_then(|given| wit::expand(&module, &given, &root()))
    };
    match expanded {
        Ok(tokens) => tokens.into(),
        Err(error) => {
            let errors = error.to_compile_error();
            quote!(#errors #module).into()
        }
    }
}

/// The crate that is being compiled, as cargo tells it.
#[expect(clippy::disallowed_methods, reason = "cargo tells a macro where it is used through the environment only")]
fn package() -> String {
    std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "tasks".to_owned())
}

/// The folder of its manifest.
#[expect(clippy::disallowed_methods, reason = "cargo tells a macro where it is used through the environment only")]
fn root() -> std::path::PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default().into()
}

fn expand(arguments: &proc_macro2::TokenStream, function: &ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    if !arguments.is_empty() {
        return Err(syn::Error::new_spanned(arguments, "`#[cofferdam::task]` takes no arguments: write them into the dag"));
    }
    let Signature { parameters, output } = Signature::read(&function.sig)?;

    // Each conversion carries the span of the type that it converts, and the call that of the type returned, so that a missing
    // `Deserialize` or `Serialize`, or another error type, is reported there.
    let mut name = function.sig.ident.clone();
    name.set_span(output.span());
    let values = parameters.iter().map(|parameter| match parameter {
        Parameter::Input(ty) => quote_spanned!(ty.span()=> ::cofferdam::__private::read_input::<#ty>(input)?),
        Parameter::Context => quote!(context),
    });
    let call = quote_spanned!(output.span()=> #name(#(#values),*));
    let written = quote_spanned!(output.span()=> ::cofferdam::__private::write_output(result));
    let typed = quote_spanned!(output.span()=> ::core::result::Result<_, ::cofferdam::Error>);

    // What the types tell, where they do: the constant of `Probe` is another for those with a schema.
    let told = |ty: TokenStream2| quote!(::cofferdam::__private::schema::Probe::<#ty>::TYPE);
    let input = parameters.iter().find_map(|parameter| match parameter {
        Parameter::Input(ty) => Some(told(quote!(#ty))),
        Parameter::Context => None,
    });
    let input = input.unwrap_or_else(|| quote!(::core::option::Option::None));
    let returned = told(quote_spanned!(output.span()=> <#output as ::cofferdam::__private::schema::Returned>::Output));
    let (docs, section) = (docs::of(&function.attrs), docs::SECTION);

    Ok(quote! {
        #function

        const _: () = {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not needed where all types have a schema")]
            use ::cofferdam::__private::schema::Untold as _;

            const TOLD: ::cofferdam::__private::schema::Told =
                ::cofferdam::__private::schema::Told { docs: #docs, input: #input, output: #returned };

            #[cfg(target_arch = "wasm32")]
            #[allow(unsafe_code, dead_code, missing_docs, clippy::allow_attributes, reason = "generated")]
            #[unsafe(link_section = #section)]
            pub static DOCUMENTATION: [u8; TOLD.size()] = TOLD.section();

            #[cfg(not(target_arch = "wasm32"))]
            const _: usize = TOLD.size();

            const TASK: ::cofferdam::__private::Task = |input, context| {
                let _ = (input, context);
                let result: #typed = #call;
                #written
            };

            #[cfg(target_arch = "wasm32")]
            struct Component;

            #[cfg(target_arch = "wasm32")]
            impl ::cofferdam::__private::bindings::Guest for Component {
                fn run(input: ::std::string::String)
                    -> ::core::result::Result<::std::string::String, ::cofferdam::__private::bindings::TaskError>
                {
                    ::cofferdam::__private::run(TASK, &input)
                }
            }

            #[cfg(target_arch = "wasm32")]
            ::cofferdam::__private::bindings::export!(Component with_types_in ::cofferdam::__private::bindings);

            #[cfg(not(target_arch = "wasm32"))]
            const _: ::cofferdam::__private::Task = TASK;
        };
    })
}
