//! What tiers answer is told to whoever asked to hear it, and to nobody else.

use std::sync::{Arc, Mutex};

use tiered_storage::{
    Answered, Builder, Event, Promotion, SetOptions, Tier, TieredStorage, Verdict,
    memory::{MemoryOptions, MemoryTier, Volatility},
};

type Heard = Arc<Mutex<Vec<(Tier, Answered)>>>;

fn tier(volatility: Volatility) -> Arc<MemoryTier> {
    let options = MemoryOptions::new().volatility(volatility);
    Arc::new(MemoryTier::new(options).expect("the options are possible"))
}

/// Three tiers in memory, and what is told of answers.
fn tiers() -> (Builder, Heard) {
    let heard = Heard::default();
    let told = heard.clone();
    let builder = TieredStorage::builder(tier(Volatility::Durable))
        .warm(tier(Volatility::Durable))
        .hot(tier(Volatility::Volatile))
        .promotion(Promotion::Eager)
        .on_event(move |event| {
            if let Event::Answered { tier, key, answer } = event {
                assert_eq!(key.as_str(), "key");
                told.lock().expect("no holder panics").push((*tier, *answer));
            }
        });
    (builder, heard)
}

fn verdicts(heard: &Heard) -> Vec<(Tier, &'static str, Verdict, Option<u64>)> {
    let told = std::mem::take(&mut *heard.lock().expect("no holder panics"));
    let reads: Vec<u64> = told.iter().map(|(_, answer)| answer.read).collect();
    assert!(reads.iter().all(|read| *read == reads[0]), "one read has one number: {reads:?}");
    let brief =
        |(tier, answer): (Tier, Answered)| (tier, answer.action, answer.verdict, answer.size_bytes);
    told.into_iter().map(brief).collect()
}

#[tokio::test]
async fn a_read_tells_which_tiers_were_asked() {
    let (builder, heard) = tiers();
    let storage = builder.answers().open().await.expect("it opens");
    let options = SetOptions::default().only_tiers(Tier::Cold);
    storage.set_with("key", "value", options).await.expect("memory takes it");
    assert_eq!(verdicts(&heard), [], "a write asks nobody");

    storage.get("key").await.expect("the tiers answer").expect("it is there");
    let missing = |tier| (tier, "read", Verdict::Missing, None);
    let found = |tier, action| (tier, action, Verdict::Found, Some(5));
    assert_eq!(
        verdicts(&heard),
        [missing(Tier::Hot), missing(Tier::Warm), found(Tier::Cold, "read")]
    );
    storage.settled().await;
    assert_eq!(verdicts(&heard), [], "copying asks nobody");

    storage.get("key").await.expect("the tiers answer").expect("it is there");
    assert_eq!(heard.lock().expect("no holder panics")[0].1.read, 0, "it took only a look");
    assert_eq!(verdicts(&heard), [found(Tier::Hot, "read")]);
    storage.get_with_metadata("key").await.expect("the tiers answer").expect("it is there");
    assert_eq!(verdicts(&heard), [found(Tier::Hot, "read")]);
    storage.metadata("key").await.expect("the tiers answer").expect("it is there");
    assert_eq!(verdicts(&heard), [found(Tier::Hot, "head")]);

    storage.delete("key").await.expect("memory can delete");
    assert_eq!(storage.get("key").await.expect("the tiers answer"), None);
    assert_eq!(verdicts(&heard), [Tier::Hot, Tier::Warm, Tier::Cold].map(missing));
}

#[tokio::test]
async fn nobody_is_told_who_did_not_ask() {
    let (builder, heard) = tiers();
    let storage = builder.open().await.expect("it opens");
    storage.set("key", "value").await.expect("memory takes it");
    storage.get("key").await.expect("the tiers answer").expect("it is there");
    storage.metadata("key").await.expect("the tiers answer").expect("it is there");
    assert_eq!(verdicts(&heard), []);
}
