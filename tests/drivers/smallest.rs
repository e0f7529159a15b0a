//! The driver that the README shows.

use std::sync::mpsc::channel;
use std::thread;

use heartline::{Action, Outcome, Outgoing};
use tungstenite::Message;

use crate::harness::Peer;
use crate::minimal;

/// [Q3] [X1] [R1]
#[test]
fn the_minimal_driver_reconnects_sends_everything_in_order_and_closes() {
    let peer = Peer::listen();
    let url = peer.url();
    let server = thread::spawn(move || {
        peer.refuse();
        let (mut socket, mut seen) = (peer.accept(), Vec::new());
        loop {
            match socket.read().expect("a client that closes") {
                Message::Close(frame) => return (seen, frame.map(|frame| u16::from(frame.code))),
                message => {
                    seen.push(message.to_string());
                    socket.send(message).expect("a client that listens");
                }
            }
        }
    });

    let (outbox, messages) = channel();
    for text in ["1", "2", "3"] {
        outbox.send(Outgoing::at_most_once(Message::text(text), 1)).expect("the driver's end is here");
    }
    let (mut outbox, mut echoes, mut transmitted) = (Some(outbox), Vec::new(), 0);
    minimal::run(&url, 1, &messages, |action| match action {
        Action::Deliver(message) => {
            echoes.push(message.to_string());
            outbox.take_if(|_| echoes.len() == 3);
        }
        Action::Outcome { outcome: Outcome::Transmitted, .. } => transmitted += 1,
        _ => {}
    });
    let (seen, code) = server.join().expect("the server is fine");
    assert_eq!(seen, ["1", "2", "3"]);
    assert_eq!(echoes, seen);
    assert_eq!((transmitted, code), (3, Some(1000)));
}
