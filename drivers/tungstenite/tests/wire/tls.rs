//! TLS against a rustls server with certificates made here.

use std::net::TcpStream;
use std::sync::Arc;

use heartline::Loss;
use heartline::loss::TransportError;
use heartline_driver_testing::Authority;
use heartline_tungstenite::ended::EndError;
use heartline_tungstenite::tls::{Connector, TlsError};
use heartline_tungstenite::tungstenite::client::client;
use heartline_tungstenite::tungstenite::{HandshakeError, Message, accept};
use heartline_tungstenite::{Ended, Request, Tls};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use crate::harness::Server;

/// What a server of one connection saw.
#[derive(Debug, Default)]
struct Seen {
    text: Option<String>,
    client_certificate: bool,
    alpn: Option<Vec<u8>>,
    name: Option<String>,
}

fn serve(config: ServerConfig) -> Server<Seen> {
    Server::start(move |stream: TcpStream| {
        let connection = ServerConnection::new(config.into()).expect("a connection");
        let Ok(mut socket) = accept(StreamOwned::new(connection, stream)) else { return Seen::default() };
        let text = socket.read().ok().map(|message| message.to_string());
        let tls = &socket.get_ref().conn;
        Seen {
            text,
            client_certificate: tls.peer_certificates().is_some(),
            alpn: tls.alpn_protocol().map(<[u8]>::to_vec),
            name: tls.server_name().map(str::to_owned),
        }
    })
}

/// Shakes hands as a driver does, sends a text and goes.
fn dial(tls: &Tls, host: &str, port: u16) -> Result<(), Ended> {
    let request = Request::new(&format!("wss://{host}:{port}/"))?;
    let Connector::Rustls(config) = tls.connector()? else { panic!("rustls") };
    let connection = ClientConnection::new(config, request.address().server_name()?).expect("a connection");
    let tcp = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let (mut socket, _) =
        client(request.into_http()?, StreamOwned::new(connection, tcp)).map_err(|error| match error {
            HandshakeError::Failure(error) => Ended::from(&error),
            HandshakeError::Interrupted(_) => panic!("a blocking socket"),
        })?;
    socket.send(Message::text("hello")).map_err(|error| Ended::from(&error))
}

fn assert_tls_failed(result: Result<(), Ended>, with: &str) {
    let ended = result.expect_err("no TLS");
    assert_eq!(ended.loss, Loss::Transport(TransportError::Tls), "{ended:?}");
    let Some(EndError::Tls(TlsError::Handshake { reason })) = &ended.error else { panic!("{ended:?}") };
    assert!(reason.contains(with), "{reason}");
}

#[test]
fn roots_of_ones_own_are_trusted_for_names_and_for_addresses() {
    let authority = Authority::new();
    let tls = Tls::roots([authority.root()]).unwrap();
    for (host, name) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let server = serve(authority.server(&["localhost", "127.0.0.1"], false));
        dial(&tls, host, server.port).expect(host);
        let seen = server.join();
        assert_eq!((seen.text.as_deref(), seen.name.as_deref()), (Some("hello"), name));
        assert_eq!((seen.client_certificate, seen.alpn), (false, None));
    }
    // `ClientConfig::builder()` would have installed one, or have panicked.
    assert!(CryptoProvider::get_default().is_none(), "no default crypto provider is needed");
}

#[test]
fn an_international_host_is_verified_by_its_ascii_name() {
    let authority = Authority::new();
    let server = serve(authority.server(&["xn--bcher-kva.example"], false));
    dial(&Tls::roots([authority.root()]).unwrap(), "Bücher.example", server.port).expect("the certificate fits");
    assert_eq!(server.join().name.as_deref(), Some("xn--bcher-kva.example"));
}

