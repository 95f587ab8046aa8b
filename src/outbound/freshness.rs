//! For how long an answer may be kept: pure.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.2>.

use std::time::Duration;

/// Longest time for which anything is kept, whatever its publisher says: a key that is withdrawn
/// must not be believed for long.
pub const KEPT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long an answer with these headers may be kept without asking again.
///
/// Where the directives contradict each other, the shortest time holds; without any, none: what
/// says nothing is asked for each time.
#[must_use]
pub fn fresh_for<'a>(
    cache_control: impl IntoIterator<Item = &'a str>,
    age: Option<&str>,
) -> Duration {
    let mut kept: Option<u64> = None;
    for directive in cache_control.into_iter().flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "no-store" | "no-cache" => return Duration::ZERO,
            "max-age" => {
                // A number that cannot be read keeps nothing.
                let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
                kept = Some(kept.map_or(seconds, |before: u64| before.min(seconds)));
            }
            _ => {}
        }
    }
    let age: u64 = age.map_or(0, |age| age.trim().parse().unwrap_or(u64::MAX));
    Duration::from_secs(kept.unwrap_or(0).saturating_sub(age)).min(KEPT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(cache_control: &[&str], age: Option<&str>) -> u64 {
        fresh_for(cache_control.iter().copied(), age).as_secs()
    }

    #[test]
    fn an_answer_is_kept_as_long_as_it_says() {
        assert_eq!(seconds(&["max-age=300"], None), 300);
        assert_eq!(seconds(&["public, Max-Age=\"60\""], None), 60);
        assert_eq!(seconds(&["max-age=300"], Some("200")), 100);
        assert_eq!(seconds(&["max-age=300"], Some("400")), 0);
    }

    #[test]
    fn what_says_nothing_or_nonsense_is_not_kept() {
        assert_eq!(seconds(&[], None), 0);
        assert_eq!(seconds(&["private"], None), 0);
        assert_eq!(seconds(&["max-age=soon"], None), 0);
        assert_eq!(seconds(&["max-age=-1"], None), 0);
        assert_eq!(seconds(&["max-age=300"], Some("old")), 0);
    }

    #[test]
    fn the_strictest_directive_holds() {
        assert_eq!(seconds(&["max-age=300, no-store"], None), 0);
        assert_eq!(seconds(&["max-age=300", "no-cache"], None), 0);
        assert_eq!(seconds(&["max-age=300, max-age=10"], None), 10);
        assert_eq!(seconds(&["max-age=99999999999"], None), KEPT_MAX.as_secs());
    }
}
