//! Reads a file line by line in bounded memory.
//!
//! A line is what stands between two line feeds; a carriage return before one belongs to the line, so that every byte
//! of the file is either in a line or one of the line feeds. A line longer than [`SOURCE_LINE_BYTES_MAX`] comes in
//! pieces.
//!
//! It deliberately does not look into the lines.

use std::io::{self, BufRead};

/// The longest line, or piece of a line, that one event holds. Leaves room for the event's envelope in a record of at
/// most 16 MiB.
pub(crate) const SOURCE_LINE_BYTES_MAX: usize = 12 << 20;

/// A line, or a piece of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its bytes, without the line feed.
    pub(crate) bytes: Vec<u8>,
    /// Which piece of its line it is, from 0.
    pub(crate) piece: u32,
    /// Whether the next one continues the same line.
    pub(crate) continues: bool,
    /// Whether a line feed follows it.
    pub(crate) ended: bool,
}

impl Line {
    /// Whether it is the whole of its line.
    pub(crate) fn is_whole(&self) -> bool {
        self.piece == 0 && !self.continues
    }

    /// Whether it holds nothing but JSON's white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
    }
}

/// The lines of a file.
pub(crate) struct Lines<R> {
    input: R,
    line_bytes_max: usize,
    next_piece: u32,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self::with_limit(input, SOURCE_LINE_BYTES_MAX)
    }

    /// As [`Lines::new`], with pieces of at most `line_bytes_max` bytes.
    pub(crate) const fn with_limit(input: R, line_bytes_max: usize) -> Self {
        Self { input, line_bytes_max, next_piece: 0 }
    }

    /// The next line or piece; `None` at the end of the file. A file that ends in a line feed has no empty line after
    /// it.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { piece: self.next_piece, ..Line::default() };
        self.next_piece = 0;
        loop {
            let available = fill(&mut self.input)?;
            if available.is_empty() {
                let nothing = line.bytes.is_empty() && line.piece == 0;
                return Ok((!nothing).then_some(line));
            }
            let room = self.line_bytes_max - line.bytes.len();
            let window = available.get(..room).unwrap_or(available);
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                line.bytes.extend_from_slice(window.get(..end).unwrap_or_default());
                line.ended = true;
                self.input.consume(end + 1);
                return Ok(Some(line));
            }
            let taken = window.len();
            line.bytes.extend_from_slice(window);
            self.input.consume(taken);
            if line.bytes.len() == self.line_bytes_max {
                self.end_or_cut(&mut line)?;
                return Ok(Some(line));
            }
        }
    }

    /// A line of just the longest length is whole; a longer one goes on in the next piece.
    fn end_or_cut(&mut self, line: &mut Line) -> io::Result<()> {
        let available = fill(&mut self.input)?;
        match available.first() {
            None => {}
            Some(b'\n') => {
                line.ended = true;
                self.input.consume(1);
            }
            Some(_) => {
                line.continues = true;
                self.next_piece = line.piece.saturating_add(1);
            }
        }
        Ok(())
    }
}

/// What the input holds ready; reads again where a signal interrupted.
fn fill<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &[u8], line_bytes_max: usize, buffer_bytes: usize) -> Vec<Line> {
        let mut lines = Lines::with_limit(BufReader::with_capacity(buffer_bytes, text), line_bytes_max);
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    fn written(lines: &[Line]) -> Vec<u8> {
        let feed = |line: &Line| if line.ended { &b"\n"[..] } else { b"" };
        lines.iter().flat_map(|line| [&line.bytes[..], feed(line)].concat()).collect()
    }

    #[test]
    fn every_byte_is_in_a_line_or_is_a_line_feed() {
        for text in ["", "\n", "a", "a\n", "a\r\nb", "\n\n a\n\n", "abcd\nabcde\nabcdefghijkl\n", "abcdefgh"]
        {
            for limit in 1..10 {
                for buffer in [1, 2, 3, 64] {
                    let lines = read(text.as_bytes(), limit, buffer);
                    assert_eq!(written(&lines), text.as_bytes(), "{text:?} in pieces of {limit}");
                    assert!(lines.iter().all(|line| line.bytes.len() <= limit));
                    let whole = lines.iter().filter(|line| !line.continues).count();
                    assert_eq!(whole, text.lines().count(), "{text:?} in pieces of {limit}");
                }
            }
        }
    }

    #[test]
    fn a_line_of_just_the_longest_length_is_whole_and_a_longer_one_is_numbered() {
        let lines = read(b"abcd\nabcdefghi\nx", 4, 3);
        let shape: Vec<_> = lines.iter().map(|line| (line.piece, line.continues, line.ended)).collect();
        assert_eq!(
            shape,
            [(0, false, true), (0, true, false), (1, true, false), (2, false, true), (0, false, false)]
        );
        assert!(lines[0].is_whole() && !lines[1].is_whole() && !lines[3].is_whole());
    }

    #[test]
    fn only_json_white_space_is_blank() {
        let line = |bytes: &[u8]| Line { bytes: bytes.to_vec(), ..Line::default() };
        assert!(line(b"").is_blank() && line(b" \t\r").is_blank());
        assert!(!line(b"\x0c").is_blank() && !line(b" x").is_blank());
    }
}
