//! A catalog of many API keys, as an operator would import them.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::json;

use super::admin::Admin;
use crate::output;

/// So many keys are imported by one call, which is as many as one may have.
const CALL: u32 = 1000;

/// How many keys and plans.
#[derive(clap::Args)]
pub(crate) struct Catalog {
    /// How many API keys to import first, each in one usage plan; 0 for none
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(crate) keys: u32,
    /// How many usage plans the keys are spread over
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) plans: u32,
}

impl Catalog {
    /// Makes all of it on a node.
    pub(crate) async fn fill(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.keys == 0 {
            return Ok(());
        }
        let mut plans = Vec::new();
        for number in 1..=self.plans {
            let plan = json!({
                "name": format!("plan {number}"),
                "throttle": { "rateLimit": 100.0, "burstLimit": 200 },
                "quota": { "limit": 100_000, "period": "MONTH" },
            });
            let made = admin.call(Method::POST, "/usageplans", plan).await?;
            plans.push(made["id"].as_str().context("a usage plan has an id")?.to_owned());
        }
        for first in (0..self.keys).step_by(CALL as usize) {
            let rows = (first..self.keys.min(first + CALL)).map(|number| {
                // Sealed and hashed, one value is as random as another.
                format!("key-{number:07},{number:040},,true,{}\n", plans[number as usize % plans.len()])
            });
            let file = format!("Name,Key,Description,Enabled,UsagePlanIds\n{}", rows.collect::<String>());
            admin.import_keys(file).await?;
            if first % (100 * CALL) == 0 {
                output::remark(&format!("{first} of {} API keys are imported", self.keys));
            }
        }
        Ok(())
    }
}
