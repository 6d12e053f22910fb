//! `#[derive(Schema)]`: a type as serde writes it in JSON.

use crate::docs;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Fields, Ident, LitStr, Result, Token, Type, parenthesized, parse_quote};

/// The implementation of the trait.
pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = Attributes::read(&input.attrs)?;
    let ty = match (&attributes.told, &input.data) {
        (Some(told), _) => told.clone(),
        (None, Data::Struct(data)) => of_struct(input, &attributes, &data.fields)?,
        (None, Data::Enum(data)) => {
            let mut cases = Vec::new();
            for variant in &data.variants {
                let own = Attributes::read(&variant.attrs)?;
                if own.is_skipped {
                    continue;
                }
                if own.depends {
                    return Ok(implementation(input, &quote!(::cofferdam::__private::schema::Type::Any)));
                }
                let named = named(&own.name(&variant.ident, attributes.case.as_deref(), variant_case), &variant.attrs);
                let fields = attributes.field_case.as_ref();
                let payload = match (&own.told, &variant.fields) {
                    (Some(told), _) => quote!(::core::option::Option::Some(#told)),
                    (None, Fields::Unit) => quote!(::core::option::Option::None),
                    (None, fields @ Fields::Unnamed(_)) => {
                        let payload = of_unnamed(fields)?;
                        quote!(::core::option::Option::Some(#payload))
                    }
                    (None, Fields::Named(_)) => {
                        let own = Attributes { case: own.case.clone().or_else(|| fields.cloned()), ..Attributes::default() };
                        let payload = of_named(&variant.ident, &[], &own, &variant.fields)?;
                        quote!(::core::option::Option::Some(#payload))
                    }
                };
                cases.push(quote!(::cofferdam::__private::schema::Case { named: #named, ty: #payload }));
            }
            if attributes.depends || cases.is_empty() {
                quote!(::cofferdam::__private::schema::Type::Any)
            } else {
                let named = named(&attributes.name(&input.ident, None, variant_case), &input.attrs);
                quote!(::cofferdam::__private::schema::Type::Choice(#named, &[#(#cases),*]))
            }
        }
        (None, Data::Union(data)) => {
            return Err(Error::new_spanned(data.union_token, "a union has no form in JSON: use an enum"));
        }
    };
    Ok(implementation(input, &ty))
}

fn implementation(input: &DeriveInput, ty: &TokenStream) -> TokenStream {
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::cofferdam::Schema));
    }
    let (params, arguments, condition) = generics.split_for_impl();
    let name = &input.ident;
    quote! {
        #[automatically_derived]
        impl #params ::cofferdam::Schema for #name #arguments #condition {
            const TYPE: ::cofferdam::__private::schema::Type = #ty;
        }
    }
}

fn of_struct(input: &DeriveInput, attributes: &Attributes, fields: &Fields) -> Result<TokenStream> {
    match fields {
        _ if attributes.depends => Ok(quote!(::cofferdam::__private::schema::Type::Any)),
        Fields::Named(_) if attributes.is_transparent => {
            let mut types = Vec::new();
            for field in fields {
                let own = Attributes::read(&field.attrs)?;
                if !own.is_skipped {
                    types.push(own.ty(&field.ty));
                }
            }
            Ok(types.into_iter().next().unwrap_or_else(|| quote!(::cofferdam::__private::schema::Type::Any)))
        }
        Fields::Named(_) => of_named(&input.ident, &input.attrs, attributes, fields),
        Fields::Unnamed(_) => of_unnamed(fields),
        Fields::Unit => Ok(quote!(::cofferdam::__private::schema::Type::Any)),
    }
}

/// One value is that value; several are a tuple.
fn of_unnamed(fields: &Fields) -> Result<TokenStream> {
    let mut types = Vec::new();
    for field in fields {
        let own = Attributes::read(&field.attrs)?;
        if own.is_skipped || own.depends || own.may_be_left_out() {
            return Ok(quote!(::cofferdam::__private::schema::Type::Any));
        }
        types.push(own.ty(&field.ty));
    }
    Ok(match types.as_slice() {
        [only] => only.clone(),
        [] => quote!(::cofferdam::__private::schema::Type::Any),
        several => quote!(::cofferdam::__private::schema::Type::Tuple(&[#(#several),*])),
    })
}

fn of_named(ident: &Ident, attrs: &[Attribute], attributes: &Attributes, fields: &Fields) -> Result<TokenStream> {
    let mut written = Vec::new();
    for field in fields {
        let own = Attributes::read(&field.attrs)?;
        let Some(ident) = field.ident.as_ref().filter(|_| !own.is_skipped) else { continue };
        if own.depends {
            return Ok(quote!(::cofferdam::__private::schema::Type::Any));
        }
        let named = named(&own.name(ident, attributes.case.as_deref(), field_case), &field.attrs);
        let ty = own.ty(&field.ty);
        let presence = |never: bool, maybe: bool| match (never, maybe) {
            (true, _) => quote!(::cofferdam::__private::schema::Presence::Never),
            (false, true) => quote!(::cofferdam::__private::schema::Presence::Maybe),
            (false, false) => quote!(::cofferdam::__private::schema::Presence::Always),
        };
        let input = presence(own.never_read, own.has_default || attributes.has_default);
        let output = presence(own.never_written, own.is_written_sometimes);
        written.push(quote! {
            ::cofferdam::__private::schema::Field { named: #named, ty: #ty, input: #input, output: #output }
        });
    }
    let named = named(&attributes.name(ident, None, field_case), attrs);
    Ok(quote!(::cofferdam::__private::schema::Type::Record(#named, &[#(#written),*])))
}

/// A name and its documentation, as JSON.
fn named(name: &str, attrs: &[Attribute]) -> TokenStream {
    let (name, docs) = (docs::json(name), docs::of(attrs));
    quote!(::cofferdam::__private::schema::Named { name: #name, docs: #docs })
}

/// What the attributes of serde say of a type, field or case, and those of this derive.
#[derive(Default)]
struct Attributes {
    /// `#[schema(…)]`: the type itself.
    told: Option<TokenStream>,
    rename: Option<String>,
    /// `rename_all`.
    case: Option<String>,
    /// `rename_all_fields`.
    field_case: Option<String>,
    has_default: bool,
    is_transparent: bool,
    is_skipped: bool,
    never_read: bool,
    never_written: bool,
    is_written_sometimes: bool,
    /// Somebody else writes or reads it.
    is_converted: bool,
    /// Its form depends on more than its parts.
    depends: bool,
}

impl Attributes {
    fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attr in attrs {
            if attr.path().is_ident("serde") {
                attr.parse_nested_meta(|meta| read.serde(&meta))?;
            } else if attr.path().is_ident("schema") {
                attr.parse_nested_meta(|meta| {
                    if meta.path.is_ident("any") {
                        read.told = Some(quote!(::cofferdam::__private::schema::Type::Any));
                    } else if meta.path.is_ident("like") {
                        let ty: Type = meta.value()?.parse()?;
                        read.told = Some(quote!(<#ty as ::cofferdam::Schema>::TYPE));
                    } else {
                        return Err(meta.error("there are `#[schema(any)]` and `#[schema(like = TYPE)]`"));
                    }
                    Ok(())
                })?;
            }
        }
        Ok(read)
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "rename" => match text(meta)? {
                Some(text) => self.rename = Some(text),
                None => self.depends = true,
            },
            "rename_all" => match text(meta)? {
                Some(text) => self.case = Some(text),
                None => self.depends = true,
            },
            "rename_all_fields" => match text(meta)? {
                Some(text) => self.field_case = Some(text),
                None => self.depends = true,
            },
            "default" => self.has_default = true,
            "transparent" => self.is_transparent = true,
            "skip" => self.is_skipped = true,
            "skip_deserializing" => self.never_read = true,
            "skip_serializing" => self.never_written = true,
            "skip_serializing_if" => self.is_written_sometimes = true,
            "with" | "serialize_with" | "deserialize_with" => self.is_converted = true,
            "flatten" | "tag" | "content" | "untagged" | "from" | "try_from" | "into" | "other" => self.depends = true,
            // The others do not change the form.
            _ => {}
        }
        // Whatever was not read above is passed over.
        if meta.input.peek(Token![=]) {
            meta.value()?.parse::<Expr>()?;
        } else if meta.input.peek(syn::token::Paren) {
            let inside;
            parenthesized!(inside in meta.input);
            inside.parse::<TokenStream>()?;
        }
        Ok(())
    }

    const fn may_be_left_out(&self) -> bool {
        self.has_default || self.never_read || self.never_written || self.is_written_sometimes
    }

    fn ty(&self, ty: &Type) -> TokenStream {
        match &self.told {
            Some(told) => told.clone(),
            None if self.is_converted => quote!(::cofferdam::__private::schema::Type::Any),
            None => quote!(<#ty as ::cofferdam::Schema>::TYPE),
        }
    }

    fn name(&self, ident: &Ident, case: Option<&str>, cased: fn(&str, &str) -> String) -> String {
        let plain = ident.unraw().to_string();
        self.rename.clone().unwrap_or_else(|| case.map_or_else(|| plain.clone(), |case| cased(&plain, case)))
    }
}

/// The text that is given; none when there are two, for reading and for writing.
fn text(meta: &ParseNestedMeta<'_>) -> Result<Option<String>> {
    if meta.input.peek(Token![=]) { Ok(Some(meta.value()?.parse::<LitStr>()?.value())) } else { Ok(None) }
}

/// The name of a field (`snake_case`) by a rule of serde.
fn field_case(name: &str, rule: &str) -> String {
    let pascal = || name.split('_').map(capitalized).collect::<String>();
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_uppercase(),
        "PascalCase" => pascal(),
        "camelCase" => uncapitalized(&pascal()),
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

/// The name of a case (`PascalCase`) by a rule of serde.
fn variant_case(name: &str, rule: &str) -> String {
    let snake = || {
        let mut snake = String::new();
        for (at, letter) in name.char_indices() {
            if at > 0 && letter.is_uppercase() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        }
        snake
    };
    match rule {
        "lowercase" => name.to_lowercase(),
        "UPPERCASE" => name.to_uppercase(),
        "camelCase" => uncapitalized(name),
        "snake_case" => snake(),
        "SCREAMING_SNAKE_CASE" => snake().to_uppercase(),
        "kebab-case" => snake().replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => snake().to_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn uncapitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String> {
        expand(&syn::parse_str(text).unwrap()).map(|tokens| tokens.to_string().replace(' ', ""))
    }

    #[test]
    fn names_are_those_of_serde() {
        for (rule, field, case) in [
            ("lowercase", "mean_wind", "meanwind"),
            ("UPPERCASE", "MEAN_WIND", "MEANWIND"),
            ("PascalCase", "MeanWind", "MeanWind"),
            ("camelCase", "meanWind", "meanWind"),
            ("snake_case", "mean_wind", "mean_wind"),
            ("SCREAMING_SNAKE_CASE", "MEAN_WIND", "MEAN_WIND"),
            ("kebab-case", "mean-wind", "mean-wind"),
            ("SCREAMING-KEBAB-CASE", "MEAN-WIND", "MEAN-WIND"),
        ] {
            assert_eq!(
                (field_case("mean_wind", rule).as_str(), variant_case("MeanWind", rule).as_str()),
                (field, case),
                "{rule}"
            );
        }
    }

    #[test]
    fn what_does_not_show_in_its_parts_is_any_json() {
        for any in [
            "#[serde(tag = \"kind\", content = \"of\")] enum E { A(u8) }",
            "#[serde(untagged)] enum E { A(u8), B }",
            "enum E { A, #[serde(other)] B }",
            "enum E {}",
            "struct S;",
            "#[serde(try_from = \"String\")] struct S { a: u8 }",
            "struct S { #[serde(flatten)] a: A }",
            "struct S { #[serde(rename(serialize = \"b\", deserialize = \"c\"))] a: A }",
            "struct S(u8, #[serde(default)] u8);",
            "#[schema(any)] struct S { a: u8 }",
        ] {
            let text = expanded(any).unwrap();
            assert!(
                text.contains("constTYPE:::cofferdam::__private::schema::Type=::cofferdam::__private::schema::Type::Any;"),
                "{text}"
            );
        }
    }

    #[test]
    fn attributes_are_read_past_what_does_not_matter() {
        let text = expanded(
            "#[serde(deny_unknown_fields, bound(serialize = \"T: X\"), crate = \"serde\", rename_all = \"camelCase\")]
             struct S<T> { #[serde(alias = \"x\", rename = \"y\", borrow)] a_b: T, #[serde(getter = \"f\")] c_d: u8, r#type: u8 }",
        )
        .unwrap();
        for part in ["impl<T:::cofferdam::Schema>::cofferdam::SchemaforS<T>", r#""\"y\"""#, r#""\"cD\"""#, r#""\"type\"""#] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        for (wrong, says) in
            [("union U { a: u8 }", "use an enum"), ("struct S { #[schema(as = 1)] a: u8 }", "#[schema(like = TYPE)]")]
        {
            let error = expanded(wrong).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
