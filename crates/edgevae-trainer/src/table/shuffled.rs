//! Files read again and again, each time in another order of their parts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::block::{Block, Counts};
use super::error::{DataError, Problem};
use super::files;
use super::form::FileForm;
use super::pipeline::for_each_block_of;
use super::source::{Parse, Source, Take};

/// Blocks that stay together, so that a seek pays off: 1 MiB of CSV.
const SEGMENT: usize = 4;

/// A run of blocks that is read from its beginning.
#[derive(Clone, Debug)]
struct Segment {
    file: usize,
    mark: u64,
    /// What came before each in the file.
    blocks: Vec<Counts>,
    /// Nothing follows in the file.
    is_last: bool,
}

/// The parts of some files, found in one pass over them.
#[derive(Debug, Default)]
pub struct Index {
    segments: Vec<Segment>,
    /// Rows of all files, those left out included.
    pub rows: u64,
    /// Rows of the files before each file.
    pub rows_before: Vec<u64>,
    /// Name in messages and rows of each file, those left out included.
    pub files: Vec<(String, u64)>,
    /// Rows left out because of a missing cell.
    pub dropped: u64,
    /// What is unusual in a file, for people.
    pub notes: Vec<String>,
}

const EACH_EPOCH: &str = "a stream is read again for each epoch; write the rows to a file, or hold them in memory with \
                          --stream=false";

/// Reads every source once, in order, as [`for_each_block`](super::pipeline::for_each_block) does, and remembers where its
/// parts are. `each` is told the number of rows in the sources before.
///
/// # Errors
/// As [`for_each_block`](super::pipeline::for_each_block), of all rows together; and a source that cannot be read twice, as
/// a pipe.
pub fn index<W, E: From<DataError> + Send>(
    sources: &mut [Source],
    threads: usize,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, u64, &Block) + Sync,
    mut each: impl FnMut(&mut W, u64, &Block) -> Result<(), E> + Send,
) -> Result<Index, E> {
    let (mut index, mut all) = (Index::default(), Counts::default());
    for (file, source) in sources.iter_mut().enumerate() {
        let (name, rows_before) = (source.name.clone(), index.rows);
        let segments = &mut index.segments;
        let first = segments.len();
        let counts = for_each_block_of(
            source,
            threads,
            &make,
            |own, block| work(own, rows_before, block),
            |own, block| {
                let entry = block.before;
                let is_full = segments[first..].last().is_none_or(|segment| segment.blocks.len() >= SEGMENT);
                match (segments.last_mut(), block.mark) {
                    (_, Some(mark)) if is_full => {
                        segments.push(Segment { file, mark, blocks: vec![entry], is_last: false })
                    }
                    (Some(segment), _) if segment.file == file => segment.blocks.push(entry),
                    _ => {
                        return Err(DataError { file: name.clone(), problem: Problem::ReadOnce(EACH_EPOCH) }.into());
                    }
                }
                each(own, rows_before, block)
            },
        )?;
        source.close();
        if let Some(last) = index.segments.last_mut() {
            last.is_last = true;
        }
        index.rows_before.push(rows_before);
        index.notes.extend(counts.broken.note(&name));
        index.notes.extend(source.unusual().into_iter().map(|note| format!("{name}: {note}")));
        index.files.push((name, counts.rows));
        index.rows += counts.rows;
        index.dropped += counts.dropped;
        all += counts;
    }
    files::check_counts(sources, all)?;
    Ok(index)
}

/// Files whose parts come in another order each time.
pub struct Shuffled {
    source: Source,
    segments: Vec<Segment>,
    order: Arc<Mutex<Order>>,
}

/// What is to be read: segments, and how many blocks of the first of them were.
#[derive(Default)]
struct Order {
    segments: VecDeque<Segment>,
    taken: usize,
}

impl Shuffled {
    /// Takes the sources that were indexed.
    ///
    /// # Panics
    /// When there are none.
    pub fn new(sources: Vec<Source>, index: &Index) -> Self {
        let order = Arc::new(Mutex::new(Order::default()));
        let first = &sources[0];
        let (feature_names, has_labels) = (first.feature_names.clone(), first.has_labels);
        let parts = sources.into_iter().map(|source| (source.take, (source.name, source.parse)));
        let (takes, parsers): (Vec<_>, Vec<_>) = parts.unzip();
        let source = Source {
            form: FileForm::default(),
            notes: vec![],
            name: "the training files".into(),
            feature_names,
            extra_columns: vec![],
            has_labels,
            before: Counts::default(),
            take: Box::new(Ordered { takes, open: 0, order: Arc::clone(&order) }),
            parse: Arc::new(ByFile(parsers)),
        };
        Self { source, segments: index.segments.clone(), order }
    }

