//! Documentation that a component carries: custom sections `package-docs`, as the tools of the component model write them, in the
//! component itself or in a module inside (where a guest can put one with `link_section`).
//!
//! The decoder of WIT reads such a section as well, wherever it is, and refuses components whose section is about another package than
//! the one it makes up for them. So it is read here, and kept from the decoder. The SDKs write the same content under a name of their
//! own, so that the other tools which use that decoder take their components, too.
//!
//! What a task of JSON takes and gives stands nowhere in its WIT. A section of the SDKs can tell it, under the key `run`, in the form in which
//! [`WitType`] is written: `{"run": {"input": …, "output": …}}`.

use super::Budget;
use cofferdam_domain::wit::{Case, Field, Named, WitFunction, WitType};
use serde::Deserialize as _;
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
/// Bytes of a name that a section tells.
const MAX_NAME: usize = 128;
/// Bytes kept of one documentation.
const MAX_TEXT: usize = 4 << 10;
/// Bytes kept of all together. The text of a type is kept as often as the type is used.
const MAX_TEXT_IN_ALL: usize = 1 << 20;
/// No more interfaces of a section are looked through for a type than this.
const MAX_INTERFACES: usize = 100;

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
        let mut left = Left(MAX_TEXT_IN_ALL);
        for function in functions.iter_mut().filter(|_| !self.0.is_empty()) {
            match function.interface.clone() {
                Some(interface) => {
                    let path = interface.split_once('@').map_or(interface.as_str(), |(path, _)| path);
                    let name = path.rsplit('/').next().unwrap_or(path);
                    for interfaces in self.0.iter().map(|section| &section["interfaces"]) {
                        left.fill(&mut function.docs, interfaces[name]["funcs"].get(&function.name));
                        let types = Types { own: &interfaces[name]["types"], all: interfaces };
                        function.params.iter_mut().for_each(|param| document(&mut param.ty, &types, &mut left));
                        function.result.iter_mut().for_each(|result| document(result, &types, &mut left));
                    }
                }
                None => {
                    let worlds = self.0.iter().filter_map(|section| section["worlds"].as_object());
                    for world in worlds.flat_map(|worlds| worlds.values().take(MAX_INTERFACES)) {
                        let functions = ["func_exports", "funcs"].into_iter();
                        functions.for_each(|list| left.fill(&mut function.docs, world[list].get(&function.name)));
                    }
                }
            }
        }
    }

    /// What the sections say of `run` of a task.
    pub(crate) fn run(&self) -> Option<WitFunction> {
        let (mut docs, mut left) = (None, Left(MAX_TEXT_IN_ALL));
        for world in self.0.iter().filter_map(|section| section["worlds"].as_object()).flat_map(|worlds| worlds.values()) {
            ["func_exports", "funcs"].into_iter().for_each(|list| left.fill(&mut docs, world[list].get("run")));
        }
        let told = self.0.iter().find_map(|section| section.get("run"));
        let mut budget = Budget::new();
        // What cannot be read, or is too large, counts as not told.
        let mut read = |key: &str| {
            let mut ty = WitType::deserialize(told?.get(key)?).ok()?;
            checked(&mut ty, &mut budget).ok()?;
            Some(ty)
        };
        let (input, output) = (read("input"), read("output"));
        if (&docs, &input, &output) == (&None, &None, &None) {
            return None;
        }
        // Without a result, the key is there with nothing.
        let nothing = told.and_then(|told| told.get("output")).is_some_and(Value::is_null);
        let output = output.or_else(|| (!nothing).then(any)).map(Box::new);
        let params = vec![Field { name: "input".to_owned(), ty: input.unwrap_or_else(any), docs: None }];
        let result = Some(WitType::Result { ok: output, err: None });
        Some(WitFunction { interface: None, name: "run".to_owned(), params, result, docs, refused: None })
    }
}

