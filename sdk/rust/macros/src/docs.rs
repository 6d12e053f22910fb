//! The documentation of WIT, as components carry it.

use std::fmt::Write as _;

/// The custom section that has it.
pub const SECTION: &str = "cofferdam-docs";

/// What the comments in the interface `tasks` say: a byte for the version, and JSON in the form of the section `package-docs` that tools
/// of the component model write. `wit` is as `typed` writes it: one item in each line, with `%` before its name.
pub fn section(wit: &str) -> Vec<u8> {
    let (mut functions, mut types) = (Vec::new(), Vec::new());
    // The type whose fields or cases are being read.
    let mut open: Option<(String, Vec<String>)> = None;
    let mut comment = Vec::new();
    for line in wit.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
            continue;
        }
        let docs = json(comment.join("\n").trim());
        comment.clear();
        let named = |rest: &str| rest.split([' ', ':', ',', '(']).next().unwrap_or_default().to_owned();
        let kinds = ["record %", "enum %", "variant %"];
        if let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) {
            open = Some((format!("{}:{{\"docs\":{docs},\"items\":", json(&named(rest))), Vec::new()));
        } else if let Some(rest) = line.strip_prefix('%') {
            let entry = format!("{}:{docs}", json(&named(rest)));
            open.as_mut().map_or(&mut functions, |(_, items)| items).push(entry);
        } else if let Some((start, items)) = open.take() {
            types.push(format!("{start}{{{}}}}}", items.join(",")));
        }
    }
    let (functions, types) = (functions.join(","), types.join(","));
    format!("\0{{\"worlds\":{{}},\"interfaces\":{{\"tasks\":{{\"funcs\":{{{functions}}},\"types\":{{{types}}}}}}}}}").into_bytes()
}

/// A text as JSON.
fn json(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_by_what_they_stand_before() {
        let wit = "  /// What was \"measured\".\n  ///\n  /// C:\\\\x\n  record %reading {\n    /// Where.\n    %place: option<string>,\n    %at: u8,\n  }\n  \
                   variant %found {\n    %best(%reading),\n  }\n  /// Finds.\n  %find-best: func(%readings: list<%reading>) -> result<_, task-error>;\n";
        assert_eq!(
            String::from_utf8(section(wit)).unwrap(),
            "\0{\"worlds\":{},\"interfaces\":{\"tasks\":{\"funcs\":{\"find-best\":\"Finds.\"},\"types\":{\"reading\":{\"docs\":\"What was \\\"measured\\\".\\u000a\\u000aC:\\\\\\\\x\",\
             \"items\":{\"place\":\"Where.\",\"at\":\"\"}},\"found\":{\"docs\":\"\",\"items\":{\"best\":\"\"}}}}}}"
        );
    }
}
