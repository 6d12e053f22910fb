use super::super::tests::{boxed, case, field, named};
use super::super::{Build, Named, Scalar};
use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Takes values of wider records, as a sandbox does.
struct Open;

impl Build for Open {
    type Value = ();

    fn scalar(&mut self, _: Scalar<'_>) {}
    fn bytes(&mut self, _: &[u8]) {}
    fn list(&mut self, _: Vec<()>) {}
    fn fixed_list(&mut self, _: Vec<()>) {}
    fn map(&mut self, _: Vec<((), ())>) {}
    fn record(&mut self, _: &[Field], _: Vec<()>) {}
    fn tuple(&mut self, _: Vec<()>) {}
    fn variant(&mut self, _: &str, _: Option<()>) {}
    fn enumeration(&mut self, _: &str) {}
    fn flags(&mut self, _: Vec<&str>) {}
    fn option(&mut self, _: Option<()>) {}
    fn result(&mut self, _: Result<Option<()>, Option<()>>) {}
}

fn list(ty: WitType) -> WitType {
    WitType::List(boxed(ty))
}

fn option(ty: WitType) -> WitType {
    WitType::Option(boxed(ty))
}

fn record(fields: Vec<Field>) -> WitType {
    WitType::Record { named: Named::default(), fields }
}

fn variant(cases: Vec<Case>) -> WitType {
    WitType::Variant { named: Named::default(), cases }
}

fn enumeration(cases: &[&str]) -> WitType {
    WitType::Enum { named: Named::default(), cases: cases.iter().map(|name| case(name, None)).collect() }
}

fn flags(names: &[&str]) -> WitType {
    WitType::Flags { named: Named::default(), flags: names.iter().map(|name| case(name, None)).collect() }
}

fn result(ok: Option<WitType>, err: Option<WitType>) -> WitType {
    WitType::Result { ok: ok.map(boxed), err: err.map(boxed) }
}

fn misfit(output: &WitType, input: &WitType) -> String {
    output.assignable_to(input).map_or_else(|misfit| misfit.to_string(), |()| "fits".to_owned())
}

#[test]
fn what_fits() {
    let json = WitType::Variant { named: named("json"), cases: vec![case("json", Some(WitType::String))] };
    let reading = record(vec![field("id", WitType::U8), field("name", WitType::String), field("note", option(WitType::String))]);
    for (output, input) in [
        (WitType::U8, WitType::U32),
        (WitType::U32, WitType::S64),
        (WitType::S16, WitType::F32),
        (WitType::U32, WitType::F64),
        (WitType::F32, WitType::F64),
        (WitType::Char, WitType::String),
        (WitType::U8, option(WitType::U16)),
        (option(WitType::U8), option(WitType::U16)),
        (option(option(WitType::U8)), option(option(WitType::U16))),
        (reading.clone(), record(vec![field("id", WitType::U16)])),
        (reading.clone(), record(vec![field("name", WitType::String), field("more", option(WitType::Bool))])),
        (list(reading.clone()), list(record(vec![field("note", option(WitType::String))]))),
        (
            record(vec![field("a", WitType::U8), field("b", WitType::U16)]),
            WitType::Map { key: boxed(WitType::String), value: boxed(WitType::U32) },
        ),
        (WitType::Tuple(vec![WitType::U8, WitType::U16]), list(WitType::U16)),
        (WitType::FixedList { element: boxed(WitType::U8), length: 2 }, WitType::Tuple(vec![WitType::U8, WitType::S32])),
        (WitType::FixedList { element: boxed(WitType::U8), length: 2 }, list(WitType::U8)),
        (list(WitType::U8), list(WitType::U8)),
        (enumeration(&["a", "b"]), enumeration(&["b", "c", "a"])),
        (enumeration(&["a"]), variant(vec![case("a", None), case("b", Some(WitType::U8))])),
        (enumeration(&["a"]), WitType::String),
        (variant(vec![case("a", Some(WitType::U8))]), variant(vec![case("b", None), case("a", Some(WitType::S16))])),
        (flags(&["a", "b"]), flags(&["a", "b", "c"])),
        (result(Some(WitType::U8), None), result(Some(WitType::U16), None)),
        (result(None, None), result(Some(option(WitType::U8)), None)),
        (json.clone(), WitType::U8),
        (reading, json),
    ] {
        assert_eq!(misfit(&output, &input), "fits", "{output} to {input}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    let row = |count: WitType| record(vec![field("count", count)]);
    let rows = |count: WitType| record(vec![field("rows", list(row(count)))]);
    for (output, input, says) in [
        (WitType::S64, WitType::U8, "output s64, input u8 (it can be less than 0)"),
        (WitType::U64, WitType::S64, "output u64, input s64 (it can be more than 9223372036854775807)"),
        (rows(WitType::S64), rows(WitType::U8), ".rows[].count: output s64, input u8 (it can be less than 0)"),
        (rows(option(WitType::U8)), rows(WitType::U8), ".rows[].count: output option<u8>, input u8 (it can be null)"),
        (rows(WitType::String), rows(option(WitType::U8)), ".rows[].count: output string, input option<u8>"),
        (row(WitType::U8), rows(WitType::U8), ".rows: output has no such field, input list<record { count }>"),
        (WitType::F64, WitType::F32, "output f64, input f32 (it would lose digits)"),
        (WitType::U64, WitType::F64, "output u64, input f64 (not every such number is exact as a floating-point number)"),
        (WitType::U8, WitType::String, "output u8, input string"),
        (WitType::String, WitType::Char, "output string, input char"),
        (list(WitType::U8), list(WitType::U16), "output list<u8>, input list<u16> (a list<u8> is written in base64)"),
        (list(WitType::U16), list(WitType::U8), "output list<u16>, input list<u8> (a list<u8> is written in base64)"),
        (list(WitType::U8), WitType::String, "output list<u8>, input string"),
        (WitType::Tuple(vec![WitType::U8, WitType::Char]), list(WitType::U8), "[1]: output char, input u8"),
        (enumeration(&["a", "b"]), enumeration(&["a"]), ".b: output the case b, input enum { a } (it has no such case)"),
        (variant(vec![case("a", Some(WitType::U8))]), variant(vec![case("a", None)]), ".a: output u8, input nothing"),
        (
            variant(vec![case("a", Some(WitType::U8))]),
            WitType::String,
            "output variant { a }, input string (its case a carries something)",
        ),
        (flags(&["a"]), flags(&["b"]), ".a: output the case a, input flags { b } (it has no such case)"),
        (
            option(option(WitType::U8)),
            option(WitType::U8),
            "output option<option<u8>>, input option<u8> (an option of an option is written as {\"some\": …})",
        ),
        (result(Some(WitType::U8), None), result(None, None), ".ok: output u8, input nothing"),
        (WitType::U8, result(Some(WitType::U8), None), "output u8, input result<u8>"),
    ] {
        assert_eq!(misfit(&output, &input), says, "{output} to {input}");
    }
    assert_eq!(nothing_to(&option(WitType::U8)), Ok(()));
    assert_eq!(nothing_to(&WitType::U8).unwrap_err().to_string(), "output nothing, input u8");
}

fn scalar() -> impl Strategy<Value = WitType> {
    proptest::sample::select(vec![
        WitType::Bool,
        WitType::U8,
        WitType::U16,
        WitType::U32,
        WitType::U64,
        WitType::S8,
        WitType::S16,
        WitType::S32,
        WitType::S64,
        WitType::F32,
        WitType::F64,
        WitType::Char,
        WitType::String,
    ])
}

/// Some of these names, each once.
fn names() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["a", "b-c", "d", "ok", "some"], 1..=4)
}

fn any_type() -> impl Strategy<Value = WitType> {
    let leaf = prop_oneof![
        4 => scalar(),
        1 => names().prop_map(|names| enumeration(&names)),
        1 => names().prop_map(|names| flags(&names)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 4);
        prop_oneof![
            inner.clone().prop_map(option),
            inner.clone().prop_map(list),
            (inner.clone(), 0..3_u32).prop_map(|(ty, length)| WitType::FixedList { element: boxed(ty), length }),
            (proptest::sample::select(vec![WitType::String, WitType::Char, WitType::U8]), inner.clone())
                .prop_map(|(key, value)| WitType::Map { key: boxed(key), value: boxed(value) }),
            (names(), some())
                .prop_map(|(names, types)| { record(names.into_iter().zip(types).map(|(name, ty)| field(name, ty)).collect()) }),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(WitType::Tuple),
            (names(), some(), proptest::collection::vec(any::<bool>(), 4)).prop_map(|(names, types, carry)| {
                let cases = names.into_iter().zip(types).zip(carry);
                variant(cases.map(|((name, ty), carries)| case(name, carries.then_some(ty))).collect())
            }),
            (proptest::option::of(inner.clone()), proptest::option::of(inner)).prop_map(|(ok, err)| result(ok, err)),
        ]
    })
}

