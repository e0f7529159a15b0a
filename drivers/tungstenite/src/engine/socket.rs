//! What is asked of the operating system for each TCP connection.

use std::io;
use std::time::Duration;

pub use socket2::SockRef;

use crate::client::Options;

/// What is asked of the operating system for each TCP connection.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    keepalive: Option<Duration>,
    user_timeout: Option<Duration>,
    unsent_low_water: Option<u32>,
}

impl From<&Options> for SocketOptions {
    fn from(options: &Options) -> Self {
        let Options { keepalive, user_timeout, unsent_low_water, .. } = *options;
        Self { keepalive, user_timeout, unsent_low_water }
    }
}

impl SocketOptions {
    /// Asks for it, and for `TCP_NODELAY`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn apply(self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        if let Some(idle) = self.keepalive {
            let keepalive = socket2::TcpKeepalive::new().with_time(idle).with_interval(idle);
            socket.set_tcp_keepalive(&keepalive)?;
        }
        // What the system does not know it cannot refuse: these are improvements, not conditions.
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            if self.user_timeout.is_some() {
                _ = socket.set_tcp_user_timeout(self.user_timeout);
            }
            if let Some(bytes) = self.unsent_low_water {
                _ = socket.set_tcp_notsent_lowat(bytes);
            }
        }
        Ok(())
    }
}
