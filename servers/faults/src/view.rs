//! What a node knows, and whether several know the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use heartline::directory::{Node, Stats};
use heartline_axum::{Codec, Server};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A node's view of the cluster at one moment.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub struct View {
    /// The node.
    pub node: String,
    /// Whether the broker does not give back what it publishes.
    pub cut_off: bool,
    /// The other nodes that it hears, and whether it is in step with them, and they hear it.
    pub others: BTreeMap<String, bool>,
    /// Who is online, and on which node.
    pub owners: BTreeMap<String, String>,
    /// Who has a connection to this node.
    pub connected: BTreeSet<String>,
    /// What its directory has counted.
    pub stats: Stats,
}

impl View {
    /// What this node knows now.
    pub fn of<C: Codec<User = String>>(node: &Node, server: &Server<C>) -> Self {
        let (online, _) = server.online(usize::MAX);
        let connected = online.iter().filter(|user| server.conn_of(user).is_some()).cloned().collect();
        let owner = |user: String| server.node_of(&user).map(|node| (user, node.to_string()));
        let others = server.nodes();
        let cluster = server.stats().cluster;
        Self {
            node: node.to_string(),
            cut_off: cluster.is_none_or(|cluster| cluster.cut_off || cluster.stopped),
            others: others.iter().map(|it| (it.node.to_string(), it.in_step && it.hears_us)).collect(),
            owners: online.into_iter().filter_map(owner).collect(),
            connected,
            stats: cluster.map(|cluster| cluster.directory).unwrap_or_default(),
        }
    }

    /// Asks a node, which has two seconds to answer.
    ///
    /// # Errors
    /// It does not answer, or not with a view.
    pub async fn ask(address: SocketAddrV4) -> io::Result<Self> {
        timeout(Duration::from_secs(2), ask(address)).await?
    }
}

async fn ask(address: SocketAddrV4) -> io::Result<View> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /view HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
    Ok(serde_json::from_str(body)?)
}

/// What keeps these views from being one: nothing if each of these users is online, on the same node in all of them, and connected to that
/// node alone, and nobody else is online.
pub fn disagreement(views: &[View], users: &BTreeSet<String>) -> Option<String> {
    for view in views {
        let name = &view.node;
        if view.cut_off {
            return Some(format!("{name} is cut off"));
        }
        let others: BTreeSet<&String> = views.iter().map(|other| &other.node).filter(|node| *node != name).collect();
        if view.others.keys().collect::<BTreeSet<_>>() != others {
            return Some(format!("{name} hears {:?}", view.others));
        }
        if view.others.values().any(|is_in_step| !is_in_step) {
            return Some(format!("{name} is not in step: {:?}", view.others));
        }
        let online: BTreeSet<&String> = view.owners.keys().collect();
        if let Some(user) = online.symmetric_difference(&users.iter().collect()).next() {
            return Some(format!("for {name}, {user} is {}", if online.contains(user) { "online" } else { "offline" }));
        }
        let elsewhere = |(user, owner): &(&String, &String)| views[0].owners.get(*user) != Some(*owner);
        if let Some((user, owner)) = view.owners.iter().find(elsewhere) {
            return Some(format!("for {name}, {user} is on {owner}, for {} not", views[0].node));
        }
        let is_wrong = |user: &&String| view.connected.contains(*user) != (view.owners.get(*user) == Some(name));
        if let Some(user) = users.iter().find(is_wrong) {
            return Some(format!(
                "{user} is known to be on {}, and connected to {:?}",
                view.owners[user],
                on(views, user)
            ));
        }
    }
    None
}

fn on<'a>(views: &'a [View], user: &str) -> Vec<&'a str> {
    views.iter().filter(|view| view.connected.contains(user)).map(|view| view.node.as_str()).collect()
}

/// How many users have a connection to more than one of these nodes.
pub fn doubled(views: &[View]) -> usize {
    let users: BTreeSet<&String> = views.iter().flat_map(|view| &view.connected).collect();
    users.into_iter().filter(|user| on(views, user).len() > 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn view(node: &str, other: &str, connected: &str) -> View {
        View {
            node: node.into(),
            cut_off: false,
            others: BTreeMap::from([(other.into(), true)]),
            owners: BTreeMap::from([("ann".into(), "a".into()), ("bob".into(), "b".into())]),
            connected: names(connected),
            stats: Stats::default(),
        }
    }

    fn difference(change: impl FnOnce(&mut [View; 2])) -> String {
        let mut views = [view("a", "b", "ann"), view("b", "a", "bob")];
        change(&mut views);
        disagreement(&views, &names("ann bob")).unwrap_or_default()
    }

    #[test]
    fn views_agree_when_every_user_has_one_connection_where_all_say() {
        assert_eq!(difference(|_| {}), "");
        assert_eq!(difference(|[a, _]| a.cut_off = true), "a is cut off");
        assert_eq!(difference(|[a, _]| a.others.clear()), "a hears {}");
        assert_eq!(difference(|[_, b]| _ = b.others.insert("a".into(), false)), "b is not in step: {\"a\": false}");
        assert_eq!(difference(|[_, b]| _ = b.owners.remove("ann")), "for b, ann is offline");
        assert_eq!(difference(|[a, _]| _ = a.owners.insert("eve".into(), "a".into())), "for a, eve is online");
        assert_eq!(difference(|[_, b]| _ = b.owners.insert("ann".into(), "b".into())), "for b, ann is on b, for a not");
        assert_eq!(
            difference(|[_, b]| _ = b.connected.insert("ann".into())),
            "ann is known to be on a, and connected to [\"a\", \"b\"]"
        );
        assert_eq!(difference(|[a, _]| a.connected.clear()), "ann is known to be on a, and connected to []");
    }

    #[test]
    fn a_user_who_is_connected_twice_is_counted() {
        assert_eq!(doubled(&[view("a", "b", "ann bob"), view("b", "a", "bob")]), 1);
    }
}
