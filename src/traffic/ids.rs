//! Ids of requests and of what happens on connections, in AWS's two forms.
//!
//! No two are alike, and nobody has to guess them: nothing is given to whoever knows one. So each thread makes its own with
//! a generator that is fast, and was begun by the operating system's.

use std::cell::RefCell;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use uuid::{Builder, Uuid};

use crate::model::connection::starts_like_a_flag;

thread_local! {
    static DICE: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

/// A new id in the long form.
pub fn long() -> Uuid {
    Builder::from_random_bytes(DICE.with_borrow_mut(Rng::random)).into_uuid()
}

/// A new id in the short form, before it is spelled out.
pub fn short() -> [u8; 11] {
    let mut bytes: [u8; 11] = DICE.with_borrow_mut(Rng::random);
    if starts_like_a_flag(bytes[0]) {
        bytes[0] = 0;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use uuid::Version;

    use super::*;

    const EACH: usize = 10_000;

    #[test]
    fn no_two_ids_are_alike_whichever_threads_make_them() {
        let make = || (0..EACH).map(|_| (long(), short())).collect::<Vec<_>>();
        let threads = [thread::spawn(make), thread::spawn(make)];
        let made: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("ids")).collect();
        let (long, short): (HashSet<_>, HashSet<_>) = made.iter().copied().unzip();
        assert_eq!((long.len(), short.len()), (2 * EACH, 2 * EACH));
    }

    #[test]
    fn ids_have_awss_forms() {
        for _ in 0..EACH {
            assert_eq!(long().get_version(), Some(Version::Random));
            assert!(!starts_like_a_flag(short()[0]));
        }
    }
}
