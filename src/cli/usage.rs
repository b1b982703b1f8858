//! `turnpike usage`: what holders of API keys have used of their plans, for bills.

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::cluster::credentials;
use super::export::encoded;
use super::output;
use super::remote::Remote;
use crate::observe::clock::Clock;

const DATE: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");
/// Keys that are asked for at a time.
const PAGE: usize = 500;
/// The columns of a report.
const COLUMNS: [&str; 10] =
    ["plan", "plan name", "product code", "key", "key name", "customer", "labels", "day", "used", "remaining"];

/// What holders of API keys have used of their usage plans.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Subcommand)]
enum Sub {
    /// Print what was used, a row for each plan, key and day with requests.
    Report(Report),
}

#[derive(Args)]
struct Report {
    /// One plan's id; all plans without it.
    #[arg(long)]
    plan: Option<String>,
    /// The first day, as YYYY-MM-DD [default: the first of this month].
    #[arg(long, value_parser = day)]
    from: Option<Date>,
    /// The last day [default: today]. At most 90 days are told at a time.
    #[arg(long, value_parser = day)]
    to: Option<Date>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Admin address of any node.
    #[arg(long, env = "TURNPIKE_ADMIN_URL", default_value = "http://127.0.0.1:9000")]
    admin_url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For spreadsheets.
    Csv,
    /// For scripts: a row a line.
    Json,
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, DATE).map_err(|_| "a day is written as 2026-11-25".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Sub::Report(report) = &arguments.command;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(report.run())
}

impl Report {
    async fn run(&self) -> anyhow::Result<()> {
        let remote = Remote::new(&self.admin_url, credentials()?, "us-east-1")?;
        let today = OffsetDateTime::from_unix_timestamp(Clock::system().seconds())?.date();
        let to = self.to.unwrap_or(today);
        let from = self.from.unwrap_or(to.replace_day(1)?);
        if to < from {
            bail!("--from {from} is after --to {to}");
        }
        let mut rows = Vec::new();
        for plan in self.plans(&remote).await? {
            let id = plan["id"].as_str().unwrap_or_default();
            for key in keys(&remote, id, from, to).await? {
                rows.extend(rows_of(&plan, &key, from));
            }
        }
        print(&rows, self.output)
    }

    async fn plans(&self, remote: &Remote) -> anyhow::Result<Vec<Value>> {
        if let Some(plan) = &self.plan {
            return Ok(vec![remote.call("GET", &format!("/usageplans/{}", encoded(plan)), None).await?]);
        }
        let mut plans = Vec::new();
        let mut position = None;
        loop {
            let answer = remote.call("GET", &paged("/usageplans?", position.as_deref()), None).await?;
            plans.extend(answer["item"].as_array().cloned().unwrap_or_default());
            position = answer["position"].as_str().map(str::to_owned);
            if position.is_none() {
                return Ok(plans);
            }
        }
    }
}

fn paged(target: &str, position: Option<&str>) -> String {
    let position = position.map(|position| format!("&position={}", encoded(position))).unwrap_or_default();
    format!("{target}limit={PAGE}{position}")
}

/// All keys that used something of a plan, with their days.
async fn keys(remote: &Remote, plan: &str, from: Date, to: Date) -> anyhow::Result<Vec<Value>> {
    let (from, to) = (from.format(DATE)?, to.format(DATE)?);
    let target = format!("/_turnpike/usage/{}?startDate={from}&endDate={to}&", encoded(plan));
    let mut keys = Vec::new();
    let mut position = None;
    loop {
        let answer = remote.call("GET", &paged(&target, position.as_deref()), None).await?;
        keys.extend(answer["keys"].as_array().cloned().unwrap_or_default());
        position = answer["position"].as_str().map(str::to_owned);
        if position.is_none() {
            return Ok(keys);
        }
    }
}

/// A key's rows: one for each day on which it used something.
fn rows_of(plan: &Value, key: &Value, from: Date) -> Vec<[String; 10]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels: Vec<String> = key["labels"].as_array().into_iter().flatten().map(text).collect();
    let days =
        key["days"].as_array().into_iter().flatten().zip(std::iter::successors(Some(from), |day| day.next_day()));
    let used = days.filter(|(pair, _)| pair[0].as_u64().is_some_and(|used| used > 0));
    used.map(|(pair, day)| {
        let remaining = pair[1].as_i64().filter(|left| *left >= 0).map(|left| left.to_string()).unwrap_or_default();
        [
            text(&plan["id"]),
            text(&plan["name"]),
            text(&plan["productCode"]),
            text(&key["id"]),
            text(&key["name"]),
            text(&key["customerId"]),
            labels.join(" "),
            day.to_string(),
            pair[0].to_string(),
            remaining,
        ]
    })
    .collect()
}

fn print(rows: &[[String; 10]], how: Output) -> anyhow::Result<()> {
    match how {
        Output::Table => {
            let rows: Vec<Vec<String>> = rows.iter().map(|row| row.to_vec()).collect();
            let titles = COLUMNS.map(str::to_uppercase);
            output::say(output::table(&titles.each_ref().map(String::as_str), &rows));
        }
        Output::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(COLUMNS.map(|name| name.replace(' ', "_")))?;
            rows.iter().try_for_each(|row| writer.write_record(row))?;
            output::say_exactly(&String::from_utf8(writer.into_inner()?)?);
        }
        Output::Json => {
            for [plan, plan_name, product_code, key, key_name, customer, labels, day, used, remaining] in rows {
                let number = |text: &String| text.parse::<u64>().ok();
                output::say(
                    json!({
                        "plan": plan, "planName": plan_name, "productCode": product_code, "key": key, "keyName": key_name,
                        "customerId": customer, "labels": labels, "day": day, "used": number(used),
                        "remaining": number(remaining),
                    })
                    .to_string(),
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date as on;

    #[test]
    fn a_key_has_a_row_for_each_day_with_requests() {
        let plan = json!({"id": "p", "name": "Gold", "productCode": "code"});
        let key = json!({"id": "k", "name": "n", "customerId": "c", "labels": ["a", "b"],
                         "days": [[0, 10], [3, 7], [2, 5]]});
        let rows = rows_of(&plan, &key, on!(2026 - 02 - 27));
        let expected = [["2026-02-28", "3", "7"], ["2026-03-01", "2", "5"]].map(|[day, used, remaining]| {
            ["p", "Gold", "code", "k", "n", "c", "a b", day, used, remaining].map(str::to_owned)
        });
        assert_eq!(rows, expected);
        // Without a quota nothing remains, and nothing runs out.
        let key = json!({"id": "k", "days": [[1, -1]]});
        assert_eq!(rows_of(&plan, &key, on!(2026 - 02 - 27))[0][9], "");
    }
}
