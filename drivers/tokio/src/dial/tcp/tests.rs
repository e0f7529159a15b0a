use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::*;

fn addresses(count: u8) -> Vec<SocketAddr> {
    (1..=count).map(|last| SocketAddr::from(([10, 0, 0, last], 1))).collect()
}

fn last_byte(address: SocketAddr) -> u8 {
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    address.ip().octets()[3]
}

/// When each attempt began, in milliseconds.
struct Log {
    began: Instant,
    attempts: RefCell<Vec<(u8, u128)>>,
}

impl Log {
    fn new() -> Self {
        Self { began: Instant::now(), attempts: RefCell::default() }
    }

    fn add(&self, address: SocketAddr) -> u8 {
        let address = last_byte(address);
        self.attempts.borrow_mut().push((address, self.now()));
        address
    }

    fn now(&self) -> u128 {
        self.began.elapsed().as_millis()
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_that_swallow_everything_cost_a_quarter_of_a_second_each() {
    let log = Log::new();
    let winner = first(addresses(4), |address| {
        let address = log.add(address);
        async move { if address == 3 { Ok(address) } else { pending().await } }
    });
    assert_eq!(winner.await.expect("one answers"), 3);
    assert_eq!(log.attempts.into_inner(), [(1, 0), (2, 250), (3, 500)]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_answers_late_still_wins_and_one_that_fails_makes_room_at_once() {
    let log = Log::new();
    let winner = first(addresses(4), |address| {
        let address = log.add(address);
        async move {
            match address {
                1 => sleep(Duration::from_millis(400)).await,
                2 => return Err(io::ErrorKind::ConnectionRefused.into()),
                _ => pending().await,
            }
            Ok(address)
        }
    });
    assert_eq!((winner.await.expect("one answers"), log.now()), (1, 400));
    assert_eq!(log.attempts.into_inner(), [(1, 0), (2, 250), (3, 250)]);
}

#[tokio::test(start_paused = true)]
async fn when_all_have_failed_the_last_error_is_told() {
    let failed = first(addresses(3), |address| async move {
        if last_byte(address) == 1 {
            sleep(Duration::from_secs(1)).await;
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        Err::<(), _>(io::ErrorKind::ConnectionRefused.into())
    });
    assert_eq!(failed.await.expect_err("none answers").kind(), io::ErrorKind::HostUnreachable);
    let none = first(Vec::new(), |_| pending::<io::Result<()>>());
    assert_eq!(none.await.expect_err("there is none").kind(), io::ErrorKind::AddrNotAvailable);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_full_queue_keeps_the_next_address_waiting_for_the_stagger_and_no_longer() {
    let hung = heartline_driver_testing::server::Swallowing::new().expect("a listener");
    let good = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let good = good.local_addr().map(|address| (address, good)).expect("an address");
    let began = Instant::now();
    let stream = first(vec![hung.address, good.0], TcpStream::connect).await.expect("one answers");
    assert_eq!(stream.peer_addr().expect("connected"), good.0);
    // To be given up by the system the first attempt would take minutes.
    assert!((Duration::from_millis(250)..Duration::from_secs(20)).contains(&began.elapsed()), "{:?}", began.elapsed());
}
