//! The body of an event, by its kind: `read` from JSON, `write` to it, one function per kind in either, in the same
//! order. What a reader takes and what its writer prints must be the same fields, and `known_fields` lists them.

mod read;
mod write;

pub(super) use read::body as read;
pub(super) use write::body as write;
pub(super) use write::query_audit as write_query_audit;

/// Joins the name of a nested object to that of a field in it that this version does not know, which is kept among
/// the body's extra fields: `usage.serviceTier`.
const NESTED_SEPARATOR: char = '.';
