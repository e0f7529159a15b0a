//! Where to connect to, from which address, and as whom.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use tokio::net::{TcpSocket, TcpStream};

/// The environment variable with the secret that signs tokens.
pub const SECRET: &str = "CHAT_SECRET";
/// For how long a token is valid.
const VALID: Duration = Duration::from_secs(24 * 60 * 60);

/// How users prove who they are: by a JWT that this secret signs.
#[derive(Clone, Debug)]
pub struct Credentials(pub String);

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    exp: u64,
}

impl Credentials {
    /// The text that logs a user in.
    ///
    /// # Panics
    /// The clock is before 1970, or the secret cannot sign.
    pub fn login(&self, user: &str) -> String {
        let exp = (SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock") + VALID).as_secs();
        let key = EncodingKey::from_secret(self.0.as_bytes());
        let token = jsonwebtoken::encode(&Header::default(), &Claims { sub: user, exp }, &key).expect("a token");
        format!(r#"{{"event":"login","token":"{token}"}}"#)
    }
}

/// An address of loopback that a client connects from, so that a server's limits per source see many sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    network: u8,
    number: u16,
}

impl Source {
    /// The uninvolved users' addresses, up to 65,536, then from the first again.
    pub fn canary(number: usize) -> Self {
        Self { network: 64, number: number as u16 }
    }

    /// The addresses of users who log in during an attack.
    pub fn newcomer(number: usize) -> Self {
        Self { network: 65, number: number as u16 }
    }

    /// The addresses of users who log in together.
    pub fn crowd(number: usize) -> Self {
        Self { network: 67, number: number as u16 }
    }

    /// The addresses of users who watch.
    pub fn watcher(number: usize) -> Self {
        Self { network: 68, number: number as u16 }
    }

    /// The attackers' addresses.
    pub fn attacker(number: usize) -> Self {
        Self { network: 66, number: number as u16 }
    }

    fn address(self) -> Ipv4Addr {
        let [high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(127, self.network, high, low)
    }
}

/// A server, as its clients know it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens, on loopback.
    pub address: SocketAddr,
    /// How users log in.
    pub credentials: Credentials,
}

impl Target {
    /// A TCP connection from this address, without delay of small writes. Without a limit of time: callers have theirs.
    ///
    /// # Errors
    /// Of the operating system.
    pub async fn connect(&self, from: Source, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind((from.address(), 0).into())?;
        let tcp = socket.connect(self.address).await?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }

    /// An upgrade request of RFC 6455, up to the empty line.
    pub fn upgrade(&self) -> String {
        format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user_and_is_signed_by_the_secret() {
        let login = Credentials("secret".into()).login("ann");
        let login: serde_json::Value = serde_json::from_str(&login).expect("JSON");
        assert_eq!(login["event"], "login");
        let token = login["token"].as_str().expect("a token");
        let read = |secret: &[u8]| {
            let key = jsonwebtoken::DecodingKey::from_secret(secret);
            jsonwebtoken::decode::<serde_json::Value>(token, &key, &jsonwebtoken::Validation::default())
        };
        assert_eq!(read(b"secret").expect("signed").claims["sub"], "ann");
        assert!(read(b"other").is_err());
    }

    #[test]
    fn sources_are_distinct_addresses_of_loopback() {
        let all =
            [Source::canary(0), Source::canary(255), Source::canary(256), Source::newcomer(0), Source::attacker(0)];
        let all = all.map(Source::address);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
        assert!(all.iter().enumerate().all(|(at, address)| !all[..at].contains(address)));
    }
}
