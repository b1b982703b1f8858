//! What is counted of one usage plan; what it is called is in `metrics`.

use metrics::{Counter, counter, gauge};

use super::metrics::{LEASES, PLAN_REQUESTS, PLANS_CUT_OFF, QUOTA_CROSSED, QUOTA_STRANDED, QUOTA_WAITS};

/// The counters of one usage plan.
pub struct PlanMetrics {
    plan: String,
    allowed: Counter,
    throttled: Counter,
    refused: Counter,
    undecided: Counter,
    leases: Counter,
    waits: Counter,
    stranded: Counter,
}

impl PlanMetrics {
    /// Those of the plan with this id.
    pub fn new(plan: &str) -> Self {
        let of = |outcome: &'static str| counter!(PLAN_REQUESTS.name, "plan" => plan.to_owned(), "outcome" => outcome);
        Self {
            plan: plan.to_owned(),
            allowed: of("allowed"),
            throttled: of("throttled"),
            refused: of("refused"),
            undecided: of("undecided"),
            leases: counter!(LEASES.name, "plan" => plan.to_owned()),
            waits: counter!(QUOTA_WAITS.name, "plan" => plan.to_owned()),
            stranded: counter!(QUOTA_STRANDED.name, "plan" => plan.to_owned()),
        }
    }

    /// A request was let through.
    pub fn allowed(&self) {
        self.allowed.increment(1);
    }

    /// A request was too fast.
    pub fn throttled(&self) {
        self.throttled.increment(1);
    }

    /// A request's quota was used up.
    pub fn refused(&self) {
        self.refused.increment(1);
    }

    /// Nobody could say in time whether a request's quota was used up.
    pub fn undecided(&self) {
        self.undecided.increment(1);
    }

    /// A lease was taken.
    pub fn leased(&self) {
        self.leases.increment(1);
    }

    /// A request had to wait.
    pub fn waited(&self) {
        self.waits.increment(1);
    }

    /// So many tokens were lost by a crash, at the most.
    pub fn stranded(&self, tokens: u64) {
        self.stranded.increment(tokens);
    }

    /// A key has used so much of its quota, in percent.
    pub fn crossed(&self, percent: u64) {
        counter!(QUOTA_CROSSED.name, "plan" => self.plan.clone(), "percent" => percent.to_string()).increment(1);
    }
}

/// A plan among those of which no leases can be had, as long as that is so and the plan is there.
#[derive(Default)]
pub struct CutOff {
    is_counted: bool,
}

impl CutOff {
    /// Whether leases could not be had when that was last said.
    pub fn is_set(&self) -> bool {
        self.is_counted
    }

    /// Whether leases can't be had now.
    pub fn set(&mut self, is_cut_off: bool) {
        match (self.is_counted, is_cut_off) {
            (false, true) => gauge!(PLANS_CUT_OFF.name).increment(1),
            (true, false) => gauge!(PLANS_CUT_OFF.name).decrement(1),
            (false, false) | (true, true) => {}
        }
        self.is_counted = is_cut_off;
    }
}

impl Drop for CutOff {
    fn drop(&mut self) {
        self.set(false);
    }
}
