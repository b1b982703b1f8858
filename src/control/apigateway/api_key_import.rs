//! ImportApiKeys: API keys out of a CSV file, all of them or none.
//!
//! Source: the developer guide, "API Gateway API key file format".

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord};

use super::api_key_values::checked_value;
use super::{Target, api_keys, plan_stages, usage_plans};
use crate::catalog::{Documents, Edit, Key, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Violations};
use crate::model::id::{ApiKeyId, UsagePlanId};
use crate::model::rest::{ApiKey, UsagePlan};

/// A file has at most so many keys.
const MAX_ROWS: usize = 1000;
/// A value in a file has at least so many characters.
const MIN_VALUE: usize = 30;
/// So many mistakes are told at once.
const MAX_TOLD: usize = 20;

/// A key as the file has it.
#[derive(Debug, PartialEq)]
struct Row {
    /// Which of the file's records it is, counted from 1.
    number: usize,
    name: String,
    value: String,
    description: Option<String>,
    enabled: bool,
    plans: Vec<UsagePlanId>,
}

/// A key of the file with its value as it will be stored.
struct Sealing {
    row: Row,
    claim: Key<ApiKeyId>,
    sealed: Vec<u8>,
}

impl Target<'_> {
    pub(super) async fn import_api_keys(&self) -> Result<Answer, Error> {
        let mut violations = Violations::new();
        match self.call.parameter("format") {
            Some(format) => violations.one_of(&format, "format", &["csv"]),
            None => violations.present(false, "format"),
        }
        violations.check()?;
        let rows = read(&self.call.body)?;
        let rows: Vec<Sealing> = rows.into_iter().map(|row| self.seal(row)).collect();
        let (edit, ids, warnings) = self.control.catalog.read(|documents| self.import(documents, &rows))?;
        let must_be_clean = self.call.parameter("failonwarnings").as_deref() == Some("true");
        if must_be_clean && !warnings.is_empty() {
            return Err(told("Warnings found during import", &warnings));
        }
        let index = self.control.catalog.commit(edit).await?;
        self.control.settle(index).await?;
        Ok(Answer::json(201, Members::new().set("ids", ids).set("warnings", warnings)))
    }

    /// Seals a key's value: before the documents are looked at, which must be quick.
    fn seal(&self, row: Row) -> Sealing {
        let catalog = &self.control.catalog;
        let claim = keys::api_key_claim(&catalog.fingerprint(row.value.as_bytes()));
        let sealed = catalog.seal_value(&row.value);
        Sealing { row, claim, sealed }
    }

    /// The edit that stores all keys, their ids, and what could not be done.
    fn import(&self, documents: &Documents<'_>, rows: &[Sealing]) -> Result<(Edit, Vec<String>, Vec<String>), Error> {
        let (mut edit, mut ids, mut warnings) = (Edit::new(), Vec::new(), Vec::new());
        // Who comes into a plan last is written once for each.
        let mut last = BTreeMap::new();
        for sealing in rows {
            let (mut key, found) = self.draft(documents, sealing)?;
            let mut joined: Vec<UsagePlan> = Vec::new();
            for id in &sealing.row.plans {
                // What of the plan is refused leaves key and edit as they were.
                let step = usage_plans::find(documents, id).and_then(|plan| {
                    let edit = Edit::new().rely_on(&keys::usage_plan(id), &plan);
                    let edit = plan_stages::join(documents, &plan.value, &mut key, &joined, edit)?;
                    Ok((plan.value, edit))
                });
                match step {
                    Ok((plan, step)) => {
                        edit = edit.and(step);
                        last.insert(plan.id.clone(), key.id.clone());
                        joined.push(plan);
                    }
                    Err(Error::Told { status: 400..500, message, .. }) => warnings
                        .push(format!("Skipped usage plan association for record: {}. {message}", sealing.row.number)),
                    Err(error) => return Err(error),
                }
            }
            let place = keys::api_key(&key.id);
            edit = match found {
                Some(found) => edit.update(&place, &found, &key),
                None => edit.create(&sealing.claim, &key.id).put(&place, &key),
            };
            ids.push(key.id.to_string());
        }
        let edit = last.into_iter().fold(edit, |edit, (plan, key)| plan_stages::joined(&plan, &key, edit));
        Ok((edit, ids, warnings))
    }

    /// A key as it will be, and as it was where there is one of that value.
    fn draft(
        &self,
        documents: &Documents<'_>,
        Sealing { row, claim, sealed }: &Sealing,
    ) -> Result<(ApiKey, Option<Stored<ApiKey>>), Error> {
        let now = self.control.clock.seconds();
        let Some(claimed) = documents.get(claim)? else {
            let key = api_keys::new(row.name.clone(), row.description.clone(), row.enabled, now, sealed.clone());
            return Ok((key, None));
        };
        let found = api_keys::find(documents, &claimed.value)?;
        let key = ApiKey {
            name: Some(row.name.clone()),
            description: row.description.clone(),
            enabled: row.enabled,
            updated: now,
            ..found.value.clone()
        };
        Ok((key, Some(found)))
    }
}

