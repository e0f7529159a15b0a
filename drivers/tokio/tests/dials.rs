//! Dials through proxies and by TLS: the cases that hold for every driver.

use std::time::Duration;

use heartline_driver_testing::{Asked, Attempt, Failed, PATIENCE};
use heartline_tokio::heartline::Settings;
use heartline_tokio::heartline::backoff::Backoff;
use heartline_tokio::{Client, State};

/// The driver under test.
fn driver(attempt: Attempt) -> Result<String, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime
        .expect("a runtime")
        .block_on(async { tokio::time::timeout(PATIENCE, dial(attempt)).await.expect("an answer or a failure") })
}

async fn dial(attempt: Attempt) -> Result<String, Failed> {
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
    let (client, mut incoming) = builder.spawn().expect("valid");
    _ = client.send(attempt.message).await.expect("accepted");
    let mut status = client.status();
    let failed = status.wait_for(|status| status.end.is_some() || status.state == State::Waiting);
    tokio::select! {
        Some(answer) = incoming.next_message() => Ok(answer.to_string()),
        failed = failed => {
            let status = failed.expect("a client that lives");
            Err(Failed::new(status.cause, status.last_ended.as_deref()))
        }
    }
}

heartline_driver_testing::dials!(crate::driver, tokio_native_tls::native_tls);
