//! Dials through proxies.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use heartline::Loss;
use heartline::loss::TransportError::{self, Connect, Io, Protocol, Proxy};
use heartline_tungstenite::Proxies;
use rustls::ServerConfig;

use super::{MakeTls, echoes, fails};
use crate::authority::Authority;
use crate::real::{Login, Running, microsocks, tinyproxy};
use crate::server::{dribble, echo, echo_on, listen, nobody, read_head, secured};
use crate::{Asked, Attempt, Driver};

const LOGIN: Login<'static> = Some(("me", "secret"));

/// `CONNECT` by tinyproxy, with and without a login, for `ws` and for `wss` if there is TLS.
pub fn tinyproxy_leads_to_the_server(driver: Driver<'_>, tls: Option<MakeTls<'_>>) {
    real(driver, tls, "http", tinyproxy, Loss::Status(407));
}

/// What a real proxy says of a server that is not there.
pub fn tinyproxy_tells_that_the_server_is_down_and_is_asked_again(driver: Driver<'_>) {
    let Some(proxy) = tinyproxy(None) else { return };
    let failed = fails(driver, Attempt::through(ws(nobody()), &format!("http://{}", proxy.address)));
    assert!(matches!(failed.loss, Loss::Status(500..=599)) && !failed.stopped, "{failed:?}");
}

/// The same for SOCKS 5 by microsocks.
pub fn microsocks_leads_to_the_server(driver: Driver<'_>, tls: Option<MakeTls<'_>>) {
    for scheme in ["socks5", "socks5h"] {
        real(driver, tls, scheme, microsocks, Loss::Transport(Proxy));
    }
    if let Some(proxy) = microsocks(None) {
        let failed = fails(driver, Attempt::through(ws(nobody()), &format!("socks5://{}", proxy.address)));
        assert_eq!((failed.loss, failed.stopped), (Loss::Transport(Connect), false), "{failed:?}");
        assert!(failed.text.contains("connection refused (reply 5)"), "{failed:?}");
    }
}

