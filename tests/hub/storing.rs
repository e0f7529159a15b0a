//! What can be stored and read back.

use heartline::CloseCode;
use heartline::hub::{
    Action, Admission, Config, Denial, Event, Fate, Input, LoginRefusal, Origins, SecondLogin, Settings, Stats,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::desk::{Desk, plain, raw, seconds};

/// Stores and reads back; what was stored.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) -> String {
    let stored = serde_json::to_string(&value).expect("stored");
    assert_eq!(serde_json::from_str::<T>(&stored).expect("read"), value, "{stored}");
    stored
}

/// [O3]
#[test]
fn every_input_is_read_as_it_was_stored() {
    let (conn, name, message) = (raw(1 << 20), || "ann".to_string(), || "hello".to_string());
    let inputs: [Input<String, String>; 12] = [
        Input::Alive { conn },
        Input::Ping { conn },
        Input::Login { conn, user: name() },
        Input::Relay { conn, to: name(), message: message(), volatile: true },
        Input::Broadcast { from: None, except: vec![name()], message: message(), volatile: false },
        Input::Unknown { conn },
        Input::Queued { conn, bytes: u32::MAX },
        Input::Written { conn, bytes: 1 },
        Input::Close { conn, code: CloseCode::SUPERSEDED },
        Input::Closed { conn },
        Input::Timer,
        Input::Shutdown { within: seconds(1), spread: seconds(2) },
    ];
    there_and_back(inputs.to_vec());
}

/// [O3]
#[test]
fn every_action_is_read_as_it_was_stored() {
    let (conn, user, message) = (raw(1 << 20), "ann".to_string(), "hello".to_string());
    let told = |fate| Action::Told { conn, to: Some("bob".to_string()), fate };
    there_and_back(vec![
        Action::Deliver { conn, from: user.clone(), message: message.clone() },
        Action::Broadcast { conns: vec![conn], from: Some(user.clone()), message: message.clone() },
        told(Fate::Routed(1)),
        told(Fate::Offline(message.clone())),
        told(Fate::Dropped(message.clone())),
        told(Fate::NotLoggedIn(message)),
        Action::LoggedIn { conn, user: user.clone() },
        Action::LoginRefused { conn, reason: LoginRefusal::UserOnline },
        Action::LoginRefused { conn, reason: LoginRefusal::OtherUser },
        Action::CannotHandle { conn },
        Action::Abort { conn },
        Action::Pong { conn },
        Action::Ping { conn },
        Action::Close { conn, code: CloseCode::SERVICE_RESTART, retry_after: Some(seconds(3)) },
        Action::Event(Event::Online(user.clone())),
        Action::Event(Event::Offline(user)),
        Action::Event(Event::Drained),
    ]);
    for reason in [Denial::Origin, Denial::Protocol, Denial::Full, Denial::Anonymous, Denial::ShuttingDown] {
        there_and_back(reason);
    }
}

/// [O3]
#[test]
fn counters_are_read_as_they_were_stored() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.unknown(ann);
    there_and_back::<Stats>(desk.hub.stats());
}

/// [O3]
#[test]
fn a_config_is_read_if_it_is_valid_and_what_is_missing_is_the_default() {
    let admission = Admission {
        origins: Origins::List(vec!["https://app.example".into()]),
        without_origin: false,
        protocols: vec!["chat.v1".into()],
        protocol_required: true,
    };
    let settings = Settings { admission, second_login: SecondLogin::Reject, ..plain() };
    there_and_back(settings.clone());
    there_and_back(Config::new(settings).expect("valid"));
    assert_eq!(serde_json::from_str::<Config>("{}").expect("the default"), Config::default());
    let error = serde_json::from_str::<Config>(r#"{"max_anonymous": 0}"#).expect_err("invalid");
    assert!(error.to_string().starts_with("max_anonymous is 0; allowed is 1 to 1048576"), "{error}");
    assert!(serde_json::from_str::<Settings>(r#"{"superseded": 1006}"#).is_err());
}
