//! Extracts messages from a TCP stream, in both framings of RFC 6587. rsyslog, which every installer has, ends messages
//! with a line feed by default, and can count octets instead.

use super::LONGEST;

/// Splits a stream into messages. Holds at most one message of the longest kind.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Bytes of a counted message that are still to come and will be skipped.
    passing: usize,
    /// Whether the rest of an overlong line is being skipped.
    until_line_end: bool,
}

impl Frames {
    /// Takes the bytes that arrived, and returns the messages that they complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while !bytes.is_empty() {
            if self.passing > 0 {
                let passed = self.passing.min(bytes.len());
                (self.passing, bytes) = (self.passing - passed, &bytes[passed..]);
                continue;
            }
            if self.until_line_end {
                let Some(end) = bytes.iter().position(|b| is_end(*b)) else { return messages };
                (self.until_line_end, bytes) = (false, &bytes[end + 1..]);
                continue;
            }
            let room = (LONGEST + 16).saturating_sub(self.buffer.len()).min(bytes.len());
            self.buffer.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            while let Some(message) = self.next() {
                if !message.is_empty() {
                    messages.push(message);
                }
            }
        }
        messages
    }

    /// Takes a complete message off the buffer.
    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some((header, length)) = self.counted() {
            let whole = header + length.min(LONGEST);
            if self.buffer.len() < whole {
                return None;
            }
            let message = self.buffer[header..whole].to_vec();
            let rest = self.buffer.len().min(header + length);
            self.passing = header + length - rest;
            self.buffer.drain(..rest);
            return Some(message);
        }
        match self.buffer.iter().position(|b| is_end(*b)) {
            Some(end) => {
                let mut message: Vec<u8> = self.buffer.drain(..=end).collect();
                message.truncate(end.min(LONGEST));
                Some(message)
            }
            None if self.buffer.len() >= LONGEST + 16 => {
                let mut message = std::mem::take(&mut self.buffer);
                message.truncate(LONGEST);
                self.until_line_end = true;
                Some(message)
            }
            None => None,
        }
    }

    /// Parses `123 <13>…` into the length of the header and of the message. A line that merely begins with a number
    /// does not match.
    fn counted(&self) -> Option<(usize, usize)> {
        let digits = self.buffer.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
        let is_header = digits > 0 && self.buffer[0] != b'0' && self.buffer.get(digits) == Some(&b' ');
        if !is_header || self.buffer.get(digits + 1).is_some_and(|b| *b != b'<') {
            return None;
        }
        let length = std::str::from_utf8(&self.buffer[..digits]).ok()?.parse().ok()?;
        Some((digits + 1, length))
    }
}

fn is_end(byte: u8) -> bool {
    byte == b'\n' || byte == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(stream: &[u8], piece: usize) -> Vec<String> {
        let mut frames = Frames::default();
        let messages = stream.chunks(piece.max(1)).flat_map(|bytes| frames.push(bytes));
        messages.map(|message| String::from_utf8_lossy(&message).into_owned()).collect()
    }

    #[test]
    fn both_framings_are_cut_however_the_stream_arrives() {
        let stream = b"<13>one\n9 <13>two\n3\n\n<14>5 apples\n5 pears\n<13>end\n";
        for piece in [1, 2, 3, 7, 100] {
            let messages = cut(stream, piece);
            assert_eq!(
                messages,
                ["<13>one", "<13>two\n3", "<14>5 apples", "5 pears", "<13>end"],
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let long = "x".repeat(3 * LONGEST);
        for stream in [format!("<13>{long}\n<13>next\n"), format!("{} <13>{long}<13>next\n", long.len() + 4)] {
            for piece in [1, 999, 100_000] {
                let messages = cut(stream.as_bytes(), piece);
                assert_eq!(messages.len(), 2, "in pieces of {piece}");
                assert_eq!((messages[0].len(), messages[1].as_str()), (LONGEST, "<13>next"));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_stream_ends_and_memory_is_bounded(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000), piece in 1usize..50) {
            let mut frames = Frames::default();
            let mut out = 0;
            for bytes in bytes.chunks(piece) {
                out += frames.push(bytes).iter().map(Vec::len).sum::<usize>();
                proptest::prop_assert!(frames.buffer.len() <= LONGEST + 16);
            }
            proptest::prop_assert!(out <= bytes.len());
        }
    }
}
