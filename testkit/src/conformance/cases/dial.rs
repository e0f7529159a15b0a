//! Dials that fail, and those that never end.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::conformance::bed::{Bed, Case, Failure, ensure};
use crate::conformance::protocol::{Command, Report, Setting};

fn quick(bed: &mut Bed) -> Case {
    let retry = bed.ms(100);
    bed.set(Setting::Retry(retry))
}

/// A second of a server that accepts and closes. With no more than 250 ms between dials that makes five; a hot loop
/// makes hundreds.
pub(super) fn accept_and_close(bed: &mut Bed) -> Case {
    quick(bed)?;
    bed.connect()?;
    drop(bed.open()?);
    let (began, mut dials) = (Instant::now(), 1);
    while began.elapsed() < Duration::from_secs(1) {
        if let Some(stream) = bed.listener.accept(Duration::from_millis(50))? {
            drop(stream);
            dials += 1;
        }
    }
    ensure!(dials <= 20, "{dials} dials in one second");
    let mut conn = bed.opens()?;
    bed.echo(&mut conn, "after")
}

pub(super) fn black_hole(bed: &mut Bed) -> Case {
    quick(bed)?;
    let timeout = bed.ms(500);
    bed.set(Setting::ConnectTimeout(timeout))?;
    bed.connect()?;
    let hole = bed.accept()?;
    bed.lost("connect-timeout")?;
    let mut conn = bed.opens()?;
    drop(hole);
    bed.echo(&mut conn, "after")
}

/// An HTTP answer that never ends, a byte at a time: no single read takes long.
struct Endless(Arc<AtomicBool>);

impl Endless {
    fn start(mut stream: TcpStream, apart: Duration) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        thread::spawn(move || {
            let head = b"HTTP/1.1 101 Switching Protocols\r\nX-Endless: ";
            for byte in head.iter().chain(std::iter::repeat(&b'x')) {
                if until.load(SeqCst) || stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(apart);
            }
        });
        Self(over)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

pub(super) fn hangs(bed: &mut Bed) -> Case {
    quick(bed)?;
    let timeout = bed.ms(1_500);
    bed.set(Setting::ConnectTimeout(timeout))?;
    bed.connect()?;
    // A byte comes sooner than a driver could lose its patience with a single read.
    let endless = Endless::start(bed.request()?, bed.ms(300));
    bed.loses()?;
    drop(endless);
    let mut conn = bed.opens()?;
    bed.echo(&mut conn, "after")
}

pub(super) fn close_meanwhile(bed: &mut Bed) -> Case {
    let timeout = 4 * bed.patience();
    bed.set(Setting::ConnectTimeout(timeout))?;
    bed.connect()?;
    let _hole = bed.request()?;
    let within = bed.ms(200);
    bed.driver.command(&Command::Close(within))?;
    bed.state("Closed").map(drop)
}

fn answer(bed: &mut Bed, head: &str) -> Case {
    let mut stream = bed.request()?;
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(())
}

/// For so long nobody dials.
fn quiet(bed: &mut Bed, time: Duration) -> Case {
    match bed.listener.accept(time)? {
        Some(_) => Err(Failure::new("the driver dialled again")),
        None => Ok(()),
    }
}

pub(super) fn redirect(bed: &mut Bed) -> Case {
    quick(bed)?;
    bed.connect()?;
    let elsewhere = bed.listener.url().replace("ws://", "http://");
    answer(bed, &format!("301 Moved Permanently\r\nLocation: {elsewhere}/elsewhere"))?;
    bed.lost("status:301")?;
    bed.state_is("Idle")?;
    quiet(bed, bed.ms(1_500))
}

/// Whether the next dial is with new credentials.
fn renews(bed: &mut Bed) -> Result<bool, Failure> {
    bed.wait("a dial", |report| match report {
        Report::Dial { renew, .. } => Some(*renew),
        _ => None,
    })
}

pub(super) fn unauthorized(bed: &mut Bed) -> Case {
    quick(bed)?;
    bed.connect()?;
    ensure!(!renews(bed)?, "the first dial asks for new credentials");
    answer(bed, "401 Unauthorized")?;
    bed.lost("status:401")?;
    ensure!(renews(bed)?, "the dial after 401 does not ask for new credentials");
    answer(bed, "401 Unauthorized")?;
    bed.lost("status:401")?;
    bed.state_is("Idle")?;
    quiet(bed, bed.ms(1_500))
}

/// In whole seconds, whatever the pace.
pub(super) fn retry_after(bed: &mut Bed) -> Case {
    quick(bed)?;
    bed.connect()?;
    answer(bed, "503 Service Unavailable\r\nRetry-After: 2")?;
    let answered = Instant::now();
    let mut conn = bed.opens()?;
    let waited = answered.elapsed();
    ensure!(waited >= Duration::from_millis(1_900), "asked to stay away for 2 s, it came after {waited:.1?}");
    bed.echo(&mut conn, "after")
}
