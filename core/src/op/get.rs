//! Read an entry: hot, warm, cold; the first live one answers.
//!
//! ```text
//! read hot -> read warm -> read cold -> Missing, or Failed if a tier failed
//!    |            |            '--live--> Found
//!    '----live----'--no comparison due--> Found
//!                 '--due, or suspect----> compare with cold --same----> Found, and the copy is renewed
//!                                             |             '-another-> Found from cold, and the copy is replaced
//!                                             '--cold failed--> Found if that age is tolerated, else Failed
//! ```
//!
//! What it leaves to the background, by [`Get::aftermath`]: promotions, the removal of copies that were expired,
//! corrupt or overtaken, and the removal of an expired entry from cold.

use super::{
    Action, Amend, Change, Effects, Machine, Next, Operation, Outcome, Promote, Reply, Sweep, View,
};
use crate::{
    config::{Config, ExpiredCold, Promotion},
    error::{Error, ErrorKind},
    key::Key,
    metadata::Metadata,
    tier::{Tier, TierSet},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Get {
    key: Key,
    at: Tier,
    /// Upper copies that are no good.
    bad: TierSet,
    /// Upper tiers that did not answer.
    failed: TierSet,
    failure: Option<Error>,
    /// A copy that must be compared with cold before it is served; its body is in the slot.
    due: Option<Due>,
    /// What cold has that is expired.
    expired: Option<Metadata>,
    reply: Option<Reply>,
    /// The epoch of its lane when it began.
    pub(crate) epoch: u64,
    /// Whether no writer was in its lane when it began, so that what it found may be copied.
    pub(crate) is_clean: bool,
    /// Whether only a part of the body is read, which is not what a tier could take over.
    is_part: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Due {
    metadata: Metadata,
    tier: Tier,
    comparison: Comparison,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Comparison {
    /// Not made yet.
    Open,
    /// The copy is cold's version.
    Same,
    /// Cold has another one, which is to be read now.
    Another,
}

impl Get {
    pub(crate) fn new(key: Key, epoch: u64, is_clean: bool) -> Self {
        Self {
            key,
            at: Tier::Hot,
            bad: TierSet::EMPTY,
            failed: TierSet::EMPTY,
            failure: None,
            due: None,
            expired: None,
            reply: None,
            epoch,
            is_clean,
            is_part: false,
        }
    }

    /// Reads a part of the body.
    pub(crate) fn part(key: Key, epoch: u64, is_clean: bool) -> Self {
        Self { is_part: true, ..Self::new(key, epoch, is_clean) }
    }

    /// The same read from the start on.
    pub(crate) fn anew(&self) -> Self {
        Self { is_part: self.is_part, ..Self::new(self.key.clone(), self.epoch, self.is_clean) }
    }

    /// Whether what cold has may be copied to a tier above, one that others see too.
    pub(crate) fn may_copy(&self, config: &Config) -> bool {
        let wanted = config.promotion != Promotion::Lazy || self.due.is_some();
        let wanted = if self.is_part { config.part_bytes.is_some() } else { wanted };
        self.is_clean && wanted && !config.shared(&self.key).is_empty()
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn reply(&self) -> Option<&Reply> {
        self.reply.as_ref()
    }

    /// What is left to do in the background, once there is a reply. `is_repeated` says that the key was read within
    /// the last minute.
    pub(crate) fn aftermath(&self, config: &Config, is_repeated: bool) -> Option<Machine> {
        if !self.is_clean {
            return None;
        }
        match self.reply.as_ref()? {
            Reply::Found(metadata, source) => {
                if let Some(Due { comparison: Comparison::Same, tier, .. }) = self.due {
                    let change = Change::Renewed(tier, metadata.clone());
                    return Some(Machine::Amend(Amend::new(self.key.clone(), change)));
                }
                let wanted = match config.promotion {
                    Promotion::Eager => TierSet::UPPER,
                    Promotion::OnSecondHit if is_repeated => TierSet::UPPER,
                    _ => TierSet::EMPTY,
                };
                let overtaken =
                    self.due.as_ref().filter(|due| due.comparison == Comparison::Another);
                let wanted = overtaken.map_or(wanted, |due| wanted.with(due.tier));
                let writes = config.promotable(metadata, *source).intersection(wanted);
                if self.is_part {
                    return self.keep(config, metadata, *source);
                }
                let writes = writes.difference(self.failed);
                self.cleanup(metadata, writes)
            }
            Reply::Missing => match &self.expired {
                Some(seen) if config.expired_cold == ExpiredCold::Remove => {
                    Some(Machine::Sweep(Sweep::new(seen.clone(), self.bad, self.epoch)))
                }
                _ => {
                    let nothing = Metadata::new(self.key.clone(), 0, Default::default());
                    self.cleanup(&nothing, TierSet::EMPTY)
                }
            },
            _ => None,
        }
    }

    /// What becomes of a part that was found.
    fn keep(&self, config: &Config, metadata: &Metadata, source: Tier) -> Option<Machine> {
        let is_kept = source == Tier::Cold
            && !self.failed.contains(Tier::Warm)
            && config.keeps_part(metadata);
        if is_kept {
            let removes = self.bad.without(Tier::Warm);
            return Some(Machine::Promote(Promote::part(metadata.clone(), removes, self.epoch)));
        }
        self.cleanup(metadata, TierSet::EMPTY)
    }

    fn cleanup(&self, metadata: &Metadata, writes: TierSet) -> Option<Machine> {
        let removes = self.bad.difference(writes);
        (!writes.union(removes).is_empty())
            .then(|| Machine::Promote(Promote::new(metadata.clone(), writes, removes, self.epoch)))
    }

    /// Takes in what an upper tier said; an answer ends the read.
    fn hear_upper(&mut self, tier: Tier, outcome: Outcome, effects: &Effects<'_>) -> Option<Reply> {
        let is_suspect = matches!(outcome, Outcome::Suspect(_));
        match outcome {
            Outcome::Found(metadata) | Outcome::Suspect(metadata) => {
                if !metadata.is_live(effects.now) {
                    self.bad = self.bad.with(tier);
                } else if is_suspect || effects.config.is_due(&metadata, effects.now) {
                    self.due = Some(Due { metadata, tier, comparison: Comparison::Open });
                } else {
                    return Some(Reply::Found(metadata, tier));
                }
            }
            Outcome::Failed(error) if error.kind() == ErrorKind::Corrupt => {
                self.bad = self.bad.with(tier);
            }
            Outcome::Failed(error) => {
                self.failed = self.failed.with(tier);
                self.failure.get_or_insert(error);
            }
            _ => {}
        }
        None
    }

    /// Takes in what cold said of a copy that is due.
    fn compare(&mut self, mut due: Due, outcome: &Outcome, effects: &Effects<'_>) -> Option<Reply> {
        match outcome {
            Outcome::Unchanged => due.comparison = Comparison::Same,
            Outcome::Found(current) if current.is_same_version(&due.metadata) => {
                due.comparison = Comparison::Same;
                // Its expiry may have been moved by another host since.
                due.metadata.expires_at = current.expires_at;
                due.metadata.etag.clone_from(&current.etag);
            }
            Outcome::Found(_) => due.comparison = Comparison::Another,
            Outcome::Failed(_) if effects.config.tolerates(&due.metadata, effects.now) => {
                return Some(Reply::Found(due.metadata, due.tier));
            }
            _ => {}
        }
        if due.comparison != Comparison::Same {
            // What cold does not have like this, no upper tier may keep.
            self.bad = self.bad.union(TierSet::UPPER.intersection(effects.config.tiers));
        }
        due.metadata.fresh_at = effects.now;
        let same = (due.comparison == Comparison::Same).then(|| (due.metadata.clone(), due.tier));
        self.due = Some(due);
        same.filter(|(copy, _)| copy.is_live(effects.now))
            .map(|(copy, tier)| Reply::Found(copy, tier))
    }

    /// Takes in cold's verdict.
    fn hear_cold(&mut self, outcome: Outcome, effects: &Effects<'_>) -> Reply {
        match outcome {
            Outcome::Found(mut metadata) | Outcome::Suspect(mut metadata) => {
                if metadata.is_live(effects.now) {
                    metadata.fresh_at = effects.now;
                    return Reply::Found(metadata, Tier::Cold);
                }
                self.expired = Some(metadata);
            }
            Outcome::Failed(error) => return Reply::Failed(error),
            _ => {}
        }
        self.failure.clone().map_or(Reply::Missing, Reply::Failed)
    }
}

impl Operation for Get {
    fn next(&self, view: &View<'_>) -> Next {
        if let Some(reply) = &self.reply {
            return Next::End(reply.clone());
        }
        let key = self.key.clone();
        Next::Do(match &self.due {
            None => Action::Read(view.readable_from(self.at), key, None),
            Some(Due { comparison: Comparison::Open, metadata, .. }) => match &metadata.etag {
                Some(etag) if metadata.write_id().is_none() => {
                    Action::Read(Tier::Cold, key, Some(etag.clone()))
                }
                // S3 makes its ETags of the bytes alone, so that only the write id tells an entry from one with the
                // same bytes and other metadata.
                _ => Action::Head(Tier::Cold, key),
            },
            Some(_) => Action::Read(Tier::Cold, key, None),
        })
    }

    fn finish(&mut self, action: &Action, outcome: Outcome, effects: &mut Effects<'_>) {
        let tier = action.tier();
        if tier != Tier::Cold {
            self.at = if tier == Tier::Hot { Tier::Warm } else { Tier::Cold };
            self.reply = self.hear_upper(tier, outcome, effects);
            return;
        }
        if let Some(due) = self.due.take_if(|due| due.comparison == Comparison::Open) {
            self.reply = self.compare(due, &outcome, effects);
            let is_head = matches!(action, Action::Head(..));
            if self.reply.is_some() || (is_head && matches!(outcome, Outcome::Found(_))) {
                return;
            }
        }
        self.reply = Some(self.hear_cold(outcome, effects));
    }
}
