//! A hash that is the same on all nodes and in all versions: SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012),
//! under a key that everybody knows: the bytes 0 to 15.

const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];

/// Takes bytes, in as many pieces as they come.
#[derive(Clone, Debug)]
pub(super) struct SipHash {
    state: [u64; 4],
    /// The bytes that do not fill a word yet, little-endian.
    word: u64,
    /// How many bytes there were, modulo 256.
    length: u8,
}

impl SipHash {
    pub(super) const fn new() -> Self {
        let [low, high] = KEY;
        let state = [
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ];
        Self { state, word: 0, length: 0 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.word |= u64::from(*byte) << (8 * (self.length % 8));
            self.length = self.length.wrapping_add(1);
            if self.length % 8 == 0 {
                self.compress(self.word);
                self.word = 0;
            }
        }
    }

    /// The 16 bytes of the hash, as a little-endian number.
    pub(super) fn finish(mut self) -> u128 {
        self.compress(self.word | u64::from(self.length) << 56);
        self.state[2] ^= 0xee;
        let low = self.output();
        self.state[1] ^= 0xdd;
        let high = self.output();
        u128::from(high) << 64 | u128::from(low)
    }

    fn compress(&mut self, word: u64) {
        self.state[3] ^= word;
        self.round();
        self.round();
        self.state[0] ^= word;
    }

    fn output(&mut self) -> u64 {
        for _ in 0..4 {
            self.round();
        }
        self.state.iter().fold(0, |output, word| output ^ word)
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.state;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.state = [a, b, c, d];
    }
}

/// The hash of all bytes at once.
pub(super) fn hash(bytes: &[u8]) -> u128 {
    let mut hash = SipHash::new();
    hash.update(bytes);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn counted(length: u8) -> Vec<u8> {
        (0..length).collect()
    }

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        // Of `vectors_sip128` in the authors' reference implementation: the bytes 0, 1, 2, ... of some lengths.
        for (length, expected) in [
            (0, 0xa3817f04ba25a8e66df67214c7550293_u128),
            (1, 0xda87c1d86b99af44347659119b22fc45),
            (2, 0x8177228da4a45dc7fca38bdef60affe4),
            (7, 0xa1f1ebbed8dbc153c0b84aa61ff08239),
            (8, 0x3b62a9ba6258f5610f83e264f31497b4),
            (9, 0x264499060ad9baabc47f8b02bb6d71ed),
            (15, 0x5493e99933b0a8117e08ec0f97cfc3d9),
            (16, 0x6ee2a4ca67b054bbfd3315bf85230577),
            (31, 0x2939b0183223fafc1723de4f52c43d35),
            (62, 0x5853542321f567a005d547a4f04759bd),
            (63, 0x5150d1772f50834a503e069a973fbd7c),
        ] {
            assert_eq!(hash(&counted(length)).to_le_bytes(), expected.to_be_bytes(), "{length} bytes");
        }
    }

    #[test]
    fn the_hash_does_not_depend_on_the_pieces() {
        let bytes = counted(40);
        for first in 0..=bytes.len() {
            let (mut pieces, (head, tail)) = (SipHash::new(), bytes.split_at(first));
            pieces.update(head);
            pieces.update(tail);
            assert_eq!(pieces.finish(), hash(&bytes), "{first} bytes first");
        }
    }

    #[test]
    fn the_length_of_more_than_255_bytes_counts_modulo_256() {
        assert_ne!(hash(&[0; 255]), hash(&[0; 256]));
        assert_ne!(hash(&[0; 256]), hash(&[0; 512]));
    }
}
