//! `+ - * / div mod` on numbers, texts, quantities and dates.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#math>. What does not fit (overflow, division by
//! zero) is empty; what makes no sense is an error.

use jiff::{Span, civil::DateTime};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    ast::Operator,
    compare::{dimensionless, number},
    error::EvaluationError,
    evaluate::Evaluator,
    item::Item,
    quantity::{CalendarUnit, Quantity, Unit},
    temporal::{Precision, Temporal, TemporalKind},
};
use crate::fhir::ucum;

type Calculated<'a> = Result<Option<Item<'a>>, EvaluationError>;

/// What calculating with two units costs, in steps.
const UNIT_STEPS: usize = 100;

/// That an operator has no meaning for these types.
pub(super) fn mismatch(operator: &str, left: &Item<'_>, right: &Item<'_>) -> EvaluationError {
    let (left, right) = (left.fhir_type(), right.fhir_type());
    EvaluationError::Semantics(format!(
        "'{operator}' has no meaning for {left} and {right}."
    ))
}

/// Calculates with two values.
pub(super) fn binary<'a>(
    evaluator: &Evaluator<'_, 'a>,
    operator: Operator,
    left: &Item<'a>,
    right: &Item<'a>,
) -> Calculated<'a> {
    match (left, right) {
        (Item::Integer(a), Item::Integer(b)) => Ok(integers(operator, *a, *b)),
        (Item::String(a), Item::String(b)) if operator == Operator::Add => {
            evaluator.text(format!("{a}{b}")).map(Some)
        }
        (Item::Temporal(moment), Item::Quantity(quantity)) => match operator {
            Operator::Add => shift(moment, quantity, quantity.value),
            Operator::Subtract => shift(moment, quantity, -quantity.value),
            _ => Err(mismatch(operator.text(), left, right)),
        },
        (Item::Quantity(a), Item::Quantity(b)) => {
            evaluator.charge(UNIT_STEPS)?;
            quantities(operator, a, b)
        }
        (Item::Quantity(a), b) => match number(b) {
            Some(b) => quantities(operator, a, &dimensionless(b)),
            None => Err(mismatch(operator.text(), left, right)),
        },
        (a, Item::Quantity(b)) => match number(a) {
            Some(a) => quantities(operator, &dimensionless(a), b),
            None => Err(mismatch(operator.text(), left, right)),
        },
        (a, b) => match (number(a), number(b)) {
            (Some(a), Some(b)) => Ok(decimals(operator, a, b)),
            _ => Err(mismatch(operator.text(), left, right)),
        },
    }
}

fn integers<'a>(operator: Operator, a: i64, b: i64) -> Option<Item<'a>> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Div => a.checked_div(b),
        Operator::Mod => a.checked_rem(b),
        _ => return decimals(operator, a.into(), b.into()),
    };
    result.map(Item::Integer)
}

fn decimals<'a>(operator: Operator, a: Decimal, b: Decimal) -> Option<Item<'a>> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b).map(|quotient| quotient.normalize()),
        Operator::Div => return a.checked_div(b)?.trunc().to_i64().map(Item::Integer),
        Operator::Mod => a.checked_rem(b),
        _ => None,
    };
    result.map(Item::Decimal)
}

/// Sums in the finer unit; products and quotients in the unit that UCUM makes of the two.
fn quantities<'a>(operator: Operator, a: &Quantity<'a>, b: &Quantity<'a>) -> Calculated<'a> {
    let result = match operator {
        Operator::Add | Operator::Subtract => sum(operator, a, b),
        Operator::Multiply if b.unit == Unit::ONE => a
            .value
            .checked_mul(b.value)
            .map(|value| a.with_value(value)),
        Operator::Multiply if a.unit == Unit::ONE => a
            .value
            .checked_mul(b.value)
            .map(|value| b.with_value(value)),
        Operator::Divide if b.unit == Unit::ONE => a
            .value
            .checked_div(b.value)
            .map(|value| a.with_value(value)),
        Operator::Divide if a.aligned(b).is_some() => a
            .aligned(b)
            .and_then(|(a, b)| a.checked_div(b))
            .map(dimensionless),
        Operator::Multiply => a.value.checked_mul(b.value).and_then(|value| {
            let unit = ucum::product(a.unit.ucum()?, b.unit.ucum()?)?;
            Some(Quantity {
                value,
                unit: Unit::Code(unit.into()),
            })
        }),
        Operator::Divide => a.value.checked_div(b.value).and_then(|value| {
            let unit = ucum::quotient(a.unit.ucum()?, b.unit.ucum()?)?;
            Some(Quantity {
                value,
                unit: Unit::Code(unit.into()),
            })
        }),
        _ => {
            return Err(EvaluationError::semantics(
                "'div' and 'mod' have no meaning for quantities.",
            ));
        }
    };
    Ok(result.map(Item::Quantity))
}

