//! What one person does, from the seed: when they answer, and whether they stop or turn from
//! contact to case.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time, time},
    tz::TimeZone,
};

use super::{
    dice::Dice,
    people::{Pathway, Person},
    timeline::{
        Deed, Event, FOLLOW_UP_DAYS, Reports, STEP, counted, staff_round, start_of, step_after,
    },
};

/// Everything that one person does, in order of arrival.
#[derive(Default)]
pub(super) struct Script {
    /// What they do, and when it arrives.
    pub(super) events: Vec<(Timestamp, Event)>,
    /// How the reports of each of their pathways must end.
    pub(super) reports: BTreeMap<Pathway, Reports>,
    /// When the window of the last report closes.
    pub(super) ends: Timestamp,
}

/// How faithfully someone answers.
#[derive(Clone, Copy)]
struct Habit {
    /// Reports of a thousand that are left out.
    skips: i64,
    /// The day from which nothing comes any more.
    silent_from: Option<u32>,
    /// The day on which the follow-up is stopped.
    stops_on: Option<u32>,
    /// The usual minute of the day.
    minute: i64,
    /// The last minute of the day at which an answer is written.
    latest_minute: i64,
    /// Whether an answer may wait for a network over night.
    overnight: bool,
}

/// How one report ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Received,
    Missed,
    Cancelled,
}

/// One report day: what is done on it, and how its report ends.
struct Day {
    date: Date,
    outcome: Outcome,
    events: Vec<(Timestamp, Event)>,
}

const PURPOSE: u64 = 3;
/// Days of a second follow-up draw from streams of their own.
const PURPOSE_CASE: u64 = 6;

/// Answers are written between these times of the day; an agent telephones in office hours.
const EARLIEST_MINUTE: i64 = 9 * 60 + 5;
const LATEST_MINUTE: i64 = 22 * 60 + 20;
const LATEST_CALL_MINUTE: i64 = 18 * 60;

/// Stops happen at this time of the day.
const STOP_TIME: Time = time(15, 40, 0, 0);

/// An answer that spent the night on a telephone without network arrives at this time.
const NEXT_MORNING: Time = time(7, 25, 0, 0);

/// A follow-up that starts later than this local time has its day 1 on the next, as the bundled
/// pathways say.
const CUT_OFF: Time = time(18, 0, 0, 0);

/// The script of one person.
pub(super) fn script(seed: u64, person: &Person) -> Script {
    let zone = TimeZone::get(person.zone).unwrap_or(TimeZone::UTC);
    let enrolled = start_of(person.enrolled_after);
    let habit = habit(&Dice::new(seed, PURPOSE, person.index, 0), person.by_phone);
    let first = Leg {
        number: 0,
        pathway: person.pathway,
        first: enrolled.to_zoned(zone.clone()).date(),
        from: enrolled + STEP,
        course_day: 1,
        zone: &zone,
    };
    let mut days = first.days(seed, person, &habit);
    let stop = habit
        .stops_on
        .map(|day| instant(first.date(day), STOP_TIME, &zone));
    let mut script = Script::default();
    if let Some(at) = turns(person, &first, &days, stop) {
        for day in &mut days {
            day.cut(at, &zone);
        }
        script.take(&first, days);
        script
            .events
            .push((at, first.event(person, Deed::Convert, (1, at))));
        let second = first.turned(at);
        let habit = Habit {
            stops_on: None,
            ..habit
        };
        script.take(&second, second.days(seed, person, &habit));
    } else {
        script.take(&first, days);
        let stops = stop.map(|at| (step_after(at), first.event(person, Deed::Stop, (1, at))));
        script.events.extend(stops);
    }
    script
        .events
        .sort_by_key(|(arrives, event)| (*arrives, event.authored));
    script
}

