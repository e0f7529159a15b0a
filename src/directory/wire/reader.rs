//! Bytes to values. The bytes may be anything.

use alloc::vec::Vec;

use crate::directory::node::{Node, User, is_name};
use crate::hub::Room;

/// The bytes of a packet that are not read yet. Every method takes its value from the front; with `None` the bytes are no packet.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(packet: &'a [u8]) -> Self {
        Self(packet)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.raw(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// LEB128, as short as can be.
    pub(super) fn integer<T: TryFrom<u64>>(&mut self) -> Option<T> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits << shift;
            let overflows = value >> shift != bits;
            let is_overlong = byte == 0 && shift > 0;
            if overflows || is_overlong {
                return None;
            }
            if byte < 0x80 {
                return T::try_from(value).ok();
            }
        }
        None
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.integer()?;
        self.raw(length)
    }

    fn name<T: From<&'a [u8]>>(&mut self) -> Option<T> {
        let name = self.bytes()?;
        is_name(name).then(|| name.into())
    }

    pub(super) fn list<T: Element>(&mut self) -> Option<Vec<T>> {
        let length = self.integer()?;
        // Looked at before anything is reserved: so many elements cannot be there.
        if length > self.0.len() / T::SHORTEST {
            return None;
        }
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(T::read(self)?);
        }
        Some(items)
    }

    pub(super) fn option<T: Decode>(&mut self) -> Option<Option<T>> {
        if self.flag()? { T::read(self).map(Some) } else { Some(None) }
    }
}

/// What can be part of a packet.
pub(super) trait Decode: Sized {
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// What can be in a list.
pub(super) trait Element: Decode {
    /// No value takes fewer bytes; at least 1.
    const SHORTEST: usize;
}

impl Decode for Node {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let name = core::str::from_utf8(from.bytes()?).ok()?;
        Self::new(name).ok()
    }
}

impl Element for Node {
    const SHORTEST: usize = 1 + 1;
}

impl Decode for User {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.name()
    }
}

impl Element for User {
    const SHORTEST: usize = 1 + 1;
}

impl Decode for Room {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.name()
    }
}
