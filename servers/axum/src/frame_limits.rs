//! How large messages and buffers of a server may be.

use heartline::hub::Settings;
use heartline::{Allowed, ConfigError};
use heartline_tungstenite::Limits;

use crate::hub::peer::OVERHEAD;

const KIB: usize = 1024;

/// Limits of each connection, all in bytes, with the defaults of a server, for [`Builder::limits`](crate::Builder::limits).
///
/// Each connection has both buffers; what is sent at once makes its write buffer grow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FrameLimits {
    /// The largest message that is received, in one frame or in fragments: 125 B to 4 GiB − 1 B, and at most what
    /// [`bytes`](heartline::hub::Settings::bytes) lets through, three times its burst. Default 64 KiB. A larger one closes the
    /// connection with 1009.
    pub max_inbound_message: usize,
    /// The largest message that is sent: 1 B to 4 GiB − 1 B, and at most [`budget`](heartline::hub::Settings::budget) less
    /// 64, in a [cluster](crate::Builder::cluster) also its `max_payload` less 1 KiB. Default 512 KiB, half of the default budget. A larger one is [`Unsendable`](crate::SendError::Unsendable).
    pub max_outbound_message: usize,
    /// The buffer into which a socket is read: 1 KiB to 16 MiB. Default 4 KiB.
    pub read_buffer: usize,
    /// How much is gathered before it is written to the socket: 1 KiB to 16 MiB. Default 16 KiB.
    pub write_buffer: usize,
}

/// All of them are choices, for chats and feeds with many connections.
impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            max_inbound_message: 64 * KIB,
            max_outbound_message: 512 * KIB,
            read_buffer: 4 * KIB,
            write_buffer: 16 * KIB,
        }
    }
}

impl FrameLimits {
    /// Whether the largest messages can be delivered under these settings.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), ConfigError> {
        let most = u64::from(settings.budget).saturating_sub(OVERHEAD as u64);
        at_most("limits.max_outbound_message", self.max_outbound_message, most, "settings.budget less 64")?;
        let Some(bytes) = settings.bytes else { return Ok(()) };
        // A debt of more than twice the burst closes the connection.
        let most = u64::from(bytes.burst) * 3;
        at_most("limits.max_inbound_message", self.max_inbound_message, most, "three times settings.bytes.burst")
    }

    /// Whether the largest messages can be sent to other nodes, with the names of sender and recipient.
    pub(crate) fn check_payload(&self, max_payload: u32) -> Result<(), ConfigError> {
        let most = u64::from(max_payload).saturating_sub(KIB as u64);
        at_most("limits.max_outbound_message", self.max_outbound_message, most, "the cluster's max_payload less 1 KiB")
    }
}

fn at_most(field: &'static str, value: usize, most: u64, meaning: &str) -> Result<(), ConfigError> {
    if value as u64 <= most {
        return Ok(());
    }
    let allowed = Allowed::Text(format!("at most {most}, {meaning}"));
    Err(ConfigError { field, value: value.into(), allowed })
}

/// A frame may be as large as a message.
impl From<FrameLimits> for Limits {
    fn from(limits: FrameLimits) -> Self {
        let FrameLimits { max_inbound_message, max_outbound_message, read_buffer, write_buffer } = limits;
        let max_inbound_frame = max_inbound_message;
        Self { max_inbound_message, max_inbound_frame, max_outbound_message, read_buffer, write_buffer }
    }
}
