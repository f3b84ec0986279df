//! A vector which grows by whole chunks: no copy of what is there, no doubled capacity.
//!
//! Rows and attribute sets live here. A `Vec` of a million rows would be copied at every doubling
//! (tens of milliseconds in the middle of an update) and would own up to twice what it uses.
//!
//! Cost: 8 bytes a chunk, and one more load an access (the chunk pointers stay in the first-level
//! cache). `N` must be a power of two.

use std::fmt;

pub(crate) struct Chunks<T, const N: usize> {
    chunks: Vec<Box<[T; N]>>,
    len: u32,
}

impl<T: Clone, const N: usize> Chunks<T, N> {
    pub(crate) const fn new() -> Self {
        assert!(N.is_power_of_two());
        Self { chunks: Vec::new(), len: 0 }
    }

    /// Append `value`; a new chunk is filled with clones of it.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let at = self.len;
        if at as usize == self.chunks.len() * N {
            let chunk: Box<[T]> = vec![value; N].into_boxed_slice();
            let Ok(chunk) = chunk.try_into() else { unreachable!("the chunk has N elements") };
            self.chunks.push(chunk);
        } else {
            self[at] = value;
        }
        self.len = at.checked_add(1).expect("four billion elements do not fit in memory");
        at
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<T, const N: usize> Chunks<T, N> {
    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Bytes allocated.
    pub(crate) const fn memory(&self) -> usize {
        self.chunks.len() * N * size_of::<T>() + self.chunks.capacity() * size_of::<usize>()
    }
}

impl<T, const N: usize> std::ops::Index<u32> for Chunks<T, N> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        &self.chunks[at as usize / N][at as usize % N]
    }
}

impl<T, const N: usize> std::ops::IndexMut<u32> for Chunks<T, N> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.chunks[at as usize / N][at as usize % N]
    }
}

impl<T, const N: usize> fmt::Debug for Chunks<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("len", &self.len).finish_non_exhaustive()
    }
}
