//! Short hashes: what index rows keep of codes, systems and parameters.

/// What stands for an absent code or system.
pub const ABSENT: i64 = 0;

/// What stands for the system that the element's definition implies, as for a `code` element:
/// a search that names any system finds it, since the system is not in the data.
pub const IMPLIED: i64 = 1;

/// The hash of a code or a system: the first 8 bytes of its BLAKE3 hash; never [`ABSENT`] or
/// [`IMPLIED`].
#[must_use]
pub fn of_text(text: &str) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    match i64::from_le_bytes(first) {
        ABSENT | IMPLIED => i64::MIN,
        hash => hash,
    }
}

/// The hash of a text that may be absent.
#[must_use]
pub fn of_option(text: Option<&str>) -> i64 {
    text.map_or(ABSENT, of_text)
}

/// The hash of the coding of an identifier's type, which stands where a system does.
#[must_use]
pub fn of_type(system: &str, code: &str) -> i64 {
    of_text(&format!("{system}|{code}"))
}

/// The number of a parameter in index rows: 32 bits of the hash of `Type.code`, so that it stays
/// the same as parameters come and go.
#[must_use]
pub fn of_parameter(kind: &str, code: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes());
    hasher.update(b".");
    hasher.update(code.as_bytes());
    let mut first = [0; 4];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    i64::from(u32::from_le_bytes(first))
}
