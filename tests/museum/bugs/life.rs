//! The lock, the heartbeat and the end.

use super::{Bug, HEARTBEAT, MACHINE, SESSION, bug};

pub const BUGS: &[Bug] = &[
    // The lock stays set by the verdict of the heartbeat.
    bug(
        1,
        MACHINE,
        "self.lose(config, Loss::HeartbeatTimeout.into());",
        "self.go(Life::Idle, Cause::Lost(Loss::HeartbeatTimeout));",
        "lock::a_heartbeat_timeout_is_followed_by_a_dial",
    ),
    // The lock is set by the first loss and never cleared.
    bug(
        1,
        MACHINE,
        "let loss = closed.loss;",
        "let loss = closed.loss; if self.stats.dials > 1 { return self.go(Life::Idle, Cause::Lost(loss)); }",
        "lock::the_third_loss_is_followed_by_a_dial_as_the_first_was",
    ),
    // No verdict: pings go out, and nothing follows from their being unanswered.
    bug(
        2,
        HEARTBEAT,
        "Deadline::at(since.saturating_add(patience))",
        "{ let _ = (since, patience); Deadline::NEVER }",
        "liveness::a_link_that_died_without_a_word_is_found_dead_within_the_detection_time",
    ),
    // Sending is taken for life.
    bug(
        2,
        SESSION,
        "Life::Open { .. } => true,",
        "Life::Open { ref mut heartbeat, .. } => { heartbeat.alive(machine.now); true }",
        "liveness::a_client_that_keeps_sending_into_a_dead_link_finds_it_dead_as_soon",
    ),
    // The verdict starts a close handshake with the dead.
    bug(
        3,
        MACHINE,
        "Beat::Dead => {",
        "Beat::Dead if true => self.finish(config, CloseCode::NORMAL, Cause::Lost(Loss::HeartbeatTimeout)),
         Beat::Dead => {",
        "liveness::a_dead_link_is_dropped_and_not_asked_to_close",
    ),
    // Nobody times the close handshake.
    bug(
        3,
        MACHINE,
        "| Self::Closing { until, .. } => *until,",
        "=> *until, Self::Closing { .. } => Deadline::NEVER,",
        "liveness::a_close_that_nobody_answers_ends_by_itself",
    ),
    // Inputs of old connections are taken for the current one's.
    bug(
        4,
        MACHINE,
        "Whose::Past => Heard::Stale,",
        "Whose::Past => act(self),",
        "lock::a_late_close_from_the_old_connection_changes_nothing",
    ),
    // An end that is reported again is a loss again.
    bug(
        5,
        MACHINE,
        "Life::Idle | Life::Waiting { .. } | Life::Closed => None,",
        "Life::Waiting { .. } => self.last_conn, Life::Idle | Life::Closed => None,",
        "lock::an_error_and_the_close_that_follows_it_are_one_loss",
    ),
    // Every request dials.
    bug(
        5,
        MACHINE,
        "Heard::acted(withdrew),",
        "{ self.dial(config, Cause::Requested); Heard::Acted }",
        "lock::asking_twice_for_a_connection_makes_one",
    ),
    // The timer of the scheduled dial outlives the close.
    bug(
        6,
        MACHINE,
        "Life::Idle | Life::Waiting { .. } => self.go(Life::Closed, cause),",
        "Life::Waiting { .. } => {} Life::Idle => self.go(Life::Closed, cause),",
        "closing::a_close_cancels_the_dial_that_was_scheduled",
    ),
    // Every end leads to a retry, the one that was asked for too.
    bug(
        6,
        MACHINE,
        "self.go(Life::Closed, Cause::Lost(closed.loss))",
        "self.lose(config, closed)",
        "closing::the_end_of_a_connection_that_was_closed_is_no_loss",
    ),
    // The heartbeat's own close looks like anybody's.
    bug(
        9,
        MACHINE,
        "Loss::HeartbeatTimeout.into()",
        "Loss::Close(1000).into()",
        "liveness::a_timeout_of_our_own_heartbeat_is_a_loss_and_no_farewell",
    ),
    bug(
        9,
        MACHINE,
        "Loss::ConnectTimeout.into()",
        "Loss::Close(1000).into()",
        "liveness::a_dial_or_a_greeting_given_up_by_ourselves_is_a_loss_and_no_farewell",
    ),
    bug(
        9,
        MACHINE,
        "Loss::GreetingTimeout.into()",
        "Loss::Close(1000).into()",
        "liveness::a_dial_or_a_greeting_given_up_by_ourselves_is_a_loss_and_no_farewell",
    ),
    // An unanswered ping of any connection is waited for on the new one.
    bug(
        10,
        MACHINE,
        "let (heartbeat, ping) = Heartbeat::start(&config.heartbeat, self.now);",
        "let (mut heartbeat, ping) = Heartbeat::start(&config.heartbeat, self.now);
         if self.stats.pings > self.stats.pongs { heartbeat.probe(&config.heartbeat, self.now); }",
        "lock::a_ping_left_over_from_the_old_connection_does_not_condemn_the_new_one",
    ),
    // A late timer never condemns.
    bug(11, HEARTBEAT, " || self.grace_used", "", "liveness::timers_throttled_to_one_a_minute_still_find_a_dead_link"),
    // A late timer condemns like one on time.
    bug(
        11,
        HEARTBEAT,
        "late <= pulse.late_tolerance ||",
        "true ||",
        "liveness::a_timer_that_was_suspended_condemns_no_healthy_link",
    ),
    // Messages are not taken for life.
    bug(
        28,
        MACHINE,
        "heartbeat.alive(self.now)",
        "{ let _ = heartbeat; false }",
        "liveness::a_stream_of_messages_is_life_even_if_no_pong_ever_comes",
    ),
    // There is no socket to close yet.
    bug(
        33,
        MACHINE,
        "self.stop = None;",
        "self.stop = None; if matches!(self.life, Life::Connecting { .. }) { return; }",
        "closing::a_close_while_connecting_ends_the_dial",
    ),
    bug(33, MACHINE, "self.abort_stale(conn);", "", "closing::a_dial_that_succeeds_after_it_was_given_up_is_dropped"),
    // The limit of the drain is not kept while there is no connection.
    bug(
        33,
        MACHINE,
        "let by = self.later(within);",
        "let dialling = matches!(self.life, Life::Connecting { .. });
         let by = if dialling { Deadline::NEVER } else { self.later(within) };",
        "closing::a_close_with_a_backlog_while_connecting_ends_in_time",
    ),
    // The steady heart waits for silence.
    bug(
        35,
        HEARTBEAT,
        "self.last_ping.saturating_add(interval)",
        "self.last_life.saturating_add(interval)",
        "liveness::a_steady_heart_keeps_sending_through_a_steady_broadcast",
    ),
];
