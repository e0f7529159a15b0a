//! The names of nodes and of users, and what tells two processes of one node name apart.

use core::fmt;

use crate::close_code::CloseCode;
use crate::name::{Shared, name};

/// How many bytes the name of a node may have.
const LONGEST_NODE: usize = 32;
/// How many bytes the name of a user or a room may have.
const LONGEST_NAME: usize = 255;

/// Whether a packet can hold this name of a user or a room.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    (1..=LONGEST_NAME).contains(&bytes.len())
}

name!(
    /// The name of a user: 1 to 255 bytes, which need not be text. A user with several devices that may all be connected has a name for
    /// each, such as user and device. A clone shares the bytes.
    User
);

impl User {
    pub(super) fn is_valid(&self) -> bool {
        is_name(self.as_bytes())
    }
}

/// How a user's connection ended, which decides when the others are told that the user is offline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Departure {
    /// It was lost, or closed for a reason that is not listed here: after [`offline_grace`](super::Settings::offline_grace).
    Lost,
    /// The user meant to leave: at once.
    LoggedOut,
    /// The server sent the client away to come back, with 1012: after [`sent_away_grace`](super::Settings::sent_away_grace).
    SentAway,
}

impl Departure {
    /// What it is if the server closed the connection with this code: 1000 is a log-out, with 1012 the client was sent away.
    pub fn by_close(code: CloseCode) -> Self {
        match code {
            CloseCode::NORMAL => Self::LoggedOut,
            CloseCode::SERVICE_RESTART => Self::SentAway,
            _ => Self::Lost,
        }
    }
}

/// The name of a node: 1 to 32 letters (a to z, A to Z), digits, `-` and `_`, so that it can be part of a broker's subject.
/// A clone shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "alloc::string::String", into = "alloc::string::String"))]
pub struct Node(Shared<str>);

/// Text that cannot name a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the name of a node has 1 to 32 letters (a to z, A to Z), digits, - and _")]
pub struct InvalidNode;

impl Node {
    /// The node of this name.
    ///
    /// # Errors
    /// If the text has another length, or another character.
    pub fn new(name: &str) -> Result<Self, InvalidNode> {
        let fits = (1..=LONGEST_NODE).contains(&name.len());
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if fits && is_plain { Ok(Self(name.into())) } else { Err(InvalidNode) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<alloc::string::String> for Node {
    type Error = InvalidNode;

    fn try_from(name: alloc::string::String) -> Result<Self, InvalidNode> {
        Self::new(&name)
    }
}

impl From<Node> for alloc::string::String {
    fn from(node: Node) -> Self {
        node.as_str().into()
    }
}

impl core::str::FromStr for Node {
    type Err = InvalidNode;

    fn from_str(name: &str) -> Result<Self, InvalidNode> {
        Self::new(name)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Node({})", self.0)
    }
}

/// One process under the name of a node. Of two, the greater is the later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Life {
    /// The wall clock at its start in milliseconds since 1970, or one more than the epoch of another process of its name.
    pub(super) epoch: u64,
    /// Drawn at random.
    pub(super) incarnation: u64,
}