#[test]
fn roots_are_read_from_pem_and_what_is_no_pem_or_empty_is_refused() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    let tls = Tls::roots_pem(other.pem() + &authority.pem()).unwrap();
    let server = serve(authority.server(&["localhost"], false));
    dial(&tls, "localhost", server.port).expect("a trusted server");
    server.join();
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    assert!(matches!(Tls::roots_pem(broken), Err(TlsError::Certificate { .. })));
    assert!(matches!(Tls::roots_pem(""), Err(TlsError::NoRoots { .. })));
    let found = Err(TlsError::Certificate { reason: "no PEM certificate was found".into() });
    assert_eq!(Tls::roots_pem("not PEM").map(drop), found);
    assert_eq!(Tls::roots_pem(b"0\x82\x01\x0a").map(drop), found);
    assert!(matches!(Tls::roots([CertificateDer::from(vec![1, 2, 3])]), Err(TlsError::Certificate { .. })));
}

#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::named("another"));
    let server = serve(other.server(&["localhost"], false));
    let tls = Tls::roots([authority.root()]).unwrap();
    assert_tls_failed(dial(&tls, "localhost", server.port), "UnknownIssuer");
    server.join();
    let server = serve(authority.server(&["other.example"], false));
    assert_tls_failed(dial(&tls, "localhost", server.port), "not valid for");
    server.join();
}

#[test]
fn a_server_without_tls_is_a_failure_of_tls() {
    let server = crate::harness::answering_at_once("HTTP/1.1 400 Bad Request\r\n\r\n");
    let tls = Tls::roots([Authority::new().root()]).unwrap();
    assert_tls_failed(dial(&tls, "localhost", server.port), "corrupt");
    server.join();
}

#[test]
fn a_client_certificate_arrives_and_without_one_the_server_refuses() {
    let authority = Authority::new();
    let server = serve(authority.server(&["localhost"], true));
    let tls = Tls::rustls(authority.client(Some(authority.issue(&["me"]))));
    dial(&tls, "localhost", server.port).expect("the certificate is taken");
    assert!(server.join().client_certificate);

    let server = serve(authority.server(&["localhost"], true));
    let tls = Tls::rustls(authority.client(None));
    _ = dial(&tls, "localhost", server.port);
    assert_eq!(server.join().text, None, "nothing was served");
}

#[test]
fn http_2_is_never_offered_even_by_a_configuration_that_does() {
    let authority = Authority::new();
    for (offered, chosen) in [(&[&b"h2"[..], b"http/1.1"][..], Some(&b"http/1.1"[..])), (&[b"h2"], None)] {
        let mut server = authority.server(&["localhost"], false);
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let server = serve(server);
        let mut config = authority.client(None);
        config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        dial(&Tls::rustls(config), "localhost", server.port).expect("a connection");
        assert_eq!(server.join().alpn.as_deref(), chosen);
    }
}

#[test]
fn a_configuration_without_h2_is_taken_as_it_is() {
    let config = Arc::new(Authority::new().client(None));
    let Connector::Rustls(taken) = Tls::rustls(config.clone()).connector().unwrap() else { panic!("rustls") };
    assert!(Arc::ptr_eq(&taken, &config));
}

#[test]
fn a_host_that_no_certificate_can_have_is_an_error() {
    let address = Request::new("wss://under_score.example!/").map(|request| request.address().clone());
    let error = address.expect("a URL").server_name().expect_err("no such name");
    assert!(matches!(error, TlsError::ServerName { .. }), "{error}");
}

#[cfg(feature = "rustls-tls-webpki-roots")]
#[test]
fn default_roots_trust_nobody_of_this_test_and_need_no_default_provider() {
    let tls = Tls::rustls_default_roots().unwrap();
    let server = serve(Authority::named("unknown").server(&["localhost"], false));
    assert_tls_failed(dial(&tls, "localhost", server.port), "UnknownIssuer");
    server.join();
    assert!(CryptoProvider::get_default().is_none());
}

#[cfg(all(feature = "rustls-tls-webpki-roots", not(feature = "native-tls")))]
#[test]
fn clones_share_one_configuration_and_with_it_resumed_sessions() {
    let tls = Tls::default();
    let (Connector::Rustls(one), Connector::Rustls(two)) = (tls.connector().unwrap(), tls.clone().connector().unwrap())
    else {
        panic!("rustls")
    };
    assert!(Arc::ptr_eq(&one, &two));
}

