//! Reads server-sent events: the data of each, as text.

/// Takes bytes as they come and gives the data of each complete event.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    data: String,
    has_data: bool,
    after_cr: bool,
}

impl Decoder {
    /// Takes some bytes; returns the data of the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                // CR LF is one line end.
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
        events
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(data);
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(rest) = text.strip_prefix("data:") {
            if self.has_data {
                self.data.push('\n');
            }
            self.data.push_str(rest.strip_prefix(' ').unwrap_or(rest));
            self.has_data = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_the_bytes_are_cut() {
        let text = ": keep-alive\n\nevent: lines\ndata: {\"a\":1}\nid: 3\n\r\ndata: x\r\ndata:y\r\n\r\n";
        for size in 1..text.len() {
            let mut decoder = Decoder::default();
            let found: Vec<String> = text.as_bytes().chunks(size).flat_map(|chunk| decoder.push(chunk)).collect();
            assert_eq!(found, ["{\"a\":1}", "x\ny"], "in pieces of {size}");
        }
    }
}