/// Any JSON.
fn any() -> WitType {
    let only = Case { name: "json".to_owned(), ty: Some(WitType::String), docs: None };
    WitType::Variant { named: Named { name: Some("json".to_owned()), docs: None }, cases: vec![only] }
}

/// Bounds a type that a section tells, and what it says in it. Its names are those of an author's program, and not only those of WIT.
fn checked(ty: &mut WitType, budget: &mut Budget) -> Result<(), String> {
    fn named(given: &mut Named) -> Result<(), String> {
        text(&mut given.docs);
        given.name.as_deref().map_or(Ok(()), name)
    }
    fn name(name: &str) -> Result<(), String> {
        let is_one = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
        if is_one { Ok(()) } else { Err("one of its names cannot be shown".to_owned()) }
    }
    fn text(docs: &mut Option<String>) {
        *docs = docs.take().map(|docs| crate::json::clean(docs, MAX_TEXT));
    }
    fn cases(cases: &mut [Case], budget: &mut Budget) -> Result<(), String> {
        if cases.is_empty() {
            return Err("a type has no case".to_owned());
        }
        for case in cases {
            name(&case.name)?;
            text(&mut case.docs);
            budget.enter(|budget| case.ty.as_mut().map_or(Ok(()), |ty| checked(ty, budget)))?;
        }
        Ok(())
    }
    budget.enter(|budget| match ty {
        WitType::Record { named: given, fields } => {
            named(given)?;
            fields.iter_mut().try_for_each(|field| {
                name(&field.name)?;
                text(&mut field.docs);
                checked(&mut field.ty, budget)
            })
        }
        WitType::Variant { named: given, cases: all }
        | WitType::Enum { named: given, cases: all }
        | WitType::Flags { named: given, flags: all } => {
            named(given)?;
            cases(all, budget)
        }
        WitType::List(inner) | WitType::Option(inner) | WitType::FixedList { element: inner, .. } => checked(inner, budget),
        WitType::Map { key, value } => {
            checked(key, budget)?;
            checked(value, budget)
        }
        WitType::Tuple(inner) => inner.iter_mut().try_for_each(|ty| checked(ty, budget)),
        WitType::Result { ok, err } => ok.iter_mut().chain(err).try_for_each(|ty| checked(ty, budget)),
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
        | WitType::String => Ok(()),
    })
}

/// Where types are looked up.
struct Types<'a> {
    /// The types of the function's own interface.
    own: &'a Value,
    /// All interfaces: a function uses types of others as well, whose names alone are known here.
    all: &'a Value,
}

impl<'a> Types<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let elsewhere = || self.all.as_object()?.values().take(MAX_INTERFACES).find_map(|interface| interface["types"].get(name));
        self.own.get(name).or_else(elsewhere)
    }
}

/// How many bytes may be put in yet.
struct Left(usize);

impl Left {
    /// A text, or an object with one.
    fn fill(&mut self, docs: &mut Option<String>, entry: Option<&Value>) {
        let text = entry.and_then(|entry| entry.as_str().or_else(|| entry["docs"].as_str())).map(str::trim);
        if let (None, Some(text)) = (&docs, text.filter(|text| !text.is_empty())) {
            let kept = crate::json::clean(text.to_owned(), MAX_TEXT);
            if let Some(left) = self.0.checked_sub(kept.len()) {
                self.0 = left;
                *docs = Some(kept);
            }
        }
    }
}

