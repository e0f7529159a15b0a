//! What is due, and when.

use heartline::Timestamp;
use heartline::directory;
use heartline::hub::Input;

use super::Core;
use crate::presence::Window;

impl<U: Ord + Clone> Core<U> {
    /// What there is to tell of this node's users.
    pub(super) fn end_window(&mut self, now: Timestamp) -> Option<Window<U>> {
        self.presence.end(now, self.hub.present())
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let here = [self.hub.deadline(), self.presence.due()].into_iter().flatten().min();
        match &self.cluster {
            None => here,
            Some(cluster) => [here, cluster.deadline, cluster.presence.due()].into_iter().flatten().min(),
        }
    }

    pub(super) fn timer(&mut self, now: Timestamp) {
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if is_due(self.hub.deadline()) {
            self.feed(now, Input::Timer);
        }
        if let Some(cluster) = self.cluster.as_mut().filter(|cluster| is_due(cluster.deadline)) {
            cluster.feed(directory::Input::Timer);
            self.settle(now);
        }
    }

    /// Whether the timer is to be set anew.
    pub(super) fn is_earlier(&mut self) -> bool {
        let deadline = self.deadline();
        let earlier = deadline.is_some_and(|at| self.armed.is_none_or(|armed| at < armed));
        if earlier {
            self.armed = deadline;
        }
        earlier
    }

    /// After a shutdown, the last connection is gone, and so is its task.
    pub(crate) fn is_finished(&self) -> bool {
        self.drained && self.seats == 0
    }
}
