//! The demo's script by the instants of its clock, and what must come of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    people::{ENROLMENT_DAYS, Pathway, Person},
    script::script,
};

/// When the demo's clock starts: 08:00 in Lyon.
pub const START: &str = "2020-05-18T06:00:00Z";

/// The script moves in steps of this length; what falls within a step arrives at its end.
pub const STEP: SignedDuration = SignedDuration::from_mins(60);

/// Days of a follow-up.
pub const FOLLOW_UP_DAYS: u32 = 14;

/// What someone does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Answers the questionnaire of a day; the first round is the due report.
    Answer {
        /// The day of follow-up.
        day: u32,
        /// 0 for the first answer of the day, 1 for a second one.
        round: u32,
    },
    /// Corrects the first answer of a day.
    Amend {
        /// The day of follow-up.
        day: u32,
    },
    /// Stops the follow-up.
    Stop,
    /// The agency moves a contact who has become a case to the other pathway.
    Convert,
}

/// A deed and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Who: the index into the cohort.
    pub person: usize,
    /// What.
    pub deed: Deed,
    /// On which of their follow-ups: 0 is the first, 1 the one after a conversion.
    pub leg: usize,
    /// The day of their illness, counted from the day 1 of their first follow-up.
    pub course_day: u32,
    /// When it was done, as its author says.
    pub authored: Timestamp,
}

/// What happens at one instant of the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// People to be enrolled.
    pub enrolments: Vec<usize>,
    /// Deeds that arrive.
    pub events: Vec<Event>,
    /// Whether the teams look at their open alerts.
    pub staff: Round,
}

/// What the teams do at an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Round {
    /// They are away: who is on call is told of what is urgent.
    #[default]
    Away,
    /// They take what is urgent, most of it.
    Takes,
    /// They go through everything that is open.
    Handles,
}

/// The steps of the demo in order of time.
pub type Timeline = BTreeMap<Timestamp, Step>;

/// Reports of a pathway as the generator expects them to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reports {
    /// Answered, late ones included.
    pub received: u64,
    /// Not answered.
    pub missed: u64,
    /// No longer due, because the follow-up had ended.
    pub cancelled: u64,
    /// Still to come: contacts who have become cases are followed on.
    pub open: u64,
}

impl Reports {
    /// Reports that were due while the follow-up ran.
    #[must_use]
    pub const fn due(&self) -> u64 {
        self.received + self.missed
    }
}

/// Teams go through their alerts at this hour (UTC): late afternoon in Lyon.
const STAFF_HOUR: i64 = 15;

/// Between these hours (UTC) teams are at work.
const AT_WORK: std::ops::Range<i64> = 6..18;

/// The instant at which the table is counted: every first follow-up is over, in every time zone
/// of the cohort, and nobody's data is due to be erased.
#[must_use]
pub fn counted() -> Timestamp {
    start_of(FOLLOW_UP_DAYS + ENROLMENT_DAYS - 1)
}

/// The timeline of a cohort, and how the reports of each pathway must stand when the table is
/// counted.
#[must_use]
pub fn timeline(seed: u64, people: &[Person]) -> (Timeline, BTreeMap<Pathway, Reports>) {
    let mut steps = Timeline::from([(counted(), Step::default())]);
    let mut expected: BTreeMap<Pathway, Reports> = BTreeMap::new();
    let mut days = FOLLOW_UP_DAYS + ENROLMENT_DAYS;
    for person in people {
        let enrolled = start_of(person.enrolled_after);
        steps
            .entry(enrolled)
            .or_default()
            .enrolments
            .push(person.index);
        let script = script(seed, person);
        for (arrives, event) in script.events {
            steps.entry(arrives).or_default().events.push(event);
        }
        for (pathway, reports) in script.reports {
            let sum = expected.entry(pathway).or_default();
            sum.received += reports.received;
            sum.missed += reports.missed;
            sum.cancelled += reports.cancelled;
            sum.open += reports.open;
        }
        while start_of(days) < script.ends {
            days += 1;
        }
    }
    for day in 0..days {
        steps.entry(staff_round(day)).or_default();
    }
    for (at, step) in &mut steps {
        let hour = at.duration_since(start_of(0)).as_hours().rem_euclid(24) + START_HOUR;
        step.staff = match hour {
            STAFF_HOUR => Round::Handles,
            hour if AT_WORK.contains(&hour) => Round::Takes,
            _ => Round::Away,
        };
    }
    // By then the last window has closed in every time zone of the cohort.
    steps.entry(start_of(days)).or_default();
    (steps, expected)
}

/// The hour (UTC) of [`START`].
const START_HOUR: i64 = 6;

