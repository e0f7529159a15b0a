//! What a builder refuses, what a client takes for a message, and how it begins.

mod support;

use std::time::Duration;

use heartline_blocking::codec::{Binary, Text};
use heartline_blocking::tungstenite::{Bytes, Utf8Bytes};
use heartline_blocking::{
    BuildError, Client, ConfigError, Handle, Next, Outcome, Outgoing, Receipt, RequestError, State,
};
use support::*;

/// The types of a client of plain messages have no parameters to be written.
struct Application {
    client: Client,
    handle: Handle,
    receipt: Option<Receipt>,
}

#[test]
fn an_invalid_url_or_setting_is_an_error_at_once() {
    let error = |client: heartline_blocking::Builder| client.build().map(drop).expect_err("refused");
    let refused = error(Client::builder("http://localhost/"));
    assert!(matches!(refused, BuildError::Url(RequestError::Scheme { .. })), "{refused:?}");
    let client = Client::builder("ws://localhost/").configure(|options| options.incoming_messages = 0);
    assert!(matches!(error(client), BuildError::Setting(ConfigError { field: "incoming_messages", .. })));
}

#[cfg(not(any(feature = "rustls-tls", feature = "native-tls")))]
#[test]
fn wss_in_a_build_without_tls_is_an_error_at_once() {
    let refused = Client::builder("wss://localhost/").build().map(drop).expect_err("no TLS");
    assert!(matches!(refused, BuildError::Tls(_)), "{refused:?}");
}

#[test]
fn a_codec_after_the_greeting_is_refused_unless_another_greeting_follows() {
    let greeted = || Client::builder("ws://127.0.0.1:9/").greeting(|_, _| Ok(Next::Done)).codec(Text);
    assert_eq!(greeted().build().map(drop).expect_err("lost"), BuildError::CodecAfterGreeting);
    assert!(greeted().greeting(|_, _| Ok(Next::Done)).build().is_ok());
}

#[test]
fn texts_and_bytes_are_messages_of_the_codecs_that_send_them() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let client = server.client().build().unwrap();
    let mut application = Application { handle: client.handle().clone(), client, receipt: None };
    for outgoing in
        ["a".into(), String::from("b").into(), Outgoing::from(&b"c"[..]), vec![1].into(), Bytes::new().into()]
    {
        application.receipt = Some(application.client.try_send(outgoing).unwrap());
    }
    application.handle.try_send("d").unwrap();
    let receipt = application.receipt.take().unwrap();
    assert_eq!(application.client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted));
    drop(application);
    server.join();
    let mut texts = Client::builder("ws://127.0.0.1:9/").codec(Text).build().unwrap();
    for text in [Outgoing::from("a"), String::from("b").into(), Utf8Bytes::from("c").into()] {
        texts.try_send(text).unwrap();
    }
    let mut bytes = Client::builder("ws://127.0.0.1:9/").codec(Binary).build().unwrap();
    for sent in [Outgoing::from(b"a"), vec![1].into(), Bytes::new().into()] {
        bytes.try_send(sent).unwrap();
    }
}

#[test]
fn one_that_starts_paused_dials_when_it_is_resumed() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let client = server.client().configure(|options| options.start_paused = true);
    let mut client = client.build().unwrap();
    client.poll(Duration::ZERO);
    let status = client.status();
    assert_eq!((status.state, status.paused, client.stats().session.dials), (State::Idle, true, 0));
    client.resume();
    until_state(&mut client, State::Open);
    assert!(!client.status().paused);
    drop(client);
    server.join();
}
