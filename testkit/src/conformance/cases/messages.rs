//! What is sent arrives, in order, with its outcome.

use heartline::message::Delivery;

use crate::conformance::bed::{Bed, Case, Failure, ensure};
use crate::conformance::protocol::{Command, Report, Setting};
use crate::conformance::server::Conn;
use crate::websocket::Incoming;

pub(super) fn echo(bed: &mut Bed) -> Case {
    let mut conn = bed.begin()?;
    bed.echo(&mut conn, "one")?;
    bed.echo(&mut conn, "ünïcode \\ and \"quotes\"")?;
    let long = bed.fill(100_000)?;
    match conn.next(bed.patience()) {
        Some(Incoming::Text(text)) if text.len() == 100_000 && text.starts_with(&format!("{long} xxx")) => {}
        other => return Err(Failure::new(format!("the server expected 100,000 bytes, came {}", shown(other)))),
    }
    conn.text(&"y".repeat(100_000))?;
    let bytes = bed.wait("a delivery of 100,000 bytes", |report| match report {
        Report::Delivered { bytes, .. } => Some(*bytes),
        _ => None,
    })?;
    ensure!(bytes == 100_000, "expected a delivery of 100,000 bytes, came {bytes}");
    Ok(())
}

fn shown(incoming: Option<Incoming>) -> String {
    match incoming {
        Some(Incoming::Text(text)) => format!("a text of {} bytes", text.len()),
        other => format!("{other:?}"),
    }
}

/// Each connection is dropped after some messages. What lay in its buffers is lost, but nothing comes twice or early.
pub(super) fn order(bed: &mut Bed) -> Case {
    let retry = bed.ms(100);
    bed.set(Setting::Retry(retry))?;
    let mut all = Vec::new();
    bed.connect()?;
    for round in 0..4_u32 {
        let mut conn = bed.opens()?;
        for nth in 0..20 {
            bed.send(&format!("{:04}", round * 20 + nth))?;
        }
        let wanted = if round == 3 { 20 } else { 5 };
        for _ in 0..wanted {
            match conn.next(bed.patience()) {
                Some(Incoming::Text(text)) => all.push(text),
                other => return Err(Failure::new(format!("the server expected a message, came {}", shown(other)))),
            }
        }
    }
    ensure!(all.is_sorted_by(|one, next| one < next), "out of order or twice: {all:?}");
    Ok(())
}

pub(super) fn clean_end(bed: &mut Bed) -> Case {
    let mut conn = bed.begin()?;
    for nth in 0..200 {
        bed.send(&format!("{nth:04}"))?;
    }
    let within = bed.ms(10_000);
    bed.driver.command(&Command::Close(within))?;
    for nth in 0..200 {
        bed.receives(&mut conn, &format!("{nth:04}"))?;
    }
    match conn.next(bed.patience()) {
        Some(Incoming::Close(Some(1000))) => {}
        other => return Err(Failure::new(format!("the server expected a close frame with 1000, came {other:?}"))),
    }
    bed.state("Closed")?;
    let transmitted = |report: &&Report| matches!(report, Report::Outcome(_, outcome) if outcome == "transmitted");
    _ = bed.listen(bed.ms(50)); // The process may have ended.
    let count = bed.driver.reports.iter().filter(transmitted).count();
    ensure!(count == 200, "of 200 messages that arrived {count} are reported as transmitted");
    Ok(())
}

pub(super) fn redelivery(bed: &mut Bed) -> Case {
    let retry = bed.ms(100);
    bed.set(Setting::Retry(retry))?;
    let mut conn = bed.begin()?;
    let mut tags = Vec::new();
    for text in ["one", "two", "three"] {
        tags.push(bed.send_as(text, Delivery::AtLeastOnce)?);
        bed.receives(&mut conn, text)?;
    }
    acknowledge(bed, tags[0])?;
    drop(conn);
    tags.push(bed.send_as("four", Delivery::AtLeastOnce)?);
    let mut conn: Conn = bed.opens()?;
    for text in ["two", "three", "four"] {
        bed.receives(&mut conn, text)?;
    }
    // In another order than they were sent.
    [3, 1, 2].into_iter().try_for_each(|nth| acknowledge(bed, tags[nth]))
}

