//! What a case has in its hands: the driver, the server, time.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use heartline::heartbeat::HeartbeatMode;
use heartline::message::Delivery;

use super::driver::Driver;
use super::protocol::{Ability, Command, Report, Setting};
use super::server::{self, Conn, Listener};
use crate::websocket::Incoming;

/// Why a case failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure(pub(super) String);

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(format!("the suite's own IO failed: {error}"))
    }
}

pub(super) type Case = Result<(), Failure>;

/// Fails the case with this reason unless it holds.
macro_rules! ensure {
    ($holds:expr, $($reason:tt)+) => {
        let holds: bool = $holds;
        if !holds {
            return Err($crate::conformance::bed::Failure::new(format!($($reason)+)));
        }
    };
}
pub(super) use ensure;

pub(super) struct Bed {
    pub(super) driver: Driver,
    pub(super) listener: Listener,
    pace: f64,
    /// Which reports the case has seen.
    seen: usize,
    tag: u64,
}

/// Time.
impl Bed {
    pub(super) fn new(driver: Driver, listener: Listener, pace: f64) -> Self {
        let seen = driver.reports.len();
        Self { driver, listener, pace, seen, tag: 0 }
    }

    /// So many milliseconds at the suite's pace.
    pub(super) fn ms(&self, millis: u64) -> Duration {
        Duration::from_millis(millis).mul_f64(self.pace)
    }

    /// How long anything is waited for before it counts as not coming.
    pub(super) fn patience(&self) -> Duration {
        self.ms(15_000)
    }
}

/// The driver.
impl Bed {
    pub(super) fn can(&self, ability: Ability) -> bool {
        self.driver.abilities.contains(&ability)
    }

    /// Sets this if the driver can.
    pub(super) fn set(&mut self, setting: Setting) -> Case {
        match setting.ability() {
            Some(ability) if !self.can(ability) => Ok(()),
            _ => self.driver.command(&Command::Set(setting)),
        }
    }

    /// Pings after 300 ms, dead after 500 ms more.
    pub(super) fn beat(&mut self) -> Case {
        let (interval, timeout) = (self.ms(300), self.ms(500));
        self.set(Setting::Heartbeat(HeartbeatMode::WhenIdle { interval, timeout }))
    }

    pub(super) fn connect(&mut self) -> Case {
        let url = self.listener.url();
        self.driver.command(&Command::Connect(url))
    }

    /// Sends a text at most once; its tag.
    pub(super) fn send(&mut self, text: &str) -> Result<u64, Failure> {
        self.send_as(text, Delivery::AtMostOnce)
    }

    pub(super) fn send_as(&mut self, text: &str, delivery: Delivery) -> Result<u64, Failure> {
        self.tag += 1;
        let (tag, text) = (self.tag, text.into());
        self.driver.command(&Command::Send { tag, delivery, text })?;
        Ok(tag)
    }

    /// Sends a text of so many bytes, which begins with its tag.
    pub(super) fn fill(&mut self, bytes: usize) -> Result<u64, Failure> {
        self.tag += 1;
        let tag = self.tag;
        self.driver.command(&Command::Fill { tag, delivery: Delivery::AtMostOnce, bytes })?;
        Ok(tag)
    }

