//! What users are called.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;

use precis_core::profile::PrecisFastInvocation as _;
use precis_core::{CodepointInfo, UnexpectedError};
use precis_profiles::UsernameCaseMapped;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

/// A user's name in the one spelling that it has, of those that were allowed by [`Names`]. Two names that are the same user's
/// are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(Box<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the name looks like (the skeleton of UTS #39 §4): names with the same look can be mistaken for one another. Who
    /// creates accounts keeps it unique besides the name. It is not for display.
    pub fn skeleton(&self) -> String {
        skeleton(&self.0)
    }

    /// The name, for who stores it.
    pub fn into_string(self) -> String {
        self.0.into()
    }
}

fn skeleton(name: &str) -> String {
    unicode_security::skeleton(name).collect()
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which names users may have: those of the profile UsernameCaseMapped (RFC 8265 §3.3), which folds case and width, and
/// refuses spaces, control, zero-width and other characters that are not seen, and symbols beyond ASCII. Names may have
/// ASCII punctuation, `<` and `/` too: what is shown in a page has to be escaped as ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    max_bytes: usize,
    confusables: bool,
    /// The looks of the reserved names.
    reserved: HashSet<String>,
}

impl Default for Names {
    /// At most 64 bytes, no confusables, and reserved as [`Names::RESERVED`].
    fn default() -> Self {
        Self { max_bytes: 64, confusables: false, reserved: HashSet::new() }.reserved(Self::RESERVED)
    }
}

impl Names {
    /// What a server, or those who run it, speak as.
    pub const RESERVED: [&str; 14] = [
        "admin",
        "administrator",
        "anonymous",
        "bot",
        "everyone",
        "me",
        "moderator",
        "null",
        "root",
        "server",
        "staff",
        "support",
        "system",
        "undefined",
    ];

    /// How many bytes of UTF-8 a name may have. Default 64.
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Allows names that look like others: that mix scripts beyond what UTS #39 §5.2 calls highly restrictive (which lets
    /// Japanese mix kana, kanji and Latin), have characters that it does not recommend, or are written in another script
    /// and look like ASCII all over. Without it a name such as Cyrillic "сор" is refused, too.
    pub fn allow_confusables(self) -> Self {
        Self { confusables: true, ..self }
    }

    /// Nobody may have these names, nor one that looks like them, instead of [`Names::RESERVED`].
    pub fn reserved<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let look = |name: N| skeleton(&enforce(name.as_ref()).unwrap_or_else(|_| name.as_ref().into()));
        Self { reserved: names.into_iter().map(look).collect(), ..self }
    }

    /// The name that a client means by this.
    ///
    /// # Errors
    /// Why nobody may be called so. Its text may be shown to the client.
    pub fn check(&self, text: &str) -> Result<Name, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > self.max_bytes {
            return Err(NameError::TooLong { max_bytes: self.max_bytes });
        }
        let name = enforce(text)?;
        if name.len() > self.max_bytes {
            return Err(NameError::TooLong { max_bytes: self.max_bytes });
        }
        let look = skeleton(&name);
        if self.reserved.contains(&look) {
            return Err(NameError::Reserved);
        }
        if !self.confusables && is_confusable(&name, &look) {
            return Err(NameError::Confusable);
        }
        Ok(Name(name.into()))
    }
}

/// ASCII punctuation belongs to no script, and UTS #39 recommends none of it.
fn is_confusable(name: &str, look: &str) -> bool {
    let letters: String = name.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
    let mixed = !letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive);
    mixed || (look.is_ascii() && !name.is_ascii())
}

/// The profile until it changes nothing, at most four times (RFC 8264 §7).
fn enforce(text: &str) -> Result<Cow<'_, str>, NameError> {
    let mut name = Cow::from(text);
    for _ in 0..4 {
        let next = UsernameCaseMapped::enforce(name.as_ref()).map_err(NameError::from)?.into_owned();
        if next == *name {
            return Ok(name);
        }
        name = next.into();
    }
    Err(NameError::Unstable)
}

/// Why nobody may be called so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    #[error("a name may not be empty")]
    Empty,
    /// It has too many bytes of UTF-8.
    #[error("a name may not be longer than {max_bytes} bytes")]
    TooLong {
        /// How many there may be.
        max_bytes: usize,
    },
    /// It has a character that no name has.
    #[error("a name may not contain {character:?}")]
    Character {
        /// Which.
        character: char,
    },
    /// It mixes directions of writing so that it would be shown in another order (RFC 5893 §2).
    #[error("a name may not mix directions of writing like this")]
    Direction,
    /// Its spelling does not settle.
    #[error("this name has no stable spelling")]
    Unstable,
    /// Nobody may have it, or it looks like one that nobody may have.
    #[error("this name is reserved")]
    Reserved,
    /// It can be mistaken for another.
    #[error("this name can be mistaken for another")]
    Confusable,
}

impl From<precis_core::Error> for NameError {
    fn from(error: precis_core::Error) -> Self {
        let character = |found: &CodepointInfo| Self::Character {
            character: char::from_u32(found.cp).unwrap_or(char::REPLACEMENT_CHARACTER),
        };
        match error {
            precis_core::Error::BadCodepoint(found) => character(&found),
            precis_core::Error::Invalid => Self::Direction,
            precis_core::Error::Unexpected(UnexpectedError::ContextRuleNotApplicable(found)) => character(&found),
            precis_core::Error::Unexpected(_) => Self::Unstable,
        }
    }
}

#[cfg(test)]
mod tests;
