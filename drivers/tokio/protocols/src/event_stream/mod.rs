//! Server-sent events (WHATWG HTML §9.2): the reader of a `text/event-stream`, for a session on a transport that only listens.
//!
//! Whoever drives the session reports [`Alive`](heartline_tokio::heartline::Input::Alive) for every chunk, as each is a proof
//! of life, a `Message` for every event, and at the end `Closed` with [`Reader::retry`] as `retry_after`. With a backoff of
//! one millisecond the stream's `retry` then *is* the delay before the next dial, as the standard has it. A dial carries
//! [`Reader::last_event_id`] as `Last-Event-ID` unless it is empty; 204 as answer means that there is nothing more to come
//! (a rule [`Pattern::Status(204, 204)`](heartline_tokio::Pattern::Status) that stops).

use std::time::Duration;

/// How long to wait before a stream is asked for again, until the stream itself says something else. The standard leaves it
/// at "a few seconds".
pub const DEFAULT_RETRY: Duration = Duration::from_secs(3);

/// Whether a response is an event stream, by the value of its `Content-Type`: parameters are of no importance.
pub fn is_event_stream(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// An event, complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its type: "message" where the stream names none.
    pub kind: String,
    /// Its lines of data.
    pub data: String,
    /// The last id that the stream had named, in this event or before.
    pub last_event_id: String,
}

/// More than the limit came without the end of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

/// Reads streams one after the other. The last id and the delay outlive a stream; an event that was half read does not.
#[derive(Clone, Debug)]
pub struct Reader {
    /// How many bytes the data and the type of an event may have, the line that is being read included.
    limit: usize,
    line: Vec<u8>,
    /// The line before ended with a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    /// Nothing of the stream was read yet, so that a byte order mark may come.
    at_start: bool,
    kind: String,
    data: String,
    /// Takes effect when an event is dispatched.
    id: String,
    last_event_id: String,
    retry: Duration,
}

impl Reader {
    /// A reader of lines, and of events, of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_return: false,
            at_start: true,
            kind: String::new(),
            data: String::new(),
            id: String::new(),
            last_event_id: String::new(),
            retry: DEFAULT_RETRY,
        }
    }

    /// A new stream begins.
    pub fn start(&mut self) {
        *self =
            Self { last_event_id: std::mem::take(&mut self.last_event_id), retry: self.retry, ..Self::new(self.limit) };
        self.id.clone_from(&self.last_event_id);
    }

    /// The id of the last event that was complete; empty before the first that had one.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// After how long the stream is to be asked for again once it has ended.
    pub fn retry(&self) -> Duration {
        self.retry
    }

    /// Takes the next bytes, cut anywhere. The events that they complete.
    ///
    /// # Errors
    /// [`TooLong`]: the stream is to be given up. Events that the same bytes completed before are lost with it.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let ends_line = matches!(byte, b'\r' | b'\n');
            if !(byte == b'\n' && self.after_return) {
                if ends_line {
                    events.extend(self.end_line());
                } else {
                    self.line.push(byte);
                }
            }
            self.after_return = byte == b'\r';
            if self.line.len() + self.kind.len() + self.data.len() > self.limit {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = match std::mem::take(&mut self.at_start) {
            true => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line),
            false => &line,
        };
        if line.is_empty() {
            return self.dispatch();
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        self.field(field, value.strip_prefix(' ').unwrap_or(value));
        None
    }

    /// A comment is a field without a name.
    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => self.kind = value.into(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = value.into(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().map_or(Duration::MAX, Duration::from_millis);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.last_event_id.clone_from(&self.id);
        let (kind, mut data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        data.pop()?;
        let kind = if kind.is_empty() { "message".into() } else { kind };
        Some(Event { kind, data, last_event_id: self.last_event_id.clone() })
    }
}

#[cfg(test)]
mod tests;
