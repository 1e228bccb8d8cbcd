//! Storages of one process as neighbours of each other.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tiered_storage::{
    DiskOptions, DiskTier, Key, Promotion, TieredStorage,
    conformance::FaultTier,
    host::Task,
    memory::{MemoryOptions, MemoryTier},
    neighbours::{Claim, Granted, Neighbours, Scope},
    tier::{Access, StorageTier},
};

/// All of them, and what they share.
#[derive(Debug)]
pub(crate) struct Clique {
    pub(crate) warm: Arc<DiskTier>,
    pub(crate) cold: Arc<FaultTier>,
    /// Whether messages are lost.
    pub(crate) is_mute: AtomicBool,
    held: Mutex<Vec<(u64, Scope)>>,
    members: Mutex<Vec<TieredStorage>>,
    passed: Mutex<Vec<Access>>,
    last: AtomicU64,
    _folder: tempfile::TempDir,
}

/// One of them, by its number among those who were opened.
#[derive(Debug)]
struct Member {
    clique: Arc<Clique>,
    number: usize,
}

/// Somebody to whom nothing is granted.
#[derive(Debug)]
struct Outcast;

impl Neighbours for Outcast {
    fn claim(&self, _claim: &Claim) -> Task<Granted> {
        Box::pin(async { Granted::No })
    }
}

/// What a member holds.
#[derive(Debug)]
struct Held {
    clique: Arc<Clique>,
    number: usize,
    token: u64,
    change: Option<Scope>,
}

impl Clique {
    pub(crate) fn new(cold: Arc<dyn StorageTier>) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("there is room");
        let warm = DiskTier::open(folder.path(), DiskOptions::new()).expect("the folder is new");
        Arc::new(Self {
            warm: Arc::new(warm),
            cold: Arc::new(FaultTier::new(cold)),
            is_mute: AtomicBool::new(false),
            held: Mutex::default(),
            members: Mutex::default(),
            passed: Mutex::default(),
            last: AtomicU64::new(0),
            _folder: folder,
        })
    }

    pub(crate) fn in_memory() -> Arc<Self> {
        Self::new(memory())
    }

    /// Opens a storage; the first that is keeps up what is shared.
    pub(crate) async fn member(self: &Arc<Self>, promotion: Promotion) -> TieredStorage {
        let number = self.members().len();
        let member = Arc::new(Member { clique: self.clone(), number });
        let storage = self.open(promotion, Some(member)).await;
        self.members().push(storage.clone());
        storage
    }

    /// A storage that knows of no other.
    pub(crate) async fn loner(self: &Arc<Self>) -> TieredStorage {
        self.open(Promotion::Eager, None).await
    }

    /// A storage to which the others grant nothing.
    pub(crate) async fn outcast(self: &Arc<Self>) -> TieredStorage {
        self.open(Promotion::Eager, Some(Arc::new(Outcast))).await
    }

    async fn open(
        self: &Arc<Self>,
        promotion: Promotion,
        member: Option<Arc<dyn Neighbours>>,
    ) -> TieredStorage {
        let builder = TieredStorage::builder(self.cold.clone()).warm(self.warm.clone());
        let builder = builder.hot(memory()).promotion(promotion);
        let builder = match member {
            Some(member) => builder.neighbours(member),
            None => builder,
        };
        builder.open().await.expect("the settings are right")
    }

    /// What is held.
    pub(crate) fn held(&self) -> Vec<Scope> {
        self.holds().iter().map(|(_, scope)| scope.clone()).collect()
    }

    /// What was passed on to who keeps up what is shared.
    pub(crate) fn passed(&self) -> Vec<(String, u64)> {
        let passed = self.passed.lock().expect("no holder panics");
        passed.iter().map(|access| (access.key.to_string(), access.count)).collect()
    }

    fn holds(&self) -> MutexGuard<'_, Vec<(u64, Scope)>> {
        self.held.lock().expect("no holder panics")
    }

    fn members(&self) -> MutexGuard<'_, Vec<TieredStorage>> {
        self.members.lock().expect("no holder panics")
    }

    fn tell(&self, from: usize, scope: &Scope) {
        if self.is_mute.load(Ordering::SeqCst) {
            return;
        }
        for (at, member) in self.members().iter().enumerate() {
            if at != from {
                member.changed_elsewhere(scope.clone());
            }
        }
    }

    /// Takes `scope`, if nobody has any of it.
    fn take(&self, scope: &Scope) -> Option<u64> {
        let mut held = self.holds();
        if held
            .iter()
            .any(|(_, other)| other.covers(scope.as_str()) || scope.covers(other.as_str()))
        {
            return None;
        }
        let token = self.last.fetch_add(1, Ordering::SeqCst);
        held.push((token, scope.clone()));
        Some(token)
    }
}

impl Neighbours for Member {
    fn claim(&self, claim: &Claim) -> Task<Granted> {
        let (clique, number, claim) = (self.clique.clone(), self.number, claim.clone());
        Box::pin(async move {
            let (scope, change) = match claim {
                Claim::Change(ref scope) => (scope.clone(), Some(scope.clone())),
                Claim::Copy(ref key) | Claim::Tend(ref key) => (Scope::Key(key.clone()), None),
                other => panic!("{other:?} is not known here"),
            };
            let mut has_waited = false;
            let token = loop {
                if let Some(token) = clique.take(&scope) {
                    break token;
                }
                let is_fenced = |held: &Scope| matches!(held, Scope::Prefix(_));
                if matches!(claim, Claim::Tend(_))
                    || change.is_none() && clique.held().iter().any(is_fenced)
                {
                    return Granted::No;
                }
                has_waited = true;
                tokio::task::yield_now().await;
            };
            let held = Arc::new(Held { clique, number, token, change });
            if let Some(scope) = &held.change {
                held.clique.tell(number, scope);
            }
            if has_waited { Granted::AfterWait(held) } else { Granted::AtOnce(held) }
        })
    }

    fn keeps_up(&self) -> bool {
        self.number == 0
    }

    fn pass_on(&self, accesses: &[Access]) {
        self.clique.passed.lock().expect("no holder panics").extend_from_slice(accesses);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(scope) = &self.change {
            self.clique.tell(self.number, scope);
        }
        self.clique.holds().retain(|(token, _)| *token != self.token);
    }
}

pub(crate) fn memory() -> Arc<MemoryTier> {
    Arc::new(MemoryTier::new(MemoryOptions::new()).expect("the limits are right"))
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).expect("tests use legal keys")
}

/// Lets everybody else go on until `is_so`.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await.expect("it comes about");
}
