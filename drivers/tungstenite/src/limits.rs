//! How large messages, frames and buffers may be.

use heartline::ConfigError;
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// The largest message that may be allowed: 4 GiB less a byte.
const MOST: usize = u32::MAX as usize;
/// The payload of a control frame (RFC 6455 §5.5), to which the limit on frames applies too.
const CONTROL: usize = 125;
/// The most that a frame adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 14;
/// Kept free in the write buffer for pings, pongs and the close frame.
const HEADROOM: usize = 16 * KIB;

/// Limits of one connection, all in bytes.
///
/// ```
/// use heartline_tungstenite::Limits;
///
/// let limits = Limits { max_inbound_message: 256 << 20, ..Limits::default() };
/// assert!(limits.config().is_ok());
/// assert_eq!(
///     Limits { read_buffer: 0, ..limits }.check().unwrap_err().to_string(),
///     "limits.read_buffer is 0; allowed is 1024 to 16777216",
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// The largest message that is received, whole or in fragments: 125 B to 4 GiB − 1 B. Default 64 MiB, as
    /// tungstenite. A larger one ends the connection with
    /// [`EndError::InboundLimit`](crate::ended::EndError::InboundLimit); the peer receives close code 1009.
    pub max_inbound_message: usize,
    /// The largest frame that is received: 125 B to `max_inbound_message`. Most servers send every message as one
    /// frame. Default 16 MiB, as tungstenite. A larger one ends the connection as above.
    pub max_inbound_frame: usize,
    /// The largest message that is sent: 1 B to 4 GiB − 1 B. It is sent as one frame. Default 16 MiB, above which a
    /// tungstenite on the other side does not take a frame. A larger one is refused.
    pub max_outbound_message: usize,
    /// The buffer into which a socket is read, allocated for every connection: 1 KiB to 16 MiB. Default 32 KiB.
    pub read_buffer: usize,
    /// How much is gathered before it is written to the socket: 1 KiB to 16 MiB. Default 16 KiB. A link that dies
    /// swallows this much, one message, and what the operating system buffers.
    pub write_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_inbound_message: 64 * MIB,
            max_inbound_frame: 16 * MIB,
            max_outbound_message: 16 * MIB,
            read_buffer: 32 * KIB,
            write_buffer: 16 * KIB,
        }
    }
}

impl Limits {
    /// Whether every limit lies in its range.
    ///
    /// # Errors
    /// [`ConfigError`] with the field, its value and the range.
    pub fn check(&self) -> Result<(), ConfigError> {
        ConfigError::within("limits.max_inbound_message", self.max_inbound_message, CONTROL..=MOST)?;
        ConfigError::within("limits.max_inbound_frame", self.max_inbound_frame, CONTROL..=self.max_inbound_message)?;
        ConfigError::within("limits.max_outbound_message", self.max_outbound_message, 1..=MOST)?;
        ConfigError::within("limits.read_buffer", self.read_buffer, KIB..=16 * MIB)?;
        ConfigError::within("limits.write_buffer", self.write_buffer, KIB..=16 * MIB)
    }

    /// The same in tungstenite's words. Its write buffer has room for `write_buffer`, one message of any legal size and
    /// 16 KiB of control frames.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn config(&self) -> Result<WebSocketConfig, ConfigError> {
        self.check()?;
        let most = self.max_outbound_message.saturating_add(self.write_buffer + HEADER + HEADROOM);
        Ok(WebSocketConfig::default()
            .read_buffer_size(self.read_buffer)
            .write_buffer_size(self.write_buffer)
            .max_write_buffer_size(most)
            .max_message_size(Some(self.max_inbound_message))
            .max_frame_size(Some(self.max_inbound_frame)))
    }

    /// Whether this message may be sent.
    ///
    /// # Errors
    /// [`OutboundLimit`] if its payload is larger than `max_outbound_message`.
    pub fn allow(&self, message: &Message) -> Result<(), OutboundLimit> {
        let (size, limit) = (message.len(), self.max_outbound_message);
        if size <= limit { Ok(()) } else { Err(OutboundLimit { size, limit }) }
    }
}

