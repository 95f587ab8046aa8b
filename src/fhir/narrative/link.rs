//! What the values of attributes lead to: addresses, images and styles.

use super::Images;

const NOT_FOLLOWED: &str = "txt-1: The narrative has a link that may not be followed.";
const NOT_LOADED: &str = "The narrative has an image that may not be loaded.";
const NOT_STYLED: &str = "The narrative has a style that may not be applied.";

/// Schemes that a link may have: what they lead to is opened by whoever follows it, and runs
/// nothing here.
const FOLLOWED: [&str; 8] = [
    "ftp", "http", "https", "mailto", "news", "sms", "tel", "urn",
];

/// Images that a narrative may hold itself: drawings of SVG have scripts, and are none of them.
const HELD: [&str; 6] = [
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/jpg",
    "image/png",
    "image/webp",
];

/// Functions of CSS that reckon and load nothing.
const RECKONING: [&str; 7] = ["calc", "hsl", "hsla", "max", "min", "rgb", "rgba"];

/// Properties of CSS by which some browsers ran something.
const RUNNING: [&str; 4] = ["-moz-binding", "behavior", "javascript:", "@import"];

/// What R4 refuses in a value.
pub(super) fn standard((element, name): (&str, &str), value: &str) -> Result<(), String> {
    let scheme = value.trim_start().get(.."javascript:".len());
    if (element, name) == ("a", "href") && value.starts_with("urn:") {
        return Err("A link of the narrative leads nowhere.".to_owned());
    }
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("javascript:"))
        || value.contains('<')
    {
        return Err(NOT_FOLLOWED.to_owned());
    }
    Ok(())
}

/// What does something in a browser, in a value.
pub(super) fn inert(name: &str, value: &str, images: Images<'_>) -> Result<(), String> {
    let refused = |words: &str| Err(words.to_owned());
    if value.contains('<') {
        return refused(NOT_FOLLOWED);
    }
    let Some(value) = decoded(value) else {
        return Err("An entity of the narrative is not one of XML.".to_owned());
    };
    match name {
        "href" | "cite" | "longdesc" if !is_followed(&value) => refused(NOT_FOLLOWED),
        "src" if !is_loaded(&value, images) => refused(NOT_LOADED),
        "style" if !is_styled(&value, images) => refused(NOT_STYLED),
        _ => Ok(()),
    }
}

/// The scheme of an address and what comes after, as a browser reads them: white space and control
/// characters do not count, and a backslash is a slash.
fn split(address: &str) -> (Option<String>, String) {
    let plain: String = address
        .chars()
        .filter(|c| !(c.is_control() || c.is_whitespace()))
        .map(|c| if c == '\\' { '/' } else { c })
        .collect();
    match plain.find([':', '/', '?', '#']) {
        Some(at) if plain[at..].starts_with(':') => {
            let scheme = plain[..at].to_ascii_lowercase();
            (Some(scheme), plain[at + 1..].to_owned())
        }
        _ => (None, plain),
    }
}

fn is_followed(address: &str) -> bool {
    let (scheme, _) = split(address);
    scheme.is_none_or(|scheme| FOLLOWED.contains(&scheme.as_str()))
}

fn is_loaded(address: &str, images: Images<'_>) -> bool {
    let (scheme, rest) = split(address);
    let is_named = match images {
        Images::Own => false,
        Images::This(named) => named == address,
        Images::Any => true,
    };
    match scheme.as_deref() {
        Some("data") => {
            let kind = rest.split([';', ',']).next().unwrap_or_default();
            HELD.contains(&kind.to_ascii_lowercase().as_str())
        }
        Some("http" | "https") => is_named,
        Some(_) => false,
        // Two slashes begin the name of another server.
        None => is_named || !rest.starts_with("//"),
    }
}

fn is_styled(style: &str, images: Images<'_>) -> bool {
    let style = style.to_ascii_lowercase();
    // Escapes and comments make one word look like another.
    if style.contains('\\') || style.contains("/*") {
        return false;
    }
    if RUNNING.iter().any(|word| style.contains(word)) {
        return false;
    }
    style.match_indices('(').all(|(at, _)| {
        let (before, after) = (&style[..at], &style[at + 1..]);
        match function(before) {
            // Variables lead to what a sheet of the page holds, and brackets group.
            "" | "var" => true,
            "url" => before.ends_with("url") && is_image(after, images),
            name => RECKONING.contains(&name),
        }
    })
}

/// The name of the function whose bracket comes next; empty, if it is a bracket that groups.
fn function(before: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // Some browsers look past white space.
    let before = before.trim_end();
    let rest = before.trim_end_matches(is_part);
    let name = &before[rest.len()..];
    if name.contains(|c: char| c.is_ascii_alphanumeric()) {
        name
    } else {
        ""
    }
}

/// Whether what stands in the brackets of `url(…)` is an image that may be loaded.
fn is_image(after: &str, images: Images<'_>) -> bool {
    let Some((inner, _)) = after.split_once(')') else {
        return false;
    };
    let inner = inner.trim();
    let bare = inner.trim_matches(['"', '\'']);
    !bare.contains(['"', '\'', '(']) && is_loaded(bare, images)
}

/// A value with its entities replaced.
fn decoded(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let (name, after) = after.split_once(';')?;
        text.push(entity(name)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// The character of an entity that XML or R4 knows.
pub(super) fn entity(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = match number.strip_prefix(['x', 'X']) {
                Some(hex) => (hex, 16),
                None => (number, 10),
            };
            // `from_str_radix` takes a sign, which XML does not.
            let is_number = digits.bytes().all(|b| b.is_ascii_alphanumeric());
            char::from_u32(
                u32::from_str_radix(digits, radix)
                    .ok()
                    .filter(|_| is_number)?,
            )?
        }
    })
}
