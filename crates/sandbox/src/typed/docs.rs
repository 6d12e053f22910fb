//! Documentation that a component carries: custom sections `package-docs`, as the tools of the component model write them, in the
//! component itself or in a module inside (where a guest can put one with `link_section`).
//!
//! The decoder of WIT reads such a section as well, wherever it is, and refuses components whose section is about another package than
//! the one it makes up for them. So it is read here, and kept from the decoder. The SDKs write the same content under a name of their
//! own, so that the other tools which use that decoder take their components, too.

use cofferdam_domain::wit::{Case, Field, Named, WitFunction, WitType};
use serde_json::Value;
use std::borrow::Cow;
use wasmparser::{Parser, Payload};

const SECTION: &str = "package-docs";
/// The name that the SDKs use.
const SECTION_OF_SDKS: &str = "cofferdam-docs";
/// What the decoder finds in place of the first: as long, and nothing to it.
const PASSED_OVER: &str = "x-packagedoc";
/// Larger sections are not read.
const MAX_BYTES: usize = 1 << 20;
/// No more sections are read than this.
const MAX_SECTIONS: usize = 16;
/// Bytes kept of one documentation.
const MAX_TEXT: usize = 4 << 10;

/// What the sections say.
#[derive(Debug, Default)]
pub(crate) struct Documentation(Vec<Value>);

impl Documentation {
    /// Reads the sections. What cannot be read counts as not there: documentation is no reason to refuse a component.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let sections = Parser::new(0).parse_all(bytes).map_while(Result::ok).filter_map(|payload| match payload {
            Payload::CustomSection(section)
                if [SECTION, SECTION_OF_SDKS].contains(&section.name()) && section.data().len() <= MAX_BYTES =>
            {
                // A byte for the version comes first; both that exist read alike.
                section.data().split_first().and_then(|(_, json)| serde_json::from_slice(json).ok())
            }
            _ => None,
        });
        Self(sections.take(MAX_SECTIONS).collect())
    }

    /// Puts the documentation into functions that have none.
    pub(crate) fn put_into(&self, functions: &mut [WitFunction]) {
        for function in functions.iter_mut().filter(|_| !self.0.is_empty()) {
            match function.interface.clone() {
                Some(interface) => {
                    let path = interface.split_once('@').map_or(interface.as_str(), |(path, _)| path);
                    let name = path.rsplit('/').next().unwrap_or(path);
                    for interfaces in self.0.iter().map(|section| &section["interfaces"]) {
                        fill(&mut function.docs, interfaces[name]["funcs"].get(&function.name));
                        let types = Types { own: &interfaces[name]["types"], all: interfaces };
                        function.params.iter_mut().for_each(|param| document(&mut param.ty, &types));
                        function.result.iter_mut().for_each(|result| document(result, &types));
                    }
                }
                None => {
                    let worlds = self.0.iter().filter_map(|section| section["worlds"].as_object());
                    for world in worlds.flat_map(|worlds| worlds.values()) {
                        let functions = ["func_exports", "funcs"].into_iter();
                        functions.for_each(|list| fill(&mut function.docs, world[list].get(&function.name)));
                    }
                }
            }
        }
    }
}

/// Where types are looked up.
struct Types<'a> {
    /// The types of the function's own interface.
    own: &'a Value,
    /// All interfaces: a function uses types of others as well, whose names alone are known here.
    all: &'a Value,
}

impl Types<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let elsewhere = || self.all.as_object()?.values().find_map(|interface| interface["types"].get(name));
        self.own.get(name).or_else(elsewhere)
    }
}

/// A text, or an object with one.
fn fill(docs: &mut Option<String>, entry: Option<&Value>) {
    let text = entry.and_then(|entry| entry.as_str().or_else(|| entry["docs"].as_str())).map(str::trim);
    if let (None, Some(text)) = (&docs, text.filter(|text| !text.is_empty())) {
        *docs = Some(crate::json::clean(text.to_owned(), MAX_TEXT));
    }
}

