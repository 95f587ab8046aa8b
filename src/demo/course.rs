//! How an illness goes: from a person and a day to how they feel, all from the seed.
//!
//! Everything hangs on one number, the burden of the day from 0 (well) to 100 (grave); signs are
//! drawn around it. Most courses are mild; some worsen between day 6 and day 12.

use super::{
    dice::Dice,
    people::{Pathway, Person},
};

/// The illness of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    shape: Shape,
    /// Burden that this person bears beside the illness: worry, other ailments.
    mood: i64,
    /// Whether an oximeter was lent.
    oximeter: bool,
    /// Whether smell and taste go.
    loses_smell: bool,
    /// The day from which a test's result is known, and whether it is positive.
    test: Option<(u32, bool)>,
    /// Whether there is one of the known risk factors.
    pub at_risk: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// No illness.
    Well,
    /// Begins at a burden and fades.
    Mild { start: i64 },
    /// Begins at a burden, turns on a day, climbs to a peak within three days, and fades.
    Worsening { start: i64, turn: u32, peak: i64 },
    /// Nothing until a day, then an illness that fades.
    Onset { day: u32, peak: i64 },
}

impl Course {
    pub(super) fn draw(dice: &Dice, pathway: Pathway, age: i64) -> Self {
        let shape = match pathway {
            Pathway::Medical => sick(dice, 250),
            Pathway::Case => sick(dice, 130),
            Pathway::Contact if dice.chance(110) => Shape::Onset {
                day: day(dice, 2, 9),
                peak: dice.between(30, 65),
            },
            Pathway::Contact => Shape::Well,
        };
        let test = match (pathway, shape) {
            (Pathway::Contact, Shape::Onset { day, .. }) if dice.chance(700) => {
                Some((day + 2, dice.chance(800)))
            }
            (Pathway::Contact, _) if dice.chance(300) => Some((day_of_test(dice), dice.chance(40))),
            _ => None,
        };
        Self {
            shape,
            mood: dice.between(0, 40),
            oximeter: pathway == Pathway::Medical && dice.chance(400),
            loses_smell: shape != Shape::Well && dice.chance(450),
            test,
            at_risk: dice.chance(if age >= 65 { 450 } else { 150 }),
        }
    }

    /// The day from which it is known that a contact has become a case, if one does.
    #[must_use]
    pub const fn positive_from(&self) -> Option<u32> {
        match self.test {
            Some((day, true)) => Some(day),
            _ => None,
        }
    }

    /// The burden of a day, before the chance of that day.
    #[must_use]
    pub fn burden(&self, day: u32) -> i64 {
        let day = i64::from(day);
        match self.shape {
            Shape::Well => 2,
            Shape::Mild { start } => (start - 3 * (day - 1)).max(0),
            Shape::Worsening { start, turn, peak } => {
                let turn = i64::from(turn);
                if day < turn {
                    start - (day - 1)
                } else if day <= turn + 3 {
                    let low = start - (turn - 1);
                    low + (peak - low) * (day - turn + 1) / 4
                } else {
                    (peak - 9 * (day - turn - 3)).max(0)
                }
            }
            Shape::Onset { day: onset, peak } => {
                let since = day - i64::from(onset);
                match since {
                    ..0 => 2,
                    0..=2 => peak * (since + 1) / 3,
                    _ => (peak - 6 * (since - 2)).max(0),
                }
            }
        }
    }
}

fn sick(dice: &Dice, worsening: i64) -> Shape {
    if dice.chance(worsening) {
        Shape::Worsening {
            start: dice.between(28, 48),
            turn: day(dice, 6, 9),
            peak: dice.between(58, 98),
        }
    } else {
        Shape::Mild {
            start: dice.between(14, 50),
        }
    }
}

fn day(dice: &Dice, least: i64, most: i64) -> u32 {
    u32::try_from(dice.between(least, most)).unwrap_or(1)
}

fn day_of_test(dice: &Dice) -> u32 {
    day(dice, 5, 9)
}

/// What someone would say of a day, by the link ids of the questionnaires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signs {
    pub(super) feeling: i64,
    pub(super) trend: &'static str,
    pub(super) dyspnea: i64,
    pub(super) hindered: i64,
    pub(super) speech: bool,
    pub(super) danger: [bool; 4],
    pub(super) intake_unable: bool,
    /// Tenths of a degree Celsius.
    pub(super) temperature: i64,
    pub(super) thermometer: bool,
    pub(super) antipyretic: bool,
    pub(super) breaths: Option<i64>,
    pub(super) pulse: Option<i64>,
    pub(super) oximeter: bool,
    pub(super) saturation: i64,
    pub(super) cough: i64,
    pub(super) sputum: &'static str,
    pub(super) gut: i64,
    pub(super) smell: bool,
    pub(super) taste: bool,
    /// Chills, aching muscles, sore throat, running nose.
    pub(super) minor: [bool; 4],
    pub(super) headache: bool,
    pub(super) headache_intolerable: bool,
    pub(super) fatigue: bool,
    pub(super) in_bed: bool,
    pub(super) anxiety: i64,
    pub(super) sadness: i64,
    pub(super) isolated: bool,
    pub(super) need: Option<&'static str>,
    pub(super) contacts: i64,
    /// Days since the test and its result, once there is one.
    pub(super) test: Option<(u32, bool)>,
    pub(super) callback: bool,
    pub(super) note: Option<&'static str>,
}

