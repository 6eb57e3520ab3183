//! Lines of standard input, numbered from 1, each in bounded memory.

use std::io::{self, BufRead};

/// No event's JSON is longer: a record holds at most 16 MiB, and an escape makes at most six bytes of one.
pub(super) const LINE_BYTES_MAX: usize = 6 * (16 << 20) + (1 << 20);

/// A line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes, without the line break.
    Whole(Vec<u8>),
    /// It was longer than [`LINE_BYTES_MAX`]; it has been passed over to its end.
    TooLong,
}

/// Reads the next line; `None` at the end of the input.
pub(super) fn next(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut too_long = false;
    let mut is_empty = true;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            break;
        }
        is_empty = false;
        let line_break = available.iter().position(|byte| *byte == b'\n');
        let piece = available.get(..line_break.unwrap_or(available.len())).unwrap_or_default();
        too_long |= line.len() + piece.len() > bytes_max;
        if too_long {
            line = Vec::new();
        } else {
            line.extend_from_slice(piece);
        }
        let read = piece.len() + usize::from(line_break.is_some());
        input.consume(read);
        if line_break.is_some() {
            break;
        }
    }
    if is_empty {
        return Ok(None);
    }
    Ok(Some(if too_long { Line::TooLong } else { Line::Whole(line) }))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &str, bytes_max: usize) -> Vec<Line> {
        // A small buffer, so that lines span several fillings.
        let mut input = BufReader::with_capacity(3, text.as_bytes());
        std::iter::from_fn(|| next(&mut input, bytes_max).unwrap()).collect()
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_cut_at_line_breaks_and_the_last_needs_none() {
        assert_eq!(
            lines("one\n\ntwo-and-more\r\nthree", 99),
            [whole("one"), whole(""), whole("two-and-more\r"), whole("three")]
        );
        assert_eq!(lines("", 99), []);
        assert_eq!(lines("\n", 99), [whole("")]);
    }

    #[test]
    fn a_line_over_the_bound_is_passed_over_and_the_next_one_is_whole() {
        assert_eq!(lines("12345\n123456\n12", 5), [whole("12345"), Line::TooLong, whole("12")]);
    }
}
