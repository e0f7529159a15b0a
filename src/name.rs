//! Names that are a few bytes, as rooms and users have them.

#[cfg(not(target_has_atomic = "ptr"))]
pub(crate) use alloc::rc::Rc as Shared;
#[cfg(target_has_atomic = "ptr")]
pub(crate) use alloc::sync::Arc as Shared;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(from = "alloc::vec::Vec<u8>", into = "alloc::vec::Vec<u8>"))]
        pub struct $name($crate::name::Shared<[u8]>);

        impl $name {
            /// The bytes of the name.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<&[u8]> for $name {
            fn from(name: &[u8]) -> Self {
                Self(name.into())
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                name.as_bytes().into()
            }
        }

        impl From<alloc::string::String> for $name {
            fn from(name: alloc::string::String) -> Self {
                name.into_bytes().into()
            }
        }

        impl From<alloc::vec::Vec<u8>> for $name {
            fn from(name: alloc::vec::Vec<u8>) -> Self {
                Self(name.into())
            }
        }

        impl From<$name> for alloc::vec::Vec<u8> {
            fn from(name: $name) -> Self {
                name.as_bytes().into()
            }
        }

        impl core::borrow::Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }

        /// As text; bytes that are none are replaced by U+FFFD.
        impl core::fmt::Display for $name {
            fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str(&alloc::string::String::from_utf8_lossy(&self.0))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0.escape_ascii())
            }
        }
    };
}
pub(crate) use name;
