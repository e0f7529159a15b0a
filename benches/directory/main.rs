//! What directories cost, by the directories alone: no hub, no sockets, a broker that is a queue.
//!
//! ```text
//! cargo bench --bench directory                       # everything, about five minutes
//! cargo bench --bench directory -- calls              # single calls, as ratios to an insertion into a `BTreeMap`
//! cargo bench --bench directory -- storms             # logins at once, a node that dies, one that is new
//! cargo bench --bench directory -- storms 100000      # for so many users on each node
//! cargo bench --bench directory -- growth             # what grows with nodes and with users
//! cargo bench --bench directory -- peers              # what a step costs with up to 256 nodes
//! ```

mod calls;
mod growth;
mod peers;
mod report;
mod storms;
mod traffic;
mod world;

fn main() {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let sizes: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let known = ["calls", "storms", "growth", "peers"];
    if let Some(unknown) = words.iter().find(|word| word.parse::<u32>().is_err() && !known.contains(&word.as_str())) {
        panic!("{unknown} is none of {known:?}");
    }
    let asked = |name: &str| words.len() == sizes.len() || words.iter().any(|word| word == name);
    if asked("calls") {
        calls::show();
    }
    if asked("storms") {
        storms::show(if sizes.is_empty() { &[10_000, 100_000] } else { &sizes });
    }
    if asked("growth") {
        growth::show(if sizes.is_empty() { &[1_000, 10_000, 100_000] } else { &sizes });
    }
    if asked("peers") {
        peers::show();
    }
}
