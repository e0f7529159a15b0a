use super::*;

mod environment;
mod handshakes;
mod urls;

fn proxy(url: &str) -> Proxy {
    Proxy::new(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn target(host: &str, port: u16) -> Address {
    Address { host: host.into(), port, tls: true }
}
