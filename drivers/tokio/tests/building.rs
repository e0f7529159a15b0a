//! What a builder takes, and what hooks are given.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_tokio::codec::{Binary, Text};
use heartline_tokio::tungstenite::{Bytes, Utf8Bytes};
use heartline_tokio::{BuildError, Client, Incoming, Message, Outcome, Outgoing, Receipt, State};
use support::{Network, Plain, SECOND, client, close, heard, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[test]
fn a_codec_after_the_greeting_that_it_would_drop_is_an_error() {
    let greeted = || Client::builder("ws://server.test/").greeting(|_| async { Ok(()) });
    assert_eq!(greeted().codec(Text).run().map(drop), Err(BuildError::CodecAfterGreeting));
    assert!(greeted().codec(Text).greeting(|_| async { Ok(()) }).run().is_ok());
    assert!(Client::builder("ws://server.test/").codec(Text).greeting(|_| async { Ok(()) }).run().is_ok());
}

#[cfg(not(any(feature = "native-tls", feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots")))]
#[test]
fn wss_or_an_https_proxy_without_tls_is_an_error_at_once() {
    use heartline_tokio::Proxy;
    use heartline_tokio::tls::TlsError;

    let proxy = |url| Client::builder("ws://server.test/").proxy(Proxy::new(url).expect("a proxy")).run().map(drop);
    assert!(proxy("http://proxy.test").is_ok());
    assert_eq!(proxy("https://proxy.test"), Err(BuildError::Tls(TlsError::NotBuilt)));
    let error = Client::builder("wss://server.test/").run().map(drop);
    assert_eq!(error, Err(BuildError::Tls(TlsError::NotBuilt)));
    assert!(error.expect_err("no TLS").to_string().contains("rustls-tls-webpki-roots"));
}

#[cfg(feature = "rustls-tls")]
#[test]
fn wss_with_a_tls_of_its_own_needs_no_default_roots() {
    let tls = heartline_tokio::Tls::roots([heartline_driver_testing::Authority::new().root()]).expect("valid");
    assert!(Client::builder("wss://server.test/").tls(tls).run().is_ok());
}

#[tokio::test(start_paused = true)]
async fn texts_and_bytes_are_sent_as_they_are_with_the_plain_codecs() {
    let (builder, mut network) = client(4096);
    let (texts, _incoming) = builder.codec(Text).spawn().expect("valid");
    for sent in [
        texts.send("a").await,
        texts.send("b".to_owned()).await,
        texts.send(Utf8Bytes::from_static("c")).await,
        texts.send(Outgoing::at_least_once("d")).await,
    ] {
        sent.expect("accepted");
    }
    let mut peer = network.accept().await;
    for expected in ["a", "b", "c", "d"] {
        assert_eq!(heard(&mut peer).await.as_deref(), Some(expected));
    }
    let (builder, mut network) = client(4096);
    let (binary, _incoming) = builder.codec(Binary).spawn().expect("valid");
    for sent in [
        binary.send(vec![1]).await,
        binary.send(&[2][..]).await,
        binary.send(b"\x03").await,
        binary.send(Bytes::from_static(&[4])).await,
        binary.send(Outgoing::at_least_once(vec![5])).await,
    ] {
        sent.expect("accepted");
    }
    let mut peer = network.accept().await;
    for expected in 1..=5 {
        assert_eq!(peer.next().await.expect("a frame").expect("no error"), Message::binary(vec![expected]));
    }
}

/// The names without parameters are those of the default codec.
struct App {
    client: Client,
    incoming: Incoming,
    last: Option<Receipt>,
}

#[tokio::test(start_paused = true)]
async fn hooks_reach_the_client_and_share_state_with_the_program() {
    let (builder, mut network) = client(4096);
    let dials = Arc::new(AtomicU32::new(0));
    let counter = dials.clone();
    let (client, incoming) = builder
        .request(move |dial| {
            let dials = counter.clone();
            async move {
                dials.fetch_add(1, Ordering::Relaxed);
                assert!(dial.client::<String>().is_none(), "not what the codec sends");
                let client = dial.client::<Message>().and_then(|client| client.upgrade()).ok_or("it is closing")?;
                client.send("from the request hook").await?;
                dial.request()
            }
        })
        .greeting(|link| async move {
            let client = link.client().upgrade().ok_or("it is closing")?;
            client.send("from the greeting").await?;
            Ok(())
        })
        .spawn()
        .expect("valid");
    let mut app = App { client, incoming, last: None };
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("from the request hook"));
    assert_eq!(heard(&mut peer).await.as_deref(), Some("from the greeting"));
    assert_eq!(dials.load(Ordering::Relaxed), 1);
    app.last = app.client.send("last").await.ok();
    assert_eq!(app.last.expect("accepted").await, Outcome::Transmitted);
    // No hook keeps the client alive.
    drop(app.client);
    while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    while app.incoming.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn a_greeting_knows_the_dial_that_led_to_its_connection() {
    let (builder, mut network) = client(4096);
    let (_client, _incoming) = builder
        .greeting(|mut link| async move {
            let dial = link.dial();
            let known = format!("{} {} {:?}", dial.attempt(), dial.renew(), dial.last_ended().map(|ended| ended.loss));
            Ok(link.send(known).await?)
        })
        .spawn()
        .expect("valid");
    for known in ["0 false None", "1 true Some(Close(4401))"] {
        let mut peer = network.accept().await;
        assert_eq!(heard(&mut peer).await.as_deref(), Some(known));
        peer.send(close(4401)).await.expect("a client that reads");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_starts_paused_dials_when_it_is_resumed() {
    let (builder, mut network) = client(4096);
    let builder = builder.configure(|options| options.start_paused = true);
    let (client, _incoming) = builder.spawn().expect("valid");
    let receipt = client.send("queued").await.expect("accepted");
    assert!(client.status().borrow().paused);
    client.network_changed();
    tokio::time::sleep(1000 * SECOND).await;
    assert!(network.is_quiet());
    assert_eq!(client.status().borrow().state, State::Idle);
    client.resume();
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("queued"));
    assert_eq!(receipt.await, Outcome::Transmitted);
    assert!(!client.status().borrow().paused);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_before_it_dialled_sends_what_it_has_accepted() {
    for (queued, dials) in [(true, 1), (false, 0)] {
        let (builder, mut network) = client(4096);
        let builder = builder.configure(|options| options.start_paused = true);
        let (client, _incoming) = builder.spawn().expect("valid");
        if queued {
            client.send("queued").await.expect("accepted");
        }
        let peer = async {
            if !queued {
                return std::future::pending().await;
            }
            let mut peer = network.accept().await;
            assert_eq!(heard(&mut peer).await.as_deref(), Some("queued"));
            while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
            std::future::pending::<()>().await
        };
        let end = tokio::select! { biased; end = client.close(10 * SECOND) => end, () = peer => unreachable!() };
        assert!(end.is_clean(), "{end}");
        assert_eq!(client.stats().session.dials, dials);
    }
}

#[tokio::test(start_paused = true)]
async fn several_reconnects_before_the_next_turn_are_one() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    let _first = network.accept().await;
    until(&client, State::Open).await;
    tokio::time::sleep(SECOND).await; // No dial is too soon.
    for _ in 0..5 {
        client.reconnect();
    }
    let _second = network.accept().await;
    until(&client, State::Open).await;
    assert_eq!(client.stats().session.dials, 2);
}

/// Reads a request, and redirects it.
async fn redirect(network: &mut Network, location: &str) -> String {
    let mut stream = network.raw().await;
    let mut request = vec![0; 2048];
    let size = stream.read(&mut request).await.expect("a request");
    let response = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(response.as_bytes()).await.expect("a client that reads");
    String::from_utf8_lossy(&request[..size]).to_lowercase()
}

fn following(most: u32) -> (Plain, Network) {
    let (builder, network) = client(4096);
    let builder = builder.configure(|options| options.max_redirects = most).request(|dial| async move {
        Ok(dial.request()?.header("Authorization", "secret")?.header("X-Kept", "kept")?)
    });
    (builder, network)
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_if_asked_and_credentials_stay_with_their_origin() {
    let (builder, mut network) = following(2);
    let (client, _incoming) = builder.spawn().expect("valid");
    let first = redirect(&mut network, "/moved").await;
    assert!(first.contains("get / ") && first.contains("authorization: secret"), "{first}");
    let second = redirect(&mut network, "http://other.test/chat").await;
    assert!(second.contains("get /moved ") && second.contains("authorization: secret"), "{second}");
    let mut stream = network.raw().await;
    let mut third = vec![0; 2048];
    let size = stream.read(&mut third).await.expect("a request");
    let third = String::from_utf8_lossy(&third[..size]).to_lowercase();
    assert!(third.contains("get /chat ") && third.contains("host: other.test") && third.contains("x-kept"), "{third}");
    assert!(!third.contains("authorization"), "{third}");
    assert_eq!(client.stats().session.dials, 1);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_too_many_or_to_nowhere_stops_the_client() {
    for (most, location, shown) in [
        (0, "/moved", "redirected to /moved"),
        (1, "ftp://other.test/", "the URL begins with \"ftp:\"; it has to begin with ws:// or wss://"),
        (1, "/moved", "redirected to /moved"),
    ] {
        let (builder, mut network) = following(most);
        let (client, _incoming) = builder.spawn().expect("valid");
        redirect(&mut network, location).await;
        if (most, location) == (1, "/moved") {
            redirect(&mut network, location).await;
        }
        let end = tokio::time::timeout(1000 * SECOND, client.closed()).await.expect("an end");
        assert_eq!(end.to_string(), format!("stopped: dial refused with HTTP 307, which is not retried: {shown}"));
        assert!(network.is_quiet());
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_redirects_has_the_time_of_one_dial() {
    let (builder, mut network) = following(5);
    let (client, _incoming) = builder.spawn().expect("valid");
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        redirect(&mut network, "/moved").await;
        tokio::time::sleep(3 * SECOND).await;
    }
    until(&client, State::Waiting).await;
    assert_eq!((start.elapsed().as_secs(), client.stats().session.lost_to_connect_timeout), (10, 1));
}
