use super::*;
use proptest::prelude::*;

fn proto(schema: &str) -> String {
    to_proto(&Node::parse(schema).unwrap(), false).to_raw().get().to_owned()
}

/// Every word that the message has. `defs`, `ref` and `additionalProperties` exist at Vertex only, and are not used.
const ALLOWED: [&str; 22] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "default",
    "example",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "propertyOrdering",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "anyOf",
];
const TYPES: [&str; 7] = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"];

/// Whatever a message must be to be taken.
fn check(message: &Node) {
    let Node::Object(members) = message else { panic!("no object: {message:?}") };
    for (key, value) in members {
        assert!(ALLOWED.contains(&key.as_str()), "`{key}` is refused");
        match (key.as_str(), value) {
            ("anyOf", Node::Array(choices)) => {
                assert_eq!(members.len(), 1, "nothing may stand beside anyOf");
                assert!(!choices.is_empty());
                choices.iter().for_each(check);
            }
            ("items", items) => check(items),
            ("properties", Node::Object(properties)) => {
                assert!(!properties.is_empty(), "empty properties are refused");
                properties.iter().for_each(|(_, property)| check(property));
            }
            ("required", Node::Array(names)) => {
                let known = message.get("properties").unwrap();
                assert!(!names.is_empty());
                assert!(names.iter().all(|name| known.get(name.as_str().unwrap()).is_some()));
            }
            ("enum", Node::Array(values)) => {
                assert!(values.iter().all(|value| value.as_str().is_some_and(|it| !it.is_empty())));
            }
            ("type", word) => assert!(TYPES.contains(&word.as_str().unwrap())),
            _ => {}
        }
    }
    match message.get("type").and_then(Node::as_str) {
        Some("ARRAY") => assert!(message.get("items").is_some(), "an array must say its items"),
        Some(_) => {}
        None => assert!(message.get("anyOf").is_some(), "no type"),
    }
}

