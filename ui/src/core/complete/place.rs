//! Where in a definition the cursor is. The text is what somebody is just typing, so it need not be whole: in YAML the indentation
//! tells, in JSON the brackets.

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member, by its name.
    Key(String),
    /// An item of a list.
    Item,
}

/// What can stand at the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The name of a member.
    Key,
    /// A value.
    Value,
    /// In YAML at the beginning of a line: the name of a member, or a value.
    Fresh,
}

/// How the text is written where the cursor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Lines of YAML; members stand in this column.
    Block(usize),
    /// Inside of brackets, in YAML.
    Flow,
    /// JSON.
    Json,
}

/// The place of the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The way from the whole to the value that the cursor is in: for a name, the object that gets it.
    pub path: Vec<Step>,
    /// What can stand there.
    pub slot: Slot,
    /// What has been typed of it, without the quote before it.
    pub typed: String,
    /// Whether a quote stands before it.
    pub quoted: bool,
    /// The members beside it, with their values where they are short.
    pub siblings: Vec<(String, String)>,
    /// How it is written.
    pub style: Style,
    /// Whether a colon follows: the name of a member is changed, and keeps its value.
    pub named: bool,
}

/// Finds the place between `before` and `after`. There is none in a comment, or in a text of several lines.
#[must_use]
pub fn place(before: &str, after: &str) -> Option<Place> {
    let rest = after.lines().next().unwrap_or_default();
    let named =
        rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"')).trim_start().starts_with(':');
    let found = if before.trim_start().starts_with(['{', '[']) {
        flow(before, Vec::new(), Vec::new(), Style::Json)
    } else {
        block(before, after)
    };
    found.map(|place| Place { named, ..place })
}

#[derive(Debug, PartialEq)]
enum Mark<'a> {
    /// An item of a list begins.
    Dash,
    /// A member begins, with this value on its line.
    Key(&'a str, &'a str),
}

/// What begins on a line of YAML, with its columns, and what is left of the line with its column.
fn marks(line: &str) -> (Vec<(usize, Mark<'_>)>, usize, &str) {
    let mut found = Vec::new();
    let mut rest = line.trim_start_matches(' ');
    let mut column = line.len() - rest.len();
    while rest == "-" || rest.starts_with("- ") {
        found.push((column, Mark::Dash));
        let next = rest[1..].trim_start_matches(' ');
        column += rest.len() - next.len();
        rest = next;
    }
    if let Some((name, value)) = member(rest) {
        found.push((column, Mark::Key(name, value)));
    }
    (found, column, rest)
}

/// The name and the value of a member, when the text is one.
fn member(text: &str) -> Option<(&str, &str)> {
    if text.starts_with(['#', '{', '[', '|', '>', '&', '*', '!']) {
        return None;
    }
    let (name, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let end = text[1..].find(quote)? + 1;
            (&text[1..end], &text[end + 1..])
        }
        _ => {
            let end =
                text.match_indices(':').map(|(at, _)| at).find(|at| matches!(text.as_bytes().get(at + 1), None | Some(b' ')))?;
            (text[..end].trim_end(), &text[end..])
        }
    };
    let value = rest.trim_start().strip_prefix(':')?;
    (value.is_empty() || value.starts_with(' ')).then(|| (name, value.trim()))
}

/// Whether a value announces a text on the lines below.
fn is_block_text(value: &str) -> bool {
    value.starts_with(['|', '>']) && value.len() < 8
}

fn scalar(value: &str) -> String {
    value.trim_matches(['"', '\'']).to_owned()
}

fn is_nothing(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#') || line == "---"
}

