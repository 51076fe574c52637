//! Files read again and again, each time in another order of their parts.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::block::{Block, Counts};
use super::error::{DataError, Problem};
use super::pipeline::for_each_block;
use super::source::{Parse, Source, Take};

/// Blocks that stay together: a seek and a cache line of the disk pay off, and a row group of a Parquet file is one.
const SEGMENT: usize = 16;

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
}

/// Reads every source once, in order, as [`for_each_block`] does, and remembers where its parts are. `each` is told the
/// number of rows in the sources before.
///
/// # Errors
/// As [`for_each_block`]; and a source that cannot be read twice, as a pipe.
pub fn index<W, E: From<DataError> + Send>(
    sources: &mut [Source],
    threads: usize,
    make: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, u64, &Block) + Sync,
    mut each: impl FnMut(&mut W, u64, &Block) -> Result<(), E> + Send,
) -> Result<Index, E> {
    let mut index = Index::default();
    for (file, source) in sources.iter_mut().enumerate() {
        let (name, rows_before) = (source.name.clone(), index.rows);
        let segments = &mut index.segments;
        let first = segments.len();
        let counts = for_each_block(
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
                        let error = io::Error::from(io::ErrorKind::NotSeekable);
                        return Err(DataError { file: name.clone(), problem: Problem::CannotOpen { error } }.into());
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
        index.files.push((name, counts.rows));
        index.rows += counts.rows;
        index.dropped += counts.dropped;
    }
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

    /// Everything once, its segments in a random order. Rows keep the numbers that they have in their file;
    /// [`Block::file`] tells which that is.
    pub fn pass(&mut self, shuffle: &mut ChaCha8Rng) -> &mut Source {
        let mut segments = self.segments.clone();
        segments.shuffle(shuffle);
        if let Ok(mut order) = self.order.lock() {
            *order = Order { segments: segments.into(), taken: 0 };
        }
        &mut self.source
    }
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
