//! Conversion between the types of FHIRPath, and `iif`.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#conversion>.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::{Function, Invocation, boolean, maybe, none};
use crate::fhir::path::{
    compare::dimensionless,
    evaluate::{Outcome, Scope, single},
    item::Item,
    quantity::{Quantity, Unit},
    temporal::{Precision, Temporal, TemporalKind},
    text::Text,
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("iif", (2, 3), iif),
    Function::of("toBoolean", (0, 0), |call| to(&call, to_boolean)),
    Function::of("convertsToBoolean", (0, 0), |call| {
        converts(&call, to_boolean)
    }),
    Function::of("toInteger", (0, 0), |call| to(&call, to_integer)),
    Function::of("convertsToInteger", (0, 0), |call| {
        converts(&call, to_integer)
    }),
    Function::of("toDecimal", (0, 0), |call| to(&call, to_decimal)),
    Function::of("convertsToDecimal", (0, 0), |call| {
        converts(&call, to_decimal)
    }),
    Function::of("toString", (0, 0), |call| to(&call, to_string)),
    Function::of("convertsToString", (0, 0), |call| {
        converts(&call, to_string)
    }),
    Function::of("toDate", (0, 0), |call| to(&call, to_date)),
    Function::of("convertsToDate", (0, 0), |call| converts(&call, to_date)),
    Function::of("toDateTime", (0, 0), |call| to(&call, to_datetime)),
    Function::of("convertsToDateTime", (0, 0), |call| {
        converts(&call, to_datetime)
    }),
    Function::of("toTime", (0, 0), |call| to(&call, to_time)),
    Function::of("convertsToTime", (0, 0), |call| converts(&call, to_time)),
    Function::of("toQuantity", (0, 1), |call| {
        let unit = call.string_argument(0)?;
        Ok(maybe(call.value()?.and_then(|item| quantity(item, unit))))
    }),
    Function::of("convertsToQuantity", (0, 1), |call| {
        let unit = call.string_argument(0)?;
        Ok(match call.value()? {
            Some(item) => boolean(quantity(item, unit).is_some()),
            None => none(),
        })
    }),
];

type Conversion = for<'a> fn(Item<'a>) -> Option<Item<'a>>;

fn to<'s, 'a>(call: &Invocation<'s, 'a>, convert: Conversion) -> Outcome<'s, 'a> {
    Ok(maybe(call.value()?.and_then(convert)))
}

fn converts<'s, 'a>(call: &Invocation<'s, 'a>, convert: Conversion) -> Outcome<'s, 'a> {
    Ok(match call.value()? {
        Some(item) => boolean(convert(item).is_some()),
        None => none(),
    })
}

/// Evaluates only the branch that is taken. Called on an item, that item is `$this`.
fn iif<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    single(&call.input)?;
    let scope = Scope {
        this: &call.input,
        ..call.scope
    };
    let evaluate = |index: usize| match call.call.arguments.get(index) {
        Some(expr) => call.evaluator.eval(expr, &scope).map(Cow::into_owned),
        None => Ok(Vec::new()),
    };
    let criterion = evaluate(0)?;
    let taken = match single(&criterion)?.map(Item::to_value) {
        Some(Item::Boolean(true)) => evaluate(1)?,
        Some(Item::Boolean(false)) | None => evaluate(2)?,
        Some(_) => return Err(call.fault("wants a Boolean criterion")),
    };
    Ok(Cow::Owned(taken))
}

fn to_boolean(item: Item<'_>) -> Option<Item<'_>> {
    let value = match &item {
        Item::Boolean(value) => *value,
        Item::Integer(1) => true,
        Item::Integer(0) => false,
        Item::Decimal(value) if *value == Decimal::ONE => true,
        Item::Decimal(value) if value.is_zero() => false,
        Item::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Item::Boolean(value))
}

fn to_integer(item: Item<'_>) -> Option<Item<'_>> {
    match &item {
        Item::Integer(_) => Some(item),
        Item::Boolean(value) => Some(Item::Integer((*value).into())),
        Item::String(text) => text.parse().ok().map(Item::Integer),
        _ => None,
    }
}

fn to_decimal(item: Item<'_>) -> Option<Item<'_>> {
    match &item {
        Item::Decimal(_) => Some(item),
        Item::Integer(value) => Some(Item::Decimal((*value).into())),
        Item::Boolean(value) => Some(Item::Decimal(i64::from(*value).into())),
        Item::String(text) => {
            let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.');
            if !text.bytes().all(plain) {
                return None;
            }
            Decimal::from_str_exact(text).ok().map(Item::Decimal)
        }
        _ => None,
    }
}

fn to_string(item: Item<'_>) -> Option<Item<'_>> {
    item.to_text().map(Item::String)
}

fn to_date(item: Item<'_>) -> Option<Item<'_>> {
    let date = match &item {
        Item::Temporal(moment) if moment.kind != TemporalKind::Time => moment.to_date(),
        // The text of a date with time is not a date, but begins with one.
        Item::String(text) => Temporal::parse(text, TemporalKind::Date).or_else(|| {
            let moment = Temporal::parse(text, TemporalKind::DateTime)?;
            (moment.precision >= Precision::Hour).then(|| moment.to_date())
        })?,
        _ => return None,
    };
    Some(Item::Temporal(date))
}

fn to_datetime(item: Item<'_>) -> Option<Item<'_>> {
    let moment = match &item {
        Item::Temporal(moment) if moment.kind != TemporalKind::Time => moment.to_datetime(),
        Item::String(text) => Temporal::parse(text, TemporalKind::DateTime)?,
        _ => return None,
    };
    Some(Item::Temporal(moment))
}

fn to_time(item: Item<'_>) -> Option<Item<'_>> {
    let time = match &item {
        Item::Temporal(moment) if moment.kind == TemporalKind::Time => *moment,
        Item::String(text) => {
            let text = text.strip_prefix('T').unwrap_or(text);
            Temporal::parse(text, TemporalKind::Time)?
        }
        _ => return None,
    };
    Some(Item::Temporal(time))
}

/// A quantity; with a unit, only if it can be expressed in that unit, and then in it.
fn quantity<'a>(item: Item<'a>, unit: Option<Text<'a>>) -> Option<Item<'a>> {
    let quantity = match item {
        Item::Quantity(quantity) => quantity,
        Item::Integer(value) => dimensionless(value.into()),
        Item::Decimal(value) => dimensionless(value),
        Item::Boolean(value) => dimensionless(i64::from(value).into()),
        Item::String(text) => Quantity::parse(&text)?,
        _ => return None,
    };
    let Some(unit) = unit else {
        return Some(Item::Quantity(quantity));
    };
    let unit = Unit::from_code(unit);
    let value = quantity.value_in(&unit)?;
    Some(Item::Quantity(Quantity { value, unit }))
}
