//! The records that were seen lately, to find two of one tag: [`Seen`].
//!
//! It looks further than what a lane holds, which has only the newest record of a register. That
//! costs a hash of each value and half a megabyte, so it is done in builds with debug assertions or
//! with the feature `costly-invariants`, and nowhere else.

#[cfg(any(debug_assertions, feature = "costly-invariants"))]
pub(crate) use looking::Seen;
#[cfg(not(any(debug_assertions, feature = "costly-invariants")))]
pub(crate) use not_looking::Seen;

#[cfg(any(debug_assertions, feature = "costly-invariants"))]
mod looking {
    use crate::broken::{Broken, Summary};
    use crate::node::NodeId;
    use crate::record::Record;
    use crate::slot::RegisterName;
    use crate::tag::Tag;
    use alloc::collections::{BTreeMap, VecDeque};
    use core::hash::{Hash, Hasher};
    use xxhash_rust::xxh3::xxh3_64;

    /// A digest of each record that was seen lately, by register and tag.
    ///
    /// It is no part of a lane's state: what a lane does never depends on it. So two lanes that
    /// differ in nothing else are equal.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Seen {
        records: BTreeMap<Version, Summary>,
        /// The oldest first.
        order: VecDeque<Version>,
    }

    /// The digest of a register's name, and a tag.
    type Version = (u64, Tag);

    impl Seen {
        /// The most records that are remembered.
        const RECORDS_MAX: usize = 4096;

        /// `by` shows this record.
        pub(crate) fn record(&mut self, by: NodeId, name: &RegisterName, record: &Record) {
            // The reserved register's are compared where they meet: nodes of two versions may
            // spell them in two ways.
            if record.tag.is_zero() || name.is_reserved() {
                return;
            }
            let version = (xxh3_64(name.as_bytes()), record.tag);
            let shown = Summary::of_record(name, record);
            let known = *self.records.entry(version).or_insert_with(|| {
                self.order.push_back(version);
                shown
            });
            if known != shown {
                Broken::TwoRecords {
                    name,
                    tag: record.tag,
                    by,
                    known,
                    shown,
                }
                .stop()
            }
            if self.order.len() > Self::RECORDS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.records.remove(&oldest);
            }
        }

        /// What was seen so far may have been given up.
        pub(crate) fn forget(&mut self) {
            *self = Self::default();
        }
    }

    impl PartialEq for Seen {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }

    impl Eq for Seen {}

    impl Hash for Seen {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }
}

#[cfg(not(any(debug_assertions, feature = "costly-invariants")))]
mod not_looking {
    use crate::node::NodeId;
    use crate::record::Record;
    use crate::slot::RegisterName;

    /// Nothing is remembered in this build.
    #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
    pub(crate) struct Seen;

    impl Seen {
        #[inline]
        pub(crate) fn record(&mut self, _: NodeId, _: &RegisterName, _: &Record) {}

        pub(crate) fn forget(&mut self) {}
    }
}
