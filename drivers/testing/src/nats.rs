//! Debian's `nats-server`: one broker, or two that are one.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use heartline_testkit::faults::Link;

use crate::host::Host;
use crate::install::{Start, has};
use crate::process::{Place, Server, free_port};

const PROGRAM: &str = "/usr/sbin/nats-server";

/// A broker that listens, with this configuration besides its address. In it `@DIRECTORY@` is where it runs.
pub fn broker(config: &str) -> Option<Server> {
    let server = Server::start(start(config)?);
    server.listens();
    Some(server)
}

/// How to start a broker.
pub fn start(config: &str) -> Option<Start> {
    start_on(&Host::LOOPBACK, config, Vec::new())
}

fn start_on(host: &Host, config: &str, arguments: Vec<OsString>) -> Option<Start> {
    has("nats-server", Path::new(PROGRAM))?;
    let (host, config) = (host.clone(), config.to_owned());
    Some(Box::new(move |place: &Place| {
        let file = place.directory.join("config");
        std::fs::write(&file, config.replace("@DIRECTORY@", &place.directory.display().to_string())).expect("a file");
        let mut command = host.command(PROGRAM);
        let (address, port) = (host.address.to_string(), place.port.to_string());
        command.args(["-a", &address, "-p", &port, "-c"]).arg(file).args(&arguments);
        command
    }))
}

/// How to start one of several brokers that are one. The others find it on `port`, or it finds another at `route`. None tells clients of
/// others, so that clients stay with those that they were told to use.
pub fn start_one_of_several(host: &Host, port: u16, route: Option<SocketAddr>) -> Option<Start> {
    let own = format!("nats://{}:{port}", host.address);
    let mut arguments = ["--cluster_name", "test", "--no_advertise", "--cluster", &own].map(OsString::from).to_vec();
    if let Some(route) = route {
        arguments.extend(["--routes".into(), format!("nats://{route}").into()]);
    }
    start_on(host, "", arguments)
}

/// Where clients find a broker on loopback.
pub fn url(broker: &Server) -> String {
    format!("nats://127.0.0.1:{}", broker.place.port)
}

/// Two brokers on loopback, and the link between them.
pub struct Brokers {
    /// One.
    pub a: Server,
    /// The other, which dials the first.
    pub b: Server,
    /// Between them.
    pub route: Link,
}

impl Brokers {
    /// Two that listen; they may not have found each other yet.
    pub fn start() -> Option<Self> {
        let port = free_port();
        let route = Link::to((Ipv4Addr::LOCALHOST, port).into()).expect("a port");
        let a = Server::start(start_one_of_several(&Host::LOOPBACK, port, None)?);
        let b = Server::start(start_one_of_several(&Host::LOOPBACK, free_port(), Some(route.address()))?);
        a.listens();
        b.listens();
        Some(Self { a, b, route })
    }
}
