//! What can be stored and read back.

use heartline::heartbeat::HeartbeatMode;
use heartline::hub::{
    Action, Admission, Cause, Config, Denial, Event, Hub, Input, LoginRefusal, Origins, SecondLogin, Settings,
};
use heartline::{CloseCode, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::{REQUEST, heartbeat, plain, seconds};

/// Stores and reads back; what was stored.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let stored = serde_json::to_string(value).expect("stored");
    assert_eq!(serde_json::from_str::<T>(&stored).expect("read"), *value, "{stored}");
    stored
}

/// A hub that is given one input of each kind, and does one action of each kind.
///
/// [O3]
#[test]
fn inputs_actions_and_counters_are_read_as_they_were_stored() {
    let heartbeat = heartbeat(HeartbeatMode::Periodic { interval: seconds(60), timeout: None });
    let settings = Settings { heartbeat, second_login: SecondLogin::Refuse, reply_gap: seconds(0), ..plain() };
    let mut hub: Hub<String, String> = Hub::new(Config::new(settings).expect("valid"), 7);
    let [ann, bob] = [(); 2].map(|()| hub.admit(Timestamp::ORIGIN, &REQUEST).expect("admitted").conn);
    let login = |conn, user: &str| Input::Login { conn, user: user.into(), until: None };
    let relay =
        |volatile| Input::Relay { conn: ann, to: "bob".into(), message: "hello".into(), bytes: 1, volatile, tag: 0 };
    let mut stored = String::new();
    for input in [
        Input::Alive { conn: ann, bytes: 1 },
        Input::Ping { conn: ann },
        relay(false),
        login(ann, "ann"),
        login(ann, "eve"),
        login(bob, "ann"),
        relay(false),
        Input::Login { conn: bob, user: "bob".into(), until: Some(Timestamp::after(seconds(30))) },
        relay(false),
        Input::Queued { conn: bob, bytes: 50 },
        relay(true),
        Input::Written { conn: bob, bytes: 1 },
        Input::Broadcast {
            from: Some(ann),
            room: None,
            except: vec!["eve".into()],
            message: "news".into(),
            bytes: 4,
            volatile: false,
            tag: 0,
        },
        Input::UnknownMessage { conn: ann },
        Input::Join { conn: ann, room: "btc".into() },
        Input::Join { conn: ann, room: "".into() },
        Input::Leave { conn: ann, room: "btc".into() },
        Input::Close { conn: ann, code: CloseCode::SUPERSEDED },
        Input::Shutdown { within: seconds(0), pace: seconds(0), spread: seconds(2) },
        Input::Closed { conn: ann },
        Input::Timer,
    ] {
        there_and_back(&input);
        let actions: Vec<Action<_, _>> = hub.handle(Timestamp::ORIGIN, input).collect();
        stored.extend(actions.iter().map(there_and_back));
    }
    let kinds =
        ["Deliver", "Broadcast", "LoggedIn", "Expiring", "UnknownMessage", "Abort", "Ping", "Pong", "Close", "Joined"];
    for kind in kinds.into_iter().chain(["JoinRefused"]) {
        assert!(stored.contains(&format!("{{\"{kind}\":{{")), "no {kind}: {stored}");
    }
    for kind in ["\"Routed\"", "{\"Broadcast\":", "{\"Offline\":", "{\"Dropped\":", "{\"NotLoggedIn\":"] {
        assert!(stored.contains(&format!("\"outcome\":{kind}")), "no {kind}: {stored}");
    }
    for kind in ["UserOnline\"", "OtherUser\"", "Event\":{\"Online", "Event\":{\"Offline", "Event\":\"Drained"] {
        assert!(stored.contains(&format!("\"{kind}")), "no {kind}: {stored}");
    }
    there_and_back(&hub.stats());
    for denial in
        [Denial::Origin, Denial::Protocol, Denial::TooManyConnections, Denial::Anonymous, Denial::ShuttingDown]
    {
        there_and_back(&denial);
    }
    there_and_back(&Denial::Source);
    [LoginRefusal::Contested, LoginRefusal::Expired].iter().for_each(|reason| _ = there_and_back(reason));
    there_and_back(&Action::<String, String>::Event(Event::Contested("ann".into())));
    [Cause::Ended, Cause::Closed(CloseCode::TIMEOUT), Cause::Aborted]
        .iter()
        .for_each(|cause| _ = there_and_back(cause));
    let unknown = r#"{"Ping":{"conn":1,"byte":2}}"#;
    assert!(serde_json::from_str::<Input<String, String>>(unknown).is_err());
    assert!(serde_json::from_str::<Action<String, String>>(unknown).is_err());
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
    let settings = Settings { admission, second_login: SecondLogin::Refuse, ..plain() };
    there_and_back(&settings);
    there_and_back(&Config::new(settings).expect("valid"));
    assert_eq!(serde_json::from_str::<Config>("{}").expect("the default"), Config::default());
    let error = serde_json::from_str::<Config>(r#"{"max_anonymous": 0}"#).expect_err("invalid");
    assert!(error.to_string().starts_with("max_anonymous is 0; allowed is 1 to 1048576"), "{error}");
    for unreadable in [r#"{"superseded_code": 1006}"#, r#"{"max_conections": 5}"#] {
        assert!(serde_json::from_str::<Settings>(unreadable).is_err(), "{unreadable}");
    }
}
