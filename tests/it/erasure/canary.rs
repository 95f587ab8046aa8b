//! Canaries: texts that are nowhere else, and the search for them in every form that a file may
//! hold them in.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use crate::harness::Chance;

/// Bytes of a pattern by which it is looked up.
const HEAD: usize = 8;

/// Draws canaries: 16 random bytes each, as 32 hexadecimal digits.
#[derive(Debug)]
pub struct Aviary {
    chance: Chance,
    pub drawn: Vec<String>,
}

impl Aviary {
    pub const fn new(chance: Chance) -> Self {
        Self {
            chance,
            drawn: Vec::new(),
        }
    }

    /// A canary that nobody has yet.
    pub fn next(&mut self) -> String {
        let canary = format!("{:016x}{:016x}", self.chance.draw(), self.chance.draw());
        self.drawn.push(canary.clone());
        canary
    }
}

/// Base64 (RFC 4648), as attachments have it.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let mut bits = 0_u32;
        for (n, byte) in three.iter().enumerate() {
            bits |= u32::from(*byte) << (16 - 8 * n);
        }
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n)) as usize & 63];
            text.push(if n <= three.len() { digit as char } else { '=' });
        }
    }
    text
}

/// A text in every form: as it is, in capitals, in UTF-16 of both orders, in base64 at each of
/// three places, in hexadecimal digits of both cases.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![text.as_bytes().to_vec(), text.to_uppercase().into_bytes()];
    let wide: Vec<u16> = text.encode_utf16().collect();
    forms.push(wide.iter().flat_map(|unit| unit.to_le_bytes()).collect());
    forms.push(wide.iter().flat_map(|unit| unit.to_be_bytes()).collect());
    for before in 0..3 {
        let padded = [&vec![0; before][..], text.as_bytes()].concat();
        let digits = base64(&padded).into_bytes();
        // Only digits whose six bits are all of the text.
        let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        forms.push(digits[first..last].to_vec());
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.to_uppercase().into_bytes());
    forms.push(hex.into_bytes());
    forms
}

/// Looks for many texts at once.
#[derive(Debug)]
pub struct Scanner {
    by_head: HashMap<[u8; HEAD], Vec<(usize, Vec<u8>)>>,
    begins: Vec<bool>,
}

/// What a scan has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub files: usize,
    pub bytes: usize,
    /// Which text was found, and in which file.
    pub found: BTreeSet<(usize, String)>,
}

impl Scanner {
    pub fn of(texts: &[String]) -> Self {
        let mut scanner = Self {
            by_head: HashMap::new(),
            begins: vec![false; 1 << 16],
        };
        for (number, text) in texts.iter().enumerate() {
            for form in forms(text) {
                let head = head(&form).expect("a form is long enough");
                scanner.begins[usize::from(u16::from_be_bytes([head[0], head[1]]))] = true;
                scanner
                    .by_head
                    .entry(head)
                    .or_default()
                    .push((number, form));
            }
        }
        scanner
    }

    pub fn bytes(&self, name: &str, bytes: &[u8], seen: &mut Seen) {
        seen.bytes += bytes.len();
        for at in 0..bytes.len().saturating_sub(HEAD - 1) {
            if !self.begins[usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))] {
                continue;
            }
            let Some(patterns) = head(&bytes[at..]).and_then(|head| self.by_head.get(&head)) else {
                continue;
            };
            for (number, pattern) in patterns {
                if bytes[at..].starts_with(pattern) {
                    seen.found.insert((*number, name.to_owned()));
                }
            }
        }
    }

    /// Every file below a folder.
    pub fn folder(&self, folder: &Path, seen: &mut Seen) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.folder(&path, seen);
            } else if let Ok(bytes) = fs::read(&path) {
                seen.files += 1;
                self.bytes(&path.display().to_string(), &bytes, seen);
            }
        }
    }
}

fn head(bytes: &[u8]) -> Option<[u8; HEAD]> {
    bytes.get(..HEAD)?.try_into().ok()
}

#[test]
fn a_canary_is_found_in_every_form() {
    let text = "0123456789abcdef0123456789abcdef".to_owned();
    let scanner = Scanner::of(&["ffffffffffffffffffffffffffffffff".to_owned(), text.clone()]);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        format!("x{text}y").into_bytes(),
        text.to_uppercase().into_bytes(),
        [&b"odd"[..], &wide].concat(),
        base64(format!("{text}yz").as_bytes()).into_bytes(),
        base64(format!("x{text}yz").as_bytes()).into_bytes(),
        base64(format!("xy{text}z").as_bytes()).into_bytes(),
        text.bytes()
            .map(|b| format!("{b:02X}"))
            .collect::<String>()
            .into_bytes(),
    ] {
        let mut seen = Seen::default();
        scanner.bytes("it", &bytes, &mut seen);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(
            seen.found,
            BTreeSet::from([(1, "it".to_owned())]),
            "{shown}"
        );
    }
    assert_eq!(base64(b"Vigie"), "VmlnaWU=");
}
