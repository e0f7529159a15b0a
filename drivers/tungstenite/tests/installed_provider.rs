//! A process that has installed a crypto provider for rustls: alone in its process, as there is one provider in each.
#![cfg(feature = "rustls-tls")]

use heartline_driver_testing::Authority;
use heartline_tungstenite::Tls;
use heartline_tungstenite::tls::Connector;
use rustls::crypto::ring;

#[test]
fn a_provider_that_the_process_has_installed_is_used() {
    let mut provider = ring::default_provider();
    provider.cipher_suites.truncate(1);
    provider.install_default().expect("the first one");

    let tls = Tls::roots([Authority::new().root()]).expect("roots");
    let Connector::Rustls(config) = tls.connector().expect("a connector") else { panic!("rustls") };
    assert_eq!(config.crypto_provider().cipher_suites.len(), 1);
}
