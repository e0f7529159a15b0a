//! The driver against servers on loopback.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use heartline::{Action, Outcome, Outgoing};
use tungstenite::{Message, WebSocket};

use super::run;

fn accept(listener: &TcpListener) -> WebSocket<TcpStream> {
    let (tcp, _) = listener.accept().expect("a dial");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("an option of sockets");
    tungstenite::accept(tcp).expect("a handshake")
}

/// Hangs up on the first dial, then echoes until the client closes: what it saw, and the close code.
fn serve(listener: &TcpListener) -> (Vec<String>, Option<u16>) {
    drop(listener.accept().expect("a dial"));
    let (mut socket, mut seen) = (accept(listener), Vec::new());
    loop {
        match socket.read().expect("a client that closes") {
            Message::Close(frame) => return (seen, frame.map(|frame| frame.code.into())),
            message => {
                seen.push(message.to_string());
                socket.send(message).expect("a client that listens");
            }
        }
    }
}

/// [Q3] [X1] [R1]
#[test]
fn it_reconnects_sends_everything_in_order_and_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || serve(&listener));

    let (outbox, messages) = channel();
    for text in ["1", "2", "3"] {
        outbox.send(Outgoing::at_most_once(Message::text(text), 1)).expect("the driver's end is here");
    }
    let (mut outbox, mut echoes, mut transmitted) = (Some(outbox), Vec::new(), 0);
    run(&url, 1, &messages, |action| match action {
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
