//! Who waits for what, and whose deadline passed unnoticed. Needs no runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use heartline::Timestamp;

use super::{Clock, Source};

/// How much later than a deadline the alarm is: a sleeper's own timer comes first and usually has moved the deadline
/// by then, and the watcher's thread runs at most once in this time.
const SLACK: Duration = Duration::from_millis(250);

/// No deadline, no alarm.
const NEVER: u64 = Timestamp::MAX.as_nanos();
/// The source could not set an alarm: earlier than every deadline, so that nobody asks it again.
const REFUSED: u64 = 0;

/// Wakes whoever slept too long: what a [`Source`] calls when its alarm is due.
///
/// It does not keep the clock alive: with the clock gone, [`check`](Self::check) does nothing.
#[derive(Clone)]
pub struct Watcher(Weak<Sleepers>);

impl Watcher {
    /// Reads the clock, wakes every [`Sleeper`] whose deadline has passed and, if others wait, asks the
    /// source for its next alarm.
    pub fn check(&self) {
        if let Some(sleepers) = self.0.upgrade() {
            sleepers.check();
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

/// A clock's source and everybody who waits on it.
pub(super) struct Sleepers {
    source: Box<dyn Source>,
    /// When the source's alarm is due. Written only under the lock of `table`.
    ///
    /// A sleeper writes its deadline and then reads this; a check writes [`NEVER`] here and then reads the deadlines.
    /// All four are sequentially consistent, so either the check sees the deadline, or the sleeper sees that a check
    /// is going on, waits for the lock and looks again.
    alarm: AtomicU64,
    table: Mutex<Table>,
    watcher: Watcher,
}

#[derive(Default)]
struct Table {
    next: u64,
    entries: BTreeMap<u64, Arc<Entry>>,
}

impl Sleepers {
    pub(super) fn new(source: Box<dyn Source>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            source,
            alarm: AtomicU64::new(NEVER),
            table: Mutex::default(),
            watcher: Watcher(this.clone()),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.source.now()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) {
        // A waker may run anything, even the end of a sleeper: never under the lock.
        for waker in self.take_due() {
            waker.wake();
        }
    }

    /// The wakers of all whose deadline has passed, each once; sets the alarm for the others.
    fn take_due(&self) -> Vec<Waker> {
        let table = self.table();
        self.alarm.store(NEVER, SeqCst);
        let now = self.now().as_nanos();
        let (mut due, mut earliest) = (Vec::new(), NEVER);
        for entry in table.entries.values() {
            match entry.take_due(now) {
                Ok(waker) => due.extend(waker),
                Err(deadline) => earliest = earliest.min(deadline),
            }
        }
        if earliest != NEVER {
            self.set_alarm(&table, alarm_for(earliest));
        }
        due
    }

    /// Brings the alarm forward for a deadline that would pass before it.
    fn bring_forward(&self, deadline: u64) {
        let table = self.table();
        if alarm_for(deadline) < self.alarm.load(SeqCst) {
            self.set_alarm(&table, alarm_for(deadline));
        }
    }

    fn set_alarm(&self, _locked: &MutexGuard<'_, Table>, at: u64) {
        let set = self.source.set_alarm(Some(Timestamp::from_nanos(at)), &self.watcher);
        self.alarm.store(if set.is_ok() { at } else { REFUSED }, SeqCst);
    }
}

fn alarm_for(deadline: u64) -> u64 {
    Timestamp::from_nanos(deadline).saturating_add(SLACK).as_nanos()
}

/// One who waits for a moment that may be moved at any time, until dropped: for drivers, whose own timer stands still during
/// suspend.
///
/// It wakes late, 250 ms after the deadline, because in normal operation the driver's own timer comes first. Moving the
/// deadline later, as a busy connection does, costs neither a system call nor a lock.
pub struct Sleeper {
    sleepers: Arc<Sleepers>,
    id: u64,
    entry: Arc<Entry>,
}

impl Sleeper {
    /// Without a deadline yet, and with nobody to wake.
    pub fn new(clock: &Clock) -> Self {
        Self::of(&clock.0)
    }

    fn of(sleepers: &Arc<Sleepers>) -> Self {
        let entry = Arc::new(Entry { deadline: AtomicU64::new(NEVER), waker: Mutex::new(None) });
        let mut table = sleepers.table();
        let id = table.next;
        table.next += 1;
        table.entries.insert(id, Arc::clone(&entry));
        if sleepers.alarm.load(SeqCst) == REFUSED {
            sleepers.alarm.store(NEVER, SeqCst);
        }
        drop(table);
        Self { sleepers: Arc::clone(sleepers), id, entry }
    }

    /// Moves the deadline; `None` is never. Takes no lock and makes no system call unless it would pass before the alarm.
    pub fn set(&self, deadline: Option<Timestamp>) {
        let deadline = deadline.unwrap_or(Timestamp::MAX).as_nanos();
        self.entry.deadline.store(deadline, SeqCst);
        if alarm_for(deadline) < self.sleepers.alarm.load(SeqCst) {
            self.sleepers.bring_forward(deadline);
        }
    }

    /// Whom to wake, once for each deadline. Read the clock only after this: a check that came before found nobody to
    /// wake.
    pub fn register(&self, waker: &Waker) {
        let mut slot = self.entry.waker();
        if slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return;
        }
        let old = slot.replace(waker.clone());
        // The end of a waker may be the end of another sleeper, which takes the lock under which a check takes this.
        drop(slot);
        drop(old);
    }
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleeper")
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let mut table = self.sleepers.table();
        table.entries.remove(&self.id);
        if table.entries.is_empty() {
            // What does not want to end keeps running: it finds nobody to wake.
            let _ = self.sleepers.source.set_alarm(None, &self.sleepers.watcher);
            self.sleepers.alarm.store(NEVER, SeqCst);
        }
    }
}

struct Entry {
    /// [`NEVER`] also when the deadline has passed and its owner was woken.
    deadline: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Entry {
    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to wake if the deadline has passed, else the deadline.
    fn take_due(&self, now: u64) -> Result<Option<Waker>, u64> {
        self.deadline
            .fetch_update(SeqCst, SeqCst, |deadline| (deadline <= now).then_some(NEVER))
            .map(|_| self.waker().clone())
    }
}

#[cfg(test)]
mod tests;
