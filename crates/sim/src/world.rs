//! The world: its state behind one lock, its clock, and its timeline of events.
//! What the HTTP faces answer is not here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::faults::Faults;
use crate::git::Git;
use crate::github::GithubState;
use crate::registry::{Registry, RegistrySpec};
use crate::requests::Log;

/// One simulated world. Clones share the same state.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    born: Instant,
    start: Timestamp,
    /// Seconds that passed here and nowhere else.
    skipped: AtomicU64,
    state: Mutex<State>,
    timeline: Mutex<Timeline>,
}

/// Everything but the clock.
pub(crate) struct State {
    pub(crate) git: Git,
    pub(crate) github: GithubState,
    /// By host.
    pub(crate) registries: BTreeMap<String, Registry>,
    /// Another name of a registry host (its loopback address, the host of its token realm) to the host.
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    pub(crate) latency: Duration,
}

#[derive(Default)]
struct Timeline {
    events: Vec<Event>,
    sequence: u64,
    /// The time of the event being applied: what it does carries this time, not the request's.
    applying: Option<Duration>,
}

struct Event {
    at: Duration,
    sequence: u64,
    effect: Box<dyn FnOnce(&World) + Send>,
}

impl World {
    /// A world whose clock shows `start` now. It holds the repository `octo/shop` with one commit on `main`, and the
    /// registry `ghcr.io`; no images, no GitHub tokens.
    pub fn new(start: Timestamp) -> World {
        let state = State {
            git: Git::new(start),
            github: GithubState::default(),
            registries: BTreeMap::new(),
            aliases: BTreeMap::new(),
            faults: Faults::default(),
            log: Log::default(),
            latency: Duration::ZERO,
        };
        let world = World {
            shared: Arc::new(Shared {
                born: Instant::now(),
                start,
                skipped: AtomicU64::new(0),
                state: Mutex::new(state),
                timeline: Mutex::new(Timeline::default()),
            }),
        };
        world.registry("ghcr.io", RegistrySpec::ghcr());
        world
    }

    /// The time in the world: its start plus tokio's time since; inside an event, that event's own time.
    pub fn now(&self) -> Timestamp {
        let since = lock(&self.shared.timeline).applying.unwrap_or_else(|| self.elapsed());
        self.shared.start.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    /// Time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.shared.born.elapsed() + Duration::from_secs(self.shared.skipped.load(Ordering::Relaxed))
    }

    /// Lets whole seconds pass in the world at once, where a test runs in real time and cannot wait for them.
    pub fn skip(&self, time: Duration) {
        self.shared.skipped.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// Plans an event at `at` after the world's beginning. It is applied lazily: when the first request, or the first
    /// look at the state, comes at or after that time; events apply in the order of their times.
    pub fn at(&self, at: Duration, effect: impl FnOnce(&World) + Send + 'static) {
        let mut timeline = lock(&self.shared.timeline);
        let sequence = timeline.sequence;
        timeline.sequence += 1;
        timeline.events.push(Event { at, sequence, effect: Box::new(effect) });
    }

    /// Applies every event whose time has come. Requests and the functions that read or change state do this themselves.
    pub fn advance_timeline(&self) {
        loop {
            let elapsed = self.elapsed();
            let event = {
                let mut timeline = lock(&self.shared.timeline);
                if timeline.applying.is_some() {
                    return;
                }
                let due = timeline
                    .events
                    .iter()
                    .enumerate()
                    .filter(|(_, event)| event.at <= elapsed)
                    .min_by_key(|(_, event)| (event.at, event.sequence))
                    .map(|(index, _)| index);
                let Some(index) = due else { return };
                let event = timeline.events.swap_remove(index);
                timeline.applying = Some(event.at);
                event
            };
            // The event ends even when it panics (a failed assertion in a test), or the world would stand still.
            let _ended = Ended(&self.shared.timeline);
            (event.effect)(self);
        }
    }

    /// The time of the next event that has not been applied, if there is one.
    pub fn next_event(&self) -> Option<Duration> {
        lock(&self.shared.timeline).events.iter().map(|event| event.at).min()
    }

    /// Every answer from now on takes this long to come back.
    pub fn latency(&self, latency: Duration) {
        self.with(|state, _| state.latency = latency);
    }

    /// Reads or changes the state, events first.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        self.advance_timeline();
        let now = self.now();
        use_it(&mut lock(&self.shared.state), now)
    }
}

struct Ended<'a>(&'a Mutex<Timeline>);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        lock(self.0).applying = None;
    }
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// A poisoned lock only means that some test's assertion failed while it was held; the state is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
