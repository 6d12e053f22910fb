//! `#[cofferdam::tasks(wit = "…")]`: the functions that a given WIT exports, as those of a module.

use super::docs;
use super::typed::{TYPES, is_context, is_public, kebab, output};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;
use std::path::Path;
use syn::parse::{Parse, ParseStream};
use syn::{Error, FnArg, Ident, Item, ItemFn, ItemMod, LitStr, Result, ReturnType, Token};
use wit_parser::{
    Function, FunctionKind, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, UnresolvedPackageGroup, World,
    WorldItem, WorldKey,
};

/// What stands in the parentheses of the attribute.
pub struct Given {
    /// The file, from the folder of the crate's manifest.
    file: LitStr,
    /// The world, when the file has several.
    world: Option<LitStr>,
}

impl Parse for Given {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut file, mut world) = (None, None);
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let value = Some(input.parse::<LitStr>()?);
            match name.to_string().as_str() {
                "wit" => file = value,
                "world" => world = value,
                _ => return Err(Error::new_spanned(name, "there are `wit = \"FILE\"` and `world = \"NAME\"`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let file = file.ok_or_else(|| input.error("a WIT file is missing: `wit = \"wit/NAME.wit\"`"))?;
        Ok(Self { file, world })
    }
}

/// The module as it is, with the types of the WIT, and in a component also its export. `root` is the folder of the crate's manifest.
pub fn expand(module: &ItemMod, given: &Given, root: &Path) -> Result<TokenStream> {
    let path = root.join(given.file.value());
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::new_spanned(&given.file, format!("{} cannot be read: {error}", path.display())))?;
    expand_text(module, given, &path.display().to_string(), &text)
}

