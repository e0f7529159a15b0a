//! Whether the tests of the five systems would notice: the bugs that the documents themselves have are put into a
//! copy of the source, and the test named for each must fail there. The whole hunt, some minutes:
//!
//! ```text
//! cargo test --test seed_bugs -- --ignored --nocapture
//! ```

use std::collections::BTreeSet;

#[path = "support/workshop.rs"]
mod workshop;

use workshop::{Mutation, read, root};

/// One bug of a document.
struct Bug {
    seed: &'static str,
    what: &'static str,
    file: &'static str,
    /// Text that occurs exactly once in the file.
    find: &'static str,
    put: &'static str,
    /// Each of them fails with the bug in place.
    caught_by: &'static [&'static str],
}

const MACHINE: &str = "src/machine.rs";
const HEARTBEAT: &str = "src/heartbeat.rs";
const SESSION: &str = "src/session.rs";
const HUB: &str = "src/hub/machine.rs";
const HUB_INPUTS: &str = "src/hub/inputs.rs";
const ADMISSION: &str = "src/hub/admission.rs";

const BUGS: &[Bug] = &[
    Bug {
        seed: "000",
        what: "the lock is set after a heartbeat timeout, and nothing dials any more",
        file: MACHINE,
        find: "self.lose(config, Loss::HeartbeatTimeout.into());",
        put: "self.halt(Cause::Stopped(Loss::HeartbeatTimeout));",
        caught_by: &[
            "react::after_a_heartbeat_timeout_the_page_comes_back_as_after_any_other_loss",
            "react::over_real_sockets_the_page_survives_a_hung_server_and_a_broken_connection",
        ],
    },
    Bug {
        seed: "000",
        what: "a message does not reset the heartbeat",
        file: HEARTBEAT,
        find: "        self.last_life = now;\n        self.awaiting = false;",
        put: "        self.awaiting = false;",
        caught_by: &["react::any_message_begins_the_thirty_seconds_anew"],
    },
    Bug {
        seed: "001",
        what: "the error and the close of one connection both lead to a retry",
        file: MACHINE,
        find: "Whose::Past => Heard::Stale,",
        put: "Whose::Past => act(self),",
        caught_by: &["vue::an_error_and_a_close_are_one_loss_and_lead_to_one_dial"],
    },
    Bug {
        seed: "001",
        what: "the close that a component asks for when it goes leads to a dial",
        file: MACHINE,
        find: "Life::Closing { .. } => self.go(Life::Closed, Cause::Lost(closed.loss)),",
        put: "Life::Closing { .. } => self.lose(config, closed.loss.into()),",
        caught_by: &[
            "vue::gone_while_open_means_no_dial_after_it",
            "vue::over_real_sockets_one_loss_is_one_dial_and_after_the_component_there_is_none",
        ],
    },
    Bug {
        seed: "001",
        what: "a retry that was scheduled dials after the component is gone",
        file: MACHINE,
        find: "Life::Idle | Life::Waiting { .. } => self.go(Life::Closed, cause),",
        put: "Life::Idle => self.go(Life::Closed, cause), Life::Waiting { .. } => {}",
        caught_by: &["vue::gone_while_it_waits_for_the_next_dial_means_no_dial_after_it"],
    },
    Bug {
        seed: "001",
        what: "the number of retries is never counted down",
        file: MACHINE,
        find: "|max| self.retries.attempt() >= max",
        put: "|_| false",
        caught_by: &["vue::if_it_is_to_be_five_times_at_most_it_is_five_times_until_somebody_asks_again"],
    },
    Bug {
        seed: "002",
        what: "who only listens never gives up",
        file: HEARTBEAT,
        find: "Rhythm::Listen { .. } => Some(self.last_life.max(self.last_ping)),",
        put: "Rhythm::Listen { .. } => None,",
        caught_by: &[
            "notes::a_page_that_only_listens_gives_up_after_twice_the_servers_period_and_shows_it",
            "notes::over_real_sockets_strangers_are_refused_and_a_silent_server_is_given_up_by_who_only_listens",
        ],
    },
    Bug {
        seed: "002",
        what: "the origin check lets everybody in",
        file: ADMISSION,
        find: "if !allowed {",
        put: "if false && !allowed {",
        caught_by: &[
            "notes::a_page_from_elsewhere_is_refused_and_does_not_ask_again",
            "notes::over_real_sockets_strangers_are_refused_and_a_silent_server_is_given_up_by_who_only_listens",
        ],
    },
    Bug {
        seed: "002",
        what: "nobody tells that the network is bad",
        file: MACHINE,
        find: "Beat::Degraded => self.tell(Event::Degraded),",
        put: "Beat::Degraded => {}",
        caught_by: &[
            "notes::a_bad_network_is_told_before_the_connection_is_given_up_and_taken_back_if_it_recovers",
            "notes::messages_that_may_be_late_are_known_as_such",
        ],
    },
    Bug {
        seed: "002",
        what: "the stream's own retry is not honoured",
        file: MACHINE,
        find: "let asked = closed.retry_after.unwrap_or_default()",
        put: "let asked = Duration::ZERO",
        caught_by: &[
            "stream::the_streams_own_retry_is_honoured_on_top_of_the_delay_and_up_to_a_bound",
            "stream::over_real_sockets_a_stream_is_taken_up_again_where_it_ended_until_it_has_no_more_to_say",
        ],
    },
    Bug {
        seed: "003",
        what: "the late close of a replaced connection takes the new one out of the registry",
        file: HUB,
        find: "if self.online.get(&name) == Some(&conn) {",
        put: "if self.online.contains_key(&name) {",
        caught_by: &[
            "screens::the_late_close_of_a_replaced_connection_is_harmless",
            "module::over_real_sockets_screens_are_opened_through_a_broken_connection_and_a_second_phone",
        ],
    },
    Bug {
        seed: "003",
        what: "the server never answers a heartbeat",
        file: HUB_INPUTS,
        find: "self.owe(conn, |owed| owed.pong = true);",
        put: "",
        caught_by: &["module::it_pings_every_five_seconds_and_a_server_that_answers_is_missed_when_it_does_not"],
    },
    Bug {
        seed: "003",
        what: "what is sent into a closed socket is not kept",
        file: SESSION,
        find: "_ if connection => Some(Refusal::NotConnected),",
        put: "_ if true => Some(Refusal::NotConnected),",
        caught_by: &[
            "module::what_is_sent_into_a_closed_socket_is_not_lost",
            "module::what_is_sent_while_it_connects_is_held_and_goes_out_in_order",
        ],
    },
    Bug {
        seed: "003",
        what: "what waited is forgotten when the connection is made anew",
        file: MACHINE,
        find: "self.outbox.connection_over(&config.outbox);",
        put: "self.outbox.abandon();",
        caught_by: &["module::what_is_sent_into_a_closed_socket_is_not_lost"],
    },
    Bug {
        seed: "003",
        what: "no ping when the connection opens",
        file: HEARTBEAT,
        find: "let ping = matches!(pulse.rhythm, Rhythm::Steady { .. });",
        put: "let ping = false;",
        caught_by: &[
            "module::it_pings_at_once_and_every_five_seconds_whatever_arrives_from_a_server_that_never_answers",
        ],
    },
    Bug {
        seed: "004",
        what: "the lock is set by the first loss and never cleared",
        file: MACHINE,
        find: "let loss = closed.loss;",
        put: "let loss = closed.loss; if self.stats.dials > 1 { return self.go(Life::Idle, Cause::Lost(loss)); }",
        caught_by: &[
            "angular::it_comes_back_as_often_as_it_takes_four_seconds_after_each_loss",
            "angular::over_real_sockets_every_opening_subscribes_and_what_is_published_arrives",
        ],
    },
    Bug {
        seed: "004",
        what: "something else goes out before the subscriptions are made",
        file: SESSION,
        find: "Life::Greeting { .. } => false,",
        put: "Life::Greeting { .. } => true,",
        caught_by: &["angular::two_subscriptions_at_each_opening_and_only_then_the_heart_and_everything_else"],
    },
    Bug {
        seed: "004",
        what: "a heartbeat that is not answered leads to nothing",
        file: HEARTBEAT,
        find: "Deadline::at(since.saturating_add(patience))",
        put: "{ let _ = (since, patience); Deadline::NEVER }",
        caught_by: &["angular::a_cut_that_nobody_reports_is_found_out_on_both_sides"],
    },
];

