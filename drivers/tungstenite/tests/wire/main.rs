//! The crate against real sockets on loopback: what it sends, how ends arrive, TLS.

mod ends;
mod harness;
mod redirects;
mod requests;
#[cfg(feature = "rustls-tls")]
mod tls;

#[test]
fn what_drivers_hold_and_hooks_return_can_move_between_tasks() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<heartline_tungstenite::Request>();
    check::<heartline_tungstenite::RequestError>();
    check::<heartline_tungstenite::Response>();
    check::<heartline_tungstenite::Tls>();
    check::<heartline_tungstenite::tls::TlsError>();
    check::<heartline_tungstenite::Limits>();
    check::<heartline_tungstenite::Ended>();
    check::<heartline_tungstenite::codec::CodecError>();
    check::<heartline_tungstenite::codec::Item<heartline_tungstenite::tungstenite::Message>>();
}
