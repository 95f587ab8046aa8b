//! What a report's day asks for at an instant: pure.

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use serde_json::Value;

use crate::{
    fhir::{
        canonical::{REMINDER_TIME, REPORT_CHANNEL, extension},
        care_plan::FollowUp,
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
    /// The window has closed without an answer.
    Miss,
    /// Answered, cancelled, or missed already.
    Settled,
}

/// How one person is asked for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Where the person lives.
    pub zone: TimeZone,
    /// The local time at which a report is due; without one, it is due when its job comes.
    pub due: Option<Time>,
    /// How long after the due time an unanswered report is asked for once more.
    pub second: Option<SignedDuration>,
    /// The local times between which nobody is reminded.
    pub quiet: Option<(Time, Time)>,
    /// Whether the team asks by telephone.
    pub by_phone: bool,
}

impl Habits {
    /// What the pathway and the CarePlan say.
    #[must_use]
    pub fn of(policy: &Policy, follow_up: &FollowUp, plan: &Value) -> Self {
        let own = extension(plan, REMINDER_TIME)
            .and_then(Value::as_str)
            .and_then(|time| time.parse().ok());
        Self {
            zone: follow_up.zone.clone(),
            due: Some(own.unwrap_or(policy.due_time)),
            second: policy
                .second_reminder_minutes
                .map(|minutes| SignedDuration::from_mins(minutes.into())),
            quiet: policy.quiet_hours,
            by_phone: extension(plan, REPORT_CHANNEL).is_some_and(|channel| channel == "phone"),
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
        }
    }

    /// When a report whose window opens at `opens` is due.
    #[must_use]
    pub fn due_at(&self, opens: Timestamp) -> Option<Timestamp> {
        let date = opens.to_zoned(self.zone.clone()).date();
        instant_at(date.to_datetime(self.due?), &self.zone)
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
    let instant = |name: &str| -> Option<Timestamp> {
        task["restriction"]["period"][name].as_str()?.parse().ok()
    };
    let Some(closes) = instant("end") else {
        return Step::Settled;
    };
    let close = Step::Go {
        act: Act::Nothing,
        next: Look::Close,
        at: closes,
    };
    match task["status"].as_str() {
        Some("requested" | "ready") if now >= closes => Step::Miss,
        Some("requested" | "ready") => {
            let due = instant("start").and_then(|opens| habits.due_at(opens));
            open(habits, look, due, (now, closes))
        }
        // The last report's job also ends the follow-up, when its day is over.
        Some("completed") if last && now < closes => close,
        _ => Step::Settled,
    }
}

/// An unanswered report whose window is open.
fn open(
    habits: &Habits,
    look: Look,
    due: Option<Timestamp>,
    (now, closes): (Timestamp, Timestamp),
) -> Step {
    let close = |act| Step::Go {
        act,
        next: Look::Close,
        at: closes,
    };
    if let Some(due) = due.filter(|due| look == Look::First && now < *due && *due < closes) {
        return Step::NotYet { due };
    }
    match look {
        Look::Close => close(Act::Nothing),
        Look::First if habits.by_phone => close(Act::Call),
        Look::First | Look::Second => {
            let at = habits.awake(now);
            if at >= closes {
                close(Act::Nothing)
            } else if at > now {
                Step::Go {
                    act: Act::Nothing,
                    next: look,
                    at,
                }
            } else if look == Look::Second {
                close(Act::Remind)
            } else {
                match second(habits, due, (now, closes)) {
                    Some(at) => Step::Go {
                        act: Act::Remind,
                        next: Look::Second,
                        at,
                    },
                    None => close(Act::Remind),
                }
            }
        }
    }
}

/// When the second reminder goes out, if it does: counted from the due time, and later than the
/// first.
fn second(
    habits: &Habits,
    due: Option<Timestamp>,
    (first, closes): (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let after = due?.checked_add(habits.second?).ok()?;
    let at = habits.awake(after);
    (at > first && at < closes).then_some(at)
}

#[cfg(test)]
mod tests;
