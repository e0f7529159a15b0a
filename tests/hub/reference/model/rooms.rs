//! The rooms of the model: a list of who is where.

use heartline::ConnId;
use heartline::hub::{JoinRefusal, Room};

use super::{Act, Model, Phase, User};

impl Model {
    pub(super) fn join(&mut self, conn: ConnId, room: Room) -> Option<()> {
        let nth = self.alive(conn)?;
        let is_member = self.rooms.contains(&(room.clone(), conn));
        let (length, joined) = (room.as_bytes().len(), self.rooms_of(conn).len());
        let refusal = if is_member {
            None
        } else if !matches!(self.conns[nth].phase, Phase::LoggedIn(_)) {
            Some(JoinRefusal::NotLoggedIn)
        } else if !(1..=self.config.max_room_name as usize).contains(&length) {
            Some(JoinRefusal::InvalidName)
        } else if joined >= self.config.max_rooms_per_connection as usize {
            Some(JoinRefusal::ConnectionLimit)
        } else {
            let full = self.room_names().len() >= self.config.max_rooms as usize;
            (full && self.members(&room).is_empty()).then_some(JoinRefusal::HubLimit)
        };
        if let Some(reason) = refusal {
            self.stats.joins_refused += 1;
            self.reply(nth, Act::JoinRefused(conn, room, reason));
            return Some(());
        }
        if !is_member {
            self.stats.joined += 1;
            self.rooms.push((room.clone(), conn));
        }
        let members = self.members(&room).len() as u32;
        self.answers.push(Act::Joined(conn, room, members));
        Some(())
    }

    pub fn room_names(&self) -> Vec<Room> {
        let mut names: Vec<_> = self.rooms.iter().map(|(room, _)| room.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// In order.
    pub fn rooms_of(&self, conn: ConnId) -> Vec<Room> {
        let mut names = self.room_names();
        names.retain(|room| self.rooms.contains(&(room.clone(), conn)));
        names
    }

    /// In the order of the connections.
    pub fn members(&self, room: &Room) -> Vec<(User, ConnId)> {
        let mut members = self.online();
        members.retain(|(_, conn)| self.rooms.contains(&(room.clone(), *conn)));
        members.sort_unstable_by_key(|(_, conn)| *conn);
        members
    }
}
