//! The lines of a file at what is wrong with it, which are kept with that: the file itself is not.

use cofferdam_api_types::{Diagnostic, SourceLine, SyncContent, SyncFile};

/// Lines shown before and behind the place.
const AROUND: u32 = 2;
/// The most lines of one place.
const MOST_LINES: usize = 12;
/// The most characters of a line.
const LONGEST: usize = 200;

/// Adds the lines around each diagnostic that has a place in the file.
pub(super) fn add(file: &SyncFile, diagnostics: &mut [Diagnostic]) {
    let text = match &file.content {
        SyncContent::Definition(text) => text,
        SyncContent::Program(written) => &written.text,
        // Of these there is no text.
        SyncContent::Component(_) | SyncContent::Broken(_) => return,
    };
    for found in diagnostics {
        let Some(span) = found.span else { continue };
        let (first, last) = (span.line.saturating_sub(AROUND).max(1), span.end_line.max(span.line).saturating_add(AROUND));
        let numbered = (1..).zip(text.lines()).skip_while(|(line, _)| *line < first).take_while(|(line, _)| *line <= last);
        let lines = numbered.take(MOST_LINES).map(|(line, text)| SourceLine { line, text: text.chars().take(LONGEST).collect() });
        found.source = lines.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundles::broken;
    use cofferdam_api_types::TextSpan;
    use cofferdam_ids::Digest;

    #[test]
    fn lines_around_a_place_are_kept() {
        let text = (1..=20).map(|line| format!("line {line}\n")).collect::<String>();
        let hash = Digest::new("a".repeat(64)).unwrap();
        let file = SyncFile { path: "a.yaml".to_owned(), hash, content: SyncContent::Definition(text) };
        let lines = |line, end_line| {
            let span = Some(TextSpan { line, column: 1, end_line, end_column: 2 });
            let mut found = [Diagnostic { span, ..broken("unknown_field", "no such field", None) }];
            add(&file, &mut found);
            found[0].source.iter().map(|one| (one.line, one.text.clone())).collect::<Vec<_>>()
        };
        assert_eq!(lines(1, 1), [(1, "line 1".to_owned()), (2, "line 2".to_owned()), (3, "line 3".to_owned())]);
        assert_eq!(lines(20, 20).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [18, 19, 20]);
        assert_eq!(lines(3, 19).len(), 12);
        assert_eq!(lines(90, 90), []);
    }
}
