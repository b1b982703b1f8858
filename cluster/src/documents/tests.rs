//! That pages, however they come about, are one ordered map.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Builder, Cursor, Document, Documents, Found, page};

/// What is done with documents.
#[derive(Clone, Debug)]
enum Step {
    Put(String, usize),
    Remove(String),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || "[ab]/[a-d]{1,3}(/[ab]{1,2})?";
    prop_oneof![
        4 => (key(), prop_oneof![0..200_usize, 1000..9000_usize]).prop_map(|(key, size)| Step::Put(key, size)),
        1 => key().prop_map(Step::Remove),
    ]
}

/// Whether both say the same, whoever asks for what.
fn compare(documents: &Documents, model: &BTreeMap<Arc<str>, Document>) {
    let expected: Vec<Found> = model.iter().map(|(key, document)| (Arc::clone(key), document.clone())).collect();
    assert_eq!(documents.len(), model.len());
    let frozen = documents.freeze();
    assert_eq!(frozen.len(), model.len());
    assert!(frozen.eq(expected.iter().cloned()));
    for (key, document) in &expected {
        assert_eq!(documents.get(key).as_ref(), Some(document), "{key}");
        assert_eq!(documents.get(&format!("{key}/none")), None);
    }
    let newest = model.values().map(|document| document.revision).max().unwrap_or_default();
    for prefix in ["", "a", "a/", "a/a", "a/ab/", "b/", "b/d", "c", "a/a/b"] {
        let under: Vec<_> = expected.iter().filter(|(key, _)| key.starts_with(prefix)).cloned().collect();
        assert!(documents.under(prefix).eq(under.iter().cloned()), "{prefix}");
        assert_eq!(documents.count(prefix), under.len() as u64, "{prefix}");
        for since in [newest, newest.saturating_sub(3), newest / 2, 0] {
            let unchanged = under.iter().all(|(_, document)| document.revision <= since).then_some(under.len() as u64);
            assert_eq!(documents.unchanged(prefix, since), unchanged, "{prefix} since {since}");
        }
        for start in [Bound::Included(prefix), Bound::Excluded(prefix)] {
            let rest = model.range::<str, _>((start, Bound::Unbounded)).map(|(key, _)| Arc::clone(key));
            assert!(Cursor::at(documents, start).map(|(key, _)| key).eq(rest), "{start:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn pages_are_one_ordered_map(steps in proptest::collection::vec(step(), 1..300)) {
        let (mut documents, mut model) = (Documents::default(), BTreeMap::new());
        for (revision, step) in (1..).zip(steps) {
            match step {
                Step::Put(key, size) => {
                    let document = Document { revision, value: vec![revision as u8; size].into() };
                    let key: Arc<str> = key.into();
                    documents.insert(&key, document.clone());
                    model.insert(key, document);
                }
                Step::Remove(key) => {
                    let key: Arc<str> = key.into();
                    prop_assert_eq!(documents.remove(&key), model.remove(&key).is_some());
                }
            }
            if revision % 50 == 0 {
                compare(&documents, &model);
            }
        }
        compare(&documents, &model);
        for key in model.into_keys() {
            documents.remove(&key);
        }
        compare(&documents, &BTreeMap::new());
        prop_assert!(documents.pages.is_empty());
    }
}

#[test]
fn a_cursor_goes_to_and_fro() {
    let mut documents = Documents::default();
    let keys: Vec<Arc<str>> = (0..2000).map(|number| format!("key/{number:05}").into()).collect();
    for key in &keys {
        documents.insert(key, Document { revision: 1, value: vec![0; 100].into() });
    }
    assert!(documents.pages.len() > 5);
    let mut cursor = Cursor::at(&documents, Bound::Unbounded);
    for at in [0, 1999, 3, 4, 1000, 0, 500, 501] {
        cursor.seek(Bound::Included(&keys[at]));
        assert_eq!(cursor.next().map(|(key, _)| key), Some(Arc::clone(&keys[at])));
        cursor.seek(Bound::Excluded(&keys[at]));
        assert_eq!(cursor.next().map(|(key, _)| key), keys.get(at + 1).cloned());
    }
}

#[test]
fn pages_fill_up_and_small_ones_join() {
    let mut documents = Documents::default();
    let key = |number: usize| -> Arc<str> { format!("key/{number:05}").into() };
    // Not in their order, as ids come.
    for number in 0..10_000 {
        documents.insert(&key(number * 7919 % 10_000), Document { revision: 1, value: vec![0; 90].into() });
    }
    let few = 10_000 * 100 / page::SIZE;
    assert!((few / 2..few * 2).contains(&documents.pages.len()), "{}", documents.pages.len());
    for number in (0..10_000).filter(|number| number % 50 > 0) {
        documents.remove(&key(number));
    }
    assert_eq!(documents.len(), 200);
    assert!(documents.pages.len() < few / 4, "{}", documents.pages.len());
    assert!(documents.under("key/").map(|(key, _)| key).eq((0..10_000).step_by(50).map(key)));
}

#[test]
fn what_comes_in_order_is_packed_once_and_the_rest_is_there_as_well() {
    let document = |number: usize| Document { revision: 1, value: vec![number as u8; 100].into() };
    let key = |number: usize| -> Arc<str> { format!("key/{number:05}").into() };
    let numbers = (0..2000).chain([500, 3000, 2500]).chain(2600..2700);
    let (mut builder, mut model) = (Builder::default(), BTreeMap::new());
    for number in numbers {
        builder.push((key(number), document(number)));
        model.insert(key(number), document(number));
    }
    compare(&builder.finish(), &model);
}
