//! How a professional wishes to be told of what is not urgent: quiet hours, a digest, what not at
//! all. What is urgent, or says that the service has failed, is told at once whatever they wish.

use futures_util::future::BoxFuture;
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde_json::Value;

use super::MessageKind;
use crate::{
    fhir::{
        canonical::{NOTICES, extension, extensions, find_extension},
        date::instant_at,
        permit::Permit,
        reference,
    },
    kernel::problem::{Category, Issue, Problem, Result},
    store::{Change, Draft, Reactor, Store, Tx},
};

/// `Communication.priority` of what is never put off.
const AT_ONCE: &str = "stat";

/// What one professional wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notices {
    /// Local times between which they are not told: start and end.
    quiet: Option<(Time, Time)>,
    /// The local time of the one message that tells all that has gathered.
    digest: Option<Time>,
    /// What they are not told.
    mute: Vec<MessageKind>,
    zone: TimeZone,
}

/// What becomes of a notice at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// It goes out.
    Now,
    /// It is held until then.
    Later(Timestamp),
    /// It joins the digest of then.
    Gather(Timestamp),
    /// It is not sent.
    Never,
}

/// Whether a message can wait, be gathered or muted.
#[must_use]
pub(super) fn is_minor(kind: MessageKind, priority: Option<&str>) -> bool {
    match kind {
        MessageKind::Answered | MessageKind::FollowUpEnded | MessageKind::ReportMissed => {
            priority != Some(AT_ONCE)
        }
        // One of which it is not known how urgent it is, is not put off.
        MessageKind::NeedsAction => priority.is_some_and(|priority| priority != AT_ONCE),
        _ => false,
    }
}

impl Notices {
    /// The wishes that a professional's resource states; none that can be followed, if it states
    /// none or states them wrongly.
    #[must_use]
    pub(super) fn read(tree: &Value) -> Option<Self> {
        read(find_extension(tree, NOTICES)?).ok()
    }

    /// What becomes of a minor notice at `now`.
    #[must_use]
    pub(super) fn wish(&self, kind: MessageKind, now: Timestamp) -> Wish {
        if self.mute.contains(&kind) {
            return Wish::Never;
        }
        let local = now.to_zoned(self.zone.clone());
        let (date, time) = (local.date(), local.time());
        if let Some(digest) = self.digest {
            let at = if time < digest { date } else { next(date) };
            return self.at(at, digest).map_or(Wish::Now, Wish::Gather);
        }
        match self.quiet {
            Some((start, end)) if is_between(start, end, time) => {
                let at = if time < end { date } else { next(date) };
                match self.at(at, end) {
                    Some(at) if at > now => Wish::Later(at),
                    _ => Wish::Now,
                }
            }
            _ => Wish::Now,
        }
    }

    fn at(&self, date: Date, time: Time) -> Option<Timestamp> {
        instant_at(date.to_datetime(time), &self.zone)
    }
}

fn next(date: Date) -> Date {
    date.tomorrow().unwrap_or(Date::MAX)
}

/// Whether a local time lies in a span that may last over midnight.
fn is_between(start: Time, end: Time, time: Time) -> bool {
    if start <= end {
        start <= time && time < end
    } else {
        start <= time || time < end
    }
}

fn read(stated: &Value) -> Result<Notices, &'static str> {
    let time = |name| -> Result<Option<Time>, &'static str> {
        extension(stated, name)
            .map(|value| value.as_str().and_then(|text| text.parse().ok()))
            .map_or(Ok(None), |time| time.ok_or("A time is hh:mm:ss.").map(Some))
    };
    let quiet = match (time("quietStart")?, time("quietEnd")?) {
        (None, None) => None,
        (Some(start), Some(end)) if start != end => Some((start, end)),
        _ => return Err("Quiet hours have a quietStart and another quietEnd."),
    };
    let digest = time("digest")?;
    let mute = extensions(stated, "mute")
        .map(|one| {
            let kind = one["valueCode"].as_str().and_then(MessageKind::coded);
            kind.filter(|kind| is_minor(*kind, Some("routine")))
                .ok_or("Only answered, follow-up-ended, report-missed and needs-action are muted.")
        })
        .collect::<Result<_, _>>()?;
    let zone = match extension(stated, "timeZone").and_then(Value::as_str) {
        Some(name) => TimeZone::get(name)
            .map_err(|_| "The timeZone is one of IANA's, such as Europe/Paris.")?,
        None if quiet.is_none() && digest.is_none() => TimeZone::UTC,
        None => return Err("Quiet hours and a digest need a timeZone."),
    };
    Ok(Notices {
        quiet,
        digest,
        mute,
        zone,
    })
}

/// What the recipient of a minor notice wishes; a role without wishes has those of who holds it.
pub(super) async fn wish_of(
    store: &Store,
    permit: &Permit,
    (kind, recipient): (MessageKind, &str),
    now: Timestamp,
) -> Result<Wish> {
    let mut target = recipient.to_owned();
    loop {
        let Some(local) = reference::local(&target) else {
            return Ok(Wish::Now);
        };
        let found = store.read(permit, local.kind, &local.id).await?;
        let Some(stored) = found.filter(|stored| !stored.is_deleted()) else {
            return Ok(Wish::Now);
        };
        let tree = stored.tree()?;
        if find_extension(&tree, NOTICES).is_some() {
            return Ok(Notices::read(&tree).map_or(Wish::Now, |notices| notices.wish(kind, now)));
        }
        match tree["practitioner"]["reference"].as_str() {
            Some(holder)
                if local.kind.name() == "PractitionerRole"
                    && holder.starts_with("Practitioner/") =>
            {
                target = holder.to_owned();
            }
            _ => return Ok(Wish::Now),
        }
    }
}