    /// Waits for a report that is as wanted, skipping others.
    pub(super) fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&Report) -> Option<T>) -> Result<T, Failure> {
        let until = Instant::now() + self.patience();
        loop {
            while let Some(report) = self.driver.reports.get(self.seen) {
                self.seen += 1;
                if let Some(found) = wanted(report) {
                    return Ok(found);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::new(format!("the driver never reported {what}")));
            }
            self.driver.next(left)?;
        }
    }

    /// Waits for this state; its cause.
    pub(super) fn state(&mut self, wanted: &str) -> Result<String, Failure> {
        self.wait(&format!("state {wanted}"), |report| match report {
            Report::State { state, cause } if state == wanted => Some(cause.clone()),
            _ => None,
        })
    }

    /// Waits for a change of state by this loss, whatever it led to.
    pub(super) fn lost(&mut self, loss: &str) -> Case {
        let what = format!("that a connection was lost by {loss}");
        self.wait(&what, |report| match report {
            Report::State { cause, .. } => cause.split_once(':').filter(|(_, by)| *by == loss).map(drop),
            _ => None,
        })
    }

    /// Waits until this is the latest state.
    pub(super) fn state_is(&mut self, wanted: &str) -> Case {
        let until = Instant::now() + self.patience();
        while self.latest_state().is_none_or(|state| state != wanted) {
            let left = until.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "the state is {:?}, not {wanted}", self.latest_state().unwrap_or("unknown"));
            self.driver.next(left)?;
        }
        Ok(())
    }

    fn latest_state(&self) -> Option<&str> {
        self.driver.reports.iter().rev().find_map(|report| match report {
            Report::State { state, .. } => Some(state.as_str()),
            _ => None,
        })
    }

    /// Waits for a delivery and expects this text.
    pub(super) fn delivers(&mut self, text: &str) -> Case {
        let came = self.wait(&format!("delivered {text}"), |report| match report {
            Report::Delivered { text, .. } => Some(text.clone()),
            _ => None,
        })?;
        ensure!(came == text, "expected the delivery of {text:?}, came {came:?}");
        Ok(())
    }

    /// Takes what is reported within this time.
    pub(super) fn listen(&mut self, time: Duration) -> Case {
        let until = Instant::now() + time;
        while self.driver.next(until.saturating_duration_since(Instant::now()))?.is_some() {}
        Ok(())
    }

    /// The connection is not to be given up in all that the case has not looked at.
    pub(super) fn no_loss(&self) -> Case {
        let lost = self.driver.reports[self.seen..].iter().find_map(|report| match report {
            Report::State { cause, .. } if cause.contains(':') => Some(cause),
            _ => None,
        });
        lost.map_or(Ok(()), |cause| Err(Failure::new(format!("a living connection was given up: {cause}"))))
    }

    /// The CPU time used over this time, as a part of it.
    pub(super) fn cpu_over(&mut self, time: Duration) -> Result<f64, Failure> {
        let (began, before) = (Instant::now(), self.driver.cpu());
        self.listen(time)?;
        let used = self.driver.cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
        let used = used.ok_or_else(|| Failure::new("the system does not tell the CPU time of a process"))?;
        Ok(used.as_secs_f64() / began.elapsed().as_secs_f64())
    }
}

/// The server.
impl Bed {
    /// The next TCP connection.
    pub(super) fn accept(&mut self) -> Result<TcpStream, Failure> {
        let patience = self.patience();
        self.listener.accept(patience)?.ok_or_else(|| Failure::new("the driver did not dial"))
    }

    /// The next TCP connection, with its request read.
    pub(super) fn request(&mut self) -> Result<TcpStream, Failure> {
        let mut stream = self.accept()?;
        server::request(&mut stream, self.patience())?;
        Ok(stream)
    }

    /// The next connection, after its handshake.
    pub(super) fn open(&mut self) -> Result<Conn, Failure> {
        let mut stream = self.accept()?;
        let request = server::request(&mut stream, self.patience())?;
        io::Write::write_all(&mut stream, server::accepting(&request)?.as_bytes())?;
        Ok(Conn::new(stream)?)
    }

    /// Connects, with a connection that is open on both sides.
    pub(super) fn begin(&mut self) -> Result<Conn, Failure> {
        self.connect()?;
        self.opens()
    }

    /// The next connection that the driver reports open. It may have given up some that waited to be accepted.
    pub(super) fn opens(&mut self) -> Result<Conn, Failure> {
        let until = Instant::now() + self.patience();
        loop {
            match self.open() {
                Ok(conn) if self.reports_open(&conn)? => return Ok(conn),
                Err(Failure(reason)) if reason != server::HUNG_UP => return Err(Failure(reason)),
                _ => {}
            }
            ensure!(Instant::now() < until, "the driver gives up every connection before it is open");
        }
    }

