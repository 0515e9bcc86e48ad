//! Reads XML piece by piece, with a limit for each: a tag with its attributes, or a text. Everything intended fits;
//! what is larger is damage, or an attack, and costs no more memory than the limit.

use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::Damaged;

/// The largest element or attribute, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The deepest nesting of elements; no metadata is nested more deeply.
const MAX_DEPTH: usize = 64;

/// A stream of pieces.
pub(super) struct Pieces<R> {
    reader: Reader<Limited<R>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<R: BufRead> Pieces<R> {
    /// Reads at most `most` bytes of text.
    pub(super) fn of(text: R, most: u64) -> Self {
        let reader = Reader::from_reader(Limited { text, left: 0, all_left: most });
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Event<'_>, Damaged> {
        self.buffer.clear();
        self.reader.get_mut().left = MAX_BYTES;
        let piece = self.reader.read_event_into(&mut self.buffer);
        let piece = piece.map_err(|error| Damaged(format!("it is not XML: {error}")))?;
        match &piece {
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => return Err(Damaged("it ends in the middle".into())),
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Err(Damaged(format!("its elements lie more than {MAX_DEPTH} deep")));
        }
        Ok(piece)
    }
}

/// Adds a piece to a text that arrives in several, such as one with `&amp;` in it.
pub(super) fn append(text: &mut String, more: &str) -> Result<(), Damaged> {
    if text.len() + more.len() > MAX_BYTES {
        return Err(Damaged(too_long()));
    }
    text.push_str(more);
    Ok(())
}

fn too_long() -> String {
    format!("an element or attribute has more than {} KiB", MAX_BYTES / 1024)
}

/// A text with limits on how much of it, and of one piece, may be read.
struct Limited<R> {
    text: R,
    left: usize,
    all_left: u64,
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let length = bytes.len().min(into.len());
        into[..length].copy_from_slice(&bytes[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let too_much = |what| Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        let bytes = self.text.fill_buf()?;
        // The end is not a piece.
        if bytes.is_empty() {
            return Ok(bytes);
        }
        let all_left = usize::try_from(self.all_left).unwrap_or(usize::MAX);
        if all_left == 0 {
            return too_much("it has more text than any metadata".to_string());
        }
        if self.left == 0 {
            return too_much(too_long());
        }
        Ok(&bytes[..bytes.len().min(self.left).min(all_left)])
    }

    fn consume(&mut self, length: usize) {
        self.left = self.left.saturating_sub(length);
        self.all_left = self.all_left.saturating_sub(length as u64);
        self.text.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, repeat};

    use super::*;

    fn read(text: impl Read, most: u64) -> Result<usize, String> {
        let mut pieces = Pieces::of(BufReader::new(text), most);
        let mut count = 0;
        loop {
            match pieces.next().map_err(|damaged| damaged.0)? {
                Event::Eof => return Ok(count),
                _ => count += 1,
            }
        }
    }

    #[test]
    fn a_piece_beyond_the_limit_is_damage_wherever_it_stands_and_takes_no_memory() {
        // Each of these would go on for ever.
        for start in ["<a>", "<a x='", "<a ", "<", "<a><!--", "<a><![CDATA[", "<?", "<!DOCTYPE ", "<a>&"] {
            let why = read(start.as_bytes().chain(repeat(b'n')), u64::MAX).unwrap_err();
            assert!(why.contains("more than 64 KiB") || why.contains("not XML"), "{start}: {why}");
        }
        let deep = "<a>".repeat(1000);
        assert_eq!(read(deep.as_bytes(), 1 << 20).unwrap_err(), "its elements lie more than 64 deep");
        let long = format!("<a>{}</a>", "<b/>".repeat(100_000));
        assert_eq!(read(long.as_bytes(), 1 << 20), Ok(100_002));
        assert!(read(long.as_bytes(), 100_000).unwrap_err().contains("more text than any metadata"));
        assert_eq!(read(&b"<a><b>"[..], 100).unwrap_err(), "it ends in the middle");
        let text = format!("<a>{}</a>", "n".repeat(60_000));
        assert_eq!(read(text.as_bytes(), 1 << 20), Ok(3));
    }

    #[test]
    fn a_text_of_many_pieces_has_the_same_limit() {
        let mut text = String::new();
        let more = "n".repeat(60_000);
        append(&mut text, &more).unwrap();
        assert!(append(&mut text, &more).unwrap_err().0.contains("64 KiB"));
    }
}
