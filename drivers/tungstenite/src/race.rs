//! In which order, and when, the addresses of a host are tried (Happy Eyeballs, RFC 8305): both families in turns, one
//! address 250 ms after the other or as soon as one fails, until one has answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use heartline::Timestamp;

/// Connection Attempt Delay of RFC 8305 §5.
pub const STAGGER: Duration = Duration::from_millis(250);
/// So many addresses of a host are tried, at most.
pub const MOST: usize = 16;

/// Says which address to try next, and when. Whoever tries them says which of them failed; the first that answers wins, and
/// the others are dropped with the value.
#[derive(Clone, Debug)]
pub struct Race {
    waiting: VecDeque<SocketAddr>,
    running: usize,
    next_at: Timestamp,
}

impl Race {
    /// The addresses as the resolver prefers them (RFC 6724); tried in the order of RFC 8305 §4, the first 16 of them.
    pub fn new(addresses: Vec<SocketAddr>) -> Self {
        Self { waiting: alternate(addresses), running: 0, next_at: Timestamp::ORIGIN }
    }

    /// The address to try now, if there is one. To be asked again until there is none.
    pub fn start(&mut self, now: Timestamp) -> Option<SocketAddr> {
        if self.running > 0 && now < self.next_at {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.running += 1;
        self.next_at = now.saturating_add(STAGGER);
        Some(address)
    }

    /// One of those that were started has failed: the next one may start at once.
    pub fn failed(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.next_at = Timestamp::ORIGIN;
    }

    /// When to ask for the next address, unless one fails before. `None` if there is no other.
    pub fn deadline(&self) -> Option<Timestamp> {
        (!self.waiting.is_empty()).then_some(self.next_at)
    }

    /// Whether all have failed.
    pub fn is_lost(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
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

    #[test]
    fn the_next_one_waits_for_250_ms_or_for_a_failure_and_the_race_is_lost_with_the_last() {
        let [one, two, three] = ["1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1"].map(address);
        let mut race = Race::new(vec![one, two, three]);
        assert_eq!((race.start(at(1_000)), race.start(at(1_000))), (Some(one), None));
        assert_eq!((race.deadline(), race.start(at(1_249))), (Some(at(1_250)), None));
        assert_eq!((race.start(at(1_250)), race.start(at(1_300))), (Some(two), None));
        race.failed();
        assert_eq!((race.start(at(1_300)), race.deadline()), (Some(three), None));
        race.failed();
        assert!(!race.is_lost());
        race.failed();
        assert!(race.is_lost());
        assert_eq!(race.start(at(9_999)), None);
        assert!(Race::new(Vec::new()).is_lost());
    }
}
