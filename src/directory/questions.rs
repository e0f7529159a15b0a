//! Questions who is in a room on the other nodes, until these have answered.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::action::{Action, NodeMembers};
use super::node::{Node, User};
use crate::time::{Deadline, Timestamp};

/// How many questions may wait for their answers.
const MOST: usize = 1024;

#[derive(Clone, Debug)]
struct Question {
    tag: u64,
    limit: usize,
    /// The nodes that have not answered.
    waiting: BTreeSet<Node>,
    nodes: Vec<NodeMembers>,
    until: Deadline,
}

impl Question {
    fn end(mut self) -> Action {
        self.nodes.sort_unstable_by(|one, other| one.node.cmp(&other.node));
        Action::Members { tag: self.tag, nodes: self.nodes, unanswered: self.waiting.into_iter().collect() }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Questions {
    /// By their ids, which go up with time, and so do their deadlines.
    pending: BTreeMap<u64, Question>,
    ended: VecDeque<Question>,
    next: u64,
}

impl Questions {
    /// `first` is to be drawn at random, as the first id of [`Relays`](super::relays::Relays).
    pub(super) const fn new(first: u64) -> Self {
        Self { pending: BTreeMap::new(), ended: VecDeque::new(), next: first >> 1 }
    }

    /// The id of a new question to these nodes. Or the answer at once, if there are too many questions, or no nodes.
    pub(super) fn ask(
        &mut self,
        nodes: BTreeSet<Node>,
        limit: usize,
        tag: u64,
        until: Timestamp,
    ) -> Result<u64, Action> {
        let full = self.pending.len() + self.ended.len() >= MOST;
        let question = Question { tag, limit, waiting: nodes, nodes: Vec::new(), until: Deadline::at(until) };
        if full || question.waiting.is_empty() {
            return Err(question.end());
        }
        let id = self.next;
        self.next += 1;
        self.pending.insert(id, question);
        Ok(id)
    }

    /// Takes a node's answer. True if a question waited for it.
    pub(super) fn answer(&mut self, id: u64, node: &Node, total: u32, mut users: Vec<User>) -> bool {
        let Some(question) = self.pending.get_mut(&id) else { return false };
        if !question.waiting.remove(node) {
            return false;
        }
        users.truncate(question.limit);
        question.nodes.push(NodeMembers { node: node.clone(), total, users });
        if question.waiting.is_empty() {
            self.ended.extend(self.pending.remove(&id));
        }
        true
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(first) = self.pending.first_entry().filter(|first| first.get().until.passed(now)) {
            self.ended.push_back(first.remove());
        }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.pending.first_key_value().map_or(Deadline::NEVER, |(_, question)| question.until)
    }

    pub(super) fn any_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    pub(super) fn pop_ended(&mut self) -> Option<Action> {
        self.ended.pop_front().map(Question::end)
    }
}
