//! Tells the words of JSON, YAML, WIT, Python and JavaScript apart, for colour.

/// What a stretch of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Anything without a colour of its own.
    Plain,
    /// The name of a member.
    Key,
    /// A text in quotes.
    Text,
    /// A number.
    Number,
    /// A keyword or a constant.
    Word,
    /// The name of a type.
    Type,
    /// A comment.
    Comment,
    /// Brackets, commas, colons.
    Punctuation,
}

impl Token {
    /// The class of the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Key => "tok-key",
            Self::Text => "tok-string",
            Self::Number => "tok-number",
            Self::Word => "tok-word",
            Self::Type => "tok-type",
            Self::Comment => "tok-comment",
            Self::Punctuation => "tok-punct",
        }
    }
}

/// The languages that the console shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// RFC 8259.
    Json,
    /// YAML as [`crate::core::yaml`] writes it.
    Yaml,
    /// The interface language of the component model.
    Wit,
    /// Python.
    Python,
    /// JavaScript, and TypeScript.
    JavaScript,
    /// No colours.
    Text,
}

impl Language {
    /// The language of this name; plain text, when it is not known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            "wit" => Self::Wit,
            "python" | "py" => Self::Python,
            "javascript" | "js" | "typescript" | "ts" => Self::JavaScript,
            _ => Self::Text,
        }
    }
}

/// Splits a text into tokens. Joined, they are the text again.
#[must_use]
pub fn tokens(text: &str, language: Language) -> Vec<(Token, String)> {
    let mut out = Tokens::default();
    match language {
        Language::Text => out.push(Token::Plain, text),
        Language::Json => json(text, &mut out),
        Language::Yaml => text.split_inclusive('\n').for_each(|line| yaml_line(line, &mut out)),
        Language::Wit => wit(text, &mut out),
        Language::Python => program(text, &PYTHON, &mut out),
        Language::JavaScript => program(text, &JAVASCRIPT, &mut out),
    }
    out.0
}

#[derive(Default)]
struct Tokens(Vec<(Token, String)>);

impl Tokens {
    fn push(&mut self, token: Token, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some((last, all)) if *last == token => all.push_str(text),
            _ => self.0.push((token, text.to_owned())),
        }
    }
}

/// The length of the text in double quotes at the start, the quotes included.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

fn run(text: &str, test: impl Fn(char) -> bool) -> usize {
    text.find(|c| !test(c)).unwrap_or(text.len())
}

fn json(mut rest: &str, out: &mut Tokens) {
    while let Some(c) = rest.chars().next() {
        let (token, len) = match c {
            '"' => {
                let len = quoted(rest);
                let key = rest[len..].trim_start().starts_with(':');
                (if key { Token::Key } else { Token::Text }, len)
            }
            '-' | '0'..='9' => (Token::Number, run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))),
            'a'..='z' => (Token::Word, run(rest, |c| c.is_ascii_lowercase())),
            '{' | '}' | '[' | ']' | ',' | ':' => (Token::Punctuation, 1),
            _ => (Token::Plain, c.len_utf8()),
        };
        out.push(token, &rest[..len]);
        rest = &rest[len..];
    }
}

fn yaml_line(line: &str, out: &mut Tokens) {
    let mut rest = line;
    loop {
        let space = run(rest, |c| c == ' ');
        out.push(Token::Plain, &rest[..space]);
        rest = &rest[space..];
        if !rest.starts_with("- ") {
            break;
        }
        out.push(Token::Punctuation, &rest[..1]);
        rest = &rest[1..];
    }
    let key = if rest.starts_with('"') { quoted(rest) } else { run(rest, |c| !matches!(c, ':' | '\n')) };
    if rest[key..].starts_with(": ") || rest[key..].trim_end() == ":" {
        out.push(Token::Key, &rest[..key]);
        out.push(Token::Punctuation, ":");
        rest = &rest[key + 1..];
        let space = run(rest, |c| c == ' ');
        out.push(Token::Plain, &rest[..space]);
        rest = &rest[space..];
    }
    let value = rest.trim_end();
    let token = match value {
        "true" | "false" | "null" => Token::Word,
        "{}" | "[]" | "|" | "|-" | "|+" => Token::Punctuation,
        _ if value.parse::<f64>().is_ok() => Token::Number,
        _ if value.starts_with('#') => Token::Comment,
        _ => Token::Text,
    };
    out.push(token, value);
    out.push(Token::Plain, &rest[value.len()..]);
}

fn wit(mut rest: &str, out: &mut Tokens) {
    const WORDS: &[&str] = &[
        "package",
        "interface",
        "world",
        "import",
        "export",
        "use",
        "include",
        "func",
        "type",
        "record",
        "variant",
        "enum",
        "flags",
        "resource",
        "constructor",
        "static",
        "as",
        "with",
        "async",
        "from",
    ];
    const TYPES: &[&str] = &[
        "bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64", "char", "string", "list", "option", "result",
        "tuple", "future", "stream", "own", "borrow", "_",
    ];
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '%');
        let (token, len) = match c {
            '/' if rest.starts_with("//") => (Token::Comment, run(rest, |c| c != '\n')),
            '/' if rest.starts_with("/*") => (Token::Comment, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            '@' => (Token::Number, 1 + run(&rest[1..], |c| word(c) || c == '.')),
            c if c.is_ascii_alphabetic() || c == '_' || c == '%' => {
                let len = run(rest, word);
                let text = &rest[..len];
                let token = match text {
                    _ if rest[len..].trim_start().starts_with(':') && !rest[len..].trim_start().starts_with("::") => Token::Key,
                    _ if WORDS.contains(&text) => Token::Word,
                    _ if TYPES.contains(&text) => Token::Type,
                    _ => Token::Plain,
                };
                (token, len)
            }
            '{' | '}' | '(' | ')' | '<' | '>' | ',' | ';' | ':' | '=' => (Token::Punctuation, 1),
            _ => (Token::Plain, c.len_utf8()),
        };
        out.push(token, &rest[..len]);
        rest = &rest[len..];
    }
}

