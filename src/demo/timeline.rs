//! Who answers when, from the seed: the script of the demo, and what must come of it.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time, time},
    tz::TimeZone,
};

use super::{
    dice::Dice,
    people::{ENROLMENT_DAYS, Pathway, Person},
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
}

/// A deed and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Who: the index into the cohort.
    pub person: usize,
    /// What.
    pub deed: Deed,
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
    /// Whether the teams go through their open alerts.
    pub staff: bool,
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
}

impl Reports {
    /// Reports that were due while the follow-up ran.
    #[must_use]
    pub const fn due(&self) -> u64 {
        self.received + self.missed
    }
}

/// How faithfully someone answers.
struct Habit {
    /// Reports of a thousand that are left out.
    skips: i64,
    /// The day from which nothing comes any more.
    silent_from: Option<u32>,
    /// The day on which the follow-up is stopped.
    stops_on: Option<u32>,
    /// The usual minute of the day.
    minute: i64,
}

/// Everything that one person does, in order of arrival.
struct Script {
    events: Vec<(Timestamp, Event)>,
    reports: Reports,
}

const PURPOSE: u64 = 3;

/// Answers are written between these times of the day.
const EARLIEST_MINUTE: i64 = 9 * 60 + 5;
const LATEST_MINUTE: i64 = 22 * 60 + 20;

/// Stops happen at this time of the day.
const STOP_TIME: Time = time(15, 40, 0, 0);

/// An answer that spent the night on a telephone without network arrives at this time.
const NEXT_MORNING: Time = time(7, 25, 0, 0);

/// Teams go through their alerts at this hour (UTC): late afternoon in Lyon.
const STAFF_HOUR: i64 = 15;

/// The timeline of a cohort, and how the reports of each pathway must end.
#[must_use]
pub fn timeline(seed: u64, people: &[Person]) -> (Timeline, BTreeMap<Pathway, Reports>) {
    let mut steps = Timeline::new();
    let mut expected: BTreeMap<Pathway, Reports> = BTreeMap::new();
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
        let sum = expected.entry(person.pathway).or_default();
        sum.received += script.reports.received;
        sum.missed += script.reports.missed;
        sum.cancelled += script.reports.cancelled;
    }
    let days = FOLLOW_UP_DAYS + ENROLMENT_DAYS;
    for day in 0..days {
        let afternoon = start_of(day) + SignedDuration::from_hours(STAFF_HOUR - 6);
        steps.entry(afternoon).or_default().staff = true;
    }
    // By then the last window has closed in every time zone of the cohort.
    steps.entry(start_of(days)).or_default();
    (steps, expected)
}

/// The instant of the demo's day `after` at which people are enrolled.
fn start_of(after: u32) -> Timestamp {
    let start: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    start + SignedDuration::from_hours(24 * i64::from(after))
}

fn script(seed: u64, person: &Person) -> Script {
    let zone = TimeZone::get(person.zone).unwrap_or(TimeZone::UTC);
    let enrolled = start_of(person.enrolled_after);
    let first = enrolled.to_zoned(zone.clone()).date();
    let habit = habit(&Dice::new(seed, PURPOSE, person.index, 0));
    let mut script = Script {
        events: Vec::new(),
        reports: Reports::default(),
    };
    for &day in person.pathway.report_days() {
        let dice = Dice::new(seed, PURPOSE, person.index, day);
        let date = first.saturating_add(i64::from(day - 1).days());
        let today = Today {
            person: person.index,
            day,
            date,
            zone: &zone,
            from: enrolled + STEP,
        };
        today.add(&habit, &dice, &mut script);
    }
    if let Some(day) = habit.stops_on {
        let date = first.saturating_add(i64::from(day - 1).days());
        let at = instant(date, STOP_TIME, &zone);
        script.events.push((
            step_after(at),
            Event {
                person: person.index,
                deed: Deed::Stop,
                authored: at,
            },
        ));
    }
    script
        .events
        .sort_by_key(|(arrives, event)| (*arrives, event.authored));
    script
}

fn habit(dice: &Dice) -> Habit {
    let day = |least, most| u32::try_from(dice.between(least, most)).unwrap_or(1);
    let (skips, silent) = match dice.between(0, 99) {
        0..=3 => (50, true),
        4..=13 => (300, false),
        _ => (35, false),
    };
    let minute = match dice.between(0, 9) {
        0..=5 => dice.between(EARLIEST_MINUTE, 12 * 60),
        6..=7 => dice.between(12 * 60, 18 * 60),
        _ => dice.between(18 * 60, LATEST_MINUTE),
    };
    Habit {
        skips,
        silent_from: silent.then(|| day(3, 12)),
        stops_on: dice.chance(30).then(|| day(2, 13)),
        minute,
    }
}

