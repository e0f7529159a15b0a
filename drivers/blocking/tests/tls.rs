//! `wss`, with certificates made here.
#![cfg(feature = "rustls-tls")]

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use heartline_blocking::heartline::heartbeat::HeartbeatMode;
use heartline_blocking::tungstenite::protocol::Role;
use heartline_blocking::tungstenite::{self, Message, WebSocket};
use heartline_blocking::{Builder, Client, Outcome, State, Tls};
use heartline_driver_testing::Authority;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::*;

type Secure = WebSocket<StreamOwned<ServerConnection, TcpStream>>;

/// A server's configuration, and the client's that trusts it.
fn certified() -> (Arc<ServerConfig>, Tls) {
    let authority = Authority::new();
    (authority.server(&["localhost"], false).into(), Tls::roots([authority.root()]).unwrap())
}

fn secure_server(config: Arc<ServerConfig>, script: impl FnOnce(&mut Secure) + Send + 'static) -> Server {
    Server::run(move |listener| {
        let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), accept_tcp(&listener));
        match tungstenite::accept(stream) {
            Ok(mut socket) => script(&mut socket),
            Err(error) => println!("no handshake: {error}"),
        }
    })
}

fn client(server: &Server, tls: Tls) -> Builder {
    impatient(Client::builder(format!("wss://localhost:{}/", server.address.port()))).tls(tls)
}

#[test]
fn messages_of_all_sizes_go_both_ways() {
    let (config, tls) = certified();
    let server = secure_server(config, |socket| {
        while let Ok(message) = socket.read() {
            if message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    });
    let mut client = client(&server, tls).build().unwrap();
    for size in [0, 1, 1_000, 20_000, 900_000] {
        client.send(Message::binary(vec![7; size]), PATIENCE).unwrap();
        assert_eq!(client.recv_message(PATIENCE).unwrap().len(), size);
    }
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_hundred_messages_in_one_record_are_all_received_with_room_for_one() {
    let (config, tls) = certified();
    let server = secure_server(config, |socket| {
        let mut frames = WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Server, None);
        (0..100).for_each(|number| frames.write(Message::text(number.to_string())).unwrap());
        frames.flush().unwrap();
        socket.get_mut().write_all(&frames.into_inner().into_inner()).unwrap();
        until_end(socket);
    });
    let client = client(&server, tls).heartbeat(HeartbeatMode::Off);
    let mut client = client.configure(|options| options.incoming_messages = 1).build().unwrap();
    poll_until(&mut client, "it stalls", |client| client.status().stalled);
    let read = client.stats().bytes_in;
    for number in 0..100 {
        assert_eq!(hear(&mut client), number.to_string());
    }
    assert_eq!(client.stats().bytes_in, read, "all of it had arrived");
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_peer_that_stalls_the_tls_handshake_holds_up_no_poll() {
    let (asked, when_asked) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let mut stream = accept_tcp(&listener);
        assert!(std::io::Read::read(&mut stream, &mut [0; 16]).unwrap() > 0);
        asked.send(()).unwrap();
        wait.recv().unwrap();
    });
    let time = Manual::default();
    let (_, tls) = certified();
    let client = client(&server, tls).clock(time.clock());
    let mut client = client.build().unwrap();
    poll_until(&mut client, "the first flight", |_| when_asked.try_recv().is_ok());
    for _ in 0..1_000 {
        client.poll(Duration::ZERO);
    }
    assert_eq!(client.status().state, State::Connecting);
    time.advance(Duration::from_secs(10));
    poll_until(&mut client, "given up", |client| client.stats().session.lost_to_connect_timeout == 1);
    go.send(()).unwrap();
    drop(client);
    server.join();
}

#[test]
fn a_peer_that_does_not_read_is_still_read_from() {
    let (config, tls) = certified();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let server = secure_server(config, move |socket| {
        wait.recv().unwrap();
        (0..50).for_each(|number| say(socket, &number.to_string()));
        while let Ok(message) = socket.read() {
            if message.is_close() {
                break;
            }
        }
    });
    let mut client = client(&server, tls).build().unwrap();
    until_state(&mut client, State::Open);
    // More than the buffers of both systems take.
    let large = Message::binary(vec![1; 1 << 20]);
    let receipts: Vec<_> = (0..16)
        .map(|_| {
            let receipt = client.send(large.clone(), Duration::from_millis(20));
            client.poll(Duration::ZERO);
            receipt
        })
        .take_while(Result::is_ok)
        .collect();
    go.send(()).unwrap();
    for number in 0..50 {
        assert_eq!(hear(&mut client), number.to_string());
    }
    for receipt in receipts {
        assert_eq!(client.wait(&receipt.unwrap(), PATIENCE), Some(Outcome::Transmitted));
    }
    client.close(PATIENCE);
    server.join();
}
