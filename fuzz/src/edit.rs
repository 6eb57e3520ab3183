//! Edits that the fuzzer chooses, applied to files in memory.
//!
//! Every edit applies to every directory: choices are taken modulo what is there, so that no input is wasted.

use arbitrary::Arbitrary;

use crate::images::Images;

/// Files stay below this: the fuzzer looks for confusion, not for a full disk.
const FILE_BYTES_MAX: usize = 1 << 20;

/// What a target does in one run.
#[derive(Arbitrary, Debug)]
pub struct Damage {
    /// Whether checksums are made right again afterwards.
    pub reseal: bool,
    edits: Vec<Edit>,
}

/// One change of one file.
#[derive(Arbitrary, Debug)]
struct Edit {
    file: u8,
    change: Change,
}

#[derive(Arbitrary, Debug)]
enum Change {
    Overwrite {
        at: u16,
        bytes: Vec<u8>,
    },
    /// A field of four bytes, where lengths and counts lie.
    Field {
        word: u16,
        value: u32,
    },
    Truncate {
        at: u16,
    },
    Append {
        bytes: Vec<u8>,
    },
    Move {
        from: u16,
        to: u16,
        length: u8,
    },
    Remove,
    /// The file gets the content of another one.
    Replace {
        by: u8,
    },
}

impl Damage {
    /// Applies the edits.
    pub fn apply(&self, images: &mut Images) {
        for edit in &self.edits {
            let Some(name) = chosen(images, edit.file) else { return };
            if matches!(edit.change, Change::Remove) {
                images.0.remove(&name);
                continue;
            }
            let replacement = match edit.change {
                Change::Replace { by } => chosen(images, by).map(|other| images.0[&other].clone()),
                _ => None,
            };
            let bytes = images.0.get_mut(&name).expect("the name was just found");
            match replacement {
                Some(replacement) => *bytes = replacement,
                None => edit.change.apply(bytes),
            }
            bytes.truncate(FILE_BYTES_MAX);
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: u16| if bytes.is_empty() { 0 } else { usize::from(at) % bytes.len() };
        match self {
            Self::Overwrite { at, bytes: new } => {
                let at = place(*at);
                bytes.iter_mut().skip(at).zip(new).for_each(|(to, from)| *to = *from);
            }
            Self::Field { word, value } => {
                let at = place(*word) / 4 * 4;
                bytes.iter_mut().skip(at).zip(value.to_le_bytes()).for_each(|(to, from)| *to = from);
            }
            Self::Truncate { at } => bytes.truncate(place(*at)),
            Self::Append { bytes: new } => bytes.extend_from_slice(new),
            Self::Move { from, to, length } => {
                let (from, to) = (place(*from), place(*to));
                let moved: Vec<u8> = bytes.iter().copied().skip(from).take(usize::from(*length)).collect();
                bytes.iter_mut().skip(to).zip(moved).for_each(|(to, from)| *to = from);
            }
            Self::Remove | Self::Replace { .. } => unreachable!("handled where the other files are known"),
        }
    }
}

fn chosen(images: &Images, choice: u8) -> Option<String> {
    let count = images.0.len();
    images.0.keys().nth(usize::from(choice).checked_rem(count)?).cloned()
}
