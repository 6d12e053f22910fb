//! The documentation of WIT, as components carry it.

use std::fmt::Write as _;
use syn::{Attribute, Expr, Lit, Meta};
use wit_parser::{Docs, PackageId, Resolve, TypeDefKind};

/// The custom section that has it.
pub const SECTION: &str = "cofferdam-docs";

/// What the comments in the interface `tasks` say: a byte for the version, and JSON in the form of the section `package-docs` that tools
/// of the component model write. `wit` is as `typed` writes it: one item in each line, with `%` before its name.
pub fn section(wit: &str) -> Vec<u8> {
    let (mut functions, mut types) = (Vec::new(), Vec::new());
    // The type whose fields or cases are being read.
    let mut open: Option<(String, Vec<String>)> = None;
    let mut comment = Vec::new();
    for line in wit.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
            continue;
        }
        let docs = json(comment.join("\n").trim());
        comment.clear();
        let named = |rest: &str| rest.split([' ', ':', ',', '(']).next().unwrap_or_default().to_owned();
        let kinds = ["record %", "enum %", "variant %"];
        if let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) {
            open = Some((format!("{}:{{\"docs\":{docs},\"items\":", json(&named(rest))), Vec::new()));
        } else if let Some(rest) = line.strip_prefix('%') {
            let entry = format!("{}:{docs}", json(&named(rest)));
            open.as_mut().map_or(&mut functions, |(_, items)| items).push(entry);
        } else if let Some((start, items)) = open.take() {
            types.push(format!("{start}{{{}}}}}", items.join(",")));
        }
    }
    let (functions, types) = (functions.join(","), types.join(","));
    format!("\0{{\"worlds\":{{}},\"interfaces\":{{\"tasks\":{{\"funcs\":{{{functions}}},\"types\":{{{types}}}}}}}}}").into_bytes()
}

/// The same for a package of WIT that was there first.
pub fn section_of(resolve: &Resolve, package: PackageId) -> Vec<u8> {
    let text = |docs: &Docs| json(docs.contents.as_deref().unwrap_or_default().trim());
    let package = &resolve.packages[package];
    let interfaces = package.interfaces.iter().map(|(name, id)| {
        let interface = &resolve.interfaces[*id];
        let functions = interface.functions.values().map(|function| format!("{}:{}", json(&function.name), text(&function.docs)));
        let types = interface.types.iter().map(|(name, id)| {
            let ty = &resolve.types[*id];
            let item = |name: &str, docs: &Docs| format!("{}:{}", json(name), text(docs));
            let items: Vec<_> = match &ty.kind {
                TypeDefKind::Record(record) => record.fields.iter().map(|field| item(&field.name, &field.docs)).collect(),
                TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| item(&case.name, &case.docs)).collect(),
                TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| item(&case.name, &case.docs)).collect(),
                TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| item(&flag.name, &flag.docs)).collect(),
                _ => Vec::new(),
            };
            format!("{}:{{\"docs\":{},\"items\":{{{}}}}}", json(name), text(&ty.docs), items.join(","))
        });
        let (functions, types): (Vec<_>, Vec<_>) = (functions.collect(), types.collect());
        format!("{}:{{\"funcs\":{{{}}},\"types\":{{{}}}}}", json(name), functions.join(","), types.join(","))
    });
    let worlds = package.worlds.iter().map(|(name, id)| {
        let functions = resolve.worlds[*id].exports.values().filter_map(|item| match item {
            wit_parser::WorldItem::Function(function) => Some(format!("{}:{}", json(&function.name), text(&function.docs))),
            wit_parser::WorldItem::Interface { .. } | wit_parser::WorldItem::Type { .. } => None,
        });
        format!("{}:{{\"func_exports\":{{{}}}}}", json(name), functions.collect::<Vec<_>>().join(","))
    });
    let (interfaces, worlds): (Vec<_>, Vec<_>) = (interfaces.collect(), worlds.collect());
    format!("\0{{\"worlds\":{{{}}},\"interfaces\":{{{}}}}}", worlds.join(","), interfaces.join(",")).into_bytes()
}

/// The lines of documentation that stand before an item.
pub fn lines(attrs: &[Attribute]) -> impl Iterator<Item = String> {
    attrs.iter().filter_map(|attr| {
        let Meta::NameValue(value) = &attr.meta else { return None };
        match &value.value {
            Expr::Lit(lit) if value.path.is_ident("doc") => match &lit.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        }
    })
}

/// The documentation of an item as JSON; empty without any.
pub fn of(attrs: &[Attribute]) -> String {
    let lines: Vec<_> = lines(attrs).map(|line| line.strip_prefix(' ').map_or_else(|| line.clone(), str::to_owned)).collect();
    let text = lines.join("\n");
    let text = text.trim();
    if text.is_empty() { String::new() } else { json(text) }
}

/// A text as JSON.
pub fn json(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_by_what_they_stand_before() {
        let wit = "  /// What was \"measured\".\n  ///\n  /// C:\\\\x\n  record %reading {\n    /// Where.\n    %place: option<string>,\n    %at: u8,\n  }\n  \
                   variant %found {\n    %best(%reading),\n  }\n  /// Finds.\n  %find-best: func(%readings: list<%reading>) -> result<_, task-error>;\n";
        assert_eq!(
            String::from_utf8(section(wit)).unwrap(),
            "\0{\"worlds\":{},\"interfaces\":{\"tasks\":{\"funcs\":{\"find-best\":\"Finds.\"},\"types\":{\"reading\":{\"docs\":\"What was \\\"measured\\\".\\u000a\\u000aC:\\\\\\\\x\",\
             \"items\":{\"place\":\"Where.\",\"at\":\"\"}},\"found\":{\"docs\":\"\",\"items\":{\"best\":\"\"}}}}}}"
        );
    }
}
