//! What contests found, as tables and as JSON.

use serde_json::{Value, json};

use super::Mode;
use super::contest::{Bench, Contest, Round, Sample, ratios};
use crate::system;
use crate::table;
use crate::values::{Spread, round};

/// Two tables in Markdown: ratios first, then what each gateway did; each figure is the median of its rounds.
pub(crate) fn table(bench: &Bench<'_>, contests: &[Contest]) -> String {
    let mut costs = Vec::new();
    let mut figures = Vec::new();
    for contest in contests {
        for (mode, rounds) in &contest.modes {
            let name = describe(*mode, bench);
            if let (Some(reference), Some(ratio)) = (&contest.reference, ratios(rounds)) {
                costs.push(vec![
                    format!("{} / {reference}", contest.rival),
                    name.clone(),
                    format!("{:.2}", ratio.median),
                    format!("{:.2} to {:.2}", ratio.min, ratio.max),
                    rounds.len().to_string(),
                ]);
            }
            for (gateway, samples) in sides(contest, rounds) {
                let figure = |of: fn(&Sample) -> f64| Spread::of(samples.iter().map(|sample| of(sample))).median;
                figures.push(vec![
                    gateway.to_owned(),
                    name.clone(),
                    format!("{:.1}", figure(Sample::cost)),
                    format!("{:.0}", figure(|sample| sample.found.rate)),
                    format!("{:.2}", figure(|sample| sample.found.p50)),
                    format!("{:.2}", figure(|sample| sample.found.p99)),
                    format!("{:.0} %", figure(Sample::busy) * 100.0),
                    samples.iter().map(|sample| sample.found.failures).sum::<u64>().to_string(),
                ]);
            }
        }
    }
    format!(
        "{} connections, {} rounds of {} s; {}\n\n{}\n{}",
        bench.load.connections,
        bench.rounds,
        bench.load.seconds,
        system::machine(),
        table::render(&["CPU time per request", "mode", "ratio", "rounds from", "rounds"], &costs),
        table::render(
            &["gateway", "mode", "CPU µs/request", "requests/s", "p50 ms", "p99 ms", "of its core", "failures"],
            &figures
        ),
    )
}

/// Everything, round by round.
pub(crate) fn json(bench: &Bench<'_>, contests: &[Contest]) -> Value {
    let mode = |contest: &Contest, (mode, rounds): &(Mode, Vec<Round>)| {
        let sides = sides(contest, rounds).into_iter().map(|(name, samples)| {
            json!({ "gateway": name, "rounds": samples.into_iter().map(document).collect::<Vec<_>>() })
        });
        json!({
            "mode": mode.name(),
            "rate": matches!(mode, Mode::PacedDuel).then_some(bench.rate),
            "ratio": ratios(rounds).map(Spread::to_json),
            "ratios": rounds.iter().filter_map(Round::ratio).map(round).collect::<Vec<_>>(),
            "sides": sides.collect::<Vec<_>>(),
        })
    };
    json!({
        "machine": system::machine(),
        "connections": bench.load.connections,
        "seconds": bench.load.seconds,
        "rounds": bench.rounds,
        "contests": contests.iter().map(|contest| json!({
            "rival": contest.rival,
            "reference": contest.reference,
            "modes": contest.modes.iter().map(|rounds| mode(contest, rounds)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

impl Mode {
    /// What reports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Duel => "duel",
            Mode::PacedDuel => "paced duel",
            Mode::Alternating => "alternating",
        }
    }
}

fn describe(mode: Mode, bench: &Bench<'_>) -> String {
    match mode {
        Mode::PacedDuel => format!("{}, {}/s each", mode.name(), bench.rate),
        Mode::Duel | Mode::Alternating => mode.name().to_owned(),
    }
}

/// The samples of each gateway of a contest, rival first.
fn sides<'a>(contest: &'a Contest, rounds: &'a [Round]) -> Vec<(&'a str, Vec<&'a Sample>)> {
    let rival = (contest.rival.as_str(), rounds.iter().map(|round| &round.rival).collect());
    let reference = contest.reference.as_deref();
    let reference = reference.map(|name| (name, rounds.iter().filter_map(|round| round.reference.as_ref()).collect()));
    let sides = [Some(rival), reference].into_iter().flatten();
    sides.filter(|(_, samples): &(&str, Vec<&Sample>)| !samples.is_empty()).collect()
}

fn document(sample: &Sample) -> Value {
    json!({
        "cpu_us_per_request": round(sample.cost()),
        "cpu_seconds": round(sample.cpu.as_secs_f64()),
        "answers": sample.found.answers,
        "failures": sample.found.failures,
        "answers_per_second": sample.found.rate,
        "p50_ms": sample.found.p50,
        "p99_ms": sample.found.p99,
        "core_share": round(sample.busy()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::contest::tests::sample;
    use super::*;
    use crate::load::Load;

    fn bench() -> Bench<'static> {
        Bench { load: Load { connections: 64, seconds: 2, rate: None }, cores: "1", rounds: 1, rate: 5000 }
    }

    fn contest(mode: Mode, reference: Option<Sample>) -> Contest {
        Contest {
            rival: "turnpike".into(),
            reference: reference.as_ref().map(|_| "nginx".into()),
            modes: vec![(mode, vec![Round { rival: sample(30), reference }])],
        }
    }

    #[test]
    fn both_gateways_and_their_ratio_are_shown() {
        let text = table(&bench(), &[contest(Mode::PacedDuel, Some(sample(20)))]);
        assert!(
            text.contains("| turnpike / nginx     | paced duel, 5000/s each | 1.50  | 1.50 to 1.50 | 1      |"),
            "{text}"
        );
        assert!(text.contains("| turnpike | paced duel, 5000/s each | 30.0           | 500 "), "{text}");
        assert!(text.contains("| nginx    | paced duel, 5000/s each | 20.0           | 500 "), "{text}");
    }

    #[test]
    fn alone_there_is_no_ratio() {
        let text = table(&bench(), &[contest(Mode::Alternating, None)]);
        assert!(!text.contains("turnpike / "), "{text}");
        assert!(text.contains("| turnpike | alternating"), "{text}");
    }

    #[test]
    fn json_has_every_round() {
        let document = json(&bench(), &[contest(Mode::Duel, Some(sample(20)))]);
        let mode = &document["contests"][0]["modes"][0];
        assert_eq!(mode["ratio"]["median"], 1.5);
        assert_eq!(mode["sides"][1]["rounds"][0]["cpu_us_per_request"], 20.0);
    }
}