fn sum<'a>(operator: Operator, a: &Quantity<'a>, b: &Quantity<'a>) -> Option<Quantity<'a>> {
    let finer = if a.unit == b.unit || a.has_finer_unit_than(b)? {
        a
    } else {
        b
    };
    let (left, right) = (a.value_in(&finer.unit)?, b.value_in(&finer.unit)?);
    let value = if operator == Operator::Add {
        left.checked_add(right)
    } else {
        left.checked_sub(right)
    };
    value.map(|value| finer.with_value(value))
}

/// A moment some time later (or earlier), in whole units of the moment's precision.
fn shift<'a>(moment: &Temporal, by: &Quantity<'_>, amount: Decimal) -> Calculated<'a> {
    let (unit, amount) = match &by.unit {
        Unit::Calendar(unit) => (*unit, amount),
        // UCUM's durations count whole, seconds too, as the official suite has it.
        Unit::Code(code) => {
            let unit = CalendarUnit::from_definite_code(code).ok_or_else(|| {
                EvaluationError::semantics("Only a duration can be added to a date or time.")
            })?;
            (unit, amount.trunc())
        }
    };
    if moment.kind == TemporalKind::Time && unit_precision(unit) < Precision::Hour {
        return Err(EvaluationError::semantics(
            "Only hours and smaller units can be added to a time.",
        ));
    }
    Ok(shifted(moment, unit, amount).map(Item::Temporal))
}

fn shifted(moment: &Temporal, unit: CalendarUnit, amount: Decimal) -> Option<Temporal> {
    let (amount, unit) = coarsen(amount, unit, moment.precision)?;
    let milliseconds = match unit {
        CalendarUnit::Second => Some(amount.checked_mul(1_000.into())?),
        CalendarUnit::Millisecond => Some(amount),
        _ => None,
    };
    let span = if let Some(milliseconds) = milliseconds {
        Span::new().try_milliseconds(milliseconds.trunc().to_i64()?)
    } else {
        let count = amount.trunc().to_i64()?;
        match unit {
            CalendarUnit::Year => Span::new().try_years(count),
            CalendarUnit::Month => Span::new().try_months(count),
            CalendarUnit::Week => Span::new().try_weeks(count),
            CalendarUnit::Day => Span::new().try_days(count),
            CalendarUnit::Hour => Span::new().try_hours(count),
            _ => Span::new().try_minutes(count),
        }
    }
    .ok()?;
    let mut later = *moment;
    later.moment = if moment.kind == TemporalKind::Time {
        // A clock goes round: the day it has moved to is forgotten.
        let time = moment.moment.time().wrapping_add(span);
        DateTime::from_parts(moment.moment.date(), time)
    } else {
        moment.moment.checked_add(span).ok()?
    };
    if later.moment.subsec_nanosecond() != 0 && later.precision == Precision::Second {
        later.precision = Precision::Fraction;
        later.digits = 3;
    }
    Some(later)
}

const fn unit_precision(unit: CalendarUnit) -> Precision {
    match unit {
        CalendarUnit::Year => Precision::Year,
        CalendarUnit::Month => Precision::Month,
        CalendarUnit::Week | CalendarUnit::Day => Precision::Day,
        CalendarUnit::Hour => Precision::Hour,
        CalendarUnit::Minute => Precision::Minute,
        CalendarUnit::Second => Precision::Second,
        CalendarUnit::Millisecond => Precision::Fraction,
    }
}

/// A duration in a unit that a partial date knows: 24 months from `@2014` are two years,
/// 25 are no more.
fn coarsen(
    mut amount: Decimal,
    mut unit: CalendarUnit,
    precision: Precision,
) -> Option<(Decimal, CalendarUnit)> {
    let known = if precision == Precision::Second {
        Precision::Fraction
    } else {
        precision
    };
    while unit_precision(unit) > known {
        let (parts, coarser) = match unit {
            CalendarUnit::Millisecond => (1_000, CalendarUnit::Second),
            CalendarUnit::Second => (60, CalendarUnit::Minute),
            CalendarUnit::Minute => (60, CalendarUnit::Hour),
            CalendarUnit::Hour => (24, CalendarUnit::Day),
            CalendarUnit::Week => (1, CalendarUnit::Day),
            CalendarUnit::Day if known == Precision::Year => (365, CalendarUnit::Year),
            CalendarUnit::Day => (30, CalendarUnit::Month),
            _ => (12, CalendarUnit::Year),
        };
        if unit == CalendarUnit::Week {
            amount = amount.checked_mul(7.into())?;
        }
        amount = amount.trunc().checked_div(parts.into())?;
        unit = coarser;
    }
    Some((amount, unit))
}
