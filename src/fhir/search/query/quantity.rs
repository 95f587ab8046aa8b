//! Quantities and positions in a search.
//!
//! A quantity whose unit is one of UCUM is compared in base units, with whatever unit of the same
//! dimension the data has; any other by its number and its unit as written. Specification:
//! <http://hl7.org/fhir/R4/search.html#quantity>,
//! <http://hl7.org/fhir/R4/location.html#positional>.

use rust_decimal::{
    Decimal,
    prelude::{FromPrimitive as _, ToPrimitive as _},
};

use super::{
    clause::{Clause, NumberTest, Rows, Tests},
    escape::{plain, split},
    number,
    value::{Reading, prefix},
};
use crate::{
    fhir::{
        search::{
            hash,
            near::{Point, REACH_DEFAULT_METRES, Vicinity},
            parameters::SearchParameter,
        },
        ucum::{self, Canonical},
    },
    kernel::problem::Result,
};

/// A quantity as it is compared.
pub(super) enum Quantity {
    /// By its number, and its unit as written.
    Plain(NumberTest),
    /// In base units.
    Canonical(NumberTest),
}

impl Reading<'_> {
    /// Quantities, of which those in base units have rows of their own.
    pub(super) fn quantities(&self, parameter: &SearchParameter, value: &str) -> Result<Clause> {
        let (mut plain, mut canonical) = (Vec::new(), Vec::new());
        for value in self.values(value)? {
            match self.quantity(value)? {
                Quantity::Plain(test) => plain.push(test),
                Quantity::Canonical(test) => canonical.push(test),
            }
        }
        let rows = |param, tests| {
            Clause::Some(Rows {
                param,
                tests: Tests::Number(tests),
            })
        };
        Ok(if canonical.is_empty() {
            rows(parameter.id, plain)
        } else if plain.is_empty() {
            rows(parameter.canonical_id, canonical)
        } else {
            Clause::Any(vec![
                rows(parameter.id, plain),
                rows(parameter.canonical_id, canonical),
            ])
        })
    }

    /// `number`, or `number|system|code`.
    pub(super) fn quantity(&self, value: &str) -> Result<Quantity> {
        let parts: Vec<&str> = split(value, '|');
        let (system, code) = match parts.as_slice() {
            [_] => (String::new(), String::new()),
            [_, system, code] => (plain(system), plain(code)),
            _ => return Err(self.refuse("is not number, or number|system|code.")),
        };
        let test = self.number(parts[0])?;
        if system == ucum::SYSTEM
            && !code.is_empty()
            && let Some(test) = in_base_units(test, prefix(parts[0]).1, &code)
        {
            return Ok(Quantity::Canonical(test));
        }
        let hashed = |text: &str| (!text.is_empty()).then(|| hash::of_text(text));
        Ok(Quantity::Plain(NumberTest {
            system: hashed(&system),
            code: hashed(&code),
            ..test
        }))
    }

    /// `latitude|longitude`, with or without `|distance` and `|unit`.
    pub(super) fn near(&self, value: &str) -> Result<Vicinity> {
        let parts: Vec<String> = split(value, '|').into_iter().map(plain).collect();
        let (latitude, longitude, distance, unit) = match parts.as_slice() {
            [latitude, longitude] => (latitude, longitude, "", ""),
            [latitude, longitude, distance] => (latitude, longitude, distance.as_str(), ""),
            [latitude, longitude, distance, unit] => {
                (latitude, longitude, distance.as_str(), unit.as_str())
            }
            _ => return Err(self.refuse("is not latitude|longitude|distance|unit.")),
        };
        let degrees = |text: &str| number::parse(text).map(|precise| precise.value);
        let centre = degrees(latitude)
            .zip(degrees(longitude))
            .and_then(|(latitude, longitude)| Point::of(latitude, longitude))
            .ok_or_else(|| self.refuse("does not begin with a latitude and a longitude."))?;
        let reach = if distance.is_empty() {
            REACH_DEFAULT_METRES
        } else {
            let refused = || self.refuse("has a distance that is not one.");
            let reach = metres(distance, unit).ok_or_else(refused)?;
            if reach < 0.0 {
                return Err(refused());
            }
            reach
        };
        Ok(Vicinity::of(centre, reach))
    }
}

/// The comparison in base units; `text` is the number without its prefix.
fn in_base_units(test: NumberTest, text: &str, code: &str) -> Option<NumberTest> {
    let canonical = |value: Decimal| ucum::canonical(value, code);
    let bound = |value: f64| canonical(Decimal::from_f64(value)?)?.value.to_f64();
    let Canonical { value, unit } = canonical(number::exact(&plain(text))?)?;
    Some(NumberTest {
        prefix: test.prefix,
        value: value.to_f64()?,
        low: bound(test.low)?,
        high: bound(test.high)?,
        system: Some(hash::of_text(ucum::SYSTEM)),
        code: Some(hash::of_text(&unit)),
    })
}

/// A distance in metres; without a unit it is in kilometres.
fn metres(distance: &str, unit: &str) -> Option<f64> {
    let factor = match unit {
        "" | "km" => 1_000.0,
        "m" => 1.0,
        "mi" | "[mi_i]" | "mile" | "miles" => 1_609.344,
        "[nmi_i]" | "nmi" => 1_852.0,
        "[ft_i]" | "ft" => 0.304_8,
        _ => {
            let distance = ucum::canonical(number::exact(distance)?, unit)?;
            return (distance.unit == "m").then(|| distance.value.to_f64())?;
        }
    };
    Some(number::parse(distance)?.value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_units() {
        for (distance, unit, expected) in [
            ("2", "", Some(2_000.0)),
            ("2.5", "km", Some(2_500.0)),
            ("3", "m", Some(3.0)),
            ("1", "[mi_i]", Some(1_609.344)),
            ("1", "s", None),
            ("x", "km", None),
        ] {
            assert_eq!(metres(distance, unit), expected, "{distance}|{unit}");
        }
    }
}
