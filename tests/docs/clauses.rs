//! Every clause of `SPEC.md` is cited by a test, and every citation names a clause.

use std::collections::{BTreeMap, BTreeSet};

use crate::{read, sources, test_folders};

/// The ids of the clauses: lines that begin with `- **P1** `.
pub fn clauses(spec: &str) -> Vec<String> {
    let ids = spec.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("** "));
    ids.map(|(id, _)| id.to_string()).filter(|id| is_id(id)).collect()
}

/// One capital letter and a number.
fn is_id(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && !letters.as_str().is_empty()
        && letters.all(|digit| digit.is_ascii_digit())
}

/// The ids in brackets on a line: `[P1] [Q3]`.
pub fn cited(line: &str) -> impl Iterator<Item = String> + '_ {
    let bracketed = line.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    bracketed.map(|(id, _)| id.to_string()).filter(|id| is_id(id))
}

/// The citations of a source file that are on a test, and those that are elsewhere and prove nothing.
///
/// They are on a test when a `#[test]` or `#[tokio::test]` is among the attributes that follow the
/// comment, before anything else does.
fn citations(source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut on_tests, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    let (mut pending, mut test, mut attribute) = (Vec::new(), false, false);
    for line in source.lines().map(str::trim).chain([""]) {
        if let Some(comment) = line.strip_prefix("///") {
            pending.extend(cited(comment));
        } else if attribute || line.starts_with("#[") {
            test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            attribute = !line.ends_with(']');
        } else {
            let into = if test { &mut on_tests } else { &mut elsewhere };
            into.extend(pending.drain(..));
            test = false;
        }
    }
    (on_tests, elsewhere)
}

/// What is wrong between a specification and sources, given as (name, text).
fn complaints<'a>(spec: &str, sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let clauses = clauses(spec);
    let mut complaints = Vec::new();
    let mut times = BTreeMap::new();
    for id in &clauses {
        *times.entry(id.as_str()).or_insert(0) += 1;
    }
    complaints.extend(times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| format!("{id} is two clauses")));
    let mut all = BTreeSet::new();
    for (name, source) in sources {
        let (on_tests, elsewhere) = citations(source);
        let unknown = on_tests.union(&elsewhere).filter(|id| !clauses.contains(id));
        complaints.extend(unknown.map(|id| format!("{name}: [{id}] is no clause")));
        all.extend(on_tests);
    }
    complaints.extend(clauses.iter().filter(|id| !all.contains(*id)).map(|id| format!("{id} is cited by no test")));
    complaints
}

#[test]
fn every_clause_has_its_test_and_every_citation_its_clause() {
    let spec = read("SPEC.md");
    let mut files: Vec<_> = test_folders().iter().flat_map(|folder| sources(folder)).collect();
    // This file's own citations are examples.
    files.retain(|(path, _)| !path.ends_with("docs/clauses.rs"));
    let named = files.iter().map(|(path, text)| (path.to_str().expect("a plain name"), text.as_str()));
    assert_eq!(complaints(&spec, named), [""; 0]);
    assert!(clauses(&spec).len() >= 60, "the clauses are not found any more");
}

#[test]
fn clauses_are_found_where_a_list_item_begins_with_one() {
    let spec = "# P0\n\n- **P1** *Total.* Never **P9** here.\n  - **P2** nested\n- **P3**no space\n- **Note** text\n- **Q12** x";
    assert_eq!(clauses(spec), ["P1", "Q12"]);
}

#[test]
fn a_citation_counts_only_on_a_test() {
    let source = "
        /// [P1] [P2] and a [link](P8), a [word], [p3], [P] and [PP1].
        /// [Q3]
        #[cfg(feature = \"serde\")]
        #[test]
        fn first() {}

        /// [Q4]
        #[tokio::test(flavor = \"current_thread\")]
        async fn second() {}

        #[test]
        /// [Q5]
        #[cfg(
            unix
        )]
        fn third() {}

        /// [R1]
        fn helper() {}

        /// [R2]

        #[test]
        // [R3]
        fn fourth() {} // #[test]

        /// [R4]
        #[ignore]
        fn fifth() {}";
    let (on_tests, elsewhere) = citations(source);
    assert_eq!(Vec::from_iter(on_tests), ["P1", "P2", "Q3", "Q4", "Q5"]);
    assert_eq!(Vec::from_iter(elsewhere), ["R1", "R2", "R4"]);
}

#[test]
fn uncited_unknown_and_doubled_clauses_are_reported() {
    let spec = "- **P1** one\n- **P2** two\n- **P2** again\n- **P3** three\n- **P4** four";
    let tests = "/// [P1] [P7]\n#[test]\nfn a() {}\n/// [P3] [P9]\nfn b() {}";
    let more = "/// [P2]\n#[test]\nfn c() {}";
    let expected = [
        "P2 is two clauses",
        "a.rs: [P7] is no clause",
        "a.rs: [P9] is no clause",
        "P3 is cited by no test",
        "P4 is cited by no test",
    ];
    assert_eq!(complaints(spec, [("a.rs", tests), ("b.rs", more)]), expected);
    assert_eq!(complaints("- **P1** one", [("a.rs", "/// [P1]\n#[test]\nfn a() {}")]), [""; 0]);
}
