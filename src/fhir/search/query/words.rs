//! `_text` and `_content`: words, put together with `and`, `or` and `not`.
//!
//! Words beside each other must all be there, in whatever order. A word is found by its beginning,
//! as strings are; in quotation marks it is whole. Specification:
//! <http://hl7.org/fhir/R4/search.html#content>.

use super::clause::{Clause, WordTest};
use crate::{
    fhir::search::words,
    kernel::problem::{Problem, Result},
};

/// Most words of one search.
pub const WORDS_MAX: usize = 32;

/// Deepest nesting of brackets.
const DEPTH_MAX: usize = 8;

/// Reads the value of `_text` (`narrative`) or `_content`; tells how many words it has.
pub(super) fn clause(name: &str, value: &str, narrative: bool) -> Result<(Clause, usize)> {
    let mut words = Words {
        name,
        narrative,
        pieces: pieces(value),
        at: 0,
        count: 0,
    };
    let clause = words.any(0)?;
    match words.peek() {
        None => Ok((clause, words.count)),
        Some(_) => Err(words.refuse("closes a bracket that is not open.")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Open,
    Close,
    Or,
    And,
    Not,
    Words(String),
    Quoted(String),
}

/// Cuts a value at brackets, white space, commas and quotation marks.
fn pieces(value: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = value.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let (piece, next) = match first {
            '(' => (Piece::Open, after),
            ')' => (Piece::Close, after),
            ',' => (Piece::Or, after),
            '"' => match after.split_once('"') {
                Some((quoted, next)) => (Piece::Quoted(quoted.to_owned()), next),
                None => (Piece::Quoted(after.to_owned()), ""),
            },
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "(),\"".contains(c))
                    .unwrap_or(rest.len());
                (named(&rest[..end]), &rest[end..])
            }
        };
        pieces.push(piece);
        rest = next.trim_start();
    }
    pieces
}

fn named(word: &str) -> Piece {
    match word.to_ascii_lowercase().as_str() {
        "or" => Piece::Or,
        "and" => Piece::And,
        "not" => Piece::Not,
        _ => Piece::Words(word.to_owned()),
    }
}

struct Words<'a> {
    name: &'a str,
    narrative: bool,
    pieces: Vec<Piece>,
    at: usize,
    count: usize,
}

impl Words<'_> {
    fn refuse(&self, what: &str) -> Problem {
        Problem::malformed("value", format!("A value of {} {what}", self.name))
    }

    fn peek(&self) -> Option<&Piece> {
        self.pieces.get(self.at)
    }

    fn takes(&mut self, piece: &Piece) -> bool {
        let found = self.peek() == Some(piece);
        self.at += usize::from(found);
        found
    }

    /// Alternatives.
    fn any(&mut self, depth: usize) -> Result<Clause> {
        let mut clauses = vec![self.all(depth)?];
        while self.takes(&Piece::Or) {
            clauses.push(self.all(depth)?);
        }
        Ok(one_or(clauses, Clause::Any))
    }

    /// What must be there together.
    fn all(&mut self, depth: usize) -> Result<Clause> {
        let mut clauses = Vec::new();
        loop {
            match self.peek() {
                None | Some(Piece::Or | Piece::Close) => break,
                Some(Piece::And) if !clauses.is_empty() => self.at += 1,
                Some(_) => clauses.extend(self.each(depth)?),
            }
        }
        if clauses.is_empty() {
            return Err(self.refuse("lacks a word."));
        }
        Ok(one_or(clauses, Clause::All))
    }

    fn each(&mut self, depth: usize) -> Result<Vec<Clause>> {
        if depth > DEPTH_MAX {
            return Err(self.refuse("has too many brackets in each other."));
        }
        let piece = self.pieces.get(self.at).cloned();
        self.at += 1;
        match piece {
            Some(Piece::Not) => {
                let inner = self.each(depth + 1)?;
                let inner = one_or(inner, Clause::All);
                Ok(vec![Clause::Not(Box::new(inner))])
            }
            Some(Piece::Open) => {
                let inner = self.any(depth + 1)?;
                if !self.takes(&Piece::Close) {
                    return Err(self.refuse("opens a bracket and does not close it."));
                }
                Ok(vec![inner])
            }
            Some(Piece::Words(text)) => self.words(&text, false),
            Some(Piece::Quoted(text)) => self.words(&text, true),
            _ => Err(self.refuse("lacks a word.")),
        }
    }

    fn words(&mut self, text: &str, whole: bool) -> Result<Vec<Clause>> {
        let found: Vec<Clause> = words::of(text)
            .map(|word| {
                // A longer one is kept by its beginning only.
                let whole = whole && word.chars().count() < words::WORD_CHARACTERS_MAX;
                Clause::Word(WordTest {
                    word,
                    whole,
                    narrative: self.narrative,
                })
            })
            .collect();
        self.count += found.len();
        if found.is_empty() {
            return Err(self.refuse("has a word without letters or digits."));
        }
        if self.count > WORDS_MAX {
            return Err(Problem::malformed(
                "too-costly",
                format!("{} takes {WORDS_MAX} words at most.", self.name),
            ));
        }
        Ok(found)
    }
}

fn one_or(mut clauses: Vec<Clause>, many: fn(Vec<Clause>) -> Clause) -> Clause {
    match clauses.pop() {
        Some(only) if clauses.is_empty() => only,
        last => {
            clauses.extend(last);
            many(clauses)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(clause: &Clause) -> String {
        let list = |clauses: &[Clause], between: &str| {
            let each: Vec<String> = clauses.iter().map(shown).collect();
            format!("({})", each.join(between))
        };
        match clause {
            Clause::All(clauses) => list(clauses, " & "),
            Clause::Any(clauses) => list(clauses, " | "),
            Clause::Not(inner) => format!("!{}", shown(inner)),
            Clause::Word(test) if test.whole => test.word.clone(),
            Clause::Word(test) => format!("{}*", test.word),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn words_are_put_together_as_r4_shows() {
        for (value, expected) in [
            (
                "(bone OR liver) and metastases",
                "((bone* | liver*) & metastases*)",
            ),
            ("Œdème poumon", "(oedeme* & poumon*)"),
            ("a1,b1 c1", "(a1* | (b1* & c1*))"),
            ("not \"Or\" fin", "(!or & fin*)"),
            ("not (ab or cd)", "!(ab* | cd*)"),
            ("x-ray2", "ray2*"),
            ("\"ab cd", "(ab & cd)"),
        ] {
            assert_eq!(
                shown(&clause("_text", value, true).unwrap().0),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for value in [
            "", " ", "and", "or ab", "ab or", "(ab", "ab)", "()", "-", "not", "ab,",
        ] {
            assert!(clause("_text", value, true).is_err(), "{value}");
        }
        let many = |count| vec!["ab"; count].join(" ");
        assert!(clause("_content", &many(WORDS_MAX), false).is_ok());
        assert!(clause("_content", &many(WORDS_MAX + 1), false).is_err());
        let deep = |count| format!("{}ab{}", "(".repeat(count), ")".repeat(count));
        assert!(clause("_content", &deep(DEPTH_MAX), false).is_ok());
        assert!(clause("_content", &deep(100_000), false).is_err());
    }
}
