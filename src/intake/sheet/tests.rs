//! Tables as people write them.

use super::*;

const COLUMNS: &[Column] = &[
    Column {
        name: "family",
        others: &["nom"],
        required: true,
    },
    Column {
        name: "birthDate",
        others: &["naissance", "date de naissance"],
        required: false,
    },
];

fn read(text: &str) -> Result<Sheet, Vec<Fault>> {
    Sheet::read(text, COLUMNS, |_| false)
}

fn places(text: &str) -> Vec<String> {
    read(text)
        .expect_err(text)
        .iter()
        .map(Fault::place)
        .collect()
}

#[test]
fn names_of_columns_are_french_or_english_whatever_their_case_and_accents() {
    for header in [
        "nom;naissance",
        "FAMILY,birth_date",
        "Nom\tDate de naissance",
    ] {
        let separator = header.chars().find(|c| ";,\t".contains(*c)).expect("one");
        let sheet = read(&format!("{header}\r\n Durand {separator}2\r\n")).expect(header);
        assert_eq!(sheet.cell(&sheet.rows[0], "family"), Some("Durand"));
        assert_eq!(
            sheet.cell(&sheet.rows[0], "birthDate"),
            Some("2"),
            "{header}"
        );
        assert_eq!(sheet.rows[0].line, 2);
    }
}

#[test]
fn quotes_hold_separators_and_quotes() {
    let sheet = read("nom;naissance\n\"Du;rand \"\"x\"\"\";1\n\n;;\nB;2\n").expect("a sheet");
    assert_eq!(sheet.cell(&sheet.rows[0], "family"), Some("Du;rand \"x\""));
    // A line without anything in it is none, and lines are counted all the same.
    assert_eq!(sheet.rows.len(), 2);
    assert_eq!(sheet.rows[1].line, 5);
}

#[test]
fn a_broken_table_is_refused_at_its_place() {
    assert_eq!(places(""), ["line[1]"]);
    assert_eq!(places("nom\n"), ["line[1]"]);
    assert_eq!(places("nom;couleur\nA;b\n"), ["line[1].couleur"]);
    assert_eq!(places("nom;Nom\nA;b\n"), ["line[1].Nom"]);
    assert_eq!(places("nom;family\nA;b\n"), ["line[1].family"]);
    assert_eq!(places("naissance\n1\n"), ["line[1].nom"]);
    assert_eq!(places("nom\nA\n\"B\n"), ["line[3]"]);
    assert_eq!(places("nom;naissance\n\"A\"b;1\n"), ["line[2]"]);
    assert_eq!(places("nom;naissance\nA\"b;1\n"), ["line[2]"]);
}

#[test]
fn a_row_of_another_shape_is_a_fault_of_its_own() {
    let sheet = read("nom;naissance;\nA\nB;1;x\nC;1;\n\"D\nE\";1;\n").expect("a sheet");
    let faults: Vec<_> = sheet
        .rows
        .iter()
        .flat_map(|row| sheet.misshapen(row))
        .map(|fault| fault.place())
        .collect();
    assert_eq!(faults, ["line[2]", "line[3]", "line[5].nom"]);
    let long = format!("nom\n{}\n", "x".repeat(CELL_CHARACTERS_MAX + 1));
    let sheet = read(&long).expect("a sheet");
    assert_eq!(sheet.misshapen(&sheet.rows[0]).len(), 1);
}

#[test]
fn too_many_rows_and_too_many_columns_are_refused() {
    let many = format!("nom\n{}", "A\n".repeat(ROWS_MAX));
    assert_eq!(read(&many).expect("at the bound").rows.len(), ROWS_MAX);
    let more = format!("{many}A\n");
    assert_eq!(places(&more), [format!("line[{}]", ROWS_MAX + 2)]);
    let wide = format!("nom{}\nA\n", ";".repeat(COLUMNS_MAX));
    assert_eq!(places(&wide), ["line[1]"]);
}
