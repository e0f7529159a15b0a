//! Servers that break the protocol, and those that only come close to it.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use heartline::Loss;
use heartline::loss::TransportError::Protocol;
use tungstenite::handshake::derive_accept_key;

use super::{echoes, fails};
use crate::server::{echo, listen, read_head};
use crate::{Attempt, Driver};

/// A server that shakes hands, and sends these bytes in the same packet. Then it reads to the end.
fn glued(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    listen(move |mut stream| {
        let head = read_head(&mut stream).expect("a request");
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key")).expect("a key").1;
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(&[answer.as_bytes(), &bytes].concat()).expect("a client that reads");
        while stream.read(&mut [0; 1000]).is_ok_and(|count| count > 0) {}
    })
}

/// The first bytes of a server do not wait for the client's.
pub fn what_comes_in_one_packet_with_the_handshake_is_received(driver: Driver<'_>) {
    // A ping, a fragment, a pong without a ping between, the rest of the message.
    let address = glued(b"\x89\x00\x01\x02gl\x8a\x01x\x80\x03ued");
    echoes(driver, Attempt { message: "glued".into(), ..Attempt::to(format!("ws://{address}/")) });
}

/// Where the header of a frame grows, and where buffers end.
pub fn messages_of_every_size_at_which_a_header_grows_go_both_ways(driver: Driver<'_>) {
    let address = echo(None);
    for size in [0, 1, 125, 126, 127, 32_767, 32_768, 65_535, 65_536, 131_073] {
        echoes(driver, Attempt { message: "x".repeat(size), ..Attempt::to(format!("ws://{address}/")) });
    }
}

/// Nothing of this ends the client, or is taken for a message.
pub fn what_breaks_the_protocol_ends_its_connection_and_is_named(driver: Driver<'_>) {
    const BREACH: Loss = Loss::Transport(Protocol);
    const TOO_LARGE: Loss = Loss::Application(1009);
    let cases: [(&[u8], Loss, &str); 15] = [
        (b"\x81\x81\x01\x02\x03\x04x", BREACH, "masked"),
        (b"\x83\x00", BREACH, "opcode: 3"),
        (b"\x8b\x00", BREACH, "opcode: 11"),
        (b"\xc1\x01x", BREACH, "Reserved bits"),
        (b"\x81\x02\xff\xfe", BREACH, "UTF-8"),
        (b"\x01\x01\xc3\x80\x00", BREACH, "UTF-8"), // Half a character at the end.
        (b"\x80\x01x", BREACH, "nothing to continue"),
        (b"\x01\x01x\x81\x01x", BREACH, "more fragments"),
        (&[&b"\x89\x7e\x00\x7e"[..], &[0; 126]].concat(), BREACH, "Control frame too big"),
        (b"\x09\x01x", BREACH, "Fragmented control frame"),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", TOO_LARGE, "18446744073709551615 bytes"),
        (b"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00", TOO_LARGE, "1073741824 bytes"),
        (b"\x88\x01\x03", BREACH, "Invalid close"),
        (b"\x88\x03\x03\xe8\xff", BREACH, "UTF-8"),
        (b"\x01\x01x\x88\x02\x03\xf4", Loss::Close(1012), "1012"), // Amid a message that allows it.
    ];
    for (bytes, loss, name) in cases {
        is_lost(driver, bytes, loss, name);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 9999, u16::MAX] {
        is_lost(driver, &[&[0x88, 2][..], &code.to_be_bytes()].concat(), BREACH, "a code that may not be sent");
    }
}

fn is_lost(driver: Driver<'_>, bytes: &[u8], loss: Loss, name: &str) {
    let failed = fails(driver, Attempt::to(format!("ws://{}/", glued(bytes))));
    assert_eq!((failed.loss, failed.stopped), (loss, false), "{bytes:x?}: {failed:?}");
    assert!(failed.text.contains(name), "{bytes:x?}: {failed:?}");
}
