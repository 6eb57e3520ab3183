//! The names of streams, in order, each once.

use std::sync::Arc;

use super::list::{List, ListBlocks};
use super::run::StreamRun;
use super::{Layer, Section};
use crate::error::ReadError;
use crate::table::{StreamCursor, Table};

/// A walk over the streams of one section of one layer.
#[derive(Debug)]
pub(crate) enum LayerNames {
    Run { run: Arc<StreamRun>, section: Section, index: usize },
    Table { cursor: Box<StreamCursor>, section: Section },
}

impl LayerNames {
    /// Before the first.
    pub(super) fn of_run(run: Arc<StreamRun>, section: Section) -> Self {
        let index = run.stream_count();
        Self::Run { run, section, index }
    }

    pub(super) fn of_table(table: &Arc<Table>, section: Section) -> Self {
        Self::Table { cursor: Box::new(StreamCursor::new(table)), section }
    }

    /// To the first stream at or behind `name`.
    pub(crate) fn seek(&mut self, name: &[u8]) -> Result<(), ReadError> {
        match self {
            Self::Run { run, section, index } => *index = run.find(*section, name),
            Self::Table { cursor, section } => cursor.seek(*section, name)?,
        }
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<(), ReadError> {
        match self {
            Self::Run { index, .. } => *index += 1,
            Self::Table { cursor, .. } => cursor.next()?,
        }
        Ok(())
    }

    /// The name of the stream at this place.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Run { run, section, index } => {
                run.stream(*index).filter(|(other, _, _)| other == section).map(|(_, name, _)| name)
            }
            Self::Table { cursor, section } => cursor.name(*section),
        }
    }

    /// The stream at this place.
    pub(crate) fn list(&self) -> Result<Option<List>, ReadError> {
        match self {
            Self::Run { run, index, .. } => {
                Ok(run.stream(*index).map(|(_, _, range)| List::new(ListBlocks::Run(Arc::clone(run), range))))
            }
            Self::Table { cursor, .. } => Ok(cursor.list()?.map(|list| List::new(ListBlocks::Table(list)))),
        }
    }
}

/// The names of a view's streams that start alike, ascending. A stream of which all positions have ended is among them.
///
/// ```
/// # use runledger_store::*;
/// # let dir = tempfile::tempdir()?;
/// let store = Store::open(dir.path(), Options::new().create(true))?;
/// let mut batch = Batch::new();
/// batch.post(Position { time: 9, number: 0 }, [&b"tool/read"[..], b"agent/a"]);
/// batch.post(Position { time: 8, number: 1 }, [&b"tool/write"[..], b"agent/a"]);
/// store.apply(&batch, b"checkpoint")?;
///
/// let mut names = store.view().streams(b"tool/")?;
/// assert_eq!(names.next_name()?, Some(b"tool/read".to_vec()));
/// names.seek(b"tool/s")?;
/// assert_eq!(names.next_name()?, Some(b"tool/write".to_vec()));
/// assert_eq!(names.next_name()?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StreamNames {
    prefix: Vec<u8>,
    layers: Vec<LayerNames>,
    /// Where to look next; `None` at the end.
    next: Option<Vec<u8>>,
    placed: bool,
}

impl StreamNames {
    pub(crate) fn new(layers: &[Layer], prefix: &[u8]) -> Self {
        let sections = [Section::Live, Section::Ended];
        let layers = layers.iter().flat_map(|layer| sections.map(|section| layer.names(section))).collect();
        Self { prefix: prefix.to_vec(), layers, next: Some(prefix.to_vec()), placed: false }
    }

    /// Goes on with the first name at or behind `name`.
    pub fn seek(&mut self, name: &[u8]) -> Result<(), ReadError> {
        self.next = Some(name.max(&self.prefix).to_vec());
        self.placed = false;
        Ok(())
    }

    /// The next name.
    pub fn next_name(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(wanted) = self.next.take() else { return Ok(None) };
        for layer in &mut self.layers {
            if !self.placed {
                layer.seek(&wanted)?;
            } else if layer.name() == Some(&wanted) {
                // It was the last answer.
                layer.next()?;
            }
        }
        let found = self.layers.iter().filter_map(LayerNames::name).min();
        let found = found.filter(|name| name.starts_with(&self.prefix)).map(<[u8]>::to_vec);
        self.next.clone_from(&found);
        self.placed = true;
        Ok(found)
    }
}
