//! Bytes to packets. Total: whatever arrives is a packet or none, and costs memory in proportion to its length.

use alloc::boxed::Box;

use super::reader::{Decode, Element, Reader};
use super::{BUCKETS, Body, Change, Claim, Hello, Packet, Relay, VERSION, change, kind};
use crate::conn::ConnId;
use crate::directory::action::Outcome;
use crate::directory::node::{Departure, Life, User};
use crate::directory::stamp::{Stamp, UnixTime};

impl Packet {
    /// The packet of these bytes, of which [`encode`](Self::encode) makes the same bytes again; `None` if they are no packet, or one of
    /// another version.
    pub(in crate::directory) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        if from.byte()? != VERSION {
            return None;
        }
        let kind = from.byte()?;
        let (node, life) = (Decode::read(&mut from)?, Decode::read(&mut from)?);
        let body = body(kind, &mut from)?;
        from.is_empty().then_some(Self { node, life, body })
    }
}

fn body(kind: u8, from: &mut Reader<'_>) -> Option<Body> {
    Some(match kind {
        kind::HELLO => Body::Hello(Decode::read(from)?),
        kind::CHANGES => Body::Changes { first: from.integer()?, changes: from.list()? },
        kind::KNOWN => Body::Known(Decode::read(from)?),
        kind::ASK_CHANGES => Body::AskChanges { after: from.integer()? },
        kind::COMPARE => Body::Compare { digests: digests(from)? },
        kind::DIGESTS => Body::Digests { number: from.integer()?, digests: digests(from)? },
        kind::PART => part(from)?,
        kind::RELAY => Body::Relay(Decode::read(from)?),
        kind::DELIVERED => Body::Delivered { id: from.integer()?, outcome: Decode::read(from)? },
        kind::BROADCAST => broadcast(from)?,
        kind::PROBE => Body::Probe { number: from.integer()?, room: Decode::read(from)? },
        kind::ASK_MEMBERS => {
            Body::AskMembers { id: from.integer()?, room: Decode::read(from)?, limit: from.integer()? }
        }
        kind::MEMBERS => Body::Members { id: from.integer()?, total: from.integer()?, users: from.list()? },
        kind::GOODBYE => Body::Goodbye,
        _ => return None,
    })
}

fn digests(from: &mut Reader<'_>) -> Option<Box<[u128; BUCKETS]>> {
    let mut all = Reader::new(from.raw(BUCKETS * size_of::<u128>())?);
    let mut digests = Box::new([0; BUCKETS]);
    for digest in digests.iter_mut() {
        *digest = u128::from_le_bytes(all.array()?);
    }
    Some(digests)
}

fn part(from: &mut Reader<'_>) -> Option<Body> {
    let (bucket, number) = (from.byte()?, from.integer()?);
    let (part, parts) = (from.integer()?, from.integer()?);
    let claims = if part < parts { from.list()? } else { return None };
    Some(Body::Part { bucket, number, part, parts, claims })
}

fn broadcast(from: &mut Reader<'_>) -> Option<Body> {
    let (sender, room, except) = (from.option()?, from.option()?, from.list()?);
    let (volatile, message) = (from.flag()?, from.bytes()?.into());
    Some(Body::Broadcast { from: sender, room, except, message, volatile })
}

impl Decode for Life {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { epoch: from.integer()?, incarnation: from.integer()? })
    }
}

impl Decode for Hello {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            serial: from.integer()?,
            wall: UnixTime::from_millis(from.integer()?),
            number: from.integer()?,
            claims: from.integer()?,
            digest: u128::from_le_bytes(from.array()?),
            hears: from.list()?,
        })
    }
}

impl Decode for Relay {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: from.integer()?,
            incarnation: from.integer()?,
            to: Decode::read(from)?,
            from: Decode::read(from)?,
            conn: ConnId::from_raw(from.integer()?)?,
            sequence: from.integer()?,
            volatile: from.flag()?,
            message: from.bytes()?.into(),
        })
    }
}

impl Decode for Stamp {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { time: from.integer()?, node: Decode::read(from)? })
    }
}

impl Decode for Claim {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { user: Decode::read(from)?, time: from.integer()?, over: from.option()? })
    }
}

impl Element for Claim {
    const SHORTEST: usize = User::SHORTEST + 2;
}

impl Decode for Change {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        match from.byte()? {
            change::CLAIMED => Decode::read(from).map(Self::Claimed),
            change::RELEASED => Some(Self::Released { user: Decode::read(from)?, departure: Decode::read(from)? }),
            _ => None,
        }
    }
}

impl Element for Change {
    const SHORTEST: usize = 1 + User::SHORTEST + 1;
}

impl Decode for Departure {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Lost,
            1 => Self::LoggedOut,
            2 => Self::SentAway,
            _ => return None,
        })
    }
}

impl Decode for Outcome {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Routed,
            1 => Self::Offline,
            2 => Self::Full,
            3 => Self::Dropped,
            4 => Self::Unknown,
            _ => return None,
        })
    }
}
