//! Links in narrative: `<a href="…">` and `<img src="…">`.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#trules>, rule 4.

/// Shows `see` the target of each link in `div`, and puts what it gives in its place. All else
/// stays letter by letter.
pub fn rewrite(div: &str, mut see: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let mut rewritten = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some((start, end)) = next_tag(div, from) {
        let tag = div.get(start..end)?;
        if let Some((first, last)) = target(tag) {
            let (first, last) = (start + first, start + last);
            // In XML an ampersand of an address is written as an entity.
            let link = div.get(first..last)?.replace("&amp;", "&");
            if let Some(replacement) = see(&link) {
                rewritten.push_str(div.get(copied..first)?);
                rewritten.push_str(&replacement.replace('&', "&amp;"));
                copied = last;
            }
        }
        from = end;
    }
    if copied == 0 {
        return None;
    }
    rewritten.push_str(div.get(copied..)?);
    Some(rewritten)
}

/// The next opening tag of a link, from its name to before its `>`.
fn next_tag(div: &str, from: usize) -> Option<(usize, usize)> {
    let mut from = from;
    loop {
        let start = from + div.get(from..)?.find('<')? + 1;
        let rest = div.get(start..)?;
        let end = start + rest.find('>')?;
        let name = rest.split(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/');
        if matches!(name.into_iter().next(), Some("a" | "img")) {
            return Some((start, end));
        }
        from = end;
    }
}

/// Where in a tag the value of its `href` or `src` begins and ends.
fn target(tag: &str) -> Option<(usize, usize)> {
    let wanted = if tag.starts_with("img") {
        "src"
    } else {
        "href"
    };
    let mut at = 0;
    while let Some(found) = tag.get(at..)?.find(wanted) {
        let start = at + found;
        at = start + wanted.len();
        let is_whole = tag
            .get(..start)?
            .ends_with(|c: char| c.is_ascii_whitespace());
        let rest = tag.get(at..)?.trim_start();
        let Some(value) = rest.strip_prefix('=').map(str::trim_start) else {
            continue;
        };
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let (true, Some(quote)) = (is_whole, quote) {
            let first = tag.len() - value.len() + 1;
            let last = first + tag.get(first..)?.find(quote)?;
            return Some((first, last));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_patient(link: &str) -> Option<String> {
        (link == "urn:uuid:a&b").then(|| "Patient/1".to_owned())
    }

    #[test]
    fn links_and_images_are_replaced_and_nothing_else() {
        let div = "<div xmlns=\"x\"><p title=\"urn:uuid:a&amp;b\">urn:uuid:a&amp;b</p>\
            <a class='c' href = 'urn:uuid:a&amp;b'>h</a><img data-src=\"urn:uuid:a&amp;b\" \
            src=\"urn:uuid:a&amp;b\"/><abbr href=\"urn:uuid:a&amp;b\"/><a href=\"other\"/></div>";
        let rewritten = rewrite(div, to_patient).unwrap();
        assert_eq!(rewritten.matches("Patient/1").count(), 2, "{rewritten}");
        assert!(rewritten.contains("href = 'Patient/1'"));
        assert!(rewritten.contains(" src=\"Patient/1\"/>"));
        let back = rewritten.replace("Patient/1", "urn:uuid:a&amp;b");
        assert_eq!(back, div);
    }

    #[test]
    fn what_is_broken_is_left_as_it_is() {
        for div in [
            "",
            "<",
            "<a",
            "<a href",
            "<a href=>",
            "<a href=\"x>",
            "<a href=é>",
            "é<img src='",
        ] {
            assert_eq!(rewrite(div, |_| Some("y".to_owned())), None, "{div}");
        }
    }
}
