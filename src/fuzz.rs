//! Fuzzing on a stable compiler: inputs made of a corpus and of a target's own grammar, tried one after the other.
//!
//! Coverage-guided engines need a nightly compiler, and those that run without it (bolero's) try nothing but random
//! bytes there, of which a parser refuses all for the same reasons. So the inputs are made here: half of them by the
//! target's grammar, plausible and odd; the others by mutating those, and the corpus, with the target's words.
//!
//! The targets are tests beside the code that they try, in files called `fuzz.rs`: much of it is private to its room,
//! and so are the limits that it has to keep. What they are given is bytes, and `tests/fuzz/<target>/` has the corpus,
//! a file an input, as people write them; what once failed is in it as well.
//!
//! - An ordinary test tries the corpus and a fixed number of seeds, the same each time.
//! - `TURNPIKE_FUZZ_SECONDS=60` tries new seeds for so long; `tests/run --long` does that.
//! - A case that fails is made smaller and written to `target/fuzz/<target>/`. `TURNPIKE_FUZZ_INPUT=FILE` tries it
//!   again, and `TURNPIKE_FUZZ_SEED=N` its seed, as long as grammar and corpus stay the same.
//! - One that never ends, or ends the process, leaves its seed in `target/fuzz/<target>/running`.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Mutated inputs are at most so long.
const MAX_INPUT: usize = 16 * 1024;
/// A case that fails is made smaller in at most so many tries.
const SHRINKING: usize = 400;
/// Numbers at which something may end.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "127",
    "128",
    "255",
    "256",
    "1000",
    "65536",
    "2147483647",
    "-2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "1e308",
    "0.1",
    "ffffffffffffffff",
];

/// Something to be tried.
pub(crate) struct Target {
    /// The corpus is in `tests/fuzz/` under this name.
    pub(crate) name: &'static str,
    /// How many seeds an ordinary test tries.
    pub(crate) cases: u64,
    /// Pieces that mean something in its inputs.
    pub(crate) words: &'static [&'static str],
    /// Makes an input that is nearly right.
    pub(crate) grammar: fn(&mut Dice) -> Vec<u8>,
    /// Tries an input, and panics if something is not as it should be.
    pub(crate) check: fn(&[u8]),
}

impl Target {
    /// Tries the corpus and as many seeds as there is time for.
    #[expect(clippy::print_stderr, reason = "the count of cases is what a long run is for")]
    pub(crate) fn run(&self) {
        if let Some(file) = std::env::var_os("TURNPIKE_FUZZ_INPUT") {
            return (self.check)(&fs::read(file).expect("the input"));
        }
        let corpus = self.corpus();
        for (path, input) in &corpus {
            self.attempt(input).unwrap_or_else(|what| panic!("{what}\nin {}", path.display()));
        }
        let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
        let long = number("TURNPIKE_FUZZ_SECONDS").map(Duration::from_secs);
        let first = number("TURNPIKE_FUZZ_SEED").unwrap_or_else(|| long.map_or(0, |_| rand::random::<u64>() >> 1));
        let running = self.running();
        let (start, mut slowest) = (Instant::now(), (Duration::ZERO, 0));
        let mut cases = 0;
        while long.map_or(cases < self.cases, |long| start.elapsed() < long) {
            let seed = first + cases;
            running.write_all_at(format!("{seed:20}\n").as_bytes(), 0).expect("the seed is written down");
            let begun = Instant::now();
            self.try_seed(seed, &corpus);
            slowest = slowest.max((begun.elapsed(), seed));
            cases += 1;
        }
        if long.is_some() {
            let (time, seed) = slowest;
            eprintln!(
                "fuzz {}: {cases} cases from seed {first}, {:.0} a second; the slowest, {seed}, took {time:?}",
                self.name,
                cases as f64 / start.elapsed().as_secs_f64(),
            );
        }
    }

    fn corpus(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(self.name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "there is no corpus in {}", folder.display());
        let read = |path: PathBuf| (path.clone(), fs::read(path).expect("an input"));
        paths.into_iter().map(read).collect()
    }

    fn findings(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz").join(self.name);
        fs::create_dir_all(&folder).expect("a folder for findings");
        folder
    }

    fn running(&self) -> File {
        File::create(self.findings().join("running")).expect("a file for the seed")
    }

