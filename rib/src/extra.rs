//! Path slots beyond a row's first: blocks of a few fixed sizes, found by a `u32`.
//!
//! **How it works.** One pool a block size. Sizes go 1 to 8 by one, then four an octave (10, 12,
//! 14, 16, 20, ...), so at most a quarter of a block is unused. The size follows from the number of
//! paths, so a row needs no capacity field. A row whose number of paths crosses a size moves to a
//! block of the next one.
//!
//! **Cost.** 16 bytes a path, at most 20 with the unused part: 17.8 at ten paths a prefix.
//!
//! **Invariants.** A free block's first slot links to the next free one; a pool without blocks in
//! use owns no memory.

use crate::{
    AttrId, NextHopId, PeerIx,
    row::{Path, PathFlags},
};

#[derive(Debug, Default)]
pub(crate) struct ExtraPaths {
    pools: Vec<Pool>,
}

#[derive(Debug)]
struct Pool {
    chunks: Vec<Box<[Path]>>,
    /// Slots a block.
    size: usize,
    /// log2 of blocks a chunk.
    shift: u32,
    blocks: u32,
    used: u32,
    free: u32,
}

const END: u32 = u32::MAX;
/// Slots of a chunk, roughly: 16 KiB.
const CHUNK_SLOTS: usize = 1024;

const VACANT: Path = Path {
    attr: AttrId(END),
    next_hop: NextHopId(0),
    path_id: 0,
    peer: PeerIx(0),
    flags: PathFlags::NONE,
};

/// The pool for blocks of `n` paths (1 and up), and that pool's block size.
const fn class(n: usize) -> (usize, usize) {
    if n <= 8 {
        return (n - 1, n);
    }
    let octave = (n - 1).ilog2() as usize;
    let step = 1 << (octave - 2);
    let quarter = (n - 1 - (1 << octave)) / step;
    (8 + (octave - 3) * 4 + quarter, (1 << octave) + (quarter + 1) * step)
}

impl ExtraPaths {
    /// The `n` paths of a block.
    #[inline]
    pub(crate) fn slice(&self, block: u32, n: usize) -> &[Path] {
        if n == 0 {
            return &[];
        }
        let (pool, _) = class(n);
        let (chunk, at) = self.pools[pool].place(block);
        &self.pools[pool].chunks[chunk][at..at + n]
    }

    /// The `n` paths of a block.
    #[inline]
    pub(crate) fn slice_mut(&mut self, block: u32, n: usize) -> &mut [Path] {
        if n == 0 {
            return &mut [];
        }
        let (pool, _) = class(n);
        let pool = &mut self.pools[pool];
        let (chunk, at) = pool.place(block);
        &mut pool.chunks[chunk][at..at + n]
    }

    /// Append `path` to the block of `n` paths (0: no block yet). Returns where it is now.
    pub(crate) fn push(&mut self, block: u32, n: usize, path: Path) -> u32 {
        let (pool, size) = class(n + 1);
        if n > 0 && class(n).0 == pool {
            self.slice_mut(block, n + 1)[n] = path;
            return block;
        }
        let new = self.take(pool, size);
        self.copy(block, new, n, n + 1);
        self.slice_mut(new, n + 1)[n] = path;
        if n > 0 {
            self.pools[class(n).0].give_back(block);
        }
        new
    }

    /// Remove the last path of the block of `n`. Returns it, and where the block is now.
    pub(crate) fn pop(&mut self, block: u32, n: usize) -> (Path, u32) {
        let last = self.slice(block, n)[n - 1];
        let (pool, _) = class(n);
        let new = if n == 1 {
            0
        } else {
            let (smaller, size) = class(n - 1);
            if smaller == pool {
                return (last, block);
            }
            let new = self.take(smaller, size);
            self.copy(block, new, n, n - 1);
            new
        };
        self.pools[pool].give_back(block);
        (last, new)
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        let slots = |pool: &Pool| pool.chunks.iter().map(|chunk| chunk.len()).sum::<usize>();
        self.pools.iter().map(slots).sum::<usize>() * size_of::<Path>()
    }

    fn take(&mut self, pool: usize, size: usize) -> u32 {
        while self.pools.len() <= pool {
            self.pools.push(Pool::new(self.pools.len()));
        }
        debug_assert_eq!(self.pools[pool].size, size);
        self.pools[pool].take()
    }

    fn copy(&mut self, from: u32, to: u32, from_len: usize, to_len: usize) {
        for at in 0..from_len.min(to_len) {
            let path = self.slice(from, from_len)[at];
            self.slice_mut(to, to_len)[at] = path;
        }
    }
}

impl Pool {
    fn new(class_index: usize) -> Self {
        let size = if class_index < 8 {
            class_index + 1
        } else {
            let (octave, quarter) = ((class_index - 8) / 4 + 3, (class_index - 8) % 4);
            (1 << octave) + (quarter + 1) * (1 << (octave - 2))
        };
        let shift = (CHUNK_SLOTS / size).max(1).ilog2();
        Self { chunks: Vec::new(), size, shift, blocks: 0, used: 0, free: END }
    }

    #[inline]
    const fn place(&self, block: u32) -> (usize, usize) {
        let mask = (1 << self.shift) - 1;
        ((block >> self.shift) as usize, (block & mask) as usize * self.size)
    }

    fn take(&mut self) -> u32 {
        self.used += 1;
        if self.free != END {
            let block = self.free;
            let (chunk, at) = self.place(block);
            self.free = self.chunks[chunk][at].attr.0;
            return block;
        }
        let block = self.blocks;
        if self.place(block).0 == self.chunks.len() {
            self.chunks.push(vec![VACANT; self.size << self.shift].into_boxed_slice());
        }
        self.blocks += 1;
        block
    }

    fn give_back(&mut self, block: u32) {
        self.used -= 1;
        if self.used == 0 {
            self.chunks = Vec::new();
            self.blocks = 0;
            self.free = END;
            return;
        }
        let (chunk, at) = self.place(block);
        self.chunks[chunk][at].attr = AttrId(self.free);
        self.free = block;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(n: usize) -> Path {
        Path { path_id: n as u32, ..VACANT }
    }

    #[test]
    fn block_sizes_waste_at_most_a_quarter() {
        for n in 1..70_000 {
            let (pool, size) = class(n);
            assert!(size >= n && size - n <= n / 4, "{n} paths in a block of {size}");
            assert_eq!(Pool::new(pool).size, size);
        }
    }

    #[test]
    fn paths_survive_growing_and_shrinking_beside_others() {
        let mut extra = ExtraPaths::default();
        let (mut a, mut b) = (0, 0);
        for n in 0..300 {
            a = extra.push(a, n, path(n));
            b = extra.push(b, n, path(n + 1000));
        }
        for n in (1..=300).rev() {
            for (at, found) in extra.slice(a, n).iter().enumerate() {
                assert_eq!(found.path_id, at as u32);
            }
            let (last, moved) = extra.pop(a, n);
            assert_eq!(last.path_id as usize, n - 1);
            a = moved;
        }
        assert_eq!(extra.slice(b, 300)[299].path_id, 1299);
        for n in (1..=300).rev() {
            b = extra.pop(b, n).1;
        }
        assert_eq!(extra.memory(), 0);
    }
}
