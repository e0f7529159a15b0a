//! Servers of one connection, and the client's side of a handshake.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use heartline_tungstenite::tungstenite::client::client_with_config;
use heartline_tungstenite::tungstenite::{Error, HandshakeError, WebSocket};
use heartline_tungstenite::{Ended, Limits, Request, Response};

/// How long anything may take before the test fails: no step here waits for anything but the other thread.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server for one connection on a port of its own.
pub struct Server<T> {
    pub port: u16,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Server<T> {
    pub fn start(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let thread = thread::spawn(move || serve(patient(listener.accept().expect("a connection").0)));
        Self { port, thread }
    }

    pub fn url(&self, rest: &str) -> String {
        format!("ws://127.0.0.1:{}{rest}", self.port)
    }

    pub fn join(self) -> T {
        self.thread.join().expect("the server does not panic")
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// The head of the request, up to the empty line.
pub fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

/// A server that reads the request and answers with these bytes.
pub fn answering(answer: impl Into<Vec<u8>>) -> Server<String> {
    let answer = answer.into();
    Server::start(move |mut stream| {
        let head = read_head(&mut stream);
        stream.write_all(&answer).expect("the answer is written");
        head
    })
}

pub type Client = WebSocket<TcpStream>;

/// Connects and shakes hands as a driver would.
pub fn open(request: Request, limits: Limits) -> Result<(Client, Response), Ended> {
    let address = request.address().clone();
    let stream = TcpStream::connect((address.host.as_str(), address.port)).expect("a connection");
    let config = limits.config().expect("valid limits");
    match client_with_config(request.into_http()?, patient(stream), Some(config)) {
        Ok((client, response)) => Ok((client, response.into())),
        Err(HandshakeError::Failure(error)) => Err(Ended::from(&error)),
        Err(HandshakeError::Interrupted(_)) => panic!("the handshake took longer than {PATIENCE:?}"),
    }
}

pub fn open_url(url: &str) -> Result<(Client, Response), Ended> {
    open(Request::new(url).expect("a URL"), Limits::default())
}

/// How the connection ends, whatever arrives before that.
pub fn read_to_end(client: &mut Client) -> Ended {
    loop {
        match client.read() {
            Ok(heartline_tungstenite::tungstenite::Message::Close(frame)) => return Ended::by_close(frame.as_ref()),
            Ok(_) => {}
            Err(error) => return Ended::from(&error),
        }
    }
}

/// The next close frame, which is answered, or why there is none.
pub fn close_of(socket: &mut Client) -> Result<(u16, String), Error> {
    loop {
        if let heartline_tungstenite::tungstenite::Message::Close(frame) = socket.read()? {
            _ = socket.flush();
            return Ok(frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string())));
        }
    }
}

/// A server that says this without being asked, and waits until the client has hung up.
#[cfg(feature = "rustls-tls")]
pub fn answering_at_once(answer: &'static str) -> Server<()> {
    Server::start(move |mut stream| {
        stream.write_all(answer.as_bytes()).expect("the answer is written");
        _ = stream.read_to_end(&mut Vec::new());
    })
}
