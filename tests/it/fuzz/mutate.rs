//! An input made of others: bytes, words, numbers and whole pieces changed, moved, repeated.

/// Longest input.
const LENGTH_MAX: usize = 16 * 1024;

/// Most times that a piece is repeated.
const REPEATS_MAX: u64 = 200;

/// Most changes of one input.
const CHANGES_MAX: u64 = 5;

/// Numbers at which things change.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "127",
    "128",
    "255",
    "256",
    "1000",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "79228162514264337593543950335",
    "0.00000000000000000000000000001",
];

/// Pieces that open and close, to nest with.
const PAIRS: [(&str, &str); 7] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("{\"a\":", "}"),
    ("<a>", "</a>"),
    ("not(", ")"),
    ("'", "'"),
];

/// An input of the pool, changed.
pub fn changed(pool: &[Vec<u8>], words: &[Vec<u8>], draw: &mut dyn FnMut() -> u64) -> Vec<u8> {
    let mut chance = Dice(draw);
    let mut input = chance.one_of(pool).cloned().unwrap_or_default();
    for _ in 0..=chance.below(CHANGES_MAX) {
        change(&mut input, pool, words, &mut chance);
        input.truncate(LENGTH_MAX);
    }
    input
}

struct Dice<'d>(&'d mut dyn FnMut() -> u64);

impl Dice<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        (self.0)() % bound.max(1)
    }

    /// A place in a text, its end included.
    fn place(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or(0) + 1;
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    fn one_of<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        let last = list.len().checked_sub(1)?;
        list.get(self.place(last))
    }

    /// A piece of a text.
    fn piece(&mut self, length: usize) -> std::ops::Range<usize> {
        let (a, b) = (self.place(length), self.place(length));
        a.min(b)..a.max(b)
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[Vec<u8>], chance: &mut Dice<'_>) {
    let at = chance.place(input.len());
    match chance.below(13) {
        0 => {
            let bit = 1 << chance.below(8);
            if let Some(byte) = input.get_mut(at) {
                *byte ^= bit;
            }
        }
        1 => {
            let byte = u8::try_from(chance.below(256)).unwrap_or(0);
            insert(input, at, &[byte]);
        }
        2..=4 => {
            let word = chance.one_of(words).cloned().unwrap_or_default();
            insert(input, at, &word);
        }
        5 => {
            let piece = chance.piece(input.len());
            input.drain(piece);
        }
        6 => {
            let piece = input[chance.piece(input.len())].to_vec();
            let times = chance.below(REPEATS_MAX) + 1;
            let room = LENGTH_MAX / piece.len().max(1);
            let times = usize::try_from(times).unwrap_or(1).min(room);
            insert(input, at, &piece.repeat(times));
        }
        7 | 8 => {
            if let Some(other) = chance.one_of(pool) {
                let piece = chance.piece(other.len());
                let gone = chance.piece(input.len());
                input.splice(gone, other[piece].iter().copied());
            }
        }
        9 => number(input, chance),
        10 => {
            let (open, close) = *chance.one_of(&PAIRS).unwrap_or(&("", ""));
            let times = usize::try_from(chance.below(REPEATS_MAX)).unwrap_or(1) + 1;
            let piece = chance.piece(input.len());
            insert(input, piece.end, close.repeat(times).as_bytes());
            insert(input, piece.start, open.repeat(times).as_bytes());
        }
        11 => input.truncate(at),
        _ => {
            let piece = chance.piece(input.len());
            let moved: Vec<u8> = input.drain(piece).collect();
            let at = chance.place(input.len());
            insert(input, at, &moved);
        }
    }
}

/// Puts another number in the place of one.
fn number(input: &mut Vec<u8>, chance: &mut Dice<'_>) {
    let from = chance.place(input.len());
    let rest = &input[from..];
    let Some(start) = rest.iter().position(u8::is_ascii_digit) else {
        return;
    };
    let digits = rest[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let place = from + start..from + start + digits.count();
    let other = *chance.one_of(&NUMBERS).unwrap_or(&"0");
    input.splice(place, other.bytes());
}
