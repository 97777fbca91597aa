//! Formats, values and bounds of single types.

use super::gather::Flat;
use crate::json::Node;

/// The format, if the type knows it.
pub(super) fn format<'s>(word: &str, flat: &Flat<'s>) -> Option<&'s str> {
    let format = flat.get("format")?.as_str()?;
    let known: &[&str] = match word {
        "string" => &["date-time"],
        "number" => &["float", "double"],
        "integer" => &["int32", "int64"],
        _ => &[],
    };
    known.contains(&format).then_some(format)
}

/// The values of an enum or a constant: those of a string as values, others as words for the description, since the
/// message has only texts here.
pub(super) fn values(word: &str, flat: &Flat) -> (Vec<Node>, Vec<String>) {
    let constant;
    let all = match (flat.get("enum"), flat.get("const")) {
        (Some(Node::Array(values)), _) => values.as_slice(),
        (_, Some(value)) => {
            constant = [value.clone()];
            constant.as_slice()
        }
        _ => &[],
    };
    let mut values: Vec<Node> = Vec::new();
    let mut words = Vec::new();
    for value in all {
        match value {
            Node::Text(text) if word == "string" && !text.is_empty() && !values.contains(value) => {
                values.push(value.clone());
            }
            Node::Scalar(raw) if raw.get() == "null" => {}
            Node::Scalar(raw) if word == "string" => values.push(Node::Text(raw.get().to_owned())),
            Node::Scalar(raw) if matches!(word, "integer" | "number" | "boolean") => {
                words.push(raw.get().to_owned());
            }
            _ => {}
        }
    }
    (values, words)
}

/// Copies bounds that are whole numbers.
pub(super) fn copy_counts(flat: &Flat, names: &[&str], out: &mut Node) {
    for name in names {
        if let Some(Node::Scalar(raw)) = flat.get(name)
            && let Some(number) = whole(raw.get())
            && number >= 0
        {
            out.set(name, Node::scalar(number));
        }
    }
}

pub(super) fn of_string(flat: &Flat, out: &mut Node) {
    copy_counts(flat, &["minLength", "maxLength"], out);
    if let Some(Node::Text(pattern)) = flat.get("pattern") {
        out.set("pattern", Node::Text(pattern.clone()));
    }
}

/// Bounds of numbers. The message has no exclusive ones: whole numbers take the next, others the bound itself.
pub(super) fn of_number(flat: &Flat, is_integer: bool, out: &mut Node) {
    if let Some(bound) = bound(flat, "minimum", "exclusiveMinimum", is_integer, 1) {
        out.set("minimum", bound);
    }
    if let Some(bound) = bound(flat, "maximum", "exclusiveMaximum", is_integer, -1) {
        out.set("maximum", bound);
    }
}

fn bound(
    flat: &Flat,
    inclusive: &str,
    exclusive: &str,
    is_integer: bool,
    step: i64,
) -> Option<Node> {
    let number = |name: &str| match flat.get(name) {
        Some(node @ Node::Scalar(raw)) if raw.get().parse::<f64>().is_ok() => {
            Some((node, raw.get()))
        }
        _ => None,
    };
    // An older draft has a flag instead of a number.
    let flagged = matches!(flat.get(exclusive), Some(Node::Scalar(raw)) if raw.get() == "true");
    let at = number(inclusive);
    let beyond = if flagged { at } else { number(exclusive) };
    let beyond = beyond.map(|(node, text)| match whole_towards(text, step) {
        Some(next) if is_integer => Node::scalar(next),
        _ => node.clone(),
    });
    let at = at.filter(|_| !flagged).map(|(node, _)| node.clone());
    match (at, beyond) {
        (Some(at), Some(beyond)) => {
            let stricter = (value(&beyond) - value(&at)) * step as f64 > 0.0;
            Some(if stricter { beyond } else { at })
        }
        (at, beyond) => at.or(beyond),
    }
}

/// The whole number next to one that is excluded.
fn whole_towards(text: &str, step: i64) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return number.checked_add(step);
    }
    let number = text.parse::<f64>().ok()?;
    let rounded = if step > 0 { number.floor() } else { number.ceil() };
    // Beyond this, floats have gaps.
    (rounded.abs() < 9e15).then(|| rounded as i64 + step)
}

fn whole(text: &str) -> Option<i64> {
    let number = text.parse::<f64>().ok()?;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn value(node: &Node) -> f64 {
    match node {
        Node::Scalar(raw) => raw.get().parse().unwrap_or_default(),
        _ => 0.0,
    }
}