/// Refuses wishes that could not be followed.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoticesReactor;

impl Reactor for NoticesReactor {
    fn name(&self) -> &'static str {
        "notify.notices"
    }

    fn shape(&self, draft: &mut Draft<'_>) -> Result<()> {
        let resource = draft.resource();
        let kind = resource.kind().name();
        if !matches!(kind, "Practitioner" | "PractitionerRole" | "Organization") {
            return Ok(());
        }
        let list = resource.tree()["extension"].as_array();
        let faults: Vec<Issue> = list
            .into_iter()
            .flatten()
            .enumerate()
            .filter(|(_, one)| one["url"] == NOTICES)
            .filter_map(|(n, one)| {
                let says = read(one).err()?;
                Some(Issue::error("value", says).at(format!("{kind}.extension[{n}]")))
            })
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(Problem::with_issues(Category::Invalid, faults))
    }

    fn concerns(&self, _change: &Change) -> bool {
        false
    }

    fn react<'a>(&'a self, _tx: &'a mut Tx, _change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stated(parts: Value) -> Value {
        json!({ "url": NOTICES, "extension": parts })
    }

    fn notices(parts: Value) -> Notices {
        Notices::read(&json!({ "extension": [stated(parts)] })).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn quiet_hours_hold_until_their_end_over_midnight_and_clock_changes() {
        let night = notices(json!([
            { "url": "quietStart", "valueTime": "20:00:00" },
            { "url": "quietEnd", "valueTime": "07:30:00" },
            { "url": "timeZone", "valueCode": "Europe/Paris" },
        ]));
        for (now, until) in [
            ("2026-03-28T18:59:59Z", None),
            ("2026-03-28T19:00:00Z", Some("2026-03-29T05:30:00Z")),
            ("2026-03-29T00:30:00Z", Some("2026-03-29T05:30:00Z")),
            ("2026-03-29T05:29:59Z", Some("2026-03-29T05:30:00Z")),
            ("2026-03-29T05:30:00Z", None),
            ("2026-10-24T22:30:00Z", Some("2026-10-25T06:30:00Z")),
        ] {
            let expected = until.map_or(Wish::Now, |until| Wish::Later(at(until)));
            assert_eq!(
                night.wish(MessageKind::Answered, at(now)),
                expected,
                "{now}"
            );
        }
    }

    #[test]
    fn a_digest_gathers_until_its_next_time_and_what_is_muted_is_not_told() {
        let tidy = notices(json!([
            { "url": "digest", "valueTime": "08:00:00" },
            { "url": "mute", "valueCode": "answered" },
            { "url": "timeZone", "valueCode": "Europe/Paris" },
        ]));
        let wish = |kind, now| tidy.wish(kind, at(now));
        let missed = MessageKind::ReportMissed;
        assert_eq!(
            wish(missed, "2026-03-28T06:59:59Z"),
            Wish::Gather(at("2026-03-28T07:00:00Z"))
        );
        assert_eq!(
            wish(missed, "2026-03-28T07:00:00Z"),
            Wish::Gather(at("2026-03-29T06:00:00Z"))
        );
        assert_eq!(
            wish(MessageKind::Answered, "2026-03-28T07:00:00Z"),
            Wish::Never
        );
    }

    #[test]
    fn only_what_is_minor_can_wait() {
        for kind in MessageKind::ALL {
            assert!(!is_minor(kind, Some("stat")), "{kind}");
        }
        assert!(is_minor(MessageKind::NeedsAction, Some("asap")));
        assert!(!is_minor(MessageKind::NeedsAction, None));
        for kind in [
            MessageKind::NeedsActionRaised,
            MessageKind::Escalated,
            MessageKind::Technical,
            MessageKind::Reminder,
            MessageKind::Digest,
        ] {
            assert!(!is_minor(kind, Some("routine")), "{kind}");
        }
    }

    #[test]
    fn wishes_that_cannot_be_followed_are_refused() {
        let zone = json!({ "url": "timeZone", "valueCode": "Europe/Paris" });
        for parts in [
            json!([{ "url": "quietStart", "valueTime": "20:00:00" }, zone]),
            json!([{ "url": "quietStart", "valueTime": "20:00:00" },
                { "url": "quietEnd", "valueTime": "20:00:00" }, zone]),
            json!([{ "url": "digest", "valueTime": "soon" }, zone]),
            json!([{ "url": "digest", "valueTime": "08:00:00" }]),
            json!([{ "url": "digest", "valueTime": "08:00:00" },
                { "url": "timeZone", "valueCode": "Europe/Lyon" }]),
            json!([{ "url": "mute", "valueCode": "escalated" }]),
            json!([{ "url": "mute", "valueCode": "everything" }]),
        ] {
            assert!(read(&stated(parts.clone())).is_err(), "{parts}");
        }
        assert!(read(&stated(json!([{ "url": "mute", "valueCode": "answered" }]))).is_ok());
    }
}
