//! Where a process runs: on loopback, or in a network namespace of its own.

use std::net::Ipv4Addr;
use std::process::Command;

/// A machine, as far as the network is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its address.
    pub address: Ipv4Addr,
    /// The namespace's name, as `ip netns` takes it.
    pub namespace: Option<String>,
}

impl Host {
    /// This one.
    pub const LOOPBACK: Self = Self { address: Ipv4Addr::LOCALHOST, namespace: None };

    /// How to start a program there. The process is the program: `ip` becomes it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let Some(namespace) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }
}
