//! An execution environment: one process of one version of a function, which takes one call at a time.
//!
//! Each is a task that owns its process, its desk and its log; whoever has the handle gives it calls, and lets it end by
//! dropping the handle.

use std::future;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::desk::{Desk, Handed, Said};
use super::faults::Fault;
use super::log::Writer;
use super::plan::Plan;
use super::pool::{self, Seat};
use super::process::Process;
use super::report::{self, Report};
use super::{counts, faults};

/// A process has so long until it asks for its first event: AWS's limit.
const INIT_WITHIN: Duration = Duration::from_secs(10);
/// What a process that is busy uses is looked at so often,
const LOOK_BUSY: Duration = Duration::from_millis(100);
/// and so often while it waits.
const LOOK_IDLE: Duration = Duration::from_secs(2);
/// Processes and threads that an environment may have: AWS's limit.
const MAX_TASKS: usize = 1024;

/// A call for an environment.
pub(super) struct Job {
    pub(super) request: String,
    pub(super) event: Bytes,
    pub(super) arn: String,
    pub(super) trace: String,
}

/// What became of a call.
pub(super) struct Done {
    /// The answer, or the error that the caller gets in its place.
    pub(super) outcome: Result<Bytes, Bytes>,
    /// The last of the log.
    pub(super) tail: Bytes,
    /// Whether the environment takes further calls.
    pub(super) well: bool,
}

type Call = (Job, oneshot::Sender<Done>);

/// The handle of an environment. When it is dropped, its place is free, and its process ends.
pub(super) struct Environment {
    calls: mpsc::Sender<Call>,
    _seat: Seat,
}

impl Environment {
    /// Begins an environment; its process starts with its first call.
    pub(super) fn begin(plan: Arc<Plan>, seat: Seat, counted: pool::Running) -> Self {
        let (send, calls) = mpsc::channel(1);
        tokio::spawn(run(plan, calls, counted));
        Self { calls: send, _seat: seat }
    }

    /// Has a call carried out; nothing, if the environment ended before it took it.
    pub(super) async fn carry_out(&self, job: Job) -> Option<Done> {
        let (done, wait) = oneshot::channel();
        self.calls.send((job, done)).await.ok()?;
        wait.await.ok()
    }

    /// Whether it has ended by itself.
    pub(super) fn is_over(&self) -> bool {
        self.calls.is_closed()
    }
}

async fn run(plan: Arc<Plan>, mut calls: mpsc::Receiver<Call>, counted: pool::Running) {
    let Some((job, done)) = calls.recv().await else { return };
    let mut running = match Running::begin(&plan).await {
        Ok(running) => running,
        Err(error) => {
            tracing::error!(function = %plan.name, %error, "the process of a function can't be started");
            let outcome = Err(faults::invalid_entrypoint(&job.request, &error.to_string()));
            let _ = done.send(Done { outcome, tail: Bytes::new(), well: false });
            return;
        }
    };
    let mut next = Some((job, done));
    let mut init = None;
    let mut fresh = true;
    while let Some((job, done)) = next.take() {
        let began = Instant::now();
        let ready = if fresh { running.init(&plan, &job.request).await } else { Ok(()) };
        if fresh {
            fresh = false;
            init = Some(began.elapsed());
            counts::started(&plan.name, began.elapsed());
        }
        let ended = match ready {
            Ok(()) => running.call(&plan, &job).await,
            Err(fault) => {
                running.log.say(report::start(&job.request, &plan.label));
                Some((Err(fault), init.unwrap_or_default()))
            }
        };
        // Without an answer the call was not taken: whoever waits gives it to another environment.
        let Some((outcome, took)) = ended else { break };
        let well = running.conclude(&plan, &job.request, &outcome, took, init.take());
        let outcome = outcome.map_err(|fault| fault.payload);
        let _ = done.send(Done { outcome, tail: running.log.tail(), well });
        next = if well { running.idle(&mut calls).await } else { None };
    }
    // From now on nobody gives it calls.
    drop(calls);
    running.process.end().await;
    plan.remove_directory(&running.directory);
    drop(counted);
}

/// What an environment's task waits for.
enum Event {
    Said(Said),
    Ended(Option<ExitStatus>),
    OutOfTime,
    OverLimit,
}

/// An environment whose process runs.
struct Running {
    process: Process,
    desk: Desk,
    log: Writer,
    directory: std::path::PathBuf,
    look: Interval,
}

impl Running {
    async fn begin(plan: &Plan) -> std::io::Result<Self> {
        plan.check()?;
        let desk = Desk::open().await?;
        let (stream, directory) = plan.make_directory()?;
        let mut log = Writer::new(plan.logs.clone(), plan.name.clone(), stream.clone());
        log.begin_tail();
        if let Some(line) = plan.init_start() {
            log.say(line);
        }
        let process = Process::start(&plan.order(&directory), &plan.variables(&desk.address, &stream, &directory))?;
        Ok(Self { process, desk, log, directory, look: interval(LOOK_BUSY) })
    }