/// What the words of a programming language are.
struct Grammar {
    comment: &'static str,
    /// What begins and ends a text, the longest first.
    quotes: &'static [&'static str],
    words: &'static [&'static str],
    constants: &'static [&'static str],
}

const PYTHON: Grammar = Grammar {
    comment: "#",
    quotes: &["\"\"\"", "'''", "\"", "'"],
    words: &[
        "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally",
        "for", "from", "global", "if", "import", "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise",
        "return", "try", "while", "with", "yield",
    ],
    constants: &["True", "False", "None", "self"],
};

const JAVASCRIPT: Grammar = Grammar {
    comment: "//",
    quotes: &["`", "\"", "'"],
    words: &[
        "async",
        "await",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "default",
        "delete",
        "do",
        "else",
        "export",
        "extends",
        "finally",
        "for",
        "from",
        "function",
        "if",
        "import",
        "in",
        "instanceof",
        "interface",
        "let",
        "new",
        "of",
        "return",
        "switch",
        "throw",
        "try",
        "type",
        "typeof",
        "var",
        "while",
        "yield",
    ],
    constants: &["true", "false", "null", "undefined", "this"],
};

/// The length of a text that begins with `quote`. One that is not closed ends with its line, unless it may have several.
fn literal(text: &str, quote: &str) -> usize {
    let several = quote.len() > 1 || quote == "`";
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(quote.len()) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' if !several => return at,
            _ if text[at..].starts_with(quote) => return at + quote.len(),
            _ => {}
        }
    }
    text.len()
}

fn program(mut rest: &str, grammar: &Grammar, out: &mut Tokens) {
    while let Some(c) = rest.chars().next() {
        let quote = grammar.quotes.iter().find(|quote| rest.starts_with(**quote));
        let (token, len) = match c {
            _ if rest.starts_with(grammar.comment) => (Token::Comment, run(rest, |c| c != '\n')),
            '/' if grammar.comment == "//" && rest.starts_with("/*") => {
                (Token::Comment, rest.find("*/").map_or(rest.len(), |end| end + 2))
            }
            _ if quote.is_some() => (Token::Text, literal(rest, quote.unwrap_or(&""))),
            '0'..='9' => (Token::Number, run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))),
            '@' => (Token::Type, 1 + run(&rest[1..], |c| c.is_alphanumeric() || matches!(c, '_' | '.'))),
            c if c.is_alphabetic() || c == '_' => {
                let len = run(rest, |c| c.is_alphanumeric() || c == '_');
                let word = &rest[..len];
                let token = match word {
                    _ if grammar.words.contains(&word) => Token::Word,
                    _ if grammar.constants.contains(&word) => Token::Number,
                    _ if rest[len..].starts_with('(') => Token::Key,
                    _ => Token::Plain,
                };
                (token, len)
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ',' | ':' | ';' => (Token::Punctuation, 1),
            _ => (Token::Plain, c.len_utf8()),
        };
        out.push(token, &rest[..len]);
        rest = &rest[len..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_joined_are_the_text() {
        let texts = [
            "{\"a\": [1, -2.5e3, true, null, \"x: \\\" y\"]}",
            "a:\n  - b: \"c: d\"\n    e: 1\n  - text\nf: |\n  {{ ds }}\n# note\n",
            "package a:b@1.0.0;\n// note\ninterface c { f: func(x: list<u8>) -> result<string, e>; } /* open",
            "\"never closed",
            "é: ü\n",
            "@task\ndef f(x: int) -> str:\n    \"\"\"Says \\\" \"\"\"\n    return f'{x} # no' # yes\n",
            "const f = async (x) => `a ${x}\n${1_000}`; /* b */ // c\nlet s = 'open\nreturn",
        ];
        for text in texts {
            for language in
                [Language::Json, Language::Yaml, Language::Wit, Language::Python, Language::JavaScript, Language::Text]
            {
                let joined: String = tokens(text, language).into_iter().map(|(_, text)| text).collect();
                assert_eq!(joined, text, "{language:?}");
            }
        }
    }

    #[test]
    fn keys_and_values_differ() {
        assert!(tokens("{\"a\": \"b\"}", Language::Json).contains(&(Token::Key, "\"a\"".into())));
        assert!(tokens("{\"a\": \"b\"}", Language::Json).contains(&(Token::Text, "\"b\"".into())));
        assert_eq!(tokens("- task_id: clean\n", Language::Yaml)[2], (Token::Key, "task_id".into()));
        let python = tokens("def main(input):\n    return 'x'  # why\n", Language::named("python"));
        for (token, text) in [(Token::Word, "def"), (Token::Key, "main"), (Token::Text, "'x'"), (Token::Comment, "# why")] {
            assert!(python.contains(&(token, text.into())), "{text}: {python:?}");
        }
        assert!(tokens("run: func(input: string)", Language::Wit).contains(&(Token::Type, "string".into())));
    }
}
