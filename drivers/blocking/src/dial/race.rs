//! TCP to whichever of several addresses answers first (RFC 8305): one after the other, 250 ms apart.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use heartline::Timestamp;
use mio::Token;
use mio::event::Event;
use mio::net::TcpStream;

use crate::poller::Poller;

/// Connection Attempt Delay of RFC 8305 §5.
const STAGGER: Duration = Duration::from_millis(250);
/// Further addresses of a name are not tried.
const MOST: usize = 16;

pub(crate) struct Race {
    waiting: VecDeque<SocketAddr>,
    running: Vec<Attempt>,
    next_at: Timestamp,
    last: io::Error,
}

struct Attempt {
    stream: TcpStream,
    token: Token,
    /// Something has happened to it.
    woken: bool,
}

impl Race {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        let last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        Self { waiting: alternate(addresses), running: Vec::new(), next_at: Timestamp::ORIGIN, last }
    }

    pub(crate) fn woken(&mut self, event: &Event) {
        for attempt in &mut self.running {
            attempt.woken |= attempt.token == event.token();
        }
    }

    /// When the next address is to be tried.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        (!self.waiting.is_empty()).then_some(self.next_at)
    }

    /// Takes the race further. `None` while nobody has won.
    pub(crate) fn advance(&mut self, poller: &mut Poller, now: Timestamp) -> Option<io::Result<(TcpStream, Token)>> {
        if let Some(winner) = self.look() {
            return Some(Ok(winner));
        }
        while !self.waiting.is_empty() && (self.running.is_empty() || now >= self.next_at) {
            let address = self.waiting.pop_front()?;
            self.next_at = now.saturating_add(STAGGER);
            let started = TcpStream::connect(address).and_then(|mut stream| {
                let token = poller.register(&mut stream)?;
                Ok(Attempt { stream, token, woken: false })
            });
            match started {
                Ok(attempt) => self.running.push(attempt),
                Err(error) => self.last = error,
            }
        }
        match self.running.is_empty() {
            true => Some(Err(std::mem::replace(&mut self.last, io::ErrorKind::NotConnected.into()))),
            false => None,
        }
    }

    /// At those to which something has happened. One that failed makes room for the next at once.
    fn look(&mut self) -> Option<(TcpStream, Token)> {
        let mut index = 0;
        while let Some(attempt) = self.running.get_mut(index) {
            if !std::mem::take(&mut attempt.woken) {
                index += 1;
                continue;
            }
            let error = attempt.stream.take_error().unwrap_or_else(Some);
            match (error, attempt.stream.peer_addr()) {
                (Some(error), _) => {
                    self.running.remove(index);
                    (self.last, self.next_at) = (error, Timestamp::ORIGIN);
                }
                (None, Ok(_)) => {
                    let Attempt { stream, token, .. } = self.running.remove(index);
                    return Some((stream, token));
                }
                (None, Err(_)) => index += 1, // Not yet.
            }
        }
        None
    }
}

/// The addresses of both families in turns, beginning with the one that the resolver prefers (RFC 8305 §4).
fn alternate(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return VecDeque::new() };
    let (preferred, others): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut preferred, mut others) = (preferred.into_iter(), others.into_iter());
    let mut ordered = VecDeque::new();
    loop {
        let pair = [preferred.next(), others.next()];
        if pair == [None, None] {
            break;
        }
        ordered.extend(pair.into_iter().flatten());
    }
    ordered.truncate(MOST);
    ordered
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::after(Duration::from_millis(millis))
    }

    #[test]
    fn families_take_turns_and_the_resolvers_first_choice_begins() {
        let given = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"].map(address).to_vec();
        assert_eq!(alternate(given), ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address));
        assert!(alternate(vec![address("1.1.1.1:1"); 40]).len() == MOST);
    }

    /// A listener whose queue is full, on Linux: who connects to it waits.
    fn swallowing() -> (socket2::Socket, Vec<std::net::TcpStream>, SocketAddr) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&address("127.0.0.1:0").into()).unwrap();
        socket.listen(0).unwrap();
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        let patience = Duration::from_millis(100);
        let fill = std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&local, patience).ok());
        (socket, fill.take(64).collect(), local)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_address_that_swallows_everything_keeps_the_next_one_waiting_for_250_ms_and_no_longer() {
        let (_socket, _filled, hung) = swallowing();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let mut poller = Poller::new().unwrap();
        let mut race = Race::new(vec![hung, good]);
        assert!(race.advance(&mut poller, at(1_000)).is_none());
        assert!(race.advance(&mut poller, at(1_249)).is_none());
        assert_eq!((race.deadline(), race.running.len()), (Some(at(1_250)), 1));
        assert!(race.advance(&mut poller, at(1_250)).is_none());
        assert_eq!((race.deadline(), race.running.len()), (None, 2));
        let winner = loop {
            poller.wait(Some(Duration::from_secs(20)));
            poller.events().for_each(|event| race.woken(event));
            if let Some(winner) = race.advance(&mut poller, at(1_251)) {
                break winner;
            }
        };
        assert_eq!(winner.unwrap().0.peer_addr().unwrap(), good);
    }

    #[test]
    fn an_address_that_refuses_makes_room_for_the_next_one_at_once() {
        let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let mut poller = Poller::new().unwrap();
        let mut race = Race::new(vec![refused, good]);
        let winner = loop {
            if let Some(winner) = race.advance(&mut poller, at(1_000)) {
                break winner;
            }
            poller.wait(Some(Duration::from_secs(20)));
            poller.events().for_each(|event| race.woken(event));
        };
        assert_eq!(winner.unwrap().0.peer_addr().unwrap(), good);
    }

    #[test]
    fn when_all_have_failed_the_last_error_is_told() {
        let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut poller = Poller::new().unwrap();
        let mut race = Race::new(vec![refused]);
        let error = loop {
            match race.advance(&mut poller, at(1)) {
                Some(result) => break result.unwrap_err(),
                None => poller.wait(Some(Duration::from_secs(20))),
            }
            poller.events().for_each(|event| race.woken(event));
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
