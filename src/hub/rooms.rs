//! The names of rooms.

#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Shared;
use alloc::string::String;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc as Shared;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;

/// The name of a room: a few bytes, which need not be text. How long it may be says
/// [`Settings::max_room_name`](super::Settings::max_room_name). A clone shares the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Vec<u8>", into = "Vec<u8>"))]
pub struct Room(Shared<[u8]>);

impl Room {
    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Room {
    fn from(name: &[u8]) -> Self {
        Self(name.into())
    }
}

impl From<&str> for Room {
    fn from(name: &str) -> Self {
        Self(name.as_bytes().into())
    }
}

impl From<String> for Room {
    fn from(name: String) -> Self {
        name.into_bytes().into()
    }
}

impl From<Vec<u8>> for Room {
    fn from(name: Vec<u8>) -> Self {
        Self(name.into())
    }
}

impl From<Room> for Vec<u8> {
    fn from(room: Room) -> Self {
        room.as_bytes().into()
    }
}

impl Borrow<[u8]> for Room {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// As text; bytes that are none are replaced by U+FFFD.
impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Room({})", self.0.escape_ascii())
    }
}
