//! The conformance suite: what a driver has to get right on real sockets, against a server that fails on purpose.
//!
//! The driver under test is an *adapter*, a process that reads commands from its standard input and writes reports to its standard
//! output, a line each. It may be in any language; for a web page, the process is a bridge to it. The suite starts it once
//! for each case, with a server on a loopback port.
//!
//! ```no_run
//! use std::process::Command;
//! use heartline_testkit::conformance::Suite;
//!
//! let suite = Suite::new(|| Command::new("target/debug/examples/my-adapter"));
//! suite.run(|case| eprintln!("{}: {:?}", case.name, case.verdict)).assert_passed();
//! ```
//!
//! or, without any Rust, `heartline-conformance node adapter.mjs`. In Rust, [`adapter`] reads the commands and writes the reports.
//! What drivers fail most, and what passes it, is in the repository's `docs/driver.md`.
//!
//! A case passes, fails, or is *not applicable*, because the driver lacks an [`Ability`] that the case needs. Nothing is skipped in
//! silence: the report lists those cases with what is lacking. Each case also ends with the same questions: does the session
//! close when it is asked to, and has every accepted message exactly one outcome?
//!
//! No case asserts a tight timing. What is waited for may take 15 s. All times, of the suite and of the settings
//! it gives the driver, are multiplied by [`Suite::pace`]; a case that fails at 1 and passes at 5 failed for want of CPU.
//!
//! # The protocol
//!
//! Version 1. Both directions: UTF-8, one line each, ended by `\n`, words separated by one space. `TEXT` is the rest of the
//! line, with `\\` for a backslash, `\n` for a line feed and `\r` for a carriage return. Times are whole milliseconds. `TAG` is a
//! number by which the suite names a message. No line is longer than 1 MiB. The suite does not read the standard error.
//!
//! ## Commands: from the suite to the driver
//!
//! | command | meaning |
//! |---|---|
//! | `set heartbeat off` | before `connect`: nothing is pinged, silence proves nothing |
//! | `set heartbeat idle INTERVAL TIMEOUT` | ping after INTERVAL without a sign of life; dead without an answer TIMEOUT later |
//! | `set heartbeat listen TIMEOUT` | never ping; dead after TIMEOUT without a sign of life |
//! | `set late-tolerance MS` | how late a timer is taken for a suspended process |
//! | `set connect-timeout MS` | how long a dial may take, from the name's resolution to the end of the handshake |
//! | `set close-timeout MS` | how long the answer to a close frame may take |
//! | `set ack-timeout MS` | how long an acknowledgement may take |
//! | `set retry MS` | the same delay before each retry, without jitter |
//! | `set max-inbound BYTES` | a longer message ends the connection |
//! | `connect URL` | connect, and stay connected. Comes once |
//! | `send TAG DELIVERY TEXT` | send this text message. `DELIVERY` is `at-most-once`, `at-least-once` or `this-connection` |
//! | `fill TAG DELIVERY BYTES` | send a text of BYTES bytes: the tag, a space, and `x` for the rest |
//! | `acked TAG` | the server has acknowledged this message |
//! | `slow MS` | from now on the application takes MS over each message |
//! | `pause`, `resume` | the application takes no messages, and takes them again |
//! | `close MS` | close the session, with MS to send the rest |
//! | `quit` | end the process. So does the end of the input |
//!
//! A command is obeyed in its turn, but none waits for the one before it: while a `send` waits for room, `close` is heard.
//! What the driver did not list as an ability is not asked of it. A word that it does not know it ignores.
//!
//! ## Reports: from the driver to the suite
//!
//! | report | when |
//! |---|---|
//! | `hello 1 NAME ABILITY…` | first: the version, the driver's name in one word, its abilities |
//! | `process PID` | second, with the ability `process`: the process that may be stopped and measured, not a bridge to it |
//! | `dial ATTEMPT RENEW` | a dial begins: the number of the retry, 0 for none; `yes` if new credentials are to be used, `no` if not |
//! | `state STATE CAUSE` | the state changed |
//! | `event degraded`, `event recovered`, `event slept MS` | as [`Event`](heartline::Event) |
//! | `accepted TAG` | the message was accepted, and will have an outcome |
//! | `refused TAG REASON` | it was not, and will have none: `full`, `too-large`, `not-connected`, `closed`, `other`. Each `send` is answered by one of the two, sooner or later |
//! | `outcome TAG OUTCOME` | `transmitted`, `acked`, `returned REASON` or `unconfirmed REASON`: once for each accepted message. `REASON` is `expired`, `evicted`, `cancelled`, `rejected`, `abandoned`, `connection-ended`, `max-losses`, `other` |
//! | `delivered BYTES TEXT` | the application has the message: its length, and its first 256 bytes, less what would cut a character |
//! | `log TEXT` | whatever helps the person who reads a failure |
//!
//! `STATE` is one of `Idle`, `Waiting`, `Connecting`, `Greeting`, `Open`, `Closing`, `Closed` ([`State`](heartline::State)). `CAUSE` is
//! one word: `requested`, `opened`, `ready`, `retry-due`, `network-changed`, `drained`, `drain-timeout`, `close-timeout`, `other`, or
//! `lost:LOSS`, `stopped:LOSS` (the policy says not to dial again), `exhausted:LOSS` (there are no retries left). `LOSS` is `close:CODE`,
//! `application:CODE`, `status:HTTPSTATUS`, `transport:ERROR`, `connect-timeout`, `greeting-timeout`, `heartbeat-timeout`, `ack-timeout` or
//! `other`; `ERROR` is `address`, `resolve`, `connect`, `proxy`, `tls`, `protocol`, `io` or `other`.
//!
//! A driver that cannot send ping frames, as a web page, pings by the text `ping TOKEN`, with any token. The server answers it by
//! `pong TOKEN` wherever it would answer a ping frame, and does not take it for a message.
//!
//! A session that is over reports `state Closed …`; its process lives on until `quit`.
//!
//! ## Abilities
//!
//! `connect`, `send` and `fill` at most once, `close`, `quit`, and the reports `state`, `accepted`, `refused`, `outcome` and
//! `delivered` are expected of every driver. The rest has a word, [`Ability`]: `process`, `at-least-once` (with `acked`), `dials`, `status` (it sees the HTTP
//! status of a refused dial), `retry-after`, `slow`, `pause` (which also means: while the application takes nothing, the driver
//! reads nothing and gives up no connection), and `set:heartbeat-idle`, `set:heartbeat-listen`, `set:late-tolerance`, `set:connect-timeout`,
//! `set:close-timeout`, `set:retry`, `set:ack-timeout`, `set:max-inbound`. `cpu-time` is not for the driver to say. Unknown words are listed in
//! the report.

mod bed;
mod cases;
mod driver;
mod protocol;
mod report;
mod server;
mod suite;

pub mod adapter;

pub use protocol::{Ability, Command, LineError, Report, Setting, VERSION};
pub use report::{CaseReport, SuiteReport, Verdict};
pub use suite::{PACE, Suite};
