//! What went over the broker.

use std::ops::Sub;

/// Packets and their bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Volume {
    pub packets: u64,
    pub bytes: u64,
}

impl Volume {
    fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

impl Sub for Volume {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { packets: self.packets - before.packets, bytes: self.bytes - before.bytes }
    }
}

const KINDS: usize = 16;

pub const HELLO: usize = 1;
pub const CHANGES: usize = 2;
const QUESTIONS: [usize; 2] = [4, 5];
const ANSWERS: [usize; 2] = [6, 7];

/// Of what kind a packet is: its second byte.
pub fn kind(payload: &[u8]) -> usize {
    usize::from(payload[1])
}

/// What nodes published, and what the broker handed out, which is more.
#[derive(Clone, Copy, Default, Debug)]
pub struct Traffic {
    published: [Volume; KINDS],
    pub delivered: Volume,
    pub lost: u64,
}

impl Traffic {
    pub fn publish(&mut self, payload: &[u8]) {
        self.published[kind(payload)].add(payload.len());
    }

    pub fn deliver(&mut self, payload: &[u8]) {
        self.delivered.add(payload.len());
    }

    pub fn of(&self, kind: usize) -> Volume {
        self.published[kind]
    }

    pub fn published(&self) -> Volume {
        self.sum(0..KINDS)
    }

    /// Questions for what was missed, and answers, but for changes that were sent again.
    pub fn repair(&self) -> Volume {
        self.sum(QUESTIONS.into_iter().chain(ANSWERS))
    }

    fn sum(&self, kinds: impl IntoIterator<Item = usize>) -> Volume {
        kinds.into_iter().fold(Volume::default(), |sum, kind| {
            let volume = self.published[kind];
            Volume { packets: sum.packets + volume.packets, bytes: sum.bytes + volume.bytes }
        })
    }

    pub fn since(&self, before: &Self) -> Self {
        let published = std::array::from_fn(|kind| self.published[kind] - before.published[kind]);
        Self { published, delivered: self.delivered - before.delivered, lost: self.lost - before.lost }
    }
}
