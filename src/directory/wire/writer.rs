//! Values to bytes: appended to a packet, hashed, or only counted.

use alloc::vec::Vec;

use crate::directory::hash::SipHash;
use crate::directory::node::{Node, User};
use crate::hub::Room;

/// Takes the bytes of values.
pub(in crate::directory) trait Writer: Sized {
    fn raw(&mut self, bytes: &[u8]);

    fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// LEB128.
    fn integer(&mut self, value: impl Into<u64>) {
        let mut left = value.into();
        while left >= 0x80 {
            self.byte(left as u8 | 0x80);
            left >>= 7;
        }
        self.byte(left as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.integer(bytes.len() as u64);
        self.raw(bytes);
    }

    fn list<T: Encode>(&mut self, items: &[T]) {
        self.integer(items.len() as u64);
        items.iter().for_each(|item| item.write(self));
    }

    fn option<T: Encode>(&mut self, value: Option<&T>) {
        self.byte(value.is_some().into());
        value.into_iter().for_each(|value| value.write(self));
    }
}

impl Writer for Vec<u8> {
    fn raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Writer for SipHash {
    fn raw(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// How many bytes were written.
struct Length(usize);

impl Writer for Length {
    fn raw(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// What can be part of a packet.
pub(in crate::directory) trait Encode {
    fn write(&self, to: &mut impl Writer);

    /// How many bytes it takes.
    fn encoded_len(&self) -> usize {
        let mut length = Length(0);
        self.write(&mut length);
        length.0
    }
}

impl Encode for Node {
    fn write(&self, to: &mut impl Writer) {
        to.bytes(self.as_str().as_bytes());
    }
}

impl Encode for User {
    fn write(&self, to: &mut impl Writer) {
        to.bytes(self.as_bytes());
    }
}

impl Encode for Room {
    fn write(&self, to: &mut impl Writer) {
        to.bytes(self.as_bytes());
    }
}