impl Script {
    fn take(&mut self, leg: &Leg<'_>, days: Vec<Day>) {
        let sum = self.reports.entry(leg.pathway).or_default();
        for day in days {
            let closes = closes(day.date, leg.zone);
            self.ends = self.ends.max(closes);
            self.events.extend(day.events);
            match day.outcome {
                _ if closes > counted() => sum.open += 1,
                Outcome::Received => sum.received += 1,
                Outcome::Missed => sum.missed += 1,
                Outcome::Cancelled => sum.cancelled += 1,
            }
        }
    }
}

/// When a contact is moved to the other pathway: at the teams' round after the first answer that
/// tells of the test, unless the follow-up is over by then.
fn turns(
    person: &Person,
    leg: &Leg<'_>,
    days: &[Day],
    stop: Option<Timestamp>,
) -> Option<Timestamp> {
    if person.pathway != Pathway::Contact {
        return None;
    }
    let from = person.course.positive_from()?;
    let events = days.iter().flat_map(|day| &day.events);
    let told = events
        .filter(|(_, event)| matches!(event.deed, Deed::Answer { day, .. } if day >= from))
        .map(|(arrives, _)| *arrives)
        .min()?;
    let round = (0..).map(staff_round).find(|at| *at >= told)?;
    let stopped = stop.is_some_and(|at| step_after(at) <= round);
    (!stopped && round < closes(leg.date(FOLLOW_UP_DAYS), leg.zone)).then_some(round)
}

impl Day {
    /// What is left of a day when the follow-up ends at an instant.
    fn cut(&mut self, at: Timestamp, zone: &TimeZone) {
        self.events.retain(|(arrives, _)| *arrives <= at);
        let mut events = self.events.iter();
        let answered = events.any(|(_, event)| matches!(event.deed, Deed::Answer { .. }));
        self.outcome = if answered {
            Outcome::Received
        } else if closes(self.date, zone) <= at {
            Outcome::Missed
        } else {
            Outcome::Cancelled
        };
    }
}

fn habit(dice: &Dice, by_phone: bool) -> Habit {
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
        latest_minute: if by_phone {
            LATEST_CALL_MINUTE
        } else {
            LATEST_MINUTE
        },
        overnight: !by_phone,
    }
}

/// One follow-up of a person.
struct Leg<'a> {
    number: usize,
    pathway: Pathway,
    /// The date of day 1.
    first: Date,
    /// Nothing happens before.
    from: Timestamp,
    /// The day of the illness that day 1 is.
    course_day: u32,
    zone: &'a TimeZone,
}

impl Leg<'_> {
    fn date(&self, day: u32) -> Date {
        self.first.saturating_add(i64::from(day - 1).days())
    }

    /// The follow-up as a case that begins when a contact has become one.
    fn turned(&self, at: Timestamp) -> Self {
        let local = at.to_zoned(self.zone.clone());
        let first = if local.time() > CUT_OFF {
            local.date().saturating_add(1.days())
        } else {
            local.date()
        };
        let since = u32::try_from((first - self.first).get_days()).unwrap_or(0);
        Self {
            number: self.number + 1,
            pathway: Pathway::Case,
            first,
            from: at + STEP,
            course_day: self.course_day + since,
            zone: self.zone,
        }
    }

    fn event(&self, person: &Person, deed: Deed, (day, authored): (u32, Timestamp)) -> Event {
        Event {
            person: person.index,
            deed,
            leg: self.number,
            course_day: self.course_day + day - 1,
            authored,
        }
    }

    fn days(&self, seed: u64, person: &Person, habit: &Habit) -> Vec<Day> {
        let purpose = if self.number == 0 {
            PURPOSE
        } else {
            PURPOSE_CASE
        };
        let report_days = self.pathway.report_days().iter();
        report_days
            .map(|&day| {
                let dice = Dice::new(seed, purpose, person.index, day);
                let today = Today {
                    leg: self,
                    person,
                    day,
                    date: self.date(day),
                };
                today.lived(habit, &dice)
            })
            .collect()
    }
}

