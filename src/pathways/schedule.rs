//! Which days have a report, and from when to when: pure.
//!
//! Days are calendar days of the patient's time zone; the day of activation is day 1. A local
//! time that a clock change skips becomes the first instant after the gap; one that it repeats is
//! the first of the two.

pub use crate::fhir::date::instant_at;
use crate::fhir::{
    care_plan::FollowUp,
    pathway::{Pathway, Policy},
};
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};

/// A report of one follow-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The day of follow-up, from 1.
    pub day: u32,
    /// That day in the patient's calendar.
    pub date: Date,
    /// The first instant of that day.
    pub opens: Timestamp,
    /// When the reminder goes out.
    pub due: Timestamp,
    /// The first instant of the next day: an answer is missing from here on.
    pub closes: Timestamp,
    /// The form, as `url|version`.
    pub questionnaire: String,
}

/// The policy of a pathway as it holds for one follow-up, whose patient may have an hour of their
/// own.
#[must_use]
pub fn policy_of(follow_up: &FollowUp, policy: &Policy) -> Policy {
    Policy {
        due_time: follow_up.reminder_time.unwrap_or(policy.due_time),
        ..policy.clone()
    }
}

/// The date of day 1 of a follow-up started at `start`.
#[must_use]
pub fn first_date(start: Timestamp, zone: &TimeZone, cut_off: Time) -> Date {
    let local = start.to_zoned(zone.clone());
    if local.time() > cut_off {
        local.date().tomorrow().unwrap_or(Date::MAX)
    } else {
        local.date()
    }
}

/// All reports of a follow-up whose day 1 is `first`, in order.
#[must_use]
pub fn reports(pathway: &Pathway, first: Date, zone: &TimeZone) -> Vec<Report> {
    let mut reports: Vec<Report> = pathway
        .phases
        .iter()
        .flat_map(|phase| {
            (0..phase.count).filter_map(|n| {
                let day = phase
                    .first_day
                    .checked_add(n.checked_mul(phase.every_days)?)?;
                report(day, (first, zone), &pathway.policy, &phase.questionnaire)
            })
        })
        .collect();
    reports.sort_by_key(|report| report.day);
    reports.dedup_by_key(|report| report.day);
    reports
}

/// The report of one day, in the calendar that has its day 1 at a date of a time zone.
#[must_use]
pub fn report(
    day: u32,
    (first, zone): (Date, &TimeZone),
    policy: &Policy,
    questionnaire: &str,
) -> Option<Report> {
    let offset = jiff::Span::new().try_days(i64::from(day) - 1).ok()?;
    let date = first.checked_add(offset).ok()?;
    let at = |date: Date, time| instant_at(date.to_datetime(time), zone);
    Some(Report {
        day,
        date,
        opens: at(date, Time::midnight())?,
        due: at(date, policy.due_time)?,
        closes: at(date.tomorrow().ok()?, Time::midnight())?,
        questionnaire: questionnaire.to_owned(),
    })
}

/// The reports of these days, as far as their windows have not closed, in a follow-up that goes on.
///
/// A day beyond the pathway's own has the form of its last phase.
#[must_use]
pub fn on_days(
    pathway: &Pathway,
    follow_up: &FollowUp,
    days: &[u32],
    now: Timestamp,
) -> Vec<Report> {
    let policy = policy_of(follow_up, &pathway.policy);
    let calendar = (follow_up.first_date, &follow_up.zone);
    days.iter()
        .filter_map(|day| report(*day, calendar, &policy, form_on(pathway, *day)))
        .filter(|report| report.closes > now)
        .collect()
}

/// The form of a day: that of the phase which has begun last by then.
fn form_on(pathway: &Pathway, day: u32) -> &str {
    let begun = pathway.phases.iter().filter(|phase| phase.first_day <= day);
    let phase = begun.max_by_key(|phase| phase.first_day);
    phase
        .or_else(|| pathway.phases.first())
        .map_or("", |phase| &phase.questionnaire)
}

/// The days on which reports are added after the last one, so many days further on: as often as
/// in the pathway's last phase.
#[must_use]
pub fn days_added(pathway: &Pathway, last_day: u32, days: u32) -> Vec<u32> {
    let last = pathway.phases.iter().max_by_key(|phase| phase.first_day);
    let every = last.map_or(1, |phase| phase.every_days.max(1));
    (1..=days / every)
        .filter_map(|n| last_day.checked_add(n.checked_mul(every)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;
    use crate::fhir::pathway::Phase;

    fn pathway(phases: &[(u32, u32, u32)]) -> Pathway {
        Pathway {
            canonical: "p|1".into(),
            title: String::new(),
            policy: Policy::of_times(time(9, 0, 0, 0), time(18, 0, 0, 0)),
            phases: phases
                .iter()
                .map(|&(first_day, count, every_days)| Phase {
                    first_day,
                    count,
                    every_days,
                    questionnaire: "q|1".into(),
                })
                .collect(),
        }
    }

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").expect("embedded")
    }

    #[test]
    fn eight_daily_reports_then_every_second_day_to_day_14() {
        let reports = reports(
            &pathway(&[(1, 8, 1), (10, 3, 2)]),
            date(2020, 5, 18),
            &paris(),
        );
        let days: Vec<_> = reports.iter().map(|report| report.day).collect();
        assert_eq!(days, [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14]);
        assert_eq!(reports[10].date, date(2020, 5, 31));
    }

    #[test]
    fn an_extension_goes_on_as_the_last_phase() {
        let medical = pathway(&[(1, 8, 1), (10, 3, 2)]);
        assert_eq!(days_added(&medical, 14, 7), [16, 18, 20]);
        assert_eq!(days_added(&medical, 14, 1), Vec::<u32>::new());
        assert_eq!(days_added(&pathway(&[(1, 14, 1)]), 14, 2), [15, 16]);
    }

    #[test]
    fn a_late_start_has_day_1_tomorrow() {
        let at = |text: &str| text.parse::<Timestamp>().expect("instant");
        let cut_off = time(18, 0, 0, 0);
        assert_eq!(
            first_date(at("2026-03-01T16:59:00Z"), &paris(), cut_off),
            date(2026, 3, 1)
        );
        assert_eq!(
            first_date(at("2026-03-01T17:00:01Z"), &paris(), cut_off),
            date(2026, 3, 2)
        );
        assert_eq!(
            first_date(at("2026-03-01T22:59:00Z"), &paris(), cut_off),
            date(2026, 3, 2)
        );
    }

    #[test]
    fn a_skipped_local_time_is_the_end_of_the_gap_and_a_repeated_one_its_first() {
        let gap = instant_at(date(2026, 3, 29).at(2, 30, 0, 0), &paris()).expect("in range");
        assert_eq!(gap.to_string(), "2026-03-29T01:00:00Z");
        let edge = instant_at(date(2026, 3, 29).at(2, 0, 0, 0), &paris()).expect("in range");
        assert_eq!(edge.to_string(), "2026-03-29T01:00:00Z");
        let fold = instant_at(date(2026, 10, 25).at(2, 30, 0, 0), &paris()).expect("in range");
        assert_eq!(fold.to_string(), "2026-10-25T00:30:00Z");
    }
}