fn told(what: &str, list: &[String]) -> Error {
    let mut text = list.iter().take(MAX_TOLD).fold(format!("{what}:"), |text, line| format!("{text}\n\t{line}"));
    if list.len() > MAX_TOLD {
        text += &format!("\n\tand {} more", list.len() - MAX_TOLD);
    }
    Error::bad_request(text)
}

/// Where a file has which column.
struct Columns {
    name: usize,
    key: usize,
    description: Option<usize>,
    enabled: Option<usize>,
    plans: Option<usize>,
}

impl Columns {
    /// Reads the first line; names are in any case and order, and other columns are nobody's.
    fn read(header: &StringRecord) -> Result<Self, Error> {
        let find = |wanted: &str| header.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
        let required = |wanted: &str| {
            find(wanted).ok_or_else(|| Error::bad_request(format!("The file's header has no column {wanted}")))
        };
        Ok(Self {
            name: required("Name")?,
            key: required("Key")?,
            description: find("Description"),
            enabled: find("Enabled"),
            plans: find("UsagePlanIds"),
        })
    }

    fn row(&self, number: usize, fields: &[String]) -> Result<Row, String> {
        let field = |at: Option<usize>| at.and_then(|at| fields.get(at)).map_or("", |text| text.trim());
        let wrong = |error: Error| match error {
            Error::Told { message, .. } => message,
            Error::Overtaken => String::new(),
        };
        let text = |at| Some(field(at).to_owned());
        let name = api_keys::name(text(Some(self.name))).map_err(wrong)?.ok_or("API Key name must be specified")?;
        let value = checked_value(field(Some(self.key)).to_owned(), MIN_VALUE).map_err(wrong)?;
        let description = api_keys::description(text(self.description)).map_err(wrong)?;
        let enabled = field(self.enabled);
        let plans = field(self.plans).trim_matches(['"', '\'']).split(',').map(str::trim);
        let mut named: Vec<UsagePlanId> = Vec::new();
        for plan in plans.filter(|plan| !plan.is_empty()).map(UsagePlanId::new) {
            if !named.contains(&plan) {
                named.push(plan);
            }
        }
        let enabled = enabled.is_empty() || enabled.eq_ignore_ascii_case("true");
        Ok(Row { number, name, value, description, enabled, plans: named })
    }
}

/// Reads a file. Of two records with the same value the later one counts. All mistakes are told, and no value ever is.
fn read(file: &[u8]) -> Result<Vec<Row>, Error> {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
    let unreadable = |error: csv::Error| {
        let line = error.position().map(|position| format!(" in line {}", position.line())).unwrap_or_default();
        Error::bad_request(format!("The file can't be read as CSV in UTF-8{line}"))
    };
    let columns = Columns::read(reader.headers().map_err(unreadable)?)?;
    let (mut rows, mut problems) = (Vec::<Row>::new(), Vec::new());
    let mut places = std::collections::HashMap::new();
    for (at, record) in reader.records().enumerate() {
        if at >= MAX_ROWS {
            return Err(Error::bad_request(format!("A file may have at most {MAX_ROWS} API Keys: split it")));
        }
        let number = at + 1;
        match columns.row(number, &unquoted(&record.map_err(unreadable)?)) {
            Ok(row) => match places.get(&row.value) {
                Some(place) => rows[*place] = row,
                None => {
                    places.insert(row.value.clone(), rows.len());
                    rows.push(row);
                }
            },
            Err(problem) => problems.push(format!("Record {number}: {problem}")),
        }
    }
    if !problems.is_empty() {
        return Err(told("Errors found during import", &problems));
    }
    if rows.is_empty() {
        return Err(Error::bad_request("The file has no API Keys"));
    }
    Ok(rows)
}

