//! The hours in which a team works, and time counted in them: pure.
//!
//! A team without hours works always. Hours are local times of the team's zone; one that a clock
//! change skips is the first instant after the gap, one that it repeats the first of the two.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde_json::Value;

use crate::{
    fhir::{
        canonical::{COVER_HOURS, TIME_ZONE, extension, extensions},
        date::instant_at,
    },
    kernel::problem::Issue,
};

/// Weeks ahead in which time is counted; what is not reached by then is never reached.
const WEEKS_MAX: u32 = 520;

/// Codes of the days, Monday first: <http://hl7.org/fhir/R4/valueset-days-of-week.html>.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// When somebody of a follow-up's teams works.
#[derive(Debug, Clone)]
pub struct Cover {
    /// The week of each team; none at all where one of them works always.
    weeks: Option<Vec<Week>>,
}

/// The hours of one team.
#[derive(Debug, Clone)]
struct Week {
    zone: TimeZone,
    hours: Vec<Hours>,
}

/// A span of hours on some days; one that does not end after its start ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hours {
    days: Vec<Weekday>,
    start: Time,
    end: Time,
}

impl Cover {
    /// Day and night.
    #[must_use]
    pub const fn always() -> Self {
        Self { weeks: None }
    }

    /// The hours of a CareTeam, in its own time zone or in `zone`.
    #[must_use]
    pub fn read(team: &Value, zone: &TimeZone) -> Self {
        let hours: Vec<Hours> = extensions(team, COVER_HOURS)
            .filter_map(|one| read_hours(one).ok())
            .collect();
        if hours.is_empty() {
            return Self::always();
        }
        let own = extension(team, TIME_ZONE).and_then(Value::as_str);
        let zone = own
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or_else(|| zone.clone());
        Self {
            weeks: Some(vec![Week { zone, hours }]),
        }
    }

    /// When this team or another works.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let weeks = match (self.weeks, other.weeks) {
            (Some(mut weeks), Some(more)) => {
                weeks.extend(more);
                Some(weeks)
            }
            _ => None,
        };
        Self { weeks }
    }

    /// Whether somebody works at an instant.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        let Some(weeks) = &self.weeks else {
            return true;
        };
        weeks
            .iter()
            .flat_map(|week| week.between(at, at))
            .any(|(start, end)| start <= at && at < end)
    }

    /// The instant at which so many minutes of work have passed since `from`; none if that is
    /// never.
    #[must_use]
    pub fn after(&self, from: Timestamp, minutes: u32) -> Option<Timestamp> {
        let mut left = SignedDuration::from_mins(i64::from(minutes));
        let Some(weeks) = &self.weeks else {
            return from.checked_add(left).ok();
        };
        let mut begin = from;
        for _ in 0..WEEKS_MAX {
            let end = begin.checked_add(SignedDuration::from_hours(7 * 24)).ok()?;
            for (start, stop) in worked(weeks, begin, end) {
                let length = start.duration_until(stop);
                if left <= length {
                    return start.checked_add(left).ok();
                }
                left = left.checked_sub(length)?;
            }
            begin = end;
        }
        None
    }
}

