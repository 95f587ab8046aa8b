//! Where the database is read, and by what right: a statement, a way into the store or a route that is
//! new has to be looked at before it stands here.

use super::code::{tokens, without_tests};

/// Files of the store whose statements read resources, how many do, and what bounds them.
///
/// `Scope` writes the permit's bounds into a statement; `reach` decides one resource at hand.
const READ: [(&str, usize, &str); 17] = [
    ("src/store/sqlite/copy.rs", 3, "a backup: the operator's"),
    (
        "src/store/sqlite/definitions.rs",
        2,
        "definitions: everybody's",
    ),
    ("src/store/sqlite/erase.rs", 13, "erasures: the service's"),
    ("src/store/sqlite/errands.rs", 7, "Scope, reach"),
    ("src/store/sqlite/history.rs", 2, "Scope"),
    (
        "src/store/sqlite/indexing.rs",
        3,
        "the index: the service's",
    ),
    (
        "src/store/sqlite/insert.rs",
        1,
        "the type of what is deleted",
    ),
    ("src/store/sqlite/labels.rs", 2, "Scope"),
    ("src/store/sqlite/lookups.rs", 3, "reach"),
    ("src/store/sqlite/readers.rs", 2, "Scope"),
    (
        "src/store/sqlite/search.rs",
        1,
        "the keys that were found by Scope",
    ),
    (
        "src/store/sqlite/search/bounds.rs",
        2,
        "none, and what narrows a resource at hand",
    ),
    ("src/store/sqlite/search/compare.rs", 2, "Scope"),
    ("src/store/sqlite/search/condition.rs", 2, "Scope"),
    ("src/store/sqlite/search/include.rs", 3, "Scope"),
    (
        "src/store/sqlite/search/keys.rs",
        4,
        "Scope, and the matches of order and plan",
    ),
    ("src/store/sqlite/search/order.rs", 1, "Scope"),
];

/// The same, of statements of which the plan counts without reading.
const COUNTED: (&str, usize) = ("src/store/sqlite/search/plan.rs", 2);

/// Functions of the store that give resources without being given a permit: what they give is seen
/// by the service alone, or is held to the permit where they are called.
const UNBOUNDED: [&str; 7] = [
    "current",
    "earlier",
    "earlier_versions",
    "loaded",
    "prepare",
    "referring",
    "to_reindex",
];

/// Files that make routes beside the router's table, and who is let in there.
const ROUTES: [(&str, &str); 13] = [
    ("src/http/accounts/mod.rs", "people who log in"),
    ("src/http/bulk.rs", "auth::permit"),
    ("src/http/clock.rs", "loopback, in development"),
    ("src/http/health.rs", "everybody: nothing is told"),
    (
        "src/http/openapi.rs",
        "everybody: the tables of the program",
    ),
    ("src/http/pages/mod.rs", "everybody: a style sheet"),
    ("src/http/router.rs", "the table"),
    ("src/http/sms.rs", "the gateway, by its secret"),
    ("src/http/smart/authorize.rs", "people who log in"),
    (
        "src/http/smart/discovery.rs",
        "everybody: keys and addresses",
    ),
    ("src/http/smart/launch.rs", "who shows a token"),
    (
        "src/http/smart/logout.rs",
        "people who log out, once they have said so",
    ),
    ("src/http/smart/token.rs", "clients"),
];

/// Where statements read resources: places of the tables that hold them.
fn statements(text: &str) -> usize {
    let tables = ["resource", "version", "errand_line"];
    let verbs = ["from ", "join "];
    let reads = verbs.iter().flat_map(|verb| {
        tables
            .iter()
            .map(move |table| (format!("{verb}{table}"), verb))
    });
    reads
        .map(|(begins, _)| {
            let places = text.match_indices(&begins);
            let ends = |at: usize| text[at + begins.len()..].chars().next();
            places
                .filter(|(at, _)| ends(*at).is_none_or(|c| !c.is_alphanumeric() && c != '_'))
                .count()
        })
        .sum()
}

/// A file of the store reads resources in as many places as have been looked at.
pub fn reads(path: &str, text: &str) -> Vec<String> {
    if path.contains("/tests") {
        return Vec::new();
    }
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let known = READ
        .iter()
        .map(|(path, count, _)| (*path, *count))
        .chain([COUNTED])
        .find(|(known, _)| *known == path)
        .map_or(0, |(_, count)| count);
    let found = statements(text);
    if found == known {
        return Vec::new();
    }
    vec![format!(
        "reads resources in {found} places, of which {known} are known in tests/architecture/reach.rs: \
         see that each is bounded by the permit"
    )]
}

/// A function that gives resources is given a permit, or is known not to be.
pub fn ways(text: &str) -> Vec<String> {
    let tokens = tokens(&without_tests(text));
    let mut faults = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, one)| *one == "fn") {
        let Some(name) = tokens.get(at + 1) else {
            continue;
        };
        let signature: Vec<&str> = tokens[at..]
            .iter()
            .map(String::as_str)
            .take_while(|one| *one != "{" && *one != ";")
            .collect();
        let arrow = signature.windows(2).position(|pair| pair == ["-", ">"]);
        let Some(arrow) = arrow else { continue };
        let (given, gives) = signature.split_at(arrow);
        let resources = ["Stored", "Page", "History", "Canonical", "Hit"];
        let is_asked = gives.iter().any(|one| resources.contains(one));
        // A Tx has the permit of its part.
        let is_bounded = given.contains(&"Permit") || given.contains(&"Tx");
        if is_asked && !is_bounded && !UNBOUNDED.contains(&name.as_str()) {
            faults.push(format!("`{name}` gives resources and is given no permit"));
        }
    }
    faults
}

/// Routes are made in the table, or in files of which it is known who is let in there.
pub fn routes(path: &str, text: &str) -> Vec<String> {
    if path.ends_with("tests.rs") {
        return Vec::new();
    }
    let code = without_tests(text);
    let is_known = ROUTES.iter().any(|(known, _)| *known == path);
    if code.contains(".route(") && !is_known {
        let says =
            "makes routes beside the table: say in tests/architecture/reach.rs who is let in";
        return vec![says.to_owned()];
    }
    Vec::new()
}

mod tests {
    use super::*;

    #[test]
    fn another_statement_is_seen() {
        let one = "const A: &str = \"select 1 from resource r\";";
        assert_eq!(reads("src/store/sqlite/order.rs", one).len(), 1);
        assert_eq!(reads("src/store/sqlite/search/order.rs", one), [""; 0]);
        let two = format!("{one} \"join resource x\"");
        assert_eq!(reads("src/store/sqlite/search/order.rs", &two).len(), 1);
        assert_eq!(statements("from resources; from versions"), 0);
    }

    #[test]
    fn another_way_into_the_store_is_seen() {
        let open = "fn all(&self) -> Result<Vec<Stored>>;";
        assert_eq!(ways(open).len(), 1);
        assert_eq!(
            ways("fn all(&self, permit: &Permit) -> Result<Vec<Stored>>;"),
            [""; 0]
        );
        assert_eq!(ways("fn count(&self) -> Result<u64>;"), [""; 0]);
    }

    #[test]
    fn another_route_is_seen() {
        let route = "fn routes() -> Router { Router::new().route(\"/x\", get(x)) }";
        assert_eq!(routes("src/http/other.rs", route).len(), 1);
        assert_eq!(routes("src/http/health.rs", route), [""; 0]);
    }
}
