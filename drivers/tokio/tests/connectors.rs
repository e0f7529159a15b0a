//! Streams that are not TCP, and connectors that fail, hang and panic.

mod support;

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_tokio::heartline::Loss;
use heartline_tokio::{Cause, Client, EndReason, Proxy, State, Transport, TransportError};
use support::{client, heard, next_text, say, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::accept_async;

/// Says what it hears.
async fn echo(stream: impl Transport) {
    let Ok(mut socket) = accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn talks(builder: support::Plain) {
    let (client, mut incoming) = builder.spawn().expect("valid");
    for text in ["hello".to_owned(), "x".repeat(900_000)] {
        client.send(text.as_str()).await.expect("accepted");
        assert!(next_text(&mut incoming).await.is_some_and(|answer| answer == text));
    }
    assert!(client.close(support::SECOND).await.is_clean());
}

#[cfg(unix)]
mod unix {
    use std::path::PathBuf;

    use tokio::net::{UnixListener, UnixStream};

    use super::*;

    /// A socket in the file system, removed with this.
    pub struct Path(PathBuf);

    impl Path {
        pub fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("heartline-{name}-{}.sock", std::process::id()));
            _ = std::fs::remove_file(&path);
            Self(path)
        }

        pub fn listen(&self) -> UnixListener {
            UnixListener::bind(&self.0).expect("a socket")
        }

        pub fn client(&self, url: &str) -> support::Plain {
            let path = self.0.clone();
            Client::builder(url).connector(move |_| UnixStream::connect(path.clone()))
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            _ = std::fs::remove_file(&self.0);
        }
    }

    #[tokio::test]
    async fn a_unix_socket_carries_a_session() {
        let path = Path::new("tokio");
        let listener = path.listen();
        tokio::spawn(async move { echo(listener.accept().await.expect("a client").0).await });
        talks(path.client("ws://server.test/")).await;
    }
}

#[tokio::test]
async fn a_pipe_in_memory_carries_a_session() {
    talks(Client::builder("ws://server.test/").connector(|_| async {
        let (ours, theirs) = tokio::io::duplex(100);
        tokio::spawn(echo(theirs));
        Ok(ours)
    }))
    .await;
}

#[cfg(feature = "rustls-tls")]
mod by_tls {
    use heartline_driver_testing::Authority;
    use heartline_tokio::Tls;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn parts() -> (TlsAcceptor, Tls) {
        let authority = Authority::new();
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(&["server.test"], false)));
        (acceptor, Tls::rustls(authority.client(None)))
    }

    #[tokio::test]
    async fn tls_runs_over_a_pipe_in_memory_with_the_name_of_the_url() {
        let (acceptor, tls) = parts();
        let builder = Client::builder("wss://server.test/").tls(tls).connector(move |_| {
            let (ours, theirs) = tokio::io::duplex(1000);
            let acceptor = acceptor.clone();
            tokio::spawn(async move { echo(acceptor.accept(theirs).await.expect("TLS")).await });
            async { Ok(ours) }
        });
        talks(builder).await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn tls_runs_over_a_unix_socket() {
        let (acceptor, tls) = parts();
        let path = unix::Path::new("tokio-tls");
        let listener = path.listen();
        tokio::spawn(async move {
            let stream = listener.accept().await.expect("a client").0;
            echo(acceptor.accept(stream).await.expect("TLS")).await;
        });
        talks(path.client("wss://server.test/").tls(tls)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_fails_is_called_again() {
    let (builder, _network) = client(100);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let builder = builder.connector(move |_| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if call == 0 {
                return Err(io::Error::other("no such device"));
            }
            let (ours, theirs) = tokio::io::duplex(100);
            tokio::spawn(echo(theirs));
            Ok(ours)
        }
    });
    let (client, _incoming) = builder.spawn().expect("valid");
    until(&client, State::Waiting).await;
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert_eq!(ended.loss, Loss::Transport(TransportError::Connect));
    assert!(ended.to_string().contains("no such device"), "{ended}");
    until(&client, State::Open).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_hangs_is_dropped_after_connect_timeout() {
    let (builder, _network) = client(100);
    let alive = Arc::new(());
    let held = alive.clone();
    let builder = builder.connector(move |_| {
        let held = held.clone();
        async move {
            let _held = held;
            pending::<io::Result<tokio::io::DuplexStream>>().await
        }
    });
    let (client, _incoming) = builder.spawn().expect("valid");
    until(&client, State::Connecting).await;
    let began = tokio::time::Instant::now();
    until(&client, State::Waiting).await;
    assert_eq!(client.status().borrow().cause, Cause::Lost(Loss::ConnectTimeout));
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(Arc::strong_count(&alive), 2, "the test's and the hook's");
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_panics_ends_the_client_with_its_message() {
    let (builder, _network) = client(100);
    let builder = builder.connector(|_| async { if true { panic!("out of wires") } else { Ok(tokio::io::empty()) } });
    let (client, mut incoming) = builder.spawn().expect("valid");
    assert_eq!(next_text(&mut incoming).await, None);
    let end = client.closed().await;
    assert_eq!(end.reason, EndReason::Panicked("out of wires".into()));
}

#[tokio::test(start_paused = true)]
async fn with_a_proxy_the_connector_connects_to_that() {
    let (dials, mut dialled) = tokio::sync::mpsc::unbounded_channel();
    let (builder, _network) = client(100);
    let builder = builder.proxy(Proxy::new("proxy.test:3128").expect("a proxy")).connector(move |address| {
        let (ours, theirs) = tokio::io::duplex(3);
        let sent = dials.send((address, theirs));
        async { sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()) }
    });
    let (client, mut incoming) = builder.spawn().expect("valid");
    let (address, mut stream) = dialled.recv().await.expect("a dial");
    assert_eq!(address.to_string(), "proxy.test:3128");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.expect("a request"));
    }
    assert!(request.starts_with(b"CONNECT server.test:80 HTTP/1.1\r\n"));
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("a client");
    let mut peer = accept_async(stream).await.expect("a handshake");
    client.send("hello").await.expect("accepted");
    assert_eq!(heard(&mut peer).await.as_deref(), Some("hello"));
    say(&mut peer, "welcome").await;
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("welcome"));
}
