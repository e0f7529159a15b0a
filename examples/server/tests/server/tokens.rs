//! Which tokens are taken.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heartline_axum::heartline::hub::Settings;
use heartline_example_server::Tokens;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::client::{SECRET, Site, refused, token};
use crate::{HOUR, MILLI, quiet};

fn in_an_hour() -> u64 {
    (SystemTime::now() + HOUR).duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

fn signed(algorithm: Algorithm, claims: &Value, secret: &[u8]) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).expect("a token")
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused_with_401_or_as_a_message() {
    let site = Site::start(quiet()).await;
    let good = json!({"sub": "mallory", "exp": in_an_hour()});
    let payload = token("mallory").split('.').nth(1).expect("three parts").to_owned();
    let ours = |claims: &Value| signed(Algorithm::HS256, claims, SECRET);
    let tokens = [
        signed(Algorithm::HS256, &good, b"another secret, which is as long as the right one"),
        signed(Algorithm::HS512, &good, SECRET),
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."), // "alg": "none"
        ours(&json!({"sub": "mallory"})),
        ours(&json!({"exp": in_an_hour()})),
        ours(&json!({"sub": "mallory", "exp": in_an_hour() - 3601})),
        ours(&json!({"sub": "mallory", "exp": in_an_hour().to_string()})),
        ours(&json!({"sub": "mallory", "exp": u64::MAX})),
        ours(&json!({"sub": "mallory", "exp": in_an_hour(), "nbf": in_an_hour()})),
        ours(&json!({"sub": "mallory", "exp": in_an_hour(), "aud": "others"})),
        "mallory".into(),
    ];
    for token in tokens {
        let bearer = format!("Bearer {token}");
        assert_eq!(refused(site.try_dial(&[("Authorization", &bearer)]).await), (401, None), "{token}");
        assert_eq!(refused(site.dial_at(&format!("/ws?token={token}")).await), (401, None), "{token}");
        let mut client = site.dial().await;
        assert_eq!(client.ask(json!({"event": "login", "token": token})).await["event"], "refused", "{token}");
    }
    for name in ["system", "", "a b", "аdmin", "<b>\u{202e}"] {
        let bearer = format!("Bearer {}", ours(&json!({"sub": name, "exp": in_an_hour()})));
        assert_eq!(refused(site.try_dial(&[("Authorization", &bearer)]).await), (403, None), "{name}");
    }
    site.end().await;
}

#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    assert!(Tokens::signed_by(&[7; 31]).is_err());
    assert!(Tokens::signed_by(&[7; 32]).is_ok());
}

/// [U18]
#[tokio::test]
async fn a_login_ends_with_its_token_unless_it_is_renewed() {
    let site = Site::start(Settings { close_timeout: 200 * MILLI, ..quiet() }).await;
    let tokens = Tokens::signed_by(SECRET).expect("long enough");
    let short = |name, seconds| tokens.mint(name, Duration::from_secs(seconds)).expect("a name");
    let mut renewing = site.dial().await;
    assert_eq!(renewing.ask(json!({"event": "login", "token": short("ann", 2)})).await["event"], "open");
    let expiring = renewing.receive().await;
    assert_eq!(expiring["event"], "expiring");
    assert!((1..=2000).contains(&expiring["in_ms"].as_u64().expect("a number")), "{expiring}");
    assert_eq!(renewing.ask(json!({"event": "login", "token": token("ann")})).await["event"], "open");

    let mut ending = site.dial().await;
    assert_eq!(ending.ask(json!({"event": "login", "token": short("bob", 3)})).await["event"], "open");
    assert_eq!(ending.closed().await.0, 3000);
    renewing.heart().await;
    assert_eq!(site.end().await.closed_expired, 1);
}
