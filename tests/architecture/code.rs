//! Reading Rust without a parser: comments and literals apart from code, tokens, and the rules
//! that concern one file alone.

/// Most lines of a file, its test modules not counted.
pub const LINES_MAX: usize = 500;

/// A scanner over Rust text that tells code from comments and literals.
struct Scanner<'a> {
    rest: &'a str,
    code: String,
    comments: String,
}

/// The code of `text`: literals are emptied and comments left out, lines kept.
pub fn code(text: &str) -> String {
    scan(text).code
}

/// Whether `text` has a test of this name: a function under an attribute that makes it one.
pub fn has_test(text: &str, name: &str) -> bool {
    let begins = format!("fn {name}()");
    text.match_indices(&begins).any(|(at, _)| {
        let above = text[..at]
            .rsplit_once("\n\n")
            .map_or(&text[..at], |(_, own)| own);
        above.contains("#[test]") || above.contains("#[tokio::test")
    })
}

/// The comments of `text`, line by line.
pub fn comments(text: &str) -> String {
    scan(text).comments
}

fn scan(text: &str) -> Scanner<'_> {
    let mut scanner = Scanner {
        rest: text,
        code: String::new(),
        comments: String::new(),
    };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner
}

impl<'a> Scanner<'a> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let comment = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            self.comments
                .push_str(comment.trim_start_matches(['/', '!']));
            self.comments.push('\n');
        } else if self.rest.starts_with("/*") {
            let comment = self.take(block_comment(self.rest));
            self.comments.push_str(comment);
            self.comments.push('\n');
            self.keep_lines(comment.matches('\n').count());
        } else if let Some(length) = self.raw_string().or_else(|| self.quoted()) {
            let literal = self.take(length);
            self.code.push_str("\"\"");
            self.keep_lines(literal.matches('\n').count());
        } else {
            let length = self.rest.chars().next().map_or(1, char::len_utf8);
            let symbol = self.take(length);
            self.code.push_str(symbol);
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn keep_lines(&mut self, count: usize) {
        self.code.extend(std::iter::repeat_n('\n', count));
    }

    /// Length of the raw string that begins here; `r` must not end a longer word.
    fn raw_string(&self) -> Option<usize> {
        if self
            .code
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            return None;
        }
        let after = self
            .rest
            .strip_prefix("br")
            .or_else(|| self.rest.strip_prefix('r'))?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        let body = after[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end).map_or(body.len(), |at| at + end.len());
        Some(self.rest.len() - body.len() + length)
    }

    /// Length of the string or character literal that begins here; a lifetime is none.
    fn quoted(&self) -> Option<usize> {
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|c| ['"', '\''].contains(c))?;
        let body = &self.rest[1..];
        if quote == '\'' {
            let mut chars = body.chars();
            let lifetime = chars.next() != Some('\\') && chars.next() != Some('\'');
            if lifetime {
                return None;
            }
        }
        let mut escaped = false;
        for (at, c) in body.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote => return Some(at + 2),
                _ => {}
            }
        }
        Some(self.rest.len())
    }
}

/// Length of the block comment at the start of `text`; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The words and signs of `text`'s code; `::` is one sign.
pub fn tokens(text: &str) -> Vec<String> {
    let code = code(text);
    let mut found: Vec<String> = Vec::new();
    let mut glued = false;
    for c in code.chars() {
        let word = c.is_alphanumeric() || c == '_';
        match found.last_mut() {
            Some(last)
                if glued && word && last.starts_with(|c: char| c.is_alphanumeric() || c == '_') =>
            {
                last.push(c);
            }
            Some(last) if glued && c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => found.push(c.to_string()),
        }
        glued = !c.is_whitespace();
    }
    found
}

/// A file begins by saying what it is for.
pub fn header(text: &str) -> Vec<String> {
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("");
    match first.strip_prefix("//!") {
        Some(words) if words.trim().len() > 3 => Vec::new(),
        _ => vec!["does not begin with a `//!` header".to_owned()],
    }
}

/// A file is no longer than [`LINES_MAX`], test modules not counted.
pub fn length(path: &str, text: &str) -> Vec<String> {
    let lines = if path.starts_with("src/") && path.ends_with("/tests.rs") {
        0
    } else {
        without_tests(text).lines().count()
    };
    if lines > LINES_MAX {
        vec![format!("has {lines} lines, {LINES_MAX} are the bound")]
    } else {
        Vec::new()
    }
}

