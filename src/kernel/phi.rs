//! Protected health information that must not reach a log.

use std::fmt;

/// A value that prints as `[phi]`; it is taken out by name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; the caller answers for where it goes.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Unwraps the value; the caller answers for where it goes.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[phi]")
    }
}

impl<T> fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[phi]")
    }
}

#[cfg(test)]
mod tests {
    use super::Phi;

    #[test]
    fn neither_debug_nor_display_tells() {
        let name = Phi::new("Durand");
        assert_eq!(format!("{name:?} {name}"), "[phi] [phi]");
        assert_eq!(*name.reveal(), "Durand");
    }
}