#[cfg(not(any(feature = "rustls-tls-webpki-roots", feature = "rustls-tls-native-roots", feature = "native-tls")))]
#[test]
fn without_a_feature_that_has_roots_the_default_is_an_error_and_not_an_empty_store() {
    assert_eq!(Tls::default().connector().err(), Some(TlsError::NotBuilt));
    assert_eq!(Tls::rustls_default_roots().err(), Some(TlsError::NotBuilt));
}

#[cfg(feature = "rustls-tls-native-roots")]
mod platform_roots {
    use std::path::PathBuf;
    use std::process::Command;
    use std::{env, fs};

    use super::*;

    const PORT: &str = "HEARTLINE_TEST_PORT";

    /// Runs the test of this name in a process whose platform has these roots.
    fn in_a_process(test: &str, roots: &str, port: u16) {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.pem"));
        fs::write(&path, roots).expect("a file");
        let mut command = Command::new(env::current_exe().expect("this test"));
        command.args(["--exact", "--include-ignored", &format!("tls::platform_roots::{test}")]);
        command.env("SSL_CERT_FILE", &path).env_remove("SSL_CERT_DIR").env(PORT, port.to_string());
        let output = command.output().expect("a process");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    }

    #[test]
    fn roots_of_the_platform_are_trusted() {
        let authority = Authority::new();
        let server = serve(authority.server(&["localhost"], false));
        in_a_process("child_that_dials", &authority.pem(), server.port);
        assert_eq!(server.join().text.as_deref(), Some("hello"));
    }

    #[test]
    #[ignore = "run by the test above, in a process of its own"]
    fn child_that_dials() {
        let port = env::var(PORT).expect("a port").parse().expect("a number");
        dial(&Tls::rustls_default_roots().expect("roots"), "localhost", port).expect("a trusted server");
    }

    #[cfg(not(feature = "rustls-tls-webpki-roots"))]
    #[test]
    fn a_platform_without_roots_is_an_error() {
        in_a_process("child_without_roots", "", 0);
    }

    #[cfg(not(feature = "rustls-tls-webpki-roots"))]
    #[test]
    #[ignore = "run by the test above, in a process of its own"]
    fn child_without_roots() {
        assert!(matches!(Tls::rustls_default_roots(), Err(TlsError::NoRoots { .. })));
    }
}

#[cfg(feature = "native-tls")]
mod native {
    use native_tls::{Certificate, TlsConnector};

    use super::*;

    fn dial(tls: &Tls, port: u16) -> Result<(), Ended> {
        let request = Request::new(&format!("wss://localhost:{port}/"))?;
        let Connector::Native(connector) = tls.connector()? else { panic!("native-tls") };
        let tcp = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let connector = Connector::Native(connector).into();
        let dialled = heartline_tungstenite::tungstenite::client_tls_with_config(
            request.into_http()?,
            tcp,
            None,
            Some(connector),
        );
        let (mut socket, _) = dialled.map_err(|error| match error {
            HandshakeError::Failure(error) => Ended::from(&error),
            HandshakeError::Interrupted(_) => panic!("a blocking socket"),
        })?;
        socket.send(Message::text("hello")).map_err(|error| Ended::from(&error))
    }

    #[test]
    fn a_connector_of_ones_own_is_used() {
        let authority = Authority::new();
        let server = serve(authority.server(&["localhost"], false));
        let root = Certificate::from_der(&authority.root()).expect("a root");
        let connector = TlsConnector::builder().add_root_certificate(root).build().expect("a connector");
        dial(&Tls::native(connector), server.port).expect("a trusted server");
        assert_eq!(server.join().text.as_deref(), Some("hello"));
    }

    #[test]
    fn it_is_the_default_where_it_is_on_and_trusts_nobody_of_this_test() {
        let server = serve(Authority::named("unknown").server(&["localhost"], false));
        let ended = dial(&Tls::default(), server.port).expect_err("not trusted");
        assert_eq!(ended.loss, Loss::Transport(TransportError::Tls));
        server.join();
    }
}
