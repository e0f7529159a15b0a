//! TCP to whichever of several addresses answers first.

use std::io;
use std::net::SocketAddr;

use heartline::Timestamp;
use heartline_tungstenite::race::Race;
use mio::Token;
use mio::event::Event;
use mio::net::TcpStream;

use crate::poller::Poller;

pub(crate) struct Attempts {
    race: Race,
    running: Vec<Attempt>,
    last: io::Error,
}

struct Attempt {
    stream: TcpStream,
    token: Token,
    /// Something has happened to it.
    woken: bool,
}

impl Attempts {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        let last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        Self { race: Race::new(addresses), running: Vec::new(), last }
    }

    pub(crate) fn woken(&mut self, event: &Event) {
        for attempt in &mut self.running {
            attempt.woken |= attempt.token == event.token();
        }
    }

    /// When the next address is to be tried.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.race.deadline()
    }

    /// Takes the race further. `None` while nobody has won.
    pub(crate) fn advance(&mut self, poller: &mut Poller, now: Timestamp) -> Option<io::Result<(TcpStream, Token)>> {
        if let Some(winner) = self.look() {
            return Some(Ok(winner));
        }
        while let Some(address) = self.race.start(now) {
            let started = TcpStream::connect(address).and_then(|mut stream| {
                let token = poller.register(&mut stream)?;
                Ok(Attempt { stream, token, woken: false })
            });
            match started {
                Ok(attempt) => self.running.push(attempt),
                Err(error) => self.failed(error),
            }
        }
        match self.race.is_lost() {
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
                    self.failed(error);
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

    fn failed(&mut self, error: io::Error) {
        self.last = error;
        self.race.failed();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::after(Duration::from_millis(millis))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_address_that_swallows_everything_keeps_the_next_one_waiting_for_250_ms_and_no_longer() {
        let hung = heartline_driver_testing::server::Swallowing::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let mut poller = Poller::new().unwrap();
        let mut race = Attempts::new(vec![hung.address, good]);
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
        let mut race = Attempts::new(vec![refused, good]);
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
        let mut race = Attempts::new(vec![refused]);
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
