use alloc::{collections::BTreeMap, string::String, string::ToString};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u8),
    Entry(u8, u8),
    Change(u8, u8),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
        (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Entry(key, value)),
        (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Change(key, value)),
        any::<u8>().prop_map(Step::Remove),
    ]
}

proptest! {
    #[test]
    fn it_does_as_a_b_tree_does(steps in prop::collection::vec(step(), 0..100), at in any::<u8>()) {
        let (mut map, mut model) = (Map::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(map.insert(key.to_string(), value), model.insert(key.to_string(), value));
                }
                Step::Entry(key, value) => {
                    prop_assert_eq!(map.entry(key.to_string()).or_insert(value), model.entry(key.to_string()).or_insert(value));
                }
                Step::Change(key, value) => {
                    let key = key.to_string();
                    prop_assert_eq!(map.contains_key(&key), model.contains_key(&key));
                    prop_assert_eq!(map.get_mut(&key).map(|old| *old = value), model.get_mut(&key).map(|old| *old = value));
                }
                Step::Remove(key) => {
                    prop_assert_eq!(map.remove(key.to_string().as_str()), model.remove(key.to_string().as_str()));
                }
            }
            prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
        }
        prop_assert!(map.iter().eq(model.iter()));
        let at = at.to_string();
        for start in [Bound::Included(at.as_str()), Bound::Excluded(at.as_str()), Bound::Unbounded] {
            let range = (start, Bound::Unbounded);
            prop_assert!(map.range::<str, _>(range).eq(model.range::<str, _>(range)));
            map.range_mut::<str, _>(range).for_each(|(_, value)| *value = value.wrapping_add(1));
            model.range_mut::<str, _>(range).for_each(|(_, value)| *value = value.wrapping_add(1));
            prop_assert!(map.values_mut().eq(model.values_mut()));
            let range = (Bound::Unbounded, start);
            prop_assert!(map.range::<str, _>(range).eq(model.range::<str, _>(range)));
        }
        let copy: Map<String, u8> = model.clone().into_iter().collect();
        prop_assert_eq!(&copy, &map);
        prop_assert!(map.into_iter().eq(model));
    }
}
