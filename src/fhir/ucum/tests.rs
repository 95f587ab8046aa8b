//! Quantities of one dimension are one in base units; what is no unit is none.

use super::*;

fn base(value: &str, code: &str) -> Option<(String, String)> {
    let found = canonical(value.parse().unwrap(), code)?;
    Some((found.value.to_string(), found.unit))
}

#[test]
fn quantities_of_one_dimension_are_one_in_base_units() {
    let same = [
        [("1", "g"), ("1000", "mg")],
        [("5.4", "mg"), ("0.0054", "g")],
        [("3.6", "km/h"), ("1", "m/s")],
        [("1", "[in_i]"), ("2.54", "cm")],
        [("98.6", "[degF]"), ("37", "Cel")],
        [("37", "Cel"), ("310.15", "K")],
        [("120", "mm[Hg]"), ("15.998640", "kPa")],
        [("1", "wk"), ("604800", "s")],
        [("60", "/min"), ("1", "Hz")],
        [("60", "{beats}/min"), ("1", "/s")],
        [("5", "%"), ("0.05", "1")],
        [("140", "mmol/L"), ("0.140", "mol/L")],
        [("90", "fL"), ("90", "um3")],
        [("4.5", "10*12/L"), ("4.5", "10*6/uL")],
        [("1", "[IU]/mL"), ("1000", "[IU]/L")],
        [("-4", "kg"), ("-4000", "g")],
        [("0", "[lb_av]"), ("0", "kg")],
    ];
    for [(a, of), (b, unit)] in same {
        let found = base(a, of);
        assert!(found.is_some(), "{a} {of}");
        assert_eq!(found, base(b, unit), "{a} {of}, {b} {unit}");
        assert!(comparable(of, unit), "{of} {unit}");
    }
    assert_eq!(base("1", "N"), Some(("1000".into(), "g.m.s-2".into())));
}

#[test]
fn other_dimensions_stay_apart() {
    for (a, b) in [("g", "m"), ("[IU]", "1"), ("mg", "mmol"), ("/min", "min")] {
        assert!(!comparable(a, b), "{a} {b}");
        assert_ne!(base("1", a).unwrap().1, base("1", b).unwrap().1);
        assert_eq!(aligned((Decimal::ONE, a), (Decimal::ONE, b)), None);
    }
}

#[test]
fn what_is_no_unit_or_no_ratio_is_none() {
    let long = "m.".repeat(CODE_LENGTH_MAX) + "m";
    for code in [
        "", " ", "mmHg", "kilo", "m^2", "µg", "[pH]", "dB", "Cel/h", "1e3", &long,
    ] {
        assert_eq!(base("1", code), None, "{code}");
    }
    // These are units all the same, each comparable with itself.
    assert!(is_unit("[pH]") && comparable("[pH]", "[pH]"));
    assert!(!is_unit("mmHg") && !comparable("mmHg", "mmHg"));
}

#[test]
fn a_number_that_does_not_fit_is_none_rather_than_another() {
    assert_eq!(
        base("1", "Ym"),
        Some(("1000000000000000000000000".into(), "m".into()))
    );
    assert_eq!(base("1", "Ym3"), None);
    assert_eq!(base("1", "ym3"), None);
    assert_eq!(base("0", "ym3").unwrap().0, "0");
    assert_eq!(base("79228162514264337593543950335", "kg"), None);
    assert_eq!(
        base("79228162514264337593543950335", "g").unwrap().0,
        "79228162514264337593543950335"
    );
    assert_eq!(base("1", "10*2147483647"), None);
    // More digits than a decimal has places: it is rounded, not cut.
    assert_eq!(
        base("1.23456789012", "[e]").unwrap().0,
        "0.0000000000000000001977995827"
    );
}

#[test]
fn units_convert_multiply_and_divide() {
    let convert = |value: &str, from: &str, to: &str| {
        super::convert(value.parse().unwrap(), from, to).map(|value| value.to_string())
    };
    assert_eq!(convert("1", "[in_i]", "cm").as_deref(), Some("2.54"));
    assert_eq!(convert("37", "Cel", "[degF]").as_deref(), Some("98.6"));
    assert_eq!(convert("1", "h", "min").as_deref(), Some("60"));
    assert_eq!(convert("1", "h", "m"), None);
    assert_eq!(product("cm", "m").as_deref(), Some("cm.m"));
    assert_eq!(quotient("g", "m").as_deref(), Some("g/m"));
    assert_eq!(quotient("g", "g").as_deref(), Some("1"));
    assert_eq!(product("Cel", "m"), None);
    assert_eq!(product(&"m.".repeat(40), "m"), None);
}

#[test]
fn the_memory_of_units_is_bounded() {
    for n in 0..2 * REMEMBERED_MAX {
        assert!(canonical(Decimal::ONE, &format!("m{{{n}}}")).is_some());
    }
    assert!(comparable("m{1}", "km"));
}
