//! Dials by TLS.

use heartline::Loss;
use heartline::loss::TransportError;

use super::{MakeTls, echoes, fails};
use crate::authority::Authority;
use crate::server::{echo, listen};
use crate::{Attempt, Driver};

fn url(host: &str, authority: &Authority, names: &[&str], wants_certificate: bool) -> String {
    format!("wss://{host}:{}/", echo(Some(authority.server(names, wants_certificate))).port())
}

/// Names and addresses, of an authority that is trusted.
pub fn a_trusted_server_is_talked_to_by_name_and_by_address(driver: Driver<'_>, make: MakeTls<'_>) {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let to = Attempt::to(url(host, &authority, &["localhost", "127.0.0.1"], false));
        let attempt = to.by(Some(make(&authority, None)));
        echoes(driver, Attempt { message: "x".repeat(900_000), ..attempt });
    }
}

/// Which is a failure of TLS, and retried: the certificate may be about to be replaced.
pub fn a_wrong_name_and_an_unknown_authority_are_refused_and_tried_again(driver: Driver<'_>, make: MakeTls<'_>) {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    let no_tls = listen(|mut stream| _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    for url in [
        url("localhost", &authority, &["other.example"], false),
        url("127.0.0.1", &authority, &["localhost"], false),
        url("localhost", &other, &["localhost"], false),
        format!("wss://localhost:{}/", no_tls.port()),
    ] {
        let failed = fails(driver, Attempt::to(&url).by(Some(make(&authority, None))));
        assert_eq!((failed.loss, failed.stopped), (Loss::Transport(TransportError::Tls), false), "{url} {failed:?}");
        assert!(failed.text.contains("TLS handshake failed"), "{failed:?}");
    }
}

/// A server that asks for one.
pub fn a_client_certificate_is_shown_and_without_one_nothing_is_served(driver: Driver<'_>, make: MakeTls<'_>) {
    let authority = Authority::new();
    let url = url("localhost", &authority, &["localhost"], true);
    echoes(driver, Attempt::to(&url).by(Some(make(&authority, Some(authority.issue(&["me"]))))));
    let stranger = Authority::named("another").issue(&["me"]);
    for identity in [None, Some(stranger)] {
        // By TLS 1.3 the client has finished when the server refuses, so that is a connection that breaks.
        let failed = fails(driver, Attempt::to(&url).by(Some(make(&authority, identity))));
        assert!(matches!(failed.loss, Loss::Transport(TransportError::Tls | TransportError::Io)), "{failed:?}");
        assert!(!failed.stopped, "{failed:?}");
    }
}
