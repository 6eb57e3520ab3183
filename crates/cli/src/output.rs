//! Standard output and what goes beside it: form, colour, width, time zone, progress, notes.
//!
//! Data goes to standard output through one [`Output`]; everything else goes to standard error. A reader that has
//! gone away shows as [`io::ErrorKind::BrokenPipe`] here, and ends the program quietly in `exit.rs`.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Zoned;
use jiff::tz::TimeZone;
use runledger::{Progress, Timestamp};

/// For what is beside the point.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// For names and headings.
pub(crate) const STRONG: Style = Style::new().bold();
/// For what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// For what did not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// The form that the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `--json`
    Json,
    /// `--text`
    Text,
    /// Neither.
    Unsaid,
}

/// Standard output, buffered, and how to write on it.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    form: Form,
    is_terminal: bool,
    has_colour: bool,
    columns: Option<usize>,
    zone: TimeZone,
}

impl Output {
    /// Takes standard output for the rest of the program. People read times in `zone`.
    pub(crate) fn new(form: Form, zone: TimeZone) -> Self {
        let stdout = io::stdout().lock();
        let is_terminal = stdout.is_terminal();
        let has_colour = is_terminal && colour_is_wanted();
        let columns = columns_wanted().or_else(|| is_terminal.then(|| columns_of(&stdout)).flatten());
        Self { stdout: BufWriter::new(stdout), form, is_terminal, has_colour, columns, zone }
    }

    /// Whether summaries (runs, statistics, reports) are printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    /// Whether events are printed as JSON. They are for programs unless somebody is looking: what is printed can be
    /// fed back through a pipe without further ado.
    pub(crate) fn events_are_json(&self) -> bool {
        match self.form {
            Form::Json => true,
            Form::Text => false,
            Form::Unsaid => !self.is_terminal,
        }
    }

    /// Whether nobody will read what is written from now on. A pipe tells so before the next write fails.
    pub(crate) fn reader_is_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut watched = [PollFd::new(self.stdout.get_ref(), PollFlags::empty())];
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut watched, Some(&at_once)).is_ok() && watched.iter().any(|fd| fd.revents().intersects(gone))
    }

    /// How many columns a line may take; `None` where nothing limits it.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// A time to the second, in a form that `--from` reads: local without its offset, as lists show it, or in UTC.
    pub(crate) fn second(&self, time: Timestamp) -> String {
        let format = if self.is_utc() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S" };
        self.zoned(time).strftime(format).to_string()
    }

    /// A time with all of its digits and its offset.
    pub(crate) fn time(&self, time: Timestamp) -> String {
        if self.is_utc() {
            return time.to_string();
        }
        self.zoned(time).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
    }

    /// How a column of times is called. Times in UTC say so themselves.
    pub(crate) fn time_heading(&self, name: &str) -> String {
        if self.is_utc() { name.to_owned() } else { format!("{name} (local)") }
    }

    /// Whether the zone is UTC, by `--utc` or because the machine's is.
    fn is_utc(&self) -> bool {
        self.zone == TimeZone::UTC || matches!(self.zone.iana_name(), Some("UTC" | "Etc/UTC"))
    }

    fn zoned(&self, time: Timestamp) -> Zoned {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanoseconds()));
        instant.expect("every i64 of nanoseconds lies within the calendar").to_zoned(self.zone.clone())
    }

    /// `text` in a style, where colour is shown.
    pub(crate) fn paint<T: Display>(&self, style: Style, text: T) -> Painted<T> {
        Painted { style: if self.has_colour { style } else { Style::new() }, text }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stdout.write(bytes).map_err(|error| of_standard_output(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush().map_err(|error| of_standard_output(&error))
    }
}

/// The error with what failed before it; of the same kind, because `exit.rs` and the library's loops look at that.
fn of_standard_output(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

/// `count` with its noun: `1 file`, `2 files`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// <https://no-color.org>: the variable counts when it is set and not empty.
fn colour_is_wanted() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// The width that the environment asks for: `COLUMNS`, as shells set it.
fn columns_wanted() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0)
}

/// The width of the terminal.
fn columns_of(terminal: &StdoutLock<'_>) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

/// A text in a style. Width and alignment apply to the text alone.
pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.style.render().to_string())?;
        self.text.fmt(f)?;
        f.write_str(&self.style.render_reset().to_string())
    }
}

/// Says something on standard error that is no error: `note: …`. A closed standard error is nobody's loss.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// One line on standard error, as it is.
pub(crate) fn remark(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A progress bar on standard error, with `figures` in indicatif's terms; it shows nothing where that is no terminal.
pub(crate) fn progress_bar(what: &'static str, figures: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_message(what);
    match ProgressStyle::with_template(&format!("{{msg}} {{wide_bar}} {figures}")) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Says how far a long piece of work is, in lines on standard error. What is soon done says nothing.
pub(crate) struct ProgressLines {
    what: &'static str,
    told: Mutex<Instant>,
}

/// Between one line and the next.
const PROGRESS_LINE_INTERVAL: Duration = Duration::from_secs(5);

impl ProgressLines {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, told: Mutex::new(Instant::now()) }
    }

    pub(crate) fn tell(&self, progress: Progress) {
        let Ok(mut told) = self.told.lock() else { return };
        if told.elapsed() < PROGRESS_LINE_INTERVAL {
            return;
        }
        *told = Instant::now();
        remark(self.line(progress));
    }

    fn line(&self, progress: Progress) -> String {
        let percent = progress.done.saturating_mul(100).checked_div(progress.total).unwrap_or(100);
        format!("{}: {percent} % ({} of {})", self.what, progress.done, progress.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_has_the_share_and_the_figures() {
        let lines = ProgressLines::new("building the index");
        assert_eq!(lines.line(Progress { done: 1, total: 8 }), "building the index: 12 % (1 of 8)");
        assert_eq!(lines.line(Progress { done: 0, total: 0 }), "building the index: 100 % (0 of 0)");
    }

    #[test]
    fn one_of_a_thing_is_singular() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "run")), ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn painted_text_is_plain_without_colour_and_padded_without_its_escapes() {
        let plain = Painted { style: Style::new(), text: "x" };
        assert_eq!(format!("{plain:>3}"), "  x");
        let red = Painted { style: BAD, text: "x" };
        assert_eq!(format!("{red:>3}"), "\u{1b}[31m  x\u{1b}[0m");
    }
}
