//! Blocks through worker threads, results in the order of the source, memory for one block a thread.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

use super::block::{Block, Counts};
use super::error::DataError;
use super::source::{self, Parse, Source, Take};
use crate::base::threads;

/// Bytes of a worker's stack: blocks and states are on the heap, and where address space is short every thread counts.
const STACK: usize = 512 << 10;

/// What the workers share.
struct Shared<E> {
    state: Mutex<State<E>>,
    changed: Condvar,
}

struct State<E> {
    /// Blocks that know what came before them.
    placed: u64,
    /// Blocks that were delivered.
    delivered: u64,
    before: Counts,
    /// Why no block follows.
    failed: Option<E>,
    /// Nobody is to go on: a block failed, or a worker panicked.
    stopped: bool,
}

impl<E> Shared<E> {
    /// Waits until it is a block's turn; `None` when that turn will never come.
    fn turn(&self, is_due: impl Fn(&State<E>) -> bool) -> Option<MutexGuard<'_, State<E>>> {
        let state = self.state.lock().ok()?;
        let state = self.changed.wait_while(state, |state| !state.stopped && !is_due(state)).ok()?;
        (!state.stopped).then_some(state)
    }
}

/// Lets nobody wait for a worker that panicked.
struct Awaken<'a, E>(&'a Shared<E>);

impl<E> Drop for Awaken<'_, E> {
    fn drop(&mut self) {
        if thread::panicking() {
            if let Ok(mut state) = self.0.state.lock() {
                state.stopped = true;
            }
            self.0.changed.notify_all();
        }
    }
}

/// Takes every block of a source through `work`, on `threads` threads in any order, and then through `each`, one at a
/// time in the order of the source. Every thread has a state of its own, made by `make`, which carries the result of
/// `work` to `each`. Returns what the source held.
///
/// Blocks are divided by the source, not by the threads, so that results do not depend on how many there are. Memory is
/// that of one block and one state for each thread. Where the system refuses a thread, those that started do its part.
///
/// # Errors
/// The first error in the order of the source: a row that cannot be read, after `each` has seen the rows before it, or
/// what `each` returns. A source without rows is an error too.
pub fn for_each_block<W, E: From<DataError> + Send>(
    source: &mut Source,
    threads: usize,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &Block) + Sync,
    each: impl FnMut(&mut W, &Block) -> Result<(), E> + Send,
) -> Result<Counts, E> {
    let counts = for_each_block_of(source, threads, make, work, each)?;
    source::check_counts(&source.name, counts)?;
    Ok(counts)
}

/// [`for_each_block`] of one of several sources, which may have no rows.
pub(super) fn for_each_block_of<W, E: From<DataError> + Send>(
    source: &mut Source,
    threads: usize,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &Block) + Sync,
    each: impl FnMut(&mut W, &Block) -> Result<(), E> + Send,
) -> Result<Counts, E> {
    let state = State { placed: 0, delivered: 0, before: source.before, failed: None, stopped: false };
    let shared = Shared { state: Mutex::new(state), changed: Condvar::new() };
    let taken = Mutex::new((0, &mut *source.take));
    let each = Mutex::new(each);
    let (parse, name) = (&*source.parse, &source.name[..]);
    let worker = || {
        let _awaken = Awaken(&shared);
        let (mut block, mut state) = (Block::default(), make());
        while let Some(number) = take(&taken, &mut block) {
            if drive(&shared, parse, name, number, &mut block, &mut state, &work, &each).is_none() {
                break;
            }
        }
    };
    threads::share(threads, || thread::Builder::new().stack_size(STACK), worker);
    let State { failed, before, .. } = shared.state.into_inner().expect("no worker panicked");
    match failed {
        Some(error) => Err(error),
        None => Ok(before),
    }
}

/// The next block of the source and its number; `None` at the end.
fn take(taken: &Mutex<(u64, &mut (dyn Take + 'static))>, block: &mut Block) -> Option<u64> {
    block.clear();
    let mut taken = taken.lock().ok()?;
    let (next, source) = &mut *taken;
    let mark = source.mark();
    let found = source.take(block);
    block.mark = block.mark.or(mark);
    found.then(|| {
        *next += 1;
        *next - 1
    })
}

/// Parses a block, places it, works on it and delivers it; `None` when there is nothing more to do.
#[expect(clippy::too_many_arguments, reason = "the parts of one loop, borrowed from different places")]
fn drive<W, E: From<DataError>>(
    shared: &Shared<E>,
    parse: &dyn Parse,
    name: &str,
    number: u64,
    block: &mut Block,
    own: &mut W,
    work: &impl Fn(&mut W, &Block),
    each: &Mutex<impl FnMut(&mut W, &Block) -> Result<(), E>>,
) -> Option<()> {
    parse.parse(block);
    let mut state = shared.turn(|state| state.placed == number)?;
    block.before = block.known_before.unwrap_or(state.before);
    state.before += block.counts;
    state.placed += 1;
    drop(state);
    shared.changed.notify_all();

    work(own, block);

    drop(shared.turn(|state| state.delivered == number)?);
    // Outside the state's lock: `each` may be slow, and only the block whose turn it is comes here.
    let result = (*each.lock().ok()?)(own, block);
    let failed = result.err().or_else(|| block.take_error(parse.file(block).unwrap_or(name)).map(E::from));
    let mut state = shared.state.lock().ok()?;
    state.delivered += 1;
    state.stopped |= failed.is_some();
    state.failed = state.failed.take().or(failed);
    let go_on = !state.stopped;
    drop(state);
    shared.changed.notify_all();
    go_on.then_some(())
}
