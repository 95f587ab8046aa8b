//! From the text of a cell to a value, as people write it in French and in English.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use crate::fhir::search::text::fold;

/// What a cell holds, or why it cannot be read.
pub type Read<T> = Result<T, &'static str>;

/// A spreadsheet that does not trust a cell sets an apostrophe before it; it is not of the text.
#[must_use]
pub fn bare(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    }
}

/// `2020-05-18` or `18/05/2020`.
///
/// # Errors
/// As it is neither, or no day of the calendar.
pub fn date(text: &str) -> Read<Date> {
    const SHAPE: &str = "A date is written 2020-05-18 or 18/05/2020.";
    let parts: Vec<&str> = text.split(['/', '.', '-']).collect();
    let [a, b, c] = parts.as_slice() else {
        return Err(SHAPE);
    };
    let number = |part: &str| part.parse::<i16>().map_err(|_| SHAPE);
    let (year, month, day) = match (a.len(), c.len()) {
        (4, _) if !text.contains('/') => (number(a)?, number(b)?, number(c)?),
        (_, 4) if !text.contains('-') => (number(c)?, number(b)?, number(a)?),
        _ => return Err(SHAPE),
    };
    let small = |n: i16| i8::try_from(n).map_err(|_| SHAPE);
    Date::new(year, small(month)?, small(day)?).map_err(|_| "The calendar has no such day.")
}

/// A day of birth: not to come, and of somebody who may live.
///
/// # Errors
/// As [`date`].
pub fn birth_date(text: &str, today: Date) -> Read<Date> {
    let date = date(text)?;
    if date > today {
        return Err("The date of birth is in the future.");
    }
    if date.year() < today.year() - 130 {
        return Err("The date of birth is more than 130 years ago.");
    }
    Ok(date)
}

/// An instant, a local date and time, or a local date: then its morning at `hour`.
///
/// # Errors
/// As it is none of them.
pub fn instant(text: &str, zone: &TimeZone, hour: Time) -> Read<Timestamp> {
    const SHAPE: &str = "A time is written 2020-05-18T09:30, 18/05/2020 09:30, or as a date alone.";
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local: DateTime = match text.split_once(['T', ' ']) {
        None => date(text)?.to_datetime(hour),
        Some((day, time)) => {
            let time = time.trim().replace('h', ":");
            date(day)?.to_datetime(time.parse().map_err(|_| SHAPE)?)
        }
    };
    let zoned = local.to_zoned(zone.clone()).map_err(|_| SHAPE)?;
    Ok(zoned.timestamp())
}

/// `oui` or `non`, and what stands for them.
///
/// # Errors
/// As it is neither.
pub fn boolean(text: &str) -> Read<bool> {
    match fold(text).as_str() {
        "oui" | "o" | "yes" | "y" | "vrai" | "true" | "1" | "x" => Ok(true),
        "non" | "n" | "no" | "faux" | "false" | "0" => Ok(false),
        _ => Err("Yes and no are written oui, non, yes, no, 1 or 0."),
    }
}

/// A code of <http://hl7.org/fhir/R4/valueset-administrative-gender.html>.
///
/// # Errors
/// As it is none.
pub fn gender(text: &str) -> Read<&'static str> {
    match fold(text).as_str() {
        "f" | "femme" | "feminin" | "female" => Ok("female"),
        "m" | "h" | "homme" | "masculin" | "male" => Ok("male"),
        "autre" | "other" => Ok("other"),
        "inconnu" | "unknown" | "i" => Ok("unknown"),
        _ => Err("Sex is written F, M, autre or inconnu."),
    }
}

/// A telephone number with its country: `+33612345678`; one without is French.
///
/// # Errors
/// As it is no telephone number.
pub fn phone(text: &str) -> Read<String> {
    const SHAPE: &str = "A telephone number is written 06 12 34 56 78 or +33 6 12 34 56 78.";
    let is_mark = |c: char| c.is_whitespace() || ".-()/".contains(c);
    let digits: String = bare(text).chars().filter(|c| !is_mark(*c)).collect();
    let (plus, digits) = match digits.strip_prefix('+').or(digits.strip_prefix("00")) {
        Some(rest) => (true, rest),
        None => (false, digits.as_str()),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SHAPE);
    }
    match (plus, digits.len(), digits.as_bytes().first()) {
        // `+33 (0)6…` is written by many.
        (true, 12, _) if digits.starts_with("330") => Ok(format!("+33{}", &digits[3..])),
        (true, 8..=15, Some(b'1'..=b'9')) => Ok(format!("+{digits}")),
        (false, 10, Some(b'0')) => Ok(format!("+33{}", &digits[1..])),
        // A spreadsheet that takes it for a number drops the zero before it.
        (false, 9, Some(b'1'..=b'9')) => Ok(format!("+33{digits}")),
        _ => Err(SHAPE),
    }
}

/// An e-mail address, in lower case.
///
/// # Errors
/// As it is none.
pub fn email(text: &str) -> Read<String> {
    const SHAPE: &str = "An e-mail address is written name@place.example.";
    let (name, place) = text.rsplit_once('@').ok_or(SHAPE)?;
    let is_sound = |c: char| !c.is_whitespace() && !c.is_control() && !"@,;<>\"()".contains(c);
    let dotted = place.split('.').count() > 1 && place.split('.').all(|part| !part.is_empty());
    if name.is_empty() || !dotted || !name.chars().chain(place.chars()).all(is_sound) {
        return Err(SHAPE);
    }
    Ok(text.to_lowercase())
}

/// A French national health identity number with its key: 15 characters.
///
/// The key is 97 less the rest of the first 13 by 97, Corsica's 2A and 2B counted as 19 and 18.
///
/// # Errors
/// As it has another shape, or its key does not fit.
pub fn ins(text: &str) -> Read<String> {
    const SHAPE: &str = "An identity number has 15 characters, its key included.";
    let number: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let number = number.to_uppercase();
    if number.len() != 15 || !number.is_ascii() {
        return Err(SHAPE);
    }
    let counted = number[..13].replacen("2A", "19", 1).replacen("2B", "18", 1);
    let (body, key) = (counted.parse::<u64>(), number[13..].parse::<u64>());
    match (body, key) {
        (Ok(body), Ok(key)) if key == 97 - body % 97 => Ok(number),
        (Ok(_), Ok(_)) => Err("The key of the identity number does not fit."),
        _ => Err(SHAPE),
    }
}

/// A language tag such as `fr` or `pt-BR`.
///
/// # Errors
/// As it is none.
pub fn language(text: &str) -> Read<String> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let is_first = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase());
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if is_first && parts.all(is_part) {
        Ok(text.to_owned())
    } else {
        Err("A language is written fr, en or pt-BR.")
    }
}

/// `app` or `phone`.
///
/// # Errors
/// As it is neither.
pub fn channel(text: &str) -> Read<&'static str> {
    match fold(text).as_str() {
        "app" | "appli" | "application" | "internet" | "web" => Ok("app"),
        "phone" | "telephone" | "tel" => Ok("phone"),
        _ => Err("The channel is app or telephone."),
    }
}

#[cfg(test)]
mod tests;
