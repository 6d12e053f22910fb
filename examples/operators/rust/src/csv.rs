//! CSV (RFC 4180) to JSON.

use crate::Unfit;
use serde_json::{Map, Number, Value};

/// Reads a table. With `header`, the first line has the names of the fields; with `numbers`, fields that look like numbers or booleans
/// become those, and empty ones null.
///
/// # Errors
/// When a quoted field does not end, or a line has more fields than there are names.
pub fn parse(text: &str, delimiter: char, header: bool, numbers: bool) -> Result<Value, Unfit> {
    let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text), delimiter)?.into_iter();
    let value = |field: Field| if numbers { field.value() } else { Value::String(field.text) };
    if !header {
        return Ok(rows.map(|(_, row)| Value::Array(row.into_iter().map(value).collect())).collect());
    }
    let Some((_, names)) = rows.next() else { return Ok(Value::Array(Vec::new())) };
    let mut table = Vec::new();
    for (line, row) in rows {
        if row.len() > names.len() {
            return Err(Unfit(format!("line {line} has {} fields, and there are {} names", row.len(), names.len())));
        }
        // A field that is missing at the end of a line is an empty one.
        let missing = std::iter::repeat_with(Field::default);
        let fields = names.iter().zip(row.into_iter().chain(missing)).map(|(name, field)| (name.text.clone(), value(field)));
        table.push(Value::Object(fields.collect::<Map<_, _>>()));
    }
    Ok(Value::Array(table))
}

#[derive(Default)]
struct Field {
    text: String,
    quoted: bool,
}

impl Field {
    /// What is quoted is a text, whatever it looks like.
    fn value(self) -> Value {
        if self.quoted {
            return Value::String(self.text);
        }
        match self.text.trim() {
            "" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => self::number(number).map_or_else(|| Value::String(self.text.clone()), Value::Number),
        }
    }
}

/// A number of JSON: not `007`, `+1`, `1.`, `inf`, and nothing that would lose digits.
fn number(text: &str) -> Option<Number> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let digits = plain.split(['.', 'e', 'E']).next()?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) || digits.len() > 15 && plain == digits {
        return text.parse::<i64>().ok().filter(|_| !(digits.len() > 1 && digits.starts_with('0'))).map(Number::from);
    }
    serde_json::from_str(text).ok()
}

/// The lines of a table, each with its number. Empty lines are left out.
fn rows(text: &str, delimiter: char) -> Result<Vec<(usize, Vec<Field>)>, Unfit> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = Field::default();
    let (mut line, mut began) = (1, 1);
    let mut inside = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '\n' {
            line += 1;
        }
        match char {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                field.text.push('"');
            }
            '"' if inside => inside = false,
            _ if inside => field.text.push(char),
            '"' if field.text.is_empty() && !field.quoted => (inside, field.quoted) = (true, true),
            _ if char == delimiter => row.push(std::mem::take(&mut field)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                end(&mut rows, &mut row, &mut field, began);
                began = line;
            }
            _ => field.text.push(char),
        }
    }
    if inside {
        return Err(Unfit(format!("the quoted field in the row of line {began} does not end")));
    }
    end(&mut rows, &mut row, &mut field, began);
    Ok(rows)
}

fn end(rows: &mut Vec<(usize, Vec<Field>)>, row: &mut Vec<Field>, field: &mut Field, line: usize) {
    if !row.is_empty() || field.quoted || !field.text.is_empty() {
        row.push(std::mem::take(field));
        rows.push((line, std::mem::take(row)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_quotes_and_numbers() {
        let text = "name,n,flag,code\r\n\"Ada \"\"L\"\"\",1.50,true,007\r\n\n\"two\nlines\",-3,,\"5\"\n";
        assert_eq!(
            parse(text, ',', true, true).unwrap(),
            json!([
                {"name": "Ada \"L\"", "n": 1.5, "flag": true, "code": "007"},
                {"name": "two\nlines", "n": -3, "flag": null, "code": "5"},
            ])
        );
        assert_eq!(parse("a;b\n1;x", ';', false, false).unwrap(), json!([["a", "b"], ["1", "x"]]));
    }

    #[test]
    fn short_lines_are_filled_and_long_ones_refused() {
        assert_eq!(parse("a,b\n1\n", ',', true, true).unwrap(), json!([{"a": 1, "b": null}]));
        assert_eq!(parse("a\n1\n2,3", ',', true, true).unwrap_err().0, "line 3 has 2 fields, and there are 1 names");
        assert!(parse("a\n\"1", ',', true, true).unwrap_err().0.contains("line 2"));
        assert_eq!(parse("", ',', true, true).unwrap(), json!([]));
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = "a\n12345678901234567890\n9007199254740993\n1e3\n0.1\n1.\n";
        let expected = json!([["a"], ["12345678901234567890"], [9_007_199_254_740_993_i64], [1e3], [0.1], ["1."]]);
        assert_eq!(parse(text, ',', false, true).unwrap(), expected);
    }
}
