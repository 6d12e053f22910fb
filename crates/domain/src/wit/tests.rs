use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn named(name: &str) -> Named {
    Named { name: Some(name.to_owned()), docs: None }
}

pub(super) fn field(name: &str, ty: WitType) -> Field {
    Field { name: name.to_owned(), ty, docs: None }
}

pub(super) fn case(name: &str, ty: Option<WitType>) -> Case {
    Case { name: name.to_owned(), ty, docs: None }
}

pub(super) fn boxed(ty: WitType) -> Box<WitType> {
    Box::new(ty)
}

fn shape() -> WitType {
    WitType::Variant { named: named("shape"), cases: vec![case("circle", Some(WitType::F64)), case("no-shape", None)] }
}

fn wind() -> WitType {
    WitType::Record {
        named: named("wind"),
        fields: vec![field("wind-speed", WitType::F32), field("gusts", WitType::List(boxed(WitType::U64)))],
    }
}

fn function(params: Vec<Field>, result: Option<WitType>) -> WitFunction {
    WitFunction {
        interface: Some("acme:api/a@0.1.0".to_owned()),
        name: "f".to_owned(),
        params,
        result,
        docs: None,
        refused: None,
    }
}

fn of(ty: &WitType, json: Value) -> Result<(), String> {
    let f = function(vec![field("x", ty.clone())], None);
    f.check(&json!({ "x": json })).map_err(|mismatch| mismatch.to_string())
}