    /// The words of the panic that an input leads to.
    fn attempt(&self, input: &[u8]) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| (self.check)(input))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panics").to_owned()
        })
    }

    fn try_seed(&self, seed: u64, corpus: &[Vec<u8>]) {
        let mut dice = Dice(StdRng::seed_from_u64(seed));
        let mut input = if dice.chance(4) { dice.one(corpus).clone() } else { (self.grammar)(&mut dice) };
        if dice.chance(2) {
            self.mutate(&mut input, corpus, &mut dice);
        }
        let Err(what) = self.attempt(&input) else { return };
        let input = self.smaller(input);
        let what = self.attempt(&input).err().unwrap_or(what);
        let path = self.findings().join(seed.to_string());
        fs::write(&path, &input).expect("the input is written down");
        let path = path.display();
        panic!(
            "{what}\nseed {seed}: TURNPIKE_FUZZ_SEED={seed}\ninput of {} bytes: TURNPIKE_FUZZ_INPUT={path}\n{}",
            input.len(),
            String::from_utf8_lossy(&input[..input.len().min(600)]),
        );
    }

    fn mutate(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
        for _ in 0..=dice.below(6) {
            let part = dice.part(input.len());
            match dice.below(8) {
                0 if !input.is_empty() => {
                    let at = dice.below(input.len());
                    input[at] ^= 1 << dice.below(8);
                }
                1 => drop(input.drain(part)),
                2 => {
                    let again = input[part.clone()].repeat(1 + dice.below(4));
                    input.splice(part.end..part.end, again);
                }
                3 => drop(input.splice(part.start..part.start, dice.one(self.words).bytes())),
                4 => drop(input.splice(part, dice.one(self.words).bytes())),
                5 => {
                    let other = dice.one(corpus);
                    let other = other[dice.part(other.len())].to_vec();
                    input.splice(part, other);
                }
                6 => input.insert(part.start, dice.below(256) as u8),
                _ => {
                    let digits = |byte: &u8| byte.is_ascii_digit();
                    let start = input[part.start..].iter().position(digits).map_or(part.start, |at| part.start + at);
                    let length = input[start..].iter().take_while(|byte| digits(byte)).count();
                    input.splice(start..start + length, dice.one(NUMBERS).bytes());
                }
            }
            input.truncate(MAX_INPUT);
        }
    }

    /// The input without all that it fails without as well.
    fn smaller(&self, mut input: Vec<u8>) -> Vec<u8> {
        let (mut piece, mut tries) = (input.len().div_ceil(2), 0);
        while piece > 0 && tries < SHRINKING {
            let mut at = 0;
            while at < input.len() && tries < SHRINKING {
                let mut shorter = input.clone();
                shorter.drain(at..(at + piece).min(input.len()));
                tries += 1;
                if self.attempt(&shorter).is_err() { input = shorter } else { at += piece }
            }
            piece /= 2;
        }
        input
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// What is left to chance.
pub(crate) struct Dice(StdRng);

impl Dice {
    /// A number below this one, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// Yes, once in so many times.
    pub(crate) fn chance(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// One of these texts.
    pub(crate) fn word(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// A number at which something may end, or a small one.
    pub(crate) fn number(&mut self) -> String {
        if self.chance(6) { self.word(NUMBERS).to_owned() } else { self.below(12).to_string() }
    }

    /// Up to so many of what `make` makes, with `between` them.
    pub(crate) fn several(&mut self, most: usize, between: &str, mut make: impl FnMut(&mut Self) -> String) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| make(self)).collect::<Vec<_>>().join(between)
    }

    /// A JSON value, at most so deep, whose members are called by one of these names.
    pub(crate) fn json(&mut self, depth: usize, names: &[&'static str]) -> String {
        match self.below(if depth == 0 { 5 } else { 9 }) {
            0 => self.word(&["null", "true", "false"]).to_owned(),
            1 | 2 => self.number(),
            3 => format!("\"{}\"", self.word(names)),
            4 => self.word(&["\"\"", "\"é😀\"", "\"a b\"", "1.5", "-0.0", "{}", "[]"]).to_owned(),
            5 | 6 => format!("[{}]", self.several(4, ",", |dice| dice.json(depth - 1, names))),
            _ => {
                let member = |dice: &mut Self| format!("\"{}\":{}", dice.word(names), dice.json(depth - 1, names));
                format!("{{{}}}", self.several(4, ",", member))
            }
        }
    }

    /// Some part of what has this length, a short one more likely.
    fn part(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let longest = if self.chance(4) { length - start } else { (length - start).min(8) };
        start..start + self.below(longest + 1)
    }
}
