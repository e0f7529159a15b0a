//! Messages, life, slow consumers, and what is told.

use super::{ACTIONS, Bug, INPUTS, MACHINE, TIMER, bug};

pub const BUGS: &[Bug] = &[
    // Everything is kept for somebody who does not read.
    bug(
        "31",
        INPUTS,
        "if found.pending > u64::from(config.budget) {",
        "if found.pending == u64::MAX {",
        "museum::a_client_that_never_reads_is_closed_and_costs_nobody_else_a_message",
    ),
    // No end but the one that is reported.
    bug(
        "31",
        MACHINE,
        "Standing::User(_) => beat,",
        "Standing::User(_) => Deadline::NEVER,",
        "museum::a_user_whose_connection_died_without_a_word_does_not_stay_online",
    ),
    // The connection is gone, its user is not.
    bug(
        "31",
        INPUTS,
        "self.leave(conn);\n            self.forget(conn);",
        "self.forget(conn);",
        "museum::the_count_does_not_drift_whatever_is_reported_twice",
    ),
    // A count that goes below zero.
    bug(
        "31",
        INPUTS,
        "found.pending.saturating_sub(u64::from(bytes))",
        "found.pending.wrapping_sub(u64::from(bytes))",
        "museum::the_bytes_on_their_way_never_count_below_nothing",
    ),
    // A message that nobody gets is told to be routed.
    bug(
        "U6",
        INPUTS,
        "fate: Fate::Offline(message)",
        "fate: { drop(message); Fate::Routed(1) }",
        "fates::a_message_to_a_user_who_is_not_online_comes_back",
    ),
    // Anonymous connections speak under the name they ask for.
    bug(
        "U6",
        INPUTS,
        "let Some(from) = name else {",
        "let Some(from) = name.or_else(|| Some(to.clone())) else {",
        "login::an_anonymous_connection_sends_nothing_to_anybody",
    ),
    // The sender hears itself.
    bug(
        "U7",
        INPUTS,
        "if Some(*conn) == from || except.contains(user) {",
        "if except.contains(user) {",
        "fates::a_broadcast_is_one_action_for_exactly_those_online_but_the_sender",
    ),
    bug(
        "U7",
        INPUTS,
        "if Some(*conn) == from || except.contains(user) {",
        "if Some(*conn) == from {",
        "fates::whoever_is_excluded_gets_nothing",
    ),
    // Frames are no life.
    bug("U8", INPUTS, "found.heartbeat.alive(now);", "let _ = now;", "life::any_inbound_frame_is_life"),
    // The client's own heartbeat is not answered.
    bug(
        "U8",
        INPUTS,
        "self.owe(conn, |owed| owed.pong = true);",
        "{}",
        "life::the_clients_own_ping_is_answered_whether_it_has_logged_in_or_not",
    ),
    // After its first deadline a connection is not watched any more.
    bug(
        "U8",
        TIMER,
        "self.wake(config, conn);\n            self.rearm(conn);",
        "self.wake(config, conn);",
        "life::an_idle_connection_is_pinged_and_a_silent_one_is_closed",
    ),
    // Nobody is asked before a late verdict.
    bug(
        "U8",
        TIMER,
        "if ping {\n                    self.ping(conn);",
        "if false {\n                    self.ping(conn);",
        "life::a_server_that_was_suspended_asks_everybody_once_before_it_believes_the_silence",
    ),
    // What was owed to a connection outlives the decision to close it.
    bug(
        "U8",
        MACHINE,
        "*owed = Owed { close: true, ..Owed::default() }",
        "*owed = Owed { close: true, ..*owed }",
        "life::a_connection_that_is_being_closed_is_not_pinged_or_answered_any_more",
    ),
    // Slow is who has reached the mark.
    bug(
        "U9",
        INPUTS,
        "found.pending > u64::from(config.volatile_above)",
        "found.pending >= u64::from(config.volatile_above)",
        "slow::volatile_messages_are_routed_up_to_the_mark_and_again_below_it",
    ),
    // The slow are turned away for good.
    bug(
        "U9",
        INPUTS,
        "self.close(config, conn, CloseCode::TRY_AGAIN_LATER, None);",
        "self.close(config, conn, CloseCode::NORMAL, None);",
        "slow::the_budget_may_be_used_up_but_not_exceeded",
    ),
    // A flood is answered with a flood.
    bug(
        "U10",
        INPUTS,
        "Deadline::at(now.saturating_add(config.reply_gap))",
        "Deadline::at(now)",
        "events::an_unknown_event_gets_one_reply_in_the_gap",
    ),
    // Who came is told first, and those who left pile up.
    bug(
        "U10",
        ACTIONS,
        "if let Some(user) = self.left.pop_first() {",
        "if let Some(user) = self.left.pop_first().filter(|_| self.came.is_empty()) {",
        "events::whoever_left_is_told_before_whoever_came",
    ),
    // A change of connection is told as an end.
    bug(
        "U10",
        MACHINE,
        "self.left.remove(user);\n",
        "",
        "events::whoever_goes_and_comes_before_anybody_was_told_neither_went_nor_came",
    ),
    // Whoever is being closed is closed again.
    bug(
        "U10",
        INPUTS,
        "if self.live(conn).is_some() {\n                    self.close",
        "if self.conns.get(conn).is_some() {\n                    self.close",
        "ends::a_connection_is_closed_once_whatever_speaks_for_closing_it",
    ),
    // One slow reader, and everybody misses the message.
    bug(
        "U11",
        INPUTS,
        "if volatile && self.is_slow(config, *conn) {",
        "if volatile && self.online.values().any(|conn| self.is_slow(config, *conn)) {",
        "independence::without_one_connection_everything_is_the_same_for_the_others",
    ),
    // One connection for each timer.
    bug(
        "U11",
        TIMER,
        "self.wake(config, conn);\n            self.rearm(conn);",
        "self.wake(config, conn);\n            self.rearm(conn);\n            break;",
        "independence::without_one_connection_everything_is_the_same_for_the_others",
    ),
    // What is owed to one is owed only until the next is owed something.
    bug(
        "U11",
        MACHINE,
        "what(&mut found.owed);\n",
        "what(&mut found.owed);\n        self.attention.clear();\n",
        "independence::without_one_connection_everything_is_the_same_for_the_others",
    ),
];
