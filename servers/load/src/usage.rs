//! What a process uses, from Linux's `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// What a process uses at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// CPU time since its start, of user and system.
    pub cpu: Duration,
    /// Open file descriptors.
    pub descriptors: u64,
}

impl Usage {
    /// What the process of this id uses now.
    ///
    /// # Errors
    /// There is no such process, or `/proc` is not as proc(5) says.
    pub fn of(pid: u32) -> io::Result<Self> {
        let pages = field(&fs::read_to_string(format!("/proc/{pid}/statm"))?, 1)?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, behind_name) = stat.rsplit_once(')').ok_or_else(unexpected)?;
        // Fields 14 and 15 of the line; 3 is the first behind the name.
        let ticks = field(behind_name, 11)? + field(behind_name, 12)?;
        Ok(Self {
            memory: pages * rustix::param::page_size() as u64,
            cpu: Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()),
            descriptors: descriptors(pid)?,
        })
    }
}

/// Since Linux 6.2 the folder's size is their number; to count ten thousand takes milliseconds.
fn descriptors(pid: u32) -> io::Result<u64> {
    let folder = format!("/proc/{pid}/fd");
    match fs::metadata(&folder)?.len() {
        0 => Ok(fs::read_dir(&folder)?.count() as u64),
        count => Ok(count),
    }
}

/// Whether the process is stopped (SIGSTOP); `None` if there is no such process.
pub fn is_stopped(pid: u32) -> Option<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    Some(behind_name.trim_start().starts_with('T'))
}

fn field(line: &str, index: usize) -> io::Result<u64> {
    line.split_whitespace().nth(index).and_then(|field| field.parse().ok()).ok_or_else(unexpected)
}

fn unexpected() -> io::Error {
    io::Error::other("/proc is not as proc(5) says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_the_descriptors_that_it_opens() {
        let before = Usage::of(std::process::id()).expect("this process");
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").expect("a file")).collect();
        let after = Usage::of(std::process::id()).expect("this process");
        assert!(before.memory > 100_000, "{before:?}");
        // Other tests of this process open and close some as well.
        assert!(after.descriptors > before.descriptors + 25, "{before:?} {after:?}");
        assert_eq!(is_stopped(std::process::id()), Some(false));
        drop(files);
    }
}
