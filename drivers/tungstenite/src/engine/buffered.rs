//! The buffer between a stream and tungstenite, which reads ahead of it.

use std::io::{self, Read, Write};

use tungstenite::protocol::WebSocketConfig;

/// What tungstenite reads at once, and has its own buffer for.
const FRAMES: usize = 4 * 1024;

/// A stream that is read ahead, as much as the limits allow.
///
/// tungstenite's messages are parts of its own read buffer. While the application has one of them, tungstenite begins
/// another buffer, often of a single message, and reads no more than that at once; and it clears what it may read before
/// each attempt. So its buffer is small, and the large one is here.
///
/// The stream is read only when nothing is left here, so a read that says `WouldBlock` leaves nothing unseen.
pub struct Buffered<W> {
    stream: W,
    buffer: Box<[u8]>,
    /// What was read and not asked for yet.
    begin: usize,
    end: usize,
}

impl<W> Buffered<W> {
    /// Takes the read buffer over that `config` has; tungstenite gets the rest of `config`.
    pub fn new(stream: W, config: WebSocketConfig) -> (Self, WebSocketConfig) {
        let size = config.read_buffer_size;
        let buffer = vec![0; size].into_boxed_slice();
        (Self { stream, buffer, begin: 0, end: 0 }, config.read_buffer_size(size.min(FRAMES)))
    }

    /// The stream underneath.
    pub fn get_ref(&self) -> &W {
        &self.stream
    }

    /// The stream underneath.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.stream
    }
}

impl<W: Read> Read for Buffered<W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.begin == self.end {
            if buf.len() >= self.buffer.len() {
                return self.stream.read(buf);
            }
            let count = self.stream.read(&mut self.buffer)?;
            (self.begin, self.end) = (0, count);
        }
        let count = buf.len().min(self.end - self.begin);
        buf[..count].copy_from_slice(&self.buffer[self.begin..self.begin + count]);
        self.begin += count;
        Ok(count)
    }
}

impl<W: Write> Write for Buffered<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Gives what it has piece by piece, and says how much was asked for.
    #[derive(Default)]
    struct Pieces {
        pieces: VecDeque<Vec<u8>>,
        asked: Vec<usize>,
    }

    impl Read for Pieces {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.asked.push(buf.len());
            let piece = self.pieces.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
            buf[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn buffered(pieces: &[&[u8]], size: usize) -> Buffered<Pieces> {
        let pieces = Pieces { pieces: pieces.iter().map(|piece| piece.to_vec()).collect(), asked: Vec::new() };
        Buffered::new(pieces, WebSocketConfig::default().read_buffer_size(size)).0
    }

    #[test]
    fn small_reads_are_served_from_a_large_one_in_order_and_then_it_says_that_nothing_is_left() {
        let mut stream = buffered(&[b"abcde", b"fg"], 16);
        let mut read = Vec::new();
        let error = loop {
            let mut buf = [0; 2];
            match stream.read(&mut buf) {
                Ok(count) => read.extend_from_slice(&buf[..count]),
                Err(error) => break error,
            }
        };
        assert_eq!((read.as_slice(), error.kind()), (b"abcdefg".as_slice(), io::ErrorKind::WouldBlock));
        assert_eq!(stream.stream.asked, [16, 16, 16]);
    }

    #[test]
    fn a_read_larger_than_the_buffer_goes_straight_through_behind_what_is_there() {
        let mut stream = buffered(&[b"abc", b"defghij"], 4);
        let mut buf = [0; 8];
        assert_eq!(stream.read(&mut buf[..2]).unwrap(), 2);
        assert_eq!((stream.read(&mut buf).unwrap(), &buf[..1]), (1, b"c".as_slice()));
        assert_eq!((stream.read(&mut buf).unwrap(), &buf[..7]), (7, b"defghij".as_slice()));
        assert_eq!(stream.stream.asked, [4, 8]);
    }

    #[test]
    fn the_end_and_errors_of_the_stream_are_those_of_the_buffer() {
        let mut stream = buffered(&[b""], 4);
        assert_eq!(stream.read(&mut [0; 2]).unwrap(), 0);
        assert_eq!(stream.read(&mut [0; 2]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn tungstenite_gets_a_buffer_no_larger_than_its_reads() {
        let config = |size| Buffered::new((), WebSocketConfig::default().read_buffer_size(size)).1.read_buffer_size;
        assert_eq!((config(32 * 1024), config(1024)), (FRAMES, 1024));
    }
}
