//! What one worker of a step did, and what of it counts.

use std::time::{Duration, Instant};

/// Ends within the window that are kept: only queues are counted by them, and those are slow.
const ENDS_KEPT: usize = 4000;

/// From when to when calls count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

/// What one worker did.
pub(super) struct Tally {
    /// Calls that ended after the window began.
    pub(super) calls: u64,
    /// All of them, the first included.
    pub(super) answered: u64,
    /// Of each call the share that lies within the window.
    pub(super) shares: f64,
    /// Ends within the window.
    ends: Vec<Instant>,
    pub(super) latency_ns: Vec<u64>,
    kept: usize,
    random: u64,
}

impl Tally {
    pub(super) fn new(number: usize, kept: usize) -> Self {
        Self {
            calls: 0,
            answered: 0,
            shares: 0.0,
            ends: Vec::new(),
            latency_ns: Vec::with_capacity(kept),
            kept,
            random: number as u64 + 1,
        }
    }

    pub(super) fn count(&mut self, start: Instant, end: Instant, waited: Duration, window: Window) {
        self.answered += 1;
        if end <= window.from {
            return;
        }
        self.calls += 1;
        let within = end.min(window.to).saturating_duration_since(start.max(window.from));
        self.shares += within.as_secs_f64() / end.duration_since(start).as_secs_f64().max(1e-9);
        if end <= window.to {
            // Only queues are counted by ends, and they are slow; a fast call's ends need no list.
            if self.ends.len() < ENDS_KEPT {
                self.ends.push(end);
            }
        }
        self.keep(nanoseconds(waited));
    }

    /// Every latency with the same chance (Vitter 1985, algorithm R), by a generator with a fixed seed.
    fn keep(&mut self, latency_ns: u64) {
        if self.latency_ns.len() < self.kept {
            self.latency_ns.push(latency_ns);
            return;
        }
        // Knuth's multiplier; the upper bits are random enough to draw a place.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = (self.random >> 33) % self.calls.max(1);
        if let Some(slot) = usize::try_from(place)
            .ok()
            .and_then(|place| self.latency_ns.get_mut(place))
        {
            *slot = latency_ns;
        }
    }
}

/// Ends within the window less one, by the time from the first to the last; none with fewer than three.
pub(super) fn rate_of_ends(tallies: &[Tally]) -> Option<f64> {
    let ends = || tallies.iter().flat_map(|tally| &tally.ends);
    let count = ends().count();
    let time = ends().max()?.saturating_duration_since(*ends().min()?).as_secs_f64();
    (count >= 3 && time > 0.0).then(|| (count - 1) as f64 / time)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// A window from 100 ms to 200 ms.
    fn window(start: Instant) -> Window {
        Window {
            from: at(start, 100),
            to: at(start, 200),
        }
    }

    fn tally(calls: &[(u64, u64)]) -> Tally {
        let start = Instant::now();
        let mut tally = Tally::new(0, 10);
        for &(from, to) in calls {
            let (from, to) = (at(start, from), at(start, to));
            tally.count(from, to, to - from, window(start));
        }
        tally
    }

    #[test]
    fn of_a_call_the_share_within_the_window_counts() {
        // Before it; half in at the start; wholly in; a quarter in at the end; all around it.
        for (calls, shares) in [
            ((0, 100), 0.0),
            ((50, 150), 0.5),
            ((120, 170), 1.0),
            ((180, 260), 0.25),
            ((0, 1000), 0.1),
        ] {
            let found = tally(&[calls]).shares;
            assert!((found - shares).abs() < 1e-9, "{calls:?}: {found}");
        }
    }

    #[test]
    fn latencies_are_of_calls_that_ended_after_the_window_began() {
        let tally = tally(&[(0, 90), (90, 130), (130, 250)]);
        assert_eq!((tally.answered, tally.calls), (3, 2));
        assert_eq!(tally.latency_ns, [40_000_000, 120_000_000]);
    }

    #[test]
    fn a_queue_is_counted_by_the_ends_within_the_window() {
        // Ends every 20 ms, however long each call has waited.
        let calls: Vec<(u64, u64)> = (1..20).map(|k| (0, 20 * k)).collect();
        let rate = rate_of_ends(&[tally(&calls)]).expect("enough ends");
        assert!((rate - 50.0).abs() < 1e-6, "{rate}");
        assert_eq!(rate_of_ends(&[tally(&[(0, 150), (0, 160)])]), None);
    }

    #[test]
    fn a_draw_keeps_so_many_and_no_more_and_late_ones_too() {
        let mut tally = Tally::new(3, 50);
        for latency in 0..10_000 {
            tally.calls += 1;
            tally.keep(latency);
        }
        assert_eq!(tally.latency_ns.len(), 50);
        let late = tally.latency_ns.iter().filter(|&&latency| latency >= 5_000).count();
        assert!((10..=40).contains(&late), "{late} of 50 are of the later half");
    }
}
