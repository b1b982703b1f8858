//! The Lambda that is built in: functions run as processes of this machine, through the public Lambda Runtime API.
//!
//! [`Functions::invoke`] is the whole of it for others. A call is resolved to a version (`resolve`), takes an environment
//! that waits or has one made (`pool`), and that one's task (`environment`) hands the event to its process over the
//! Runtime API (`desk`) and brings the answer back. A process is started by a keeper (`keeper`), a process of this binary,
//! which sets its limits and ends all that it has started.
//!
//! # What isolation there is
//!
//! A function's process has limits on memory, open files, the size of files, processes and time; an environment with
//! nothing of the node's in it; a directory of its own; and, where that is set and the node runs as root, a user of its
//! own. It has no network, file system or kernel of its own: a function sees what its user sees on this machine. Without a
//! user of its own it can read what the node can read, its data directory and its environment among that, and functions
//! are not kept from each other. Run only functions that you would run on that machine by hand.

pub mod archive;
mod code;
mod counts;
mod desk;
mod environment;
mod error;
mod faults;
mod figures;
#[cfg(test)]
mod fuzz;
mod invocation;
pub mod keeper;
mod log;
mod payload;
mod plan;
mod policy;
mod pool;
mod process;
mod queue;
mod reference;
mod report;
mod resolve;
mod runtimes;
mod settings;
mod upkeep;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;
use uuid::Uuid;

pub use error::InvokeError;
pub use invocation::{Caller, Invocation, InvocationKind, Invoked};
pub use log::Line;
pub use payload::MAX_EVENT;
pub use plan::RESERVED;
pub use reference::{Home, Reference};
pub use runtimes::ALL as RUNTIMES;
pub use settings::{NoUser, Settings, User};

use crate::catalog::{Catalog, keys};
use crate::model::function::FunctionName;
use crate::model::rest::Strings;
use crate::observe::clock::Clock;
use code::Packages;
use environment::{Environment, Job};
use log::Logs;
use plan::Plan;
use pool::Pool;
use queue::Queue;
use resolve::Target;
use runtimes::Runtimes;

/// Threads that look after processes.
const THREADS: usize = 2;
/// Processes have so long to end with the node.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at whether they have.
const PAUSE: Duration = Duration::from_millis(10);

/// The functions of a node. Cheap to clone, and to be used from any thread and runtime.
#[derive(Clone)]
pub struct Functions {
    inner: Arc<Inner>,
    threads: Handle,
    /// Taken when the node stops.
    runtime: Arc<Mutex<Option<Runtime>>>,
}

/// What calls work with.
struct Inner {
    catalog: Catalog,
    clock: Clock,
    home: Home,
    settings: Settings,
    packages: Packages,
    runtimes: Runtimes,
    logs: Logs,
    pool: Arc<Pool>,
    queue: Queue,
    /// Keeps other nodes out of the directory.
    _lock: File,
}

/// Functions could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("can't set up functions in {directory}")]
pub struct StartError {
    directory: String,
    #[source]
    source: std::io::Error,
}

impl Functions {
    /// Sets functions up on a node.
    pub fn start(catalog: Catalog, clock: Clock, home: Home, settings: Settings) -> Result<Self, StartError> {
        let set_up = || {
            // Programs are told where things are, and run elsewhere.
            std::fs::create_dir_all(&settings.directory)?;
            let directory = settings.directory.canonicalize()?;
            if let Some(user) = settings.user {
                check_user(user, &directory)?;
            }
            let lock = File::create(directory.join("lock"))?;
            lock.try_lock().map_err(|_| std::io::Error::other("another node's functions work in it"))?;
            empty(&directory.join("run"))?;
            let packages = Packages::new(catalog.clone(), directory.join("code"))?;
            let runtimes = Runtimes::prepare(&directory.join("runtime"))?;
            let threads =
                Builder::new_multi_thread().worker_threads(THREADS).thread_name("functions").enable_all().build()?;
            let settings = Settings { directory, ..settings.clone() };
            let logs = Logs::new(clock.clone());
            let (pool, queue) = (Pool::new(settings.processes), Queue::new());
            let inner = Inner { catalog, clock, home, settings, packages, runtimes, logs, pool, queue, _lock: lock };
            Ok((Arc::new(inner), threads))
        };
        let told = settings.directory.display().to_string();
        let (inner, runtime) = set_up().map_err(|source| StartError { directory: told, source })?;
        runtime.spawn(upkeep::run(Arc::clone(&inner)));
        Ok(Self { inner, threads: runtime.handle().clone(), runtime: Arc::new(Mutex::new(Some(runtime))) })
    }

    /// Calls a function. A caller that goes away meanwhile ends nothing: the function goes on.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Invoked, InvokeError> {
        let inner = Arc::clone(&self.inner);
        let called = self.threads.spawn(async move { inner.invoke(invocation).await });
        called.await.unwrap_or_else(|_| Err(InvokeError::service("The node is ending.")))
    }

    /// The lines of a function that this node has kept, the latest last.
    pub fn log(&self, name: &FunctionName) -> Vec<Line> {
        self.inner.logs.of(name)
    }

    /// Whose functions these are.
    pub fn home(&self) -> &Home {
        &self.inner.home
    }

    /// The most processes that this node has, which is also the most calls at once.
    pub fn processes(&self) -> usize {
        self.inner.settings.processes
    }

    /// Ends all processes.
    pub async fn stop(&self) {
        let Some(runtime) = self.runtime.lock().take() else { return };
        let held = self.inner.queue.held();
        if held > 0 {
            tracing::warn!("{held} KiB of events were not carried out, and are lost");
        }
        self.inner.pool.clear();
        let deadline = Instant::now() + END_WITHIN;
        while self.inner.pool.processes() > 0 && Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
            self.inner.pool.clear();
        }
        // Those that are still busy end with their leashes.
        runtime.shutdown_background();
    }
}

