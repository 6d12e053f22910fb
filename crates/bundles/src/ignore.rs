//! `.cofferdamignore`: what of a bundle is left out.

/// The patterns of a file: one to a line, `#` begins a comment. `*` stands for anything but a slash, `**` for anything, `?` for one
/// character. A pattern without a slash is about the name of a file or folder anywhere, one with a slash about the path from the top.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored(Vec<String>);

/// The most patterns that are looked at.
const MAX_PATTERNS: usize = 1000;

impl Ignored {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.take(MAX_PATTERNS).map(|line| line.trim_end_matches('/').to_owned()).collect())
    }

    /// Whether a file or folder is left out. What is inside of a folder that is, is not asked for.
    pub(crate) fn has(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.0.iter().any(|pattern| match pattern.contains('/') {
            true => matches(pattern.trim_start_matches('/').as_bytes(), path.as_bytes()),
            false => matches(pattern.as_bytes(), name.as_bytes()),
        })
    }

    /// The same for a path of which no folder was asked for before.
    pub(crate) fn has_part_of(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        folders.chain([path]).any(|part| self.has(part))
    }
}

/// Whether a text is as the pattern says. It goes back to the last star only, so that no pattern takes long; `**` counts as the later
/// of the two kinds.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on when what follows a star does not fit: behind the star, and how much it has taken.
    let mut star: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') if pattern.get(at + 1) == Some(&b'*') => {
                at += 2;
                // `**/x` is also `x` at the top.
                if pattern.get(at) == Some(&b'/') && matches(&pattern[at + 1..], &text[read..]) {
                    return true;
                }
                (double, star) = (Some((at, read)), None);
                continue;
            }
            Some(b'*') => {
                at += 1;
                star = Some((at, read));
                continue;
            }
            Some(b'?') if text[read] != b'/' => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            Some(byte) if *byte == text[read] => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            _ => {}
        }
        match (star, double) {
            (Some((behind, taken)), _) if text[taken] != b'/' => {
                (at, read) = (behind, taken + 1);
                star = Some((behind, taken + 1));
            }
            (_, Some((behind, taken))) => {
                (at, read) = (behind, taken + 1);
                (double, star) = (Some((behind, taken + 1)), None);
            }
            _ => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_about_names_or_paths() {
        let ignored = Ignored::parse("# drafts\ndrafts/\n*.tmp.yaml\n/old/*.yaml\ndeep/**/x.json\n\n**/gen/*\n");
        for out in
            ["drafts", "a/drafts", "a/b.tmp.yaml", "old/a.yaml", "deep/a/b/x.json", "deep/x/x.json", "gen/a", "a/b/gen/c.yaml"]
        {
            assert!(ignored.has_part_of(out), "{out}");
        }
        for stays in ["draft", "a/b.yaml", "old/deeper/a.yaml", "a/old/b.yaml", "deep/x.yaml", "gen"] {
            assert!(!ignored.has_part_of(stays), "{stays}");
        }
        assert!(ignored.has_part_of("a/drafts/b.yaml"), "what is inside goes with its folder");
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let ignored = Ignored::parse(&"a*".repeat(200));
        assert!(!ignored.has(&"a".repeat(190)));
        assert!(ignored.has(&"a".repeat(400)));
    }
}
