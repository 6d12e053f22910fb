//! What goes through JSON comes back as it was, whatever its type.

use super::values::{Values, encode};
use cofferdam_domain::wit::{Case, Field, Named, WitFunction, WitType};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use wasmtime::component::Val;

const NAMES: [&str; 8] = ["a", "wind-speed", "wind", "x1-y2", "station-id", "none", "some", "ok"];

fn named() -> Named {
    Named::default()
}

fn field(name: &str, ty: WitType) -> Field {
    Field { name: name.to_owned(), ty, docs: None }
}

fn case(name: &str, ty: Option<WitType>) -> Case {
    Case { name: name.to_owned(), ty, docs: None }
}

/// A type of any kind, nested some levels.
fn any_type() -> impl Strategy<Value = WitType> {
    let scalars = prop::sample::select(vec![
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
    ]);
    let words = (1..NAMES.len(), any::<bool>()).prop_map(|(count, flags)| {
        let words = NAMES[..count].iter().map(|name| case(name, None)).collect();
        if flags { WitType::Flags { named: named(), flags: words } } else { WitType::Enum { named: named(), cases: words } }
    });
    prop_oneof![4 => scalars, 1 => words].prop_recursive(4, 40, 5, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let maybe = prop::option::of(boxed.clone());
        prop_oneof![
            boxed.clone().prop_map(WitType::List),
            (boxed.clone(), 1_u32..4).prop_map(|(element, length)| WitType::FixedList { element, length }),
            (boxed.clone(), boxed.clone()).prop_map(|(key, value)| WitType::Map { key, value }),
            boxed.clone().prop_map(|value| WitType::Map { key: Box::new(WitType::String), value }),
            vec(inner.clone(), 1..4).prop_map(WitType::Tuple),
            boxed.prop_map(WitType::Option),
            (maybe.clone(), maybe).prop_map(|(ok, err)| WitType::Result { ok, err }),
            vec(inner.clone(), 1..5).prop_map(|types| {
                let fields = NAMES.iter().zip(types).map(|(name, ty)| field(name, ty)).collect();
                WitType::Record { named: named(), fields }
            }),
            vec(prop::option::of(inner), 1..5).prop_map(|types| {
                let cases = NAMES.iter().zip(types).map(|(name, ty)| case(name, ty)).collect();
                WitType::Variant { named: named(), cases }
            }),
        ]
    })
}

/// A value of a type.
fn value_of(ty: &WitType) -> BoxedStrategy<Val> {
    let text = || "[^\0]{0,6}";
    match ty {
        WitType::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        WitType::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        WitType::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        WitType::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        WitType::U64 => prop_oneof![any::<u64>(), Just((1 << 53) + 1), Just(1 << 53)].prop_map(Val::U64).boxed(),
        WitType::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        WitType::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        WitType::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        WitType::S64 => prop_oneof![any::<i64>(), Just(i64::MIN), Just(-(1 << 53) - 1)].prop_map(Val::S64).boxed(),
        // Every bit pattern: subnormal numbers, infinities and NaN among them.
        WitType::F32 => any::<u32>().prop_map(|bits| Val::Float32(f32::from_bits(bits))).boxed(),
        WitType::F64 => any::<u64>().prop_map(|bits| Val::Float64(f64::from_bits(bits))).boxed(),
        WitType::Char => any::<char>().prop_filter("it is kept", |char| *char != '\0').prop_map(Val::Char).boxed(),
        WitType::String => text().prop_map(Val::String).boxed(),
        WitType::List(element) => vec(value_of(element), 0..4).prop_map(Val::List).boxed(),
        WitType::FixedList { element, length } => vec(value_of(element), *length as usize).prop_map(Val::FixedLengthList).boxed(),
        // An object has each key once, and in its own order.
        WitType::Map { key, value } if **key == WitType::String => prop::collection::btree_map(text(), value_of(value), 0..4)
            .prop_map(|entries| Val::Map(entries.into_iter().map(|(key, value)| (Val::String(key), value)).collect()))
            .boxed(),
        WitType::Map { key, value } => vec((value_of(key), value_of(value)), 0..4).prop_map(Val::Map).boxed(),
        WitType::Record { fields, .. } => {
            let names: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
            let values: Vec<_> = fields.iter().map(|field| value_of(&field.ty)).collect();
            values.prop_map(move |values| Val::Record(names.iter().cloned().zip(values).collect())).boxed()
        }
        WitType::Tuple(types) => types.iter().map(value_of).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        WitType::Variant { cases, .. } => {
            let cases: Vec<_> = cases
                .iter()
                .map(|case| {
                    let name = case.name.clone();
                    let payload = case.ty.as_ref().map_or_else(|| Just(None).boxed(), |ty| value_of(ty).prop_map(Some).boxed());
                    payload.prop_map(move |payload| Val::Variant(name.clone(), payload.map(Box::new))).boxed()
                })
                .collect();
            prop::strategy::Union::new(cases).boxed()
        }
        WitType::Enum { cases, .. } => {
            let names: Vec<_> = cases.iter().map(|case| case.name.clone()).collect();
            prop::sample::select(names).prop_map(Val::Enum).boxed()
        }
        WitType::Flags { flags, .. } => {
            let names: Vec<_> = flags.iter().map(|flag| flag.name.clone()).collect();
            prop::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Val::Flags).boxed()
        }
        WitType::Option(inner) => prop::option::of(value_of(inner)).prop_map(|inner| Val::Option(inner.map(Box::new))).boxed(),
        WitType::Result { ok, err } => {
            let side = |ty: &Option<Box<WitType>>| {
                ty.as_ref().map_or_else(|| Just(None).boxed(), |ty| value_of(ty).prop_map(|value| Some(Box::new(value))).boxed())
            };
            prop_oneof![side(ok).prop_map(|value| Val::Result(Ok(value))), side(err).prop_map(|value| Val::Result(Err(value)))]
                .boxed()
        }
    }
}

fn typed_value() -> impl Strategy<Value = (WitType, Val)> {
    any_type().prop_flat_map(|ty| value_of(&ty).prop_map(move |value| (ty.clone(), value)))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(NAMES.to_vec()).prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), inner, 0..4)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn a_value_comes_back_from_json((ty, value) in typed_value()) {
        let json = encode(&ty, &value).unwrap();
        // Through text, as it is kept and sent.
        let json: Value = serde_json::from_str(&json.to_string()).unwrap();
        prop_assert_eq!(ty.decode(&json, &mut Values { is_open: false }).unwrap(), value, "{} as {}", json, ty);
    }

    #[test]
    fn json_that_fits_goes_through_a_value_unchanged((ty, value) in typed_value(), other in any_json()) {
        let json = encode(&ty, &value).unwrap();
        prop_assert_eq!(encode(&ty, &ty.decode(&json, &mut Values { is_open: false }).unwrap()).unwrap(), json);
        // Anything else is refused at a place that is there, or that should be.
        let function = WitFunction {
            interface: None, name: "f".to_owned(), params: vec![field("x", ty.clone())], result: None, docs: None, refused: None,
        };
        let input = serde_json::json!({ "x": other });
        match function.decode(&input, &mut Values { is_open: false }) {
            Ok(values) => {
                encode(&ty, &values[0]).unwrap();
            }
            Err(mismatch) => {
                prop_assert!(mismatch.pointer.starts_with("/x"), "{}", mismatch);
                let parent = mismatch.pointer.rsplit_once('/').unwrap().0;
                prop_assert!(input.pointer(parent).is_some(), "{} in {}", mismatch, input);
                prop_assert_eq!(function.check(&input).unwrap_err(), mismatch);
            }
        }
    }
}