/// The instant of the demo's day `after` at which people are enrolled.
pub(super) fn start_of(after: u32) -> Timestamp {
    let start: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    start + SignedDuration::from_hours(24 * i64::from(after))
}

/// The instant of the demo's day `after` at which the teams go through what is open.
pub(super) fn staff_round(after: u32) -> Timestamp {
    start_of(after) + SignedDuration::from_hours(STAFF_HOUR - START_HOUR)
}

/// The end of the step in which `at` falls.
pub(super) fn step_after(at: Timestamp) -> Timestamp {
    let length = STEP.as_secs();
    let seconds = (at.as_second().div_euclid(length) + 1) * length;
    Timestamp::from_second(seconds).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, tz::TimeZone};

    use super::*;
    use crate::demo::people::cohort;

    fn events(steps: &Timeline) -> Vec<(Timestamp, Event)> {
        let of = |(at, step): (&Timestamp, &Step)| {
            let at = *at;
            step.events
                .iter()
                .map(move |e| (at, *e))
                .collect::<Vec<_>>()
        };
        steps.iter().flat_map(of).collect()
    }

    #[test]
    fn a_seed_gives_one_timeline() {
        let people = cohort(1, 0.1);
        assert_eq!(timeline(1, &people), timeline(1, &people));
        assert_ne!(timeline(1, &people).0, timeline(2, &people).0);
    }

    #[test]
    fn every_report_ends_in_one_way() {
        let people = cohort(1, 1.0);
        let (steps, expected) = timeline(1, &people);
        let mut turned = events(&steps);
        turned.retain(|(_, event)| event.deed == Deed::Convert);
        assert!((20..150).contains(&turned.len()), "{}", turned.len());
        for pathway in Pathway::ALL {
            let mut count = people.iter().filter(|p| p.pathway == pathway).count();
            if pathway == Pathway::Case {
                count += turned.len();
            }
            let all = u64::try_from(count * pathway.report_days().len()).unwrap();
            let sums = expected[&pathway];
            assert_eq!(sums.due() + sums.cancelled + sums.open, all);
            assert!(sums.missed * 20 > all && sums.missed * 5 < all, "{sums:?}");
            assert!(sums.cancelled > 0);
        }
    }

    #[test]
    fn every_kind_of_deed_occurs() {
        let people = cohort(1, 1.0);
        let (steps, _) = timeline(1, &people);
        let events = events(&steps);
        let count = |wanted: &dyn Fn(&(Timestamp, Event)) -> bool| {
            events.iter().filter(|event| wanted(event)).count()
        };
        let stops = count(&|(_, e)| e.deed == Deed::Stop);
        assert!((20..120).contains(&stops), "{stops}");
        assert!(count(&|(_, e)| matches!(e.deed, Deed::Amend { .. })) > 100);
        assert!(count(&|(_, e)| matches!(e.deed, Deed::Answer { round: 1, .. })) > 100);
        let delay = |at: &Timestamp, e: &Event| at.duration_since(e.authored).as_hours();
        assert!(count(&|(at, e)| delay(at, e) >= 2) > 100, "late ones");
        assert!(count(&|(at, e)| delay(at, e) >= 8) > 10, "overnight ones");
        assert!(count(&|(at, e)| delay(at, e) == 0) > 15_000, "prompt ones");
    }

    #[test]
    fn nothing_arrives_before_it_is_written_or_after_a_stop() {
        let people = cohort(2, 0.5);
        let (steps, _) = timeline(2, &people);
        let mut stopped = vec![false; people.len()];
        for (at, event) in events(&steps) {
            let at_once = event.deed == Deed::Convert;
            assert!(event.authored < at || at_once, "{event:?}");
            assert!(
                !stopped[event.person] || event.deed == Deed::Stop,
                "{event:?}"
            );
            stopped[event.person] |= event.deed == Deed::Stop;
        }
    }

    #[test]
    fn answers_are_written_on_their_own_day_and_amendments_follow_them() {
        let people = cohort(4, 0.3);
        let (steps, _) = timeline(4, &people);
        let mut answered = std::collections::BTreeSet::new();
        for (_, event) in events(&steps) {
            let person = &people[event.person];
            let zone = TimeZone::get(person.zone).unwrap();
            let first = start_of(person.enrolled_after)
                .to_zoned(zone.clone())
                .date();
            let date = event.authored.to_zoned(zone).date();
            match event.deed {
                Deed::Answer { day, .. } => {
                    let since = i64::from(event.course_day - 1).days();
                    assert_eq!(date, first.saturating_add(since));
                    answered.insert((event.person, event.leg, day));
                }
                Deed::Amend { day } => {
                    assert!(answered.contains(&(event.person, event.leg, day)));
                }
                Deed::Stop | Deed::Convert => {}
            }
        }
    }
}
