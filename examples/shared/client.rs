//! A running driver with a recorder as its application: the client of the tour and of the tests.
#![allow(dead_code)] // Each uses its part.

use std::io;
use std::time::Duration;

use heartline::{Config, Input, Outgoing};
use tungstenite::{Message, Utf8Bytes};

use crate::application::{Command, RunningDriver};
use crate::audit::Audit;
use crate::faults::{Log, Server};
use crate::logger::Logger;
use crate::recorder::{Monitor, Record, Recorder, numbered};

pub struct Client {
    driver: Box<dyn RunningDriver>,
    pub monitor: Monitor,
    /// How many messages it was given.
    pub sent: usize,
    connects: usize,
}

impl Client {
    /// Starts one that does not dial yet.
    pub fn start<D: RunningDriver + 'static>(
        spawn: impl FnOnce(Config, u64, Recorder) -> io::Result<D>,
        url: String,
        (config, seed): (Config, u64),
        logger: Logger,
    ) -> io::Result<Self> {
        let (recorder, monitor) = Recorder::new(url, logger);
        let driver = Box::new(spawn(config, seed, recorder)?);
        Ok(Self { driver, monitor, sent: 0, connects: 0 })
    }

    pub fn connect(&mut self) {
        self.connects += 1;
        self.input(Input::Connect);
    }

    pub fn input(&self, input: Input<Message>) {
        self.driver.command(Command::Input(input));
    }

    pub fn send_message(&self, outgoing: Outgoing<Message>) {
        self.driver.command(Command::Send(outgoing));
    }

    pub fn record(&self) -> Record {
        self.monitor.record()
    }

    /// Sends so many messages of a size, numbered, by turns `AtLeastOnce` and `AtMostOnce`.
    pub fn send(&mut self, count: usize, size: usize) {
        for number in self.sent + 1..=self.sent + count {
            self.driver.command(numbered(number, size));
        }
        self.sent += count;
    }

    pub fn send_once(&self, text: impl Into<Utf8Bytes>) {
        let text = text.into();
        let size = text.len();
        self.send_message(Outgoing::at_most_once(Message::Text(text), size));
    }

    /// Waits until everything numbered that was sent so far was accepted or refused, and has its outcome if accepted.
    pub fn settle(&self) -> Record {
        self.monitor.wait_settled(self.sent)
    }

    /// Sends the rest and closes.
    pub fn close(&self, within: Duration) {
        self.input(Input::close_within(within));
    }

    /// Waits until the session is closed.
    pub fn end(self) -> Record {
        self.driver.join();
        self.monitor.record()
    }

    /// Waits until the session is closed, then compares its record with what the server saw.
    pub fn join(self, server: &Server) -> (Record, Log, Audit) {
        let connects = self.connects;
        let (record, log) = (self.end(), server.finish());
        let audit = Audit::new(&record, &log, connects);
        (record, log, audit)
    }
}
