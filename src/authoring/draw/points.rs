//! The numbers that the rules of a pathway name, by the item that they speak of.

use std::collections::BTreeMap;

use serde_json::Value;

/// Numbers in tenths, by link id.
pub(super) type Points = BTreeMap<String, Vec<i64>>;

/// Most numbers kept of one expression.
const POINTS_MAX: usize = 40;

/// The numbers of each expression, for each text that it quotes: link ids are among them.
pub(super) fn of(plan: &Value) -> Points {
    let mut points = Points::new();
    for rule in plan["action"].as_array().into_iter().flatten() {
        for level in rule["action"].as_array().into_iter().flatten() {
            for condition in level["condition"].as_array().into_iter().flatten() {
                let text = condition["expression"]["expression"].as_str();
                let (quoted, numbers) = read(text.unwrap_or_default());
                for name in quoted {
                    let known: &mut Vec<i64> = points.entry(name).or_default();
                    known.extend(&numbers);
                    known.sort_unstable();
                    known.dedup();
                }
            }
        }
    }
    points
}

/// What an expression quotes, and its numbers in tenths.
fn read(expression: &str) -> (Vec<String>, Vec<i64>) {
    let (mut quoted, mut numbers) = (Vec::new(), Vec::new());
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' => {
                let inner = &rest[1..];
                let end = inner.find('\'').unwrap_or(inner.len());
                quoted.push(inner[..end].to_owned());
                (end + 2).min(rest.len())
            }
            digit if digit.is_ascii_digit() => {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .unwrap_or(rest.len());
                if let Some(tenths) = tenths(&rest[..end]).filter(|_| numbers.len() < POINTS_MAX) {
                    numbers.push(tenths);
                }
                end
            }
            // A name may have digits in it that are no number.
            letter if letter.is_alphabetic() || letter == '_' => rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        rest = &rest[taken..];
    }
    (quoted, numbers)
}

/// A decimal in tenths; what is finer is cut.
pub(super) fn tenths(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let tenth = fraction.chars().next().and_then(|c| c.to_digit(10));
    let tenths = i64::from(tenth.unwrap_or(0));
    let negative = whole.starts_with('-');
    let whole = whole.parse::<i64>().ok()?.checked_mul(10)?;
    Some(if negative {
        whole - tenths
    } else {
        whole + tenths
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_told_apart() {
        let (quoted, numbers) =
            read("%current.repeat(item).where(linkId = 'spo2.value').answer.value.value <= 92.5");
        assert_eq!(
            (quoted, numbers),
            (vec!["spo2.value".to_owned()], vec![925])
        );
        let (quoted, numbers) = read("'temp' and x2 > 39 or 'unended");
        assert_eq!((quoted.len(), numbers), (2, vec![390]));
        assert_eq!(tenths("-3.57"), Some(-35));
        assert_eq!(tenths("x"), None);
    }
}
