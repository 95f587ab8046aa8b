//! What a report's day asks for at an instant: pure.

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use serde_json::Value;

use super::due;
use crate::{
    care::plan::Followed,
    fhir::{
        canonical::{REPORT_CHANNEL, extension},
        care_plan::State,
        pathway::Policy,
    },
    pathways::schedule::instant_at,
};

/// Which look at a report comes next; kept in its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// When it is due: the first reminder, or a telephone call.
    First,
    /// Some time later, for those who have not answered.
    Second,
    /// When its window closes.
    Close,
}

impl Look {
    /// Its name in a job.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Close => "close",
        }
    }

    /// The look of this name; a job that names none is at its beginning.
    #[must_use]
    pub fn coded(code: Option<&str>) -> Self {
        match code {
            Some("second") => Self::Second,
            Some("close") => Self::Close,
            _ => Self::First,
        }
    }
}

/// What a look does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// It reminds whoever reports.
    Remind,
    /// It asks the team for a telephone call.
    Call,
}

/// What is to be done for a report at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The window is open: act, and come back.
    Go {
        /// What to do now.
        act: Act,
        /// Which look comes next.
        next: Look,
        /// When.
        at: Timestamp,
    },
    /// It is not due yet: the hour has been moved.
    NotYet {
        /// When it is due.
        due: Timestamp,
    },
    /// It has fallen due in a pause of the follow-up: nobody is asked, and nothing is missed.
    Pause {
        /// When the window closes.
        closes: Timestamp,
    },
    /// The window has closed without an answer.
    Miss,
    /// Answered, cancelled, or missed already.
    Settled,
}

/// How one person is asked for a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Where the person lives.
    pub zone: TimeZone,
    /// When the report is due; without that, it is due when its job comes.
    pub due: Option<Timestamp>,
    /// How long after the due time an unanswered report is asked for once more.
    pub second: Option<SignedDuration>,
    /// The local times between which nobody is reminded.
    pub quiet: Option<(Time, Time)>,
    /// Whether the team asks by telephone.
    pub by_phone: bool,
    /// Whether the follow-up pauses.
    pub paused: bool,
}

impl Habits {
    /// What the pathway and the CarePlan say.
    #[must_use]
    pub fn of(task: &Value, policy: &Policy, followed: &Followed) -> Self {
        let Followed {
            follow_up, plan, ..
        } = followed;
        Self {
            zone: follow_up.zone.clone(),
            due: due(task, follow_up, policy),
            second: policy
                .second_reminder_minutes
                .map(|minutes| SignedDuration::from_mins(minutes.into())),
            quiet: policy.quiet_hours,
            by_phone: extension(plan, REPORT_CHANNEL).is_some_and(|channel| channel == "phone"),
            paused: follow_up.state == State::Paused,
        }
    }

    /// Those of a follow-up of which nothing is known any more.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            zone: TimeZone::UTC,
            due: None,
            second: None,
            quiet: None,
            by_phone: false,
            paused: false,
        }
    }

    /// The first instant from `at` on at which the person may be reminded.
    fn awake(&self, at: Timestamp) -> Timestamp {
        let Some((start, end)) = self.quiet else {
            return at;
        };
        let local = at.to_zoned(self.zone.clone());
        let time = local.time();
        let overnight = start > end;
        let quiet = if overnight {
            time >= start || time < end
        } else {
            time >= start && time < end
        };
        if !quiet {
            return at;
        }
        let today = local.date();
        let ends_on = if overnight && time >= start {
            today.tomorrow().ok()
        } else {
            Some(today)
        };
        ends_on
            .and_then(|date| instant_at(date.to_datetime(end), &self.zone))
            // A clock change may have skipped the whole of the quiet hours.
            .map_or(at, |end| end.max(at))
    }
}

/// Decides from the Task, the person's habits, the look and the time alone.
#[must_use]
pub fn step(task: &Value, habits: &Habits, (look, last): (Look, bool), now: Timestamp) -> Step {
    let closes = task["restriction"]["period"]["end"]
        .as_str()
        .and_then(|end| end.parse().ok());
    let Some(closes) = closes else {
        return Step::Settled;
    };
    let due = habits.due.map(|due| due.min(closes));
    match task["status"].as_str() {
        Some("requested") if due.is_some_and(|due| now < due) => Step::NotYet {
            due: due.unwrap_or(closes),
        },
        Some("requested") if habits.paused => Step::Pause { closes },
        Some("requested" | "ready") if now < closes => open(habits, look, (now, closes)),
        Some("ready") if habits.paused => Step::Pause { closes },
        Some("requested" | "ready") => Step::Miss,
        // The last report's job also ends the follow-up, when its day is over.
        Some("completed" | "cancelled") if last && now < closes => Step::Go {
            act: Act::Nothing,
            next: Look::Close,
            at: closes,
        },
        _ => Step::Settled,
    }
}

/// An unanswered report that is due and whose window is open.
fn open(habits: &Habits, look: Look, (now, closes): (Timestamp, Timestamp)) -> Step {
    let go = |act, next, at| Step::Go { act, next, at };
    let close = |act| go(act, Look::Close, closes);
    if look == Look::Close || habits.paused {
        // One that was asked for before the pause may still be answered after it.
        return close(Act::Nothing);
    }
    if look == Look::First && habits.by_phone {
        return close(Act::Call);
    }
    let at = habits.awake(now);
    if at >= closes {
        return close(Act::Nothing);
    }
    if at > now {
        return go(Act::Nothing, look, at);
    }
    match second(habits, (now, closes)) {
        Some(at) if look == Look::First => go(Act::Remind, Look::Second, at),
        _ => close(Act::Remind),
    }
}

/// When the second reminder goes out, if it does: counted from the due time, and later than the
/// first.
fn second(habits: &Habits, (first, closes): (Timestamp, Timestamp)) -> Option<Timestamp> {
    let after = habits.due?.checked_add(habits.second?).ok()?;
    let at = habits.awake(after);
    (at > first && at < closes).then_some(at)
}

#[cfg(test)]
mod tests;
