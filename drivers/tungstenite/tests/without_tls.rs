//! A build without any TLS.
#![cfg(not(any(feature = "rustls-tls", feature = "native-tls")))]

use heartline::Loss;
use heartline::loss::TransportError;
use heartline_tungstenite::ended::EndError;
use heartline_tungstenite::tls::TlsError;
use heartline_tungstenite::{Ended, Tls};

#[test]
fn wss_stops_with_an_error_that_names_the_missing_feature() {
    assert_eq!(Tls::default().check(), Err(TlsError::NotBuilt));
    let error = Tls::default().connector().err().expect("no connector");
    assert!(error.to_string().contains("rustls-tls-webpki-roots"), "{error}");
    let ended = Ended::from(error);
    assert_eq!(ended.loss, Loss::Transport(TransportError::Address));
    assert_eq!(ended.error, Some(EndError::Tls(TlsError::NotBuilt)));
}
