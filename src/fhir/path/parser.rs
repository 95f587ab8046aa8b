//! From words to a tree, by precedence; functions and types are resolved on the way.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#operator-precedence>,
//! <http://hl7.org/fhirpath/N1/grammar.html>.

use rust_decimal::Decimal;

use super::{
    ast::{Call, Expr, Literal, Name, Operator, Step, TypeTest},
    error::CompileError,
    functions,
    lexer::{self, Token, Word},
    limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_LENGTH_MAX},
    pattern,
    quantity::{CalendarUnit, Unit},
    schema::TypeSpecifier,
};

type Parsed<T> = Result<T, CompileError>;

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Parsed<Expr> {
    if text.len() > EXPRESSION_LENGTH_MAX {
        return Err(CompileError::at(
            EXPRESSION_LENGTH_MAX,
            "The expression is too long.",
        ));
    }
    let mut parser = Parser {
        words: lexer::words(text)?,
        at: 0,
        depth: 0,
        height: 0,
    };
    let expression = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => Err(parser.fault("The expression should end here.")),
    }
}

struct Parser {
    words: Vec<Word>,
    at: usize,
    /// How many expressions are being read around this place.
    depth: usize,
    /// How deep the tree is that was read last.
    height: usize,
}

/// What may stand between two operands.
enum Infix {
    Binary(Operator),
    Union,
    Type(TypeTest),
}

/// An infix operator and how tightly it binds.
fn infix(token: &Token) -> Option<(Infix, u8)> {
    use Operator as O;
    let text = match token {
        Token::Symbol(text) => *text,
        Token::Identifier(text) => text.as_str(),
        _ => return None,
    };
    let (operator, binding) = match text {
        "implies" => (O::Implies, 1),
        "or" => (O::Or, 2),
        "xor" => (O::Xor, 2),
        "and" => (O::And, 3),
        "in" => (O::In, 4),
        "contains" => (O::Contains, 4),
        "=" => (O::Equal, 5),
        "!=" => (O::NotEqual, 5),
        "~" => (O::Equivalent, 5),
        "!~" => (O::NotEquivalent, 5),
        "<" => (O::Less, 6),
        "<=" => (O::LessOrEqual, 6),
        ">" => (O::Greater, 6),
        ">=" => (O::GreaterOrEqual, 6),
        "|" => return Some((Infix::Union, 7)),
        "is" => return Some((Infix::Type(TypeTest::Is), 8)),
        "as" => return Some((Infix::Type(TypeTest::As), 8)),
        "+" => (O::Add, 9),
        "-" => (O::Subtract, 9),
        "&" => (O::Concatenate, 9),
        "*" => (O::Multiply, 10),
        "/" => (O::Divide, 10),
        "div" => (O::Div, 10),
        "mod" => (O::Mod, 10),
        _ => return None,
    };
    Some((Infix::Binary(operator), binding))
}

