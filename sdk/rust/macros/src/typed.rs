//! `#[cofferdam::tasks]`: the WIT of a module's types and functions, and what calls the functions through it.

use crate::docs;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Fields, FnArg, GenericArgument, Ident, Item, ItemEnum, ItemFn, ItemMod, ItemStruct, Pat, PathArguments,
    Result, ReturnType, Type, Visibility,
};

/// The part of the contract that typed functions use, as in `wit/task/0.1.1/types.wit`.
pub const TYPES: &str = "
package cofferdam:task@0.1.1 {
  interface types {
    type json = string;
    record defer-request { event: string, timeout-ms: u64 }
    variant task-error { retryable(string), fatal(string), skip(string), reschedule(u64), defer(defer-request) }
  }
}
";

/// The module as it is, and in a component also the export of its public functions. `package` is the name of the crate.
pub fn expand(module: &ItemMod, package: &str) -> Result<TokenStream> {
    let Some((_, items)) = &module.content else {
        return Err(Error::new_spanned(module, "`#[cofferdam::tasks]` stands on a module with its contents: `mod tasks { … }`"));
    };
    let mut tasks = Tasks::default();
    for item in items {
        match item {
            Item::Struct(item) => drop(tasks.names.insert(item.ident.to_string(), kebab(&item.ident.to_string()))),
            Item::Enum(item) => drop(tasks.names.insert(item.ident.to_string(), kebab(&item.ident.to_string()))),
            _ => {}
        }
    }
    for item in items {
        match item {
            Item::Struct(item) if is_public(&item.vis) => tasks.record(item)?,
            Item::Enum(item) if is_public(&item.vis) => tasks.choice(item)?,
            Item::Fn(item) if is_public(&item.vis) => tasks.function(item)?,
            _ => {}
        }
    }
    if tasks.calls.is_empty() {
        return Err(Error::new_spanned(&module.ident, "there is no `pub fn` in this module: each is a task"));
    }
    Ok(tasks.module(module, items, package))
}

#[derive(Default)]
struct Tasks {
    /// Types of the module, with their names in WIT.
    names: BTreeMap<String, String>,
    types: String,
    functions: String,
    conversions: Vec<TokenStream>,
    calls: Vec<TokenStream>,
    idents: Vec<Ident>,
}

impl Tasks {
    fn module(&self, module: &ItemMod, items: &[Item], package: &str) -> TokenStream {
        let package = kebab(package);
        let wit = format!(
            "package local:%{package};\n\ninterface tasks {{\n  use cofferdam:task/types@0.1.1.{{task-error}};\n{}{}}}\n\n\
             world component {{\n  export tasks;\n}}\n{TYPES}",
            self.types, self.functions
        );
        let section = docs::section(&format!("{}{}", self.types, self.functions));
        let (section_name, section_size, section) = (docs::SECTION, section.len(), Literal::byte_string(&section));
        let package = format_ident!("{}", package.replace('-', "_"));
        let Self { conversions, calls, idents, .. } = self;
        let (attrs, vis, ident) = (&module.attrs, &module.vis, &module.ident);
        quote! {
            #(#attrs)* #vis mod #ident {
                #(#items)*

                #[cfg(not(target_arch = "wasm32"))]
                const _: () = { #(let _ = #idents;)* };

                #[cfg(target_arch = "wasm32")]
                #[allow(unsafe_code, missing_docs, dead_code, clippy::all, clippy::allow_attributes, reason = "generated")]
                mod __component {
                    ::cofferdam::__private::wit_bindgen::generate!({
                        inline: #wit,
                        // Nothing of the folder `wit`, which is looked through otherwise.
                        path: [],
                        world: "component",
                        runtime_path: "::cofferdam::__private::wit_bindgen::rt",
                        with: { "cofferdam:task/types@0.1.1": ::cofferdam::__private::bindings::cofferdam::task::types },
                    });
                    use self::exports::local::#package::tasks as wit;
                    use ::cofferdam::__private::Convert;

                    struct Component;
                    #(#conversions)*
                    impl wit::Guest for Component { #(#calls)* }
                    export!(Component);

                    #[unsafe(link_section = #section_name)]
                    pub static DOCUMENTATION: [u8; #section_size] = *#section;
                }
            }
        }
    }

    fn record(&mut self, item: &ItemStruct) -> Result<()> {
        plain(&item.generics)?;
        let Fields::Named(fields) = &item.fields else {
            return Err(Error::new_spanned(item, "a type of a task has named fields"));
        };
        let name = kebab(&item.ident.to_string());
        let mut body = String::new();
        for field in &fields.named {
            let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            let ty = self.wit(&field.ty)?;
            let _ = writeln!(body, "{}    %{}: {ty},", comment(&field.attrs, "    "), kebab(&ident));
        }
        let _ = writeln!(self.types, "{}  record %{name} {{\n{body}  }}", comment(&item.attrs, "  "));
        let (own, theirs) = (&item.ident, camel(&name));
        let fields: Vec<_> = fields.named.iter().filter_map(|field| field.ident.as_ref()).collect();
        self.conversions.push(quote! {
            impl Convert<wit::#theirs> for super::#own {
                fn convert(self) -> wit::#theirs { wit::#theirs { #(#fields: self.#fields.convert()),* } }
            }
            impl Convert<super::#own> for wit::#theirs {
                fn convert(self) -> super::#own { super::#own { #(#fields: self.#fields.convert()),* } }
            }
        });
        Ok(())
    }

