//! Work that several threads share.

use std::thread;

/// Runs `worker` on `threads` threads, of which this one is one and `builder` makes the others, until all have returned.
/// Where the system refuses a thread, those that started do its part: a worker takes from what there is to do until
/// nothing is left.
pub fn share(threads: usize, builder: fn() -> thread::Builder, worker: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..threads {
            if builder().spawn_scoped(scope, &worker).is_err() {
                break;
            }
        }
        worker();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Numbers from 0 that were taken, in ascending order, and by how many threads.
    fn taken(threads: usize, builder: fn() -> thread::Builder) -> (Vec<u32>, usize) {
        let (left, taken) = (Mutex::new(0..1000), Mutex::new(Vec::new()));
        let next = || left.lock().unwrap().next();
        share(threads, builder, || {
            while let Some(number) = next() {
                taken.lock().unwrap().push((number, thread::current().id()));
            }
        });
        let (mut numbers, workers): (Vec<_>, Vec<_>) = taken.into_inner().unwrap().into_iter().unzip();
        numbers.sort_unstable();
        (numbers, workers.into_iter().collect::<std::collections::HashSet<_>>().len())
    }

    #[test]
    fn everything_is_done_once_by_any_number_of_threads() {
        for threads in [0, 1, 2, 5] {
            assert_eq!(taken(threads, thread::Builder::new).0, Vec::from_iter(0..1000), "{threads}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_refused_threads_would_do_is_done_by_the_others() {
        let refused = || thread::Builder::new().stack_size(1 << 60);
        assert!(refused().spawn(|| ()).is_err(), "no address space is so large");
        assert_eq!(taken(4, refused), (Vec::from_iter(0..1000), 1));
    }
}
