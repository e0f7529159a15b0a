//! Every scenario at a small size, against the example server as Cargo builds it.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use heartline_load::figures::Verdict;
use heartline_load::fleet::Canaries;
use heartline_load::scenario::flood::{self, Flood};
use heartline_load::scenario::kicks::{self, Kicks};
use heartline_load::scenario::logins::{self, Logins};
use heartline_load::scenario::presence::{self, Flapping};
use heartline_load::scenario::silent::{self, Silent};
use heartline_load::scenario::slow::{self, NeverRead, OneSender, WhoUnread};
use heartline_load::scenario::stop::{self, Crowd, Phase};
use heartline_load::scenario::{Setup, Stage, steady, suspend};
use heartline_load::server::Launch;
use heartline_load::table;
use heartline_load::target::{Credentials, SECRET};
use rustix::process::{Pid, Signal, kill_process};

const USERS: usize = 20;

/// A small setup; the server is built once.
fn setup() -> Setup {
    static BUILT: OnceLock<Launch> = OnceLock::new();
    let launch = BUILT.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let build = ["build", "--quiet", "-p", "heartline-example-server", "--bin", "server", "--profile", profile];
        let folder = env!("CARGO_MANIFEST_DIR");
        let built = Command::new(env!("CARGO")).args(build).current_dir(folder).status().expect("cargo");
        assert!(built.success());
        let environment = vec![(SECRET.into(), SECRET_OF_TESTS.into())];
        let mut launch = Launch { environment, ..Launch::example().expect("just built") };
        launch.arguments.extend(["--stop-within", "8"].map(str::to_owned));
        launch
    });
    let short = Duration::from_millis(500);
    Setup {
        canaries: Canaries { users: USERS, rate: 100.0, heartbeat: Duration::from_millis(200) },
        before: short,
        during: short,
        after: short,
        ..Setup::new(launch.clone(), Credentials(SECRET_OF_TESTS.into()))
    }
}

const SECRET_OF_TESTS: &str = "a secret of at least thirty-two bytes";

/// What holds for every scenario: numbers add up, and each has its rows.
fn check(verdict: &Verdict) {
    for figures in [&verdict.before, &verdict.during, &verdict.after] {
        assert_eq!(figures.received, figures.latency.count(), "{verdict:?}");
        assert!(figures.received + figures.returned + figures.lost >= figures.sent, "{verdict:?}");
        assert!(figures.server.peak_memory >= figures.server.after.memory, "{verdict:?}");
    }
    assert!(verdict.before.sent > 0 && verdict.before.lost == 0, "{verdict:?}");
    assert!(verdict.before.server.before.memory > 0 && verdict.before.server.before.descriptors > USERS as u64);
    let columns = |row: &str| row.matches('|').count();
    assert!(table::rows(verdict).lines().take(3).all(|row| columns(row) == columns(table::HEAD) / 2), "{verdict:?}");
}

const MIB: u64 = 1 << 20;

/// What an attack must not do to others: no message of theirs is lost, nobody of them is closed, whoever comes gets in. And
/// the server does not grow by more than this.
fn held(verdict: &Verdict, growth: u64) {
    for figures in [&verdict.before, &verdict.during, &verdict.after] {
        assert_eq!((figures.lost, figures.closed.len(), figures.newcomers.failed), (0, 0, 0), "{verdict:?}");
    }
    let peak = verdict.during.server.peak_memory.max(verdict.after.server.peak_memory);
    assert!(peak - verdict.before.server.before.memory <= growth, "{verdict:?}");
}

/// How many windows of presence, 100 ms each, such a time has at most.
fn windows(took: Duration) -> u64 {
    took.as_millis() as u64 / 100 + 3
}

#[tokio::test]
async fn under_a_steady_load_every_message_is_accounted_for_and_newcomers_get_in() {
    let verdict = steady::run(&setup()).await.expect("a verdict");
    check(&verdict);
    for figures in [&verdict.before, &verdict.during, &verdict.after] {
        assert_eq!((figures.received, figures.lost, figures.unsent), (figures.sent, 0, 0), "{verdict:?}");
        assert!(figures.newcomers.admitted > 0 && figures.newcomers.failed == 0, "{verdict:?}");
        assert!(figures.closed.is_empty(), "{verdict:?}");
    }
}

