//! What the front page shows is the code, and what it promises is tested.

use crate::{read, root, sources};

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).expect(from) + from.len();
    &text[start..start + text[start..].find(to).expect(to)]
}

#[test]
fn the_loop_in_the_readme_is_the_loop_of_the_minimal_driver() {
    let (readme, example) = (read("README.md"), read("examples/minimal.rs"));
    let shown = between(&readme, "```rust,ignore\n", "```");
    assert_eq!(shown, between(&example, "// the loop\n", "// the end of the loop"));
}

#[test]
fn every_guarantee_names_a_clause_and_tests_that_exist() {
    let (readme, spec) = (read("README.md"), read("SPEC.md"));
    let code: String = sources("tests").into_iter().chain(sources("src")).map(|(_, text)| text).collect();
    let rows: Vec<_> = between(&readme, "<!-- guarantees -->", "<!-- /guarantees -->").lines().skip(3).collect();
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
fn every_link_of_the_readme_leads_to_a_file() {
    let readme = read("README.md");
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(root().join(link).exists(), "{link}");
    }
}
