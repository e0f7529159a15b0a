//! Packet ids for messages that wait for their PUBACK.

use std::collections::BTreeMap;

use heartline_tokio::MessageId;

/// The ids that are in use. A message keeps its id from connection to connection (MQTT 3.1.1, 4.4).
#[derive(Clone, Default, Debug)]
pub(super) struct PacketIds {
    messages: BTreeMap<u16, MessageId>,
}

/// Packet ids are 1 to 65,535 (2.3.1).
const COUNT: u64 = 65_535;

impl PacketIds {
    /// The packet id of a message: the first free one from the message's own number on, or that which it has if it is
    /// transmitted `again`.
    ///
    /// An id whose message was cancelled or has expired stays in use until its PUBACK, as it must. If all of them
    /// are, that of the oldest message is taken over.
    pub(super) fn of(&mut self, message: MessageId, again: bool) -> u16 {
        let holder = |(packet, holder): (&u16, &MessageId)| (*holder == message).then_some(*packet);
        if let Some(packet) = again.then(|| self.messages.iter().find_map(holder)).flatten() {
            return packet;
        }
        let first = message.as_raw() % COUNT;
        let mut candidates = (first..COUNT).chain(0..first).map(|number| number as u16 + 1);
        let free = |packet: &u16| self.messages.get(packet).is_none_or(|holder| *holder == message);
        let packet = candidates.find(free).unwrap_or_else(|| self.oldest());
        self.messages.insert(packet, message);
        packet
    }

    fn oldest(&self) -> u16 {
        self.messages.iter().min_by_key(|(_, message)| **message).map_or(1, |(packet, _)| *packet)
    }

    /// The message that a PUBACK is for, if there is one.
    pub(super) fn release(&mut self, packet: u16) -> Option<MessageId> {
        self.messages.remove(&packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(raw: u64) -> MessageId {
        MessageId::from_raw(raw)
    }

    #[test]
    fn a_message_keeps_its_packet_id_until_it_is_acknowledged() {
        let mut ids = PacketIds::default();
        let first = ids.of(message(7), false);
        assert_eq!(ids.of(message(7), false), first, "a transmission that did not happen");
        assert_eq!(ids.of(message(7), true), first);
        assert_eq!(ids.release(first), Some(message(7)));
        assert_eq!(ids.release(first), None);
    }

    #[test]
    fn messages_that_are_65535_apart_have_different_packet_ids() {
        let mut ids = PacketIds::default();
        let (old, new) = (message(65_534), message(65_534 + COUNT));
        assert_eq!([ids.of(old, false), ids.of(new, false)], [65_535, 1]); // Never 0.
        assert_eq!(ids.release(65_535), Some(old));
        assert_eq!(ids.of(new, true), 1, "though its own number is free now");
        assert_eq!(ids.release(1), Some(new));
    }

    #[test]
    fn when_all_are_in_use_the_oldest_makes_way() {
        let mut ids = PacketIds::default();
        let all: Vec<u16> = (1..=COUNT).map(|raw| ids.of(message(raw), false)).collect();
        assert_eq!(ids.of(message(COUNT + 5), false), all[0]);
        assert_eq!(ids.release(all[0]), Some(message(COUNT + 5)));
    }
}
