//! The names of rooms.

use crate::name::name;

name!(
    /// The name of a room: a few bytes, which need not be text. How long it may be says
    /// [`Settings::max_room_name`](super::Settings::max_room_name). A clone shares the bytes.
    Room
);
