//! Limits per source, names that are fought for, and logins that expire.

use std::time::{Duration, SystemTime};

use heartline::hub::{PerSource, RateLimit, Settings};
use heartline_axum::User;

use crate::site::{HOUR, Site, plain, quiet, refused};

#[tokio::test]
async fn one_source_has_so_many_connections_and_is_denied_with_429_beyond() {
    let per_source = Some(PerSource { connections: 2, ..PerSource::default() });
    let site = Site::start(plain(Settings { per_source, ..quiet() })).await;
    let (_one, _two) = (site.enter("one").await, site.enter("two").await);
    let (status, wait, text) = refused(site.try_dial(&[]).await);
    assert_eq!((status, wait.is_some(), text.as_str()), (429, true, "too many connections from this source"));
}

#[tokio::test]
async fn clients_that_replace_each_other_too_often_are_refused_as_contested() {
    let supersedes = Some(RateLimit { burst: 1, every: HOUR });
    let site = Site::start(plain(Settings { supersede_limit: supersedes, ..quiet() })).await;
    let first = site.enter("ann").await;
    let mut second = site.enter("ann").await;
    assert_eq!(first.closed().await.0, 4409);
    let mut third = site.dial().await;
    let refused = third.ask("login ann|").await;
    assert_eq!(refused, "refused: the user's connections replace each other too often");
    second.ping().await;
}

#[tokio::test]
async fn a_login_that_expires_is_announced_renewed_and_closed_in_the_end() {
    let settings = Settings { expiry_notice: HOUR, ..quiet() };
    let site = Site::start(plain(settings).on_login(|_, name: String| async move {
        let until = SystemTime::now() + Duration::from_millis(500);
        Ok(User { name, until: Some(until) })
    }))
    .await;
    let mut ann = site.dial().await;
    for _ in 0..2 {
        assert_eq!(ann.ask("login ann|").await, "hello ann");
        assert_eq!(ann.receive().await, "expires in 0 s");
    }
    assert_eq!(ann.closed().await, (3000, "login expired".into()));
    assert_eq!(site.server.stats().hub.closed_expired, 1);
}