impl Inner {
    async fn invoke(self: &Arc<Self>, invocation: Invocation) -> Result<Invoked, InvokeError> {
        let target = match self.resolve(&invocation) {
            // Perhaps it was made a moment ago, by another node.
            Err(error) if error.status == 404 => {
                self.catalog.fresh().await?;
                self.resolve(&invocation)?
            }
            resolved => resolved?,
        };
        let event = payload::check(invocation.payload.clone(), invocation.kind)?;
        let request = Uuid::new_v4().to_string();
        let accepted = |status| Invoked {
            status,
            function_error: None,
            payload: Bytes::new(),
            executed_version: target.version.label(),
            log_tail: Bytes::new(),
        };
        match invocation.kind {
            InvocationKind::DryRun => Ok(accepted(204)),
            InvocationKind::Event => {
                self.queue.accept(self, Invocation { payload: Bytes::new(), ..invocation }, request, event)?;
                Ok(accepted(202))
            }
            InvocationKind::RequestResponse => self.run(&target, &request, event, invocation.trace).await,
        }
    }

    /// Carries a call out, in an environment that waits or a new one.
    async fn run(
        &self,
        target: &Target,
        request: &str,
        event: Bytes,
        trace: Option<String>,
    ) -> Result<Invoked, InvokeError> {
        let throttled = |_: &InvokeError| counts::throttled(&target.name);
        let _turn = self.pool.enter(&target.name, target.reserved).inspect_err(throttled)?;
        let key = target.key();
        // It goes into a header of the Runtime API.
        let trace = trace.filter(|trace| trace.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        let trace = trace.unwrap_or_else(|| self.new_trace());
        loop {
            let (environment, is_new) = match self.pool.idle(&key) {
                Some(environment) => (environment, false),
                None => (self.environment(target).await?, true),
            };
            let began = Instant::now();
            let job = Job {
                request: request.to_owned(),
                event: event.clone(),
                arn: target.arn.clone(),
                trace: trace.clone(),
            };
            let Some(done) = environment.carry_out(job).await else {
                // One that waited may have ended meanwhile; then the call was not taken.
                if is_new {
                    return Err(InvokeError::service("The function's process ended before it took the call."));
                }
                continue;
            };
            counts::called(&target.name, began.elapsed(), done.outcome.is_err());
            if done.well && self.is_current(&key) {
                self.pool.put(key, environment);
            }
            let function_error = done.outcome.is_err().then(|| "Unhandled".to_owned());
            return Ok(Invoked {
                status: 200,
                function_error,
                payload: done.outcome.unwrap_or_else(|error| error),
                executed_version: target.version.label(),
                log_tail: done.tail,
            });
        }
    }

    /// Makes an environment.
    async fn environment(&self, target: &Target) -> Result<Environment, InvokeError> {
        let seat = self.pool.seat().inspect_err(|_| counts::throttled(&target.name))?;
        let launch = self.runtimes.find(&target.version.runtime).await.map_err(InvokeError::runtime)?;
        let package = self.packages.get(&target.version.code.sha256).await?;
        let plan = Plan {
            name: target.name.clone(),
            label: target.version.label(),
            version: target.version.clone(),
            launch,
            package,
            runtimes: self.runtimes.directory().to_owned(),
            run: self.settings.directory.join("run"),
            user: self.settings.user,
            region: self.home.region.clone(),
            own: self.variables(target)?,
            logs: self.logs.clone(),
            clock: self.clock.clone(),
        };
        let counted = self.pool.running(&target.version.code.sha256);
        Ok(Environment::begin(Arc::new(plan), seat, counted))
    }

    /// The variables that a version was given.
    fn variables(&self, target: &Target) -> Result<Strings, InvokeError> {
        if target.version.environment.is_none() {
            return Ok(Strings::new());
        }
        let key = keys::function_environment(&target.name, &target.version.label());
        let sealed = self.catalog.read(|documents| documents.get(&key))?;
        let opened = sealed.and_then(|sealed| self.catalog.unseal(&sealed.value));
        let read = opened.and_then(|text| serde_json::from_slice(&text).ok());
        read.ok_or_else(|| {
            InvokeError::service(
                "The function's environment variables can't be opened: they were sealed with another cluster's secret. \
                 Set them again.",
            )
        })
    }

    /// The trace of a call that belongs to none.
    fn new_trace(&self) -> String {
        let (root, parent) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
        format!("Root=1-{:08x}-{};Parent={};Sampled=0", self.clock.seconds(), &root[..24], &parent[..16])
    }
}

/// Whether functions can run as a user of their own.
fn check_user(user: User, directory: &Path) -> std::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(std::io::Error::other("only a node that is root can run functions as another user"));
    }
    match user.kept_out_by(directory)? {
        Some(place) => {
            let place = place.display();
            let why = format!("the functions' user may not enter {place}; choose another directory, or chmod o+x it");
            Err(std::io::Error::other(why))
        }
        None => Ok(()),
    }
}

/// A directory with nothing in it.
fn empty(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(directory),
    }
}
