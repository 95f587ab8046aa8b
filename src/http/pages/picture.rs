//! A text as a picture that a telephone reads (a QR code), as the path of an SVG: pure.
//!
//! Specification: ISO/IEC 18004; the drawing is `SVG`'s, <https://www.w3.org/TR/SVG11/paths.html>.

use qrcode::{Color, QrCode};
use serde_json::{Value, json};

/// Light modules around the picture, as the specification asks for.
const QUIET: usize = 4;

/// What a template draws: the width in modules, and the path of the dark ones. Null, if the text is
/// too long for a picture.
#[must_use]
pub fn of(text: &str) -> Value {
    let Ok(code) = QrCode::new(text) else {
        return Value::Null;
    };
    let width = code.width();
    let colors = code.into_colors();
    let mut path = String::new();
    for (y, line) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for run in line.chunk_by(|one, two| one == two) {
            if run[0] == Color::Dark {
                let length = run.len();
                let (left, top) = (x + QUIET, y + QUIET);
                path.push_str(&format!("M{left} {top}h{length}v1h-{length}z"));
            }
            x += run.len();
        }
    }
    // A template is given texts.
    let width = (width + 2 * QUIET).to_string();
    json!({ "width": width, "path": path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_three_corners() {
        let picture = of("otpauth://totp/Vigie:anne?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let width: usize = picture["width"].as_str().unwrap().parse().unwrap();
        let path = picture["path"].as_str().unwrap();
        let right = width - 4 - 7;
        for corner in [
            "M4 4h7v1h-7z".to_owned(),
            format!("M{right} 4h7v1h-7z"),
            format!("M4 {right}h7v1h-7z"),
        ] {
            assert!(path.contains(&corner), "{corner}: {path}");
        }
        let plain = |c: char| c.is_ascii_digit() || "Mhvz- ".contains(c);
        assert!(path.chars().all(plain));
        assert_eq!(of(&"x".repeat(5_000)), Value::Null);
    }
}
