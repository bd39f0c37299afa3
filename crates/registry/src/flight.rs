//! A value that many want and one makes: the others wait for that one, and share what came of it, failure included.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

/// One value, made by one caller at a time.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    gate: tokio::sync::Mutex<()>,
    landed: Mutex<Landed<T>>,
}

#[derive(Debug)]
struct Landed<T> {
    flights: u64,
    value: Option<T>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self { gate: tokio::sync::Mutex::default(), landed: Mutex::new(Landed { flights: 0, value: None }) }
    }
}

/// A value, and whether it was made after it was asked for.
pub(crate) struct Got<T> {
    pub(crate) value: T,
    pub(crate) fresh: bool,
}

impl<T: Clone> Flight<T> {
    /// The value that is there if it is `usable`; else the one that a flight under way brings, usable or not, so that
    /// nobody stands in line behind failures; else what `make` makes. If the maker is dropped, the next one makes.
    pub(crate) async fn get(&self, usable: impl Fn(&T) -> bool, make: impl Future<Output = T>) -> Got<T> {
        let asked = match self.read(|landed| (landed.flights, landed.value.clone().filter(&usable))) {
            (_, Some(value)) => return Got { value, fresh: false },
            (flights, None) => flights,
        };
        let gate = self.gate.lock().await;
        let (flights, value) = self.read(|landed| (landed.flights, landed.value.clone()));
        if let Some(value) = value.filter(|value| flights != asked || usable(value)) {
            return Got { value, fresh: true };
        }
        let value = make.await;
        self.read(|landed| {
            landed.flights += 1;
            landed.value = Some(value.clone());
        });
        drop(gate);
        Got { value, fresh: true }
    }

    /// The value of the last flight, without waiting for another.
    pub(crate) fn peek(&self) -> Option<T> {
        self.read(|landed| landed.value.clone())
    }

    /// Puts a value in place that was learned by other means.
    pub(crate) fn put(&self, value: T) {
        self.read(|landed| landed.value = Some(value));
    }

    /// Drops the value if it is `stale`.
    pub(crate) fn forget(&self, stale: impl Fn(&T) -> bool) {
        self.read(|landed| landed.value = landed.value.take().filter(|value| !stale(value)));
    }

    fn read<R>(&self, with: impl FnOnce(&mut Landed<T>) -> R) -> R {
        with(&mut self.landed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
