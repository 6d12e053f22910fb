use super::*;

fn read(value: Value) -> Result<AssetCondition, AssetError> {
    AssetCondition::read(&value)
}

#[test]
fn conditions_are_read_written_and_told() {
    let condition = read(json!({ "all": ["s3://a", { "any": ["s3://b", "s3://c"] }] })).unwrap();
    assert_eq!(condition.to_string(), "s3://a and (s3://b or s3://c)");
    assert_eq!(read(condition.to_json()).unwrap(), condition);
    let uris: Vec<&str> = condition.uris().into_iter().map(AssetUri::as_str).collect();
    assert_eq!(uris, ["s3://a", "s3://b", "s3://c"]);
    // A list alone asks for all, as in Airflow.
    assert_eq!(read(json!(["x", "y"])).unwrap(), read(json!({ "all": ["x", "y"] })).unwrap());
}

#[test]
fn conditions_hold_when_enough_has_changed() {
    let condition = read(json!({ "all": ["a", { "any": ["b", "c"] }] })).unwrap();
    for (changed, holds) in [("a", false), ("ab", true), ("ac", true), ("bc", false), ("abc", true), ("", false)] {
        assert_eq!(condition.holds(&|uri| changed.contains(uri.as_str())), holds, "{changed}");
    }
}

#[test]
fn what_is_no_condition_is_refused() {
    let deep = (0..=MAX_DEPTH).fold(json!("a"), |inner, _| json!({ "any": [inner] }));
    let many: Vec<String> = (0..=MAX_ASSETS).map(|number| format!("a{number}")).collect();
    for (value, error) in [
        (json!({ "any": [] }), AssetError::Empty),
        (json!([]), AssetError::Empty),
        (json!({ "some": ["a"] }), AssetError::Form),
        (json!({ "any": ["a"], "all": ["b"] }), AssetError::Form),
        (json!({ "any": "a" }), AssetError::Form),
        (json!(1), AssetError::Form),
        (json!("a b"), AssetError::Uri),
        (json!(""), AssetError::Uri),
        (deep, AssetError::TooLarge),
        (json!(many), AssetError::TooLarge),
    ] {
        assert_eq!(read(value.clone()), Err(error), "{value}");
    }
}

#[test]
fn a_product_is_a_uri_or_says_where_its_extra_is() {
    let read: Vec<Produced> = serde_json::from_value(json!(["s3://a", { "asset": "s3://b", "extra": "rows" }])).unwrap();
    assert_eq!((read[0].asset.as_str(), read[0].extra.is_none()), ("s3://a", true));
    assert_eq!(read[1].extra.as_ref().unwrap().as_str(), "rows");
    assert_eq!(serde_json::to_value(&read).unwrap(), json!(["s3://a", { "asset": "s3://b", "extra": "rows" }]));
}
