//! What only the tokio driver has to do: nobody is left who could ask for a close.

use heartline::event::Cause;
use heartline::{Event, Loss, State};

use crate::faults::Mode;
use crate::harness::{meet, patient};
use crate::on_tokio::spawn;

/// [X1] [C6]
#[test]
fn dropping_the_last_sender_drains_and_closes() {
    let (server, mut client) = meet(spawn, Mode::ECHO, patient());
    client.monitor.wait_state(State::Open);
    client.send(20, 20);
    let (record, log, audit) = client.join(&server); // Drops the sender.
    assert!(audit.is_clean(), "\n{audit}");
    assert_eq!(log.connections[0].len(), 2 + 2 + 20);
    let end = Cause::Lost(Loss::Close(1000));
    let drained = Event::StateChanged { from: State::Open, to: State::Closing, cause: Cause::Drained };
    assert!(record.has_event(drained, 0) && record.cause == end, "{:?}", record.events);
}
