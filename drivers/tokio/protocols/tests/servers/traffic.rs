//! Messages that go on whatever happens, and the account of them at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heartline_tokio::{Client, Delivery, Outcome, Outgoing, Receipt};
use tokio::task::JoinHandle;

use crate::PATIENCE;
use crate::ledger::Ledger;

const PACE: Duration = Duration::from_millis(4);

/// A task that sends.
pub struct Traffic<M> {
    client: Client<M>,
    over: Arc<AtomicBool>,
    sender: JoinHandle<Vec<Sent<M>>>,
}

struct Sent<M> {
    label: String,
    delivery: Delivery,
    receipt: Receipt<M>,
}

impl<M: Send + 'static> Traffic<M> {
    /// At-least-once messages labelled `least-0`, `least-1` …, and as many at-most-once messages labelled `once-0` ….
    pub fn begin(client: &Client<M>, message: impl Fn(&str, Delivery) -> Outgoing<M> + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (sender, ended) = (client.clone(), over.clone());
        let sender = tokio::spawn(async move {
            let mut sent = Vec::new();
            for number in 0.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                for (name, delivery) in [("least", Delivery::AtLeastOnce), ("once", Delivery::AtMostOnce)] {
                    let label = format!("{name}-{number}");
                    let outgoing = message(&label, delivery);
                    assert_eq!(outgoing.delivery(), delivery);
                    let receipt = sender.send(outgoing).await.expect("a client that lives");
                    sent.push(Sent { label, delivery, receipt });
                }
                tokio::time::sleep(PACE).await;
            }
            sent
        });
        Self { client: client.clone(), over, sender }
    }

    /// Sends the rest, closes the client, and compares what it says with what the server has.
    pub async fn account(self, ledger: &Ledger) {
        self.over.store(true, Ordering::Relaxed);
        let sent = self.sender.await.expect("no panic");
        let end = self.client.close(PATIENCE).await;
        assert!(end.is_clean(), "{end}");
        let arrived = ledger.labels();
        let mut times = HashMap::new();
        arrived.iter().for_each(|label| *times.entry(label.as_str()).or_insert(0) += 1);
        for Sent { label, delivery, receipt } in sent {
            let (times, outcome) = (times.get(label.as_str()).copied().unwrap_or(0), receipt.await);
            match delivery {
                Delivery::AtLeastOnce => {
                    assert!(matches!(outcome, Outcome::Acked), "{label}: {outcome}");
                    assert!(times >= 1, "{label} is lost");
                }
                _ => {
                    assert!(matches!(outcome, Outcome::Transmitted), "{label}: {outcome}");
                    assert!(times <= 1, "{label} arrived {times} times");
                }
            }
        }
        assert_first_times_in_order(&arrived);
    }
}

/// However often an at-least-once message arrived, the first times are in the order of sending.
fn assert_first_times_in_order(arrived: &[String]) {
    let numbers = arrived.iter().filter_map(|label| label.strip_prefix("least-")?.parse::<usize>().ok());
    let mut next = 0;
    for number in numbers {
        assert!(number <= next, "least-{number} arrived before least-{next}");
        next += usize::from(number == next);
    }
}
