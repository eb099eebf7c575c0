//! For tests: whether `docs/json.md` tells of every field of a document.

use serde::Serialize;
use serde_json::Value;

/// The fields, at any depth, that the section of this command does not name. The machine and the revision are described
/// with the records.
pub(crate) fn missing(command: &str, document: &impl Serialize) -> Vec<String> {
    let page = include_str!("../../docs/json.md");
    let heading = format!("## `cargo xtask {command} --format json`");
    let (_, rest) = page.split_once(&heading).expect("the section is there");
    let section = rest.split_once("\n## ").map_or(rest, |(section, _)| section);
    let mut missing = Vec::new();
    collect(&serde_json::to_value(document).expect("encodes"), section, &mut missing);
    missing
}

fn collect(value: &Value, section: &str, missing: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !section.contains(&format!("`{name}`")) && !section.contains(&format!(".{name}`")) {
                    missing.push(name.clone());
                }
                if !["host", "revision", "errors"].contains(&name.as_str()) && !is_estimate(value) {
                    collect(value, section, missing);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, section, missing)),
        _ => {}
    }
}

/// Described once for all: `value`, `low`, `high`.
fn is_estimate(value: &Value) -> bool {
    value.get("low").is_some() && value.get("high").is_some()
}
