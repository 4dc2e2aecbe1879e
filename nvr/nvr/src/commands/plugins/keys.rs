//! The keys a plugin adds to a rule, out of its JSON Schema, as rows a person can read; and rows as lines.
//!
//! Promises: pure; a schema that says less is shown with less. Leaves to others: checking rules against it.

use serde_json::Value;

/// Widest column but the last, in characters.
const COLUMN_CHARS_MAX: usize = 40;

/// One row a key: name, kind and limits, default, what it means. `{"type":"integer","minimum":1}` is `integer, 1 or more`.
pub(super) fn rows(schema: &str) -> Vec<[String; 4]> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(key, of)| {
            let default = match of.get("default") {
                Some(value) => shown(value),
                None if required.contains(&key.as_str()) => "required".to_owned(),
                None => "-".to_owned(),
            };
            let about = of.get("description").and_then(Value::as_str).unwrap_or_default();
            [key.clone(), kind(of), default, about.to_owned()]
        })
        .collect()
}

fn kind(of: &Value) -> String {
    let get = |key: &str| of.get(key);
    if let Some(choices) = get("enum").and_then(Value::as_array) {
        return choices.iter().map(shown).collect::<Vec<_>>().join(" | ");
    }
    let mut words = vec![get("type").map_or_else(|| "any".to_owned(), shown)];
    if let Some(inner) = get("items").and_then(|i| i.get("type")) {
        words.push(format!("of {}", shown(inner)));
    }
    match (get("minimum"), get("maximum")) {
        (Some(least), Some(most)) => words.push(format!("{} to {}", shown(least), shown(most))),
        (Some(least), None) => words.push(format!("{} or more", shown(least))),
        (None, Some(most)) => words.push(format!("at most {}", shown(most))),
        (None, None) => {}
    }
    for (key, before) in [("exclusiveMinimum", "above"), ("exclusiveMaximum", "below")] {
        if let Some(limit) = get(key) {
            words.push(format!("{before} {}", shown(limit)));
        }
    }
    words.join(", ").replace(", of ", " of ")
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Rows in columns.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    nvr_base::table::table(rows, COLUMN_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, expected: &[[&str; 4]]) {
        let expected: Vec<[String; 4]> = expected.iter().map(|row| row.map(str::to_owned)).collect();
        assert_eq!(rows(schema), expected);
    }

    #[test]
    fn schemas() {
        check("no JSON", &[]);
        check(r#"{"type":"object","properties":{}}"#, &[]);
        check(
            r#"{"properties":{"n":{"type":"integer","minimum":1,"description":"so many"},
                "on":{"type":"boolean","default":true}},"required":["n"]}"#,
            &[["n", "integer, 1 or more", "required", "so many"], ["on", "boolean", "true", ""]],
        );
        check(
            r#"{"properties":{"m":{"enum":["a","b"],"default":"a"},
                "v":{"type":"array","items":{"type":"number"},"exclusiveMinimum":0}}}"#,
            &[["m", "a | b", "a", ""], ["v", "array of number, above 0", "-", ""]],
        );
    }

    #[test]
    fn columns() {
        let rows = [["a".to_owned(), "x".to_owned()], ["long".to_owned(), String::new()]];
        assert_eq!(table(&rows), ["  a     x", "  long"]);
    }
}