/// A type that is like another, wider in some places and narrower in others.
fn like(ty: &WitType) -> BoxedStrategy<WitType> {
    let same = Just(ty.clone());
    let changed: BoxedStrategy<WitType> = match ty {
        WitType::Option(inner) => like(inner).prop_map(option).boxed(),
        WitType::List(inner) => like(inner).prop_map(list).boxed(),
        WitType::FixedList { element, length } => {
            let length = *length;
            let fixed = move |ty| WitType::FixedList { element: boxed(ty), length };
            let tuple = move |ty| WitType::Tuple(vec![ty; length as usize]);
            prop_oneof![like(element).prop_map(fixed), like(element).prop_map(list), like(element).prop_map(tuple)].boxed()
        }
        WitType::Map { key, value } => {
            let key = key.clone();
            like(value).prop_map(move |value| WitType::Map { key: key.clone(), value: boxed(value) }).boxed()
        }
        WitType::Record { fields, .. } => {
            let fields: Vec<_> = fields.iter().map(|old| (Just(old.name.clone()), like(&old.ty), any::<bool>())).collect();
            let wide = fields.prop_map(|fields| {
                record(fields.into_iter().filter(|(.., kept)| *kept).map(|(name, ty, _)| field(&name, ty)).collect())
            });
            let more = wide.clone().prop_map(|ty| match ty {
                WitType::Record { named, mut fields } => {
                    fields.push(field("more", option(WitType::U8)));
                    WitType::Record { named, fields }
                }
                other => other,
            });
            let map = scalar().prop_map(|value| WitType::Map { key: boxed(WitType::String), value: boxed(value) });
            prop_oneof![2 => wide, 1 => more, 1 => map].boxed()
        }
        WitType::Tuple(types) => {
            let types: Vec<_> = types.iter().map(like).collect();
            let first = types.first().cloned();
            let to_list = first.unwrap_or_else(|| scalar().boxed()).prop_map(list);
            prop_oneof![types.prop_map(WitType::Tuple), to_list].boxed()
        }
        WitType::Variant { cases, .. } => {
            let cases: Vec<_> = cases
                .iter()
                .map(|old| {
                    let carried = old.ty.as_ref().map_or_else(|| Just(None).boxed(), |ty| like(ty).prop_map(Some).boxed());
                    (Just(old.name.clone()), carried)
                })
                .collect();
            cases
                .prop_map(|cases| {
                    let mut cases: Vec<_> = cases.into_iter().map(|(name, ty)| case(&name, ty)).collect();
                    cases.insert(0, case("more", None));
                    variant(cases)
                })
                .boxed()
        }
        WitType::Enum { cases, .. } => {
            let cases: Vec<_> = cases.iter().cloned().chain([case("more", None)]).collect();
            prop_oneof![Just(variant(cases)), Just(WitType::String)].boxed()
        }
        WitType::Flags { flags: known, .. } => {
            let mut known = known.clone();
            known.insert(0, case("more", None));
            Just(WitType::Flags { named: Named::default(), flags: known }).boxed()
        }
        WitType::Result { ok, err } => {
            let carried = |ty: &Option<Box<WitType>>| {
                ty.as_ref().map_or_else(|| proptest::option::of(scalar()).boxed(), |ty| like(ty).prop_map(Some).boxed())
            };
            (carried(ok), carried(err)).prop_map(|(ok, err)| result(ok, err)).boxed()
        }
        _ => scalar().boxed(),
    };
    prop_oneof![1 => same, 4 => changed.clone(), 1 => changed.prop_map(option)].boxed()
}

