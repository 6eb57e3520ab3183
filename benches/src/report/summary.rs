//! One line of a workload: what is aimed at, what was reached, and who of the peers came closest.

use super::numbers::median;
use super::{Series, reference_of};
use crate::workload::{Aim, Figure, Workload};

/// The line in the first table of a report.
pub(super) fn summary(workload: &Workload, series: &[Series]) -> String {
    let figure = workload.figure;
    let reference = reference_of(workload, series);
    let value = |series: &Series| match reference {
        Some(reference) => median(&series.ratios(reference, figure)),
        None => median(&series.figures(figure)),
    };
    let in_units = |value: f64| format!("{} {}", figure.text(value), figure.heading());
    // A ratio to a peer says less than the figure behind it; to what bounds everybody, more.
    let text = |series: &Series| match reference {
        Some(_) if figure.is_rate() => format!("{:.2}", value(series)),
        _ => in_units(median(&series.figures(figure))),
    };
    let own = series.first().map_or_else(String::new, |own| match reference {
        Some(_) if figure.is_rate() => {
            format!("**{:.2}** ({})", value(own), in_units(median(&own.figures(figure))))
        }
        Some(reference) => format!("**{}** ({:.2} × {})", text(own), value(own), reference.label),
        None => format!("**{}**", text(own)),
    });
    let peers = series.iter().skip(1).filter(|peer| {
        peer.failure.is_none()
            && !peer.label.starts_with("runledger")
            && (workload.reference != Some(&peer.label) || !figure.is_rate())
    });
    let peers = peers.map(|peer| (value(peer), peer));
    let best = if figure.is_rate() {
        peers.max_by(|one, other| one.0.total_cmp(&other.0))
    } else {
        peers.min_by(|one, other| one.0.total_cmp(&other.0))
    };
    let best = best.map(|(_, peer)| peer);
    let verdict = series.first().map_or("", |own| workload.aim.verdict(own, reference, best, series, figure));
    let best = best.map_or_else(|| "–".to_owned(), |peer| format!("{} {}", peer.label, text(peer)));
    format!("| {} | {} | {own}{verdict} | {best} |", workload.title, workload.aim.text(reference, figure))
}

impl Aim {
    fn text(&self, reference: Option<&Series>, figure: Figure) -> String {
        let mut parts = Vec::new();
        if let (Some(ratio), Some(reference)) = (self.ratio_min, reference) {
            parts.push(format!("≥ {ratio} × {}", reference.label));
        }
        if let Some(records) = self.records_per_sync_min {
            parts.push(format!("≥ {records} records per sync"));
        }
        if let Some(least) = self.figure_min {
            parts.push(format!("≥ {} {}", figure.text(least), figure.heading()));
        }
        if let Some(most) = self.figure_max {
            parts.push(format!("≤ {} {}", figure.text(most), figure.heading()));
        }
        parts.extend(self.ratios_max.iter().map(|(label, ratio)| format!("≤ {ratio} × {label}")));
        if self.best {
            parts.push("≤ the best peer".to_owned());
        }
        if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
    }

    /// Whether all of it is met. What can't be compared, because a peer is missing, is neither.
    fn verdict(
        &self,
        own: &Series,
        reference: Option<&Series>,
        best: Option<&Series>,
        all: &[Series],
        figure: Figure,
    ) -> &'static str {
        let ratio = |to: &Series| median(&own.ratios(to, figure));
        let value = median(&own.figures(figure));
        let records_per_sync = own.records_per_sync().map_or(0.0, |(records, _)| records);
        let mut conditions = Vec::new();
        conditions.extend(self.ratio_min.zip(reference).map(|(least, reference)| ratio(reference) >= least));
        conditions.extend(self.records_per_sync_min.map(|least| records_per_sync >= least));
        conditions.extend(self.figure_min.map(|least| value >= least));
        conditions.extend(self.figure_max.map(|most| value <= most));
        for (label, most) in &self.ratios_max {
            let peer = all.iter().find(|series| series.label == *label && series.failure.is_none());
            conditions.extend(peer.map(|peer| ratio(peer) <= *most));
        }
        conditions.extend(best.filter(|_| self.best).map(|best| ratio(best) <= 1.0));
        match (conditions.is_empty(), conditions.iter().all(|met| *met)) {
            (true, _) => "",
            (false, true) => ", met",
            (false, false) => ", missed",
        }
    }
}