fn real(
    driver: Driver<'_>,
    tls: Option<MakeTls<'_>>,
    scheme: &str,
    start: fn(Login<'_>) -> Option<Running>,
    refused: Loss,
) {
    let (Some(open), Some(closed)) = (start(None), start(LOGIN)) else { return };
    let authority = Authority::new();
    let (plain, secure) = (echo(None), echo(Some(authority.server(&["localhost"], false))));
    let through_open = format!("{scheme}://{}", open.address);
    let through_closed = format!("{scheme}://me:secret@{}", closed.address);
    for proxy in [&through_open, &through_closed] {
        echoes(driver, Attempt::through(ws(plain), proxy));
        if let Some(make) = tls {
            let url = format!("wss://localhost:{}/", secure.port());
            echoes(driver, Attempt::through(url, proxy).by(Some(make(&authority, None))));
        }
    }
    // Which shows, too, that the proxy was asked.
    for login in ["", "me:wrong@"] {
        let proxy = format!("{scheme}://{login}{}", closed.address);
        let failed = fails(driver, Attempt::through(ws(plain), &proxy));
        assert_eq!((failed.loss, failed.stopped), (refused, true), "{proxy}: {failed:?}");
    }
}

fn ws(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

/// A proxy that answers `CONNECT` one byte at a time and leads to a server that only it knows.
pub fn a_name_is_left_to_the_proxy_whose_answer_may_come_byte_by_byte(driver: Driver<'_>) {
    let proxy = listen(|mut stream| {
        let head = read_head(&mut stream).expect("a request");
        assert!(head.starts_with("CONNECT only.proxy.test:8080 HTTP/1.1\r\nHost: only.proxy.test:8080\r\n"), "{head}");
        dribble(&mut stream, b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\n").expect("a client that reads");
        echo_on(stream);
    });
    echoes(driver, Attempt::through("ws://only.proxy.test:8080/", &format!("http://{proxy}")));
    let proxy = listen(|mut stream| {
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).expect("a greeting");
        dribble(&mut stream, &[5, 0]).expect("a client that reads");
        let mut request = [0; 5 + 15 + 2];
        stream.read_exact(&mut request).expect("a request");
        assert_eq!(&request, b"\x05\x01\x00\x03\x0fonly.proxy.test\x1f\x90");
        dribble(&mut stream, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).expect("a client that reads");
        echo_on(stream);
    });
    echoes(driver, Attempt::through("ws://only.proxy.test:8080/", &format!("socks5://{proxy}")));
}

/// What refuses, and what it means.
pub fn a_refusal_is_told_and_stops_or_retries_as_documented(driver: Driver<'_>) {
    let cases: [(&str, &[u8], Loss, bool); 8] = [
        ("http", b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\n\r\n", Loss::Status(407), true),
        ("http", b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", Loss::Status(403), true),
        ("http", b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Loss::Status(502), false),
        ("http", b"HTTP/1.1 2", Loss::Transport(Io), false),
        ("http", b"220 mail.example\r\n\r\n", Loss::Transport(Protocol), false),
        ("socks5", b"\x05\xff", Loss::Transport(Proxy), true),
        ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n", Loss::Transport(Protocol), false),
        ("socks5", b"", Loss::Transport(Io), false),
    ];
    for (scheme, answer, loss, stops) in cases {
        let proxy = listen(move |mut stream| {
            _ = stream.read(&mut [0; 1000]);
            _ = stream.write_all(answer);
        });
        let failed = fails(driver, Attempt::through("ws://chat.example/", &format!("{scheme}://{proxy}")));
        assert_eq!((failed.loss, failed.stopped), (loss, stops), "{failed:?}");
        assert!(failed.text.contains("proxy") && !failed.text.contains("address"), "{failed:?}");
    }
    let failed = fails(driver, Attempt::through("ws://chat.example/", &format!("http://{}", nobody())));
    assert_eq!((failed.loss, failed.stopped), (Loss::Transport(Connect), false), "{failed:?}");
}

/// Half an answer, and then nothing.
pub fn a_proxy_that_falls_silent_is_given_up_after_connect_timeout(driver: Driver<'_>) {
    for (scheme, answer) in [("http", b"HTTP/1.1 200 OK\r\n".as_slice()), ("socks5", b"\x05")] {
        let proxy = listen(move |mut stream| {
            _ = stream.write_all(answer);
            while stream.read(&mut [0; 100]).is_ok_and(|count| count > 0) {}
        });
        let mut attempt = Attempt::through("ws://chat.example/", &format!("{scheme}://{proxy}"));
        attempt.connect_timeout = Duration::from_millis(100);
        let failed = fails(driver, attempt);
        assert_eq!((failed.loss, failed.stopped), (Loss::ConnectTimeout, false), "{failed:?}");
        assert_eq!(failed.text, "the dial took too long", "a timeout of the session's own is the last end too");
    }
}

/// A proxy that leads to one server.
fn to_chat_example() -> SocketAddr {
    listen(|mut stream| {
        if read_head(&mut stream).is_ok_and(|head| head.starts_with("CONNECT chat.example:80 ")) {
            _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            echo_on(stream);
        }
    })
}

/// The environment's rules, on a connection.
pub fn variables_choose_the_proxy_and_never_one_for_loopback(driver: Driver<'_>) {
    let proxy = to_chat_example();
    let environment = |name: &str| (name == "HTTP_PROXY").then(|| proxy.to_string());
    let proxies = Proxies::from_variables(environment).expect("a proxy");
    echoes(driver, Attempt { proxies: Asked::Own(proxies.clone()), ..Attempt::to("ws://chat.example/") });
    echoes(driver, Attempt { proxies: Asked::Own(proxies), ..Attempt::to(ws(echo(None))) });
}

/// TLS to the proxy, and in it TLS to the server, or none. The proxy's certificate is verified as the server's is.
pub fn an_https_proxy_is_spoken_to_by_tls(driver: Driver<'_>, make: MakeTls<'_>) {
    let authority = Authority::new();
    let proxy = |inner: Option<Arc<ServerConfig>>| {
        let outer = Arc::new(authority.server(&["localhost"], false));
        let address = listen(move |stream| {
            let mut stream = secured(stream, Some(outer.clone()));
            if read_head(&mut stream).is_ok() && stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
                _ = stream.flush();
                echo_on(secured(stream, inner.clone()));
            }
        });
        format!("https://localhost:{}", address.port())
    };
    let through = |url: &str, inner, trusted: &Authority| {
        let attempt = Attempt::through(url, &proxy(inner)).by(Some(make(trusted, None)));
        Attempt { message: "x".repeat(900_000), ..attempt }
    };
    let inner = || Some(Arc::new(authority.server(&["chat.example"], false)));
    echoes(driver, through("ws://chat.example/", None, &authority));
    echoes(driver, through("wss://chat.example/", inner(), &authority));
    let failed = fails(driver, through("wss://chat.example/", inner(), &Authority::new()));
    assert_eq!((failed.loss, failed.stopped), (Loss::Transport(TransportError::Tls), false), "{failed:?}");
}

/// In a process of its own, whose environment names a proxy: the test runs itself.
pub fn the_environment_of_the_process_is_asked_if_that_is_wanted(driver: Driver<'_>) {
    const CHILD: &str = "HEARTLINE_TEST_CHILD";
    if let Ok(loopback) = std::env::var(CHILD) {
        for url in ["ws://chat.example/", loopback.as_str()] {
            echoes(driver, Attempt { proxies: Asked::Environment, ..Attempt::to(url) });
        }
        return;
    }
    let proxy = to_chat_example();
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "without_tls::the_environment_of_the_process_is_asked_if_that_is_wanted"]);
    for name in ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    let output = command.env("http_proxy", proxy.to_string()).env(CHILD, ws(echo(None))).output().expect("a process");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
