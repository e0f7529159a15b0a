//! The calls of a cluster as data, so that a script of them can be drawn, repeated, and made shorter.

use std::time::Duration;

use heartline::directory::User;
use heartline::hub::Room;

use super::brokers::Leg;
use super::simulation::Cluster;
use super::site::Wall;

/// Something that happens to a cluster. Numbers beyond what there is count from the beginning again; what makes no sense
/// does nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// [`Cluster::go`].
    Go { session: usize, node: usize, roams: bool },
    /// [`Cluster::log_out`].
    LogOut { session: usize },
    /// [`Cluster::lose`].
    Lose { session: usize, told: bool },
    /// [`Cluster::write`], from the user of one session to that of another.
    Write { from: usize, to: usize },
    /// [`Cluster::say`].
    Say { from: usize, to: usize, bytes: usize, volatile: bool },
    /// [`Cluster::join`], one of a few rooms.
    Join { session: usize, room: u8 },
    /// [`Cluster::leave`].
    Leave { session: usize, room: u8 },
    /// [`Cluster::publish`].
    Publish { session: usize, room: u8 },
    /// [`Cluster::churn`], so much that earlier changes are no longer kept.
    Churn { node: usize },
    /// [`Cluster::ask_members`].
    Ask { node: usize, room: u8 },
    /// This many of a thousand packets are lost.
    Loss(u64),
    /// Packets take up to this long.
    Delay(Duration),
    /// [`Cluster::cut`].
    Cut(Leg),
    /// [`Cluster::stall`].
    Stall(Leg),
    /// [`Cluster::heal`].
    Heal(Leg),
    /// [`Cluster::crash_broker`].
    CrashBroker(usize),
    /// [`Cluster::start_broker`].
    StartBroker(usize),
    /// [`Cluster::reconnect`].
    Reconnect { node: usize, broker: usize },
    /// [`Cluster::crash`].
    Crash(usize),
    /// [`Cluster::start`].
    Start { node: usize, wall: Wall },
    /// [`Cluster::shut_down`].
    ShutDown { node: usize, pace: Duration },
    /// [`Cluster::suspend`].
    Suspend(usize),
    /// [`Cluster::wake`].
    Wake { node: usize, timer_first: bool, interrupted: bool },
    /// [`Cluster::set_wall`].
    SetWall { node: usize, wall: Wall },
    /// A second process under the name of a node.
    Twin { node: usize, broker: usize, wall: Wall },
}

impl Cluster {
    /// Does it.
    pub(super) fn apply(&mut self, step: &Step) {
        self.note(|| format!("-- {step:?}"));
        let (nodes, sessions, brokers) = (self.nodes(), self.sessions(), self.settings.brokers);
        match *step {
            Step::Go { session, node, roams } => self.go(session % sessions, node % nodes, roams),
            Step::LogOut { session } => self.log_out(session % sessions),
            Step::Lose { session, told } => self.lose(session % sessions, told),
            Step::Write { from, to } => {
                let [from, to] = [from, to].map(|session| self.user_of(session));
                if from != to {
                    self.write(&from, &to);
                }
            }
            Step::Say { from, to, bytes, volatile } => {
                let to = self.user_of(to);
                self.say(from % sessions, &to, bytes, volatile);
            }
            Step::Join { session, room } => self.join(session % sessions, name(room)),
            Step::Leave { session, room } => self.leave(session % sessions, name(room)),
            Step::Publish { session, room } => drop(self.publish(session % sessions, name(room))),
            Step::Ask { node, room } => self.ask_members(node % nodes, name(room), 10),
            Step::Churn { node } => self.churn(node % nodes, CHURN),
            Step::Loss(loss) => self.brokers().loss = loss,
            Step::Delay(delay) => self.brokers().delay = Duration::ZERO..delay,
            Step::Cut(leg) => self.cut(leg),
            Step::Stall(leg) => self.stall(leg),
            Step::Heal(leg) => self.heal(leg),
            Step::CrashBroker(broker) => self.crash_broker(broker % brokers),
            Step::StartBroker(broker) => self.start_broker(broker % brokers),
            Step::Reconnect { node, broker } => self.reconnect(node % nodes, broker),
            Step::Crash(node) => self.crash(node % nodes),
            Step::Start { node, wall } => self.start(node % nodes, wall),
            Step::ShutDown { node, pace } => self.shut_down(node % nodes, pace),
            Step::Suspend(node) => self.suspend(node % nodes),
            Step::Wake { node, timer_first, interrupted } => self.wake(node % nodes, timer_first, interrupted),
            Step::SetWall { node, wall } => self.set_wall(node % nodes, wall),
            Step::Twin { node, broker, wall } => _ = self.twin(node % nodes, broker, wall),
        }
    }

    fn user_of(&self, session: usize) -> User {
        self.seats[session % self.seats.len()].user.clone()
    }
}

/// Two changes each, of which 4,096 are kept.
const CHURN: usize = 2_100;

fn name(room: u8) -> Room {
    Room::from(format!("room {room}"))
}
