//! What only the system can do to a process: stop it, and count its time.

use heartline::heartbeat::HeartbeatMode;

use crate::conformance::bed::{Bed, Case, ensure};
use crate::conformance::protocol::{Report, Setting};

/// A spinning thread takes all of a processor, or what others leave of it.
const SPINNING: f64 = 0.2;

/// Stopped for longer than the silence that is death, with messages waiting in the socket when it goes on.
pub(super) fn interrupted_poll(bed: &mut Bed) -> Case {
    let timeout = bed.ms(700);
    bed.set(Setting::Heartbeat(HeartbeatMode::Listen { timeout }))?;
    let mut conn = bed.begin()?;
    for round in 0..4 {
        bed.driver.signal("STOP")?;
        bed.driver.wait_stopped(bed.patience())?;
        for nth in 0..5 {
            conn.text(&format!("{round}-{nth}"))?;
            std::thread::sleep(bed.ms(200));
        }
        conn.text(&format!("{round}-last"))?;
        bed.driver.signal("CONT")?;
        for nth in ["0", "1", "2", "3", "4", "last"] {
            bed.delivers(&format!("{round}-{nth}"))?;
        }
    }
    bed.echo(&mut conn, "after")?;
    bed.driver.reports.iter().try_for_each(|report| match report {
        Report::State { cause, .. } => {
            ensure!(!cause.contains(':'), "a living connection was given up: {cause}");
            Ok(())
        }
        _ => Ok(()),
    })
}

/// Stopped for long, on a healthy link on which nothing is waiting.
pub(super) fn suspended(bed: &mut Bed) -> Case {
    bed.beat()?;
    let tolerance = bed.ms(200);
    bed.set(Setting::LateTolerance(tolerance))?;
    let mut conn = bed.begin()?;
    for round in 0..3 {
        bed.driver.signal("STOP")?;
        bed.driver.wait_stopped(bed.patience())?;
        std::thread::sleep(bed.ms(2_000 + 130 * round));
        bed.driver.signal("CONT")?;
        bed.listen(bed.ms(700))?;
        bed.no_loss()?;
    }
    bed.echo(&mut conn, "after")
}

pub(super) fn idle(bed: &mut Bed) -> Case {
    let mut conn = bed.begin()?;
    bed.echo(&mut conn, "before")?;
    calm(bed, "with an idle connection")
}

/// Ready is not flushed: a driver that waits for room in a sink that has room spins or freezes here.
pub(super) fn stalled(bed: &mut Bed) -> Case {
    let conn = bed.begin()?;
    conn.read(false);
    for _ in 0..1200 {
        bed.fill(16 << 10)?;
    }
    bed.listen(bed.ms(1_000))?;
    calm(bed, "while the server does not read")?;
    conn.text("still there")?;
    bed.delivers("still there")
}

pub(super) fn waiting(bed: &mut Bed) -> Case {
    let retry = bed.ms(60_000);
    bed.set(Setting::Retry(retry))?;
    drop(bed.begin()?);
    bed.state("Waiting")?;
    calm(bed, "while it waits for a retry")
}

fn calm(bed: &mut Bed, when: &str) -> Case {
    let part = bed.cpu_over(bed.ms(1_000))?;
    ensure!(part < SPINNING, "{:.0} % of a processor {when}", 100.0 * part);
    Ok(())
}
