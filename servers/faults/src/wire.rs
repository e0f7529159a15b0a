//! A connection between two processes that can be disturbed.

use std::net::Ipv4Addr;

use heartline_driver_testing::host::Host;
use heartline_testkit::faults::Link;

/// What happens to a wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing passes; at its end everything does, late.
    Stalled,
    /// Nothing passes; at its end the connections of before are gone, and what they held.
    Cut,
    /// Every packet is dropped.
    Dropped,
    /// Every packet to the node or the second broker is dropped, and none from it.
    DroppedInward,
    /// The other way.
    DroppedOutward,
    /// Connections are reset, and new ones refused.
    Reset,
    /// Every third packet is dropped, at random.
    Lossy,
}

/// Between a node or the second broker, and a broker.
pub enum Wire {
    /// A relay, that can be [stalled](Trouble::Stalled) and [cut](Trouble::Cut).
    Relay(Link),
    /// Namespaces: of the node or the second broker, which sees the other at this address. All other troubles are for this one.
    Namespace(Host, Ipv4Addr),
}

impl Wire {
    /// Begins it.
    ///
    /// # Panics
    /// This wire is of the other kind; or there is no `nft`, or it is not permitted.
    pub fn begin(&self, trouble: Trouble) {
        match self {
            Self::Relay(link) => {
                assert!(matches!(trouble, Trouble::Stalled | Trouble::Cut), "a relay cannot be {trouble:?}");
                link.silence();
            }
            Self::Namespace(host, other) => nft(host, &rules(trouble, *other)),
        }
    }

    /// Ends it.
    pub fn end(&self, trouble: Trouble) {
        match self {
            Self::Relay(link) if trouble == Trouble::Stalled => link.resume(),
            Self::Relay(link) => link.heal(),
            Self::Namespace(host, _) => nft(host, "delete table inet heartline"),
        }
    }
}

/// As `nft -f` takes them.
fn rules(trouble: Trouble, other: Ipv4Addr) -> String {
    let (inward, outward) = (format!("ip saddr {other}"), format!("ip daddr {other}"));
    let (what_comes, what_goes) = match trouble {
        Trouble::Dropped => ("drop", "drop"),
        Trouble::DroppedInward => ("drop", "accept"),
        Trouble::DroppedOutward => ("accept", "drop"),
        // Resets themselves pass, so that both sides get theirs.
        Trouble::Reset => ("accept", "tcp flags & rst == 0 reject with tcp reset"),
        Trouble::Lossy => ("numgen random mod 3 == 0 drop", "numgen random mod 3 == 0 drop"),
        Trouble::Stalled | Trouble::Cut => panic!("packets cannot be {trouble:?}"),
    };
    format!(
        "table inet heartline {{
          chain comes {{ type filter hook input priority 0; {inward} {what_comes} ; }}
          chain goes {{ type filter hook output priority 0; {outward} {what_goes} ; }}
        }}"
    )
}

fn nft(host: &Host, rules: &str) {
    let output = host.command("nft").arg(rules).output().expect("nft");
    assert!(output.status.success(), "nft {rules}: {}", String::from_utf8_lossy(&output.stderr));
}
