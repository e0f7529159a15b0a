//! Memory for a module that is downloaded: a small allocator rather than a fast or a thrifty one.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::UnsafeCell;
use core::ptr::null_mut;

const PAGE: usize = 64 * 1024;
/// The smallest block: as much as anything here is aligned to.
const LEAST: usize = 8;

/// Blocks of powers of two. One that is given back waits for the next wish for its size.
struct Blocks {
    /// Of each size, by its leading zeros, the block given back last; it begins with the address of the one before.
    free: [*mut u8; usize::BITS as usize + 1],
    /// How much has been given out of what follows everything else in memory.
    used: usize,
}

struct Allocator(UnsafeCell<Blocks>);

// SAFETY: wasm without threads.
unsafe impl Sync for Allocator {}

unsafe extern "C" {
    /// Where the linker put the end of everything else, aligned to 16.
    static __heap_base: u8;
}

#[global_allocator]
static ALLOCATOR: Allocator =
    Allocator(UnsafeCell::new(Blocks { free: [null_mut(); usize::BITS as usize + 1], used: 0 }));

/// The leading zeros of the last byte's offset in its block.
fn zeros(layout: Layout) -> u32 {
    ((layout.size() - 1) | (LEAST - 1)).leading_zeros()
}

// SAFETY: no block is given out twice, and each is as large as asked for. Nothing here is aligned to more than `LEAST`.
unsafe impl GlobalAlloc for Allocator {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let zeros = zeros(layout);
        // SAFETY: nobody keeps a reference into it; a block in the list is ours, and has room for an address.
        unsafe {
            let blocks = &mut *self.0.get();
            let list = &mut blocks.free[zeros as usize];
            let block = *list;
            if !block.is_null() {
                *list = *block.cast();
                return block;
            }
            let block = (&raw const __heap_base).cast_mut().add(blocks.used);
            blocks.used += 1 << (usize::BITS - zeros);
            let missing = (&raw const __heap_base as usize + blocks.used).saturating_sub(wasm32::memory_size(0) * PAGE);
            if missing > 0 && wasm32::memory_grow(0, missing.div_ceil(PAGE)) == usize::MAX {
                wasm32::unreachable();
            }
            block
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe {
            let blocks = &mut *self.0.get();
            let list = &mut blocks.free[zeros(layout) as usize];
            *block.cast() = *list;
            *list = block;
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
