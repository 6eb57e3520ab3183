//! What a store is tested against: a map, and a list of positions with their streams.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{Batch, KeyRange, Position, ReadError, Selection, View};

pub(crate) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A state of the store.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) entries: Entries,
    pub(crate) posts: BTreeMap<Position, Post>,
    /// Above all numbers so far.
    next_number: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Post {
    streams: BTreeSet<Vec<u8>>,
    ended: Option<u64>,
}

/// What a batch does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operations {
    pub(crate) entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// A time, and which of [`STREAMS`].
    pub(crate) posts: Vec<(u8, Vec<usize>)>,
    /// Which positions end: by their place among those of the model, when the batch's own are there.
    pub(crate) ends: Vec<usize>,
}

pub(crate) const STREAMS: [&[u8]; 5] = [b"", b"a", b"aa", b"a\0", b"\xff"];

impl Model {
    /// The batch that does `operations`, which are done to this model.
    pub(crate) fn apply(&mut self, operations: &Operations) -> Batch {
        let mut batch = Batch::new();
        for (key, value) in &operations.entries {
            if let Some(value) = value {
                batch.put(key, value);
                self.entries.insert(key.clone(), value.clone());
            } else {
                batch.delete(key);
                self.entries.remove(key);
            }
        }
        for (time, streams) in &operations.posts {
            let position = Position { time: u64::from(*time), number: self.next_number };
            // Numbers ascend, and need not follow one another.
            self.next_number += 1 + u64::from(time % 2);
            let streams: BTreeSet<Vec<u8>> = streams.iter().map(|index| STREAMS[*index].to_vec()).collect();
            batch.post(position, streams.iter().map(Vec::as_slice));
            self.posts.insert(position, Post { streams, ended: None });
        }
        let count = self.posts.len().max(1);
        for place in &operations.ends {
            if let Some((position, post)) = self.posts.iter_mut().nth(place % count) {
                batch.end(*position, self.next_number);
                post.ended.get_or_insert(self.next_number);
            }
        }
        // What ended is as new as what was posted.
        self.next_number += u64::from(!operations.ends.is_empty());
        batch.end(Position { time: 7, number: u64::MAX }, self.next_number);
        self.next_number += 1;
        batch
    }

    fn selected(&self, selection: &Selection) -> Vec<Position> {
        let known = |position: &Position, post: &Post| match selection.as_of {
            Some(as_of) => {
                let had_ended = post.ended.is_some_and(|ended| ended < as_of);
                position.number < as_of && (selection.with_ended || !had_ended)
            }
            None => selection.with_ended || post.ended.is_none(),
        };
        let mut found: Vec<Position> = self
            .posts
            .iter()
            .filter(|(position, post)| {
                selection.all_of.iter().all(|any| any.iter().any(|name| post.streams.contains(name)))
                    && selection.from.is_none_or(|from| position.time >= from)
                    && selection.to.is_none_or(|to| position.time < to)
                    && known(position, post)
            })
            .map(|(position, _)| *position)
            .collect();
        if selection.descending {
            found.reverse();
        }
        if let Some(after) = selection.after {
            found.retain(|position| if selection.descending { *position < after } else { *position > after });
        }
        found
    }

    /// That the view answers `selection` as the model does.
    pub(crate) fn check_selection(&self, view: &View, selection: &Selection) -> Result<(), ReadError> {
        let expected = self.selected(selection);
        let found: Vec<Position> = view.select(selection)?.collect::<Result<_, _>>()?;
        assert_eq!(found, expected, "{selection:?} of {self:?}");
        assert_eq!(view.count(selection)?, expected.len() as u64, "{selection:?} of {self:?}");
        Ok(())
    }

    /// That the view shows all that is in the model, and nothing else.
    pub(crate) fn check(&self, view: &View) -> Result<(), ReadError> {
        let entries: Entries = view.range(KeyRange::all()).collect::<Result<_, _>>()?;
        assert_eq!(entries, self.entries);
        for name in STREAMS {
            for (as_of, descending) in [(None, false), (None, true), (Some(self.next_number / 2), false)] {
                let all_of = vec![vec![name.to_vec()]];
                let selection = Selection { all_of, descending, as_of, ..Selection::default() };
                self.check_selection(view, &selection)?;
            }
        }
        self.check_selection(view, &Selection::default())?;
        for (position, post) in &self.posts {
            assert_eq!(view.end_of(*position)?, post.ended, "{position:?}");
        }
        let names: BTreeSet<Vec<u8>> = self.posts.values().flat_map(|post| post.streams.clone()).collect();
        let mut found = BTreeSet::new();
        let mut walk = view.streams(b"")?;
        while let Some(name) = walk.next_name()? {
            assert!(found.last().is_none_or(|last| *last < name), "names ascend");
            found.insert(name);
        }
        assert_eq!(found, names);
        Ok(())
    }
}

pub(crate) fn short_key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..6)
}

pub(crate) fn operations() -> impl Strategy<Value = Operations> {
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..60));
    let streams = vec(0..STREAMS.len(), 0..4);
    // Sometimes more than a block of a list, and of positions.
    let posts =
        prop_oneof![6 => vec((0u8..40, streams.clone()), 0..12), 1 => vec((0u8..40, streams), 200..300)];
    let ends = prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<usize>(), 0..4)];
    (vec((short_key(), value), 0..25), posts, ends).prop_map(|(entries, posts, ends)| Operations {
        entries,
        posts,
        ends,
    })
}

pub(crate) fn selection() -> impl Strategy<Value = Selection> {
    let name =
        (0..STREAMS.len() + 1).prop_map(|index| STREAMS.get(index).unwrap_or(&&b"nobody's"[..]).to_vec());
    let any_of = prop_oneof![8 => vec(name.clone(), 1..4), 1 => vec(name, 9..14), 1 => Just(Vec::new())];
    let time = || proptest::option::weighted(0.3, 0u64..42);
    let after = proptest::option::weighted(0.3, (0u64..40, 0u64..300));
    let as_of = proptest::option::weighted(0.4, 0u64..400);
    let with_ended = proptest::bool::weighted(0.2);
    (vec(any_of, 0..4), time(), time(), after, any::<bool>(), as_of, with_ended).prop_map(
        |(all_of, from, to, after, descending, as_of, with_ended)| {
            let after = after.map(|(time, number)| Position { time, number });
            Selection { all_of, from, to, after, descending, as_of, with_ended }
        },
    )
}
