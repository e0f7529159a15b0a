//! Who is online, told in windows.

use std::time::Duration;

use crate::site::{Client, Site, plain, quiet};

struct Seen {
    number: u64,
    count: usize,
    came: usize,
    went: usize,
}

fn changed(text: &str) -> Seen {
    let words: Vec<&str> = text.split(' ').collect();
    let ["changed", number, came, went, "=", count] = words[..] else { panic!("{text}") };
    let number_of = |text: &str| text.trim_start_matches(['+', '-']).parse().expect("a number");
    Seen {
        number: number.parse().expect("a number"),
        came: number_of(came),
        went: number_of(went),
        count: count.parse().expect("a number"),
    }
}

#[tokio::test]
async fn a_thousand_logins_are_told_to_a_watcher_in_a_message_for_each_window() {
    const USERS: usize = 1000;
    let settings = heartline::hub::Settings { per_source: None, ..quiet() };
    let site = Site::start(plain(settings).presence(Duration::from_secs(1), 200)).await;
    let mut watcher = site.enter("watcher").await;
    assert_eq!(watcher.ask("watch").await, "online 0 1 of 1");
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..USERS {
        let mut client = site.dial().await;
        client.say(&format!("login user {number}|")).await;
        clients.push(client);
    }
    let (mut came, mut numbers) = (0, 0);
    while came < USERS {
        let seen = changed(&watcher.receive().await);
        numbers += 1;
        came += seen.came;
        assert_eq!((seen.number, seen.went), (numbers, 0), "no number is missing");
        assert!(seen.count <= USERS + 1);
    }
    assert!(numbers < 50, "{numbers} messages for {USERS} logins");
    let newcomer = clients.last_mut().expect("a client");
    assert_eq!(newcomer.receive().await, format!("hello user {}", USERS - 1));
    assert_eq!(newcomer.ask("watch").await, format!("online {numbers} 200 of {}", USERS + 1));
    drop(clients.drain(..USERS - 1));
    let mut went = 0;
    while went < USERS - 1 {
        let seen = changed(&watcher.receive().await);
        numbers += 1;
        went += seen.went;
        assert_eq!(seen.number, numbers);
    }
    assert!(numbers < 100);
}

#[tokio::test]
async fn who_comes_and_goes_within_a_window_was_never_there() {
    let site = Site::start(plain(quiet()).presence(Duration::from_secs(2), 10)).await;
    let mut watcher = site.enter("watcher").await;
    assert_eq!(watcher.ask("watch").await, "online 0 1 of 1");
    let mut brief = site.enter("brief").await;
    brief.say("close 1000|").await;
    brief.closed().await;
    let _stays = site.enter("stays").await;
    assert_eq!(watcher.receive().await, "changed 1 +1 -0 = 2");
}
