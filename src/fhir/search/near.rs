//! Places on the globe, and which of them are near.
//!
//! A position is kept as a point on a sphere of radius 1, and a distance as the chord between two
//! points: neither the poles nor the meridian where east meets west is anything special then, and
//! a database compares by adding and multiplying alone. Specification:
//! <http://hl7.org/fhir/R4/location.html#positional>.

/// Mean radius of the earth, in metres.
const EARTH_METRES: f64 = 6_371_008.8;

/// How far `near` reaches where the search does not say, in metres.
pub const REACH_DEFAULT_METRES: f64 = 50_000.0;

/// How much more than the reach is looked at, so that rounding loses nobody at the edge.
const MARGIN: f64 = 1e-9;

/// A point on the sphere of radius 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Towards the meridian of Greenwich.
    pub x: f64,
    /// Towards the east.
    pub y: f64,
    /// Towards the north: the sine of the latitude.
    pub z: f64,
}

/// A place, and the points that are near it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vicinity {
    /// The place itself.
    pub centre: Point,
    /// The square of the longest chord to a point that is near.
    pub chord_squared: f64,
    /// The southernmost `z` of a point that is near.
    pub south: f64,
    /// The northernmost.
    pub north: f64,
}

impl Point {
    /// The point of a latitude and a longitude in degrees; none if there is no such place.
    #[must_use]
    pub fn of(latitude: f64, longitude: f64) -> Option<Self> {
        if !(latitude.abs() <= 90.0 && longitude.abs() <= 180.0) {
            return None;
        }
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        Some(Self {
            x: latitude.cos() * longitude.cos(),
            y: latitude.cos() * longitude.sin(),
            z: latitude.sin(),
        })
    }
}

impl Vicinity {
    /// What is within a distance over ground.
    #[must_use]
    pub fn of(centre: Point, metres: f64) -> Self {
        // Farther than the other side of the globe is nothing.
        let angle = (metres / EARTH_METRES).min(std::f64::consts::PI);
        let chord = 2.0 * (angle / 2.0).sin();
        let latitude = centre.z.clamp(-1.0, 1.0).asin();
        let quarter = std::f64::consts::FRAC_PI_2;
        Self {
            centre,
            chord_squared: (chord + MARGIN).powi(2),
            south: (latitude - angle).max(-quarter).sin() - MARGIN,
            north: (latitude + angle).min(quarter).sin() + MARGIN,
        }
    }

    /// Whether a point is near.
    #[must_use]
    pub fn has(&self, point: Point) -> bool {
        let square = |a: f64, b: f64| (a - b) * (a - b);
        let chord = square(point.x, self.centre.x)
            + square(point.y, self.centre.y)
            + square(point.z, self.centre.z);
        chord <= self.chord_squared && point.z >= self.south && point.z <= self.north
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(from: (f64, f64), to: (f64, f64), kilometres: f64) -> bool {
        let point = |(latitude, longitude)| Point::of(latitude, longitude).unwrap();
        Vicinity::of(point(from), kilometres * 1_000.0).has(point(to))
    }

    #[test]
    fn distances_are_those_over_ground() {
        // Lyon and Paris are 391.5 km apart on a sphere.
        let (lyon, paris) = ((45.764, 4.8357), (48.8566, 2.3522));
        assert!(near(lyon, paris, 392.0) && !near(lyon, paris, 391.0));
        // Fiji: across the meridian where the day changes.
        assert!(near((-17.0, 179.9), (-17.0, -179.9), 22.0));
        assert!(!near((-17.0, 179.9), (-17.0, -179.9), 21.0));
        // Across the pole: 2 degrees of 111.2 km.
        assert!(near((89.0, 0.0), (89.0, 180.0), 223.0));
        assert!(!near((89.0, 0.0), (89.0, 180.0), 222.0));
        // A metre, and the whole globe.
        assert!(near((45.0, 5.0), (45.000_008, 5.0), 0.001));
        assert!(!near((45.0, 5.0), (45.000_01, 5.0), 0.001));
        assert!(near((45.0, 5.0), (-45.0, -175.0), 30_000.0));
        assert!(near(lyon, lyon, 0.0));
    }

    #[test]
    fn what_is_not_on_the_globe_is_nowhere() {
        for (latitude, longitude) in [(90.1, 0.0), (0.0, 180.1), (f64::NAN, 0.0), (0.0, f64::NAN)] {
            assert_eq!(Point::of(latitude, longitude), None);
        }
    }
}
