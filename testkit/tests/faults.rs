//! The faulty server does as it is told, the link falls silent without closing, and the accounts find what is wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use heartline::Outcome;
use heartline::message::{Delivery, Reason};
use heartline_testkit::faults::{Audit, Behaviour, Ledger, Link, Log, PATIENCE, Server};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket, connect};

type Client = WebSocket<MaybeTlsStream<TcpStream>>;

fn echo() -> Server {
    Server::start(|text: &str| (text != "quiet").then(|| format!("echo {text}"))).expect("a port")
}

fn dial(url: &str) -> Client {
    let (client, _) = connect(url).expect("a handshake");
    tcp(&client).set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
    client
}

fn tcp(client: &Client) -> &TcpStream {
    let MaybeTlsStream::Plain(tcp) = client.get_ref() else { unreachable!("there is no TLS here") };
    tcp
}

fn say(client: &mut Client, text: &str) {
    client.send(Message::text(text)).expect("the server is there");
}

fn hear(client: &mut Client) -> Message {
    client.read().expect("the server says something")
}

/// The code with which the server closes.
fn closed(client: &mut Client) -> u16 {
    let Message::Close(Some(frame)) = hear(client) else { panic!("no close frame") };
    frame.code.into()
}

#[test]
fn texts_are_answered_as_the_reply_says_and_logged_by_their_first_word() {
    let server = echo();
    let mut client = dial(&server.url("/a?b=c"));
    for text in ["one", "two words", "quiet"] {
        say(&mut client, text);
    }
    client.send(Message::Ping("p".into())).expect("the server is there");
    assert_eq!(hear(&mut client), Message::text("echo one"));
    assert_eq!(hear(&mut client), Message::text("echo two words"));
    assert_eq!(hear(&mut client), Message::Pong("p".into()), "nothing is said to the third");
    say(&mut client, &"ü".repeat(100));
    client.close(None).expect("the server is there");
    while client.read().is_ok() {}
    drop(client);
    let log = server.wait("the close", |log| log.open == 0 && !log.closes.is_empty());
    let keys = ["one", "two", "quiet", &"ü".repeat(64)].map(String::from).to_vec();
    assert_eq!((log.dials, log.requests, log.connections), (1, vec!["/a?b=c".into()], vec![keys]));
    assert_eq!((server.log().times_seen("two"), log.closes), (1, vec![1005]));
}

#[test]
fn what_is_larger_than_the_limit_is_closed_with_1009_whole_or_not() {
    let server = echo();
    server.behave(Behaviour::Serve { limit: 10 });
    let mut client = dial(&server.url("/"));
    say(&mut client, "0123456789");
    assert_eq!(hear(&mut client), Message::text("echo 0123456789"));
    say(&mut client, "0123456789a");
    assert_eq!(closed(&mut client), 1009);
    let mut client = dial(&server.url("/"));
    client.send(Message::binary(vec![0; 11])).expect("the server is there");
    assert_eq!(closed(&mut client), 1009);
    let mut client = dial(&server.url("/"));
    let mut half = vec![0x81, 0xff];
    half.extend((1_u64 << 40).to_be_bytes());
    half.extend([0; 4 + 20]);
    tcp(&client).write_all(&half).expect("the server is there");
    assert_eq!(closed(&mut client), 1009);
}

#[test]
fn dials_are_treated_as_the_behaviour_says() {
    let server = echo();
    server.behave(Behaviour::http("503 Service Unavailable\r\nRetry-After: 7"));
    let Err(Error::Http(response)) = connect(server.url("/")) else { panic!("it was admitted") };
    assert_eq!((response.status().as_u16(), &response.headers()["Retry-After"]), (503, &"7".parse().expect("a value")));

    server.behave(Behaviour::CloseAtOnce(Some(1011)));
    assert_eq!(closed(&mut dial(&server.url("/"))), 1011);
    server.behave(Behaviour::CloseAtOnce(None));
    assert!(dial(&server.url("/")).read().is_err());

    server.behave(Behaviour::AfterHandshake(b"\x81\x02hi".to_vec()));
    let mut client = dial(&server.url("/"));
    assert_eq!(hear(&mut client), Message::text("hi"));
    say(&mut client, "anybody there?");
    is_silent(tcp(&client));

    server.behave(Behaviour::InsteadOfHandshake(Vec::new()));
    let mut mute = TcpStream::connect(server.address()).expect("a connection");
    mute.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("the server is there");
    is_silent(&mute);
    assert_eq!(server.log().connections, [[""; 0]; 0], "it never served");
}

