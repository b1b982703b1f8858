//! Rounds of two gateways against each other, and what each round says of both.

use std::time::{Duration, Instant};

use super::Mode;
use crate::gateway::Gateway;
use crate::load::{Found, Load};
use crate::output;
use crate::values::Spread;

/// How every contest of one run is held.
pub(crate) struct Bench<'a> {
    /// What each gateway is loaded with, at full speed.
    pub(crate) load: Load,
    /// The cores of the load generators.
    pub(crate) cores: &'a str,
    /// How often each mode is repeated.
    pub(crate) rounds: u32,
    /// Requests per second of a paced duel.
    pub(crate) rate: u32,
}

/// What a gateway did in one round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// What its load generator found.
    pub(crate) found: Found,
    /// The CPU time that it used.
    pub(crate) cpu: Duration,
    /// How long the round took.
    pub(crate) elapsed: Duration,
}

/// A rival and a reference in one round; without a reference, in alternating mode only, the rival alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Round {
    /// The gateway in question.
    pub(crate) rival: Sample,
    /// The gateway that it is compared with.
    pub(crate) reference: Option<Sample>,
}

/// All rounds of two gateways.
#[derive(Debug)]
pub(crate) struct Contest {
    /// The name of the gateway in question.
    pub(crate) rival: String,
    /// The name of the gateway that it is compared with.
    pub(crate) reference: Option<String>,
    /// The rounds of each mode.
    pub(crate) modes: Vec<(Mode, Vec<Round>)>,
}

impl Sample {
    /// CPU microseconds per answered request.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.found.answers.max(1) as f64
    }

    /// How much of its core it used, between 0 and 1.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Round {
    /// What a request cost the rival, in units of what it cost the reference.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let reference = self.reference.as_ref()?.cost();
        (reference > 0.0).then(|| self.rival.cost() / reference)
    }
}

impl Contest {
    /// Requests without a good answer, of both gateways in all rounds.
    pub(crate) fn failures(&self) -> u64 {
        let rounds = self.modes.iter().flat_map(|(_, rounds)| rounds);
        rounds.map(|round| round.rival.found.failures + round.reference.as_ref().map_or(0, |s| s.found.failures)).sum()
    }
}

/// The spread of the ratio over rounds, if there was a reference.
pub(crate) fn ratios(rounds: &[Round]) -> Option<Spread> {
    let ratios: Option<Vec<f64>> = rounds.iter().map(Round::ratio).collect();
    ratios.filter(|ratios| !ratios.is_empty()).map(Spread::of)
}

impl Bench<'_> {
    /// Holds the rounds of all modes, after a second of warming up each gateway.
    pub(crate) async fn compare(
        &self,
        modes: &[Mode],
        rival: &Gateway,
        reference: Option<&Gateway>,
    ) -> anyhow::Result<Contest> {
        let warm_up = Load { seconds: 1, ..self.load };
        for gateway in [Some(rival), reference].into_iter().flatten() {
            let found = warm_up.send(&gateway.url, self.cores).await?;
            anyhow::ensure!(found.answers > found.failures, "{} does not answer at {}", gateway.name, gateway.url);
        }
        let mut contest = Contest {
            rival: rival.name.clone(),
            reference: reference.map(|reference| reference.name.clone()),
            modes: Vec::new(),
        };
        for mode in modes.iter().copied() {
            output::remark(&format!("{}: {} rounds of {}", rival.name, self.rounds, mode.name()));
            let mut rounds = Vec::new();
            for number in 0..self.rounds {
                rounds.push(match (mode, reference) {
                    (Mode::Duel, Some(reference)) => self.duel(self.load, rival, reference, number).await?,
                    (Mode::PacedDuel, Some(reference)) => {
                        let paced = Load { rate: Some(self.rate), ..self.load };
                        self.duel(paced, rival, reference, number).await?
                    }
                    (Mode::Duel | Mode::PacedDuel, None) => break,
                    (Mode::Alternating, reference) => self.turns(rival, reference).await?,
                });
            }
            contest.modes.push((mode, rounds));
        }
        Ok(contest)
    }

    /// Both at the same time. Who is loaded first changes with every round.
    async fn duel(&self, load: Load, rival: &Gateway, reference: &Gateway, number: u32) -> anyhow::Result<Round> {
        let rival_first = number.is_multiple_of(2);
        let (first, second) = if rival_first { (rival, reference) } else { (reference, rival) };
        let begin = Instant::now();
        let before = [first.cpu_time()?, second.cpu_time()?];
        // CPU time is counted until both loads are over: a gateway's own idle work after its load is its cost too, and
        // the two end within milliseconds of each other.
        let found = tokio::try_join!(load.send(&first.url, self.cores), load.send(&second.url, self.cores))?;
        let elapsed = begin.elapsed();
        let sample = |found, gateway: &Gateway, before| {
            let cpu = gateway.cpu_time()?.saturating_sub(before);
            anyhow::Ok(Sample { found, cpu, elapsed })
        };
        let first = sample(found.0, first, before[0])?;
        let second = sample(found.1, second, before[1])?;
        let (rival, reference) = if rival_first { (first, second) } else { (second, first) };
        Ok(Round { rival, reference: Some(reference) })
    }

    /// One after the other.
    async fn turns(&self, rival: &Gateway, reference: Option<&Gateway>) -> anyhow::Result<Round> {
        let rival = self.alone(rival).await?;
        let reference = match reference {
            Some(reference) => Some(self.alone(reference).await?),
            None => None,
        };
        Ok(Round { rival, reference })
    }

    async fn alone(&self, gateway: &Gateway) -> anyhow::Result<Sample> {
        let (begin, before) = (Instant::now(), gateway.cpu_time()?);
        let found = self.load.send(&gateway.url, self.cores).await?;
        Ok(Sample { found, cpu: gateway.cpu_time()?.saturating_sub(before), elapsed: begin.elapsed() })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sample of 1,000 requests at this cost in microseconds.
    pub(crate) fn sample(cost: u64) -> Sample {
        Sample {
            found: Found { answers: 1000, rate: 500.0, p50: 1.0, p99: 2.0, failures: 0 },
            cpu: Duration::from_micros(cost * 1000),
            elapsed: Duration::from_secs(2),
        }
    }

    #[test]
    fn ratio_is_of_cpu_time_per_request() {
        let mut round = Round { rival: sample(30), reference: Some(sample(20)) };
        assert_eq!(round.ratio(), Some(1.5));
        round.rival.found.answers = 2000;
        assert_eq!(round.ratio(), Some(0.75));
        round.reference = None;
        assert_eq!(round.ratio(), None);
        assert_eq!(ratios(&[round]), None);
        assert_eq!(ratios(&[]), None);
    }

    #[test]
    fn half_a_core_is_half_busy() {
        assert_eq!(sample(1000).busy(), 0.5);
    }
}