fn expand_text(module: &ItemMod, given: &Given, path: &str, text: &str) -> Result<TokenStream> {
    let Some((_, items)) = &module.content else {
        return Err(Error::new_spanned(module, "`#[cofferdam::tasks]` stands on a module with its contents: `mod tasks { … }`"));
    };
    let source = if text.contains("package cofferdam:task@") { text.to_owned() } else { format!("{text}\n{TYPES}") };
    let wrong = |error: &dyn std::fmt::Display| Error::new_spanned(&given.file, format!("this WIT cannot be used: {error}"));
    let mut resolve = Resolve::default();
    let group = UnresolvedPackageGroup::parse(path, &source).map_err(|(map, error)| wrong(&error.render(&map)))?;
    let package: PackageId = resolve.push_group(group).map_err(|error| wrong(&error))?;
    let wanted = given.world.as_ref().map(LitStr::value);
    let world = resolve.select_world(&[package], wanted.as_deref()).map_err(|error| wrong(&format!("{error:#}")))?;
    let world = &resolve.worlds[world];
    let exports = Exports::of(&resolve, world).map_err(|message| Error::new_spanned(&given.file, message))?;
    let module_of_types = types_of_world(&resolve, world);

    let mut functions: BTreeMap<String, &ItemFn> = BTreeMap::new();
    for item in items {
        if let Item::Fn(item) = item
            && is_public(&item.vis)
        {
            functions.insert(kebab(item.sig.ident.to_string().trim_end_matches('_')), item);
        }
    }
    let mut impls = Vec::new();
    let (mut uses, mut idents) = (module_of_types, Vec::new());
    for (place, exported) in &exports.0 {
        let mut methods = Vec::new();
        for function in exported {
            let item = functions.remove(&function.name).ok_or_else(|| {
                let name = rust(&function.name);
                Error::new_spanned(
                    &module.ident,
                    format!("the WIT exports `{}`: there is no `pub fn {name}` in this module", function.name),
                )
            })?;
            idents.push(&item.sig.ident);
            methods.push(method(item, function, &resolve)?);
        }
        impls.push(quote!(impl bindings #(:: #place)* ::Guest for Component { #(#methods)* }));
        if !place.is_empty() {
            uses.push(quote!(bindings #(:: #place)* ::*));
        }
    }
    if let Some(item) = functions.values().next() {
        return Err(Error::new_spanned(
            &item.sig.ident,
            "the WIT exports no function of this name: add it there, or take away the `pub` here",
        ));
    }
    if idents.is_empty() {
        return Err(Error::new_spanned(&given.file, "the world of this WIT exports no function: each is a task"));
    }
    let world = &world.name;
    // The contract's own errors, so that `cofferdam::Error` becomes one.
    let with = exports
        .errors(&resolve)
        .then(|| quote!(with: { "cofferdam:task/types@0.1.1": ::cofferdam::__private::bindings::cofferdam::task::types },));
    let generate = |with: Option<&TokenStream>| {
        quote! {
            ::cofferdam::__private::wit_bindgen::generate!({
                inline: #source,
                // Nothing of the folder `wit`, which is looked through otherwise.
                path: [],
                world: #world,
                runtime_path: "::cofferdam::__private::wit_bindgen::rt",
                additional_derives: [PartialEq],
                generate_unused_types: true,
                generate_all,
                #with
            });
        }
    };
    let (here, there) = (generate(None), generate(with.as_ref()));
    let section = docs::section_of(&resolve, package);
    let (section_name, section_size, section) = (docs::SECTION, section.len(), Literal::byte_string(&section));
    let (attrs, vis, ident) = (&module.attrs, &module.vis, &module.ident);
    Ok(quote! {
        #(#attrs)* #vis mod #ident {
            #(#items)*

            // The file is read again when it changes.
            const _: &str = ::core::include_str!(#path);

            #[cfg(not(target_arch = "wasm32"))]
            #[allow(unused, unsafe_code, missing_docs, clippy::all, clippy::allow_attributes, reason = "generated")]
            mod bindings { #here }

            #[cfg(target_arch = "wasm32")]
            #[allow(unused, unsafe_code, missing_docs, clippy::all, clippy::allow_attributes, reason = "generated")]
            mod bindings { #there }

            #[allow(unused_imports, clippy::allow_attributes, reason = "not every type is named")]
            pub use self::{#(#uses),*};

            #[cfg(not(target_arch = "wasm32"))]
            const _: () = { #(let _ = #idents;)* };

            #[cfg(target_arch = "wasm32")]
            const _: () = {
                struct Component;
                #(#impls)*
                bindings::export!(Component with_types_in bindings);
            };

            #[cfg(target_arch = "wasm32")]
            #[doc(hidden)]
            #[allow(unsafe_code, dead_code, missing_docs, clippy::allow_attributes, reason = "generated")]
            #[unsafe(link_section = #section_name)]
            pub static __DOCUMENTATION: [u8; #section_size] = *#section;
        }
    })
}

/// The functions that a world exports, by the place that the bindings have for them.
struct Exports<'a>(Vec<(Vec<Ident>, Vec<&'a Function>)>);

impl<'a> Exports<'a> {
    fn of(resolve: &'a Resolve, world: &'a World) -> std::result::Result<Self, String> {
        let mut all: Vec<(Vec<Ident>, Vec<&Function>)> = Vec::new();
        let mut own = Vec::new();
        for (key, item) in &world.exports {
            match item {
                WorldItem::Function(function) => own.push(function),
                WorldItem::Interface { id, .. } => {
                    let functions: Vec<_> = resolve.interfaces[*id].functions.values().collect();
                    if !functions.is_empty() {
                        all.push((place(resolve, key, *id), functions));
                    }
                }
                WorldItem::Type { .. } => {}
            }
        }
        if !own.is_empty() {
            all.push((Vec::new(), own));
        }
        let mut names = BTreeMap::new();
        for function in all.iter().flat_map(|(_, functions)| functions) {
            if function.kind != FunctionKind::Freestanding {
                return Err(format!("`{}` cannot be a task: neither resources nor `async` functions can", function.name));
            }
            if names.insert(&function.name, ()).is_some() {
                return Err(format!("two interfaces export `{}`: export each from a component of its own", function.name));
            }
        }
        Ok(Self(all))
    }

    /// Whether one of them ends with the contract's errors.
    fn errors(&self, resolve: &Resolve) -> bool {
        self.0.iter().flat_map(|(_, functions)| functions).any(|function| ends_with_task_error(function, resolve))
    }
}

/// Where the bindings have an exported interface.
fn place(resolve: &Resolve, key: &WorldKey, id: InterfaceId) -> Vec<Ident> {
    let mut place = vec![format_ident!("exports")];
    match key {
        WorldKey::Name(name) => place.push(rust(name)),
        WorldKey::Interface(_) => {
            let interface = &resolve.interfaces[id];
            if let Some(package) = interface.package {
                let name = &resolve.packages[package].name;
                place.extend([rust(&name.namespace), rust(&name.name)]);
            }
            place.push(rust(interface.name.as_deref().unwrap_or_default()));
        }
    }
    place
}

/// The types that a world has itself.
fn types_of_world(resolve: &Resolve, world: &World) -> Vec<TokenStream> {
    let types = world.imports.values().filter_map(|item| match item {
        WorldItem::Type { id, .. } => resolve.types[*id].name.as_deref(),
        WorldItem::Interface { .. } | WorldItem::Function(_) => None,
    });
    types.map(|name| super::typed::camel(name)).map(|name| quote!(bindings::#name)).collect()
}

/// What calls a function of the module.
fn method(item: &ItemFn, function: &Function, resolve: &Resolve) -> Result<TokenStream> {
    let signature = &item.sig;
    if let Some(token) = &signature.asyncness {
        return Err(Error::new_spanned(token, "a task is not `async`: host calls return when they are done"));
    }
    let (mut given, mut values) = (Vec::new(), Vec::new());
    for argument in &signature.inputs {
        let FnArg::Typed(argument) = argument else {
            return Err(Error::new_spanned(argument, "a task is a free function, not a method"));
        };
        if is_context(&argument.ty) {
            values.push(quote!(&::cofferdam::__private::context()));
            continue;
        }
        let (name, ty) = (format_ident!("p{}", given.len()), &argument.ty);
        given.push(quote!(#name: #ty));
        values.push(quote!(#name));
    }
    if given.len() != function.params.len() {
        let names: Vec<_> = function.params.iter().map(|param| param.name.as_str()).collect();
        let wanted = if names.is_empty() { "no parameters".to_owned() } else { format!("the parameters {}", names.join(", ")) };
        return Err(Error::new_spanned(
            &signature.inputs,
            format!("`{}` has {wanted} in the WIT, and `&Context` where it wants that", function.name),
        ));
    }
    let name = &signature.ident;
    let method = rust(&function.name);
    let call = quote!(#name(#(#values),*));
    if !ends_with_task_error(function, resolve) {
        let returned = &signature.output;
        return Ok(quote!(fn #method(#(#given),*) #returned { #call }));
    }
    let wanted = || Error::new_spanned(name, "the WIT says `result<…, task-error>`: return `Result<…, cofferdam::Error>`");
    let ReturnType::Type(..) = &signature.output else { return Err(wanted()) };
    let output = output(&signature.output).ok_or_else(wanted)?;
    Ok(quote! {
        fn #method(#(#given),*) -> ::core::result::Result<#output, ::cofferdam::__private::bindings::cofferdam::task::types::TaskError> {
            let result: ::core::result::Result<_, ::cofferdam::Error> = #call;
            result.map_err(::core::convert::Into::into)
        }
    })
}

/// Whether a function returns `result<…, task-error>`, with the `task-error` of the contract.
fn ends_with_task_error(function: &Function, resolve: &Resolve) -> bool {
    let Some(Type::Id(id)) = function.result else { return false };
    let TypeDefKind::Result(result) = &resolve.types[id].kind else { return false };
    let Some(Type::Id(error)) = result.err else { return false };
    is_task_error(error, resolve)
}

fn is_task_error(mut id: TypeId, resolve: &Resolve) -> bool {
    // A `use` is an alias.
    while let TypeDefKind::Type(Type::Id(aliased)) = &resolve.types[id].kind {
        id = *aliased;
    }
    let ty = &resolve.types[id];
    let TypeOwner::Interface(interface) = ty.owner else { return false };
    let package = resolve.interfaces[interface].package.map(|package| &resolve.packages[package].name);
    ty.name.as_deref() == Some("task-error")
        && package.is_some_and(|package| package.namespace == "cofferdam" && package.name == "task")
}

/// The name that the bindings give a function or a module.
fn rust(kebab: &str) -> Ident {
    let name = kebab.replace('-', "_").to_lowercase();
    syn::parse_str(&name).unwrap_or_else(|_| format_ident!("{name}_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIT: &str = "
        package almanac:sun@1.2.0;
        interface times {
          use cofferdam:task/types@0.1.1.{task-error};
          record place { lat: f64, lon: f64 }
          noon: func(where: place, day: string) -> result<string, task-error>;
          season-of: func(month: u8) -> result<string, string>;
        }
        world almanac { export times; export version: func() -> string; }";
    const NOON: &str = "pub fn noon(place: Place, day: String, _: &Context) -> Result<String, Error> { todo!() }";
    const SEASON: &str = "pub fn season_of(month: u8) -> Result<String, String> { todo!() }";
    const VERSION: &str = "pub fn version() -> String { todo!() }";

    fn expanded(wit: &str, functions: &[&str]) -> Result<String> {
        let module = syn::parse_str(&format!("mod tasks {{ {} fn helper() {{}} }}", functions.concat())).unwrap();
        let given = syn::parse_str("wit = \"a.wit\"").unwrap();
        expand_text(&module, &given, "a.wit", wit).map(|tokens| tokens.to_string().replace(' ', ""))
    }

    #[test]
    fn each_export_calls_its_function() {
        let text = expanded(WIT, &[NOON, SEASON, VERSION]).unwrap();
        for part in [
            "implbindings::exports::almanac::sun::times::GuestforComponent{fnnoon(p0:Place,p1:String)->",
            "noon(p0,p1,&::cofferdam::__private::context())",
            "fnseason_of(p0:u8)->Result<String,String>{season_of(p0)}",
            "implbindings::GuestforComponent{fnversion()->String{version()}}",
            "pubuseself::{bindings::exports::almanac::sun::times::*};",
            "world:\"almanac\"",
            "with:{\"cofferdam:task/types@0.1.1\"",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_where_it_is() {
        let two = WIT.replace("export version: func() -> string;", "export other; ") + " interface other { noon: func(); }";
        for (wit, functions, says) in [
            (WIT, vec![NOON, VERSION], "there is no `pub fn season_of`"),
            (WIT, vec![NOON, SEASON, VERSION, "pub fn more() {}"], "exports no function of this name"),
            (WIT, vec!["pub fn noon(day: String) -> Result<String, Error> {}", SEASON, VERSION], "the parameters where, day"),
            (WIT, vec!["pub fn noon(a: Place, day: String) -> String {}", SEASON, VERSION], "cofferdam::Error"),
            (&two, vec![NOON, SEASON], "two interfaces export `noon`"),
            ("package a:b; world w { export x: func() -> strin; }", vec![], "strin"),
            ("package a:b; world w {}", vec![], "exports no function"),
            ("package a:b; world w { export i; } interface i { resource r { m: func(); } }", vec![], "resources"),
        ] {
            let error = expanded(wit, &functions).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn the_attribute_names_a_file() {
        let read = |text: &str| syn::parse_str::<Given>(text).map(|given| given.file.value());
        assert_eq!(read("wit = \"a.wit\", world = \"b\"").unwrap(), "a.wit");
        assert!(read("").unwrap_err().to_string().contains("WIT file is missing"));
        assert!(read("file = \"a\"").unwrap_err().to_string().contains("wit ="));
    }
}
