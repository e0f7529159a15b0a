//! When to dial, whether, and with what.

use super::{BACKOFF, Bug, HEARTBEAT, MACHINE, OUTBOX, RETRY, bug};

pub const BUGS: &[Bug] = &[
    // The count of attempts begins anew with every opening.
    bug(
        7,
        MACHINE,
        "count(&mut self.stats.ready);",
        "count(&mut self.stats.ready); self.retries.reset();",
        "backoff::a_server_that_accepts_and_closes_meets_a_growing_delay",
    ),
    // No gap before a retry.
    bug(
        8,
        MACHINE,
        "if at < self.next_dial {",
        "if false {",
        "backoff::a_backoff_of_zero_still_leaves_a_gap_between_dials",
    ),
    // No gap before a dial that was asked for.
    bug(
        8,
        MACHINE,
        "if self.next_dial <= self.now {",
        "if true {",
        "backoff::a_caller_who_asks_again_and_again_gets_no_loop_of_dials",
    ),
    // Nobody listens to the operating system.
    bug(
        12,
        MACHINE,
        "self.hurry(config, earliest, Cause::NetworkChanged)",
        "earliest > Instant::MAX",
        "recovery::a_network_that_came_back_is_used_at_once",
    ),
    bug(
        12,
        MACHINE,
        "heartbeat.probe(&config.heartbeat, self.now)",
        "{ let _ = heartbeat; false }",
        "recovery::a_changed_network_puts_an_open_link_to_the_test_at_once",
    ),
    // A late timer is a new wait.
    bug(
        12,
        MACHINE,
        "Life::Waiting { .. } => self.dial(config, Cause::RetryDue),",
        "Life::Waiting { at, .. } if at.instant() < self.now => {
             let at = self.now.saturating_add(config.backoff.base);
             self.wait(at, at, self.cause);
         }
         Life::Waiting { .. } => self.dial(config, Cause::RetryDue),",
        "recovery::a_dial_that_fell_due_during_sleep_is_made_on_waking",
    ),
    // After a sleep the interval begins anew.
    bug(
        12,
        HEARTBEAT,
        "if self.next_ping(pulse).passed(now) {",
        "if now.saturating_since(self.next_ping(pulse).instant()) > pulse.late_tolerance {
             self.last_life = now;
             return Beat::Quiet;
         }
         if self.next_ping(pulse).passed(now) {",
        "recovery::a_link_that_died_during_sleep_is_found_dead_within_one_timeout_of_waking",
    ),
    // No jitter.
    bug(
        13,
        BACKOFF,
        "Jitter::Full => between(min, ceiling, random),",
        "Jitter::Full => ceiling,",
        "backoff::a_crowd_that_was_cut_off_together_does_not_come_back_together",
    ),
    // Jitter from the same seed everywhere.
    bug(
        13,
        MACHINE,
        "Random::new(seed)",
        "{ let _ = seed; Random::new(0) }",
        "backoff::a_crowd_that_was_cut_off_together_does_not_come_back_together",
    ),
    // The cap swallows the jitter.
    bug(
        13,
        BACKOFF,
        "Jitter::Full => between(min, ceiling, random),",
        "Jitter::Full if ceiling == max => max, Jitter::Full => between(min, ceiling, random),",
        "backoff::a_long_outage_does_not_line_the_crowd_up_at_the_longest_delay",
    ),
    // Every loss is retried.
    bug(
        14,
        MACHINE,
        "Verdict::Stop => return self.halt(Cause::Stopped(loss)),",
        "Verdict::Stop => asked,",
        "policy::a_loss_that_no_dial_can_mend_stops_the_session_and_says_why",
    ),
    // A passing loss is final.
    bug(14, RETRY, "close(1012, SOON,", "close(1012, Stop,", "policy::a_server_that_restarts_is_dialled_again"),
    bug(14, RETRY, "close(1006, Retry,", "close(1006, Stop,", "policy::a_server_that_restarts_is_dialled_again"),
    // The table cannot be overruled.
    bug(
        14,
        RETRY,
        "own.chain(default)",
        "default.chain(own)",
        "policy::what_the_application_knows_of_its_server_comes_before_the_table",
    ),
    // A retry is the same dial over again.
    bug(
        15,
        MACHINE,
        "last.as_raw().saturating_add(1)",
        "last.as_raw()",
        "recovery::every_dial_is_a_new_request_for_which_a_new_token_is_fetched",
    ),
    // What was meant for the old connection is kept for the new one.
    bug(
        15,
        OUTBOX,
        "Delivery::Connection => Some(Why::ConnectionOver),",
        "Delivery::Connection => None,",
        "recovery::a_login_that_was_not_sent_is_not_sent_on_the_next_connection",
    ),
    // Retry-After is not looked at.
    bug(
        16,
        MACHINE,
        "closed.retry_after.unwrap_or_default()",
        "Duration::ZERO",
        "backoff::a_server_that_says_when_to_come_back_is_obeyed",
    ),
    bug(
        16,
        RETRY,
        "status(429, SOON,",
        "status(429, Retry,",
        "backoff::too_many_requests_without_a_time_is_a_longer_delay_than_a_failure",
    ),
    bug(
        16,
        MACHINE,
        "self.next_dial.max(*not_before)",
        "{ let _ = not_before; self.next_dial }",
        "backoff::a_changed_network_does_not_overrule_what_the_server_asked_for",
    ),
    // Only what was once open is retried.
    bug(
        17,
        MACHINE,
        "let loss = closed.loss;",
        "let loss = closed.loss; if self.stats.ready == 0 { return self.go(Life::Idle, Cause::Lost(loss)); }",
        "lock::a_first_dial_that_fails_is_retried_like_any_other",
    ),
    // A request while waiting is one more that waits.
    bug(
        32,
        MACHINE,
        "self.hurry(config, self.next_dial, Cause::Requested) || withdrew",
        "withdrew",
        "recovery::a_user_who_asks_to_reconnect_does_not_wait_out_the_delay",
    ),
];
