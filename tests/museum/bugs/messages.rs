//! What is sent, what arrives, and what is told about it.

use super::{Bug, MACHINE, OUTBOX, SESSION, bug};

pub const BUGS: &[Bug] = &[
    // What is queued has no age.
    bug(
        18,
        OUTBOX,
        "|time| Deadline::at(now.saturating_add(time))",
        "|_| { let _ = now; Deadline::NEVER }",
        "offline::an_outage_is_not_followed_by_a_burst_of_what_has_expired_meanwhile",
    ),
    // Accepted in appearance only.
    bug(
        19,
        OUTBOX,
        "return Err(Refused { reason: Refusal::Full, outgoing });",
        "queues.last_id += 1; return Ok((MessageId::from_raw(queues.last_id), 0));",
        "outbox::a_message_for_which_there_is_no_room_comes_back_to_the_caller",
    ),
    bug(
        19,
        OUTBOX,
        "self.resolved.push_back(Resolved { id, size, evicted: true, outcome });",
        "drop((id, size, outcome));",
        "outbox::a_message_that_made_room_for_a_newer_one_comes_back_to_the_caller",
    ),
    // A message too many closes the connection.
    bug(
        20,
        SESSION,
        "machine.outbox.accept(&config.outbox, machine.now, outgoing)?;",
        "machine.outbox.accept(&config.outbox, machine.now, outgoing).inspect_err(|_| {
             let until = crate::time::Deadline::at(machine.now);
             machine.stop = Some(crate::machine::Stop { until, code: crate::CloseCode::GOING_AWAY });
         })?;",
        "closing::a_full_queue_refuses_the_message_and_leaves_the_connection_alone",
    ),
    // Nobody asks which connection a message came by.
    bug(
        21,
        MACHINE,
        "if self.last_conn == Some(conn) {",
        "if self.last_conn >= Some(conn) {",
        "recovery::a_message_that_arrives_late_from_the_old_connection_is_not_delivered",
    ),
    // Open is taken for ready.
    bug(
        22,
        SESSION,
        "Life::Greeting { .. } => false,",
        "Life::Greeting { .. } => true,",
        "outbox::nothing_queued_overtakes_the_login",
    ),
    // The queue goes first, where it may go at all.
    bug(
        22,
        OUTBOX,
        "queues.pull_connection(now).or_else(|| {",
        "if let (true, Some(first)) = (ready, queues.pull_first(limits, now)) { return Some(first); }
         queues.pull_connection(now).or_else(|| {",
        "outbox::a_login_sent_at_the_opening_goes_before_the_queue",
    ),
    // The last in is the first out.
    bug(
        23,
        OUTBOX,
        "Delivery::Once | Delivery::AtLeastOnce => self.fresh.push_back(entry),",
        "Delivery::Once | Delivery::AtLeastOnce => self.fresh.push_front(entry),",
        "outbox::what_was_queued_while_offline_arrives_in_the_order_of_sending",
    ),
    bug(
        23,
        OUTBOX,
        "queues.fresh.push_front(entry)",
        "queues.fresh.push_back(entry)",
        "outbox::a_full_socket_does_not_change_the_order",
    ),
    // What is new goes before what is sent again.
    bug(
        23,
        OUTBOX,
        "queues.pull_again(now).or_else(|| queues.pull_first(limits, now))",
        "queues.pull_first(limits, now).or_else(|| queues.pull_again(now))",
        "outbox::what_is_sent_again_goes_before_what_is_new",
    ),
    // Nothing leaves the queue but by being sent.
    bug(
        24,
        OUTBOX,
        "self.give_up(entry, Why::Cancelled);",
        "self.fresh.push_front(entry);",
        "outbox::a_queued_message_can_be_taken_back_before_it_is_sent_again",
    ),
    bug(
        24,
        OUTBOX,
        "self.resolve(&entry.meta, Outcome::Acked);",
        "self.resolve(&entry.meta, Outcome::Acked); self.unacked.push_front(entry);",
        "outbox::what_was_acknowledged_or_was_to_be_sent_once_is_not_sent_again",
    ),
    // What is reported as failed stays in the queue.
    bug(
        25,
        OUTBOX,
        "0 => Outcome::Returned(why, entry.message),",
        "0 => {
             if let Meta { id, size, delivery, expires, deliveries, keep: Some(keep) } = entry.meta {
                 let meta = Meta { id, size, delivery, expires, deliveries, keep: Some(keep) };
                 self.fresh.push_back(Entry { meta, message: keep(&entry.message) });
             }
             Outcome::Returned(why, entry.message)
         }",
        "delivery::what_was_returned_to_the_caller_is_never_sent_afterwards",
    ),
    // Written is taken for delivered.
    bug(
        26,
        OUTBOX,
        "Pulled::First => {",
        "Pulled::First if true => {
             if let Some(entry) = self.fresh.pop_front() { self.resolve(&entry.meta, Outcome::Committed); }
         }
         Pulled::First => {",
        "delivery::a_message_written_to_a_dead_link_is_not_done_and_arrives_by_the_next",
    ),
    // The queue belongs to the socket and goes with it.
    bug(
        26,
        OUTBOX,
        "Delivery::Once | Delivery::AtLeastOnce => None,",
        "Delivery::Once | Delivery::AtLeastOnce => Some(Why::ConnectionOver),",
        "delivery::what_was_not_written_when_the_link_died_survives_it",
    ),
    // The new connection inherits what is in flight on the old one.
    bug(
        27,
        OUTBOX,
        "self.sent_here = 0;",
        "",
        "delivery::a_window_that_was_full_at_the_loss_drains_on_the_next_connection",
    ),
    // Acknowledgements count in order only.
    bug(
        27,
        OUTBOX,
        "let place = place(&self.unacked, id)?;",
        "let place = place(&self.unacked, id).filter(|place| *place == 0)?;",
        "delivery::an_acknowledgement_out_of_turn_makes_room_in_the_window",
    ),
    // A message is sent again without end.
    bug(
        27,
        OUTBOX,
        "Delivery::AtLeastOnce if meta.deliveries >= limits.max_deliveries => Some(Why::MaxDeliveries),",
        "Delivery::AtLeastOnce if meta.deliveries >= limits.max_deliveries => None,",
        "delivery::a_message_that_is_never_acknowledged_does_not_hold_the_window_for_ever",
    ),
    // The flush does not look at the time.
    bug(
        29,
        OUTBOX,
        "while let Some(entry) = self.fresh.front() {",
        "while let Some(entry) = self.fresh.front_mut() { entry.meta.expires = Deadline::NEVER;",
        "offline::a_message_that_outlived_its_time_is_not_sent_even_if_no_timer_ran",
    ),
    bug(
        29,
        OUTBOX,
        "while let Some(entry) = self.unacked.get(self.sent_here) {",
        "while let Some(entry) = self.unacked.get_mut(self.sent_here) { entry.meta.expires = Deadline::NEVER;",
        "offline::a_message_that_outlived_its_time_is_not_sent_again_either",
    ),
];
