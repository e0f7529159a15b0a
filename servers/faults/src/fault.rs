//! What goes wrong.

use std::fmt;
use std::time::Instant;

use crate::cluster::{A, B, C};
use crate::run::Run;
use crate::setup::Ground;
use crate::wire::Trouble;

/// One kind of trouble. Short is half a lease; long is until others have found out, and on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing: people talk, and log in elsewhere.
    None,
    /// Node b is killed, and started again.
    NodeKilled,
    /// Node b is stopped for a short time (SIGSTOP).
    NodeStopped,
    /// The same for a long time.
    NodeStoppedLong,
    /// The broker of b and c is killed, and started again after a long time.
    BrokerKilled,
    /// The same broker is stopped for a short time.
    BrokerStopped,
    /// The same for a long time.
    BrokerStoppedLong,
    /// The wire between b and its only broker, for a long time.
    Alone(Trouble),
    /// The wire between c and the first of its two brokers, for a long time.
    FailsOver(Trouble),
    /// The wire between the brokers, for a long time.
    Split(Trouble),
    /// Every node and then every broker is restarted in order, one after the other.
    Restart,
}

impl Fault {
    /// All that there are on this ground.
    pub fn all(ground: Ground) -> Vec<Self> {
        use Trouble::{Cut, Dropped, DroppedInward, DroppedOutward, Lossy, Reset, Stalled};
        let troubles = match ground {
            Ground::Loopback => vec![Stalled, Cut],
            Ground::Namespaces => vec![Dropped, DroppedInward, DroppedOutward, Reset, Lossy],
        };
        let of_wires = [Self::Alone, Self::FailsOver, Self::Split].into_iter();
        let of_wires = of_wires.flat_map(|fault: fn(Trouble) -> Self| troubles.iter().map(move |it| fault(*it)));
        match ground {
            Ground::Namespaces => of_wires.collect(),
            Ground::Loopback => {
                let of_nodes = [Self::None, Self::NodeKilled, Self::NodeStopped, Self::NodeStoppedLong];
                let of_brokers = [Self::BrokerKilled, Self::BrokerStopped, Self::BrokerStoppedLong];
                of_nodes.into_iter().chain(of_brokers).chain(of_wires).chain([Self::Restart]).collect()
            }
        }
    }

    pub(crate) async fn strike(self, run: &mut Run) {
        let lease = run.setup.directory.lease;
        match self {
            Self::None => run.hold(lease).await,
            Self::NodeKilled => node_killed(run).await,
            Self::NodeStopped | Self::NodeStoppedLong => {
                run.cluster.stop(B);
                if self == Self::NodeStoppedLong {
                    misses(run, A, "b").await;
                }
                run.hold(lease / 2).await;
                run.cluster.go_on(B);
            }
            Self::BrokerKilled => {
                run.cluster.brokers[1].kill();
                b_is_alone(run).await;
                run.cluster.start_broker_again(1);
            }
            Self::BrokerStopped => {
                run.cluster.brokers[1].stop();
                run.hold(lease / 2).await;
                run.cluster.brokers[1].go_on();
            }
            Self::BrokerStoppedLong => {
                run.cluster.brokers[1].stop();
                b_is_alone(run).await;
                run.cluster.brokers[1].go_on();
            }
            Self::Alone(trouble) => {
                run.cluster.wire(B).begin(trouble);
                if trouble != Trouble::Lossy {
                    b_is_alone(run).await;
                }
                run.hold(lease).await;
                run.cluster.wire(B).end(trouble);
            }
            Self::FailsOver(trouble) => {
                run.cluster.wire(C).begin(trouble);
                run.hold(lease).await;
                run.until("with a again", C, |view| !view.cut_off && view.others.contains_key("a")).await;
                run.hold(lease).await;
                run.cluster.wire(C).end(trouble);
            }
            Self::Split(trouble) => {
                run.cluster.route.begin(trouble);
                if trouble != Trouble::Lossy {
                    misses(run, A, "c").await;
                    misses(run, C, "a").await;
                }
                run.hold(lease).await;
                run.cluster.route.end(trouble);
            }
            Self::Restart => restart(run).await,
        }
    }
}

async fn misses(run: &mut Run, place: usize, other: &str) {
    run.until(&format!("without {other}"), place, |view| !view.others.contains_key(other)).await;
}

/// Until b is cut off, and the others miss it; and for another lease.
async fn b_is_alone(run: &mut Run) {
    run.until("cut off", B, |view| view.cut_off).await;
    misses(run, A, "b").await;
    run.hold(run.setup.directory.lease).await;
}

async fn node_killed(run: &mut Run) {
    let killed = Instant::now();
    run.cluster.kill(B);
    misses(run, A, "b").await;
    misses(run, C, "b").await;
    run.agree("the kill", killed).await;
    run.cluster.start_again(B);
}

async fn restart(run: &mut Run) {
    for (place, name) in [(A, "a"), (B, "b"), (C, "c")] {
        let asked = Instant::now();
        run.moves(true);
        tokio::task::block_in_place(|| run.cluster.terminate(place));
        run.moves(false);
        run.agree(&format!("the end of {name}"), asked).await;
        let started = Instant::now();
        run.cluster.start_again(place);
        run.agree("its start", started).await;
    }
    for place in [0, 1] {
        tokio::task::block_in_place(|| {
            run.cluster.brokers[place].terminate();
            run.cluster.start_broker_again(place);
        });
        run.hold(2 * run.setup.directory.hello).await; // Until the nodes have found out, and connected anew.
        run.agree(&format!("two hellos since the restart of broker {}", place + 1), Instant::now()).await;
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |formatter: &mut fmt::Formatter<'_>, what: &str, trouble: &Trouble| {
            write!(formatter, "{what}-{}", format!("{trouble:?}").to_lowercase())
        };
        match self {
            Self::None => formatter.write_str("none"),
            Self::NodeKilled => formatter.write_str("node-killed"),
            Self::NodeStopped => formatter.write_str("node-stopped"),
            Self::NodeStoppedLong => formatter.write_str("node-stopped-long"),
            Self::BrokerKilled => formatter.write_str("broker-killed"),
            Self::BrokerStopped => formatter.write_str("broker-stopped"),
            Self::BrokerStoppedLong => formatter.write_str("broker-stopped-long"),
            Self::Alone(trouble) => words(formatter, "alone", trouble),
            Self::FailsOver(trouble) => words(formatter, "fails-over", trouble),
            Self::Split(trouble) => words(formatter, "split", trouble),
            Self::Restart => formatter.write_str("restart"),
        }
    }
}
