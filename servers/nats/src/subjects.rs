//! The subjects that packets are published to.

use async_nats::Subject;
use heartline::directory::{Destination, Node, RoomHash};

/// The subjects under a prefix.
#[derive(Debug)]
pub(crate) struct Subjects {
    prefix: String,
    all: Subject,
}

impl Subjects {
    pub(crate) fn new(prefix: String) -> Self {
        let all = format!("{prefix}.all").into();
        Self { prefix, all }
    }

    /// Whether subjects can begin with this.
    pub(crate) fn allow(prefix: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        prefix.len() <= 128 && prefix.split('.').all(|token| !token.is_empty() && token.bytes().all(is_plain))
    }

    pub(crate) fn of(&self, to: &Destination) -> Option<Subject> {
        Some(match to {
            Destination::All => self.all.clone(),
            Destination::Node(node) => self.node(node),
            Destination::Room(room) => self.room(*room),
            _ => return None,
        })
    }

    fn node(&self, node: &Node) -> Subject {
        format!("{}.node.{node}", self.prefix).into()
    }

    fn room(&self, room: RoomHash) -> Subject {
        format!("{}.room.{room}", self.prefix).into()
    }
}
