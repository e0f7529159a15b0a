//! Redirects: followed if that was asked for, and no further.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;

use heartline_blocking::State;
use support::*;

/// Reads a request, and redirects it.
fn redirect(listener: &TcpListener, location: &str) -> String {
    let mut stream = accept_tcp(listener);
    let mut request = [0; 4096];
    let size = stream.read(&mut request).unwrap();
    let response = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(response.as_bytes()).unwrap();
    String::from_utf8_lossy(&request[..size]).to_lowercase()
}

#[test]
fn they_are_followed_to_another_host_too_without_asking_the_hook_again() {
    let server = Server::run(|listener| {
        let first = redirect(&listener, "/moved");
        assert!(first.contains("get / ") && first.contains("authorization: secret"), "{first}");
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://localhost:{}/chat", elsewhere.local_addr().unwrap().port());
        let second = redirect(&listener, &url);
        assert!(second.contains("get /moved ") && second.contains("authorization: secret"), "{second}");
        let third = redirect(&elsewhere, "/open");
        assert!(third.contains("get /chat ") && !third.contains("authorization"), "{third}");
        until_end(&mut accept(&elsewhere));
    });
    let client = server.client().request(|dial| Ok(dial.request()?.header("Authorization", "secret")?));
    let mut client = client.configure(|options| options.max_redirects = 3).build().unwrap();
    until_state(&mut client, State::Open);
    assert_eq!(client.stats().session.dials, 1);
    drop(client);
    server.join();
}

#[test]
fn one_too_many_stops_the_client_and_the_next_dial_begins_at_its_own_url() {
    let server = Server::run(|listener| {
        for path in ["get / ", "get /moved ", "get / ", "get /moved "] {
            let request = redirect(&listener, "/moved");
            assert!(request.contains(path), "{request}");
        }
    });
    let mut client = server.client().configure(|options| {
        (options.max_redirects, options.stay_when_stopped) = (1, true);
    });
    client = client.request(|dial| dial.request());
    let mut client = client.build().unwrap();
    for dials in [1, 2] {
        poll_until(&mut client, "it stops", |client| client.stats().session.lost_to_status == dials);
        let ended = client.status().last_ended.unwrap();
        assert_eq!(ended.detail().as_deref(), Some("redirected to /moved"));
        client.reconnect();
        if dials == 1 {
            poll_until(&mut client, "it dials", |client| client.stats().session.dials == 2);
        }
    }
    drop(client);
    server.join();
}