#[test]
fn what_fits() {
    let nested = WitType::Option(boxed(WitType::Option(boxed(WitType::U8))));
    let result = WitType::Result { ok: None, err: Some(boxed(WitType::String)) };
    let colours = || vec![case("dark-red", None), case("blue", None)];
    let colour = WitType::Enum { named: named("colour"), cases: colours() };
    let colours = WitType::Flags { named: named("colours"), flags: colours() };
    let by_name = WitType::Map { key: boxed(WitType::String), value: boxed(WitType::S8) };
    let by_number = WitType::Map { key: boxed(WitType::U8), value: boxed(WitType::Bool) };
    for (ty, values) in [
        (WitType::U64, json!([0, 3.0, "18446744073709551615", 18_446_744_073_709_551_615_u64])),
        (WitType::S64, json!([-1, "-9223372036854775808", "0"])),
        (WitType::F32, json!([1, 0.1, "NaN", "-Infinity"])),
        (WitType::Char, json!(["ä", "😀"])),
        (WitType::List(boxed(WitType::U8)), json!(["", "AAEC", [0, 255], []])),
        (WitType::FixedList { element: boxed(WitType::Bool), length: 2 }, json!([[true, false]])),
        (WitType::Tuple(vec![WitType::U8, WitType::String]), json!([[1, "a"]])),
        (wind(), json!([{ "wind-speed": 1, "gusts": [] }, { "wind_speed": 1.5, "gusts": ["9007199254740993"] }])),
        (shape(), json!([{ "circle": 2.5 }, "no-shape", "no_shape", { "no-shape": null }])),
        (colour, json!(["dark-red", "dark_red"])),
        (colours, json!([[], ["blue", "dark_red"]])),
        (nested, json!([null, { "some": null }, { "some": 3 }])),
        (result, json!([{ "ok": null }, { "err": "no" }])),
        (by_name, json!([{}, { "a": -128 }])),
        (by_number, json!([[], [[1, true]]])),
    ] {
        for value in values.as_array().unwrap() {
            assert_eq!(of(&ty, value.clone()), Ok(()), "{ty}: {value}");
        }
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let nested = WitType::Option(boxed(WitType::Option(boxed(WitType::U8))));
    let result = WitType::Result { ok: None, err: Some(boxed(wind())) };
    for (ty, value, says) in [
        (WitType::Bool, json!("true"), r#"at /x: expected true or false, found "true""#),
        (WitType::U8, json!(256), "at /x: expected an integer from 0 to 255 (u8), found 256"),
        (WitType::U32, json!("7"), r#"at /x: expected an integer from 0 to 4294967295 (u32), found "7""#),
        (WitType::S16, json!(1.5), "at /x: expected an integer from -32768 to 32767 (s16), found 1.5"),
        (WitType::U64, json!("01"), r#"at /x: expected an integer from 0 to 18446744073709551615 (u64), found "01""#),
        (WitType::U64, json!(-1), "at /x: expected an integer from 0 to 18446744073709551615 (u64), found -1"),
        (WitType::F32, json!(1e300), "at /x: expected a number that fits 32 bits (f32), found 1e+300"),
        (WitType::Char, json!("ab"), r#"at /x: expected a string of one character (char), found "ab""#),
        (WitType::String, json!({ "a": 1 }), "at /x: expected a string, found an object with a"),
        (
            WitType::List(boxed(WitType::U8)),
            json!("%%"),
            "at /x: expected base64 (RFC 4648, padded) or an array of u8, found a string that is not: Invalid symbol 37, offset 0.",
        ),
        (WitType::List(boxed(WitType::Bool)), json!([true, 1]), "at /x/1: expected true or false, found 1"),
        (wind(), json!({ "wind-speed": 1 }), "at /x/gusts: expected an array (list<u64>), found nothing"),
        (
            wind(),
            json!({ "wind-speed": 1, "wind_speed": 1, "gusts": [] }),
            r#"at /x/wind_speed: expected the key "wind-speed" once, found "wind_speed" as well"#,
        ),
        (
            wind(),
            json!({ "wind-speed": 1, "gusts": [], "gust": 1 }),
            r#"at /x/gust: expected the key "gusts", found the key "gust""#,
        ),
        (
            wind(),
            json!({ "wind-speed": 1, "gusts": ["a/b"], }),
            r#"at /x/gusts/0: expected an integer from 0 to 18446744073709551615 (u64), found "a/b""#,
        ),
        (shape(), json!("circle"), r#"at /x: expected {"circle": …} with a f64, found "circle""#),
        (
            shape(),
            json!({ "cirlce": 1 }),
            r#"at /x: expected one of "circle", "no-shape"; perhaps "circle", found an object with cirlce"#,
        ),
        (
            shape(),
            json!({ "circle": "x" }),
            r#"at /x/circle: expected a number, "NaN", "Infinity" or "-Infinity" (f64), found "x""#,
        ),
        (nested, json!(3), r#"at /x: expected null or {"some": …}, found 3"#),
        (
            result,
            json!({ "err": {} }),
            r#"at /x/err/wind-speed: expected a number, "NaN", "Infinity" or "-Infinity" (f32), found nothing"#,
        ),
        (
            WitType::Map { key: boxed(WitType::String), value: boxed(WitType::U8) },
            json!({ "a/~": null }),
            "at /x/a~1~0: expected an integer from 0 to 255 (u8), found null",
        ),
    ] {
        assert_eq!(of(&ty, value.clone()), Err(says.to_owned()), "{ty}: {value}");
    }
    let none = function(vec![], None);
    assert_eq!((none.check(&json!({})), none.check(&Value::Null)), (Ok(()), Ok(())));
    assert_eq!(none.check(&json!({ "a": 1 })).unwrap_err().to_string(), r#"at /a: expected no keys, found the key "a""#);
    let one = function(vec![field("x", WitType::U8)], None);
    assert_eq!(one.check(&json!([1])).unwrap_err().to_string(), "expected an object with the keys x, found an array of 1");
}

#[test]
fn options_may_be_left_out_and_holes_fit_anywhere() {
    let f = function(vec![field("a", WitType::Option(boxed(WitType::U8))), field("b", wind())], None);
    assert_eq!(f.check(&json!({ "b": hole() })), Ok(()));
    assert_eq!(f.check(&json!({ "b": { "wind-speed": hole(), "gusts": [1, hole()] } })), Ok(()));
    assert_eq!(f.check(&hole()), Ok(()));
    assert_eq!(f.check(&json!({ "b": { "wind-speed": hole(), "gusts": [-1, hole()] } })).unwrap_err().pointer, "/b/gusts/0");
}

#[test]
fn a_task_error_is_known_by_its_shape() {
    let request = WitType::Record {
        named: Named::default(),
        fields: vec![field("event", WitType::String), field("timeout-ms", WitType::U64)],
    };
    let cases = |last: WitType| {
        let text = || Some(WitType::String);
        let cases = vec![
            case("retryable", text()),
            case("fatal", text()),
            case("skip", text()),
            case("reschedule", Some(WitType::U64)),
            case("defer", Some(last)),
        ];
        WitType::Variant { named: Named::default(), cases }
    };
    let with = |err: WitType| function(vec![], Some(WitType::Result { ok: Some(boxed(WitType::Bool)), err: Some(boxed(err)) }));
    assert_eq!(with(cases(request)).outcome(), Outcome::Task { ok: Some(&WitType::Bool) });
    let other = with(cases(WitType::U8));
    assert!(matches!(other.outcome(), Outcome::Fallible { ok: Some(WitType::Bool), err: Some(_) }));
    assert_eq!(function(vec![], None).outcome(), Outcome::Value(None));
}

#[test]
fn a_schema_says_what_fits() {
    let mut f = function(
        vec![field("city-name", WitType::String), field("since", WitType::Option(boxed(WitType::U64))), field("in", shape())],
        Some(WitType::Result { ok: Some(boxed(wind())), err: Some(boxed(WitType::String)) }),
    );
    f.docs = Some("The weather.".to_owned());
    let wide = &WitType::U64.schema()["pattern"];
    assert_eq!(
        f.input_schema(),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "description": "The weather.",
            "type": "object",
            "properties": {
                "city-name": { "type": "string" },
                "since": { "anyOf": [
                    { "type": ["integer", "string"], "minimum": 0, "maximum": u64::MAX, "pattern": wide },
                    { "type": "null" },
                ] },
                "in": { "title": "shape", "oneOf": [
                    {
                        "type": "object",
                        "properties": { "circle": { "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }] } },
                        "required": ["circle"],
                        "additionalProperties": false,
                    },
                    { "const": "no-shape" },
                ] },
            },
            "required": ["city-name", "in"],
            "additionalProperties": false,
            "x-order": ["city-name", "since", "in"],
        })
    );
    assert_eq!(f.output_schema()["title"], "wind");
    assert_eq!(f.output_schema()["required"], json!(["wind-speed", "gusts"]));
    assert_eq!(f.signature(), "func(city-name: string, since: option<u64>, in: shape) -> result<wind, string>");
}

/// A value that the schema allows is one that is read, and the other way around.
#[test]
fn a_schema_allows_what_is_read() {
    let allows = |ty: &WitType, text: &str| {
        let schema = ty.schema();
        let pattern = schema["anyOf"][0].get("pattern").unwrap_or(&schema["pattern"]).as_str().unwrap();
        regex::Regex::new(pattern).unwrap().is_match(text)
    };
    let bytes = WitType::List(boxed(WitType::U8));
    let (least, most) = (i128::from(i64::MIN), i128::from(u64::MAX));
    let middle = i128::from(i64::MAX);
    let numbers = [0, 1, 9, 10, 1 << 53, middle - 1, middle, middle + 1, middle + 2, most - 1, most, most + 1, most * 10];
    let mut texts: Vec<_> = numbers.iter().flat_map(|number| [number.to_string(), (-number).to_string()]).collect();
    texts.extend([least.to_string(), "18446744073709551599".to_owned(), "18446744073709551700".to_owned()]);
    texts.extend(["", "-0", "+1", "01", "1.0", "1e3", " 1", "99999999999999999999"].map(str::to_owned));
    texts.extend(
        ["AA==", "AB==", "AAA=", "AAB=", "AAAA", "AAA", "A===", "AA", "A-__", "AAAA AAAA", "AQ==AQ==", "//8="].map(str::to_owned),
    );
    for text in &texts {
        for ty in [&WitType::U64, &WitType::S64, &bytes] {
            assert_eq!(allows(ty, text), of(ty, json!(text)).is_ok(), "{ty}: {text:?}");
        }
    }
    let bounds = WitType::F32.schema()["anyOf"][0].clone();
    let bound = |name: &str| bounds[name].as_f64().unwrap();
    for number in [f64::from(f32::MAX), 3.402_823_5e38, bound("exclusiveMaximum").next_down(), bound("exclusiveMaximum"), 1e39] {
        assert_eq!(number < bound("exclusiveMaximum"), of(&WitType::F32, json!(number)).is_ok(), "{number}");
        assert_eq!(-number > bound("exclusiveMinimum"), of(&WitType::F32, json!(-number)).is_ok(), "-{number}");
    }
}

#[test]
fn what_is_stored_reads_back() {
    let f = function(vec![field("a", wind()), field("b", WitType::Option(boxed(shape())))], Some(WitType::U8));
    assert_eq!(serde_json::from_value::<WitFunction>(serde_json::to_value(&f).unwrap()).unwrap(), f);
}

#[test]
fn a_variant_of_json_takes_whatever_there_is() {
    let json = WitType::Variant { named: named("json"), cases: vec![case("json", Some(WitType::String))] };
    for value in [json!(null), json!("text"), json!({"json": [1, null]}), json!([{"a": {"b": 1.5}}])] {
        assert_eq!(of(&json, value), Ok(()));
    }
    assert_eq!(json.schema(), json!({ "title": "json" }));
    let other = WitType::Variant { named: named("json"), cases: vec![case("json", Some(WitType::U8))] };
    assert!(of(&other, json!("text")).is_err(), "only with a text inside");
}

proptest! {
    /// JSON is read to the last binary digit, wherever it is read: a value passes through it several times on its way.
    #[test]
    fn a_number_comes_out_of_json_as_it_went_in(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let read: Value = serde_json::from_str(&serde_json::to_string(&number).unwrap()).unwrap();
        prop_assert_eq!(read.as_f64().map(f64::to_bits), Some(bits));
    }
}
