//! Who gets in, who is who, and how they leave.

use super::{ADMISSION, Bug, INPUTS, MACHINE, SETTINGS, SLOTS, TIMER, bug};

pub const BUGS: &[Bug] = &[
    // Removed by name, whoever has it now.
    bug(
        "30",
        MACHINE,
        "if self.online.get(&name) == Some(&conn) {",
        "if self.online.contains_key(&name) {",
        "museum::the_late_end_of_an_old_connection_does_not_unregister_the_new_one",
    ),
    bug(
        "30",
        MACHINE,
        "if self.online.get(&name) == Some(&conn) {",
        "if self.online.contains_key(&name) {",
        "museum::the_old_connection_that_times_out_does_not_take_its_user_with_it",
    ),
    // The replaced are told to come back.
    bug(
        "34",
        SETTINGS,
        "superseded: CloseCode::SUPERSEDED,",
        "superseded: CloseCode::GOING_AWAY,",
        "museum::two_clients_of_one_user_do_not_throw_each_other_out_for_ever",
    ),
    // The code is not the configured one.
    bug(
        "34",
        INPUTS,
        "self.close(config, old, config.superseded, None)",
        "self.close(config, old, CloseCode::SUPERSEDED, None)",
        "museum::with_a_code_that_is_retried_the_war_would_go_on",
    ),
    // Whoever has the name keeps it.
    bug(
        "34",
        INPUTS,
        "config.second_login == SecondLogin::Reject && self.online",
        "self.online",
        "museum::the_one_who_was_replaced_comes_back_when_asked_and_takes_over_in_turn",
    ),
    // A place that is used again has its old name.
    bug(
        "U1",
        SLOTS,
        "ConnId::from_raw((minted << PLACE_BITS) | place as u64)",
        "ConnId::from_raw((1 << PLACE_BITS) | place as u64)",
        "admission::ids_strictly_increase_whoever_leaves_in_between",
    ),
    // Whatever begins like the host is the host.
    bug(
        "U2",
        ADMISSION,
        "authority.eq_ignore_ascii_case(host)",
        "authority.to_ascii_lowercase().starts_with(host)",
        "admission::the_same_origin_is_that_of_the_host_header",
    ),
    // The client's order of protocols counts.
    bug(
        "U2",
        ADMISSION,
        "self.protocols.iter().find(|ours| request.protocols.contains(&ours.as_str()))",
        "request.protocols.iter().find_map(|theirs| self.protocols.iter().find(|ours| ours == theirs))",
        "admission::the_servers_first_protocol_that_the_client_offers_is_chosen",
    ),
    // Connections that are being closed are not counted.
    bug(
        "U2",
        MACHINE,
        "self.conns.len() >= config.max_connections as usize",
        "self.online.len() + self.anonymous.len() >= config.max_connections as usize",
        "admission::a_full_hub_denies_until_a_connection_is_gone_and_not_merely_closing",
    ),
    // A deadline has passed only when it is over.
    bug(
        "U3",
        TIMER,
        "if !Deadline::at(at).passed(self.now) {",
        "if at >= self.now {",
        "login::whoever_has_not_logged_in_at_the_deadline_is_closed",
    ),
    // Nobody asks for the timer.
    bug(
        "U3",
        MACHINE,
        "Standing::Anonymous { login_by } => beat.min(*login_by),",
        "Standing::Anonymous { .. } => beat,",
        "login::whoever_has_not_logged_in_at_the_deadline_is_closed",
    ),
    // Whoever has logged in still counts as anonymous.
    bug(
        "U4",
        INPUTS,
        "count(&mut self.stats.logins);\n        self.anonymous.remove(&conn);",
        "count(&mut self.stats.logins);",
        "login::a_login_registers",
    ),
    // A connection changes its user, and has two.
    bug(
        "U4",
        INPUTS,
        "Standing::User(_) => return self.refuse(config, conn, LoginRefusal::OtherUser),",
        "Standing::User(_) => {}",
        "login::a_connection_cannot_become_another_users",
    ),
    // What is being closed is still listened to.
    bug(
        "U5",
        INPUTS,
        "if !self.conns.get(conn).is_some_and(|found| found.standing.is_live()) {",
        "if self.conns.get(conn).is_none() {",
        "ends::what_a_replaced_connection_says_has_no_effect_and_is_counted",
    ),
    // The name is free only when the connection is gone.
    bug(
        "U5",
        MACHINE,
        "self.leave(conn);\n        let until = self.later(config.close_timeout);",
        "let until = self.later(config.close_timeout);",
        "ends::nothing_is_routed_to_a_connection_that_is_being_closed",
    ),
    // Newcomers are let in during a shutdown.
    bug(
        "U12",
        MACHINE,
        "if self.shutdown.is_some() {\n            return Err(Denial::ShuttingDown);",
        "if self.shutdown.is_some() && self.conns.len() > 0 {\n            return Err(Denial::ShuttingDown);",
        "admission::nobody_is_admitted_during_a_shutdown_or_after_it",
    ),
    // All come back at the same moment.
    bug(
        "U12",
        INPUTS,
        "between(0, nanos(spread), self.random.next())",
        "{ let _ = between(0, 0, self.random.next()); nanos(spread) }",
        "shutdown::the_moments_to_come_back_fill_the_spread_evenly",
    ),
    // Whoever asks again gives them more time.
    bug("U12", INPUTS, "until.min(by)", "until.max(by)", "shutdown::a_second_shutdown_can_only_shorten_the_time"),
    // The end of a shutdown is told as often as it is asked for.
    bug(
        "U12",
        INPUTS,
        "(self.shutdown.is_none(), self.later(within))",
        "(true, self.later(within))",
        "shutdown::an_empty_hub_is_drained_at_once_and_says_so_once",
    ),
];
