//! Reads that are timed and checked, and in which order they come.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use futures::future::try_join_all;
use tiered_storage::{Tier, TieredStorage};
use tokio::task::JoinHandle;

use crate::{DemoError, assets::File, report::Bar};

/// How steeply popularity falls: the file of rank n is read in proportion to n to the power of minus this.
pub(crate) const SKEW: f64 = 0.9;

/// How reads went, by the tier that answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tiers: [TierTally; 3],
}

/// The reads that one tier answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct TierTally {
    pub(crate) bytes: u64,
    nanos: Vec<u64>,
}

impl Tally {
    pub(crate) fn note(&mut self, tier: Tier, bytes: usize, took: Duration) {
        let tally = &mut self.tiers[tier as usize];
        tally.bytes += bytes as u64;
        tally.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (mine, theirs) in self.tiers.iter_mut().zip(other.tiers) {
            mine.bytes += theirs.bytes;
            mine.nanos.extend(theirs.nanos);
        }
    }

    pub(crate) fn of(&self, tier: Tier) -> &TierTally {
        &self.tiers[tier as usize]
    }

    pub(crate) fn reads(&self) -> u64 {
        self.tiers.iter().map(TierTally::reads).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.tiers.iter().map(|tally| tally.bytes).sum()
    }
}

impl TierTally {
    pub(crate) fn reads(&self) -> u64 {
        self.nanos.len() as u64
    }

    /// The time below which `per_mille` of 1,000 reads stayed.
    pub(crate) fn percentile(&mut self, per_mille: usize) -> Duration {
        if self.nanos.is_empty() {
            return Duration::ZERO;
        }
        let at = (self.nanos.len() * per_mille / 1_000).min(self.nanos.len() - 1);
        Duration::from_nanos(*self.nanos.select_nth_unstable(at).1)
    }
}

/// Popularity after Zipf: few files are read often, most are read rarely.
#[derive(Debug)]
pub(crate) struct Zipf {
    /// Which file has which rank.
    ranks: Vec<usize>,
    /// For each rank, the sum of the weights up to it.
    sums: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(files: usize, seed: u64) -> Self {
        let mut ranks: Vec<usize> = (0..files).collect();
        Rng::with_seed(seed).shuffle(&mut ranks);
        let mut sum = 0.0;
        let weights = (1..=files).map(|rank| (rank as f64).powf(-SKEW));
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self { sums: sums.collect(), ranks }
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let all = self.sums.last().copied().unwrap_or_default();
        let drawn = rng.f64() * all;
        let rank = self.sums.partition_point(|sum| *sum <= drawn);
        self.ranks[rank.min(self.ranks.len() - 1)]
    }

    /// The most popular files.
    pub(crate) fn top(&self, files: usize) -> &[usize] {
        &self.ranks[..files.min(self.ranks.len())]
    }
}

/// Reads the files with these indexes, in this order, on a task of its own.
pub(crate) fn reader(
    storage: &TieredStorage,
    files: &Arc<[File]>,
    order: impl Iterator<Item = usize> + Send + 'static,
    bar: &Bar,
) -> JoinHandle<Result<Tally, DemoError>> {
    let (storage, files, bar) = (storage.clone(), Arc::clone(files), bar.clone());
    tokio::spawn(async move {
        let mut tally = Tally::default();
        for at in order {
            let file = &files[at];
            read(&storage, file, &mut tally).await?;
            bar.inc(1);
        }
        Ok(tally)
    })
}

/// Reads files once each, shared among the tasks.
pub(crate) async fn read_each(
    storage: &TieredStorage,
    files: &Arc<[File]>,
    which: &[usize],
    tasks: usize,
    bar: &Bar,
) -> Result<Tally, DemoError> {
    let share = which.len().div_ceil(tasks).max(1);
    let chunks = which.chunks(share).map(<[usize]>::to_vec);
    collect(chunks.map(|chunk| reader(storage, files, chunk.into_iter(), bar))).await
}

/// What all readers counted.
pub(crate) async fn collect(
    readers: impl Iterator<Item = JoinHandle<Result<Tally, DemoError>>>,
) -> Result<Tally, DemoError> {
    let mut all = Tally::default();
    let readers = readers.map(|reader| async { reader.await.expect("a reader does not panic") });
    try_join_all(readers).await?.into_iter().for_each(|tally| all.add(tally));
    Ok(all)
}

/// Reads one file and compares every byte with what it should be, by SHA-256; the time is that of the read alone.
async fn read(storage: &TieredStorage, file: &File, tally: &mut Tally) -> Result<(), DemoError> {
    let began = Instant::now();
    let entry = storage.get_with_metadata(&file.key).await?;
    let took = began.elapsed();
    let Some(entry) = entry else {
        return Err(DemoError::Broken(format!("{:?} is missing", file.key)));
    };
    if !file.is(&entry.data) {
        let message = format!("{:?} from {} has other bytes than the file", file.key, entry.source);
        return Err(DemoError::Broken(message));
    }
    tally.note(entry.source, entry.data.len(), took);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popular_files_are_drawn_more_often_and_every_file_can_be() {
        let zipf = Zipf::new(10, 1);
        let mut rng = Rng::with_seed(1);
        let mut drawn = [0; 10];
        (0..10_000).for_each(|_| drawn[zipf.draw(&mut rng)] += 1);
        let by_rank: Vec<i32> = zipf.top(10).iter().map(|file| drawn[*file]).collect();
        assert!(by_rank.is_sorted_by(|a, b| a > b), "{by_rank:?}");
        assert!(by_rank[9] > 0 && by_rank[0] > 3 * by_rank[4], "{by_rank:?}");
    }

    #[test]
    fn percentiles_are_those_of_the_reads() {
        let mut tally = Tally::default();
        (1..=1_000).rev().for_each(|us| tally.note(Tier::Warm, 2, Duration::from_micros(us)));
        let warm = &mut tally.tiers[Tier::Warm as usize];
        assert_eq!(warm.percentile(500), Duration::from_micros(501));
        assert_eq!(warm.percentile(990), Duration::from_micros(991));
        assert_eq!((warm.bytes, warm.reads()), (2_000, 1_000));
        assert_eq!(TierTally::default().percentile(500), Duration::ZERO);
    }
}