fn block(before: &str, after: &str) -> Option<Place> {
    let (above, line) = before.rsplit_once('\n').unwrap_or(("", before));
    let above: Vec<&str> = above.lines().collect();
    let (own, column, rest) = marks(line);
    if rest.starts_with('#') || rest.contains(" #") {
        return None;
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    let parent = above.iter().rev().find(|line| !line.trim().is_empty() && line.len() - line.trim_start().len() < indent);
    if let Some(parent) = parent
        && let (_, Mark::Key(_, value)) = marks(parent).0.pop().unwrap_or((0, Mark::Dash))
        && is_block_text(value)
    {
        return None;
    }

    // From the inside to the outside.
    let mut way = Vec::new();
    let mut siblings = Vec::new();
    let (mut limit, mut in_list) = (column, false);
    for (dash, _) in own.iter().rev().filter(|(_, mark)| *mark == Mark::Dash) {
        way.push(Step::Item);
        (limit, in_list) = (*dash, true);
    }
    for line in above.iter().rev().filter(|line| !is_nothing(line)) {
        for (at, mark) in marks(line).0.into_iter().rev() {
            match mark {
                Mark::Key(name, _) if at < limit || in_list && at == limit => {
                    way.push(Step::Key(name.to_owned()));
                    (limit, in_list) = (at, false);
                }
                Mark::Key(name, value) if at == limit && way.is_empty() => siblings.push((name.to_owned(), scalar(value))),
                Mark::Dash if at < limit && !in_list => {
                    way.push(Step::Item);
                    (limit, in_list) = (at, true);
                }
                _ => {}
            }
        }
    }
    for line in after.lines().skip(1).filter(|line| !is_nothing(line)) {
        let found = marks(line).0;
        match found.first() {
            Some((at, Mark::Key(name, value))) if *at == column => siblings.push(((*name).to_owned(), scalar(value))),
            Some((at, _)) if *at < column => break,
            _ => {}
        }
    }
    way.reverse();

    let style = Style::Block(column);
    let done = |path, slot, text: &str| {
        let typed = text.trim_start_matches(['"', '\'']);
        Some(Place {
            path,
            slot,
            typed: typed.to_owned(),
            quoted: typed.len() < text.len(),
            siblings: siblings.clone(),
            style,
            named: false,
        })
    };
    match own.last() {
        Some((_, Mark::Key(name, _))) => {
            let value = rest[rest.find(name).unwrap_or(0) + name.len()..].trim_start_matches(['"', '\'']);
            let value = value.trim_start().strip_prefix(':')?;
            // Without a space after the colon there is no value yet.
            let text = value.strip_prefix(' ')?.trim_start();
            way.push(Step::Key((*name).to_owned()));
            match text {
                _ if is_block_text(text) => None,
                _ if text.starts_with(['{', '[']) => flow(text, way, siblings, Style::Flow),
                _ => done(way, Slot::Value, text),
            }
        }
        _ if rest.starts_with(['{', '[']) => flow(rest, way, siblings, Style::Flow),
        _ => done(way, Slot::Fresh, rest),
    }
}

enum Frame {
    Map { key: Option<String>, named: bool, members: Vec<(String, String)> },
    List,
}

fn flow(text: &str, base: Vec<Step>, beside: Vec<(String, String)>, style: Style) -> Option<Place> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut word = String::new();
    let (mut typed, mut quoted) = (String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => {
                word.clear();
                quoted = true;
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => word.extend(chars.next()),
                        _ if c == '"' || c == '\'' => {
                            quoted = false;
                            break;
                        }
                        c => word.push(c),
                    }
                }
                typed = if quoted { word.clone() } else { String::new() };
                continue;
            }
            '{' => frames.push(Frame::Map { key: None, named: false, members: Vec::new() }),
            '[' => frames.push(Frame::List),
            '}' | ']' => drop(frames.pop()),
            ',' => {
                if let Some(Frame::Map { key, named, members }) = frames.last_mut() {
                    if let Some(key) = key.take() {
                        members.push((key, std::mem::take(&mut word)));
                    }
                    *named = false;
                }
            }
            ':' => {
                if let Some(Frame::Map { key, named, .. }) = frames.last_mut()
                    && !*named
                {
                    (*key, *named) = (Some(std::mem::take(&mut word)), true);
                }
            }
            c if c.is_whitespace() => {}
            c => {
                word = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !matches!(c, ',' | ':' | '{' | '}' | '[' | ']' | '"'))
                {
                    word.push(c);
                }
                typed.clone_from(&word);
                continue;
            }
        }
        typed.clear();
    }
    if frames.is_empty() {
        return None;
    }
    let mut path = base;
    let mut siblings = beside;
    let last = frames.len() - 1;
    let mut slot = Slot::Value;
    for (i, frame) in frames.into_iter().enumerate() {
        match frame {
            Frame::List => path.push(Step::Item),
            Frame::Map { key, named, members } => {
                if i == last {
                    siblings = members;
                }
                match key {
                    Some(key) if named => path.push(Step::Key(key)),
                    _ => slot = Slot::Key,
                }
            }
        }
    }
    Some(Place { path, slot, typed, quoted, siblings, style, named: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of the `^` in a text.
    fn at(text: &str) -> Option<Place> {
        let (before, after) = text.split_once('^').unwrap();
        place(before, after)
    }

    fn path(place: &Place) -> String {
        place
            .path
            .iter()
            .map(|step| match step {
                Step::Key(key) => format!("/{key}"),
                Step::Item => "/*".to_owned(),
            })
            .collect()
    }

    fn seen(text: &str) -> (String, Slot, String) {
        let place = at(text).unwrap_or_else(|| panic!("no place in {text}"));
        (path(&place), place.slot, place.typed)
    }

    fn told(path: &str, slot: Slot, typed: &str) -> (String, Slot, String) {
        (path.to_owned(), slot, typed.to_owned())
    }

    #[test]
    fn lines_of_yaml() {
        assert_eq!(seen("^"), told("", Slot::Fresh, ""));
        assert_eq!(seen("dag_id: a\nsched^"), told("", Slot::Fresh, "sched"));
        assert_eq!(seen("dag_id: a\noverlap: ca^\ntasks: []\n"), told("/overlap", Slot::Value, "ca"));
        assert_eq!(seen("tasks:\n  - ^"), told("/tasks/*", Slot::Fresh, ""));
        assert_eq!(seen("tasks:\n  - task_id: a\n    comp^\n"), told("/tasks/*", Slot::Fresh, "comp"));
        assert_eq!(seen("tasks:\n- task_id: a\n  pool: ^"), told("/tasks/*/pool", Slot::Value, ""));
        assert_eq!(seen("tasks:\n- task_id: a\n- ^"), told("/tasks/*", Slot::Fresh, ""));
        assert_eq!(
            seen("tasks:\n  - task_id: a\n    grant:\n      http:\n        - host: x\n          sch^"),
            told("/tasks/*/grant/http/*", Slot::Fresh, "sch")
        );
        assert_eq!(
            seen("tasks:\n  - task_id: a\n    depends_on:\n      - b\n      - ^\n  - task_id: c"),
            told("/tasks/*/depends_on/*", Slot::Fresh, "")
        );
        assert_eq!(seen("defaults:\n  limits:\n    memory: 1GiB\n  ^"), told("/defaults", Slot::Fresh, ""));
        assert_eq!(seen("\"dag_id\": \"^"), told("/dag_id", Slot::Value, ""));
        assert!(at("\"dag_id\": \"^").unwrap().quoted);
    }

    #[test]
    fn brackets_in_yaml() {
        assert_eq!(seen("tasks:\n  - task_id: a\n    depends_on: [b, c^"), told("/tasks/*/depends_on/*", Slot::Value, "c"));
        assert_eq!(seen("tasks:\n  - input: {rows: {$fr^"), told("/tasks/*/input/rows", Slot::Key, "$fr"));
        assert_eq!(seen("tasks:\n  - input: {rows: {$from: ^"), told("/tasks/*/input/rows/$from", Slot::Value, ""));
        assert_eq!(seen("tasks:\n  - {task_id: a, ^"), told("/tasks/*", Slot::Key, ""));
    }

    #[test]
    fn json() {
        assert_eq!(seen("{\"dag_id\": \"a\", \"^"), told("", Slot::Key, ""));
        assert_eq!(
            seen("{\"tasks\": [{\"task_id\": \"a\", \"component\": \"we^\""),
            told("/tasks/*/component", Slot::Value, "we")
        );
        assert_eq!(seen("{\"tasks\": [{\"task_id\": \"a\"}, {\n  ^"), told("/tasks/*", Slot::Key, ""));
        assert_eq!(seen("{\"catchup\": t^"), told("/catchup", Slot::Value, "t"));
        assert_eq!(at("{\"a\": 1, \"b\": \"x\", ^").unwrap().siblings, [("a".into(), "1".into()), ("b".into(), "x".into())]);
        assert_eq!(at("{} ^"), None);
    }

    #[test]
    fn neighbours_are_those_of_the_same_object() {
        let place =
            at("tasks:\n  - task_id: a\n    component: x/y\n    ^\n    pool: p\n  - task_id: b\n    retries: 1\n").unwrap();
        assert_eq!(
            place.siblings,
            [("component".into(), "x/y".into()), ("task_id".into(), "a".into()), ("pool".into(), "p".into())]
        );
        let place = at("tasks:\n  - component: \"x/y\"\n    function: ^\n").unwrap();
        assert_eq!(
            (path(&place).as_str(), &place.siblings[..]),
            ("/tasks/*/function", &[("component".to_owned(), "x/y".to_owned())][..])
        );
        let place = at("tasks:\n  - task_id: a\n  - ^\n    pool: p\n").unwrap();
        assert_eq!(place.siblings, [("pool".into(), "p".into())]);
    }

    #[test]
    fn comments_and_texts_are_left_alone() {
        assert_eq!(at("dag_id: a # not^"), None);
        assert_eq!(at("# com^"), None);
        assert_eq!(at("tasks:\n  - script:\n      source: |\n        import x\n        y: ^\n"), None);
        assert_eq!(at("doc_md: |\n  a: 1\n\n  ^"), None);
        assert_eq!(seen("doc_md: |\n  a: 1\n^"), told("", Slot::Fresh, ""));
    }

    #[test]
    fn a_name_that_has_a_value_is_changed_alone() {
        assert!(at("dag^_id: a").unwrap().named);
        assert!(at("{\"dag^_id\": \"a\"}").unwrap().named);
        assert!(!at("dag^\ntasks: []").unwrap().named);
    }

    #[test]
    fn every_beginning_of_a_text_has_a_place_or_none() {
        let yaml = "dag_id: é\nschedule: {cron: '0 6 * * *', timezone: Europe/Berlin}\ntasks:\n- task_id: \"a\"\n  input: {x: [1, {$from: b}]}\n  script:\n    source: >-\n      a\n    language: python\n";
        let json = "{\"dag_id\": \"é\\\"\", \"tasks\": [{\"task_id\": \"a\", \"input\": {\"x\": [1, {\"$from\": \"b\"}]}}]}";
        for text in [yaml, json] {
            for (i, _) in text.char_indices() {
                let _ = place(&text[..i], &text[i..]);
            }
        }
    }
}
