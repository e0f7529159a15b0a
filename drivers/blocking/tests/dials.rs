//! Dials through proxies and by TLS: the cases that hold for every driver.

mod support;

use std::time::{Duration, Instant};

use heartline_blocking::heartline::Settings;
use heartline_blocking::heartline::backoff::Backoff;
use heartline_blocking::{Client, State};
use heartline_driver_testing::{Asked, Attempt, Failed};
use support::{FRAME, PATIENCE};

/// The driver under test.
fn driver(attempt: Attempt) -> Result<String, Failed> {
    let settings = Settings {
        connect_timeout: attempt.connect_timeout,
        backoff: Backoff::constant(Duration::from_secs(60)),
        ..Settings::default()
    };
    let mut builder = Client::builder(attempt.url).session(settings);
    builder = match attempt.proxies {
        Asked::Default => builder,
        Asked::Own(proxies) => builder.proxy(proxies),
        Asked::Environment => builder.proxy_from_env(),
    };
    if let Some(tls) = attempt.tls {
        builder = builder.tls(tls);
    }
    let mut client = builder.build().expect("valid");
    _ = client.try_send(attempt.message).expect("accepted");
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        client.poll(FRAME);
        while let Some(received) = client.try_recv() {
            if let Some(answer) = received.into_message() {
                return Ok(answer.to_string());
            }
        }
        let status = client.status();
        if status.end.is_some() || status.state == State::Waiting {
            return Err(Failed::new(status.cause, status.last_ended.as_deref()));
        }
    }
    panic!("neither an answer nor a failure: {:?}", client.status())
}

heartline_driver_testing::dials!(crate::driver, native_tls);
