//! Rows for people: aligned columns that fit the terminal.
//!
//! Widths are taken from the first rows and kept from then on, so that a list of any length is printed in bounded
//! memory. INVARIANT: a cell's text goes through [`one_line`]: nothing recorded can reach the terminal as a control
//! character or break a row. Where no terminal limits the width, nothing is cut but what has a maximum of its own.

use std::fmt::Display;
use std::io::Write;

use anstyle::Style;

use crate::output::{FAINT, Output};
use crate::terminal_text::{columns, one_line};

/// How many rows are looked at for the widths of the columns.
const ROWS_MEASURED_MAX: usize = 1_000;
/// Between one column and the next.
const GAP_COLUMNS: usize = 2;

/// How a column is set.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    heading: String,
    is_right: bool,
    /// It may shrink to so many columns where the terminal is too narrow.
    least: usize,
    /// It never grows beyond so many.
    most: usize,
    /// Where even the least widths don't fit, it may be left out: the dispensable before the others. 0: never.
    dispensable: u8,
}

impl Column {
    /// Text that is never cut: ids, words that somebody copies.
    pub(crate) fn whole(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), is_right: false, least: usize::MAX, most: usize::MAX, dispensable: 0 }
    }

    /// Text of at most `most` columns, which may shrink to `least`.
    pub(crate) fn text(heading: impl Into<String>, least: usize, most: usize) -> Self {
        Self { least, most, ..Self::whole(heading) }
    }

    /// Numbers, never cut.
    pub(crate) fn number(heading: impl Into<String>) -> Self {
        Self { is_right: true, ..Self::whole(heading) }
    }

    /// The same column, which may be left out where there is too little room; those with greater numbers first.
    pub(crate) fn dispensable(self, dispensable: u8) -> Self {
        Self { dispensable, ..self }
    }
}

/// What stands in one column of a row.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: impl Display) -> Self {
        Self::styled(Style::new(), text)
    }

    pub(crate) fn styled(style: Style, text: impl Display) -> Self {
        Self { text: text.to_string(), style }
    }

    /// What there is, or nothing.
    pub(crate) fn optional(text: Option<impl Display>) -> Self {
        Self::new(text.map(|text| text.to_string()).unwrap_or_default())
    }
}

/// A table in the making.
pub(crate) struct Table {
    columns: Vec<Column>,
    waiting: Vec<Vec<Cell>>,
    /// Once it is decided: how wide each column is; `None` for one that is left out.
    widths: Option<Vec<Option<usize>>>,
}

impl Table {
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), waiting: Vec::new(), widths: None }
    }

    /// Adds a row. It is written at once when the widths are known, else with the rows that decide them.
    pub(crate) fn add(
        &mut self,
        row: impl IntoIterator<Item = Cell>,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let mut row: Vec<Cell> = row.into_iter().collect();
        for (cell, column) in row.iter_mut().zip(&self.columns) {
            cell.text = one_line(&cell.text, column.most);
        }
        self.waiting.push(row);
        if self.widths.is_some() || self.waiting.len() >= ROWS_MEASURED_MAX {
            self.flush(output)?;
        }
        Ok(())
    }

    /// Writes the rows that were added; the headings before the first ones.
    pub(crate) fn flush(&mut self, output: &mut Output) -> anyhow::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        if self.widths.is_none() {
            let widths = fitted(&self.columns, &natural_widths(&self.columns, &rows), output.columns());
            let headings: Vec<Cell> =
                self.columns.iter().map(|column| Cell::styled(FAINT, &column.heading)).collect();
            self.write(&headings, &widths, output)?;
            self.widths = Some(widths);
        }
        let widths = self.widths.clone().unwrap_or_default();
        rows.iter().try_for_each(|row| self.write(row, &widths, output))
    }

    fn write(&self, row: &[Cell], widths: &[Option<usize>], output: &mut Output) -> anyhow::Result<()> {
        let is_limited = output.columns().is_some();
        let (mut line, mut blank) = (String::new(), 0);
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let Some(width) = *width else { continue };
            let text = if is_limited { one_line(&cell.text, width) } else { cell.text.clone() };
            let padding = width.saturating_sub(columns(&text));
            if column.is_right {
                blank += padding;
            }
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', blank));
                line.push_str(&output.paint(cell.style, &text).to_string());
                blank = 0;
            }
            blank += GAP_COLUMNS + if column.is_right { 0 } else { padding };
        }
        Ok(writeln!(output, "{line}")?)
    }
}

/// As wide as the headings and the widest cells.
fn natural_widths(columns_of: &[Column], rows: &[Vec<Cell>]) -> Vec<usize> {
    let mut widths: Vec<usize> = columns_of.iter().map(|column| columns(&column.heading)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(&cell.text));
        }
    }
    widths
}

/// The widths at which a row fits into `limit`: the widest columns that may shrink do so first; where that is not
/// enough, the most dispensable columns are left out. What then is still too wide is left to the terminal.
fn fitted(columns: &[Column], natural: &[usize], limit: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(limit) = limit else { return widths };
    loop {
        let total = |widths: &[Option<usize>]| {
            let shown = widths.iter().flatten();
            (shown.clone().sum::<usize>() + GAP_COLUMNS * shown.count()).saturating_sub(GAP_COLUMNS)
        };
        let mut shrunk = widths.clone();
        while total(&shrunk) > limit {
            let may_shrink = shrunk
                .iter_mut()
                .zip(columns)
                .filter_map(|(width, column)| width.as_mut().filter(|width| **width > column.least));
            let Some(widest) = may_shrink.max_by_key(|width| **width) else { break };
            *widest -= 1;
        }
        if total(&shrunk) <= limit {
            return shrunk;
        }
        let shown = widths.iter().zip(columns).enumerate().filter(|(_, (width, _))| width.is_some());
        let dispensable = shown.map(|(index, (_, column))| (column.dispensable, index)).max();
        let Some((1.., index)) = dispensable else { return shrunk };
        if let Some(width) = widths.get_mut(index) {
            *width = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns_of() -> [Column; 4] {
        [
            Column::whole("id"),
            Column::number("tokens").dispensable(1),
            Column::text("what", 4, 60),
            Column::whole("outcome").dispensable(2),
        ]
    }

    #[test]
    fn without_a_limit_columns_are_as_wide_as_what_stands_in_them() {
        assert_eq!(fitted(&columns_of(), &[10, 6, 40, 7], None), [Some(10), Some(6), Some(40), Some(7)]);
    }

    #[test]
    fn what_may_shrink_shrinks_first_and_then_the_most_dispensable_column_goes() {
        let natural = [10, 6, 40, 7];
        let fitted = |limit| fitted(&columns_of(), &natural, Some(limit));
        assert_eq!(fitted(100), [Some(10), Some(6), Some(40), Some(7)]);
        assert_eq!(fitted(50), [Some(10), Some(6), Some(21), Some(7)]);
        assert_eq!(fitted(30), [Some(10), Some(6), Some(10), None]);
        assert_eq!(fitted(17), [Some(10), None, Some(5), None]);
        // An id is never cut, even where nothing fits.
        assert_eq!(fitted(5), [Some(10), None, Some(4), None]);
    }
}
