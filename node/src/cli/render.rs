//! The same rows for eyes: an aligned table, or lines of an object. Pure text in, text out.

use serde_json::{Map, Value};

/// Ids are recognised by people from their first digits.
const HEX_SHOWN: usize = 12;

/// What an empty listing says instead of nothing.
fn nothing(what: &str) -> &'static str {
    match what {
        "releases" => "nothing published yet: talanoa publish FILE --dataset ID --title TEXT",
        "catalogue" => "nothing is offered to this node: talanoa follow MEMBER, and ask them for a grant",
        "grants" => "no consent given or received: talanoa grant --to MEMBER --dataset ID --until DATE",
        "receipts" => "no purge was ordered or owed",
        "audit" | "audit-yearly" => "nobody has read anything yet",
        "holders" => "nobody was given anything yet",
        "circles" => "no circle is known here: talanoa circle new NAME --member CODE, or follow a convener",
        "applications" => {
            "no application has a key: talanoa application add NAME --key-out FILE --dataset ID --until DATE"
        }
        "peers" => "no charter yet: talanoa charter adopt FILE",
        _ => "nothing",
    }
}

pub fn table(what: &str, rows: &[Value]) -> String {
    let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let Some(first) = objects.first() else { return format!("{}\n", nothing(what)) };
    // Columns that say nothing in any row only make the others narrower.
    let columns: Vec<&String> =
        first.keys().filter(|k| objects.iter().any(|o| !is_blank(o.get(*k)))).collect();
    let mut lines: Vec<Vec<String>> =
        vec![columns.iter().map(|c| c.to_uppercase().replace('_', " ")).collect()];
    lines.extend(objects.iter().map(|o| columns.iter().map(|c| cell(o.get(*c))).collect()));
    let numeric: Vec<bool> =
        columns.iter().map(|c| objects.iter().all(|o| matches!(o.get(*c), Some(Value::Number(_))))).collect();
    let width = |n: usize| lines.iter().map(|l| l[n].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(n, cell)| {
            let width = widths[n];
            if numeric[n] { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// For spreadsheets. A text that one would take for a formula is shown as the text that it is.
pub fn csv(rows: &[Value]) -> Result<String, anyhow::Error> {
    let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let Some(first) = objects.first() else { return Ok(String::new()) };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(first.keys())?;
    for object in &objects {
        writer.write_record(first.keys().map(|k| harmless(object.get(k))))?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|e| e.into_error())?)?)
}

fn harmless(value: Option<&Value>) -> String {
    match value.filter(|v| !is_blank(Some(v))) {
        None => String::new(),
        Some(Value::String(text)) if text.starts_with(['=', '+', '-', '@', '\t']) => format!("'{text}"),
        Some(value) => plain(value),
    }
}

pub fn object(value: &Value) -> String {
    let Some(object) = value.as_object() else { return String::new() };
    let width = object.keys().map(|k| k.len()).max().unwrap_or_default();
    let shown = object.iter().filter(|(_, v)| !is_blank(Some(v)));
    shown.map(|(k, v)| format!("{:<width$}  {}\n", k.replace('_', " "), plain(v))).collect()
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(s)) => s.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn cell(value: Option<&Value>) -> String {
    let text = match value.filter(|v| !is_blank(Some(v))) {
        None => return "–".to_owned(),
        Some(Value::Array(items)) => return joined(items, shortened),
        Some(value) => shortened(value),
    };
    text.chars().take(60).collect()
}

fn shortened(value: &Value) -> String {
    let text = plain(value);
    let is_id = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id { text[..HEX_SHOWN].to_owned() } else { text }
}

fn joined(items: &[Value], one: impl Fn(&Value) -> String) -> String {
    items.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A peer's words must not move the cursor or colour the screen.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(s) => s.clone(),
        Value::Array(items) => joined(items, plain),
        Value::Object(fields) => fields.values().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_aligned_and_ids_short() {
        let rows = [
            json!({"ref": "FJ/A@1", "bytes": 5, "id": "ab".repeat(32), "empty": null}),
            json!({"ref": "FJ/LONG@12", "bytes": 12345, "id": "cd".repeat(32), "empty": ""}),
        ];
        let expected =
            "REF         BYTES  ID\nFJ/A@1          5  abababababab\nFJ/LONG@12  12345  cdcdcdcdcdcd\n";
        assert_eq!(table("releases", &rows), expected);
    }

    #[test]
    fn lists_are_read_and_not_counted() {
        let kept = json!([{"release": "FJ/A@1", "at": "2026", "reason": "exported"}]);
        let rows =
            [json!({"id": "x", "grants": ["ab".repeat(32), "cd".repeat(32)], "kept": kept, "none": []})];
        let expected =
            "ID  GRANTS                      KEPT\nx   abababababab; cdcdcdcdcdcd  FJ/A@1 2026 exported\n";
        assert_eq!(table("receipts", &rows), expected);
    }

    #[test]
    fn an_empty_listing_says_what_to_do() {
        assert!(table("releases", &[]).contains("talanoa publish"));
    }

    #[test]
    fn csv_is_quoted_and_carries_no_formula() {
        let rows = [json!({"ref": "FJ/A@1", "title": "=1+1", "note": "a, \"b\"", "bytes": -5, "no": null})];
        assert_eq!(csv(&rows).unwrap(), "ref,title,note,bytes,no\nFJ/A@1,'=1+1,\"a, \"\"b\"\"\",-5,\n");
        assert_eq!(csv(&[]).unwrap(), "");
    }

    #[test]
    fn escape_sequences_of_a_peer_are_neutralised() {
        let rows = [json!({"title": "\u{1b}[2Jgone\u{7}"})];
        assert!(!table("catalogue", &rows).contains(['\u{1b}', '\u{7}']));
        assert!(!object(&json!({"name": "\u{1b}[31m"})).contains('\u{1b}'));
    }
}
