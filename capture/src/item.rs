//! A record before its octets are attached.
//!
//! What for: format modules decide in a loop what comes next while they still own their buffers
//! mutably; a borrowed record cannot live through that.
//! Where: between the format modules and [`Reader::next`](crate::Reader::next).
//! How: a [`Record`] with empty slices and the two spans that fill them.
//! Invariants: spans that do not lie within the chunk give empty slices, never a panic.

use std::ops::Range;

use crate::record::{GapRecord, MessageRecord, Record, RouteRecord, StateRecord};

/// A record and where its octets lie in the chunk it was cut from.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) record: Record<'static>,
    /// `bytes`, `attrs` or `data`.
    pub(crate) span: Range<usize>,
    /// `nlri`.
    pub(crate) nlri: Range<usize>,
}

impl Item {
    pub(crate) fn new(record: Record<'static>, span: Range<usize>) -> Self {
        Self { record, span, nlri: 0..0 }
    }

    pub(crate) fn message(m: MessageRecord<'static>, span: Range<usize>) -> Self {
        Self::new(Record::Message(m), span)
    }

    /// The spans moved by `by`: from an enclosed body to its container.
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        for span in [&mut self.span, &mut self.nlri] {
            *span = span.start.saturating_add(by)..span.end.saturating_add(by);
        }
        self
    }

    pub(crate) fn attach(self, chunk: &[u8]) -> Record<'_> {
        let nlri = chunk.get(self.nlri.clone()).unwrap_or_default();
        self.attach_with(chunk, nlri)
    }

    /// For a NLRI that does not lie in the chunk.
    pub(crate) fn attach_with<'a>(self, chunk: &'a [u8], nlri: &'a [u8]) -> Record<'a> {
        let octets = chunk.get(self.span).unwrap_or_default();
        match self.record {
            Record::Message(m) => Record::Message(MessageRecord { bytes: octets, ..m }),
            Record::Route(r) => Record::Route(RouteRecord { attrs: octets, nlri, ..r }),
            Record::State(s) => Record::State(StateRecord { data: octets, ..s }),
            Record::Gap(g) => Record::Gap(GapRecord { data: octets, ..g }),
        }
    }
}