    /// Everything once, in `rounds` each of which is a sample of all files and all places in them. Rows keep the numbers that
    /// they have in their file; [`Block::file`] tells which that is.
    pub fn pass(&mut self, rounds: usize, shuffle: &mut ChaCha8Rng) -> &mut Source {
        let segments = stratified(self.segments.len(), rounds, shuffle);
        if let Ok(mut order) = self.order.lock() {
            let segments = segments.into_iter().map(|at| self.segments[at].clone()).collect();
            *order = Order { segments, taken: 0 };
        }
        &mut self.source
    }
}

/// A random order of `0..count` in rounds, ascending within a round: of every `rounds` neighbours each round has one.
///
/// Files differ, and so do the hours within one. Drawn without strata, some twenty segments of nine files hold none of one
/// and five of another, and a network forgets what it has not seen for a window: the last ones decide what it knows.
fn stratified(count: usize, rounds: usize, shuffle: &mut ChaCha8Rng) -> Vec<usize> {
    let mut round: Vec<usize> = (0..rounds).collect();
    let mut order = Vec::with_capacity(count);
    for at in 0..count {
        if at % rounds == 0 {
            round.shuffle(shuffle);
        }
        order.push((round[at % rounds], at));
    }
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

/// Takes blocks in a given order.
struct Ordered {
    takes: Vec<Box<dyn Take>>,
    /// The one file that may be open.
    open: usize,
    order: Arc<Mutex<Order>>,
}

impl Take for Ordered {
    fn take(&mut self, block: &mut Block) -> bool {
        let Ok(mut order) = self.order.lock() else { return false };
        let Order { segments, taken } = &mut *order;
        while let Some(Segment { file, mark, blocks, is_last }) = segments.front() {
            // What a file has beyond its last block of the first pass is taken too, so that whoever counts rows notices.
            let entry = match blocks.get(*taken).or(blocks.last().filter(|_| *is_last)) {
                Some(entry) => *entry,
                None => {
                    segments.pop_front();
                    *taken = 0;
                    continue;
                }
            };
            (block.file, block.known_before) = (*file, Some(entry));
            if *taken == 0 {
                if self.open != *file {
                    self.takes[self.open].close();
                    self.open = *file;
                }
                if let Err(error) = self.takes[*file].seek(*mark) {
                    block.problem = Some(Problem::CannotOpen { error });
                    return true;
                }
            }
            if self.takes[*file].take(block) {
                *taken += 1;
                return true;
            }
            // The end of the file, where a file that became shorter is before its time.
            segments.pop_front();
            *taken = 0;
        }
        false
    }
}

/// The name and the parser of each file.
struct ByFile(Vec<(String, Arc<dyn Parse>)>);

impl Parse for ByFile {
    fn parse(&self, block: &mut Block) {
        self.0[block.file].1.parse(block);
    }

    fn file(&self, block: &Block) -> Option<&str> {
        Some(&self.0[block.file].0)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_round_has_one_of_every_stretch() {
        let mut shuffle = ChaCha8Rng::seed_from_u64(0);
        for (count, rounds) in [(1, 1), (7, 1), (12, 4), (13, 4), (3, 5), (100, 9)] {
            let order = stratified(count, rounds, &mut shuffle);
            let mut all = order.clone();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>(), "{count} in {rounds}");
            // Where all stretches are whole, rounds are equally long.
            if count % rounds == 0 {
                for round in order.chunks(count / rounds) {
                    let stretches: Vec<usize> = round.iter().map(|at| at / rounds).collect();
                    assert_eq!(stretches, (0..count / rounds).collect::<Vec<_>>(), "{count} in {rounds}");
                }
            }
        }
        let twice = [0, 1].map(|_| stratified(100, 9, &mut shuffle));
        assert_ne!(twice[0], twice[1]);
    }
}