fn document(ty: &mut WitType, types: &Types<'_>, left: &mut Left) {
    let entry = |named: &mut Named, left: &mut Left| {
        let entry = named.name.as_ref().and_then(|name| types.get(name));
        left.fill(&mut named.docs, entry);
        entry.map(|entry| &entry["items"])
    };
    let cases = |cases: &mut [Case], items: Option<&Value>, left: &mut Left| {
        for case in cases {
            left.fill(&mut case.docs, items.and_then(|items| items.get(&case.name)));
            case.ty.iter_mut().for_each(|ty| document(ty, types, left));
        }
    };
    match ty {
        WitType::Record { named, fields } => {
            let items = entry(named, left);
            for Field { name, ty, docs } in fields {
                left.fill(docs, items.and_then(|items| items.get(&*name)));
                document(ty, types, left);
            }
        }
        WitType::Variant { named, cases: given } | WitType::Enum { named, cases: given } => {
            let items = entry(named, left);
            cases(given, items, left);
        }
        WitType::Flags { named, flags } => {
            let items = entry(named, left);
            cases(flags, items, left);
        }
        WitType::List(inner) | WitType::Option(inner) | WitType::FixedList { element: inner, .. } => document(inner, types, left),
        WitType::Map { key, value } => {
            document(key, types, left);
            document(value, types, left);
        }
        WitType::Tuple(inner) => inner.iter_mut().for_each(|ty| document(ty, types, left)),
        WitType::Result { ok, err } => ok.iter_mut().chain(err).for_each(|ty| document(ty, types, left)),
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
    fn a_task_of_json_tells_what_it_takes_and_gives() {
        let plain = cofferdam_test_guests::artefacts::bytes("trivial");
        let run = |section: &Value| {
            let content = [&[0], section.to_string().as_bytes()].concat();
            inspect(&with_section(&plain, &content), &UploadCaps::default()).unwrap().run
        };
        let reading = json!({ "record": { "named": { "name": "Reading", "docs": "One." }, "fields": [
            { "name": "station_id", "type": "u32", "docs": "Where." },
            { "name": "note", "type": { "option": "string" } },
        ] } });
        let docs = json!({ "task": { "func_exports": { "run": "Sums up." } } });
        let told = run(&json!({ "worlds": docs, "run": { "input": { "list": reading }, "output": null } })).unwrap();
        assert_eq!((told.docs.as_deref(), told.signature().as_str()), (Some("Sums up."), "func(input: list<Reading>) -> result"));
        let schema = told.params[0].ty.schema_of_whole(told.docs.as_deref());
        assert_eq!((&schema["description"], &schema["items"]["required"]), (&json!("Sums up."), &json!(["station_id"])));
        // As the page describes it.
        let page = include_str!("../../../../docs/components.md");
        let example = page.split("```json\n").find(|block| block.starts_with("{\n  \"worlds\"")).unwrap();
        let told = run(&serde_json::from_str(example.split("```").next().unwrap()).unwrap()).unwrap();
        assert_eq!(
            (told.docs.as_deref(), told.signature().as_str()),
            (Some("Sums up the values."), "func(input: Input) -> result<f64>")
        );
        // Documentation alone: the types are any JSON.
        let told = run(&json!({ "worlds": docs })).unwrap();
        assert_eq!(told.signature(), "func(input: json) -> result<json>");
        assert_eq!(
            run(&json!({ "worlds": {}, "run": { "output": "u8" } })).unwrap().signature(),
            "func(input: json) -> result<u8>"
        );

        // What is no type, too deep, too large or cannot be shown is not told.
        let deep = (0..60).fold(json!("u8"), |inner, _| json!({ "list": inner }));
        let large = json!({ "tuple": vec![json!("u8"); 5_000] });
        let enumeration = |name: &str| json!({ "enum": { "named": {}, "cases": [{ "name": name }] } });
        for wrong in [
            json!("u7"),
            deep,
            large,
            enumeration("\u{1b}[31m"),
            enumeration(""),
            json!({ "enum": { "named": {}, "cases": [] } }),
        ] {
            assert_eq!(run(&json!({ "run": { "input": wrong } })), None, "{wrong}");
        }
        // A component that is no task has no `run`.
        let typed = with_section(&cofferdam_test_guests::artefacts::bytes("typed"), b"\0{\"run\":{\"input\":\"u8\"}}");
        assert_eq!(inspect(&typed, &UploadCaps::default()).unwrap().run, None);
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
