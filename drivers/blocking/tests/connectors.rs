//! Streams that are not TCP, and connectors that fail, hang and panic.
#![cfg(unix)]

mod support;

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use heartline_blocking::heartline::Loss;
use heartline_blocking::heartline::loss::TransportError;
use heartline_blocking::{Builder, Client, EndReason, Proxy, State, mio, tungstenite};
use heartline_driver_testing::server::{echo_on, read_head};
use support::*;

fn talks(builder: Builder) {
    let mut client = builder.build().unwrap();
    for text in ["hello".to_owned(), "x".repeat(900_000)] {
        client.send(text.as_str(), PATIENCE).unwrap();
        assert!(hear(&mut client) == text);
    }
    assert!(client.close(PATIENCE).is_clean());
}

/// A stream for a client, and what is served on the other end.
fn pair(serve: impl FnOnce(UnixStream) + Send + 'static) -> io::Result<mio::net::UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    thread::spawn(move || serve(theirs));
    Ok(mio::net::UnixStream::from_std(ours))
}

/// A socket in the file system, removed with this.
struct Path(PathBuf);

impl Path {
    /// Serves the first connection.
    fn listen(name: &str, serve: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        let path = std::env::temp_dir().join(format!("heartline-{name}-{}.sock", std::process::id()));
        _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0));
        Self(path)
    }

    fn client(&self, url: &str) -> Builder {
        let path = self.0.clone();
        Client::builder(url).connector(move |_| mio::net::UnixStream::connect(&path))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_unix_socket_carries_a_session() {
    talks(Path::listen("blocking", echo_on).client("ws://server.test/"));
}

#[test]
fn a_pair_of_sockets_within_the_process_carries_a_session() {
    talks(Client::builder("ws://server.test/").connector(|_| pair(echo_on)));
}

#[cfg(feature = "rustls-tls")]
#[test]
fn tls_runs_over_both_with_the_name_of_the_url() {
    use std::sync::Arc;

    use heartline_blocking::Tls;
    use heartline_driver_testing::Authority;
    use heartline_driver_testing::server::secured;

    let authority = Authority::new();
    let config = Arc::new(authority.server(&["server.test"], false));
    let tls = Tls::rustls(authority.client(None));
    let ours = config.clone();
    let path = Path::listen("blocking-tls", move |stream| echo_on(secured(stream, Some(ours))));
    talks(path.client("wss://server.test/").tls(tls.clone()));
    talks(Client::builder("wss://server.test/").tls(tls).connector(move |_| {
        let config = config.clone();
        pair(move |stream| echo_on(secured(stream, Some(config))))
    }));
}

#[test]
fn a_connector_that_fails_is_called_again() {
    let calls = AtomicU32::new(0);
    let builder = impatient(Client::builder("ws://server.test/")).connector(move |_| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::Error::other("no such device")),
            _ => pair(echo_on),
        }
    });
    let mut client = builder.build().unwrap();
    poll_until(&mut client, "it fails", |client| client.status().last_ended.is_some());
    let ended = client.status().last_ended.unwrap();
    assert_eq!(ended.loss, Loss::Transport(TransportError::Connect));
    assert!(ended.to_string().contains("no such device"), "{ended}");
    until_state(&mut client, State::Open);
}

#[test]
fn a_connector_that_hangs_holds_up_no_poll_and_is_given_up_after_connect_timeout() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let time = Manual::default();
    let builder = Client::builder("ws://server.test/").clock(time.clock()).connector(move |_| {
        wait.lock().unwrap().recv().map_err(io::Error::other)?;
        pair(echo_on)
    });
    let mut client = builder.build().unwrap();
    for _ in 0..1_000 {
        client.poll(Duration::ZERO);
    }
    assert_eq!(client.status().state, State::Connecting);
    time.advance(Duration::from_secs(10));
    poll_until(&mut client, "given up", |client| client.stats().session.lost_to_connect_timeout == 1);
    assert_eq!(client.status().state, State::Waiting);
    drop(go);
}

#[test]
fn a_connector_that_panics_ends_the_client_with_its_message() {
    let builder = Client::builder("ws://server.test/");
    let builder = builder.connector(|_| if true { panic!("out of wires") } else { pair(drop) });
    let mut client = builder.build().unwrap();
    poll_until(&mut client, "it ends", |client| client.end().is_some());
    assert_eq!(client.end().unwrap().reason, EndReason::Panicked("out of wires".into()));
}

#[test]
fn with_a_proxy_the_connector_connects_to_that() {
    let proxy = Proxy::new("proxy.test:3128").unwrap();
    talks(Client::builder("ws://server.test/").proxy(proxy).connector(|address| {
        assert_eq!(address.to_string(), "proxy.test:3128");
        pair(|mut stream| {
            assert!(read_head(&mut stream).unwrap().starts_with("CONNECT server.test:80 HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            echo_on(stream);
        })
    }));
}

#[test]
fn a_stream_that_ends_before_the_handshake_is_a_broken_connection() {
    let client = impatient(Client::builder("ws://server.test/"));
    let mut client = client.connector(|_| pair(|mut stream| _ = stream.read(&mut [0; 10]))).build().unwrap();
    poll_until(&mut client, "it ends", |client| client.status().last_ended.is_some());
    assert_eq!(client.status().last_ended.unwrap().loss, Loss::Transport(TransportError::Io));
}

/// Always has more to read once its peer has written anything behind the handshake.
struct Flooding {
    stream: mio::net::UnixStream,
    floods: bool,
}

impl Read for Flooding {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.floods {
            let frames = buf.len() / 3 * 3;
            buf[..frames].chunks_exact_mut(3).for_each(|frame| frame.copy_from_slice(&[0x81, 1, b'x']));
            return Ok(frames);
        }
        let count = self.stream.read(buf)?;
        self.floods = buf[..count].ends_with(b"\r\n\r\n");
        Ok(count)
    }
}

impl Write for Flooding {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl mio::event::Source for Flooding {
    fn register(&mut self, registry: &mio::Registry, token: mio::Token, interest: mio::Interest) -> io::Result<()> {
        self.stream.register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &mio::Registry, token: mio::Token, interest: mio::Interest) -> io::Result<()> {
        self.stream.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

#[test]
fn what_a_full_socket_holds_up_goes_out_while_the_peer_never_stops_sending() {
    const COUNT: usize = 10;
    let (arrived, all) = mpsc::channel();
    let builder = Client::builder("ws://server.test/").connector(move |_| {
        let arrived = arrived.clone();
        let stream = pair(move |stream| {
            let mut socket = tungstenite::accept(stream).unwrap();
            (0..COUNT).for_each(|_| arrived.send(socket.read().unwrap().len()).unwrap());
        })?;
        Ok(Flooding { stream, floods: false })
    });
    let mut client = builder.build().unwrap();
    until_state(&mut client, State::Open);
    // More than a socket buffers, so that it is full again and again.
    let message = "x".repeat(900_000);
    let (mut sent, mut read, begun) = (0, 0, Instant::now());
    while read < COUNT {
        sent += usize::from(sent < COUNT && client.try_send(message.as_str()).is_ok());
        client.poll(None);
        while client.try_recv().is_some() {}
        read += all.try_iter().inspect(|len| assert_eq!(*len, message.len())).count();
        assert!(begun.elapsed() < PATIENCE, "{read} of {sent} went out");
    }
}
