//! A network in one process: messages are lost, late, overtaken and doubled, and ways are cut, as a seed says.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::NodeId;
use crate::network::{Calls, Handlers, Hello, Port, SendError, To};

/// How badly messages fare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// How likely one is lost.
    pub(super) loss: f64,
    /// How likely one comes twice.
    pub(super) doubling: f64,
    /// How likely one takes up to a second.
    pub(super) lateness: f64,
}

pub(super) const FAIR: Weather = Weather { loss: 0.0, doubling: 0.0, lateness: 0.0 };

/// The network between all nodes.
#[derive(Clone)]
pub(super) struct Net {
    ways: Arc<Mutex<Ways>>,
}

struct Ways {
    random: StdRng,
    weather: Weather,
    /// Who answers at an address.
    answering: HashMap<SocketAddr, Answering>,
    /// Ways that are cut, each in one direction.
    cut: HashSet<(SocketAddr, SocketAddr)>,
    /// Counts the uses of addresses; the calls of a use that is over go nowhere.
    uses: HashMap<SocketAddr, u64>,
}

#[derive(Clone)]
struct Answering {
    hello: Arc<Mutex<Hello>>,
    handlers: Arc<Handlers>,
}

/// What becomes of a message.
enum Fate {
    Arrives(Duration),
    ArrivesTwice(Duration, Duration),
    Lost,
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        let ways = Ways {
            random: StdRng::seed_from_u64(seed),
            weather: FAIR,
            answering: HashMap::new(),
            cut: HashSet::new(),
            uses: HashMap::new(),
        };
        Self { ways: Arc::new(Mutex::new(ways)) }
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.ways.lock().weather = weather;
    }

    /// Cuts the way from one address to another; not the way back.
    pub(super) fn cut(&self, from: SocketAddr, to: SocketAddr) {
        self.ways.lock().cut.insert((from, to));
    }

    pub(super) fn heal(&self) {
        let mut ways = self.ways.lock();
        ways.cut.clear();
        ways.weather = FAIR;
    }

    /// A port at an address; what used the address until now is cut off for good.
    pub(super) fn port(&self, address: SocketAddr) -> Arc<dyn Port> {
        Arc::new(SimulatedPort { net: self.clone(), address, using: self.unplug(address) })
    }

    /// Nobody answers at an address any more, nor calls from there.
    pub(super) fn unplug(&self, address: SocketAddr) -> u64 {
        let mut ways = self.ways.lock();
        ways.answering.remove(&address);
        let using = ways.uses.entry(address).or_default();
        *using += 1;
        *using
    }

    fn fate(&self, from: SocketAddr, to: SocketAddr) -> Fate {
        let mut ways = self.ways.lock();
        if ways.cut.contains(&(from, to)) {
            return Fate::Lost;
        }
        let Weather { loss, doubling, lateness } = ways.weather;
        let random = &mut ways.random;
        if random.random_bool(loss) {
            return Fate::Lost;
        }
        let doubled = random.random_bool(doubling);
        let mut delay = || {
            let most = if random.random_bool(lateness) { 1_000_000 } else { 3_000 };
            Duration::from_micros(random.random_range(100..most))
        };
        let first = delay();
        if doubled { Fate::ArrivesTwice(first, delay()) } else { Fate::Arrives(first) }
    }

    fn is_answered(&self, address: SocketAddr) -> bool {
        self.ways.lock().answering.contains_key(&address)
    }

    fn node_at(&self, address: SocketAddr) -> Option<NodeId> {
        let ways = self.ways.lock();
        let node = ways.answering.get(&address)?.hello.lock().node;
        Some(node)
    }

    fn is_used(&self, address: SocketAddr, using: u64) -> bool {
        self.ways.lock().uses.get(&address) == Some(&using)
    }
}

struct SimulatedPort {
    net: Net,
    address: SocketAddr,
    using: u64,
}

impl Port for SimulatedPort {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(&self, hello: Arc<Mutex<Hello>>, handlers: Arc<Handlers>) {
        if self.net.is_used(self.address, self.using) {
            self.net.ways.lock().answering.insert(self.address, Answering { hello, handlers });
        }
    }

