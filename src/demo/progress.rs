//! How far the demo is: a bar for people, a line a day for logs.

use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::app::terminal;

/// Shows how far the demo is, on standard error.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    day: Option<Date>,
    done: u64,
    total: u64,
}

impl Progress {
    pub(super) fn of(total: u64) -> Self {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}");
        let bar = terminal::is_watched().then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            day: None,
            done: 0,
            total,
        }
    }

    /// The clock shows `now`; `done` more of the script is done.
    pub(super) fn advance(&mut self, now: Timestamp, done: usize) {
        self.done += u64::try_from(done).unwrap_or(0);
        let today = now.to_zoned(TimeZone::UTC).date();
        if let Some(bar) = &self.bar {
            bar.set_message(today.to_string());
            bar.set_position(self.done);
        } else if self.day != Some(today) {
            terminal::note(&format!("{today}: {} of {} done", self.done, self.total));
        }
        self.day = Some(today);
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