/// One report day of one person.
struct Today<'a> {
    leg: &'a Leg<'a>,
    person: &'a Person,
    day: u32,
    date: Date,
}

impl Today<'_> {
    fn lived(&self, habit: &Habit, dice: &Dice) -> Day {
        let course_day = self.leg.course_day + self.day - 1;
        let stop = habit.stops_on.filter(|day| *day <= self.day);
        let silent = habit.silent_from.is_some_and(|day| day <= course_day);
        let answers = !silent && !dice.chance(habit.skips);
        let written = self.written(habit, dice);
        let mut events = Vec::new();
        let outcome = match stop {
            // On the day of the stop, what arrives before it still counts.
            Some(day) if day == self.day && answers => {
                let arrives = step_after(written);
                if arrives < step_after(instant(self.date, STOP_TIME, self.leg.zone)) {
                    self.push(
                        &mut events,
                        arrives,
                        Deed::Answer { day, round: 0 },
                        written,
                    );
                    Outcome::Received
                } else {
                    Outcome::Cancelled
                }
            }
            Some(_) => Outcome::Cancelled,
            None if answers => {
                self.answer(dice, written, habit, &mut events);
                Outcome::Received
            }
            None => Outcome::Missed,
        };
        Day {
            date: self.date,
            outcome,
            events,
        }
    }

    /// The first answer of the day and what may follow it.
    fn answer(
        &self,
        dice: &Dice,
        written: Timestamp,
        habit: &Habit,
        events: &mut Vec<(Timestamp, Event)>,
    ) {
        let day = self.day;
        let later = |hours| (written + SignedDuration::from_hours(hours)).min(self.latest());
        let stops_next = habit.stops_on == Some(day + 1);
        let overnight = habit.overnight && day < FOLLOW_UP_DAYS && !stops_next && dice.chance(4);
        let arrives = if overnight {
            let tomorrow = self.date.saturating_add(1.days());
            step_after(instant(tomorrow, NEXT_MORNING, self.leg.zone))
        } else if dice.chance(15) {
            step_after(later(dice.between(2, 5)))
        } else {
            step_after(written)
        };
        self.push(events, arrives, Deed::Answer { day, round: 0 }, written);
        if dice.chance(20) {
            // A second answer; where the first one is under way still, it overtakes it.
            let at = later(1);
            if at > written {
                self.push(events, step_after(at), Deed::Answer { day, round: 1 }, at);
            }
        }
        if dice.chance(10) {
            let at = arrives + SignedDuration::from_mins(10);
            // Nobody corrects at midnight: that is when windows close.
            if at.to_zoned(self.leg.zone.clone()).hour() < 22 {
                self.push(events, step_after(at), Deed::Amend { day }, at);
            }
        }
    }

    fn push(
        &self,
        events: &mut Vec<(Timestamp, Event)>,
        arrives: Timestamp,
        deed: Deed,
        authored: Timestamp,
    ) {
        let event = self.leg.event(self.person, deed, (self.day, authored));
        events.push((arrives, event));
    }

    /// When the day's answer is written: the usual minute, more or less.
    fn written(&self, habit: &Habit, dice: &Dice) -> Timestamp {
        let minute = (habit.minute.min(habit.latest_minute) + dice.between(-40, 40))
            .clamp(EARLIEST_MINUTE, habit.latest_minute);
        let midnight = instant(self.date, Time::midnight(), self.leg.zone);
        let at = midnight + SignedDuration::from_secs(minute * 60 + dice.between(0, 59));
        at.max(self.leg.from)
    }

    fn latest(&self) -> Timestamp {
        instant(self.date, time(22, 50, 0, 0), self.leg.zone)
    }
}

/// When the window of a report day closes.
fn closes(date: Date, zone: &TimeZone) -> Timestamp {
    instant(date.saturating_add(1.days()), Time::midnight(), zone)
}

fn instant(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    date.to_datetime(time)
        .to_zoned(zone.clone())
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}
