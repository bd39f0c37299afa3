//! How long to leave an image alone between two looks. Pure; `observe` keeps the time.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// The longest time between two looks, in intervals.
const SLOWEST: u32 = 6;
/// How many looks in a row show nothing new before the looks at an image of which no build is known slow down by a step.
const PATIENT: u32 = 24;

/// The pace of one image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    interval: Duration,
    /// Up to an eighth more, so that the services of a run, and the runs of a tag, do not all ask at the same moment.
    jitter: f64,
}

impl Pace {
    /// The pace of `service` in this attempt of this run: always the same one, so that a run can be told again.
    pub(crate) fn new(interval: Duration, run: (Option<u64>, Option<u32>), service: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (run, service).hash(&mut hasher);
        let [byte, ..] = hasher.finish().to_be_bytes();
        Self { interval, jitter: f64::from(byte) / 256.0 / 8.0 }
    }

    /// The time from one look to the next. `unchanged`: how many looks in a row showed nothing new. While its build is
    /// known to run, an image is looked at less and less often: the end of the build is signalled, and brings a look
    /// at once. Where nothing says that it builds, the looks slow down too, but late.
    pub(crate) fn until_next(self, builds: bool, unchanged: u32) -> Duration {
        let intervals = match if builds { unchanged } else { unchanged / PATIENT } {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => SLOWEST,
        };
        (self.interval * intervals).mul_f64(1.0 + self.jitter).min(self.interval * SLOWEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_build_slows_the_looks_to_six_intervals_at_most_and_silence_does_so_later() {
        for service in ["api", "web", "indexing-service"] {
            let pace = Pace::new(Duration::from_secs(10), (Some(900), Some(1)), service);
            let seconds = |builds, unchanged| pace.until_next(builds, unchanged).as_secs_f64();
            for (unchanged, intervals) in [(0, 1.0), (1, 2.0), (2, 4.0)] {
                let least = 10.0 * intervals;
                assert!((least..least * 1.125).contains(&seconds(true, unchanged)), "{unchanged}");
                for looks in [unchanged * 24, unchanged * 24 + 23] {
                    assert!((least..least * 1.125).contains(&seconds(false, looks)), "{looks}");
                }
            }
            assert!((seconds(true, 3), seconds(true, u32::MAX)) == (60.0, 60.0));
            assert!((seconds(false, 72), seconds(false, u32::MAX)) == (60.0, 60.0));
        }
    }

    #[test]
    fn each_service_run_and_attempt_has_a_jitter_of_its_own_that_is_always_the_same() {
        let looks = |run, attempt, service| {
            Pace::new(Duration::from_secs(8), (Some(run), Some(attempt)), service).until_next(false, 0)
        };
        assert_eq!(looks(900, 1, "api"), looks(900, 1, "api"));
        let others = [looks(901, 1, "api"), looks(900, 2, "api"), looks(900, 1, "web")];
        assert!(others.iter().all(|other| *other != looks(900, 1, "api")), "{others:?}");
    }
}
