//! Load and attacks on a chat server that speaks the example server's protocol, with what its other users notice.
//!
//! A scenario starts a server of its own ([`server::Launch`]), logs uninvolved users in who write to each other
//! ([`fleet::Canaries`]), attacks, and ends with numbers: before, during and after ([`figures::Verdict`]).
//! The program `load` runs scenarios at full size and prints a table.
//!
//! ```text
//! cargo build --release -p heartline-example-server -p heartline-load
//! target/release/load steady logins     # by name, or all of them; --help shows the options
//! ```

pub mod figures;
pub mod fleet;
pub mod frames;
pub mod scenario;
pub mod server;
pub mod table;
pub mod tally;
pub mod target;
pub mod usage;
pub mod wire;
