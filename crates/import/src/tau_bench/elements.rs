//! Cuts a JSON list into its elements while it is read, with no more than one element in memory.
//!
//! It deliberately does not check the elements: it only tells strings and brackets apart, which is enough to find where
//! an element of a well-formed list ends.

use std::io::{self, BufRead};

/// The elements of a list.
pub(crate) struct Elements<R> {
    input: R,
    element_bytes_max: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeList,
    InList,
    AfterList,
    Broken,
}

/// What stands next in the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// An element, without the white space around it.
    Element(Vec<u8>),
    /// The bytes at which the input stopped being a list. What follows them is still in the reader.
    Broken { reason: &'static str, bytes: Vec<u8> },
}

impl<R: BufRead> Elements<R> {
    pub(crate) const fn new(input: R, element_bytes_max: usize) -> Self {
        Self { input, element_bytes_max, state: State::BeforeList }
    }

    /// What follows the broken place.
    pub(crate) const fn rest(&mut self) -> &mut R {
        &mut self.input
    }

    /// The next part; `None` at the end of the list and of the input.
    pub(crate) fn next_part(&mut self) -> io::Result<Option<Part>> {
        if self.state == State::BeforeList {
            match self.next_solid()? {
                Some(b'[') => self.state = State::InList,
                None => self.state = State::AfterList,
                Some(byte) => return Ok(Some(self.broken("not a JSON list", vec![byte]))),
            }
            if self.state == State::InList && self.peek_solid()? == Some(b']') {
                self.input.consume(1);
                self.state = State::AfterList;
            }
        }
        match self.state {
            State::InList => self.element().map(Some),
            State::AfterList => {
                let more = self.next_solid()?;
                Ok(more.map(|byte| self.broken("more than one JSON list", vec![byte])))
            }
            State::BeforeList | State::Broken => Ok(None),
        }
    }

    fn broken(&mut self, reason: &'static str, bytes: Vec<u8>) -> Part {
        self.state = State::Broken;
        Part::Broken { reason, bytes }
    }

    fn element(&mut self) -> io::Result<Part> {
        self.peek_solid()?;
        let (mut bytes, mut scan) = (Vec::new(), Scan::default());
        let reason = loop {
            if bytes.len() >= self.element_bytes_max {
                break "an element of the list is too long";
            }
            let Some(byte) = self.next_byte()? else { break "the list is not ended" };
            match scan.next(byte) {
                Step::Inside => bytes.push(byte),
                Step::End => {
                    self.state = if byte == b',' { State::InList } else { State::AfterList };
                    bytes.truncate(bytes.trim_ascii_end().len());
                    return Ok(Part::Element(bytes));
                }
            }
        };
        Ok(self.broken(reason, bytes))
    }

    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        if byte.is_some() {
            self.input.consume(1);
        }
        Ok(byte)
    }

    /// The next byte that is no white space; it stays in the input.
    fn peek_solid(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf()?.first().copied() {
                Some(byte) if byte.is_ascii_whitespace() => self.input.consume(1),
                byte => return Ok(byte),
            }
        }
    }

    fn next_solid(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek_solid()?;
        if byte.is_some() {
            self.input.consume(1);
        }
        Ok(byte)
    }
}

/// Where in an element a byte stands.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

enum Step {
    Inside,
    End,
}

impl Scan {
    fn next(&mut self, byte: u8) -> Step {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return Step::Inside;
        }
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b',' | b']' if self.depth == 0 => return Step::End,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Step::Inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Vec<String>, Option<(&'static str, String)>) {
        let mut elements = Elements::new(text.as_bytes(), 64);
        let mut whole = Vec::new();
        while let Some(part) = elements.next_part().unwrap() {
            match part {
                Part::Element(bytes) => whole.push(String::from_utf8(bytes).unwrap()),
                Part::Broken { reason, bytes } => {
                    let rest = String::from_utf8([bytes.as_slice(), elements.rest()].concat()).unwrap();
                    return (whole, Some((reason, rest)));
                }
            }
        }
        (whole, None)
    }

    #[test]
    fn elements_come_without_the_white_space_around_them() {
        let text = "\n [ {\"a\": [1, 2]} ,\n\t\"x,]\\\"[\" , 3]\n";
        assert_eq!(parts(text), (vec!["{\"a\": [1, 2]}".into(), "\"x,]\\\"[\"".into(), "3".into()], None));
        for empty in ["", " \n", "[]", " [ ] "] {
            assert_eq!(parts(empty), (vec![], None), "{empty:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_handed_over_from_where_it_breaks() {
        let broken = |elements: &[&str], reason, rest: &str| {
            (elements.iter().map(|element| (*element).to_owned()).collect(), Some((reason, rest.to_owned())))
        };
        assert_eq!(parts("{\"a\":1}"), broken(&[], "not a JSON list", "{\"a\":1}"));
        assert_eq!(parts("[1, {\"a\": 2"), broken(&["1"], "the list is not ended", "{\"a\": 2"));
        assert_eq!(parts("[1] [2]"), broken(&["1"], "more than one JSON list", "[2]"));
        let long = "9".repeat(80);
        assert_eq!(
            parts(&format!("[1,{long}]")),
            broken(&["1"], "an element of the list is too long", &format!("{long}]"))
        );
    }
}
