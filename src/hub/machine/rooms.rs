//! Who joins a room and who leaves it.

use super::*;

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn join<M>(&mut self, config: &Config, conn: ConnId, room: Room) -> Option<Action<K, M>> {
        self.alive(conn)?;
        if self.rooms.contains(room.as_bytes(), conn) {
            let members = self.rooms.size(room.as_bytes());
            return Some(Action::Joined { conn, room, members });
        }
        if let Some(reason) = self.may_not_join(config, conn, &room) {
            count(&mut self.stats.joins_refused);
            return self.may_reply(config, conn).then_some(Action::JoinRefused { conn, room, reason });
        }
        count(&mut self.stats.joined);
        if let Some(found) = self.conns.get_mut(conn) {
            found.rooms = found.rooms.saturating_add(1);
        }
        let members = self.rooms.join(&room, conn);
        Some(Action::Joined { conn, room, members })
    }

    /// What prevents a connection from entering a room in which it is not.
    fn may_not_join(&self, config: &Config, conn: ConnId, room: &Room) -> Option<JoinRefusal> {
        let found = self.conns.get(conn)?;
        if found.phase == Phase::Anonymous {
            return Some(JoinRefusal::NotLoggedIn);
        }
        let name = room.as_bytes();
        if name.is_empty() || name.len() > config.max_room_name as usize {
            return Some(JoinRefusal::InvalidName);
        }
        if u32::from(found.rooms) >= config.max_rooms_per_connection {
            return Some(JoinRefusal::ConnectionLimit);
        }
        let full = self.rooms.len() >= config.max_rooms as usize && self.rooms.size(name) == 0;
        full.then_some(JoinRefusal::HubLimit)
    }

    pub(super) fn leave(&mut self, conn: ConnId, room: &Room) {
        if self.alive(conn).is_none() || !self.rooms.leave(room.as_bytes(), conn) {
            return;
        }
        if let Some(found) = self.conns.get_mut(conn) {
            found.rooms = found.rooms.saturating_sub(1);
        }
    }

    /// The connection is over, and with it what it was a member of.
    pub(super) fn leave_rooms(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        if core::mem::take(&mut found.rooms) > 0 {
            self.rooms.leave_all(conn);
        }
    }

    /// Who is in a room, in the order of their ids, from one on.
    pub(in crate::hub) fn members(&self, room: &[u8], from: Option<ConnId>) -> impl Iterator<Item = (ConnId, &K)> {
        self.rooms.members(room, from).filter_map(|conn| Some((conn, self.conns.get(conn)?.user.as_ref()?)))
    }

    /// Who hears what is said in a room, or to everybody.
    pub(super) fn audience(&self, room: Option<&Room>) -> impl Iterator<Item = (ConnId, &K)> {
        let everybody = room.is_none().then(|| self.online.iter().map(|(user, conn)| (*conn, user)));
        let members = room.map(|room| self.members(room.as_bytes(), None));
        everybody.into_iter().flatten().chain(members.into_iter().flatten())
    }
}
