//! Provenance as JSON: a tree of objects, each with its `relation`, what it is under the name of that, and `cameFrom`.

use super::audited_query::write_source;
use super::body::write_query_audit::contributing_assertion;
use super::object_writer::ObjectWriter;
use crate::{Provenance, ProvenanceFinding, ProvenanceNode};

impl Provenance {
    /// The tree as one line of JSON: `decision`, and how many `gaps` and `cycles` it has, how much was `leftOut`
    /// and, if any were, how many queries were `tooOld`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = ObjectWriter::new();
        json.object("decision", |json| write_node(&self.decision, json));
        json.unsigned("gaps", self.gaps as u64);
        json.unsigned("cycles", self.cycles as u64);
        json.unsigned("leftOut", self.left_out);
        if self.too_old > 0 {
            json.unsigned("tooOld", self.too_old);
        }
        json.finish()
    }
}

/// The tree is no deeper than its limits on events and runs, so that this may go down by recursion.
fn write_node(node: &ProvenanceNode, json: &mut ObjectWriter) {
    json.word("relation", node.relation.as_str());
    write_finding(&node.finding, json);
    if !node.came_from.is_empty() {
        json.objects("cameFrom", &node.came_from, write_node);
    }
}

fn write_finding(finding: &ProvenanceFinding, json: &mut ObjectWriter) {
    match finding {
        ProvenanceFinding::Event(stored) => json.raw("event", &stored.event.to_json(Some(stored.seq))),
        ProvenanceFinding::Run(run) => json.raw("run", &run.to_json()),
        ProvenanceFinding::Query(query) => json.object("query", |json| query.write(json)),
        ProvenanceFinding::Assertion(assertion) => {
            json.object("assertion", |json| contributing_assertion(assertion, json));
        }
        ProvenanceFinding::Source { source_hash, source } => {
            json.object("source", |json| write_source(*source_hash, source.as_deref(), json));
        }
        ProvenanceFinding::MissingEvent(id) => json.word("missingEvent", id),
        ProvenanceFinding::MissingRun(id) => json.text("missingRun", id),
        ProvenanceFinding::Unreadable { seq, reason } => {
            json.object("unreadable", |json| {
                json.unsigned("seq", seq.get());
                json.text("reason", reason);
            });
        }
        ProvenanceFinding::EventAgain(id) => json.word("cycleToEvent", id),
        ProvenanceFinding::RunAgain(id) => json.text("cycleToRun", id),
        ProvenanceFinding::RunShown(id) => json.text("runShownElsewhere", id),
        ProvenanceFinding::LeftOut(count) => json.unsigned("leftOut", *count),
        ProvenanceFinding::TooOld(count) => json.unsigned("tooOld", *count),
    }
}