    /// Waits for state `Open`; false if the driver has hung up on this connection instead. That a loss is reported says
    /// nothing: it may be that of the connection before.
    fn reports_open(&mut self, conn: &Conn) -> Result<bool, Failure> {
        let until = Instant::now() + self.patience();
        loop {
            while let Some(report) = self.driver.reports.get(self.seen) {
                self.seen += 1;
                if matches!(report, Report::State { state, .. } if state == "Open") {
                    return Ok(true);
                }
            }
            if conn.log().contains(&Incoming::End) {
                return Ok(false);
            }
            ensure!(Instant::now() < until, "the driver never reported state Open");
            self.driver.next(self.ms(20))?;
        }
    }

    /// Waits for the loss of a connection, whatever it is called.
    pub(super) fn loses(&mut self) -> Case {
        self.wait("that a connection was lost", |report| match report {
            Report::State { cause, .. } if cause.contains(':') => Some(()),
            _ => None,
        })
    }

    /// Waits for a text and expects this one.
    pub(super) fn receives(&mut self, conn: &mut Conn, text: &str) -> Case {
        match conn.next(self.patience()) {
            Some(Incoming::Text(came)) if came == text => Ok(()),
            Some(came) => Err(Failure::new(format!("the server expected {text:?}, came {came:?}"))),
            None => Err(Failure::new(format!("the server never received {text:?}"))),
        }
    }

    /// Waits until the driver has dropped the connection.
    pub(super) fn ended(&mut self, conn: &mut Conn) -> Case {
        let until = Instant::now() + self.patience();
        while Instant::now() < until {
            if conn.next(self.ms(50)) == Some(Incoming::End) {
                return Ok(());
            }
        }
        Err(Failure::new("the driver never dropped a connection that it had given up"))
    }

    /// A message in each direction, on a connection that is to be alive.
    pub(super) fn echo(&mut self, conn: &mut Conn, text: &str) -> Case {
        conn.text(&format!("to {text}"))?;
        self.delivers(&format!("to {text}"))?;
        self.send(&format!("from {text}"))?;
        self.receives(conn, &format!("from {text}"))
    }
}

/// The end of every case.
impl Bed {
    /// The session closes, and every message has its one outcome.
    pub(super) fn finish(&mut self) -> Case {
        if !self.is_closed() {
            self.driver.command(&Command::Close(self.ms(300)))?;
            let until = Instant::now() + self.patience();
            while !self.is_closed() {
                let left = until.saturating_duration_since(Instant::now());
                ensure!(!left.is_zero(), "the session was asked to close and does not");
                self.driver.next(left)?;
            }
        }
        // Outcomes come in the same step as the end; give their lines a moment.
        let until = Instant::now() + self.patience();
        while self.unsettled().is_some() && Instant::now() < until {
            if self.driver.next(self.ms(20)).is_err() {
                break;
            }
        }
        match self.unsettled() {
            Some(tag) => Err(Failure::new(format!("the session is closed, and message {tag} has no outcome"))),
            None => self.one_outcome_each(),
        }
    }

    fn is_closed(&self) -> bool {
        self.latest_state() == Some("Closed")
    }

    /// For each tag: answers to `send`, and outcomes.
    fn tally(&self) -> BTreeMap<u64, (u32, u32, u32)> {
        let mut tally: BTreeMap<u64, (u32, u32, u32)> = (1..=self.tag).map(|tag| (tag, (0, 0, 0))).collect();
        for report in &self.driver.reports {
            match report {
                Report::Accepted(tag) => tally.entry(*tag).or_default().0 += 1,
                Report::Refused(tag, _) => tally.entry(*tag).or_default().1 += 1,
                Report::Outcome(tag, _) => tally.entry(*tag).or_default().2 += 1,
                _ => {}
            }
        }
        tally
    }

    fn unsettled(&self) -> Option<u64> {
        let tally = self.tally();
        let open = tally.iter().find(|(_, (accepted, refused, outcomes))| outcomes + refused < 1.max(*accepted));
        open.map(|(tag, _)| *tag)
    }

    fn one_outcome_each(&self) -> Case {
        for (tag, (accepted, refused, outcomes)) in self.tally() {
            ensure!(
                accepted + refused == 1 && outcomes == accepted,
                "message {tag}: accepted {accepted} times, refused {refused} times, {outcomes} outcomes"
            );
        }
        Ok(())
    }
}
