//! What is asked of streams.

/// Positions that are in one stream of each of several sets of streams.
///
/// ```
/// # use runledger_store::*;
/// # let dir = tempfile::tempdir()?;
/// let store = Store::open(dir.path(), Options::new().create(true))?;
/// let mut batch = Batch::new();
/// for number in 0..10 {
///     let (agent, tool) = ([b"agent/", &b"ab"[number % 2..][..1]].concat(), [b"tool/", &b"xyz"[number % 3..][..1]].concat());
///     let position = Position { time: 100 - number as u64, number: number as u64 };
///     batch.post(position, [&agent[..], &tool[..]]);
/// }
/// store.apply(&batch, b"checkpoint")?;
///
/// // Agent a, with tool x or y, newest first.
/// let all_of = vec![vec![b"agent/a".to_vec()], vec![b"tool/x".to_vec(), b"tool/y".to_vec()]];
/// let selection = Selection { all_of, descending: true, ..Selection::default() };
/// let found: Result<Vec<_>, _> = store.view().select(&selection)?.collect();
/// assert_eq!(found?.iter().map(|position| position.number).collect::<Vec<_>>(), [0, 4, 6]);
/// assert_eq!(store.view().count(&selection)?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// A position must be in a stream of each of these sets. Without any, all positions are selected; an empty set
    /// selects none.
    pub all_of: Vec<Vec<Vec<u8>>>,
    /// Positions of this time or later.
    pub from: Option<u64>,
    /// Positions before this time.
    pub to: Option<u64>,
    /// Only positions behind this one, in the order of the answer.
    pub after: Option<crate::Position>,
    /// The latest first.
    pub descending: bool,
    /// What was known before this number: positions below it, and among them those that ended only later. Without it,
    /// what is known now.
    pub as_of: Option<u64>,
    /// What has ended too.
    pub with_ended: bool,
}
