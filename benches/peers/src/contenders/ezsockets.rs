//! ezsockets as it comes: it chooses its buffers (128 KiB to read) and leaves Nagle's algorithm on.

use async_trait::async_trait;
use ezsockets::{Bytes, ClientConfig, ClientExt, Error, SocketConfig, Utf8Bytes};
use tokio::sync::oneshot;

use crate::Outcome;
use crate::load::{Answers as _, Load};
use crate::work::HEARTBEAT;

struct Application {
    client: ezsockets::Client<Self>,
    load: Load,
    done: Option<oneshot::Sender<()>>,
}

#[async_trait]
impl ClientExt for Application {
    type Call = ();

    async fn on_connect(&mut self) -> Result<(), Error> {
        for message in self.load.opening() {
            self.client.binary(message)?;
        }
        Ok(())
    }

    async fn on_binary(&mut self, payload: Bytes) -> Result<(), Error> {
        if let Some(answer) = self.load.take(&payload) {
            self.client.binary(answer)?;
        }
        if self.load.is_done() {
            self.done.take().into_iter().for_each(|done| _ = done.send(()));
        }
        Ok(())
    }

    async fn on_text(&mut self, _: Utf8Bytes) -> Result<(), Error> {
        Err("the peer sends no text".into())
    }

    async fn on_call(&mut self, (): ()) -> Result<(), Error> {
        Ok(())
    }
}

pub async fn run(url: String, load: Load) -> Outcome {
    let config = ClientConfig::new(url.as_str()).socket_config(SocketConfig {
        heartbeat: HEARTBEAT,
        timeout: 2 * HEARTBEAT,
        ..SocketConfig::default()
    });
    let (done, is_done) = oneshot::channel();
    let (_client, run) = ezsockets::connect(|client| Application { client, load, done: Some(done) }, config).await;
    tokio::select! {
        ended = run => ended,
        _ = is_done => Ok(()),
    }
}
