//! Maps JSON Pointers to the lines and columns of a YAML text.

use serde_saphyr::granit_parser::{Event, Parser};
use std::collections::BTreeMap;

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

enum Frame {
    Sequence { pointer: String, next: usize },
    Mapping { pointer: String, key: Option<String> },
}

/// The place of every value of the first document in `text`, by its JSON Pointer. What follows an error is left out.
pub fn positions(text: &str) -> BTreeMap<String, Position> {
    let mut places = BTreeMap::new();
    let mut frames: Vec<Frame> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let position = Position { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::DocumentEnd => break,
            Event::SequenceEnd | Event::MappingEnd => {
                frames.pop();
            }
            Event::Scalar(text, ..) => {
                // A scalar where a mapping expects a key is that key; anything else is a value.
                if let Some(Frame::Mapping { key: key @ None, .. }) = frames.last_mut() {
                    *key = Some(text.into_owned());
                } else {
                    place(&mut places, &mut frames, position);
                }
            }
            Event::Alias(_) => {
                place(&mut places, &mut frames, position);
            }
            Event::SequenceStart(..) => {
                let pointer = place(&mut places, &mut frames, position);
                frames.push(Frame::Sequence { pointer, next: 0 });
            }
            Event::MappingStart(..) => {
                let pointer = place(&mut places, &mut frames, position);
                frames.push(Frame::Mapping { pointer, key: None });
            }
            _ => {}
        }
    }
    places
}

/// Notes where a value stands, and returns its pointer.
fn place(places: &mut BTreeMap<String, Position>, frames: &mut [Frame], position: Position) -> String {
    let pointer = match frames.last_mut() {
        None => String::new(),
        Some(Frame::Sequence { pointer, next }) => {
            *next += 1;
            format!("{pointer}/{}", *next - 1)
        }
        Some(Frame::Mapping { pointer, key }) => {
            let key = key.take().unwrap_or_default();
            format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
        }
    };
    places.insert(pointer.clone(), position);
    pointer
}
