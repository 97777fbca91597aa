//! How many calls of a provider may be under way at once. Who comes when all places are taken waits in a queue that is
//! bounded in length and in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// The places of one provider.
#[derive(Debug, Default)]
pub struct Bulkhead {
    taken: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
}

/// A call under way at a provider; gives its place back when dropped.
#[derive(Debug)]
pub struct Place(Arc<Bulkhead>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
        self.0.freed.notify_one();
    }
}

/// Counts who waits, also if it gives up.
struct Waiting<'b>(&'b Bulkhead);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl Bulkhead {
    /// Calls under way.
    pub fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// A place, at once if fewer than `most` are taken, else when one is free within `patience`. As many may wait as may
    /// be under way; `None` for who comes after them, and for who waited too long.
    pub async fn enter(self: &Arc<Self>, most: Option<usize>, patience: Duration) -> Option<Place> {
        let Some(most) = most else {
            self.taken.fetch_add(1, Relaxed);
            return Some(Place(self.clone()));
        };
        if let Some(place) = self.try_enter(most) {
            return Some(place);
        }
        let before = self.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting(self);
        if before >= most {
            return None;
        }
        let entered = async {
            loop {
                // A place that is given back before we wait leaves its notice behind.
                self.freed.notified().await;
                if let Some(place) = self.try_enter(most) {
                    return place;
                }
            }
        };
        let place = timeout(patience, entered).await.ok();
        drop(waiting);
        place
    }

    fn try_enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let one_more = |taken: usize| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Place(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_all_places_taken_waits_for_one_for_a_while() {
        let bulkhead = Arc::new(Bulkhead::default());
        let enter = || bulkhead.enter(Some(1), Duration::from_secs(1));
        let first = enter().await.unwrap();
        assert!(enter().await.is_none(), "a second is the longest wait");
        let freed = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(enter(), freed);
        assert!(second.is_some());
        assert_eq!(bulkhead.taken(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_no_longer_than_the_places() {
        let bulkhead = Arc::new(Bulkhead::default());
        let enter = || bulkhead.enter(Some(1), Duration::from_secs(1));
        let _first = enter().await.unwrap();
        let start = tokio::time::Instant::now();
        let third = async {
            tokio::task::yield_now().await;
            (enter().await.is_none(), start.elapsed())
        };
        let (second, (refused, after)) = tokio::join!(enter(), third);
        assert!(second.is_none() && refused);
        assert_eq!(after, Duration::ZERO, "refused at once");
    }

    #[tokio::test]
    async fn without_a_limit_everybody_enters() {
        let bulkhead = Arc::new(Bulkhead::default());
        let places: Vec<_> = [(); 3].map(|()| bulkhead.enter(None, Duration::ZERO)).into();
        let places = futures_util::future::join_all(places).await;
        assert_eq!((places.len(), bulkhead.taken()), (3, 3));
        drop(places);
        assert_eq!(bulkhead.taken(), 0);
    }
}
