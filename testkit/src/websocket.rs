//! As much of RFC 6455 as a faulty server needs, on bytes: the key of the handshake, frames out, frames in.

/// The answer to the head of a request that opens the connection; `None` if the request has no `Sec-WebSocket-Key`.
pub(crate) fn switching(head: &str) -> Option<String> {
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    })?;
    let accept = accept_key(key);
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

/// The answer to `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
fn accept_key(key: &str) -> String {
    base64(&sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()))
}

/// FIPS 180-4 §6.1. Good enough for a handshake, for nothing else.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if bytes.len() % 64 >= 56 {
        padded.resize(padded.len() + 64, 0);
    }
    let length = padded.len() - 8;
    padded[length..].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(64) {
        sha1_block(&mut state, block);
    }
    let mut digest = [0; 20];
    digest.chunks_exact_mut(4).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    digest
}

fn sha1_block(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    }
    for nth in 16..80 {
        words[nth] = (words[nth - 3] ^ words[nth - 8] ^ words[nth - 14] ^ words[nth - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (nth, word) in words.into_iter().enumerate() {
        let (mixed, constant) = match nth / 20 {
            0 => ((b & c) | (!b & d), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(add);
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for nth in 0..4 {
            let sextet = (group >> (18 - 6 * nth)) as usize & 63;
            text.push(if nth <= chunk.len() { ALPHABET[sextet].into() } else { '=' });
        }
    }
    text
}

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The header of a server's frame that says it is so long.
pub(crate) fn header(opcode: u8, last: bool, length: u64) -> Vec<u8> {
    let mut bytes = vec![opcode | if last { 0x80 } else { 0 }];
    match length {
        0..=125 => bytes.push(length as u8),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

pub(crate) fn frame(opcode: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    [header(opcode, last, payload.len() as u64), payload.to_vec()].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(TEXT, true, text.as_bytes())
}

pub(crate) fn close(code: Option<u16>) -> Vec<u8> {
    frame(CLOSE, true, &code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default())
}

/// What a client sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Incoming {
    Text(String),
    Binary(usize),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code, if it had one.
    Close(Option<u16>),
    /// Not WebSocket: an unmasked frame, a reserved bit, an unknown opcode.
    Violation(&'static str),
    /// The stream ended.
    End,
}

/// Takes bytes, gives frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    /// The fragments of a message so far, and whether it is text.
    message: Option<(bool, Vec<u8>)>,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// How many bytes of a message that is not complete it holds.
    pub(crate) fn pending(&self) -> usize {
        self.bytes.len() + self.message.as_ref().map_or(0, |(_, message)| message.len())
    }

    pub(crate) fn next(&mut self) -> Option<Incoming> {
        loop {
            let (first, payload) = match self.frame()? {
                Ok(frame) => frame,
                Err(violation) => return Some(Incoming::Violation(violation)),
            };
            let last = first & 0x80 != 0;
            match (first & 0x0f, &mut self.message) {
                (PING, _) => return Some(Incoming::Ping(payload)),
                (PONG, _) => return Some(Incoming::Pong(payload)),
                (CLOSE, _) => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Some(Incoming::Close(code));
                }
                (CONTINUATION, Some((_, message))) => message.extend(payload),
                (TEXT | 2, none @ None) => *none = Some((first & 0x0f == TEXT, payload)),
                _ => return Some(Incoming::Violation("an opcode that has no place here")),
            }
            if let Some((is_text, message)) = self.message.take_if(|_| last) {
                return Some(match String::from_utf8(message) {
                    Ok(text) if is_text => Incoming::Text(text),
                    Ok(bytes) => Incoming::Binary(bytes.len()),
                    Err(_) if is_text => Incoming::Violation("a text that is not UTF-8"),
                    Err(error) => Incoming::Binary(error.as_bytes().len()),
                });
            }
        }
    }

    /// The first byte of a frame and its payload; `None` if it is not complete.
    fn frame(&mut self) -> Option<Result<(u8, Vec<u8>), &'static str>> {
        let [first, second, rest @ ..] = &self.bytes[..] else { return None };
        let (first, second) = (*first, *second);
        if first & 0x70 != 0 {
            return Some(Err("a reserved bit"));
        }
        if second & 0x80 == 0 {
            return Some(Err("a frame without a mask"));
        }
        let (length, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), &rest[2..]),
            127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, &rest[8..]),
            length => (usize::from(length), rest),
        };
        let mask: [u8; 4] = *rest.first_chunk()?;
        let payload = rest.get(4..length.checked_add(4)?)?;
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        let used = self.bytes.len() - rest.len() + 4 + length;
        self.bytes.drain(..used);
        Some(Ok((first, payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §1.3, and FIPS 180-4's examples.
    #[test]
    fn the_key_is_that_of_the_standard() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let hex = |bytes: [u8; 20]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(sha1(long)), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }

    fn masked(mut frame: Vec<u8>) -> Vec<u8> {
        let header = frame.len()
            - match frame[1] {
                126 => frame.len() - 4,
                127 => frame.len() - 10,
                length => usize::from(length),
            };
        frame[1] |= 0x80;
        let mask = [1, 2, 3, 4];
        frame[header..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        frame.splice(header..header, mask);
        frame
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_come_in() {
        let long = "x".repeat(70_000);
        let frames = [
            masked(text("hello")),
            masked(frame(TEXT, false, b"two ")),
            masked(frame(PING, true, b"p")),
            masked(frame(CONTINUATION, true, b"parts")),
            masked(text(&long)),
            masked(text(&long[..300])),
            masked(close(Some(1000))),
            masked(close(None)),
        ]
        .concat();
        let (mut decoder, mut came) = (Decoder::default(), Vec::new());
        for byte in frames {
            decoder.push(&[byte]);
            came.extend(decoder.next());
        }
        let text = |text: &str| Incoming::Text(text.into());
        let expected = [
            text("hello"),
            Incoming::Ping(b"p".to_vec()),
            text("two parts"),
            text(&long),
            text(&long[..300]),
            Incoming::Close(Some(1000)),
            Incoming::Close(None),
        ];
        assert_eq!(came, expected);
    }

    #[test]
    fn what_no_client_may_send_is_a_violation() {
        for bytes in
            [text("no mask"), masked(frame(CONTINUATION, true, b"")), masked(frame(3, true, b"")), vec![0xc1, 0x80]]
        {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            assert!(matches!(decoder.next(), Some(Incoming::Violation(_))), "{bytes:?}");
        }
    }
}
