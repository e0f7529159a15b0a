//! The driver that the README shows, on real sockets.

#[path = "../examples/minimal.rs"]
mod minimal;

use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use heartline::{Action, Outcome, Outgoing};
use tungstenite::Message;

/// [Q3] [X1] [R1]
#[test]
fn the_minimal_driver_reconnects_sends_everything_in_order_and_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (first, _) = listener.accept().expect("a dial");
        drop(first); // before any handshake
        let (second, _) = listener.accept().expect("another dial");
        let mut socket = tungstenite::accept(second).expect("a handshake");
        let mut seen = Vec::new();
        while let Ok(message) = socket.read() {
            match message {
                Message::Text(text) => {
                    socket.send(Message::Text(text.clone())).expect("a client that listens");
                    seen.push(text.to_string());
                }
                Message::Close(frame) => return (seen, frame.map(|frame| u16::from(frame.code))),
                _ => {}
            }
        }
        (seen, None)
    });

    let (outbox, messages) = channel();
    for text in ["1", "2", "3"] {
        outbox.send(Outgoing::once(Message::text(text), 1)).expect("the driver's end is here");
    }
    let (mut outbox, mut echoes, mut committed) = (Some(outbox), Vec::new(), 0);
    minimal::run(&url, 1, &messages, |action| match action {
        Action::Deliver(message) => {
            echoes.push(message.to_string());
            if echoes.len() == 3 {
                outbox = None;
            }
        }
        Action::Outcome { outcome: Outcome::Committed, .. } => committed += 1,
        _ => {}
    });
    let (seen, code) = server.join().expect("the server is fine");
    assert_eq!(seen, ["1", "2", "3"]);
    assert_eq!(echoes, seen);
    assert_eq!((committed, code), (3, Some(1000)));
}
