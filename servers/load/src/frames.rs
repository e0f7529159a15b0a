//! Frames as bytes: a client's to write without a codec, and a server's to count without keeping them.

/// RFC 6455 §5.2.
pub const CONTINUATION: u8 = 0;
/// RFC 6455 §5.2.
pub const TEXT: u8 = 1;
/// RFC 6455 §5.2.
pub const CLOSE: u8 = 8;
/// RFC 6455 §5.2.
pub const PING: u8 = 9;
/// RFC 6455 §5.2.
pub const PONG: u8 = 10;

/// So many bytes of a payload are kept: all of a control frame (RFC 6455 §5.5).
const KEPT: usize = 128;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A client's frame, masked with a key of zeros, which leaves the payload as it is.
pub fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    bytes.push(opcode | if fin { FIN } else { 0 });
    match payload.len() {
        length @ 0..=125 => bytes.push(MASKED | length as u8),
        length @ 126..=65535 => {
            bytes.push(MASKED | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(MASKED | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// A whole text.
pub fn text(payload: &str) -> Vec<u8> {
    frame(true, TEXT, payload.as_bytes())
}

/// One frame of a server's.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// RFC 6455 §5.2.
    pub opcode: u8,
    /// How the payload begins.
    pub start: &'a [u8],
}

impl Seen<'_> {
    /// The code of a close frame; 1005 for one without.
    pub fn close_code(&self) -> Option<u16> {
        (self.opcode == CLOSE).then(|| match self.start {
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            _ => 1005,
        })
    }

    /// Whether it is an event of this name.
    pub fn is_event(&self, name: &str) -> bool {
        let rest = self.start.strip_prefix(br#"{"event":""#).and_then(|rest| rest.strip_prefix(name.as_bytes()));
        self.opcode == TEXT && rest.is_some_and(|rest| rest.first() == Some(&b'"'))
    }
}

/// Finds the frames in a stream of bytes.
#[derive(Debug, Default)]
pub struct Scanner {
    header: Vec<u8>,
    start: Vec<u8>,
    /// Of the payload, once the header is complete.
    left: Option<u64>,
}

impl Scanner {
    /// Takes what came next, and shows each frame that is complete by it.
    pub fn feed(&mut self, mut bytes: &[u8], mut on_frame: impl FnMut(Seen<'_>)) {
        while self.left == Some(0) || !bytes.is_empty() {
            match self.left {
                None => {
                    self.header.push(bytes[0]);
                    bytes = &bytes[1..];
                    self.left = payload_length(&self.header);
                }
                Some(0) => {
                    on_frame(Seen { opcode: self.header[0] & 0x0f, start: &self.start });
                    *self = Self::default();
                }
                Some(left) => {
                    let (payload, rest) = bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                    self.start.extend(payload.iter().take(KEPT.saturating_sub(self.start.len())));
                    self.left = Some(left - payload.len() as u64);
                    bytes = rest;
                }
            }
        }
    }
}

/// What a header says about the payload, once it is complete.
fn payload_length(header: &[u8]) -> Option<u64> {
    match header {
        [_, length @ 0..=125] => Some(u64::from(*length)),
        [_, 126, high, low] => Some(u64::from(u16::from_be_bytes([*high, *low]))),
        [_, 127, length @ ..] => length.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server would write it: not masked.
    fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(true, opcode, payload);
        bytes[1] &= !MASKED;
        let key = bytes.len() - payload.len() - 4;
        bytes.drain(key..key + 4);
        bytes
    }

    #[test]
    fn frames_of_every_length_are_found_however_the_bytes_are_cut() {
        let lengths = [0, 1, 125, 126, 65535, 65536];
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| unmasked(TEXT, &vec![b'x'; *length])).collect();
        for cut in [1, 2, 7, 4096, bytes.len()] {
            let (mut scanner, mut starts) = (Scanner::default(), Vec::new());
            bytes.chunks(cut).for_each(|chunk| scanner.feed(chunk, |seen| starts.push(seen.start.len())));
            assert_eq!(starts, lengths.map(|length| length.min(KEPT)), "cut into {cut}");
        }
    }

    #[test]
    fn a_close_frame_shows_its_code_and_a_text_its_event() {
        let mut seen = Vec::new();
        let mut scanner = Scanner::default();
        let mut note = |frame: Seen<'_>| seen.push((frame.close_code(), frame.is_event("open")));
        scanner.feed(&unmasked(CLOSE, &[0x0f, 0xa1]), &mut note);
        scanner.feed(&unmasked(CLOSE, &[]), &mut note);
        scanner.feed(&unmasked(TEXT, br#"{"event":"open","msg":"ok"}"#), &mut note);
        scanner.feed(&unmasked(TEXT, br#"{"event":"opened"}"#), &mut note);
        assert_eq!(seen, [(Some(4001), false), (Some(1005), false), (None, true), (None, false)]);
    }

    #[test]
    fn what_is_written_is_what_a_codec_reads() {
        let mut server = tungstenite::protocol::WebSocket::from_partially_read(
            std::io::Cursor::new(Vec::new()),
            [text("one"), frame(false, TEXT, b"t"), frame(true, CONTINUATION, b"wo"), frame(true, PING, b"3")].concat(),
            tungstenite::protocol::Role::Server,
            None,
        );
        let read: Vec<_> = (0..3).map(|_| server.read().expect("a message").into_text().expect("text")).collect();
        assert_eq!(read, ["one", "two", "3"]);
    }
}