/// A record's fields, without the spaces around them, and with those put together again that are in single quotes, or in
/// double ones behind a space: CSV itself knows neither.
fn unquoted(record: &StringRecord) -> Vec<String> {
    let fields: Vec<&str> = record.iter().collect();
    let mut whole = Vec::with_capacity(fields.len());
    let mut at = 0;
    while let Some(field) = fields.get(at) {
        let quote = field.trim_start().chars().next().filter(|first| matches!(first, '\'' | '"'));
        let bare = quote.and_then(|quote| {
            let end = (at..fields.len()).find(|end| {
                let text = fields[*end].trim();
                text.ends_with(quote) && (*end > at || text.len() > 1)
            })?;
            let text = fields[at..=end].join(",");
            let text = text.trim().strip_prefix(quote)?.strip_suffix(quote)?.replace("\"\"", "\"");
            Some((end, text))
        });
        let (end, text) = bare.unwrap_or_else(|| (at, field.trim().to_owned()));
        whole.push(text);
        at = end + 1;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "0123456789012345678901234567890123456789";

    fn message(file: &str) -> String {
        match read(file.as_bytes()) {
            Err(Error::Told { message, .. }) => message,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn columns_come_in_any_case_and_order_and_quotes_of_both_kinds() {
        let file = format!(
            "\u{feff}usageplanids, KEY ,Owner,name,description,enabled\r\n\
             'p1,p2' , {VALUE} ,x,first, \"a, b\" ,TRUE\r\n\
             \"p1, p2,p1\",{VALUE}2,x,second,,false\n\
             p3,{VALUE}3,x,'third',,\n\
             ,{VALUE}4,x,it's\n"
        );
        let rows = read(file.as_bytes()).expect("rows");
        let plans = |row: &Row| row.plans.iter().map(|plan| plan.to_string()).collect::<Vec<_>>().join(" ");
        let seen: Vec<_> = rows.iter().map(|row| (row.number, row.name.as_str(), row.enabled, plans(row))).collect();
        let row = |number, name, enabled, plans: &str| (number, name, enabled, plans.to_owned());
        assert_eq!(
            seen,
            [
                row(1, "first", true, "p1 p2"),
                row(2, "second", false, "p1 p2"),
                row(3, "third", true, "p3"),
                row(4, "it's", true, "")
            ]
        );
        assert_eq!((rows[0].value.as_str(), rows[0].description.as_deref()), (VALUE, Some("a, b")));
    }

    #[test]
    fn a_value_that_comes_again_overwrites() {
        let rows = read(format!("Name,Key\nfirst,{VALUE}\nother,{VALUE}x\nagain,{VALUE}\n").as_bytes()).expect("rows");
        let names: Vec<_> = rows.iter().map(|row| (row.number, row.name.as_str())).collect();
        assert_eq!(names, [(3, "again"), (2, "other")]);
    }

    #[test]
    fn all_mistakes_are_told_and_no_values() {
        let told = message(&format!(
            "Name,Key\nshort,too-short-for-an-import\n,{VALUE}\nfine,{VALUE}2\nspaced,{VALUE} {VALUE}\n"
        ));
        assert_eq!(
            told,
            "Errors found during import:\n\tRecord 1: API Key value should be at least 30 characters\n\tRecord 2: API Key name must be specified\n\tRecord 4: API Key value may only have visible ASCII characters, and no spaces"
        );
        assert_eq!(message("Name\nx\n"), "The file's header has no column Key");
        assert_eq!(message(""), "The file's header has no column Name");
        assert_eq!(message("Name,Key\n"), "The file has no API Keys");
        assert!(matches!(read(b"Name,Key\n\xff\xfe,x\n"), Err(Error::Told { .. })));
    }

    #[test]
    fn a_file_is_bounded() {
        let rows = |count: usize| {
            let rows = (0..count).map(|number| format!("n,{number:0>40},\"p1,p2\"\n"));
            format!("Name,Key,UsagePlanIds\n{}", rows.collect::<String>())
        };
        assert_eq!(read(rows(MAX_ROWS).as_bytes()).map(|rows| rows.len()), Ok(MAX_ROWS));
        assert!(message(&rows(MAX_ROWS + 1)).starts_with("A file may have at most 1000"));
    }
}
