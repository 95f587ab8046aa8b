//! The rows of a resource, as they come to stand.

use super::*;

const TOKENS: &str = "create table token (key integer, param integer, code integer, \
     system integer, value text, primary key (key, param, code, system)) \
     strict, without rowid";

fn token(code: i64) -> TokenRow {
    TokenRow {
        param: 1,
        code,
        system: 0,
        value: code.to_string(),
    }
}

#[test]
fn rows_of_any_number_are_written_each_once() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(TOKENS).unwrap();
    for count in [0, 1, 2, 3, 15, 16, 17, 31, 32, 61] {
        let mut rows: Vec<TokenRow> = (0..count).map(token).collect();
        // The same row twice is one row.
        rows.extend(rows.first().cloned());
        insert(&connection, count, &rows).unwrap();
        let mut statement = connection.prepare(TokenRow::SELECT).unwrap();
        let found = statement.query_map([count], TokenRow::read).unwrap();
        let found: Vec<TokenRow> = found.map(rusqlite::Result::unwrap).collect();
        rows.truncate(usize::try_from(count).unwrap());
        assert_eq!(found, rows);
    }
}

#[test]
fn each_row_binds_as_many_values_as_its_statement_has() {
    fn check<R: IndexRow>() {
        let (_, values) = R::INSERT.split_once("values").unwrap();
        assert_eq!(values.matches('?').count(), R::VALUES, "{}", R::INSERT);
    }
    check::<TokenRow>();
    check::<StringRow>();
    check::<DateRow>();
    check::<NumberRow>();
    check::<ReferenceRow>();
    check::<UriRow>();
    check::<WordRow>();
    check::<CompositeRow>();
    check::<String>();
}

#[test]
fn an_update_writes_only_the_difference() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(TOKENS).unwrap();
    insert(&connection, 7, &[token(1), token(2), token(3)]).unwrap();
    insert(&connection, 8, &[token(1)]).unwrap();
    let before = connection.total_changes();
    let wanted = [token(2), token(3), token(4)];
    replace(&connection, 7, &wanted).unwrap();
    assert_eq!(connection.total_changes() - before, 2);
    let mut statement = connection.prepare(TokenRow::SELECT).unwrap();
    for (key, expected) in [(7, &wanted[..]), (8, &[token(1)][..])] {
        let found = statement.query_map([key], TokenRow::read).unwrap();
        let found: Vec<TokenRow> = found.map(rusqlite::Result::unwrap).collect();
        assert_eq!(found, expected);
    }
}
