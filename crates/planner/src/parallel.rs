//! Work that falls into many independent parts, done side by side. Results come in the order of
//! the parts: nothing shows how many threads there were.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, available_parallelism, scope};

/// How many shares each thread takes, one after the other: parts differ in size.
const SHARES: usize = 8;

/// Returns what `work` makes of each share of the items.
pub(crate) fn shares<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let size = items.len().div_ceil(SHARES).max(1);
    map(items.chunks(size).collect(), work)
}

/// Returns what `work` makes of each part.
pub(crate) fn map<T: Send, R: Send>(parts: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = available_parallelism().map_or(1, usize::from);
    let threads = threads.min(parts.len());
    if threads < 2 {
        return parts.into_iter().map(work).collect();
    }
    let size = parts.len().div_ceil(threads * SHARES);
    let queue = Mutex::new(parts.into_iter().enumerate());
    let take = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.by_ref().take(size).collect::<Vec<_>>()
    };
    let run = || {
        let mut done = Vec::new();
        loop {
            let share = take();
            if share.is_empty() {
                return done;
            }
            done.extend(share.into_iter().map(|(place, part)| (place, work(part))));
        }
    };
    let mut done = scope(|scope| {
        // This thread takes its shares, too: where there are no others to be had, all of them.
        let begin = |_| Builder::new().spawn_scoped(scope, run).ok();
        let others: Vec<_> = (1..threads).filter_map(begin).collect();
        let mut done = run();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Returns what both make, side by side where there is another thread to be had.
pub(crate) fn join<A: Send, B>(a: impl Fn() -> A + Sync, b: impl FnOnce() -> B) -> (A, B) {
    scope(|scope| {
        let other = Builder::new().spawn_scoped(scope, &a).ok();
        let b = b();
        let a = match other {
            Some(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => a(),
        };
        (a, b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_parts() {
        for count in [0, 1, 2, 1000] {
            let doubled = map((0..count).collect(), |n: usize| n * 2);
            assert!(doubled.into_iter().eq((0..count).map(|n| n * 2)));
        }
    }
}
