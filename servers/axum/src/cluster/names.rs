//! The names of users as bytes, which all nodes know.

use std::fmt;

use heartline::directory::User;

/// A [`Codec::User`](crate::Codec::User) that other nodes can know. Its name is 1 to 255 bytes, the same on every node, equal for equal users and
/// different for different ones. A user whose name has more bytes or none is served by its node alone: other nodes do not know it, and
/// nothing that it sends reaches them.
///
/// `String`, `u32`, `u64`, `u128`, and pairs of these, such as user and device, implement it.
///
/// ```
/// use heartline_axum::cluster::ClusterUser;
///
/// #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
/// struct Player(u64);
///
/// impl ClusterUser for Player {
///     fn to_bytes(&self) -> Vec<u8> {
///         self.0.to_be_bytes().to_vec()
///     }
///
///     fn from_bytes(bytes: &[u8]) -> Option<Self> {
///         Some(Self(u64::from_be_bytes(bytes.try_into().ok()?)))
///     }
/// }
/// ```
pub trait ClusterUser: Sized {
    /// The bytes of the name.
    fn to_bytes(&self) -> Vec<u8>;

    /// The user of these bytes; `None` for bytes that [`to_bytes`](Self::to_bytes) does not make. A node of another release may send such
    /// bytes: that user is counted as online, but [watchers](crate::Cx::watch_presence) are not notified of it.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl ClusterUser for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

macro_rules! number {
    ($($number:ty),*) => {$(
        /// Big-endian, so that users are in the order of their numbers.
        impl ClusterUser for $number {
            fn to_bytes(&self) -> Vec<u8> {
                self.to_be_bytes().to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_be_bytes)
            }
        }
    )*};
}
number!(u32, u64, u128);

/// A byte for the length of the first, then both. If the first has more than 255 bytes, the name is empty, and so unknown to other nodes.
impl<A: ClusterUser, B: ClusterUser> ClusterUser for (A, B) {
    fn to_bytes(&self) -> Vec<u8> {
        let (first, second) = (self.0.to_bytes(), self.1.to_bytes());
        let Ok(length) = u8::try_from(first.len()) else { return Vec::new() };
        [&[length][..], &first, &second].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first()?;
        let (first, second) = rest.split_at_checked(usize::from(*length))?;
        Some((A::from_bytes(first)?, B::from_bytes(second)?))
    }
}

/// Both directions of [`ClusterUser`], for code that does not know that a type implements it.
pub(crate) struct Names<U> {
    to: fn(&U) -> Vec<u8>,
    from: fn(&[u8]) -> Option<U>,
}

impl<U: ClusterUser> Names<U> {
    pub(crate) fn new() -> Self {
        Self { to: U::to_bytes, from: U::from_bytes }
    }
}

impl<U> Names<U> {
    pub(crate) fn to(&self, user: &U) -> User {
        User::from((self.to)(user))
    }

    pub(crate) fn from(&self, name: &User) -> Option<U> {
        (self.from)(name.as_bytes())
    }
}

impl<U> fmt::Debug for Names<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<U: ClusterUser + PartialEq + fmt::Debug>(user: U) -> Vec<u8> {
        let bytes = user.to_bytes();
        assert_eq!(U::from_bytes(&bytes), Some(user));
        bytes
    }

    #[test]
    fn users_are_the_same_on_every_node_and_pairs_are_not_confused() {
        assert_eq!(same("Ann".to_owned()), b"Ann");
        assert!(same(255_u64) < same(256_u64));
        let pairs = [("a", "bc"), ("ab", "c"), ("", "abc")].map(|(a, b)| same((a.to_owned(), b.to_owned())));
        assert!(pairs[0] != pairs[1] && pairs[1] != pairs[2] && pairs[0] != pairs[2]);
        same(("ann".to_owned(), 7_u32));
    }

    #[test]
    fn bytes_that_name_nobody_are_refused() {
        assert_eq!(String::from_bytes(&[255]), None);
        assert_eq!(u32::from_bytes(&[1, 2, 3]), None);
        for bytes in [&[][..], &[3, b'a', b'b'], &[1, 255]] {
            assert_eq!(<(String, String)>::from_bytes(bytes), None);
        }
        assert_eq!(("x".repeat(256), String::new()).to_bytes(), [0; 0]);
    }
}
