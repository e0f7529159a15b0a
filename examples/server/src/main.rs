//! A chat server on heartline-axum: `cargo run --bin server`, and open what it prints in two tabs. The README beside this
//! says what to change before the internet sees it.

mod arguments;

use std::error::Error;

use heartline_example_server::Bound;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let recorder = PrometheusBuilder::new().install_recorder()?;
    let Some(options) = arguments::options(recorder)? else {
        print!("{}", arguments::HELP);
        return Ok(());
    };
    if options.hosts.is_empty() && !options.listen.ip().is_loopback() {
        tracing::warn!("requests for any host are served: name yours by --host");
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let bound = Bound::new(options).await?;
    if let Some(metrics) = bound.metrics {
        println!("metrics on http://{metrics}/metrics");
    }
    println!("serving on http://{}/", bound.address);
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: every client is asked to come back later");
    };
    Ok(bound.run(stop).await?)
}
