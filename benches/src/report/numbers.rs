//! The arithmetic of the report, and how its numbers look.

/// A median and what it was taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub(super) median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Nothing of nothing.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let (first, rest) = values.split_first()?;
        let (least, most) =
            rest.iter().fold((*first, *first), |(least, most), value| (least.min(*value), most.max(*value)));
        Some(Self { median: median(values), least, most })
    }

    /// The median, and the range behind it if there was more than one value.
    pub(super) fn text(&self, number: impl Fn(f64) -> String) -> String {
        let (median, least, most) = (number(self.median), number(self.least), number(self.most));
        if least == most { median } else { format!("{median} ({least}–{most})") }
    }
}

/// The middle value, or the mean of the two middle ones.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|below| sorted.get(below)).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

/// A whole number, its thousands set apart.
pub(super) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds, with a decimal where it says something.
pub(super) fn microseconds(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { count(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_both_middles() {
        assert!((median(&[5.0, 1.0, 3.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([999.0, 1000.0, 1_234_567.4].map(count), ["999", "1,000", "1,234,567"]);
    }
}
