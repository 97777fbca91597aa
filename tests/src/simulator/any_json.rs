//! Strange requests for property tests.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Any small JSON value.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        "(user|assistant|text|tool_use|enabled|object|#|\\$ref|converse)".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = "(type|role|content|text|id|name|input|source|\\$ref|properties|[a-z]{0,4})";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// A value with its `at`th part, counted in depth, replaced; unchanged if it has fewer.
pub fn replaced(value: &Value, at: usize, by: &Value) -> Value {
    let mut left = at;
    replace(value, &mut left, by)
}

fn replace(value: &Value, left: &mut usize, by: &Value) -> Value {
    if *left == 0 {
        // Only once.
        *left = usize::MAX;
        return by.clone();
    }
    *left = left.saturating_sub(usize::from(*left != usize::MAX));
    match value {
        Value::Array(items) => items.iter().map(|item| replace(item, left, by)).collect(),
        Value::Object(members) => {
            let replaced =
                members.iter().map(|(name, value)| (name.clone(), replace(value, left, by)));
            Value::Object(replaced.collect())
        }
        other => other.clone(),
    }
}