pub(super) fn unacknowledged(bed: &mut Bed) -> Case {
    let (retry, timeout) = (bed.ms(100), bed.ms(500));
    bed.set(Setting::Retry(retry))?;
    bed.set(Setting::AckTimeout(timeout))?;
    let mut conn = bed.begin()?;
    let tag = bed.send_as("one", Delivery::AtLeastOnce)?;
    bed.receives(&mut conn, "one")?;
    bed.lost("ack-timeout")?;
    let mut conn = bed.opens()?;
    bed.receives(&mut conn, "one")?;
    acknowledge(bed, tag)
}

fn acknowledge(bed: &mut Bed, tag: u64) -> Case {
    bed.driver.command(&Command::Acked(tag))?;
    let outcome = bed.wait(&format!("outcome {tag}"), |report| match report {
        Report::Outcome(of, outcome) if *of == tag => Some(outcome.clone()),
        _ => None,
    })?;
    ensure!(outcome == "acked", "message {tag} was acknowledged and is {outcome}");
    Ok(())
}

/// How many bytes no socket takes while its other end does not read.
const MESSAGES: u64 = 1200;
const BYTES: usize = 16 << 10;

pub(super) fn stalled_reader(bed: &mut Bed) -> Case {
    bed.beat()?;
    let mut conn = bed.begin()?;
    conn.read(false);
    for _ in 0..MESSAGES {
        bed.fill(BYTES)?;
    }
    // Longer than the heartbeat waits; the messages of the server are life.
    for nth in 0..10 {
        bed.listen(bed.ms(200))?;
        conn.text(&format!("meanwhile {nth}"))?;
        bed.delivers(&format!("meanwhile {nth}"))?;
    }
    bed.no_loss()?;
    conn.read(true);
    let mut last = 0;
    while last < refused_after(bed, last) {
        match conn.next(bed.patience()) {
            Some(Incoming::Text(text)) => {
                let tag = text.split(' ').next().and_then(|tag| tag.parse::<u64>().ok()).unwrap_or(0);
                ensure!(tag > last && text.len() == BYTES, "after message {last} came {tag} of {} bytes", text.len());
                last = tag;
                // A ping waits behind megabytes, and this case is not about that.
                if tag % 20 == 0 {
                    conn.text("still here")?;
                }
            }
            other => return Err(Failure::new(format!("after message {last} came {}", shown(other)))),
        }
        bed.listen(std::time::Duration::ZERO)?;
    }
    bed.no_loss()
}

/// The last message that was not refused: a driver need not hold them all.
fn refused_after(bed: &Bed, last: u64) -> u64 {
    let refused: Vec<u64> = bed
        .driver
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::Refused(tag, _) => Some(*tag),
            _ => None,
        })
        .collect();
    (last.max(1)..=MESSAGES).rev().find(|tag| !refused.contains(tag)).unwrap_or(last)
}

pub(super) fn slow_application(bed: &mut Bed) -> Case {
    bed.beat()?;
    let mut conn = bed.begin()?;
    let pause = bed.ms(50);
    bed.driver.command(&Command::Slow(pause))?;
    bed.listen(bed.ms(100))?; // By then it is heard.
    for nth in 0..40 {
        conn.text(&format!("{nth:03}"))?;
    }
    for nth in 0..40 {
        bed.delivers(&format!("{nth:03}"))?;
    }
    bed.driver.command(&Command::Slow(std::time::Duration::ZERO))?;
    bed.echo(&mut conn, "after")?;
    bed.no_loss()
}

pub(super) fn paused_application(bed: &mut Bed) -> Case {
    bed.beat()?;
    let mut conn = bed.begin()?;
    bed.driver.command(&Command::Pause)?;
    bed.listen(bed.ms(100))?; // By then it is heard.
    for nth in 0..300 {
        conn.text(&format!("{nth:03}{}", "x".repeat(1000)))?;
    }
    bed.listen(bed.ms(2_000))?;
    bed.driver.command(&Command::Resume)?;
    for nth in 0..300 {
        let text = bed.wait("the messages that waited", |report| match report {
            Report::Delivered { text, .. } => Some(text.clone()),
            _ => None,
        })?;
        ensure!(text.starts_with(&format!("{nth:03}x")), "expected message {nth}, came {text:.10}");
    }
    bed.no_loss()?;
    bed.echo(&mut conn, "after")
}
