//! What the front page and `docs` show is the code, and what they promise is tested.

use crate::{is_left_out, is_packaged, members, read, root, sources};

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).expect(from) + from.len();
    &text[start..start + text[start..].find(to).expect(to)]
}

#[test]
fn the_loop_in_the_docs_is_the_loop_of_the_minimal_driver() {
    let (docs, example) = (read("docs/driver.md"), read("examples/minimal/main.rs"));
    let shown = between(&docs, "```rust,ignore\n", "```");
    assert_eq!(shown, between(&example, "// the loop\n", "// the end of the loop"));
}

#[test]
fn every_guarantee_names_a_clause_and_tests_that_exist() {
    let (guarantees, spec) = (read("docs/guarantees.md"), read("SPEC.md"));
    let code: String = sources("tests").into_iter().chain(sources("src")).map(|(_, text)| text).collect();
    let rows: Vec<_> = between(&guarantees, "<!-- guarantees -->", "<!-- /guarantees -->").lines().skip(3).collect();
    assert!(rows.len() > 8, "the table of guarantees is missing");
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        for clause in cells[2].split(' ') {
            assert!(spec.contains(&format!("- **{clause}** ")), "no clause {clause}: {row}");
        }
        for test in cells[3].split(", ") {
            let name = test.trim_matches('`');
            assert!(code.contains(&format!("fn {name}(")), "no test {name}");
        }
    }
}

#[test]
fn every_guarantee_of_the_drivers_names_tests_that_exist() {
    if is_packaged() {
        return; // They are in other crates.
    }
    let guarantees = read("docs/guarantees.md");
    let code: String = members().iter().flat_map(|member| sources(member)).map(|(_, text)| text).collect();
    let rows: Vec<_> = between(&guarantees, "<!-- drivers -->", "<!-- /drivers -->").lines().skip(3).collect();
    assert!(rows.len() > 8, "the table of the drivers' guarantees is missing");
    for test in rows.iter().flat_map(|row| row.split('|').nth(2).expect("a cell").split(", ")) {
        let name = test.trim().trim_matches('`');
        let shown = if name.contains('_') { format!("fn {name}(") } else { format!("\"{name}\"") };
        assert!(code.contains(&shown), "no test {name}");
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for (folder, page) in [
        ("", "README.md"),
        ("docs", "driver.md"),
        ("docs", "guarantees.md"),
        ("docs", "figures.md"),
        ("docs", "several-nodes.md"),
    ] {
        let folder = root().join(folder);
        let text = std::fs::read_to_string(folder.join(page)).expect(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let is_elsewhere =
            |link: &str| link.starts_with("http") || (is_packaged() && is_left_out(link.trim_start_matches("../")));
        for link in links.filter(|link| !is_elsewhere(link)) {
            assert!(folder.join(link).exists(), "{page}: {link}");
        }
    }
}