/// Any value of a type, as a sandbox writes it.
fn value(ty: &WitType) -> BoxedStrategy<Value> {
    let integer = |min: i64, max: i64| {
        prop_oneof![Just(min), Just(max), Just(0.clamp(min, max)), min..=max].prop_map(|number| json!(number)).boxed()
    };
    let wide = |number: i128| if number.unsigned_abs() <= 1 << 53 { json!(number as i64) } else { json!(number.to_string()) };
    let pick = |cases: &[Case]| proptest::sample::select(cases.to_vec());
    let carried = |ty: &Option<Box<WitType>>| ty.as_ref().map_or_else(|| Just(Value::Null).boxed(), |ty| value(ty));
    match ty {
        WitType::Bool => any::<bool>().prop_map(|bool| json!(bool)).boxed(),
        WitType::U8 => integer(0, u8::MAX.into()),
        WitType::U16 => integer(0, u16::MAX.into()),
        WitType::U32 => integer(0, u32::MAX.into()),
        WitType::S8 => integer(i8::MIN.into(), i8::MAX.into()),
        WitType::S16 => integer(i16::MIN.into(), i16::MAX.into()),
        WitType::S32 => integer(i32::MIN.into(), i32::MAX.into()),
        WitType::U64 => prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(move |n| wide(n.into())).boxed(),
        WitType::S64 => prop_oneof![Just(i64::MIN), Just(-1), any::<i64>()].prop_map(move |n| wide(n.into())).boxed(),
        WitType::F32 => prop_oneof![
            any::<f32>().prop_map(|n| json!(n.to_string().parse::<f64>().unwrap())),
            Just(json!("NaN")),
            Just(json!("-Infinity")),
        ]
        .prop_filter("JSON has no such number", |n| !n.is_null())
        .boxed(),
        WitType::F64 => prop_oneof![any::<f64>().prop_map(|n| json!(n)), Just(json!("Infinity"))]
            .prop_filter("JSON has no such number", |n| !n.is_null())
            .boxed(),
        WitType::Char => any::<char>().prop_map(|char| json!(char.to_string())).boxed(),
        WitType::String => ".{0,3}".prop_map(|text| json!(text)).boxed(),
        WitType::List(_) if ty.is_bytes() => {
            proptest::sample::select(vec!["", "AA==", "AAEC"]).prop_map(|text| json!(text)).boxed()
        }
        WitType::List(element) => proptest::collection::vec(value(element), 0..3).prop_map(Value::Array).boxed(),
        WitType::FixedList { element, length } => {
            proptest::collection::vec(value(element), *length as usize).prop_map(Value::Array).boxed()
        }
        WitType::Map { key, value: of } if **key == WitType::String => proptest::collection::vec((".{0,2}", value(of)), 0..3)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
            .boxed(),
        WitType::Map { key, value: of } => proptest::collection::vec((value(key), value(of)), 0..3)
            .prop_map(|pairs| pairs.into_iter().map(|(key, value)| json!([key, value])).collect())
            .boxed(),
        WitType::Record { fields, .. } => {
            let fields: Vec<_> = fields.iter().map(|field| (Just(field.name.clone()), value(&field.ty))).collect();
            fields.prop_map(|fields| Value::Object(fields.into_iter().collect())).boxed()
        }
        WitType::Tuple(types) => types.iter().map(value).collect::<Vec<_>>().prop_map(Value::Array).boxed(),
        WitType::Variant { cases, .. } => pick(cases)
            .prop_flat_map(|case| match &case.ty {
                None => Just(json!(case.name)).boxed(),
                Some(ty) => {
                    let name = case.name.clone();
                    value(ty).prop_map(move |value| Value::Object(Map::from_iter([(name.clone(), value)]))).boxed()
                }
            })
            .boxed(),
        WitType::Enum { cases, .. } => pick(cases).prop_map(|case| json!(case.name)).boxed(),
        WitType::Flags { flags, .. } => {
            let names: Vec<_> = flags.iter().map(|flag| flag.name.clone()).collect();
            let most = names.len();
            proptest::sample::subsequence(names, 0..=most).prop_map(|names| json!(names)).boxed()
        }
        WitType::Option(inner) => match &**inner {
            WitType::Option(_) => prop_oneof![Just(Value::Null), value(inner).prop_map(|value| json!({ "some": value }))].boxed(),
            inner => prop_oneof![Just(Value::Null), value(inner)].boxed(),
        },
        WitType::Result { ok, err } => prop_oneof![
            carried(ok).prop_map(|value| json!({ "ok": value })),
            carried(err).prop_map(|value| json!({ "err": value }))
        ]
        .boxed(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_assignable_is_read_whatever_the_value(
        (output, input, values) in any_type().prop_flat_map(|output| {
            (Just(output.clone()), like(&output), proptest::collection::vec(value(&output), 4))
        })
    ) {
        if output.assignable_to(&input).is_ok() {
            for value in values {
                prop_assert_eq!(input.decode(&value, &mut Open), Ok(()), "{} to {}: {}", output, input, value);
            }
        }
    }

    #[test]
    fn every_type_is_assignable_to_itself_and_to_its_option((ty, value) in any_type().prop_flat_map(|ty| (Just(ty.clone()), value(&ty)))) {
        prop_assert_eq!(ty.decode(&value, &mut Open), Ok(()));
        prop_assert_eq!(ty.assignable_to(&ty), Ok(()));
        let wanted = option(ty.clone());
        prop_assert_eq!(ty.assignable_to(&wanted).is_ok(), !matches!(ty, WitType::Option(_)), "{}", ty);
    }
}
