//! What lives is kept, what is dead is found, and the two are not mixed up.

use heartline::heartbeat::HeartbeatMode;

use crate::conformance::bed::{Bed, Case, Failure, ensure};
use crate::conformance::protocol::{Command, Report, Setting};
use crate::conformance::server::Conn;
use crate::websocket::{self, CONTINUATION, Incoming, PING, TEXT};

pub(super) fn one_byte_writes(bed: &mut Bed) -> Case {
    let mut conn = bed.begin()?;
    let bytes = [
        websocket::text("whole"),
        websocket::frame(TEXT, false, b"in "),
        websocket::frame(PING, true, b"between"),
        websocket::frame(CONTINUATION, false, b""),
        websocket::frame(CONTINUATION, true, b"parts"),
        websocket::text(""),
        websocket::text(&"long ".repeat(40)),
    ];
    let apart = bed.ms(1);
    conn.dribble(&bytes.concat(), 1, apart)?;
    for text in ["whole", "in parts", "", &"long ".repeat(40)] {
        bed.delivers(text)?;
    }
    let until = std::time::Instant::now() + bed.patience();
    while !conn.log().contains(&Incoming::Pong(b"between".to_vec())) {
        ensure!(std::time::Instant::now() < until, "the ping between the fragments was never answered");
        bed.listen(bed.ms(10))?;
    }
    bed.echo(&mut conn, "after")
}

/// One message takes much longer to arrive than the heartbeat waits, and no pong can come in between.
pub(super) fn slow_frame(bed: &mut Bed) -> Case {
    bed.beat()?;
    let mut conn = bed.begin()?;
    let (text, apart) = ("s".repeat(250), bed.ms(100));
    conn.dribble(&websocket::text(&text), 10, apart)?;
    bed.delivers(&text)?;
    let lost =
        bed.driver.reports.iter().any(|report| matches!(report, Report::State { cause, .. } if cause.contains(':')));
    ensure!(!lost, "the connection was given up while bytes arrived");
    bed.echo(&mut conn, "after")
}

/// With a limit of its own, just over it; else a terabyte, which nobody can want.
pub(super) fn oversized(bed: &mut Bed) -> Case {
    let retry = bed.ms(100);
    bed.set(Setting::Retry(retry))?;
    bed.set(Setting::MaxInbound(64 << 10))?;
    let limited = bed.can(crate::conformance::protocol::Ability::MaxInbound);
    let conn = bed.begin()?;
    let length = if limited { 65 << 10 } else { 1 << 40 };
    let start = [websocket::header(TEXT, true, length), vec![b'x'; 65 << 10]].concat();
    _ = conn.bytes(&start); // It may hang up in the middle.
    bed.wait("that the connection was lost", |report| match report {
        // That would be the next dial, which nobody answers.
        Report::State { cause, .. } if cause.ends_with(":connect-timeout") => None,
        Report::State { cause, .. } => cause.contains(':').then_some(()),
        _ => None,
    })?;
    let delivered = bed.driver.reports.iter().any(|report| matches!(report, Report::Delivered { .. }));
    ensure!(!delivered, "a message over the limit was delivered");
    Ok(())
}

/// An open connection whose server says nothing more, pongs included.
fn silent(bed: &mut Bed) -> Result<Conn, Failure> {
    let retry = bed.ms(100);
    bed.set(Setting::Retry(retry))?;
    bed.beat()?;
    let mut conn = bed.begin()?;
    bed.echo(&mut conn, "before")?;
    conn.leave_pings();
    Ok(conn)
}

pub(super) fn silent_link(bed: &mut Bed) -> Case {
    let mut old = silent(bed)?;
    bed.lost("heartbeat-timeout")?;
    let mut new = bed.opens()?;
    bed.ended(&mut old)?;
    bed.echo(&mut new, "after")?;
    // It lives as long as pings are answered.
    bed.listen(bed.ms(2_500))?;
    bed.no_loss()
}

pub(super) fn silent_and_stalled(bed: &mut Bed) -> Case {
    let old = silent(bed)?;
    old.read(false);
    for _ in 0..1200 {
        bed.fill(16 << 10)?;
    }
    bed.lost("heartbeat-timeout")?;
    let _new = bed.opens()?;
    Ok(())
}

pub(super) fn nothing_after_abort(bed: &mut Bed) -> Case {
    let mut old = silent(bed)?;
    bed.send("during")?;
    bed.receives(&mut old, "during")?;
    bed.lost("heartbeat-timeout")?;
    bed.send("between")?;
    let mut new = bed.opens()?;
    bed.send("after")?;
    bed.receives(&mut new, "between")?;
    bed.receives(&mut new, "after")?;
    bed.ended(&mut old)?;
    let texts = old.texts();
    ensure!(texts == ["from before", "during"], "written on the connection that was given up: {texts:?}");
    Ok(())
}

/// 4409 is final for the connection it is meant for.
pub(super) fn late_close(bed: &mut Bed) -> Case {
    let old = silent(bed)?;
    bed.lost("heartbeat-timeout")?;
    let mut new = bed.opens()?;
    _ = old.bytes(&websocket::text("too late"));
    _ = old.bytes(&websocket::close(Some(4409)));
    old.hang_up();
    bed.listen(bed.ms(300))?;
    bed.no_loss()?;
    bed.echo(&mut new, "after")
}

/// Everything is sent at once, pings between the messages, and the server is gone before the first pong: it is
/// answered with a reset, the second cannot be written.
pub(super) fn failing_pong(bed: &mut Bed) -> Case {
    let retry = bed.ms(100);
    bed.set(Setting::Retry(retry))?;
    bed.set(Setting::Heartbeat(HeartbeatMode::Off))?;
    for round in 0..3 {
        let conn = if round == 0 { bed.begin()? } else { bed.opens()? };
        let mut burst = Vec::new();
        for nth in 0..8 {
            burst.extend(websocket::text(&format!("{round}-{nth}")));
            // Not in any rhythm that a driver's loop could have.
            let pings = [1, 1, 0, 2, 1, 0, 1, 1][nth];
            (0..pings).for_each(|_| burst.extend(websocket::frame(PING, true, b"p")));
        }
        // Where credentials are renewed only once, the second such close would be final.
        let code = if round == 2 { 4401 } else { 1001 };
        burst.extend(websocket::close(Some(code)));
        conn.bytes(&burst)?;
        conn.hang_up();
        for nth in 0..8 {
            bed.delivers(&format!("{round}-{nth}"))?;
        }
        bed.lost(&format!("close:{code}"))?;
    }
    Ok(())
}

pub(super) fn close_unanswered(bed: &mut Bed) -> Case {
    let timeout = bed.ms(300);
    bed.set(Setting::CloseTimeout(timeout))?;
    let mut conn = bed.begin()?;
    conn.leave_closes();
    bed.driver.command(&Command::Close(timeout))?;
    match conn.next(bed.patience()) {
        Some(Incoming::Close(Some(1000))) => {}
        other => return Err(Failure::new(format!("the server expected a close frame with 1000, came {other:?}"))),
    }
    bed.state("Closed")?;
    bed.ended(&mut conn)
}
