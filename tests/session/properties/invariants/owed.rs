//! What the model owes its driver besides outcomes.

use std::collections::VecDeque;

use heartline::ConnId;
use heartline::event::Event;

#[derive(Clone, Debug, Default)]
pub struct Owed {
    /// Connections to abort, and whether each had ended already when it opened.
    pub aborts: VecDeque<(ConnId, bool)>,
    pub connect: bool,
    pub ping: bool,
    pub close: bool,
    pub schedule: bool,
    pub events: VecDeque<Event>,
}

impl Owed {
    pub fn any(&self) -> bool {
        let flags = self.connect || self.ping || self.close || self.schedule;
        flags || !self.aborts.is_empty() || !self.events.is_empty()
    }

    /// P6: what belonged to the state that is left is withdrawn.
    pub fn leave_state(&mut self) {
        (self.connect, self.ping, self.close, self.schedule) = (false, false, false, false);
    }

    /// P6: of several stale connections only the last is aborted. How many are dropped for it.
    pub fn abort_stale(&mut self, conn: ConnId) -> u32 {
        if self.aborts.iter().any(|(owed, _)| *owed == conn) {
            return 0;
        }
        let before = self.aborts.len();
        self.aborts.retain(|(_, stale)| !stale);
        let dropped = before - self.aborts.len();
        self.aborts.push_back((conn, true));
        dropped as u32
    }

    /// P3: four events are kept. How many are lost.
    pub fn event(&mut self, event: Event) -> u32 {
        if self.events.len() < 4 {
            self.events.push_back(event);
            return 0;
        }
        let Event::StateChanged { to, cause, .. } = event else { return 1 };
        for kept in self.events.iter_mut().rev() {
            if let Event::StateChanged { from, .. } = *kept {
                *kept = Event::StateChanged { from, to, cause };
                return 1;
            }
        }
        self.events.pop_front();
        self.events.push_back(event);
        1
    }
}
