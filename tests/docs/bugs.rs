//! The patches in `tests/bugs`: each names tests that exist and cite what it breaks, and whatever can be broken has one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::clauses::{cited, clauses};
use crate::{files, is_a_members, is_packaged, read, root, test_folders};

/// What stands above the diff.
struct Bug {
    /// The path of the patch.
    path: String,
    /// The number of a reported bug or of a document, and clauses.
    breaks: BTreeSet<String>,
    /// The tests that fail with it, each with its target before it.
    caught_by: Vec<String>,
}

impl Bug {
    fn read((path, patch): (String, String)) -> Self {
        let (header, diff) = patch.split_once("\n--- a/").unwrap_or_else(|| panic!("{path} has no diff"));
        let tagged = |tag| header.lines().filter_map(move |line| line.strip_prefix(tag));
        assert!(header.lines().next().is_some_and(|line| line.len() > 20), "{path} does not say what it is");
        let clauses = tagged("Breaks: ").next().unwrap_or_else(|| panic!("{path} does not say what it breaks"));
        let changed: Vec<_> = diff.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect();
        // A bug of a document's own is put into its page.
        let own = path.starts_with("tests/bugs/systems/");
        let is_source = |file: &&str| file.starts_with("src/") || own && file.starts_with("testkit/tests/systems/");
        assert!(changed.iter().all(is_source), "{path} changes {changed:?}");
        let name = path.rsplit('/').next().expect("a name");
        let (first, _) = name.split_once('-').unwrap_or_else(|| panic!("{path} does not begin with what it breaks"));
        let breaks = cited(clauses).chain([first.to_string()]).collect();
        Self { breaks, caught_by: tagged("Caught-by: ").map(String::from).collect(), path }
    }
}

/// As `files`, with paths from the root.
fn below(folder: &str, extension: &str) -> impl Iterator<Item = (String, String)> {
    let relative = |path: PathBuf| path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
    files(folder, extension).into_iter().map(move |(path, text)| (relative(path), text))
}

fn bugs() -> Vec<Bug> {
    below("tests/bugs", "patch").map(Bug::read).collect()
}

/// Every test by its target and its name, as the patches write it, with its doc comment.
fn tests() -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for (path, source) in test_folders().iter().flat_map(|folder| below(folder, "rs")) {
        for (name, comment) in tests_in(&source) {
            tests.insert(format!("{}{name}", prefix(&path)), comment);
        }
    }
    tests
}

/// What comes before the name of a test in this file: `tests/a/b/c.rs` is `a b::c::`, `src/b.rs` is `lib b::tests::`, and
/// `kit/tests/a/b.rs` is `kit/a b::`.
fn prefix(path: &str) -> String {
    if let Some((member, path)) = path.split_once("/tests/").filter(|(member, _)| is_a_members(member)) {
        return format!("{member}/{}", prefix(&format!("tests/{path}")));
    }
    let (folder, path) = path.split_once('/').expect("a folder");
    let modules: Vec<_> =
        Path::new(path).with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let (target, modules) = match folder {
        // A module's tests may have a file of their own.
        "src" if modules.ends_with(&["tests".into()]) => ("lib", modules),
        "src" => ("lib", [modules, vec!["tests".into()]].concat()),
        _ => (modules[0].as_str(), modules[1..].to_vec()),
    };
    let modules = modules.iter().filter(|module| !["main", "mod"].contains(&module.as_str()));
    format!("{target} {}", modules.map(|module| format!("{module}::")).collect::<String>())
}

/// The tests of a file, with their doc comments.
fn tests_in(source: &str) -> Vec<(String, String)> {
    let (mut tests, mut comment, mut is_test) = (Vec::new(), String::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            comment.push_str(more);
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let (true, Some((name, _))) = (is_test, function.and_then(|rest| rest.split_once('('))) {
                tests.push((name.to_string(), comment.clone()));
            }
            comment.clear();
            is_test = false;
        }
    }
    tests
}

