//! Requests that lead to no connection.

use std::sync::Arc;

use heartline::hub::{Admission, Origins, Settings};
use heartline_axum::{Access, BuildError, Deny};
use http::HeaderValue;
use http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tungstenite::Error;

use crate::site::{MILLI, Site, plain, quiet, refused, soon, until};

#[tokio::test]
async fn what_is_no_upgrade_is_answered_with_what_is_missing() {
    let site = Site::start(plain(quiet())).await;
    let good = site.request("Connection: close\r\n");
    for (status, header, request) in [
        ("426", "upgrade: websocket", good.replace("Upgrade: websocket\r\n", "")),
        ("426", "sec-websocket-version: 13", good.replace("Version: 13", "Version: 8")),
        ("400", "text/plain", good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short")),
        ("405", "allow: GET,HEAD", good.replace("GET /ws", "POST /ws")),
    ] {
        let mut tcp = site.connect().await;
        tcp.write_all(request.as_bytes()).await.expect("written");
        let mut answer = String::new();
        soon("answer", tcp.read_to_string(&mut answer)).await.expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(header), "{request}: {answer}");
    }
    assert_eq!(site.server.stats().hub.admitted, 0);
    site.is_unharmed().await;
}

/// A server whose authentication of `slow` waits for the gate.
async fn gated(settings: Settings) -> (Site, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let inner = gate.clone();
    let builder = plain(settings).authenticate(move |request| {
        let gate = inner.clone();
        async move {
            let name = request.bearer().unwrap_or_default().to_owned();
            if let Some(name) = name.strip_suffix(" slow") {
                gate.acquire().await.expect("open").forget();
                return Ok(Access::user(name.to_owned()));
            }
            Ok(Access::user(name))
        }
    });
    (Site::start(builder).await, gate)
}

#[tokio::test]
async fn a_client_that_hangs_up_before_its_answer_is_gone_and_replaces_nobody() {
    let (site, gate) = gated(quiet()).await;
    let mut living = site.enter("ann").await;
    for _ in 0..5 {
        let mut ghost = site.connect().await;
        ghost.write_all(site.request("Authorization: Bearer ann slow\r\n").as_bytes()).await.expect("written");
        until("admitted", || site.server.stats().connections == 2).await;
        drop(ghost);
        gate.add_permits(1);
        until("its end", || site.server.stats().connections == 1).await;
        _ = gate.try_acquire().map(tokio::sync::SemaphorePermit::forget);
    }
    living.ping().await;
    assert_eq!(site.server.stats().hub.superseded, 0);
}

#[tokio::test]
async fn a_request_that_is_not_authenticated_in_time_is_denied() {
    let (site, _gate) = gated(Settings { login_timeout: 50 * MILLI, ..quiet() }).await;
    let denied = refused(site.try_dial(&[("Authorization", "Bearer ann slow")]).await);
    assert_eq!((denied.0, denied.2.as_str()), (503, "not authenticated in time"));
    until("its end", || site.server.stats().connections == 0).await;
}

#[tokio::test]
async fn an_authentication_that_panics_is_answered_with_500() {
    let site = Site::start(plain(quiet()).authenticate(|request| async move {
        let token = request.bearer().expect("as the test wants it");
        Ok(Access::user(token.to_owned()))
    }))
    .await;
    assert_eq!(refused(site.try_dial(&[]).await).0, 500);
    assert_eq!(site.server.stats().panics, 1);
    site.is_unharmed().await;
}

#[tokio::test]
async fn what_a_client_sends_behind_its_request_is_not_lost() {
    let site = Site::start(plain(quiet())).await;
    let mut tcp = site.connect().await;
    let mut request = site.request("Authorization: Bearer ann\r\n").into_bytes();
    request.extend([0x81, 0x84, 0, 0, 0, 0]);
    request.extend(b"ping");
    tcp.write_all(&request).await.expect("written");
    let mut read = Vec::new();
    soon("pong", async {
        while !read.ends_with(b"\x81\x04pong") {
            assert_ne!(tcp.read_buf(&mut read).await.expect("read"), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_without_an_origin_is_denied_where_the_settings_want_one() {
    let admission = Admission { without_origin: false, ..Admission::default() };
    let site = Site::start(plain(Settings { admission, ..quiet() })).await;
    assert_eq!(refused(site.try_dial(&[]).await).0, 403);
    let own = format!("http://{}", site.address);
    assert!(site.try_dial(&[("Origin", &own)]).await.is_ok());
}

#[tokio::test]
async fn origins_in_the_settings_are_no_server() {
    let admission = Admission { origins: Origins::List(vec!["https://a.example".into()]), ..Admission::default() };
    let built = plain(Settings { admission, ..quiet() }).build();
    assert_eq!(built.err(), Some(BuildError::OriginsOfSettings));
}

#[tokio::test]
async fn a_denial_with_401_names_a_challenge_and_takes_headers() {
    let site = Site::start(plain(quiet()).authenticate(|request| async move {
        let deny = Deny::unauthorized("no valid token");
        Err(match request.bearer() {
            Some(_) => deny.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")),
            None => deny.header(SET_COOKIE, HeaderValue::from_static("token=; Max-Age=0")),
        })
    }))
    .await;
    let headers = async |sent: &[(&'static str, &str)]| match site.try_dial(sent).await {
        Err(Error::Http(response)) => {
            let value = |name| response.headers().get_all(name).iter().cloned().collect::<Vec<_>>();
            (value(WWW_AUTHENTICATE), value(SET_COOKIE))
        }
        _ => panic!("no denial"),
    };
    assert_eq!(headers(&[]).await, (vec!["Bearer".parse().unwrap()], vec!["token=; Max-Age=0".parse().unwrap()]));
    let invalid = "Bearer error=\"invalid_token\"".parse().unwrap();
    assert_eq!(headers(&[("Authorization", "Bearer x")]).await, (vec![invalid], vec![]));
}
