//! How much the transactions of all connections hold together: [`Budget`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much the transactions of all connections may hold together.
#[derive(Debug)]
pub(in super::super) struct Budget {
    held: AtomicUsize,
    max: usize,
}

/// A share of a budget, which is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// So many bytes.
    pub(in super::super) fn new(max: usize) -> Arc<Self> {
        let held = AtomicUsize::new(0);
        Arc::new(Self { held, max })
    }
}

impl Hold {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// How much it is.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more, if there is so much.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Budget { held, max } = &*self.budget;
        let all = |held: usize| held.checked_add(bytes).filter(|all| all <= max);
        let is_taken = (held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, all)).is_ok();
        if is_taken {
            self.bytes += bytes;
        }
        is_taken
    }

    /// Gives all of it back.
    pub(super) fn release(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_gives_back_another_may_take() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (Hold::new(&budget), Hold::new(&budget));
        assert!(one.grow(6) && other.grow(4) && !other.grow(1));
        assert!(!one.grow(usize::MAX));
        drop(one);
        assert!(other.grow(6));
        assert_eq!(other.bytes(), 10);
        other.release();
        assert_eq!(other.bytes(), 0);
        assert!(Hold::new(&budget).grow(10));
    }
}