/// A message is larger than [`Limits::max_outbound_message`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a message of {size} bytes is over the outbound limit of {limit} bytes")]
pub struct OutboundLimit {
    /// The size of its payload in bytes.
    pub size: usize,
    /// The limit in bytes.
    pub limit: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(limits: Limits) -> Option<&'static str> {
        limits.check().err().map(|error| error.field)
    }

    #[test]
    fn the_defaults_are_valid_and_reach_the_codec() {
        let config = Limits::default().config().unwrap();
        assert_eq!((config.max_message_size, config.max_frame_size), (Some(64 << 20), Some(16 << 20)));
        assert_eq!((config.read_buffer_size, config.write_buffer_size), (32 << 10, 16 << 10));
    }

    #[test]
    fn every_limit_has_a_range_whose_ends_belong_to_it() {
        let good = Limits::default();
        let (least, most) = (1 << 10, 16 << 20);
        for (limits, expected) in [
            (Limits { max_inbound_message: 124, max_inbound_frame: 124, ..good }, Some("limits.max_inbound_message")),
            (Limits { max_inbound_message: 125, max_inbound_frame: 125, ..good }, None),
            (Limits { max_inbound_message: MOST, max_inbound_frame: MOST, ..good }, None),
            (Limits { max_inbound_frame: 124, ..good }, Some("limits.max_inbound_frame")),
            (Limits { max_inbound_frame: good.max_inbound_message, ..good }, None),
            (Limits { max_inbound_frame: good.max_inbound_message + 1, ..good }, Some("limits.max_inbound_frame")),
            (Limits { max_outbound_message: 0, ..good }, Some("limits.max_outbound_message")),
            (Limits { max_outbound_message: 1, ..good }, None),
            (Limits { max_outbound_message: MOST, ..good }, None),
            (Limits { read_buffer: least - 1, ..good }, Some("limits.read_buffer")),
            (Limits { read_buffer: least, ..good }, None),
            (Limits { read_buffer: most + 1, ..good }, Some("limits.read_buffer")),
            (Limits { write_buffer: least - 1, ..good }, Some("limits.write_buffer")),
            (Limits { write_buffer: most, ..good }, None),
            (Limits { write_buffer: most + 1, ..good }, Some("limits.write_buffer")),
        ] {
            assert_eq!(field(limits), expected, "{limits:?}");
            assert_eq!(limits.config().is_ok(), expected.is_none());
        }
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn messages_end_at_four_gibibytes() {
        let limits = Limits { max_inbound_message: MOST + 1, ..Limits::default() };
        assert_eq!(field(limits), Some("limits.max_inbound_message"));
        let limits = Limits { max_outbound_message: MOST + 1, ..Limits::default() };
        assert_eq!(field(limits), Some("limits.max_outbound_message"));
    }

    #[test]
    fn a_message_over_the_outbound_limit_is_refused_and_one_at_it_is_not() {
        let limits = Limits { max_outbound_message: 5, ..Limits::default() };
        assert_eq!(limits.allow(&Message::text("12345")), Ok(()));
        let refused = limits.allow(&Message::binary(vec![0; 6])).unwrap_err();
        assert_eq!(refused.to_string(), "a message of 6 bytes is over the outbound limit of 5 bytes");
    }

    #[test]
    fn behind_a_full_buffer_there_is_room_for_a_message_of_any_legal_size_and_control_frames() {
        let limits = Limits { max_outbound_message: 100_000, ..Limits::default() };
        let config = limits.config().unwrap();
        // What is in the buffer before the last message that a driver puts there is less than `write_buffer`.
        let frames = limits.write_buffer - 1 + 100_000 + HEADER;
        assert!(frames + 100 * (CONTROL + HEADER) <= config.max_write_buffer_size);
    }
}