/// One for each test that is to fail.
fn mutations() -> Vec<Mutation> {
    let of = |&Bug { seed, what, file, find, put, caught_by }: &'static Bug| {
        let breaks = format!("{seed}, {what}");
        caught_by.iter().map(move |caught_by| Mutation { breaks: breaks.clone(), file, find, put, caught_by })
    };
    BUGS.iter().flat_map(of).collect()
}

#[test]
fn every_bug_fits_the_source_exactly_once_and_every_document_has_some() {
    workshop::fit_exactly_once(&mutations());
    let seeds: BTreeSet<_> = BUGS.iter().map(|bug| bug.seed).collect();
    assert_eq!(Vec::from_iter(seeds), ["000", "001", "002", "003", "004"]);
}

#[test]
fn every_catcher_is_a_test() {
    for name in BUGS.iter().flat_map(|bug| bug.caught_by) {
        let (module, test) = name.split_once("::").expect("a module and a test");
        let source = read(root().join(format!("tests/seeds/{module}.rs")));
        assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "{name} is no test");
    }
}

#[test]
#[ignore = "compiles the tests of the five systems once for every bug"]
fn every_bug_that_is_put_back_is_caught() {
    let needs = ["tungstenite", "rustls", "mio", "tokio", "tokio-tungstenite", "futures-util", "serde_json"];
    workshop::hunt("seeds", &needs, &mutations());
}
