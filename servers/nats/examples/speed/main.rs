//! What several nodes cost beside async-nats alone. It starts a broker, and for relays two servers, each a process.
//!
//! ```text
//! cargo run --release -p heartline-nats --example speed                # all of it, about three minutes
//! cargo run --release -p heartline-nats --example speed -- carrying    # heartline-nats alone: packets, and their memory
//! cargo run --release -p heartline-nats --example speed -- relays      # users of two servers on heartline-axum
//! ```

mod bare;
mod carrying;
mod clients;
mod node;
mod relays;

use heartline_driver_testing::nats;

type Anything = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Anything> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let what: &[&str] = match words[..] {
        ["node", name, broker] => return node::run(name, broker),
        [] => &["carrying", "relays"],
        ref some => some,
    };
    let broker = nats::broker("").ok_or("no broker")?;
    let url = nats::url(&broker);
    for what in what {
        match *what {
            "carrying" => carrying::show(&url)?,
            "relays" => relays::show(&url, broker.id())?,
            other => return Err(format!("{other} is neither carrying nor relays").into()),
        }
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
