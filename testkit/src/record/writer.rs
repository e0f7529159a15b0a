//! Lines of JSON, up to a limit.

use std::io::{self, Write};

use serde::Serialize;

use super::data::{End, Entry, Header, Line};

const DEFAULT_LIMIT: u64 = 64 << 20;
/// Kept for the last line.
const LAST_LINE: u64 = 32;

/// Writes a log. A [`Recorder`](super::Recorder) has one; a driver whose session cannot be replaced by a recorder may write
/// its own calls with it.
///
/// Each line is one `write_all`, so give it a `BufWriter` unless the last entry before a crash matters more than speed.
#[derive(Debug)]
pub struct LogWriter<W> {
    out: W,
    left: u64,
    ended: bool,
    error: Option<io::Error>,
}

impl<W: Write> LogWriter<W> {
    /// Begins a log of at most 64 MiB.
    pub fn new(out: W, header: &Header) -> Self {
        let mut writer = Self { out, left: DEFAULT_LIMIT, ended: false, error: None };
        writer.line(&Line::<()>::Header(Box::new(header.clone())));
        writer
    }

    /// Ends the log before its entries, counted from now, take more than so many bytes.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.left = bytes;
        self
    }

    /// Writes a call. After an error or at the limit it does nothing.
    pub fn entry<P: Serialize>(&mut self, entry: Entry<P>) {
        self.line(&Line::Entry(entry));
    }

    /// The error that ended the log before its time.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Whether entries are no longer written: after an error, or at the limit.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Writes the last line, flushes, and gives the writer back.
    ///
    /// # Errors
    /// Any error of the writer since the beginning.
    pub fn finish(mut self) -> io::Result<W> {
        self.end(End::Finished);
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.out),
        }
    }

    fn line<P: Serialize>(&mut self, line: &Line<P>) {
        if self.ended {
            return;
        }
        let written = serde_json::to_vec(line).map_err(io::Error::other).and_then(|mut bytes| {
            bytes.push(b'\n');
            let length = bytes.len() as u64;
            if matches!(line, Line::Entry(_)) && length.saturating_add(LAST_LINE) > self.left {
                return Ok(false);
            }
            self.left = self.left.saturating_sub(length);
            self.out.write_all(&bytes).map(|()| true)
        });
        match written {
            Ok(true) => {}
            Ok(false) => self.end(End::Limit),
            Err(error) => (self.ended, self.error) = (true, Some(error)),
        }
    }

    fn end(&mut self, end: End) {
        self.line(&Line::<()>::End(end));
        self.ended = true;
    }
}
