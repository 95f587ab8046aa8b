//! The least and greatest values that a value of limited precision may stand for.
//!
//! Specification: <http://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal--date--datetime--time>.

use rust_decimal::{Decimal, RoundingStrategy};

use super::{Function, Invocation, maybe, none};
use crate::fhir::path::{
    compare,
    evaluate::Outcome,
    item::Item,
    temporal::{Precision, Temporal, TemporalKind},
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("lowBoundary", (0, 1), |call| boundary(&call, false)),
    Function::of("highBoundary", (0, 1), |call| boundary(&call, true)),
    Function::of("precision", (0, 0), |call| {
        Ok(maybe(call.value()?.and_then(|item| precision(&item))))
    }),
    Function::of("comparable", (1, 1), |call| {
        let other = call.argument(0)?;
        let other = super::single(&other)?.map(Item::to_value);
        Ok(match (call.value()?, other) {
            (Some(Item::Quantity(a)), Some(Item::Quantity(b))) => {
                super::boolean(a.aligned(&b).is_some())
            }
            (Some(_), Some(_)) => return Err(call.fault("wants quantities")),
            _ => none(),
        })
    }),
];

/// Digits after the point where the call does not say how many.
const DIGITS: i64 = 8;

fn precision<'a>(item: &Item<'_>) -> Option<Item<'a>> {
    let digits = match item {
        Item::Decimal(value) => i64::from(value.scale()),
        Item::Temporal(moment) => digits(moment.kind, moment.precision),
        _ => return None,
    };
    Some(Item::Integer(digits))
}

/// How many digits a date or time of this precision has.
const fn digits(kind: TemporalKind, precision: Precision) -> i64 {
    let all = match precision {
        Precision::Year => 4,
        Precision::Month => 6,
        Precision::Day => 8,
        Precision::Hour => 10,
        Precision::Minute => 12,
        Precision::Second => 14,
        Precision::Fraction => 17,
    };
    match kind {
        TemporalKind::Time => all - 8,
        _ => all,
    }
}

fn boundary<'s, 'a>(call: &Invocation<'s, 'a>, high: bool) -> Outcome<'s, 'a> {
    let wanted = call.integer_argument(0)?;
    Ok(maybe(match call.value()? {
        None => None,
        Some(Item::Integer(value)) => number(value.into(), wanted, high).map(Item::Decimal),
        Some(Item::Decimal(value)) => number(value, wanted, high).map(Item::Decimal),
        Some(Item::Quantity(quantity)) => number(quantity.value, wanted, high)
            .map(|value| Item::Quantity(quantity.with_value(value))),
        Some(Item::Temporal(moment)) => temporal(&moment, wanted, high).map(Item::Temporal),
        Some(_) => return Err(call.fault("wants a number, quantity, date or time")),
    }))
}

/// Half a unit of the last digit below or above, to the wanted number of digits.
fn number(value: Decimal, wanted: Option<i64>, high: bool) -> Option<Decimal> {
    let wanted = u32::try_from(wanted.unwrap_or(DIGITS)).ok()?;
    if wanted > Decimal::MAX_SCALE {
        return None;
    }
    // What is nothing in as many digits has no boundaries but that, as the official suite has it.
    if value.scale() > wanted && compare::round(value, wanted).is_zero() {
        return Decimal::try_new(0, wanted).ok();
    }
    let half = Decimal::try_new(5, value.scale() + 1).ok()?;
    let (edge, strategy) = if high {
        (
            value.checked_add(half)?,
            RoundingStrategy::ToPositiveInfinity,
        )
    } else {
        (
            value.checked_sub(half)?,
            RoundingStrategy::ToNegativeInfinity,
        )
    };
    let mut edge = edge.round_dp_with_strategy(wanted, strategy);
    edge.rescale(wanted);
    Some(edge)
}

/// The first or last moment of the span that a partial date or time means.
fn temporal(moment: &Temporal, wanted: Option<i64>, high: bool) -> Option<Temporal> {
    let precision = match wanted {
        None if moment.kind == TemporalKind::Date => Precision::Day,
        None => Precision::Fraction,
        Some(wanted) => {
            let all = [
                Precision::Year,
                Precision::Month,
                Precision::Day,
                Precision::Hour,
                Precision::Minute,
                Precision::Second,
                Precision::Fraction,
            ];
            all.into_iter()
                .find(|precision| digits(moment.kind, *precision) == wanted)?
        }
    };
    let mut edge = *moment;
    if high {
        edge.moment = last(moment)?;
    }
    if moment.precision < Precision::Fraction || edge.digits < 3 {
        edge.digits = 3;
    }
    edge.precision = precision;
    if precision <= Precision::Day {
        edge.offset = None;
        return Some(if moment.kind == TemporalKind::Date {
            edge.to_date()
        } else {
            edge
        });
    }
    if edge.kind == TemporalKind::Date {
        edge.kind = TemporalKind::DateTime;
    }
    if edge.kind == TemporalKind::DateTime && edge.offset.is_none() {
        edge.offset = Some(if high { -12 * 60 } else { 14 * 60 });
    }
    Some(edge)
}

/// The last millisecond of the span.
fn last(moment: &Temporal) -> Option<jiff::civil::DateTime> {
    let mut end = moment.moment.with();
    if moment.precision < Precision::Month {
        end = end.month(12);
    }
    if moment.precision < Precision::Day {
        let month = end.day(1).build().ok()?;
        end = month.with().day(month.days_in_month());
    }
    if moment.precision < Precision::Hour {
        end = end.hour(23);
    }
    // FHIR has no time of an hour alone: it is that of its first minute, as the official suite
    // has it.
    if moment.precision < Precision::Hour {
        end = end.minute(59);
    }
    if moment.precision < Precision::Second {
        end = end.second(59);
    }
    if moment.precision < Precision::Fraction {
        end = end.subsec_nanosecond(999_000_000);
    }
    end.build().ok()
}
