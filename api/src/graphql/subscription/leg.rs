//! A stretch of a subscription, for whoever goes on from its end by other means: where it begins, whether it ends, and how far it is.
//!
//! A request that has a [`Leg`] among its data runs along it; one without begins where its arguments say, and has no end.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// A stretch of a subscription. Who reads it and who writes it take turns: it is read between two items.
#[derive(Debug)]
pub struct Leg {
    from: Option<i64>,
    is_endless: bool,
    position: AtomicI64,
    is_news: AtomicBool,
    has_more: AtomicBool,
    caught_up: AtomicBool,
}

impl Leg {
    fn new(from: Option<i64>, is_endless: bool) -> Self {
        Self {
            from,
            is_endless,
            position: AtomicI64::new(from.unwrap_or_default()),
            is_news: AtomicBool::new(false),
            has_more: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
        }
    }

    /// From where the arguments say, without end.
    pub(super) fn whole() -> Self {
        Self::new(None, true)
    }

    /// From where the arguments say until nothing more is known.
    pub fn first() -> Self {
        Self::new(None, false)
    }

    /// From behind `position`, whatever the arguments say, until nothing more is known.
    pub fn again(position: i64) -> Self {
        Self::new(Some(position), false)
    }

    /// From behind `position`, whatever the arguments say, without end.
    pub fn endless(position: i64) -> Self {
        Self::new(Some(position), true)
    }

    /// The position behind which it begins, if not where the arguments say. It goes on then: the checkpoint that comes at once has come.
    pub(super) fn from(&self) -> Option<i64> {
        self.from
    }

    pub(super) fn is_endless(&self) -> bool {
        self.is_endless
    }

    /// Says that everything up to `position` was told, or concerns nobody here.
    pub(super) fn passed(&self, position: i64) {
        self.position.store(position, Ordering::Release);
    }

    /// Says that the next item tells of the event at `position`, and whether another one follows at once.
    pub(super) fn telling(&self, position: i64, has_more: bool) {
        self.is_news.store(true, Ordering::Release);
        self.has_more.store(has_more, Ordering::Release);
        self.passed(position);
    }

    /// Says that the next item is a checkpoint behind `position`.
    pub(super) fn pausing(&self, position: i64) {
        self.is_news.store(false, Ordering::Release);
        self.has_more.store(false, Ordering::Release);
        self.passed(position);
    }

    /// Says that nothing more is known.
    pub(super) fn end(&self) {
        self.caught_up.store(true, Ordering::Release);
    }

    /// Everything up to here was told, or concerns nobody here.
    pub fn position(&self) -> i64 {
        self.position.load(Ordering::Acquire)
    }

    /// Whether the last item told of an event; otherwise it was a checkpoint.
    pub fn has_news(&self) -> bool {
        self.is_news.load(Ordering::Acquire)
    }

    /// Whether the last item is followed by another one without any further news.
    pub fn has_more(&self) -> bool {
        self.has_more.load(Ordering::Acquire)
    }

    /// Whether it has ended because nothing more was known.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }
}
