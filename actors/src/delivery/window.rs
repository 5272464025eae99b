//! How many deliveries of a lane are tried at once: fewer when the other side does not keep up, more again as it does.
//!
//! Additive increase, multiplicative decrease: one more after as many successes as are under way, half when a try finds the
//! other side busy, silent or gone. What was under way by then says the same again, and does not count.

use super::fault::Fault;

/// How many at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    most: usize,
    allowed: usize,
    successes: usize,
    /// Tries that were under way when it was halved, and have not ended.
    of_before: usize,
}

impl Window {
    /// As many as `most` at once, until something says otherwise.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, allowed: most, successes: 0, of_before: 0 }
    }

    /// How many may be under way now.
    pub fn allowed(&self) -> usize {
        self.allowed
    }

    /// What was under way ended without a word of the other side.
    pub fn ended(&mut self) {
        self.of_before = self.of_before.saturating_sub(1);
    }

    /// A try succeeded.
    pub fn succeeded(&mut self) {
        self.ended();
        if self.allowed == self.most {
            return;
        }
        self.successes += 1;
        if self.successes >= self.allowed {
            (self.allowed, self.successes) = (self.allowed + 1, 0);
        }
    }

    /// A try failed, one of so many that were under way.
    pub fn failed(&mut self, fault: Option<Fault>, under_way: usize) {
        if self.of_before > 0 {
            self.of_before -= 1;
        } else if matches!(fault, Some(Fault::Busy | Fault::Timeout | Fault::Connection | Fault::Broken)) {
            self.of_before = under_way.saturating_sub(1);
            (self.allowed, self.successes) = ((self.allowed / 2).max(1), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_halved_once_a_round_and_grows_by_one_a_round() {
        let mut window = Window::new(16);
        for under_way in (1..=16).rev() {
            window.failed(Some(Fault::Busy), under_way);
        }
        assert_eq!(window.allowed(), 8, "sixteen tries that were under way at once say one thing");
        window.failed(Some(Fault::Refused), 8);
        assert_eq!(window.allowed(), 8, "one message that is refused says nothing of how much it takes");
        for round in [4, 2, 1, 1] {
            let under_way = window.allowed();
            (1..=under_way).rev().for_each(|left| window.failed(Some(Fault::Timeout), left));
            assert_eq!(window.allowed(), round);
        }
        // One at a time, each failure counts.
        window.succeeded();
        assert_eq!(window.allowed(), 2);
        window.failed(Some(Fault::Busy), 1);
        assert_eq!(window.allowed(), 1);
        window.succeeded();
        assert_eq!(window.allowed(), 2);
        (0..2 + 3).for_each(|_| window.succeeded());
        assert_eq!(window.allowed(), 4);
        (0..1_000).for_each(|_| window.succeeded());
        assert_eq!(window.allowed(), 16);
        assert_eq!(Window::new(0).allowed(), 1);
    }
}