impl Parser {
    fn peek(&self) -> &Token {
        self.words.get(self.at).map_or(&Token::End, |word| &word.0)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn offset(&self) -> usize {
        let last = self.words.last().map_or(0, |word| word.1);
        self.words.get(self.at).map_or(last, |word| word.1)
    }

    fn fault(&self, message: impl Into<String>) -> CompileError {
        CompileError::at(self.offset(), message)
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(self.fault(format!("'{symbol}' is missing here.")))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= EXPRESSION_DEPTH_MAX {
            return Err(self.fault("The expression is nested too deeply."));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn expression(&mut self, loosest: u8) -> Parsed<Expr> {
        self.deeper(|parser| {
            let mut left = parser.prefixed()?;
            while let Some((operator, binding)) = infix(parser.peek()) {
                if binding <= loosest {
                    break;
                }
                let height = parser.height;
                parser.at += 1;
                let grows = !(matches!(left, Expr::Union(_)) && matches!(operator, Infix::Union));
                left = parser.combine(left, operator, binding)?;
                let taller = height.max(parser.height) + 1;
                parser.rise(if grows {
                    taller
                } else {
                    height.max(parser.height + 1)
                })?;
            }
            Ok(left)
        })
    }

    /// Notes the height of the tree read last. Operators in a row nest on their left,
    /// so that the nesting of brackets alone would not bound it.
    fn rise(&mut self, height: usize) -> Parsed<()> {
        self.height = height;
        if height > EXPRESSION_DEPTH_MAX {
            return Err(self.fault("The expression is nested too deeply."));
        }
        Ok(())
    }

    fn combine(&mut self, left: Expr, operator: Infix, binding: u8) -> Parsed<Expr> {
        Ok(match operator {
            Infix::Binary(operator) => {
                let right = self.expression(binding)?;
                Expr::Binary(operator, Box::new((left, right)))
            }
            Infix::Union => {
                let right = self.expression(binding)?;
                match left {
                    Expr::Union(mut parts) => {
                        parts.push(right);
                        Expr::Union(parts)
                    }
                    left => Expr::Union(vec![left, right]),
                }
            }
            Infix::Type(test) => {
                self.height = 0;
                Expr::Type(test, Box::new(left), self.type_specifier()?)
            }
        })
    }

    fn prefixed(&mut self) -> Parsed<Expr> {
        let negative = self.is_symbol("-");
        if negative || self.is_symbol("+") {
            self.at += 1;
            let operand = Box::new(self.deeper(Self::prefixed)?);
            self.rise(self.height + 1)?;
            return Ok(Expr::Sign { negative, operand });
        }
        self.path()
    }

    /// A term and what follows it by `.` or `[`.
    fn path(&mut self) -> Parsed<Expr> {
        let mut steps = Vec::new();
        self.height = 0;
        let start = self.term(&mut steps)?;
        let mut height = self.height;
        loop {
            self.height = 0;
            if self.accept(".") {
                steps.push(self.step()?);
            } else if self.accept("[") {
                steps.push(Step::Item(self.expression(0)?));
                self.expect("]")?;
            } else {
                break;
            }
            height = height.max(self.height);
        }
        if steps.is_empty() {
            self.height = height;
            return Ok(start);
        }
        self.rise(height + 1)?;
        Ok(Expr::Path(Box::new(start), steps))
    }

    /// Where a path starts; a bare name is a first step from `$this`.
    fn term(&mut self, steps: &mut Vec<Step>) -> Parsed<Expr> {
        let fault = self.fault("A value, a name or a bracket is missing here.");
        let token = self.peek().clone();
        match token {
            Token::Identifier(name) if name == "true" || name == "false" => {
                self.at += 1;
                Ok(Expr::Literal(Literal::Boolean(name == "true")))
            }
            Token::Identifier(_) | Token::Delimited(_) => {
                steps.push(self.first_step()?);
                Ok(Expr::This)
            }
            Token::Number(text) => self.number(&text),
            Token::Symbol("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("{") => {
                self.at += 1;
                self.expect("}")?;
                Ok(Expr::Empty)
            }
            Token::Symbol(_) | Token::End => Err(fault),
            Token::String(text) => {
                self.at += 1;
                Ok(Expr::Literal(Literal::String(text.into())))
            }
            Token::Temporal(moment) => {
                self.at += 1;
                Ok(Expr::Literal(Literal::Temporal(moment)))
            }
            Token::External(name) => {
                self.at += 1;
                Ok(Expr::Variable(name.into()))
            }
            Token::Dollar(name) => self.dollar(&name),
        }
    }

    fn dollar(&mut self, name: &str) -> Parsed<Expr> {
        let expression = match name {
            "this" => Expr::This,
            "index" => Expr::Index,
            "total" => Expr::Total,
            _ => return Err(self.fault("After '$' only this, index and total have a meaning.")),
        };
        self.at += 1;
        Ok(expression)
    }

    fn first_step(&mut self) -> Parsed<Step> {
        let called = matches!(self.words.get(self.at + 1), Some((Token::Symbol("("), _)));
        let name = match self.peek() {
            Token::Identifier(name) | Token::Delimited(name) => name.clone(),
            _ => return self.step(),
        };
        if called || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return self.step();
        }
        self.at += 1;
        Ok(match TypeSpecifier::resolve(None, &name) {
            Some(specifier) => Step::OfRoot(specifier),
            None => Step::Member(Name::of(&name)),
        })
    }

    fn step(&mut self) -> Parsed<Step> {
        let fault = self.fault("The name of an element or function is missing here.");
        if matches!(self.peek(), Token::Dollar(_)) {
            return Err(fault);
        }
        let at = self.offset();
        match self.take() {
            Token::Identifier(name) if self.accept("(") => self.call(&name, at),
            Token::Delimited(name) | Token::Identifier(name) => Ok(Step::Member(Name::of(&name))),
            _ => Err(fault),
        }
    }

    fn call(&mut self, name: &str, at: usize) -> Parsed<Step> {
        let test = match name {
            "is" => Some(TypeTest::Is),
            "as" => Some(TypeTest::As),
            "ofType" => Some(TypeTest::OfType),
            _ => None,
        };
        if let Some(test) = test {
            let specifier = self.type_specifier()?;
            self.expect(")")?;
            return Ok(Step::Type(test, specifier));
        }
        let function = functions::named(name)
            .ok_or_else(|| CompileError::at(at, format!("There is no function '{name}'.")))?;
        let mut arguments = Vec::new();
        if !self.accept(")") {
            arguments.push(self.expression(0)?);
            let mut height = self.height;
            while self.accept(",") {
                arguments.push(self.expression(0)?);
                height = height.max(self.height);
            }
            self.height = height;
            self.expect(")")?;
        }
        if !function.takes(arguments.len()) {
            let message = format!("'{name}' does not take this number of arguments.");
            return Err(CompileError::at(at, message));
        }
        let pattern = match arguments.first() {
            Some(Expr::Literal(Literal::String(text))) if function.takes_pattern() => {
                let compiled = pattern::compile(text, function.matches_whole());
                Some(compiled.map_err(|fault| CompileError::at(at, fault.to_string()))?)
            }
            _ => None,
        };
        Ok(Step::Call(Box::new(Call {
            function,
            arguments,
            pattern,
        })))
    }

    /// `Patient`, `FHIR.Patient`, `System.String`.
    fn type_specifier(&mut self) -> Parsed<TypeSpecifier> {
        let at = self.offset();
        let mut name = self.type_name()?;
        let mut namespace = None;
        if self.is_symbol(".") && matches!(name.as_str(), "FHIR" | "System") {
            self.at += 1;
            namespace = Some(name);
            name = self.type_name()?;
        }
        TypeSpecifier::resolve(namespace.as_deref(), &name)
            .ok_or_else(|| CompileError::at(at, format!("There is no type '{name}'.")))
    }

    fn type_name(&mut self) -> Parsed<String> {
        let fault = self.fault("The name of a type is missing here.");
        match self.take() {
            Token::Identifier(name) | Token::Delimited(name) => Ok(name),
            _ => Err(fault),
        }
    }

    /// A number, and the unit that makes it a quantity.
    fn number(&mut self, text: &str) -> Parsed<Expr> {
        let fault = self.fault("The number has too many digits.");
        self.at += 1;
        let unit = match self.peek() {
            Token::String(unit) => Some(Unit::from_code(unit.clone().into())),
            Token::Identifier(word) => CalendarUnit::from_word(word).map(Unit::Calendar),
            _ => None,
        };
        let literal = if let Some(unit) = unit {
            self.at += 1;
            Literal::Quantity(decimal(text).ok_or(fault)?, unit)
        } else if text.contains('.') {
            Literal::Decimal(decimal(text).ok_or(fault)?)
        } else {
            Literal::Integer(text.parse().map_err(|_| fault)?)
        };
        Ok(Expr::Literal(literal))
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).ok()
}
