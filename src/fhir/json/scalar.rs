//! Strings and numbers of JSON.

use serde_json::Number;

use super::{Fault, Read, Reader};

impl Reader<'_> {
    /// Reads a string; the next byte is its opening quote.
    pub(super) fn string(&mut self) -> Read<String> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let text = self.slice(start).to_owned();
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let begun = self.slice(start).to_owned();
                    return self.escaped(begun);
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.fault("a control character stands in a string")),
            }
        }
    }

    /// Reads on from the first escape of a string.
    fn escaped(&mut self, mut text: String) -> Read<String> {
        loop {
            let start = self.at;
            while !matches!(self.byte(), None | Some(b'"' | b'\\' | 0..0x20)) {
                self.at += 1;
            }
            text.push_str(self.slice(start));
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return Err(self.fault("a control character stands in a string")),
            }
        }
    }

    fn slice(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 1;
        let character = match self.byte() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(self.fault("this escape is not known to JSON")),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads `uXXXX`, and the second half of a surrogate pair after it.
    fn unicode(&mut self, start: usize) -> Read<char> {
        let lone = || Fault::at(start, "half of a surrogate pair stands alone");
        let first = self.four_digits()?;
        let code = match first {
            0 => return Err(Fault::at(start, "the character U+0000 is not allowed")),
            0xDC00..=0xDFFF => return Err(lone()),
            0xD800..=0xDBFF => {
                if !self
                    .text
                    .get(self.at..)
                    .is_some_and(|t| t.starts_with("\\u"))
                {
                    return Err(lone());
                }
                self.at += 1;
                match self.four_digits()? {
                    second @ 0xDC00..=0xDFFF => {
                        0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
                    }
                    _ => return Err(lone()),
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn four_digits(&mut self) -> Read<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.fault("four hexadecimal digits are expected here"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Reads a number and keeps its text; the next byte is its first.
    pub(super) fn number(&mut self) -> Read<Number> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        if let Some(b'0'..=b'9') = self.byte() {
            return Err(Fault::at(start, "a number may not begin with a needless 0"));
        }
        // Its text is known to be a number's. Parsing it once more would write `E-22` as `e-22`;
        // what is stored is given back as it came.
        Ok(Number::from_string_unchecked(self.slice(start).to_owned()))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.fault("a digit is expected here"));
        }
        Ok(())
    }
}
