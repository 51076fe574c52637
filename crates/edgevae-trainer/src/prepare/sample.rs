//! A uniform random sample of rows that pass by, in bounded memory.

/// Keeps the `capacity` rows of the smallest hashes; which they are depends neither on their order nor on threads.
#[derive(Debug)]
pub(crate) struct Sample {
    capacity: usize,
    width: usize,
    /// Hash, global row number (from 0) and label of each row.
    rows: Vec<(u64, u64, bool)>,
    /// `[ROWS][IN]`
    cells: Vec<f32>,
    /// Rows above it are not wanted any more.
    limit: u64,
}

impl Sample {
    pub fn new(capacity: usize, width: usize) -> Self {
        Self { capacity, width, rows: vec![], cells: vec![], limit: u64::MAX }
    }

    pub fn offer(&mut self, hash: u64, row: u64, label: bool, cells: &[f32]) {
        if hash > self.limit {
            return;
        }
        self.rows.push((hash, row, label));
        self.cells.extend_from_slice(cells);
        if self.rows.len() >= 2 * self.capacity.max(1) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.rows.len() <= self.capacity {
            return;
        }
        let mut hashes: Vec<u64> = self.rows.iter().map(|row| row.0).collect();
        let (_, limit, _) = hashes.select_nth_unstable(self.capacity.saturating_sub(1));
        self.limit = *limit;
        let mut kept = 0;
        for index in 0..self.rows.len() {
            if self.rows[index].0 <= self.limit {
                self.rows[kept] = self.rows[index];
                self.cells.copy_within(index * self.width..(index + 1) * self.width, kept * self.width);
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.cells.truncate(kept * self.width);
    }

    /// The sample: row number, label and cells, in the order of the rows.
    pub fn finish(mut self) -> Vec<(u64, bool, Vec<f32>)> {
        self.shrink();
        let rows = self.rows.iter().zip(self.cells.chunks_exact(self.width));
        let mut sample: Vec<_> = rows.map(|(&(_, row, label), cells)| (row, label, cells.to_vec())).collect();
        sample.sort_unstable_by_key(|row| row.0);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_that_of_the_smallest_hashes_in_any_order() {
        let hash = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sample = |rows: &mut dyn Iterator<Item = u64>| {
            let mut sample = Sample::new(10, 1);
            rows.for_each(|row| sample.offer(hash(row), row, row % 2 == 0, &[row as f32]));
            sample.finish()
        };
        let forward = sample(&mut (0..1000));
        assert_eq!(forward, sample(&mut (0..1000).rev()));
        let mut all: Vec<u64> = (0..1000).collect();
        all.sort_by_key(|&row| hash(row));
        let mut expected = all[..10].to_vec();
        expected.sort_unstable();
        assert_eq!(forward.iter().map(|row| row.0).collect::<Vec<_>>(), expected);
        assert!(forward.iter().all(|(row, label, cells)| *label == (row % 2 == 0) && cells[..] == [*row as f32]));
        assert_eq!(sample(&mut (0..3)).len(), 3);
    }
}
