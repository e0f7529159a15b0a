//! Inputs drawn from bytes. Names and numbers come from a few, so that they meet each other.

use heartline::ConnId;
use heartline::directory::User;

use crate::packets::{Body, Change, Claim, Name};

/// Wall milliseconds.
pub const WALL: u64 = 1_700_000_000_000;

pub fn conn(raw: u64) -> ConnId {
    ConnId::from_raw(raw).unwrap()
}

/// A plan as bytes; after its end all is 0.
pub struct Plan<'a>(pub &'a [u8]);

impl Plan<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub fn some<T>(&mut self, most: usize, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| each(self)).collect()
    }
}

pub fn user(plan: &mut Plan<'_>) -> User {
    match plan.below(16) {
        15 => User::from(&[9; 256][..]),
        14 => User::from(""),
        nth => User::from(["ann", "bob", "cyd", "dan", "eve"][nth % 5]),
    }
}

/// A byte is another, or bytes are missing or too many; or nothing of it.
pub fn mutated(mut packet: Vec<u8>, plan: &mut Plan<'_>) -> Vec<u8> {
    let place = (usize::from(plan.byte()) << 8 | usize::from(plan.byte())) % packet.len();
    match plan.below(6) {
        0 => packet[place] = plan.byte(),
        1 => packet.truncate(place),
        2 => packet.push(plan.byte()),
        3 => drop(packet.remove(place)),
        _ => {}
    }
    packet
}

fn name(plan: &mut Plan<'_>) -> Name {
    plan.one(&["ann", "bob", "cyd", "dan", "eve"]).into()
}

fn number(plan: &mut Plan<'_>) -> u64 {
    plan.one(&[0, 1, 1, 2, 2, 3, 4, 4097, u64::MAX])
}

fn claim(plan: &mut Plan<'_>) -> Claim {
    let times = [0, 1, WALL << 16, (WALL + 1) << 16, (WALL + 60_000) << 16, u64::MAX - 1, u64::MAX];
    let node = plan.one(&["self", "a", "b"]).to_string();
    let ordinary = 5 + plan.below(2) * plan.below(3);
    let time = plan.one(&times[..ordinary]);
    let over = plan.one(&times);
    Claim { user: name(plan), time, over: plan.one(&[None, Some((over, node))]) }
}

pub fn body(plan: &mut Plan<'_>, epochs: &[u64]) -> Body {
    match plan.below(24) {
        0..5 => Body::Hello {
            serial: number(plan),
            wall: WALL,
            number: number(plan),
            claims: number(plan),
            digest: plan.one(&[0, 1, u128::MAX]),
            hears: plan.some(2, |plan| plan.one(&["self", "a", "x"]).into()),
        },
        5..11 => Body::Changes {
            first: number(plan),
            changes: plan.some(3, |plan| match plan.below(3) {
                0 => Change::Released(name(plan), plan.below(4) as u8),
                _ => Change::Claimed(claim(plan)),
            }),
        },
        11 => Body::Known { epoch: plan.one(epochs), incarnation: plan.one(&[0, 7, 8, u64::MAX]) },
        12 => Body::AskChanges { after: number(plan) },
        13 | 15 => Body::Compare { digests: vec![plan.one(&[0, 1]); 256] },
        14 => Body::Digests { number: number(plan), digests: vec![plan.one(&[0, 1]); 256] },
        16 => Body::Part {
            bucket: plan.byte(),
            number: number(plan),
            part: plan.below(3) as u64,
            parts: plan.below(3) as u64,
            claims: plan.some(3, claim),
        },
        17 => Body::Relay {
            id: number(plan),
            incarnation: plan.one(&[7, 7, 0]),
            to: name(plan),
            from: name(plan),
            conn: number(plan).max(1),
            sequence: number(plan),
            volatile: false,
            message: plan.some(3, Plan::byte),
        },
        18 => Body::Delivered { id: number(plan), outcome: plan.below(5) as u8 },
        19 => Body::Broadcast {
            from: None,
            room: plan.one(&[None, Some(b"r".to_vec())]),
            except: plan.some(2, name),
            volatile: true,
            message: vec![1],
        },
        20 => Body::Probe { number: 1 + plan.below(3) as u64, room: plan.one(&[b"r", b"s"]).to_vec() },
        21 => Body::AskMembers { id: number(plan), room: b"r".to_vec(), limit: 5 },
        22 => Body::Members { id: number(plan), total: plan.byte().into(), users: plan.some(2, name) },
        _ => Body::Goodbye,
    }
}
