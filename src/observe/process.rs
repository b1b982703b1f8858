//! Figures of the process itself, as Linux has them; elsewhere they stay away.

use std::fs;

use super::metrics;

/// Clock ticks in a second: fixed for user space on Linux.
const TICKS: u64 = 100;
const PAGE: u64 = 4096;

/// Reads the figures and shows them as metrics.
pub fn record() {
    if let Some((cpu_ticks, threads, pages)) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| parse(&text))
    {
        metrics::count(metrics::CPU).absolute(cpu_ticks / TICKS);
        metrics::level(metrics::THREADS).set(threads as f64);
        metrics::level(metrics::RESIDENT).set((pages * PAGE) as f64);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        metrics::level(metrics::OPEN_FILES).set(entries.count() as f64);
    }
}

/// Processor time in ticks, threads and resident pages; the name in front may hold spaces and parentheses.
fn parse(stat: &str) -> Option<(u64, u64, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((number(11)? + number(12)?, number(17)?, number(21)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_any_name() {
        let fields: Vec<String> = (3..=30).map(|field: u32| field.to_string()).collect();
        let stat = format!("7 (odd) name) {}", fields.join(" "));
        assert_eq!(parse(&stat), Some((14 + 15, 20, 24)));
        assert_eq!(parse("7 (x) 1 2"), None);
    }
}
