//! The record: numbers that do not fit into the arguments and results of a call.

use core::cell::UnsafeCell;

/// As many settings as there are, and room for more.
pub const LENGTH: usize = 32;

struct Record(UnsafeCell<[f64; LENGTH]>);

// SAFETY: an instance is called by one thread at a time; on the host only tests use it, from one thread.
unsafe impl Sync for Record {}

static RECORD: Record = Record(UnsafeCell::new([0.0; LENGTH]));

/// Where the page finds it.
pub fn address() -> *mut f64 {
    RECORD.0.get().cast()
}

/// What the page has written, for as long as nothing is written here.
pub fn read<T>(reader: impl FnOnce(&[f64; LENGTH]) -> T) -> T {
    // SAFETY: the reader does not write.
    reader(unsafe { &*RECORD.0.get() })
}

/// Writes the first fields.
#[inline]
pub fn write<const FIELDS: usize>(fields: [f64; FIELDS]) {
    const { assert!(FIELDS <= LENGTH) };
    // SAFETY: as above; the page reads between two calls.
    unsafe { *RECORD.0.get().cast() = fields };
}