    /// Waits until the process asks for its first event. One that takes too long is started once more, within the time
    /// that the call has, as AWS does it.
    async fn init(&mut self, plan: &Plan, request: &str) -> Result<(), Fault> {
        let mut limit = INIT_WITHIN;
        loop {
            let deadline = Instant::now() + limit;
            let fault = match self.next(Some(deadline), plan.memory()).await {
                Event::Said(Said::Ready) => return Ok(()),
                Event::Said(Said::InitFailed(payload)) => Fault::reported(payload, None, false),
                Event::Said(_) => continue,
                Event::Ended(status) => Fault::exit(request, status, false),
                Event::OverLimit => Fault::exit(request, None, true),
                Event::OutOfTime if limit == INIT_WITHIN => {
                    let millis = INIT_WITHIN.as_secs_f64() * 1000.0;
                    self.log.say(format!("INIT_REPORT Init Duration: {millis:.2} ms\tPhase: init\tStatus: timeout"));
                    limit = plan.timeout();
                    match Self::begin(plan).await {
                        Ok(again) => {
                            let before = std::mem::replace(self, again);
                            before.process.end().await;
                            plan.remove_directory(&before.directory);
                            continue;
                        }
                        Err(_) => Fault::timeout(request, plan),
                    }
                }
                Event::OutOfTime => Fault::timeout(request, plan),
            };
            return Err(fault);
        }
    }

    /// Has the process carry out a call; nothing, if it ended before it took the event.
    async fn call(&mut self, plan: &Plan, job: &Job) -> Option<(Result<Bytes, Fault>, Duration)> {
        self.look = interval(LOOK_BUSY);
        self.log.say(report::start(&job.request, &plan.label));
        let began = Instant::now();
        self.desk
            .hand(Handed {
                request: job.request.clone(),
                event: job.event.clone(),
                deadline_ms: plan.deadline_ms(),
                arn: job.arn.clone(),
                trace: job.trace.clone(),
            })
            .await;
        let deadline = began + plan.timeout();
        let outcome = loop {
            break match self.next(Some(deadline), plan.memory()).await {
                Event::Said(Said::Ready) => continue,
                Event::Said(Said::Answer(answer)) => Ok(answer),
                Event::Said(Said::Failed(payload, kind)) => Err(Fault::reported(payload, kind, true)),
                Event::Said(Said::InitFailed(payload)) => Err(Fault::reported(payload, None, false)),
                Event::Said(Said::TooLarge) => Err(Fault::too_large()),
                Event::Ended(_) if !self.desk.was_taken() => return None,
                Event::Ended(status) => Err(Fault::exit(&job.request, status, false)),
                Event::OverLimit => Err(Fault::exit(&job.request, None, true)),
                Event::OutOfTime => Err(Fault::timeout(&job.request, plan)),
            };
        };
        Some((outcome, began.elapsed().min(plan.timeout())))
    }

    /// Writes the end of a call into the log; says whether the process goes on.
    fn conclude(
        &mut self,
        plan: &Plan,
        request: &str,
        outcome: &Result<Bytes, Fault>,
        took: Duration,
        init: Option<Duration>,
    ) -> bool {
        // What was printed before the answer is in the pipe by now.
        let log = &mut self.log;
        self.process.print_rest(|printed| log.print(printed));
        let fault = outcome.as_ref().err();
        if let Some(line) = fault.and_then(|fault| fault.line.as_deref()) {
            for line in line.lines() {
                log.say(line.to_owned());
            }
        }
        log.say(report::end(request));
        let status = fault.map(|fault| (fault.status, Some(fault.kind.as_str()).filter(|_| fault.status == "error")));
        let report = Report { request, took, memory: plan.memory_mb(), used: self.process.peak(), init, status };
        log.say(report.line());
        fault.is_none_or(|fault| fault.well)
    }

    /// Waits for the next call; nothing, when there is none to come or the process has ended.
    async fn idle(&mut self, calls: &mut mpsc::Receiver<Call>) -> Option<Call> {
        self.look = interval(LOOK_IDLE);
        loop {
            tokio::select! {
                call = calls.recv() => {
                    self.log.begin_tail();
                    return call;
                }
                event = self.next(None, u64::MAX) => match event {
                    Event::Said(Said::Ready) => {}
                    Event::Said(_) | Event::Ended(_) | Event::OutOfTime | Event::OverLimit => return None,
                },
            }
        }
    }

    /// Waits for what happens next; what is printed meanwhile goes to the log. May be dropped at any time.
    async fn next(&mut self, deadline: Option<Instant>, memory: u64) -> Event {
        let Self { process, desk, log, look, .. } = self;
        loop {
            let (child, mut printing) = process.parts();
            let out_of_time = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                biased;
                said = desk.said() => return Event::Said(said),
                () = out_of_time => return Event::OutOfTime,
                _ = look.tick() => {
                    let used = process.usage();
                    if used.memory > memory || used.tasks > MAX_TASKS {
                        return Event::OverLimit;
                    }
                }
                printed = printing.next() => log.print(printed),
                status = Process::ended(child) => return Event::Ended(status.ok()),
            }
        }
    }
}

fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
