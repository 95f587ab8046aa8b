//! What permits are made from is counted, whoever changes it.

use super::bench;
use crate::store::tamper;

/// Something to begin with in each table.
const BEGIN: &str = "\
    insert into oauth_client values ('c', '{}', 0); \
    insert into oauth_delegation values ('d', 'c', null, null, null, '{}', 0, 9, 0); \
    insert into oauth_token values (x'01', 'access', 'd', '', 0, 9, 0); \
    insert into account values ('a', 'agent', 'l', 'f', 'active', '', '', x'', 0, 0, 0); \
    insert into custody values (1, '@Organization/1', 'Organization/2', 0); \
    insert into resource (key, type, id, version, updated, deleted, hash, body) \
    values (-2, 'Practitioner', 'p', 1, 0, 0, x'', x'');";

#[tokio::test]
async fn a_change_of_what_permits_are_made_from_counts() {
    let bench = bench(Vec::new()).await;
    let path = bench.folder.path().join("vigie.sqlite");
    tamper(&path, BEGIN).unwrap();
    let mut before = bench.store.access_stamp().unwrap().unwrap();
    for sql in [
        "update oauth_token set used = 1",
        "delete from oauth_token",
        "update oauth_delegation set ended = 1",
        "delete from oauth_delegation",
        "update oauth_client set registration = '{\"a\":1}'",
        "delete from oauth_client",
        "update account set state = 'locked'",
        "insert into account values ('a', 'agent', 'l', 'f', 'active', '', '', x'', 0, 0, 0) \
         on conflict (id) do update set state = 'active'",
        "insert into account_role values ('a', 'nurse', '')",
        "update account_role set role = 'agent'",
        "delete from account_role",
        "delete from account",
        "insert into custody values (2, '@CareTeam/1', 'Practitioner/2', 0)",
        "update custody set patient = 'p'",
        "insert into custody values (3, '@CareTeam/1', 'Practitioner/2', 0)",
        "delete from custody",
        "insert into resource (key, type, id, version, updated, deleted, hash, body) \
         values (-1, 'RelatedPerson', 'r', 1, 0, 0, x'', x'')",
        "update resource set version = 2 where type = 'RelatedPerson'",
        "delete from resource where type = 'RelatedPerson'",
        "update resource set version = 2 where type = 'Practitioner'",
    ] {
        tamper(&path, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let after = bench.store.access_stamp().unwrap().unwrap();
        assert!(after > before, "{sql}");
        before = after;
    }
}

#[tokio::test]
async fn patients_tokens_and_answers_that_come_do_not_count() {
    let bench = bench(Vec::new()).await;
    let path = bench.folder.path().join("vigie.sqlite");
    let before = bench.store.access_stamp().unwrap();
    tamper(
        &path,
        "insert into custody values (1, 'p', 'Organization/2', 0); \
         delete from custody; \
         insert into oauth_token values (x'01', 'access', 'd', '', 0, 9, 0); \
         insert into resource (key, type, id, version, updated, deleted, hash, body) \
         values (-1, 'Patient', 'r', 1, 0, 0, x'', x''); \
         update resource set version = 2 where id = 'r';",
    )
    .unwrap();
    assert_eq!(bench.store.access_stamp().unwrap(), before);
}