/// The stretches between two instants in which somebody works, in order and apart.
fn worked(weeks: &[Week], from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let mut stretches: Vec<_> = weeks
        .iter()
        .flat_map(|week| week.between(from, to))
        .map(|(start, end)| (start.max(from), end.min(to)))
        .filter(|(start, end)| start < end)
        .collect();
    stretches.sort_unstable();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(stretches.len());
    for (start, end) in stretches {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

impl Week {
    /// The stretches of all days that may touch the time between two instants.
    fn between(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let date = |at: Timestamp| at.to_zoned(self.zone.clone()).date();
        let last = date(to);
        // A night that began the day before may last into this one.
        let mut day = date(from).yesterday().unwrap_or(Date::MIN);
        let mut found = Vec::new();
        while day <= last {
            found.extend(self.hours.iter().filter_map(|hours| self.on(hours, day)));
            let Ok(next) = day.checked_add(1.day()) else {
                break;
            };
            day = next;
        }
        found
    }

    fn on(&self, hours: &Hours, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !hours.days.contains(&day.weekday()) {
            return None;
        }
        let last = if hours.end > hours.start {
            day
        } else {
            day.tomorrow().ok()?
        };
        Some((
            instant_at(day.to_datetime(hours.start), &self.zone)?,
            instant_at(last.to_datetime(hours.end), &self.zone)?,
        ))
    }
}

/// What is wrong with the hours and the zone that a CareTeam states, each with its place.
#[must_use]
pub fn faults(team: &Value) -> Vec<Issue> {
    let mut faults = Vec::new();
    for (n, one) in team["extension"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let says = match one["url"].as_str() {
            Some(COVER_HOURS) => read_hours(one).err(),
            Some(TIME_ZONE) => {
                let zone = one["valueCode"].as_str();
                let known = zone.is_some_and(|name| TimeZone::get(name).is_ok());
                (!known).then_some("The time zone is one of IANA's, such as Europe/Paris.")
            }
            _ => None,
        };
        let place = format!("CareTeam.extension[{n}]");
        faults.extend(says.map(|says| Issue::error("value", says).at(place)));
    }
    faults
}

fn read_hours(one: &Value) -> Result<Hours, &'static str> {
    let days: Option<Vec<Weekday>> = extensions(one, "day")
        .map(|day| weekday(day["valueCode"].as_str()?))
        .collect();
    let days = days
        .filter(|days| !days.is_empty())
        .ok_or("Hours of cover name their days: mon, tue, wed, thu, fri, sat or sun.")?;
    let time = |name| {
        let text = extension(one, name).and_then(Value::as_str);
        text.and_then(|text| text.parse::<Time>().ok())
    };
    match (time("start"), time("end")) {
        (Some(start), Some(end)) => Ok(Hours { days, start, end }),
        _ => Err("Hours of cover have a start and an end, as times."),
    }
}

fn weekday(code: &str) -> Option<Weekday> {
    let place = DAYS.iter().position(|day| *day == code)?;
    Weekday::from_monday_zero_offset(i8::try_from(place).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hours(days: &[&str], start: &str, end: &str) -> Value {
        let mut parts: Vec<Value> = days
            .iter()
            .map(|day| json!({ "url": "day", "valueCode": day }))
            .collect();
        parts.push(json!({ "url": "start", "valueTime": start }));
        parts.push(json!({ "url": "end", "valueTime": end }));
        json!({ "url": COVER_HOURS, "extension": parts })
    }

    fn team(hours: &[Value]) -> Value {
        json!({ "resourceType": "CareTeam", "extension": hours })
    }

    fn cover(team: &Value) -> Cover {
        Cover::read(team, &TimeZone::get("Europe/Paris").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const WEEK: [&str; 5] = ["mon", "tue", "wed", "thu", "fri"];

    fn office() -> Value {
        hours(&WEEK, "09:00:00", "18:00:00")
    }

    fn night() -> Value {
        hours(&DAYS, "20:00:00", "08:00:00")
    }

    const OFFICE: Span = ("mon tue wed thu fri", "09:00:00", "18:00:00");
    const LATE: Span = ("mon tue wed thu fri", "12:00:00", "20:00:00");
    const NIGHT: Span = ("mon tue wed thu fri sat sun", "20:00:00", "08:00:00");
    const SATURDAY: Span = ("sat", "00:00:00", "00:00:00");

    /// Days, start and end.
    type Span = (&'static str, &'static str, &'static str);

    /// Hours, from when, minutes, until when; in Paris.
    const COUNTED: [(&[Span], &str, u32, &str); 13] = [
        // No hours: always.
        (&[], "2026-03-06T16:00:00Z", 480, "2026-03-07T00:00:00Z"),
        // Within the day; from Friday over the weekend; from before the day.
        (
            &[OFFICE],
            "2026-03-06T09:00:00Z",
            60,
            "2026-03-06T10:00:00Z",
        ),
        (
            &[OFFICE],
            "2026-03-06T16:00:00Z",
            120,
            "2026-03-09T09:00:00Z",
        ),
        (
            &[OFFICE],
            "2026-03-07T12:00:00Z",
            60,
            "2026-03-09T09:00:00Z",
        ),
        // To the very end of a day: that instant, not the next morning.
        (
            &[OFFICE],
            "2026-03-06T16:00:00Z",
            60,
            "2026-03-06T17:00:00Z",
        ),
        // Several days, nine hours at a time.
        (
            &[OFFICE],
            "2026-03-09T08:00:00Z",
            1_200,
            "2026-03-11T10:00:00Z",
        ),
        // Over midnight.
        (&[NIGHT], "2026-03-06T22:30:00Z", 60, "2026-03-06T23:30:00Z"),
        (&[NIGHT], "2026-03-07T06:30:00Z", 60, "2026-03-07T19:30:00Z"),
        // The night of 28 March has one hour less, that of 24 October one more.
        (
            &[NIGHT],
            "2026-03-28T19:00:00Z",
            660,
            "2026-03-29T06:00:00Z",
        ),
        (
            &[NIGHT],
            "2026-03-28T19:00:00Z",
            661,
            "2026-03-29T18:01:00Z",
        ),
        (
            &[NIGHT],
            "2026-10-24T18:00:00Z",
            780,
            "2026-10-25T07:00:00Z",
        ),
        // Hours that overlap count once; equal ends are the whole day.
        (
            &[OFFICE, LATE],
            "2026-03-06T10:00:00Z",
            540,
            "2026-03-06T19:00:00Z",
        ),
        (
            &[SATURDAY],
            "2026-03-06T12:00:00Z",
            1_440,
            "2026-03-07T23:00:00Z",
        ),
    ];

    #[test]
    fn time_is_counted_in_hours_of_work_only() {
        for (spans, from, minutes, until) in COUNTED {
            let spans: Vec<Value> = spans
                .iter()
                .map(|(days, start, end)| {
                    let days: Vec<&str> = days.split(' ').collect();
                    hours(&days, start, end)
                })
                .collect();
            let reached = cover(&team(&spans)).after(at(from), minutes);
            assert_eq!(reached, Some(at(until)), "{from} + {minutes}");
        }
    }

    #[test]
    fn a_span_that_a_clock_change_swallows_is_not_counted() {
        let skipped = team(&[hours(&["sun"], "02:15:00", "02:45:00")]);
        let cover = cover(&skipped);
        assert!(!cover.covers(at("2026-03-29T01:00:00Z")));
        assert_eq!(
            cover.after(at("2026-03-23T12:00:00Z"), 30),
            Some(at("2026-04-05T00:45:00Z"))
        );
    }

    #[test]
    fn time_that_is_never_worked_is_never_reached() {
        let scarce = team(&[hours(&["mon"], "09:00:00", "09:01:00")]);
        assert_eq!(
            cover(&scarce).after(at("2026-03-06T12:00:00Z"), WEEKS_MAX + 2),
            None
        );
    }

    #[test]
    fn the_start_of_an_hour_is_covered_and_its_end_is_not() {
        let cover = cover(&team(&[office()]));
        for (text, covered) in [
            ("2026-03-06T07:59:59Z", false),
            ("2026-03-06T08:00:00Z", true),
            ("2026-03-06T16:59:59Z", true),
            ("2026-03-06T17:00:00Z", false),
            ("2026-03-07T10:00:00Z", false),
        ] {
            assert_eq!(cover.covers(at(text)), covered, "{text}");
        }
        assert!(Cover::always().covers(at("2026-03-07T10:00:00Z")));
    }

    #[test]
    fn a_team_has_its_own_zone_and_two_teams_help_each_other() {
        let mut far = team(&[hours(&WEEK, "09:00:00", "18:00:00")]);
        far["extension"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "url": TIME_ZONE, "valueCode": "America/Martinique" }));
        let evening = at("2026-03-06T19:00:00Z");
        assert!(cover(&far).covers(evening));
        let near = cover(&team(&[office()]));
        assert!(!near.covers(evening));
        assert!(near.clone().or(cover(&far)).covers(evening));
        assert!(near.or(Cover::always()).covers(at("2026-03-07T10:00:00Z")));
    }

    #[test]
    fn hours_that_cannot_be_read_are_named_with_their_place() {
        let faulty = team(&[
            office(),
            hours(&["monday"], "09:00:00", "18:00:00"),
            hours(&[], "09:00:00", "18:00:00"),
            hours(&WEEK, "9h", "18:00:00"),
            json!({ "url": TIME_ZONE, "valueCode": "Europe/Lyon" }),
        ]);
        let places: Vec<_> = faults(&faulty)
            .into_iter()
            .filter_map(|issue| issue.expression)
            .collect();
        let expected: Vec<_> = (1..5).map(|n| format!("CareTeam.extension[{n}]")).collect();
        assert_eq!(places, expected);
        assert_eq!(faults(&team(&[office(), night()])), []);
    }
}
