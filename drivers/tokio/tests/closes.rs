//! A close, asked for once or twice, in every state.

mod support;

use std::time::Duration;

use heartline_tokio::{Client, Message, Outcome, Outgoing, State};
use support::{Network, SECOND, client, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Brings a client into this state. What it returns keeps it there.
async fn bring(state: State, network: &mut Network, client: &Client<Message>) -> Box<dyn std::any::Any> {
    match state {
        State::Idle => Box::new(()),
        State::Connecting => Box::new(network.raw().await),
        State::Greeting => {
            let peer = network.accept().await;
            until(client, state).await;
            Box::new(peer)
        }
        State::Waiting => {
            drop(network.raw().await);
            until(client, state).await;
            Box::new(())
        }
        State::Open | State::Closing => {
            let peer = network.accept().await;
            until(client, State::Open).await;
            if state == State::Closing {
                drop(tokio::spawn({
                    let client = client.clone();
                    async move { client.close(Duration::ZERO).await }
                }));
                until(client, state).await;
            }
            Box::new(peer)
        }
        State::Closed => {
            client.close(Duration::ZERO).await;
            Box::new(())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_in_its_time_in_every_state_and_a_second_one_can_only_shorten_it() {
    use State::{Closed, Closing, Connecting, Greeting, Idle, Open, Waiting};
    for state in [Idle, Connecting, Greeting, Open, Waiting, Closing, Closed] {
        for closes in [[Duration::ZERO, HOUR], [HOUR, Duration::ZERO], [HOUR, 10 * SECOND], [10 * SECOND, HOUR]] {
            let (mut builder, mut network) = client(4096);
            if state == Greeting {
                builder = builder.greeting(|_| std::future::pending());
                builder = builder.configure(|options| options.session.greeting_timeout = Some(2 * HOUR));
            }
            let builder = builder.configure(|options| options.start_paused = state == Idle);
            let (client, _incoming) = builder.spawn().expect("valid");
            let _kept = bring(state, &mut network, &client).await;
            // Nobody acknowledges it.
            let receipt = client.try_send(Outgoing::at_least_once("x")).ok();
            let both = futures_util::future::join(client.close(closes[0]), client.close(closes[1]));
            // The shorter of both, and the close handshake that nobody answers.
            let limit = closes[0].min(closes[1]) + 6 * SECOND;
            let ended = tokio::time::timeout(limit, both).await;
            let (first, second) = ended.unwrap_or_else(|_| panic!("{state:?} {closes:?}: {:?}", client.status()));
            assert_eq!(first, second);
            if let Some(receipt) = receipt {
                let outcome = receipt.await;
                assert!(matches!(outcome, Outcome::Returned(..) | Outcome::Unconfirmed(..)), "{outcome:?}");
            }
        }
    }
}
