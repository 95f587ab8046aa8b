//! What Vigie reads of a CarePlan that it has made: a follow-up.
//!
//! Specification: <http://hl7.org/fhir/R4/careplan.html>.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde_json::Value;

use super::canonical::{REMINDER_TIME, TIME_ZONE, extension};

/// A follow-up: one patient on one pathway.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// `CarePlan.id`.
    pub id: String,
    /// The patient's logical id.
    pub patient: String,
    /// The pathway, as `url|version`.
    pub pathway: String,
    /// The calendar date of day 1.
    pub first_date: Date,
    /// The time zone of the patient's calendar.
    pub zone: TimeZone,
    /// The local time at which this patient's reports are due, where it is not the pathway's.
    pub reminder_time: Option<Time>,
    /// Whether it runs.
    pub state: State,
}

/// Whether a follow-up runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Reports are asked for.
    Active,
    /// Paused: what falls due meanwhile is called off.
    Paused,
    /// It has not begun, or it has ended.
    Over,
}

impl State {
    /// The state of a CarePlan.
    #[must_use]
    pub fn of(plan: &Value) -> Self {
        match plan["status"].as_str() {
            Some("active") => Self::Active,
            Some("on-hold") => Self::Paused,
            _ => Self::Over,
        }
    }

    /// Whether it has begun and not ended, paused or not.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }
}

impl FollowUp {
    /// Reads a CarePlan; none if it is not a follow-up of Vigie's.
    #[must_use]
    pub fn read(plan: &Value) -> Option<Self> {
        let zone = extension(plan, TIME_ZONE)?.as_str()?;
        Some(Self {
            id: plan["id"].as_str()?.to_owned(),
            patient: plan["subject"]["reference"]
                .as_str()?
                .strip_prefix("Patient/")?
                .to_owned(),
            pathway: plan["instantiatesCanonical"].get(0)?.as_str()?.to_owned(),
            first_date: plan["period"]["start"].as_str()?.get(..10)?.parse().ok()?,
            zone: TimeZone::get(zone).ok()?,
            reminder_time: extension(plan, REMINDER_TIME)
                .and_then(Value::as_str)
                .and_then(|time| time.parse().ok()),
            state: State::of(plan),
        })
    }

    /// The day of follow-up of an instant; before day 1 it is 0 or less.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> i64 {
        let date = at.to_zoned(self.zone.clone()).date();
        i64::from((date - self.first_date).get_days()) + 1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_day_of_an_answer_follows_the_patients_calendar() {
        let plan = json!({
            "id": "f", "status": "active", "subject": {"reference": "Patient/p"},
            "instantiatesCanonical": ["u|1"], "period": {"start": "2026-03-28"},
            "extension": [{"url": TIME_ZONE, "valueCode": "Europe/Paris"}]
        });
        let follow_up = FollowUp::read(&plan).expect("a follow-up");
        let day = |text: &str| follow_up.day_of(text.parse().expect("instant"));
        assert_eq!(day("2026-03-28T22:59:59Z"), 1);
        assert_eq!(day("2026-03-28T23:00:00Z"), 2);
        assert_eq!(day("2026-03-29T22:00:00Z"), 3);
        assert_eq!(day("2026-03-20T12:00:00Z"), -7);
    }
}