/// The code of `text` without what is compiled for tests only; other lines are kept as lines.
pub fn without_tests(text: &str) -> String {
    let code = code(text);
    let mut lines = code.lines();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            skip_item(&mut lines);
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Passes over the item that follows an attribute: up to its `;` or its closing brace.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>) {
    let mut depth = 0usize;
    for line in lines {
        let opened = line.matches('{').count();
        let closed = line.matches('}').count();
        depth = (depth + opened).saturating_sub(closed);
        let ended = if opened + closed > 0 {
            depth == 0
        } else {
            depth == 0 && line.contains(';')
        };
        if ended {
            return;
        }
    }
}

/// `#[expect(.., reason)]`, never `#[allow]`: an expectation that is no longer met is told.
pub fn allowances(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    tokens
        .windows(3)
        .filter(|three| {
            ["[", ","].contains(&three[0].as_str()) && three[1] == "allow" && three[2] == "("
        })
        .map(|_| "has an `allow` attribute; use `expect` with a reason".to_owned())
        .collect()
}

/// `mod tests` stands behind `#[cfg(test)]`, so that it does not count as code.
pub fn test_modules(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    (1..tokens.len())
        .filter(|at| tokens[*at] == "tests" && tokens[at - 1] == "mod")
        .filter(|at| !is_guarded(&tokens[..at - 1]))
        .map(|_| "declares `mod tests` without `#[cfg(test)]`".to_owned())
        .collect()
}

/// Whether one of the attributes at the end of `tokens` is `#[cfg(test)]`.
fn is_guarded(tokens: &[String]) -> bool {
    const GUARD: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut rest = tokens;
    while rest.last().is_some_and(|last| last == "]") {
        if rest.ends_with(&GUARD.map(str::to_owned)) {
            return true;
        }
        let opening = rest.windows(2).rposition(|two| two == ["#", "["]);
        rest = &rest[..opening.unwrap_or(0)];
    }
    false
}

mod tests {
    use super::{LINES_MAX, allowances, code, comments, header, length, test_modules, tokens};

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "let a = \"crate::x\"; // crate::y\n/* crate::z /* deep */ */ let b = 'c'; \
                    let s: &'static str = r#\"crate::\"w\"#; let q = '\\''; let z = crate::v;";
        let code = code(text);
        assert!(
            code.contains("crate::v") && code.contains("'static"),
            "{code}"
        );
        assert_eq!(code.matches("crate::").count(), 1, "{code}");
        assert!(comments(text).contains("crate::y"));
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn tokens_are_words_and_signs() {
        assert_eq!(
            tokens("use a_1::{b, c};"),
            ["use", "a_1", "::", "{", "b", ",", "c", "}", ";"]
        );
        assert_eq!(tokens("mod a"), ["mod", "a"]);
    }

    #[test]
    fn a_missing_or_empty_header_is_found() {
        assert!(header("\n//! What this is for.\n").is_empty());
        assert_eq!(header("use std::fs;\n").len(), 1);
        assert_eq!(header("//! \nuse std::fs;\n").len(), 1);
        assert_eq!(header("").len(), 1);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_are_not_counted() {
        let long = "fn f() {}\n".repeat(LINES_MAX + 1);
        assert_eq!(length("src/a.rs", &long).len(), 1);
        let fits = "fn f() {}\n".repeat(LINES_MAX);
        let tests = format!("{fits}#[cfg(test)]\nmod tests {{\n{fits}}}\n");
        assert!(length("src/a.rs", &tests).is_empty());
        let sibling = format!("#[cfg(test)]\nmod tests;\n{fits}fn g() {{}}\n");
        assert_eq!(length("src/a.rs", &sibling).len(), 1);
        assert_eq!(length("tests/it/tests.rs", &long).len(), 1);
    }

    #[test]
    fn allow_is_found_however_it_is_written() {
        assert_eq!(allowances("#[allow(dead_code)]\nfn f() {}").len(), 1);
        assert_eq!(allowances("#![ allow ( dead_code ) ]").len(), 1);
        assert_eq!(allowances("#[cfg_attr(test, allow(dead_code))]").len(), 1);
        assert!(
            allowances("#[expect(dead_code, reason = \"#[allow(x)]\")] fn f() { allow(1) }")
                .is_empty()
        );
    }

    #[test]
    fn an_unguarded_test_module_is_found() {
        assert!(test_modules("fn f() {}\n#[cfg(test)]\nmod tests;").is_empty());
        assert!(test_modules("#[cfg(test)]\n#[path = \"tests.rs\"]\nmod tests;").is_empty());
        assert_eq!(test_modules("#[path = \"a.rs\"]\nmod tests;").len(), 1);
        assert_eq!(test_modules("#[cfg(test)]\nfn f() {}\nmod tests;").len(), 1);
        assert_eq!(test_modules("mod tests {}").len(), 1);
    }
}