/// The numbers of the bugs that a comment tells of: `**Bug 5.**`.
fn reported(comment: &str) -> impl Iterator<Item = u32> + '_ {
    comment.split("**Bug ").skip(1).filter_map(|rest| rest.split_once(".**")?.0.parse().ok())
}

/// Whether the comment of a test cites what a bug breaks; the documents are not cited.
fn cites(comment: &str, breaks: &str) -> bool {
    match breaks.parse() {
        Ok(_) if breaks.len() == 3 => true,
        Ok(number) => reported(comment).any(|other| other == number),
        Err(_) => comment.contains(&format!("[{breaks}]")),
    }
}

#[test]
fn every_bug_names_tests_that_exist_and_cite_what_it_breaks() {
    let tests = tests();
    for Bug { path, breaks, caught_by } in bugs() {
        let is_elsewhere = |name: &String| is_packaged() && is_a_members(name);
        let unknown = caught_by.iter().find(|name| !tests.contains_key(*name) && !is_elsewhere(name));
        assert_eq!(unknown, None, "{path}");
        for breaks in breaks {
            let cited = caught_by.iter().any(|name| is_elsewhere(name) || cites(&tests[name], &breaks));
            assert!(cited, "{path}: none of {caught_by:?} cites {breaks}");
        }
    }
}

/// A patch whose place has moved could put its bug somewhere else, where no test looks.
#[test]
fn every_patch_fits_exactly_one_place_of_the_present_source() {
    for (path, patch) in below("tests/bugs", "patch") {
        let diff = &patch[patch.find("\n--- a/").expect("a diff")..];
        for file in diff.split("\n--- a/").skip(1) {
            let (name, hunks) = file.split_once('\n').expect("a name");
            if is_packaged() && is_a_members(name) {
                continue;
            }
            let source = read(name);
            for hunk in hunks.split("\n@@ ").skip(1) {
                let kept = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
                let place: String = kept.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect();
                assert_eq!(source.matches(&place).count(), 1, "{path} does not fit {name}:\n{place}");
            }
        }
    }
}

#[test]
fn every_clause_every_reported_bug_and_every_document_has_its_bug() {
    let broken: BTreeSet<_> = bugs().into_iter().flat_map(|bug| bug.breaks).collect();
    let reported = (1..=35).map(|number| format!("{number:02}"));
    let documents = (0..=4).map(|number| format!("{number:03}"));
    let all: BTreeSet<_> = clauses(&read("SPEC.md")).into_iter().chain(reported).chain(documents).collect();
    assert_eq!(broken, all);
}

#[test]
fn every_test_for_a_reported_bug_fails_with_it() {
    let bugs = bugs();
    for (name, comment) in tests() {
        for number in reported(&comment) {
            let catches = |bug: &Bug| bug.breaks.contains(&format!("{number:02}")) && bug.caught_by.contains(&name);
            assert!(bugs.iter().any(catches), "no patch shows that {name} would catch bug {number}");
        }
    }
}

#[test]
fn tests_are_named_as_cargo_names_them() {
    assert_eq!(prefix("tests/session/outbox.rs"), "session outbox::");
    assert_eq!(prefix("tests/session/main.rs"), "session ");
    assert_eq!(prefix("tests/session/properties/model/mod.rs"), "session properties::model::");
    assert_eq!(prefix("tests/allocations.rs"), "allocations ");
    assert_eq!(prefix("testkit/tests/systems/page.rs"), "testkit/systems page::");
    assert_eq!(prefix("src/session/retry.rs"), "lib session::retry::tests::");
    assert_eq!(prefix("src/session/outbox/tests.rs"), "lib session::outbox::tests::");
    let source = "/// **Bug 7.** Long\n/// ago. [P1]\n#[test]\nfn a() {\n    /// [P2]\n    #[tokio::test]\n    async fn b() {}\n}\nfn c() {}";
    let found = tests_in(source);
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(cites(&found[0].1, "07") && cites(&found[0].1, "P1") && !cites(&found[0].1, "P2"));
    assert!(root().join("tests/bugs/hunt").exists());
}
