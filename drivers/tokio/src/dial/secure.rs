//! TLS, to a server or to a proxy.

use heartline_tungstenite::tls::TlsError;
use heartline_tungstenite::{Address, Ended, Tls};

use crate::wire::{Layer, Meter};

#[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
pub(super) async fn shake_hands(tls: &Tls, address: &Address, meter: Meter) -> Result<Layer, Ended> {
    use heartline::loss::TransportError;
    use heartline_tungstenite::tls::Connector;

    // The platform's roots are files.
    let tls = tls.clone();
    let connector = tokio::task::spawn_blocking(move || tls.connector()).await;
    let connector = connector.map_err(|_| Ended::from(TransportError::Tls))?.map_err(Ended::from)?;
    match connector {
        #[cfg(feature = "rustls-tls")]
        Connector::Rustls(config) => {
            let name = address.server_name().map_err(Ended::from)?;
            let stream = tokio_rustls::TlsConnector::from(config).connect(name, meter).await;
            let failed = |error: std::io::Error| Ended::from(&tungstenite::Error::Io(error));
            stream.map(|stream| Layer::Rustls(Box::new(stream))).map_err(failed)
        }
        #[cfg(feature = "native-tls")]
        Connector::Native(connector) => {
            let stream = tokio_native_tls::TlsConnector::from(connector).connect(&address.host, meter).await;
            let failed = |error: tokio_native_tls::native_tls::Error| {
                Ended::from(TlsError::Handshake { reason: error.to_string() })
            };
            stream.map(|stream| Layer::Native(Box::new(stream))).map_err(failed)
        }
        _ => Err(TlsError::NotBuilt.into()),
    }
}

#[cfg(not(any(feature = "rustls-tls", feature = "native-tls")))]
pub(super) async fn shake_hands(tls: &Tls, _: &Address, _: Meter) -> Result<Layer, Ended> {
    Err(tls.connector().map_or_else(Ended::from, |_| TlsError::NotBuilt.into()))
}