const PURPOSE: u64 = 2;

/// What `person` would say on `day`; each `round` of a day is drawn anew.
#[must_use]
pub fn signs(seed: u64, person: &Person, day: u32, round: u32) -> Signs {
    let dice = Dice::new(seed, PURPOSE + u64::from(round) * 100, person.index, day);
    let course = &person.course;
    let burden = course.burden(day);
    let near = |lift: i64| (burden + lift + dice.between(-8, 8)).clamp(0, 100);
    let risen = burden - course.burden(day.saturating_sub(1).max(1));
    let (temperature, dyspnea) = (temperature(&dice, burden), grade(near(-8)));
    let mood = |dice: &Dice| grade(burden / 3 + course.mood + dice.between(-10, 10));
    Signs {
        feeling: grade(near(0)),
        trend: trend(risen + dice.between(-2, 2)),
        dyspnea,
        hindered: grade(near(-12)),
        speech: dyspnea >= 3 && burden > 80 && dice.chance(500),
        danger: [(); 4].map(|()| dice.chance(if burden > 88 { 120 } else { 1 })),
        intake_unable: burden > 75 && dice.chance(150),
        temperature,
        thermometer: dice.chance(800),
        antipyretic: temperature >= 380 && dice.chance(500),
        breaths: dice
            .chance(400)
            .then(|| 14 + dice.between(0, 4) + (burden - 60).max(0) / 4),
        pulse: dice
            .chance(500)
            .then(|| 66 + dice.between(0, 14) + burden / 3),
        oximeter: course.oximeter,
        saturation: 98 - dice.between(0, 1) - (burden - 55).max(0) / 6,
        cough: grade(near(0)),
        sputum: dice
            .pick(&["none", "none", "clear", "dirty"])
            .unwrap_or("none"),
        gut: grade(near(-25)),
        smell: course.loses_smell && day >= 2 && burden > 5,
        taste: course.loses_smell && day >= 3 && burden > 5,
        minor: [38, 30, 26, 34].map(|limit| near(0) > limit),
        headache: near(0) > 30,
        headache_intolerable: burden > 85 && dice.chance(200),
        fatigue: near(0) > 22,
        in_bed: burden > 65 && dice.chance(600),
        anxiety: mood(&dice),
        sadness: mood(&dice),
        isolated: !dice.chance(6),
        need: dice.chance(15).then(|| dice.pick(&NEEDS)).flatten(),
        contacts: if day == 1 {
            dice.between(0, 6)
        } else {
            dice.between(-3, 1).max(0)
        },
        test: course
            .test
            .and_then(|(on, positive)| Some((day.checked_sub(on)?, positive))),
        callback: dice.chance(if burden > 60 { 100 } else { 8 }),
        note: dice.chance(30).then(|| dice.pick(&NOTES)).flatten(),
    }
}

/// A burden on a scale from 0 to 4.
const fn grade(burden: i64) -> i64 {
    match burden {
        ..18 => 0,
        18..40 => 1,
        40..62 => 2,
        62..86 => 3,
        _ => 4,
    }
}

const fn trend(risen: i64) -> &'static str {
    match risen {
        ..=-4 => "better",
        -3..=5 => "same",
        _ => "worse",
    }
}

fn temperature(dice: &Dice, burden: i64) -> i64 {
    365 + dice.between(0, 6) + (burden - 25).max(0) * 45 / 100
}

const NEEDS: [&str; 6] = [
    "food",
    "housing",
    "childcare",
    "work-certificate",
    "psychological",
    "other",
];

const NOTES: [&str; 5] = [
    "Nuit correcte.",
    "Je dors beaucoup.",
    "Merci de votre appel d'hier.",
    "Mon voisin fait les courses.",
    "Un peu d'air à la fenêtre fait du bien.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people::cohort;

    #[test]
    fn some_worsen_between_day_6_and_day_12_and_most_do_not() {
        let people = cohort(1, 1.0);
        let medical: Vec<_> = people
            .iter()
            .filter(|p| p.pathway == Pathway::Medical)
            .collect();
        let worsens =
            |p: &Person| (6..=12).any(|day| p.course.burden(day) >= p.course.burden(5).max(1) + 15);
        let share = medical.iter().filter(|p| worsens(p)).count() * 100 / medical.len();
        assert!((15..35).contains(&share), "{share} %");
    }

    #[test]
    fn grave_signs_are_rare_and_contacts_turn_positive() {
        let people = cohort(1, 1.0);
        let days = || {
            people
                .iter()
                .flat_map(|p| (1..=14).map(move |day| (p, day)))
        };
        let danger = days()
            .filter(|(p, day)| signs(1, p, *day, 0).danger.contains(&true))
            .count();
        assert!((20..400).contains(&danger), "{danger}");
        let positive = people
            .iter()
            .filter(|p| {
                signs(1, p, 14, 0)
                    .test
                    .is_some_and(|(_, positive)| positive)
            })
            .count();
        assert!((20..150).contains(&positive), "{positive}");
    }

    #[test]
    fn what_is_measured_stays_within_life() {
        for person in cohort(3, 0.3) {
            for day in 1..=14 {
                let signs = signs(3, &person, day, 0);
                assert!((350..=420).contains(&signs.temperature), "{signs:?}");
                assert!((80..=100).contains(&signs.saturation), "{signs:?}");
                assert!((0..=100).contains(&person.course.burden(day)));
            }
        }
    }
}
