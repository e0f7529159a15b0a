//! The first bytes of each message of the simulation, by which the checks recognise it.

/// Which kind of message it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    /// It is repeated until its acknowledgement comes.
    Letter = 1,
    /// The acknowledgement of a letter.
    Receipt = 2,
    /// It is sent once.
    Note = 3,
}

/// The beginning of each message: its own number, which no other transmission has, and the number of its letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) kind: Kind,
    pub(super) serial: u64,
    pub(super) letter: u64,
}

impl Mark {
    /// Its bytes, followed by this many bytes of padding.
    pub(super) fn to_bytes(self, padding: usize) -> Vec<u8> {
        let mut bytes = vec![self.kind as u8];
        bytes.extend(self.serial.to_be_bytes());
        bytes.extend(self.letter.to_be_bytes());
        bytes.resize(bytes.len() + padding, 0);
        bytes
    }

    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let kind = match bytes.first()? {
            1 => Kind::Letter,
            2 => Kind::Receipt,
            3 => Kind::Note,
            _ => return None,
        };
        let number = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Self { kind, serial: number(1)?, letter: number(9)? })
    }
}