fn is_silent(mut tcp: &TcpStream) {
    tcp.set_read_timeout(Some(Duration::from_millis(50))).expect("an option of sockets");
    let kind = tcp.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(kind, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{kind:?}");
}

#[test]
fn a_server_that_is_killed_resets_and_refuses_until_it_is_restarted_on_its_port() {
    let server = Server::reserve(|_| None).expect("a port");
    let refused = || TcpStream::connect(server.address()).map_err(|error| error.kind()).err();
    assert_eq!(refused(), Some(ErrorKind::ConnectionRefused), "it does not listen yet");
    for life in 1..=3 {
        server.restart().expect("the port is still there");
        let mut client = dial(&server.url("/"));
        say(&mut client, "hello");
        server.wait("the message", |log| log.times_seen("hello") == life);
        server.kill().expect("the port is still there");
        let end = client.read();
        assert!(matches!(&end, Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset), "{end:?}");
        assert_eq!(refused(), Some(ErrorKind::ConnectionRefused));
    }
    assert_eq!(server.finish().open, 0);
}

#[test]
fn a_link_holds_back_what_comes_while_it_is_silent_or_loses_it() {
    let server = echo();
    let link = Link::to(server.address()).expect("a port");
    let mut client = dial(&link.url("/"));
    say(&mut client, "before");
    assert_eq!(hear(&mut client), Message::text("echo before"));
    link.silence();
    say(&mut client, "meanwhile");
    is_silent(tcp(&client));
    link.resume();
    tcp(&client).set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
    assert_eq!(hear(&mut client), Message::text("echo meanwhile"));

    link.silence();
    say(&mut client, "lost");
    is_silent(tcp(&client));
    link.heal();
    tcp(&client).set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
    assert!(client.read().is_err(), "it is cut");
    let mut client = dial(&link.url("/"));
    say(&mut client, "after");
    assert_eq!(hear(&mut client), Message::text("echo after"));
    assert_eq!(server.finish().times_seen("lost"), 0);
}

/// What the server saw.
fn saw(keys: &[&str]) -> Log {
    let mut log = Log::default();
    log.connections = vec![keys.iter().map(|key| key.to_string()).collect()];
    log
}

fn audit(accepted: &[(&str, Delivery)], outcomes: &[(&str, Outcome<()>)], seen: &[&str]) -> Audit {
    let mut ledger = Ledger::default();
    accepted.iter().for_each(|(key, delivery)| ledger.accept(*key, *delivery));
    outcomes.iter().for_each(|(key, outcome)| ledger.resolve(key, outcome));
    assert_eq!(ledger.len(), accepted.len());
    ledger.audit(&saw(seen))
}

#[test]
fn accounts_that_are_in_order_are_clean_and_say_how_many() {
    use Delivery::{AtLeastOnce, AtMostOnce, ThisConnection};
    let accepted =
        [("a", AtLeastOnce), ("b", AtMostOnce), ("c", AtMostOnce), ("d", AtLeastOnce), ("e", ThisConnection)];
    let outcomes = [
        ("a", Outcome::Acked),
        ("b", Outcome::Transmitted),
        ("c", Outcome::Transmitted),
        ("d", Outcome::Returned(Reason::Abandoned, ())),
        ("e", Outcome::Transmitted),
    ];
    let audit = audit(&accepted, &outcomes, &["a", "b", "a", "e"]);
    assert!(audit.is_clean(), "{audit}");
    let counts = [
        ("accepted", 5),
        ("of these acknowledged", 1),
        ("of these transmitted", 3),
        ("refused", 0),
        ("at least once, seen more than once (redelivered)", 1),
        ("at most once, transmitted into a dead link and not seen", 1),
    ];
    for (what, count) in counts {
        assert_eq!(audit.count(what), Some(count), "{what}\n{audit}");
    }
    assert!(!audit.to_string().contains("must be 0"));
}

#[test]
fn each_thing_that_must_not_be_is_found_by_its_name() {
    use Delivery::{AtLeastOnce as Alo, AtMostOnce as Amo};
    let (acked, transmitted) = (Outcome::Acked, Outcome::Transmitted);
    let returned = Outcome::Returned(Reason::Abandoned, ());
    type Case<'a> = (&'a str, &'a [(&'a str, Delivery)], &'a [(&'a str, Outcome<()>)], &'a [&'a str]);
    let cases: [Case; 7] = [
        ("accepted messages without an outcome", &[("a", Amo)], &[], &[]),
        (
            "accepted messages with more than one outcome",
            &[("a", Amo)],
            &[("a", transmitted.clone()), ("a", transmitted.clone())],
            &["a"],
        ),
        ("at least once, neither seen by the server nor returned", &[("a", Alo)], &[("a", transmitted.clone())], &[]),
        ("at least once, reported as acknowledged but not seen", &[("a", Alo)], &[("a", acked)], &[]),
        ("at most once, seen twice", &[("a", Amo)], &[("a", transmitted.clone())], &["a", "a"]),
        ("reported as never transmitted, but seen", &[("a", Amo)], &[("a", returned)], &["a"]),
        ("outcomes of messages that were never accepted", &[], &[("a", transmitted)], &[]),
    ];
    for (what, accepted, outcomes, seen) in cases {
        let audit = audit(accepted, outcomes, seen);
        assert_eq!((audit.count(what), audit.is_clean()), (Some(1), false), "{audit}");
        assert!(audit.to_string().lines().any(|line| line.starts_with(what) && line.ends_with("must be 0")), "{audit}");
    }
    let mut own = Audit::default();
    own.tally("anything", 7);
    assert!(own.is_clean());
    own.must_be_zero("nothing", 1);
    assert!(!own.is_clean());
}

#[test]
fn a_ledger_is_settled_when_everything_accepted_has_its_outcome() {
    let mut ledger = Ledger::default();
    assert!(ledger.is_empty() && ledger.is_settled());
    ledger.refuse();
    ledger.accept("a", Delivery::AtMostOnce);
    assert_eq!((ledger.len(), ledger.is_settled(), ledger.outcome("a")), (2, false, None));
    ledger.resolve("a", &Outcome::Unconfirmed(Reason::MaxLosses, "the message"));
    assert_eq!((ledger.is_settled(), ledger.outcome("a")), (true, Some(&Outcome::Unconfirmed(Reason::MaxLosses, ()))));
}
