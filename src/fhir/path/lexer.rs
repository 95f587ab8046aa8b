//! The words of an expression.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#lexical-elements>.

use super::{
    error::CompileError,
    temporal::{self, Temporal},
};

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword; the place tells which.
    Identifier(String),
    /// A name between backticks: never a keyword.
    Delimited(String),
    String(String),
    /// Digits, with or without a point.
    Number(String),
    Temporal(Temporal),
    /// `%name`.
    External(String),
    /// `$name`.
    Dollar(String),
    /// Operators and brackets.
    Symbol(&'static str),
    End,
}

/// A word and the byte at which it starts.
pub(super) type Word = (Token, usize);

/// Longer symbols first.
const SYMBOLS: [&str; 23] = [
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|",
    "=", "~", "<", ">", "!",
];

/// Cuts a text into words; the last is [`Token::End`].
pub(super) fn words(text: &str) -> Result<Vec<Word>, CompileError> {
    let mut words = Vec::new();
    let mut at = skip_blanks(text, 0)?;
    while at < text.len() {
        let (token, next) = word(text, at)?;
        words.push((token, at));
        at = skip_blanks(text, next)?;
    }
    words.push((Token::End, text.len()));
    Ok(words)
}

/// The first byte from `at` that is neither white space nor comment.
fn skip_blanks(text: &str, mut at: usize) -> Result<usize, CompileError> {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("//") {
            at += trimmed.find('\n').unwrap_or(trimmed.len());
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            let end = comment
                .find("*/")
                .ok_or_else(|| CompileError::at(at, "The comment has no end."))?;
            at += end + 4;
        } else {
            return Ok(at);
        }
    }
}

fn word(text: &str, at: usize) -> Result<(Token, usize), CompileError> {
    let rest = &text[at..];
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '\'' => quoted(text, at).map(|(s, next)| (Token::String(s), next)),
        '`' => quoted(text, at).map(|(s, next)| (Token::Delimited(s), next)),
        '0'..='9' => Ok(number(text, at)),
        '@' => moment(rest, at),
        '%' => external(text, at),
        '$' => {
            let name = identifier(&rest[1..]);
            Ok((Token::Dollar(name.to_owned()), at + 1 + name.len()))
        }
        _ => {
            let name = identifier(rest);
            if !name.is_empty() {
                return Ok((Token::Identifier(name.to_owned()), at + name.len()));
            }
            SYMBOLS
                .iter()
                .find(|symbol| rest.starts_with(**symbol))
                .map(|symbol| (Token::Symbol(symbol), at + symbol.len()))
                .ok_or_else(|| CompileError::at(at, "This character has no meaning here."))
        }
    }
}

/// The identifier that `text` starts with, perhaps empty.
fn identifier(text: &str) -> &str {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.starts_with(starts) {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn number(text: &str, at: usize) -> (Token, usize) {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = at + digits(at);
    if text[end..].starts_with('.') {
        let fraction = digits(end + 1);
        if fraction > 0 {
            end += 1 + fraction;
        }
    }
    (Token::Number(text[at..end].to_owned()), end)
}

fn moment(rest: &str, at: usize) -> Result<(Token, usize), CompileError> {
    temporal::prefix(&rest[1..])
        .map(|(moment, length)| (Token::Temporal(moment), at + 1 + length))
        .ok_or_else(|| CompileError::at(at, "This is not a date or time."))
}

fn external(text: &str, at: usize) -> Result<(Token, usize), CompileError> {
    let rest = &text[at + 1..];
    if rest.starts_with('`') || rest.starts_with('\'') {
        let (name, next) = quoted(text, at + 1)?;
        return Ok((Token::External(name), next));
    }
    let name = identifier(rest);
    if name.is_empty() {
        return Err(CompileError::at(at, "A name must follow '%'."));
    }
    Ok((Token::External(name.to_owned()), at + 1 + name.len()))
}

/// The text between the quote at `at` and its pair, escapes undone.
fn quoted(text: &str, at: usize) -> Result<(String, usize), CompileError> {
    let quote = text.as_bytes()[at] as char;
    let mut content = String::new();
    let mut characters = text[at + 1..].char_indices();
    while let Some((offset, character)) = characters.next() {
        if character == quote {
            return Ok((content, at + 1 + offset + 1));
        }
        if character != '\\' {
            content.push(character);
            continue;
        }
        let fault = || CompileError::at(at + 1 + offset, "This escape has no meaning.");
        let (_, escape) = characters.next().ok_or_else(fault)?;
        match escape {
            '\\' | '/' | '\'' | '"' | '`' => content.push(escape),
            'f' => content.push('\u{c}'),
            'n' => content.push('\n'),
            'r' => content.push('\r'),
            't' => content.push('\t'),
            'u' => {
                let unit = unicode(&mut characters).ok_or_else(fault)?;
                content.push(unit);
            }
            // Regular expressions are often written with single backslashes.
            other => {
                content.push('\\');
                content.push(other);
            }
        }
    }
    Err(CompileError::at(at, "The quoted text has no end."))
}

/// The character of `\uXXXX`; a surrogate pair takes a second escape.
fn unicode(characters: &mut std::str::CharIndices<'_>) -> Option<char> {
    let mut four = || -> Option<u32> {
        (0..4).try_fold(0, |sum, _| {
            let (_, digit) = characters.next()?;
            Some(sum * 16 + digit.to_digit(16)?)
        })
    };
    let high = four()?;
    if !(0xD800..0xDC00).contains(&high) {
        return char::from_u32(high);
    }
    let mut second = characters.clone();
    if second.next()?.1 != '\\' || second.next()?.1 != 'u' {
        return None;
    }
    *characters = second;
    let low = (0..4).try_fold(0, |sum, _| {
        let (_, digit) = characters.next()?;
        Some(sum * 16 + digit.to_digit(16)?)
    })?;
    let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
    char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)
}
