//! Several layers, neighbours in age, as one.
//!
//! Positions come first, so that each input has a map from its ordinals to those of the output; then each stream's lists
//! pass through these maps. Ends that were pending find their positions, if these are among the inputs, and what ended moves
//! to the other list of its streams.
//!
//! Invariant: memory is bounded by a block for each input, by the maps, and by what newly ended.

use std::collections::BTreeMap;

use super::names::LayerNames;
use super::ordinal_map::OrdinalMap;
use super::{Layer, List, Section};
use crate::error::WriteError;
use crate::planted::{Bug, planted};
use crate::position::Position;

/// Who takes what a merge makes, in this order: all positions, the streams by section and name, ends by ordinal, pending
/// ends by position.
pub(crate) trait StreamSink {
    /// The next position. Its ordinal is the number of those before it.
    fn position(&mut self, position: Position) -> Result<(), WriteError>;
    /// There are no more positions.
    fn begin_streams(&mut self) -> Result<(), WriteError>;
    fn begin(&mut self, section: Section, name: &[u8]) -> Result<(), WriteError>;
    /// More of the stream's ordinals, ascending. One that gets none is not to be kept.
    fn ordinals(&mut self, ordinals: &[u32]) -> Result<(), WriteError>;
    fn end_stream(&mut self) -> Result<(), WriteError>;
    fn ended(&mut self, ordinal: u32, number: u64) -> Result<(), WriteError>;
    fn pending_end(&mut self, position: Position, number: u64) -> Result<(), WriteError>;
}

/// Hands the content of `layers` to `sink`. Pending ends whose position is in none of them are kept if `keep_pending`.
/// `pace` is called now and then, and ends the merge with its error.
pub(crate) fn merge(
    layers: &[Layer],
    keep_pending: bool,
    sink: &mut impl StreamSink,
    pace: &mut dyn FnMut() -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let maps = merge_positions(layers, sink, pace)?;
    let ends = Ends::resolve(layers, &maps)?;
    sink.begin_streams()?;
    let mut moved = BTreeMap::new();
    merge_section(layers, &maps, Section::Live, sink, pace, |name, ordinals, sink| {
        let is_new = |ordinal: &u32| ends.newly.binary_search(ordinal).is_ok();
        let nothing_moves = ends.newly.is_empty() || planted(Bug::MergeLeavesEndedLive);
        if nothing_moves || !ordinals.iter().any(is_new) {
            return sink.ordinals(ordinals);
        }
        let (ended, live): (Vec<u32>, Vec<u32>) = ordinals.iter().partition(|ordinal| is_new(ordinal));
        moved.entry(name.to_vec()).or_insert_with(Vec::new).extend(ended);
        sink.ordinals(&live)
    })?;
    merge_ended(layers, &maps, moved, sink, pace)?;
    for (ordinal, number) in &ends.own {
        sink.ended(*ordinal, *number)?;
    }
    let keep_pending = keep_pending && !planted(Bug::MergeForgetsEnds);
    for (position, number) in ends.pending.iter().filter(|_| keep_pending) {
        sink.pending_end(*position, *number)?;
    }
    Ok(())
}

/// This many positions between two calls of `pace`.
const PACE_POSITIONS: u32 = 1024;

fn merge_positions(
    layers: &[Layer],
    sink: &mut impl StreamSink,
    pace: &mut dyn FnMut() -> Result<(), WriteError>,
) -> Result<Vec<OrdinalMap>, WriteError> {
    let mut heads = Vec::with_capacity(layers.len());
    for layer in layers {
        let head = if layer.position_count() > 0 { Some(layer.position(0)?) } else { None };
        heads.push((head, 0));
    }
    let mut maps: Vec<OrdinalMap> = layers.iter().map(|_| OrdinalMap::default()).collect();
    let mut image = 0u32;
    loop {
        // The input with the lowest head, and how far it may go before another one has its turn.
        let nearest = (0..heads.len()).filter_map(|index| Some((heads.get(index)?.0?, index))).min();
        let Some((_, index)) = nearest else { return Ok(maps) };
        let others = heads.iter().enumerate().filter(|(other, _)| *other != index);
        let limit = others.filter_map(|(_, (head, _))| *head).min();
        let (Some(layer), Some((head, ordinal)), Some(map)) =
            (layers.get(index), heads.get_mut(index), maps.get_mut(index))
        else {
            return Ok(maps);
        };
        while let Some(position) = head.filter(|head| limit.is_none_or(|limit| *head < limit)) {
            sink.position(position)?;
            map.push(image);
            image += 1;
            if image.is_multiple_of(PACE_POSITIONS) {
                pace()?;
            }
            *ordinal += 1;
            *head = if *ordinal < layer.position_count() { Some(layer.position(*ordinal)?) } else { None };
            if head.is_some_and(|head| head <= position) {
                return Err(disorder(layer, *ordinal));
            }
        }
        if let (Some(head), Some(limit)) = (*head, limit)
            && head == limit
        {
            return Err(disorder(layer, *ordinal));
        }
    }
}

