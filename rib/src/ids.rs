//! Dense ids: small integers in place of pointers and prefixes.
//!
//! Every table of this crate hands out such an id and keeps its data in columns indexed by it. An
//! id costs 2 or 4 bytes in a path slot, is a perfect hash key, and turns sets ("rows this consumer
//! has not seen") into bitmaps.
//!
//! Ids are reused. What keeps an id alive is said where it is handed out: a row by its paths, by
//! the consumers which have not drained it and by [`Rib::hold_row`](crate::Rib::hold_row); an
//! attribute set and a next hop by counted references; a peer by its sweep.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default)]
        pub struct $name(pub $int);

        impl $name {
            /// The id as an index into a column.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// One prefix of one family's [`Table`](crate::Table).
    RowId(u32)
}
id! {
    /// One interned attribute set of an [`AttrTable`](crate::AttrTable).
    AttrId(u32)
}
id! {
    /// One (next hop, interface) pair of a [`NextHopTable`](crate::NextHopTable).
    NextHopId(u32)
}
id! {
    /// One session with a peer, from Established to its end, or one source of local routes.
    PeerIx(u16)
}
id! {
    /// One reader of changed rows: an update group, the kernel's routes.
    ConsumerIx(u16)
}
id! {
    /// One update group.
    GroupIx(u16)
}
id! {
    /// One attribute set as an update group sends it; 0 is "nothing sent".
    OutId(u32)
}

impl NextHopId {
    /// The next hop of locally originated routes: always there, always resolved with metric 0.
    pub const LOCAL: Self = Self(0);
}

/// Ids that stand for a pair of two things have the top bit set and the number of the pair behind it.
macro_rules! pairs {
    ($name:ident) => {
        impl $name {
            const PAIR: u32 = 1 << 31;

            /// The id of a pair, by the pair's number.
            pub(crate) const fn of_pair(number: u32) -> Self {
                Self(number | Self::PAIR)
            }

            /// Whether the id stands for a pair.
            #[inline]
            pub(crate) const fn is_pair(self) -> bool {
                self.0 & Self::PAIR != 0
            }

            /// The number of a pair.
            #[inline]
            pub(crate) const fn pair(self) -> usize {
                (self.0 & !Self::PAIR) as usize
            }
        }
    };
}

pairs!(NextHopId);
pairs!(OutId);
