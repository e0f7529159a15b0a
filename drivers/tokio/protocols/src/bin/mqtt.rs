//! An MQTT 3.1.1 client for the command line. Each line typed is published to the topic with QoS 1; what others publish
//! there, and what came while this client was away, is printed.
//!
//! ```text
//! cargo run -p heartline-protocols --bin mqtt -- ws://127.0.0.1:9001/mqtt TOPIC CLIENT_ID
//! ```

use std::error::Error;

use heartline_protocols::command_line::talk;
use heartline_protocols::mqtt::{Login, Mqtt, PROTOCOL, greet, publish};
use heartline_tokio::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, topic, client_id] = &arguments[..] else { return Err("usage: mqtt URL TOPIC CLIENT_ID".into()) };
    let login = Login { client_id: client_id.clone(), credentials: None, keep_alive: 30 };
    let filters = vec![topic.clone()];
    let (client, incoming) = Client::builder(url)
        .request(|dial| async move { Ok(dial.request()?.protocol(PROTOCOL)) })
        .heartbeat(login.heartbeat())
        .codec(Mqtt::default())
        .greeting(move |link| greet(link, login.clone(), filters.clone()))
        .spawn()?;
    talk(client, incoming, |line| publish(topic, line)).await
}
