//! The runtime that openraft runs on: tokio's, and dice that tests can load.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use openraft::{AsyncRuntime, OptionalSend, TokioInstant, TokioRuntime};
use rand::RngCore;
use rand::rngs::StdRng;

/// tokio, with [`Dice`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Runtime;

/// What elections are timed by: the thread's generator, or one that a test has seeded.
pub(crate) struct Dice;

thread_local! {
    static LOADED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

impl Dice {
    /// Has everything on this thread follow from a seed.
    #[cfg(test)]
    pub(crate) fn load(seed: u64) {
        LOADED.with_borrow_mut(|loaded| *loaded = Some(<StdRng as rand::SeedableRng>::seed_from_u64(seed)));
    }

    fn throw<T>(with: impl FnOnce(&mut dyn RngCore) -> T) -> T {
        LOADED.with_borrow_mut(|loaded| match loaded {
            Some(loaded) => with(loaded),
            None => with(&mut rand::rng()),
        })
    }
}

impl rand_for_openraft::RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        Self::throw(|dice| dice.next_u32())
    }

    fn next_u64(&mut self) -> u64 {
        Self::throw(|dice| dice.next_u64())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        Self::throw(|dice| dice.fill_bytes(bytes));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_for_openraft::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl AsyncRuntime for Runtime {
    type JoinError = tokio::task::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;
    type Instant = TokioInstant;
    type TimeoutError = tokio::time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = tokio::time::Timeout<T>;
    type ThreadLocalRng = Dice;
    type OneshotSender<T: OptionalSend> = <TokioRuntime as AsyncRuntime>::OneshotSender<T>;
    type OneshotReceiver<T: OptionalSend> = tokio::sync::oneshot::Receiver<T>;
    type OneshotReceiverError = tokio::sync::oneshot::error::RecvError;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(join_error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        Dice
    }

    fn oneshot<T>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>)
    where
        T: OptionalSend,
    {
        TokioRuntime::oneshot()
    }
}