/// What checksums let pass and can't be.
fn disorder(layer: &Layer, ordinal: u32) -> WriteError {
    let name = match layer {
        Layer::Run(_) => "memory",
        Layer::Table(table) => table.name(),
    };
    crate::Damage::new(
        name,
        u64::from(ordinal),
        "positions that do not ascend, or come twice",
        "a higher one",
        "others",
    )
    .into()
}

/// Which positions ended.
struct Ends {
    /// By ordinal of the output.
    own: Vec<(u32, u64)>,
    /// Those among them that were live in their input.
    newly: Vec<u32>,
    /// Those whose position is in none of the inputs.
    pending: Vec<(Position, u64)>,
}

impl Ends {
    fn resolve(layers: &[Layer], maps: &[OrdinalMap]) -> Result<Self, WriteError> {
        let mut own = BTreeMap::new();
        for (layer, map) in layers.iter().zip(maps) {
            let mut finger = 0;
            own.extend(
                layer.all_ends()?.into_iter().map(|(at, number)| (map.image(at, &mut finger), number)),
            );
        }
        let (mut newly, mut pending) = (Vec::new(), BTreeMap::new());
        for (age, layer) in layers.iter().enumerate() {
            for (position, number) in layer.all_pending()? {
                let mut found = None;
                for (older, map) in layers.iter().zip(maps).take(age) {
                    if let Some(ordinal) = older.ordinal_of(position)? {
                        found = Some(map.image(ordinal, &mut 0));
                    }
                }
                // Of several ends the first counts, and that is the older layer's.
                match found {
                    Some(image) if !own.contains_key(&image) => {
                        own.insert(image, number);
                        newly.push(image);
                    }
                    Some(_) => {}
                    None => {
                        pending.entry(position).or_insert(number);
                    }
                }
            }
        }
        newly.sort_unstable();
        Ok(Self { own: own.into_iter().collect(), newly, pending: pending.into_iter().collect() })
    }
}

/// Merges the lists of each stream of one section; `put` hands them on.
fn merge_section<S: StreamSink>(
    layers: &[Layer],
    maps: &[OrdinalMap],
    section: Section,
    sink: &mut S,
    pace: &mut dyn FnMut() -> Result<(), WriteError>,
    mut put: impl FnMut(&[u8], &[u32], &mut S) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut names: Vec<LayerNames> = layers.iter().map(|layer| layer.names(section)).collect();
    for layer in &mut names {
        layer.seek(&[])?;
    }
    let mut name = Vec::new();
    while let Some(lowest) = names.iter().filter_map(LayerNames::name).min() {
        name.clear();
        name.extend_from_slice(lowest);
        sink.begin(section, &name)?;
        let mut inputs = Vec::new();
        for (layer, map) in names.iter_mut().zip(maps) {
            if layer.name() == Some(&name) {
                if let Some(list) = layer.list()? {
                    inputs.push(Input::new(list, map)?);
                }
                layer.next()?;
            }
        }
        merge_lists(inputs, &mut |ordinals| {
            pace()?;
            put(&name, ordinals, sink)
        })?;
        sink.end_stream()?;
    }
    Ok(())
}

