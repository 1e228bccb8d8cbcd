//! Requests to replay: made up, or read from a trace.

use std::{
    fs::File,
    io::{BufRead, BufReader, Error, ErrorKind},
    path::Path,
};

use flate2::read::GzDecoder;

/// A request for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "benches make their own")]
pub struct Request {
    /// The number of the object.
    pub key: u32,
    /// Its size in bytes.
    pub size: u32,
}

/// The same numbers in every run.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers that `seed` settles.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number. (Steele, Lea and Flood: SplitMix64.)
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to 1, which excluded.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
    pub fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Puts `items` in another order.
    #[expect(clippy::cast_precision_loss, reason = "there are fewer items than an f64 can count")]
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, (self.unit() * (at + 1) as f64) as usize);
        }
    }
}

/// Objects whose frequency falls with a power of their rank.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The part of the requests that go to the first ranks, by rank.
    cumulative: Vec<f64>,
    /// The objects by rank, so that those next to each other are not equally frequent.
    objects: Vec<u32>,
}

impl Zipf {
    /// `objects` objects; the frequency of the one of rank r is in proportion to `r^-skew`.
    pub fn new(objects: u32, skew: f64, random: &mut Random) -> Self {
        let mut sum = 0.0;
        let ranks = 1..=objects;
        let mut cumulative: Vec<f64> = ranks
            .map(|rank| {
                sum += f64::from(rank).powf(-skew);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|part| *part /= sum);
        let mut shuffled: Vec<u32> = (0..objects).collect();
        random.shuffle(&mut shuffled);
        Self { cumulative, objects: shuffled }
    }

    /// The next object.
    pub fn draw(&self, random: &mut Random) -> u32 {
        let at = random.unit();
        let rank = self.cumulative.partition_point(|&part| part <= at);
        self.objects[rank.min(self.objects.len() - 1)]
    }
}

/// The text of the key of an object: 24 bytes.
pub fn key(object: u32) -> String {
    format!("bench/objects/{object:010}")
}

/// Zipf requests for `objects` objects, and after every `period` of them a scan of `scan` objects that never come
/// again. All are of `size` bytes.
pub fn scanned_zipf(
    (objects, skew): (u32, f64),
    (period, scan): (usize, u32),
    size: u32,
    count: usize,
) -> Vec<Request> {
    let mut random = Random::new(7);
    let zipf = Zipf::new(objects, skew, &mut random);
    let mut requests = Vec::with_capacity(count);
    let mut scanned = objects;
    while requests.len() < count {
        requests.extend((0..period).map(|_| Request { key: zipf.draw(&mut random), size }));
        requests.extend((scanned..scanned + scan).map(|key| Request { key, size }));
        scanned += scan;
    }
    requests.truncate(count);
    requests
}

/// Reads a trace: gzip, a request a line, `key size_bytes`, both numbers.
///
/// # Errors
///
/// What reading said; `InvalidData` for another line.
pub fn trace(path: &Path) -> Result<Vec<Request>, Error> {
    let lines = BufReader::new(GzDecoder::new(File::open(path)?)).lines();
    lines
        .map(|line| {
            let line = line?;
            let request = line.split_once(' ').and_then(|(key, size)| {
                Some(Request { key: key.parse().ok()?, size: size.trim().parse().ok()? })
            });
            request.ok_or_else(|| {
                Error::new(ErrorKind::InvalidData, format!("{line:?} is not `key size`"))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
