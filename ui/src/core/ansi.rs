//! Reads the colours of terminal text. The text stays text: nothing of it becomes markup, links or commands.

/// How a stretch of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// One of the sixteen colours, by its code (30–37, 90–97); nought is the default.
    pub colour: u8,
    /// Bold.
    pub bold: bool,
    /// Dimmed.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
}

impl Look {
    /// The classes of the style sheet.
    #[must_use]
    pub fn class(self) -> String {
        let mut class = String::new();
        if self.colour > 0 {
            class.push_str(&format!("a{} ", self.colour));
        }
        for (set, name) in [(self.bold, "ab "), (self.dim, "ad "), (self.italic, "ai "), (self.underline, "au ")] {
            if set {
                class.push_str(name);
            }
        }
        class
    }

    fn apply(&mut self, parameters: &str) {
        let mut codes = parameters.split([';', ':']).map(|code| code.parse::<u16>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 | 90..=97 => self.colour = code as u8,
                39 => self.colour = 0,
                // 256 colours and true colour: the arguments are read past, the colour stays.
                38 | 48 => match codes.next() {
                    Some(5) => drop(codes.next()),
                    Some(2) => drop(codes.by_ref().take(3).count()),
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

/// Splits a line into stretches of one look. Control sequences other than colours, and control characters other than
/// the tab, are dropped.
#[must_use]
pub fn spans(line: &str) -> Vec<(Look, String)> {
    let mut spans = Vec::new();
    let mut look = Look::default();
    let mut text = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            if c == '\t' || !c.is_control() {
                text.push(c);
            }
            continue;
        }
        match chars.peek() {
            Some('[') => {
                chars.next();
                let mut parameters = String::new();
                let end = loop {
                    match chars.next() {
                        Some(c @ '\u{40}'..='\u{7e}') => break Some(c),
                        Some(c) => parameters.push(c),
                        None => break None,
                    }
                };
                if end == Some('m') {
                    if !text.is_empty() {
                        spans.push((look, std::mem::take(&mut text)));
                    }
                    look.apply(&parameters);
                }
            }
            // A title or a link: up to the bell or ESC \.
            Some(']') => {
                while let Some(c) = chars.next() {
                    if c == '\u{7}' || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                        break;
                    }
                }
            }
            _ => drop(chars.next()),
        }
    }
    if !text.is_empty() {
        spans.push((look, text));
    }
    spans
}

/// The line without any control sequence.
#[must_use]
pub fn plain(line: &str) -> String {
    if line.contains('\u{1b}') { spans(line).into_iter().map(|(_, text)| text).collect() } else { line.to_owned() }
}

/// The same for a text of several lines.
#[must_use]
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red_bold() -> Look {
        Look { colour: 31, bold: true, ..Look::default() }
    }

    #[test]
    fn colours_become_looks() {
        assert_eq!(
            spans("a\u{1b}[1;31mb\u{1b}[0mc"),
            vec![(Look::default(), "a".into()), (red_bold(), "b".into()), (Look::default(), "c".into())]
        );
        assert_eq!(red_bold().class(), "a31 ab ");
    }

    #[test]
    fn extended_colours_do_not_spill_their_arguments() {
        assert_eq!(spans("\u{1b}[38;5;1mx"), vec![(Look::default(), "x".into())]);
        assert_eq!(spans("\u{1b}[38;2;1;2;3;1mx"), vec![(Look { bold: true, ..Look::default() }, "x".into())]);
    }

    #[test]
    fn other_sequences_are_dropped_and_markup_stays_text() {
        assert_eq!(plain("\u{1b}]8;;javascript:alert(1)\u{1b}\\link\u{1b}]8;;\u{1b}\\ <b>\u{1b}[2Jhi\r"), "link <b>hi");
        assert_eq!(plain("\u{1b}["), "");
        assert_eq!(plain("\u{1b}]0;title"), "");
    }
}