fn document(ty: &mut WitType, types: &Types<'_>) {
    let entry = |named: &mut Named| {
        let entry = named.name.as_ref().and_then(|name| types.get(name)).cloned().unwrap_or_default();
        fill(&mut named.docs, Some(&entry));
        entry
    };
    let cases = |cases: &mut [Case], entry: &Value| {
        for case in cases {
            fill(&mut case.docs, entry["items"].get(&case.name));
            case.ty.iter_mut().for_each(|ty| document(ty, types));
        }
    };
    match ty {
        WitType::Record { named, fields } => {
            let entry = entry(named);
            for Field { name, ty, docs } in fields {
                fill(docs, entry["items"].get(&*name));
                document(ty, types);
            }
        }
        WitType::Variant { named, cases: given } | WitType::Enum { named, cases: given } => cases(given, &entry(named)),
        WitType::Flags { named, flags } => cases(flags, &entry(named)),
        WitType::List(inner) | WitType::Option(inner) | WitType::FixedList { element: inner, .. } => document(inner, types),
        WitType::Map { key, value } => {
            document(key, types);
            document(value, types);
        }
        WitType::Tuple(inner) => inner.iter_mut().for_each(|ty| document(ty, types)),
        WitType::Result { ok, err } => ok.iter_mut().chain(err).for_each(|ty| document(ty, types)),
        WitType::Bool
        | WitType::U8
        | WitType::U16
        | WitType::U32
        | WitType::U64
        | WitType::S8
        | WitType::S16
        | WitType::S32
        | WitType::S64
        | WitType::F32
        | WitType::F64
        | WitType::Char
        | WitType::String => {}
    }
}

/// The component as the decoder may see it: its sections of this name, also those of the modules inside, have another.
pub(crate) fn without(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut changed = Cow::Borrowed(bytes);
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
        {
            // The name ends where the content begins.
            let name = section.data_offset() - SECTION.len()..section.data_offset();
            changed.to_mut()[name].copy_from_slice(PASSED_OVER.as_bytes());
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{UploadCaps, inspect};
    use cofferdam_domain::wit::find;
    use serde_json::json;

    fn leb(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    fn section(name: &str, content: &[u8]) -> Vec<u8> {
        let body = [leb(name.len()), name.as_bytes().to_vec(), content.to_vec()].concat();
        [vec![0], leb(body.len()), body].concat()
    }

    /// A component with a section of its own.
    fn with_section(component: &[u8], content: &[u8]) -> Vec<u8> {
        [component.to_vec(), section(SECTION, content)].concat()
    }

    #[test]
    fn functions_types_fields_and_cases_get_their_documentation() {
        let docs = json!({
            "worlds": { "almanac": { "funcs": { "hello": { "docs": "Greets." } } } },
            "interfaces": { "api": {
                "funcs": { "summarise": "Sums readings up.", "nobody": "?" },
                "types": {
                    "reading": { "docs": "One reading.", "items": { "station-id": "The number of the station." } },
                    "place": { "items": { "city": { "docs": "In a town." } } },
                },
            }, "units": { "types": { "unit": { "docs": "From elsewhere." } } } },
        });
        let plain = cofferdam_test_guests::artefacts::bytes("typed");
        let content = [&[1], docs.to_string().as_bytes()].concat();
        // A module that is nothing but the section, at the end of the component.
        let module = [b"\0asm\x01\0\0\0".to_vec(), section(SECTION, &content)].concat();
        let inside = [plain.clone(), vec![1], leb(module.len()), module].concat();
        let of_sdk = [plain.clone(), section(SECTION_OF_SDKS, &content)].concat();
        for bytes in [with_section(&plain, &content), inside, of_sdk] {
            are_told(&bytes);
        }
    }

    fn are_told(bytes: &[u8]) {
        let inspection = inspect(bytes, &UploadCaps::default()).unwrap();
        let summarise = find(&inspection.functions, Some("summarise")).unwrap();
        assert_eq!(summarise.docs.as_deref(), Some("Sums readings up."));
        let schema = summarise.input_schema();
        assert_eq!(schema["description"], "Sums readings up.");
        let reading = &schema["properties"]["readings"]["items"];
        assert_eq!(
            (&reading["description"], &reading["properties"]["station-id"]["description"]),
            (&json!("One reading."), &json!("The number of the station."))
        );
        assert_eq!(schema["properties"]["ignore"]["oneOf"][0]["description"], "In a town.");
        assert_eq!(find(&inspection.functions, Some("hello")).unwrap().docs.as_deref(), Some("Greets."));
        assert_eq!(schema["properties"]["unit"]["anyOf"][0]["description"], "From elsewhere.");
    }

    #[test]
    fn sections_that_cannot_be_read_are_no_reason_to_refuse() {
        let plain = cofferdam_test_guests::artefacts::bytes("typed");
        for content in [&b""[..], b"\x07{}", b"\x01{\"interfaces\":7}", b"\x01not json", b"\x01[]"] {
            let inspection = inspect(&with_section(&plain, content), &UploadCaps::default()).unwrap();
            assert!(find(&inspection.functions, Some("hello")).unwrap().docs.is_none());
        }
    }
}