#[tokio::test]
async fn a_crowd_logs_in_and_each_watcher_gets_one_change_a_window_and_not_one_a_login() {
    for all_watch in [false, true] {
        let logins = Logins { users: 100, at_once: 4, watchers: 3, all_watch };
        let verdict = logins::run(&setup(), logins).await.expect("a verdict");
        check(&verdict);
        held(&verdict, 32 * MIB);
        assert_eq!((verdict.attack.logged_in, verdict.attack.failed), (100, 0), "{verdict:?}");
        assert!(verdict.attack.took > Duration::ZERO && verdict.attack.frames_received > 3, "{verdict:?}");
        // Each of a hundred is told of its login, and besides each watcher of what is new in a window.
        let most = 103 + if all_watch { 100 } else { 3 } * windows(verdict.attack.took + verdict.after.took);
        assert!(verdict.attack.frames_received <= most, "more than {most}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_flood_of_each_kind_costs_nobody_else_a_message_or_a_connection() {
    for kind in flood::Kind::ALL {
        let flood = Flood { connections: 3, ..Flood::of(kind) };
        let verdict = flood::run(&setup(), flood).await.expect("a verdict");
        check(&verdict);
        held(&verdict, 32 * MIB);
        assert!(verdict.attack.logged_in >= 3, "{verdict:?}");
        assert!(kind == flood::Kind::TakenLogin || verdict.attack.frames_sent > 0, "{verdict:?}");
    }
}

#[tokio::test]
async fn who_never_reads_costs_its_budget_and_who_reads_is_not_closed_for_what_others_send() {
    let slow = NeverRead { readers: 3, writers: 3, size: 1000 };
    let verdict = slow::never_read(&setup(), slow).await.expect("a verdict");
    check(&verdict);
    held(&verdict, 32 * MIB);
    assert!(verdict.attack.logged_in >= 3 && verdict.attack.frames_sent > 0, "{verdict:?}");

    let verdict = slow::who_unread(&setup(), WhoUnread { listed: 200, name: 40 }).await.expect("a verdict");
    check(&verdict);
    held(&verdict, 32 * MIB);
    assert!(verdict.attack.frames_sent >= 100, "{verdict:?}");

    let one = OneSender { readers: 2, messages: 40, size: 60_000 };
    let verdict = slow::one_sender(&setup(), one).await.expect("a verdict");
    check(&verdict);
    held(&verdict, 32 * MIB);
    assert!(verdict.attack.frames_sent >= 6 && verdict.attack.recipients_closed.is_empty(), "{verdict:?}");
}

#[tokio::test]
async fn connections_that_never_become_a_user_are_made_under_the_limit_of_descriptors() {
    for kind in [silent::Kind::Silent, silent::Kind::Half, silent::Kind::Drip] {
        let silent = Silent { connections: 100, descriptors: Some(40), ..Silent::of(kind) };
        let verdict = silent::run(&setup(), silent).await.expect("a verdict");
        check(&verdict);
        assert!(verdict.attack.connected >= 100, "{verdict:?}");
        // Fewer than all of them, besides what the server inherited.
        assert!(verdict.during.server.peak_descriptors < 50, "{verdict:?}");
    }
}

#[tokio::test]
async fn two_clients_of_a_name_replace_each_other_so_many_times_and_no_more() {
    let verdict = kicks::run(&setup(), Kicks { names: 2 }).await.expect("a verdict");
    check(&verdict);
    held(&verdict, 32 * MIB);
    // Five at once, and one more in ten seconds, of each name.
    let most = 2 * (1 + 5 + 1 + verdict.during.took.as_secs() / 10);
    assert!(verdict.attack.logged_in > 2 && verdict.attack.logged_in <= most, "{verdict:?}");
    assert!(verdict.attack.login_refused > 0, "{verdict:?}");
    assert!(verdict.attack.closed.contains_key(&4409), "{verdict:?}");
}

#[tokio::test]
async fn a_flapping_user_is_told_of_once_a_window() {
    let verdict = presence::flapping(&setup(), Flapping { watchers: 3 }).await.expect("a verdict");
    check(&verdict);
    held(&verdict, 32 * MIB);
    assert!(verdict.attack.logged_in > 3 && verdict.attack.frames_received > 3, "{verdict:?}");
    let most = verdict.attack.logged_in + 3 * windows(verdict.during.took + verdict.after.took);
    assert!(verdict.attack.frames_received <= most, "more than {most}: {verdict:?}");
}

#[tokio::test]
async fn a_server_is_ended_in_each_phase_and_its_users_are_told() {
    for phase in Phase::ALL {
        let crowd = Crowd { connections: 6, second_signal: Duration::from_millis(100) };
        let stopped = stop::run(&setup(), phase, crowd).await.expect("an end");
        assert_eq!((stopped.exit, stopped.signal), (Some(0), None), "{stopped:?}");
        assert_eq!(stopped.closed.get(&1012), Some(&(USERS as u64)), "{stopped:?}");
        let columns = |row: &str| row.matches('|').count();
        assert_eq!(columns(&table::stop_row(&stopped)), columns(table::STOP_HEAD) / 2);
    }
}

#[tokio::test]
async fn messages_to_a_suspended_server_arrive_when_it_goes_on() {
    let length = Duration::from_secs(1);
    let verdict = suspend::run(&setup(), length).await.expect("a verdict");
    check(&verdict);
    assert_eq!((verdict.during.lost, verdict.during.closed.len()), (0, 0), "{verdict:?}");
    // The first of them waits for about all of it.
    assert!(verdict.during.latency.at(1.0) > length / 2 && verdict.during.took >= length, "{verdict:?}");
}

#[tokio::test]
async fn a_scenario_ends_and_tells_the_loss_when_its_server_dies() {
    let stage = Stage::start(&setup()).await.expect("a stage");
    let pid = i32::try_from(stage.server.pid()).ok().and_then(Pid::from_raw).expect("a process");
    let verdict = stage.attacked("killed", Duration::from_secs(20), async move {
        kill_process(pid, Signal::KILL).expect("killed");
        // The attack goes on for a while without a server.
        tokio::time::sleep(Duration::from_millis(200)).await;
    });
    let verdict = verdict.await;
    assert_eq!((verdict.before.closed.len(), verdict.before.lost), (0, 0), "{verdict:?}");
    assert_eq!(verdict.during.closed.values().sum::<u64>(), USERS as u64, "{verdict:?}");
    assert_eq!((verdict.after.received, verdict.after.sent), (0, 0), "{verdict:?}");
    assert!(verdict.after.unsent > 0 && verdict.after.newcomers.admitted == 0, "{verdict:?}");
}

#[tokio::test]
async fn a_server_that_does_not_listen_is_an_error_and_one_that_is_dropped_is_gone() {
    let launch = Launch { arguments: vec![], ..Launch::program("true") };
    assert!(launch.start().is_err());
    let server = setup().launch.start().expect("a server");
    let pid = server.pid();
    drop(server);
    assert!(heartline_load::usage::Usage::of(pid).is_err());
}