/// Merges what had ended with what newly did.
fn merge_ended(
    layers: &[Layer],
    maps: &[OrdinalMap],
    mut moved: BTreeMap<Vec<u8>, Vec<u32>>,
    sink: &mut impl StreamSink,
    pace: &mut dyn FnMut() -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    if moved.is_empty() {
        return merge_section(layers, maps, Section::Ended, sink, pace, |_, ordinals, sink| {
            sink.ordinals(ordinals)
        });
    }
    // What ended is little, but for ledgers that are nothing but corrections.
    let mut collector = Collector::default();
    merge_section(layers, maps, Section::Ended, &mut collector, pace, |_, ordinals, all| {
        all.ordinals(ordinals)
    })?;
    for (name, ordinals) in collector.streams {
        moved.entry(name).or_default().extend(ordinals);
    }
    for (name, mut ordinals) in moved {
        ordinals.sort_unstable();
        sink.begin(Section::Ended, &name)?;
        sink.ordinals(&ordinals)?;
        sink.end_stream()?;
    }
    Ok(())
}

/// Keeps streams as they come.
#[derive(Default)]
struct Collector {
    streams: Vec<(Vec<u8>, Vec<u32>)>,
}

impl StreamSink for Collector {
    fn position(&mut self, _: Position) -> Result<(), WriteError> {
        Ok(())
    }

    fn begin_streams(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn begin(&mut self, _: Section, name: &[u8]) -> Result<(), WriteError> {
        self.streams.push((name.to_vec(), Vec::new()));
        Ok(())
    }

    fn ordinals(&mut self, ordinals: &[u32]) -> Result<(), WriteError> {
        if let Some((_, list)) = self.streams.last_mut() {
            list.extend_from_slice(ordinals);
        }
        Ok(())
    }

    fn end_stream(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn ended(&mut self, _: u32, _: u64) -> Result<(), WriteError> {
        Ok(())
    }

    fn pending_end(&mut self, _: Position, _: u64) -> Result<(), WriteError> {
        Ok(())
    }
}

/// One list on its way, a block at a time, as ordinals of the output.
struct Input<'m> {
    list: List,
    map: &'m OrdinalMap,
    finger: usize,
    block: usize,
    images: Vec<u32>,
    taken: usize,
}

impl<'m> Input<'m> {
    fn new(list: List, map: &'m OrdinalMap) -> Result<Self, WriteError> {
        let mut input = Self { list, map, finger: 0, block: 0, images: Vec::new(), taken: 0 };
        input.read()?;
        Ok(input)
    }

    fn read(&mut self) -> Result<(), WriteError> {
        self.images.clear();
        self.taken = 0;
        if let Some(block) = self.list.block(self.block)? {
            let (map, finger) = (self.map, &mut self.finger);
            self.images.extend(block.iter().map(|ordinal| map.image(*ordinal, finger)));
            self.block += 1;
        }
        Ok(())
    }

    fn left(&self) -> &[u32] {
        self.images.get(self.taken..).unwrap_or_default()
    }

    /// Hands over what is below `limit`.
    fn put_below(
        &mut self,
        limit: Option<u32>,
        put: &mut dyn FnMut(&[u32]) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        while let Some(last) = self.left().last().copied() {
            let below = match limit {
                Some(limit) if last >= limit => self.left().partition_point(|ordinal| *ordinal < limit),
                _ => self.left().len(),
            };
            put(self.left().get(..below).unwrap_or_default())?;
            self.taken += below;
            if !self.left().is_empty() {
                break;
            }
            self.read()?;
        }
        Ok(())
    }
}

fn merge_lists(
    mut inputs: Vec<Input<'_>>,
    put: &mut dyn FnMut(&[u32]) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    loop {
        inputs.retain(|input| !input.left().is_empty());
        let nearest = inputs.iter().enumerate().min_by_key(|(_, input)| input.left().first().copied());
        let Some((index, _)) = nearest else { return Ok(()) };
        let others = inputs.iter().enumerate().filter(|(other, _)| *other != index);
        let limit = others.filter_map(|(_, input)| input.left().first().copied()).min();
        if let Some(input) = inputs.get_mut(index) {
            let before = input.left().first().copied();
            input.put_below(limit, put)?;
            if input.left().first().copied() == before {
                // Two lists with the same position: it is in one layer only, so a list has it twice.
                return Err(crate::Damage::new(
                    "a merge",
                    0,
                    "a list that does not ascend",
                    "distinct ordinals",
                    "others",
                )
                .into());
            }
        }
    }
}