    fn choice(&mut self, item: &ItemEnum) -> Result<()> {
        plain(&item.generics)?;
        let name = kebab(&item.ident.to_string());
        let is_enum = item.variants.iter().all(|case| case.fields.is_empty());
        let (own, theirs) = (&item.ident, camel(&name));
        let (mut body, mut there, mut back) = (String::new(), Vec::new(), Vec::new());
        for case in &item.variants {
            let case_name = kebab(&case.ident.to_string());
            let (ident, bound) = (&case.ident, camel(&case_name));
            let payload = match &case.fields {
                Fields::Unit => {
                    there.push(quote!(super::#own::#ident => wit::#theirs::#bound));
                    back.push(quote!(wit::#theirs::#bound => super::#own::#ident));
                    String::new()
                }
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                    there.push(quote!(super::#own::#ident(value) => wit::#theirs::#bound(value.convert())));
                    back.push(quote!(wit::#theirs::#bound(value) => super::#own::#ident(value.convert())));
                    format!("({})", self.wit(&fields.unnamed[0].ty)?)
                }
                other => return Err(Error::new_spanned(other, "a case has no value or one: put several into a struct")),
            };
            let _ = writeln!(body, "{}    %{case_name}{payload},", comment(&case.attrs, "    "));
        }
        let kind = if is_enum { "enum" } else { "variant" };
        let _ = writeln!(self.types, "{}  {kind} %{name} {{\n{body}  }}", comment(&item.attrs, "  "));
        self.conversions.push(quote! {
            impl Convert<wit::#theirs> for super::#own {
                fn convert(self) -> wit::#theirs { match self { #(#there),* } }
            }
            impl Convert<super::#own> for wit::#theirs {
                fn convert(self) -> super::#own { match self { #(#back),* } }
            }
        });
        Ok(())
    }

    fn function(&mut self, item: &ItemFn) -> Result<()> {
        let signature = &item.sig;
        plain(&signature.generics)?;
        if let Some(token) = &signature.asyncness {
            return Err(Error::new_spanned(token, "a task is not `async`: host calls return when they are done"));
        }
        let (mut params, mut given, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for argument in &signature.inputs {
            let FnArg::Typed(argument) = argument else {
                return Err(Error::new_spanned(argument, "a task is a free function, not a method"));
            };
            if let Type::Reference(reference) = &*argument.ty {
                if !is_context(&argument.ty) {
                    return Err(Error::new_spanned(
                        reference,
                        "a task owns its input: take it by value, `String` in place of `&str`",
                    ));
                }
                values.push(quote!(&::cofferdam::__private::context()));
                continue;
            }
            let Pat::Ident(name) = &*argument.pat else {
                return Err(Error::new_spanned(&argument.pat, "a parameter of a task has a name"));
            };
            let wit = self.wit(&argument.ty)?;
            params.push(format!("%{}: {wit}", kebab(name.ident.to_string().trim_start_matches('_'))));
            let (ident, bound) = (format_ident!("p{}", given.len()), self.bound(&argument.ty)?);
            given.push(quote!(#ident: #bound));
            values.push(quote!(#ident.convert()));
        }
        let output = output(&signature.output).ok_or_else(|| {
            Error::new(
                signature.output.span(),
                "a task returns `Result<Output, cofferdam::Error>`; with no output, `Result<(), …>`",
            )
        })?;
        let unit = matches!(output, Type::Tuple(tuple) if tuple.elems.is_empty());
        let (returned, bound) = if unit { ("_".to_owned(), quote!(())) } else { (self.wit(output)?, self.bound(output)?) };
        let name = &signature.ident;
        let _ = writeln!(
            self.functions,
            "{}  %{}: func({}) -> result<{returned}, task-error>;",
            comment(&item.attrs, "  "),
            kebab(&name.to_string()),
            params.join(", ")
        );
        self.calls.push(quote! {
            fn #name(#(#given),*) -> ::core::result::Result<#bound, wit::TaskError> {
                let result: ::core::result::Result<_, ::cofferdam::Error> = super::#name(#(#values),*);
                result.map(Convert::convert).map_err(::core::convert::Into::into)
            }
        });
        self.idents.push(name.clone());
        Ok(())
    }

    /// A type in WIT.
    fn wit(&self, ty: &Type) -> Result<String> {
        if let Type::Tuple(tuple) = ty
            && !tuple.elems.is_empty()
        {
            let parts = tuple.elems.iter().map(|part| self.wit(part)).collect::<Result<Vec<_>>>()?;
            return Ok(format!("tuple<{}>", parts.join(", ")));
        }
        let name = last_ident(ty).map(ToString::to_string).unwrap_or_default();
        let plain = match name.as_str() {
            "bool" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64" | "char" => name.clone(),
            "i8" | "i16" | "i32" | "i64" => name.replace('i', "s"),
            "String" => "string".to_owned(),
            "Vec" => format!("list<{}>", self.wit(inside(ty)?)?),
            "Option" => format!("option<{}>", self.wit(inside(ty)?)?),
            other => match self.names.get(other) {
                Some(name) => format!("%{name}"),
                None => {
                    return Err(Error::new_spanned(
                        ty,
                        "this is no type of WIT: take numbers, bool, char, String, Vec, Option, tuples, and `pub` structs and \
                         enums of this module",
                    ));
                }
            },
        };
        Ok(plain)
    }

    /// The Rust type that the bindings have for it.
    fn bound(&self, ty: &Type) -> Result<TokenStream> {
        if let Type::Tuple(tuple) = ty {
            let parts = tuple.elems.iter().map(|part| self.bound(part)).collect::<Result<Vec<_>>>()?;
            return Ok(quote!((#(#parts,)*)));
        }
        let name = last_ident(ty).map(ToString::to_string).unwrap_or_default();
        Ok(match name.as_str() {
            "Vec" => {
                let inner = self.bound(inside(ty)?)?;
                quote!(::std::vec::Vec<#inner>)
            }
            "Option" => {
                let inner = self.bound(inside(ty)?)?;
                quote!(::core::option::Option<#inner>)
            }
            other => match self.names.get(other) {
                Some(name) => {
                    let name = camel(name);
                    quote!(wit::#name)
                }
                None => quote!(#ty),
            },
        })
    }
}

pub const fn is_public(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

/// Whether it is `&Context`.
pub fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if last_ident(&reference.elem).is_some_and(|name| name == "Context"))
}

fn plain(generics: &syn::Generics) -> Result<()> {
    if generics.params.is_empty() { Ok(()) } else { Err(Error::new_spanned(generics, "WIT has no type parameters")) }
}

fn last_ident(ty: &Type) -> Option<&Ident> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last().map(|segment| &segment.ident)
}

/// The first type argument.
fn inside(ty: &Type) -> Result<&Type> {
    let missing = || Error::new_spanned(ty, "this type has a type argument");
    let Type::Path(path) = ty else { return Err(missing()) };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last().ok_or_else(missing)?.arguments else {
        return Err(missing());
    };
    arguments
        .args
        .iter()
        .find_map(|argument| if let GenericArgument::Type(ty) = argument { Some(ty) } else { None })
        .ok_or_else(missing)
}

/// The `T` of `Result<T, …>`.
pub fn output(returned: &ReturnType) -> Option<&Type> {
    let ReturnType::Type(_, ty) = returned else { return None };
    last_ident(ty).filter(|name| *name == "Result")?;
    inside(ty).ok()
}

/// The documentation of an item, as WIT has it.
fn comment(attrs: &[Attribute], indent: &str) -> String {
    docs::lines(attrs).map(|line| format!("{indent}///{line}\n")).collect()
}

/// `MeanWind` and `mean_wind` are `mean-wind`.
pub fn kebab(name: &str) -> String {
    let mut out = String::new();
    let chars: Vec<char> = name.trim_start_matches("r#").chars().collect();
    for (at, c) in chars.iter().enumerate() {
        if *c == '_' {
            out.push('-');
            continue;
        }
        // A capital begins a word, unless it goes on one of capitals: `HTTPRule` is `http-rule`.
        let begins = c.is_uppercase()
            && at > 0
            && chars[at - 1] != '_'
            && (!chars[at - 1].is_uppercase() || chars.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The name that the bindings give a type or case.
pub fn camel(kebab: &str) -> Ident {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    Ident::new(&kebab.split('-').map(word).collect::<String>(), Span::call_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String> {
        expand(&syn::parse_str(text).unwrap(), "clean_weather").map(|tokens| tokens.to_string())
    }

    #[test]
    fn names_are_kebab_case_and_back() {
        for (rust, wit, bound) in
            [("MeanWind", "mean-wind", "MeanWind"), ("mean_wind", "mean-wind", "MeanWind"), ("HTTPRule", "http-rule", "HttpRule")]
        {
            assert_eq!(kebab(rust), wit);
            assert_eq!(camel(wit).to_string(), bound);
        }
    }

    #[test]
    fn the_wit_has_types_functions_and_documentation() {
        let text = expanded(
            "mod tasks {
                /// What was measured.
                pub struct Reading { pub place: Option<String>, pub values: Vec<(i64, f64)> }
                pub enum Unit { Celsius, Fahrenheit }
                pub enum Found { Nothing, Best(Reading) }
                fn helper() {}
                /// Finds the best.
                pub fn find_best(readings: Vec<Reading>, unit: Unit, context: &Context) -> Result<Found, Error> { todo!() }
            }",
        )
        .unwrap();
        for part in [
            "package local:%clean-weather;",
            "record %reading {\\n    %place: option<string>,\\n    %values: list<tuple<s64, f64>>,\\n  }",
            "/// What was measured.",
            "enum %unit {\\n    %celsius,\\n    %fahrenheit,\\n  }",
            "variant %found {\\n    %nothing,\\n    %best(%reading),\\n  }",
            "/// Finds the best.\\n  %find-best: func(%readings: list<%reading>, %unit: %unit) -> result<%found, task-error>;",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(!text.contains("%helper"));
    }

    #[test]
    fn what_wit_cannot_say_is_refused() {
        for (text, says) in [
            ("mod tasks { pub fn f(a: HashMap<String, u8>) -> Result<(), Error> {} }", "no type of WIT"),
            ("mod tasks { pub fn f(a: &str) -> Result<(), Error> {} }", "by value"),
            ("mod tasks { pub fn f() -> u8 { 1 } }", "returns `Result"),
            ("mod tasks { pub struct S(u8); pub fn f() -> Result<(), Error> {} }", "named fields"),
            ("mod tasks { fn f() {} }", "no `pub fn`"),
            ("mod tasks;", "with its contents"),
        ] {
            let error = expanded(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