#[test]
fn the_words_of_json_schema_become_those_of_the_message() {
    let cases = [
        // References are unfolded.
        (
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A","description":"mine"}},"$defs":{"A":{"type":"string","description":"its"}}}"##,
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","description":"mine"}}}"#,
        ),
        (
            r##"{"properties":{"a":{"$ref":"#/definitions/A~1B"}},"definitions":{"A/B":{"type":"number","format":"double"}}}"##,
            r#"{"type":"OBJECT","properties":{"a":{"type":"NUMBER","format":"double"}}}"#,
        ),
        // Null becomes `nullable`.
        (r#"{"type":["string","null"]}"#, r#"{"type":"STRING","nullable":true}"#),
        (
            r#"{"type":["string","integer","null"],"description":"d"}"#,
            r#"{"anyOf":[{"type":"STRING","description":"d","nullable":true},{"type":"INTEGER","description":"d","nullable":true}]}"#,
        ),
        (
            r#"{"anyOf":[{"type":"string"},{"type":"null"}],"default":null,"title":"T","description":"d"}"#,
            r#"{"type":"STRING","title":"T","description":"d","nullable":true}"#,
        ),
        (
            r#"{"type":"string","enum":["a",null,""]}"#,
            r#"{"type":"STRING","nullable":true,"enum":["a"]}"#,
        ),
        (r#"{"type":"null"}"#, r#"{"type":"NULL"}"#),
        // Choices stand alone.
        (
            r#"{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}},{"type":"null"}],"default":"x","title":"T","description":"d"}"#,
            r#"{"anyOf":[{"type":"STRING","description":"d","nullable":true},{"type":"ARRAY","description":"d","nullable":true,"items":{"type":"STRING"}}]}"#,
        ),
        (
            r#"{"oneOf":[{"const":"a"},{"type":"array"}]}"#,
            r#"{"anyOf":[{"type":"STRING","enum":["a"]},{"type":"ARRAY","items":{"type":"OBJECT"}}]}"#,
        ),
        (
            r#"{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}"#,
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}"#,
        ),
        (
            r#"{"type":"object","properties":{"k":{"type":"string"}},"required":["k"],"oneOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"b":{"type":"string"}},"required":["b"]}]}"#,
            r#"{"anyOf":[{"type":"OBJECT","properties":{"a":{"type":"STRING"},"k":{"type":"STRING"}},"required":["k"]},{"type":"OBJECT","properties":{"b":{"type":"STRING"},"k":{"type":"STRING"}},"required":["b","k"]}]}"#,
        ),
        // All that holds is one.
        (
            r##"{"allOf":[{"$ref":"#/$defs/A"},{"properties":{"b":{"type":"boolean"}},"required":["b"]}],"$defs":{"A":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}}"##,
            r#"{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"BOOLEAN"}},"required":["a","b"]}"#,
        ),
        // Constants and values.
        (r#"{"const":"only"}"#, r#"{"type":"STRING","enum":["only"]}"#),
        (
            r#"{"type":"integer","enum":[1,2],"description":"How many."}"#,
            r#"{"type":"INTEGER","description":"How many. One of: 1, 2."}"#,
        ),
        (r#"{"const":true}"#, r#"{"type":"BOOLEAN","description":"One of: true."}"#),
        // Bounds.
        (
            r#"{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10}"#,
            r#"{"type":"INTEGER","minimum":1,"maximum":9}"#,
        ),
        (
            r#"{"type":"number","exclusiveMinimum":0.5,"maximum":1}"#,
            r#"{"type":"NUMBER","minimum":0.5,"maximum":1}"#,
        ),
        (
            r#"{"type":"integer","minimum":3,"exclusiveMinimum":true,"multipleOf":2}"#,
            r#"{"type":"INTEGER","minimum":4}"#,
        ),
        (
            r#"{"type":"integer","minimum":5,"exclusiveMinimum":2.5}"#,
            r#"{"type":"INTEGER","minimum":5}"#,
        ),
        // Arrays say what they hold.
        (r#"{"type":"array"}"#, r#"{"type":"ARRAY","items":{"type":"OBJECT"}}"#),
        (
            r#"{"type":"array","items":{},"minItems":1,"uniqueItems":true}"#,
            r#"{"type":"ARRAY","items":{"type":"OBJECT"},"minItems":1}"#,
        ),
        (
            r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"},{"type":"string"}]}"#,
            r#"{"type":"ARRAY","items":{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}]}}"#,
        ),
        // Objects without properties say nothing more, and nothing is needed that is not there.
        (
            r#"{"type":"object","properties":{},"required":["gone"],"additionalProperties":{"type":"string"}}"#,
            r#"{"type":"OBJECT"}"#,
        ),
        (
            r#"{"type":"object","properties":{"x":true},"required":["x","gone"]}"#,
            r#"{"type":"OBJECT","properties":{"x":{"type":"OBJECT"}},"required":["x"]}"#,
        ),
        // Formats that the type does not know are left out.
        (
            r#"{"type":"string","format":"uri","pattern":"^a"}"#,
            r#"{"type":"STRING","pattern":"^a"}"#,
        ),
        (r#"{"type":"string","format":"date-time"}"#, r#"{"type":"STRING","format":"date-time"}"#),
        (r#"{"type":"integer","format":"int32"}"#, r#"{"type":"INTEGER","format":"int32"}"#),
        (r#"{"type":"string","examples":["x","y"]}"#, r#"{"type":"STRING","example":"x"}"#),
    ];
    for (schema, expected) in cases {
        assert_eq!(proto(schema), expected, "{schema}");
        check(&Node::parse(expected).unwrap());
    }
}

#[test]
fn properties_of_an_answer_keep_their_order() {
    let schema = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"object","properties":{"y":{"type":"string"}}}}}"#;
    assert_eq!(
        to_proto(&Node::parse(schema).unwrap(), true).to_raw().get(),
        r#"{"type":"OBJECT","properties":{"z":{"type":"STRING"},"a":{"type":"OBJECT","properties":{"y":{"type":"STRING"}},"propertyOrdering":["y"]}},"propertyOrdering":["z","a"]}"#
    );
}

#[test]
fn a_recursive_tree_is_cut_to_an_object() {
    let tree = r##"{"$ref":"#/$defs/Node","$defs":{"Node":{"type":"object","properties":{"value":{"type":"string"},"left":{"anyOf":[{"$ref":"#/$defs/Node"},{"type":"null"}]},"children":{"type":"array","items":{"$ref":"#/$defs/Node"}}}}}}"##;
    assert_eq!(
        proto(tree),
        r#"{"type":"OBJECT","properties":{"value":{"type":"STRING"},"left":{"type":"OBJECT","nullable":true},"children":{"type":"ARRAY","items":{"type":"OBJECT"}}}}"#
    );
    let loops = r##"{"$ref":"#/$defs/A","$defs":{"A":{"$ref":"#/$defs/B"},"B":{"allOf":[{"$ref":"#/$defs/A"}]}}}"##;
    assert_eq!(proto(loops), r#"{"type":"OBJECT"}"#);
    assert_eq!(proto(r##"{"$ref":"#"}"##), r#"{"type":"OBJECT"}"#);
    assert_eq!(proto(r##"{"$ref":"https://elsewhere/schema"}"##), r#"{"type":"OBJECT"}"#);
}

#[test]
fn references_that_multiply_come_to_an_end() {
    let mut defs = String::from(r#""D0":{"type":"string"}"#);
    for level in 1..40 {
        let below = level - 1;
        defs.push_str(&format!(
            r##","D{level}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/D{below}"}},"b":{{"$ref":"#/$defs/D{below}"}}}}}}"##
        ));
    }
    let schema = format!(r##"{{"$ref":"#/$defs/D39","$defs":{{{defs}}}}}"##);
    let message = to_proto(&Node::parse(&schema).unwrap(), false);
    check(&message);
    assert!(message.to_raw().get().len() < 1_000_000);
}

/// Tools as servers of the Model Context Protocol describe them.
const TOOLS: [&str; 6] = [
    r##"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"path":{"type":"string","minLength":1},"head":{"type":"number","exclusiveMinimum":0},"recursive":{"type":"boolean","default":false}},"required":["path"],"additionalProperties":false}"##,
    r##"{"type":"object","properties":{"filter":{"$ref":"#/$defs/Filter"},"sort":{"type":"array","items":{"type":"array","prefixItems":[{"type":"string"},{"enum":["asc","desc"]}]}}},"$defs":{"Filter":{"oneOf":[{"type":"object","properties":{"and":{"type":"array","items":{"$ref":"#/$defs/Filter"}}},"required":["and"]},{"type":"object","properties":{"field":{"type":"string"},"eq":{}},"required":["field","eq"]}]}}}"##,
    r##"{"type":"object","properties":{"kind":{"const":"issue"},"labels":{"type":"array","items":{"type":"string"},"uniqueItems":true},"assignee":{"anyOf":[{"type":"string","format":"email"},{"type":"null"}],"default":null,"title":"Assignee"},"priority":{"type":"integer","enum":[0,1,2]}},"required":["kind","labels"],"not":{"required":["x"]},"if":{"properties":{"kind":{"const":"x"}}},"then":{}}"##,
    r##"{"type":"object","patternProperties":{"^x-":{"type":"string"}},"propertyNames":{"pattern":"^[a-z]"},"minProperties":1,"properties":{"data":{"type":["object","array","string","number","boolean","null"]},"blob":{"type":"string","contentEncoding":"base64","contentMediaType":"image/png","examples":["AA=="]}}}"##,
    r##"{"allOf":[{"type":"object","properties":{"a":{"type":"integer","multipleOf":5,"maximum":1e3}}},{"anyOf":[{"required":["a"]},{"required":["b"]}]}],"unevaluatedProperties":false,"dependentRequired":{"a":["b"]},"$id":"x","$comment":"c","deprecated":true,"readOnly":true}"##,
    r##"{"type":"object","properties":{"when":{"type":"string","format":"date-time"},"day":{"type":"string","format":"date"},"size":{"oneOf":[{"type":"integer","format":"uint8","minimum":0},{"type":"string","enum":["","auto"]}]}},"strict":true}"##,
];

#[test]
fn tools_of_mcp_servers_have_no_word_that_is_refused() {
    for tool in TOOLS {
        check(&to_proto(&Node::parse(tool).unwrap(), false));
        check(&to_proto(&Node::parse(tool).unwrap(), true));
    }
}

/// Any schema-like tree, sensible or not.
fn schema() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/properties/a"})),
        Just(json!({"$ref": "#/anyOf/0"})),
        Just(json!({"type": "null"})),
        Just(json!({"const": 5, "examples": []})),
        Just(json!({"enum": [1, "x", null, ""], "type": ["string", "integer"]})),
        Just(json!({"type": "integer", "exclusiveMinimum": 9.5e300, "minimum": "x"})),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            (list.clone(), "[a-c]").prop_map(|(all, name)| {
                let properties: serde_json::Map<_, _> =
                    all.into_iter().enumerate().map(|(i, it)| (format!("{name}{i}"), it)).collect();
                json!({"properties": properties, "required": [name, "a0"], "title": 5})
            }),
            inner.clone().prop_map(|a| json!({"type": "object", "properties": {"a": a}})),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            list.clone().prop_map(|all| json!({"items": all, "nullable": true})),
            list.clone().prop_map(|all| json!({"anyOf": all, "default": {"x": 1}})),
            list.clone().prop_map(|all| json!({"oneOf": all, "type": "object"})),
            list.prop_map(|all| json!({"allOf": all})),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_becomes_a_message_that_is_taken(schema in schema()) {
        let node = Node::parse(&schema.to_string()).unwrap();
        check(&to_proto(&node, true));
    }
}