    fn calls(&self, hello: Hello) -> Arc<dyn Calls> {
        let calls =
            SimulatedCalls { net: self.net.clone(), from: self.address, using: self.using, hello: Mutex::new(hello) };
        Arc::new(calls)
    }
}

struct SimulatedCalls {
    net: Net,
    from: SocketAddr,
    using: u64,
    hello: Mutex<Hello>,
}

impl Calls for SimulatedCalls {
    fn call<'a>(
        &'a self,
        to: To<'a>,
        name: &'static str,
        payload: Vec<u8>,
        within: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, SendError>> {
        let call = self.carry(to, name, payload);
        async move {
            let carried = tokio::time::timeout(within, call).await;
            carried.unwrap_or_else(|_| Err(SendError::Timeout(to.address().to_owned())))
        }
        .boxed()
    }

    fn introduce(&self, hello: Hello) {
        *self.hello.lock() = hello;
    }
}

impl SimulatedCalls {
    /// There and back. What is lost is waited for in vain.
    async fn carry(&self, meant: To<'_>, name: &'static str, payload: Vec<u8>) -> Result<Vec<u8>, SendError> {
        let unreachable =
            |kind: io::ErrorKind| SendError::Unreachable { address: meant.address().to_owned(), source: kind.into() };
        let to: SocketAddr = meant.address().parse().map_err(|_| unreachable(io::ErrorKind::InvalidInput))?;
        let (delay, doubled) = match self.net.fate(self.from, to) {
            Fate::Arrives(delay) => (delay, None),
            Fate::ArrivesTwice(delay, again) => (delay, Some(again)),
            Fate::Lost => return std::future::pending().await,
        };
        let caller = self.hello.lock().clone();
        tokio::time::sleep(delay).await;
        if !self.net.is_used(self.from, self.using) {
            return std::future::pending().await;
        }
        if !self.net.is_answered(to) {
            // Nobody there: the other machine says so.
            return Err(unreachable(io::ErrorKind::ConnectionRefused));
        }
        if self.net.node_at(to).is_some_and(|node| !meant.is_for(node)) {
            return Err(unreachable(io::ErrorKind::PermissionDenied));
        }
        if let Some(again) = doubled {
            let (net, caller, payload) = (self.net.clone(), caller.clone(), payload.clone());
            let (from, using) = (self.from, self.using);
            tokio::spawn(async move {
                tokio::time::sleep(again).await;
                if net.is_used(from, using) {
                    let _ = net.answer(to, &caller, name, &payload).await;
                }
            });
        }
        // It may have gone in this moment.
        let answer = match self.net.answer(to, &caller, name, &payload).await {
            Some(answer) => answer,
            None => return Err(unreachable(io::ErrorKind::ConnectionRefused)),
        };
        match self.net.fate(to, self.from) {
            Fate::Arrives(delay) | Fate::ArrivesTwice(delay, _) => tokio::time::sleep(delay).await,
            Fate::Lost => return std::future::pending().await,
        }
        if !self.net.is_used(self.from, self.using) {
            return std::future::pending().await;
        }
        answer.map_err(SendError::Failed)
    }
}

impl Net {
    /// What is answered at an address; `None` if nobody is there.
    async fn answer(
        &self,
        to: SocketAddr,
        caller: &Hello,
        name: &str,
        payload: &[u8],
    ) -> Option<Result<Vec<u8>, String>> {
        let answering = self.ways.lock().answering.get(&to).cloned()?;
        let mine = answering.hello.lock().cluster;
        if caller.cluster.is_some() && mine.is_some() && caller.cluster != mine {
            return None;
        }
        let answer = answering.handlers.answer(caller.node, name, payload).await;
        // Who was unplugged meanwhile does not answer.
        let still =
            self.ways.lock().answering.get(&to).is_some_and(|now| Arc::ptr_eq(&now.handlers, &answering.handlers));
        if still { Some(answer) } else { std::future::pending().await }
    }
}