/// One report day of one person.
struct Today<'a> {
    person: usize,
    day: u32,
    date: Date,
    zone: &'a TimeZone,
    /// Nothing happens before.
    from: Timestamp,
}

impl Today<'_> {
    fn add(&self, habit: &Habit, dice: &Dice, script: &mut Script) {
        let stop = habit.stops_on.filter(|day| *day <= self.day);
        let silent = habit.silent_from.is_some_and(|day| day <= self.day);
        let answers = !silent && !dice.chance(habit.skips);
        let written = self.written(habit, dice);
        match stop {
            // On the day of the stop, what arrives before it still counts.
            Some(day) if day == self.day && answers => {
                let arrives = step_after(written);
                if arrives < step_after(instant(self.date, STOP_TIME, self.zone)) {
                    script.reports.received += 1;
                    self.push(script, arrives, Deed::Answer { day, round: 0 }, written);
                } else {
                    script.reports.cancelled += 1;
                }
            }
            Some(_) => script.reports.cancelled += 1,
            None if answers => {
                script.reports.received += 1;
                self.answer(dice, written, habit.stops_on == Some(self.day + 1), script);
            }
            None => script.reports.missed += 1,
        }
    }

    /// The first answer of the day and what may follow it.
    fn answer(&self, dice: &Dice, written: Timestamp, stops_next: bool, script: &mut Script) {
        let day = self.day;
        let later = |hours| (written + SignedDuration::from_hours(hours)).min(self.latest());
        let overnight = day < FOLLOW_UP_DAYS && !stops_next && dice.chance(4);
        let arrives = if overnight {
            let tomorrow = self.date.saturating_add(1.days());
            step_after(instant(tomorrow, NEXT_MORNING, self.zone))
        } else if dice.chance(15) {
            step_after(later(dice.between(2, 5)))
        } else {
            step_after(written)
        };
        self.push(script, arrives, Deed::Answer { day, round: 0 }, written);
        if dice.chance(20) {
            // A second answer; where the first one is under way still, it overtakes it.
            let at = later(1);
            if at > written {
                self.push(script, step_after(at), Deed::Answer { day, round: 1 }, at);
            }
        }
        if dice.chance(10) {
            let at = arrives + SignedDuration::from_mins(10);
            // Nobody corrects at midnight: that is when windows close.
            if at.to_zoned(self.zone.clone()).hour() < 22 {
                self.push(script, step_after(at), Deed::Amend { day }, at);
            }
        }
    }

    fn push(&self, script: &mut Script, arrives: Timestamp, deed: Deed, authored: Timestamp) {
        let event = Event {
            person: self.person,
            deed,
            authored,
        };
        script.events.push((arrives, event));
    }

    /// When the day's answer is written: the usual minute, more or less.
    fn written(&self, habit: &Habit, dice: &Dice) -> Timestamp {
        let minute = (habit.minute + dice.between(-40, 40)).clamp(EARLIEST_MINUTE, LATEST_MINUTE);
        let midnight = instant(self.date, Time::midnight(), self.zone);
        let at = midnight + SignedDuration::from_secs(minute * 60 + dice.between(0, 59));
        at.max(self.from)
    }

    fn latest(&self) -> Timestamp {
        instant(self.date, time(22, 50, 0, 0), self.zone)
    }
}

fn instant(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    date.to_datetime(time)
        .to_zoned(zone.clone())
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The end of the step in which `at` falls.
fn step_after(at: Timestamp) -> Timestamp {
    let length = STEP.as_secs();
    let seconds = (at.as_second().div_euclid(length) + 1) * length;
    Timestamp::from_second(seconds).unwrap_or(at)
}

#[cfg(test)]
mod tests {
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
        let (_, expected) = timeline(1, &people);
        for pathway in Pathway::ALL {
            let count = people.iter().filter(|p| p.pathway == pathway).count();
            let all = u64::try_from(count * pathway.report_days().len()).unwrap();
            let sums = expected[&pathway];
            assert_eq!(sums.due() + sums.cancelled, all);
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
            assert!(event.authored < at, "{event:?}");
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
                    assert_eq!(date, first.saturating_add(i64::from(day - 1).days()));
                    answered.insert((event.person, day));
                }
                Deed::Amend { day } => assert!(answered.contains(&(event.person, day))),
                Deed::Stop => {}
            }
        }
    }
}
