use super::*;

fn entry() -> Entry {
    Entry {
        key: Key::new("k").expect("a legal key"),
        generation: 7,
        body_bytes: 11,
        line_bytes: 13,
        place: Place::Segment { segment: 17, at: 19 },
        is_suspect: false,
        is_announced: false,
        overlay: None,
    }
}

fn overlay() -> Overlay {
    Overlay {
        expires_at: Some(Timestamp::from_millis(5)),
        last_accessed: Timestamp::from_millis(6),
        access_count: 7,
        fresh_at: Timestamp::from_millis(8),
        etag: Some(ETag::new("\"e\"")),
    }
}

/// One record of each kind, and what it must be read as.
fn every_kind() -> (Vec<u8>, Vec<Change>) {
    let mut buffer = JOURNAL_MAGIC.to_vec();
    let key = Key::new("k").expect("a legal key");
    let object = Entry { place: Place::Object, overlay: Some(Arc::new(overlay())), ..entry() };
    let announced = Entry { is_announced: true, ..entry() };
    let bare = Overlay { expires_at: None, etag: None, ..overlay() };
    let start = Start { journal: 3, generation: 4, segments: vec![(1, 2), (3, 4)] };
    push_start(&mut buffer, &start);
    push_run(&mut buffer, Durability::Full);
    push_put(&mut buffer, &entry());
    push_put(&mut buffer, &object);
    push_put(&mut buffer, &announced);
    push_remove(&mut buffer, "k", 9);
    push_patch(&mut buffer, "k", &bare);
    push_announce(&mut buffer, "k", 10);
    push_distrust(&mut buffer, 11);
    push_end(&mut buffer, 12);
    let changes = vec![
        Change::Start(start),
        Change::Run { durability: Durability::Full },
        Change::Put(entry()),
        Change::Put(object),
        // Whoever reads it starts anew: what was announced then is suspect now.
        Change::Put(Entry { is_suspect: true, ..entry() }),
        Change::Remove { key: key.clone(), generation: 9 },
        Change::Patch { key: key.clone(), overlay: Arc::new(bare) },
        Change::Announce { key, generation: 10 },
        Change::Distrust { generation: 11 },
        Change::End { entries: 12 },
    ];
    (buffer, changes)
}

#[test]
fn what_is_written_is_read() {
    let (buffer, expected) = every_kind();
    let mut changes = Changes::read(&buffer, JOURNAL_MAGIC).expect("a journal");
    assert_eq!(changes.by_ref().collect::<Vec<_>>(), expected);
    assert!(changes.is_at_end());
    assert!(Changes::read(&buffer, SNAPSHOT_MAGIC).is_none(), "a journal is no snapshot");
}

/// Wherever a journal is cut, what is whole before the cut is read, and the cut is told from damage.
#[test]
fn a_tear_ends_the_reading_and_damage_is_no_tear() {
    let (buffer, expected) = every_kind();
    for cut in JOURNAL_MAGIC.len()..buffer.len() {
        let mut changes = Changes::read(&buffer[..cut], JOURNAL_MAGIC).expect("a journal");
        let read: Vec<_> = changes.by_ref().collect();
        assert_eq!(read, expected[..read.len()]);
        assert!(read.len() < expected.len());
        assert!(!changes.resumes(), "cut at {cut}");
    }
    let mut damaged = buffer;
    damaged[JOURNAL_MAGIC.len() + 9] ^= 1;
    let mut changes = Changes::read(&damaged, JOURNAL_MAGIC).expect("a journal");
    assert_eq!(changes.next(), None);
    assert!(changes.resumes());
}
