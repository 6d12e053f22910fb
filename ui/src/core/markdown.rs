//! The part of Markdown that notes and documentation use (after CommonMark 0.31): headings, paragraphs, lists, quotes, code, emphasis,
//! links. Nothing in it becomes markup of the page.

/// A block of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading, from 1 to 6.
    Heading(u8, Vec<Span>),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A list, numbered or not.
    List(bool, Vec<Vec<Span>>),
    /// A quotation.
    Quote(Vec<Span>),
    /// Text as it is, with the name of its language.
    Code(String, String),
    /// A line across.
    Rule,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Plain text.
    Text(String),
    /// Emphasised.
    Em(String),
    /// Strong.
    Strong(String),
    /// Code.
    Code(String),
    /// A link: its text, and where it leads.
    Link(String, String),
}

/// Reads a text.
#[must_use]
pub fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(fence) = ["```", "~~~"].into_iter().find(|fence| trimmed.starts_with(fence)) {
            let mut code = String::new();
            for line in lines.by_ref().take_while(|line| !line.trim_start().starts_with(fence)) {
                code.push_str(line);
                code.push('\n');
            }
            blocks.push(Block::Code(trimmed.trim_start_matches(['`', '~']).trim().to_owned(), code));
        } else if let Some((level, rest)) = heading(trimmed) {
            blocks.push(Block::Heading(level, spans(rest)));
        } else if trimmed.len() >= 3 && ["-", "*", "_"].iter().any(|mark| trimmed.replace(mark, "").trim().is_empty()) {
            blocks.push(Block::Rule);
        } else if let Some((numbered, first)) = item(trimmed) {
            let mut items = vec![first.to_owned()];
            while let Some(next) = lines.peek().map(|line| line.trim()) {
                match item(next) {
                    Some((other, text)) if other == numbered => items.push(text.to_owned()),
                    None if !next.is_empty() && heading(next).is_none() => {
                        if let Some(last) = items.last_mut() {
                            last.push(' ');
                            last.push_str(next);
                        }
                    }
                    _ => break,
                }
                lines.next();
            }
            blocks.push(Block::List(numbered, items.iter().map(|item| spans(item)).collect()));
        } else {
            let quote = trimmed.starts_with('>');
            let strip = |line: &str| line.trim().trim_start_matches('>').trim().to_owned();
            let mut whole = strip(line);
            while let Some(next) = lines.peek().map(|line| line.trim()) {
                if next.is_empty() || heading(next).is_some() || item(next).is_some() || next.starts_with("```") {
                    break;
                }
                whole.push(' ');
                whole.push_str(&strip(next));
                lines.next();
            }
            blocks.push(if quote { Block::Quote(spans(&whole)) } else { Block::Paragraph(spans(&whole)) });
        }
    }
    blocks
}

fn heading(line: &str) -> Option<(u8, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = line.get(level..)?.strip_prefix(' ')?;
    (1..=6).contains(&level).then_some((level as u8, rest.trim()))
}

fn item(line: &str) -> Option<(bool, &str)> {
    if let Some(rest) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some((false, rest.trim()));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line.get(digits..)?;
    let rest = rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") "))?;
    (1..=9).contains(&digits).then_some((true, rest.trim()))
}

fn spans(text: &str) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((span, used)) = span_at(rest) {
            if !plain.is_empty() {
                out.push(Span::Text(std::mem::take(&mut plain)));
            }
            out.push(span);
            rest = &rest[used..];
            continue;
        }
        let escaped = c == '\\' && rest[1..].starts_with(|next: char| next.is_ascii_punctuation());
        let taken = if escaped { rest[1..].chars().next().unwrap_or(c) } else { c };
        plain.push(taken);
        rest = &rest[if escaped { 1 + taken.len_utf8() } else { c.len_utf8() }..];
    }
    if !plain.is_empty() {
        out.push(Span::Text(plain));
    }
    out
}

fn span_at(rest: &str) -> Option<(Span, usize)> {
    let between = |mark: &str| {
        let inner = rest.strip_prefix(mark)?;
        let end = inner.find(mark).filter(|end| *end > 0)?;
        let text = &inner[..end];
        (text.trim() == text).then(|| (text.to_owned(), end + 2 * mark.len()))
    };
    if let Some((text, used)) = between("`") {
        return Some((Span::Code(text), used));
    }
    for mark in ["**", "__"] {
        if let Some((text, used)) = between(mark) {
            return Some((Span::Strong(text), used));
        }
    }
    if let Some((text, used)) = between("*") {
        return Some((Span::Em(text), used));
    }
    if rest.starts_with('[') {
        let close = rest.find("](")?;
        let end = rest[close..].find(')')? + close;
        let (text, to) = (&rest[1..close], rest[close + 2..end].trim());
        return is_safe(to).then(|| (Span::Link(text.to_owned(), to.to_owned()), end + 1));
    }
    for scheme in ["https://", "http://"] {
        if rest.starts_with(scheme) {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ')' | '"')).unwrap_or(rest.len());
            let link = rest[..end].trim_end_matches(['.', ',', ';', ':']);
            return (link.len() > scheme.len()).then(|| (Span::Link(link.to_owned(), link.to_owned()), link.len()));
        }
    }
    None
}

/// Whether a link leads to a page, and runs nothing.
fn is_safe(to: &str) -> bool {
    let has_scheme = to.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':'));
    !has_scheme || ["https:", "http:", "mailto:"].iter().any(|scheme| to.to_ascii_lowercase().starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Span {
        Span::Text(text.to_owned())
    }

    #[test]
    fn blocks_are_told_apart() {
        let blocks = parse("# Title\n\nOne\ntwo.\n\n- a\n- b\n  more\n1. x\n\n```sh\nls *\n```\n> said\n\n---\n");
        assert_eq!(
            blocks,
            [
                Block::Heading(1, vec![text("Title")]),
                Block::Paragraph(vec![text("One two.")]),
                Block::List(false, vec![vec![text("a")], vec![text("b more")]]),
                Block::List(true, vec![vec![text("x")]]),
                Block::Code("sh".to_owned(), "ls *\n".to_owned()),
                Block::Quote(vec![text("said")]),
                Block::Rule,
            ]
        );
        assert_eq!(parse("```\nnever closed"), [Block::Code(String::new(), "never closed\n".to_owned())]);
    }

    #[test]
    fn a_line_has_emphasis_code_and_links() {
        let spans = spans("a **b** *c* `d*` [e](https://f.example) 2 * 3 * 4 \\*no\\* https://g.example.");
        let shown = [
            text("a "),
            Span::Strong("b".to_owned()),
            text(" "),
            Span::Em("c".to_owned()),
            text(" "),
            Span::Code("d*".to_owned()),
            text(" "),
            Span::Link("e".to_owned(), "https://f.example".to_owned()),
            text(" 2 * 3 * 4 *no* "),
            Span::Link("https://g.example".to_owned(), "https://g.example".to_owned()),
            text("."),
        ];
        assert_eq!(spans, shown);
    }

    #[test]
    fn a_link_runs_nothing() {
        for to in ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x"] {
            assert!(!is_safe(to), "{to}");
            assert!(!spans(&format!("[x]({to})")).iter().any(|span| matches!(span, Span::Link(..))));
        }
        for to in ["/dags/x", "#part", "runs?x=a:b", "mailto:a@b.example"] {
            assert!(is_safe(to), "{to}");
        }
    }
}
