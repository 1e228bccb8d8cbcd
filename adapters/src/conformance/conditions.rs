//! Cases about writes that take effect only if the tier holds what they are to replace.

use futures_util::future::join_all;
use tiered_storage_core::{Condition, ETag, ErrorKind};

use super::{Subject, entry, key, pieces::body, text_entry};
use crate::tier::{Contents, Read, StorageTier, Stored};

/// How many writers want the same place at once.
const WRITERS: u64 = 8;
const ROUNDS: u64 = 60;

/// A write with a condition takes effect where that holds, else it is a `Conflict` and changes nothing. A tier that cannot
/// tell answers `Unsupported` and writes nothing.
pub async fn conditions(tier: &dyn StorageTier) {
    let subject = Subject::new("conditions", tier);
    let (first, second) =
        (text_entry("condition", 1), entry(&key("condition"), 2, body(2, 300_000)));
    let name = first.metadata.key();
    let unknown = Condition::Version(ETag::new("\"00000000000000000000000000000000\""));
    let absent = Condition::Absent;

    match subject.store_if(&first, &unknown).await {
        Err(ErrorKind::Unsupported) => return subject.lacks(name).await,
        result => subject.conflicts(result, "for a version of what is not there"),
    }
    subject.lacks(name).await;
    subject.stores(subject.store_if(&first, &absent).await, "where there is nothing");
    subject.has(&first).await;
    let result = subject.store_if(&second, &absent).await;
    subject.conflicts(result, "in place of nothing, where there is an entry");
    subject.conflicts(subject.store_if(&second, &unknown).await, "for another version");
    subject.has(&first).await;

    let old = subject.version(&first).await;
    subject.stores(subject.store_if(&second, &old).await, "for the version that is there");
    subject.has(&second).await;
    subject.conflicts(subject.store_if(&first, &old).await, "for a version that was replaced");
    subject.has(&second).await;

    let current = subject.version(&second).await;
    if let Some(source) = subject.staged(&first, 7).await {
        let body = Contents::Staged(source);
        let result = tier.store(name, &first.metadata, body.clone(), Some(&old)).await;
        subject.conflicts(result.map_err(|error| error.kind()), "of what is staged");
        subject.has(&second).await;
        let result = tier.store(name, &first.metadata, body, Some(&current)).await;
        subject.stores(result.map_err(|error| error.kind()), "of what is staged");
        subject.has(&first).await;
    }

    subject.remove(std::slice::from_ref(name)).await;
    subject.conflicts(subject.store_if(&first, &current).await, "for a version that was removed");
    subject.lacks(name).await;
    // An entry of the past is there as long as no one removed it.
    let mut expired = text_entry("condition", 3);
    expired.metadata.expires_at = Some(expired.metadata.created_at());
    subject.stores(subject.store_if(&expired, &absent).await, "after a removal");
    subject.conflicts(subject.store_if(&first, &absent).await, "in place of an expired entry");
    subject.has(&expired).await;
}

/// Of several writers that all mean to replace the same version, one does, and its entry is there; the others are told.
pub async fn one_winner(tier: &dyn StorageTier) {
    let subject = Subject::new("one_winner", tier);
    let name = key("wanted");
    let mut condition = Condition::Absent;
    for round in 0..ROUNDS {
        let size = [500, 40_000, 300_000][(round % 3) as usize];
        let entries = (0..WRITERS).map(|writer| {
            let write = round * WRITERS + writer + 1;
            entry(&name, write, body(write, size + writer as usize))
        });
        let entries: Vec<Stored> = entries.collect();
        let writes = entries.iter().map(|written| subject.store_if(written, &condition));
        let results = join_all(writes).await;
        if results.contains(&Err(ErrorKind::Unsupported)) {
            return subject.lacks(&name).await;
        }
        let mut winners = Vec::new();
        for (written, result) in entries.iter().zip(results) {
            match result {
                Ok(_) => winners.push(written),
                Err(kind) => subject.check(
                    kind == ErrorKind::Conflict,
                    format_args!("who comes too late is told by a `Conflict`, not {kind:?}"),
                ),
            }
        }
        let [winner] = winners[..] else {
            panic!("one_winner: of {WRITERS} writers one wins, not {}", winners.len());
        };
        subject.has(winner).await;
        condition = subject.version(winner).await;
        if round % 5 == 4 {
            subject.remove(std::slice::from_ref(&name)).await;
            condition = Condition::Absent;
        }
    }
}

impl Subject<'_> {
    async fn store_if(
        &self,
        written: &Stored,
        condition: &Condition,
    ) -> Result<Option<ETag>, ErrorKind> {
        let Stored { metadata, body } = written;
        let body = Contents::Whole(body.clone());
        let stored = self.tier.store(metadata.key(), metadata, body, Some(condition)).await;
        stored.map_err(|error| error.kind())
    }

    /// The version that the tier says it has, of what is known to be there.
    async fn version(&self, written: &Stored) -> Condition {
        match self.read(written.metadata.key()).await {
            Read::Found(found) => Condition::Version(found.metadata.version()),
            other => panic!("{}: what was stored is found, not {other:?}", self.case),
        }
    }

    fn stores(&self, result: Result<Option<ETag>, ErrorKind>, what: &str) {
        self.check(result.is_ok(), format_args!("a write {what} takes effect, not {result:?}"));
    }

    fn conflicts(&self, result: Result<Option<ETag>, ErrorKind>, what: &str) {
        self.check(
            result == Err(ErrorKind::Conflict),
            format_args!("a write {what} is a `Conflict`, not {result:?}"),
        );
    }
}
