//! Conditions of statements: `{operator: {key: value or values}}`, all of which must hold.

use std::net::IpAddr;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use super::pattern::{ArnPattern, Context, Pattern};
use super::{Error, texts};

/// One key of one operator.
#[derive(Debug, PartialEq)]
pub(super) struct Condition {
    test: Test,
    /// The test is turned round: none of the values may pass it.
    negated: bool,
    /// It holds where the key is absent.
    if_exists: bool,
    quantifier: Option<Quantifier>,
    key: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Quantifier {
    All,
    Any,
}

/// What a value of the key is held against; one of them must fit.
#[derive(Debug, PartialEq)]
enum Test {
    Same(Vec<Pattern>),
    SameAnyCase(Vec<Pattern>),
    Like(Vec<Pattern>),
    Arn(Vec<ArnPattern>),
    Number(Compare, Vec<f64>),
    Date(Compare, Vec<OffsetDateTime>),
    Network(Vec<Network>),
    /// Whether the key is absent.
    Absent(bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Addresses that begin alike.
#[derive(Debug, PartialEq)]
struct Network {
    address: u128,
    bits: u32,
}

/// Reads the conditions of a statement.
pub(super) fn read(conditions: &Value, has_variables: bool) -> Result<Vec<Condition>, Error> {
    let operators = conditions.as_object().ok_or_else(|| Error::new("a condition is no object"))?;
    let mut all = Vec::new();
    for (operator, keys) in operators {
        let keys = keys.as_object().ok_or_else(|| Error::new(format!("the keys of {operator:.60} are no object")))?;
        for (key, values) in keys {
            all.push(Condition::read(operator, key, &texts(values)?, has_variables)?);
        }
    }
    Ok(all)
}

impl Condition {
    fn read(operator: &str, key: &str, values: &[String], has_variables: bool) -> Result<Self, Error> {
        let (quantifier, name) = match operator.split_once(':') {
            None => (None, operator),
            Some(("ForAllValues", name)) => (Some(Quantifier::All), name),
            Some(("ForAnyValue", name)) => (Some(Quantifier::Any), name),
            Some(_) => return Err(unknown(operator)),
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let patterns = || values.iter().map(|value| Pattern::read(value, has_variables)).collect();
        let numbers = |compare| {
            let number = |value: &String| value.trim().parse().map_err(|_| unfit(name, value));
            Ok(Test::Number(compare, values.iter().map(number).collect::<Result<_, Error>>()?))
        };
        let dates = |compare| {
            let date = |value: &String| date(value).ok_or_else(|| unfit(name, value));
            Ok(Test::Date(compare, values.iter().map(date).collect::<Result<_, Error>>()?))
        };
        let networks = || {
            let network = |value: &String| Network::read(value).ok_or_else(|| unfit(name, value));
            Ok(Test::Network(values.iter().map(network).collect::<Result<_, Error>>()?))
        };
        let arns = || Test::Arn(values.iter().map(|value| ArnPattern::read(value, has_variables)).collect());
        let (test, negated) = match name {
            "StringEquals" | "BinaryEquals" => (Test::Same(patterns()), false),
            "StringNotEquals" => (Test::Same(patterns()), true),
            "StringEqualsIgnoreCase" | "Bool" => (Test::SameAnyCase(patterns()), false),
            "StringNotEqualsIgnoreCase" => (Test::SameAnyCase(patterns()), true),
            "StringLike" => (Test::Like(patterns()), false),
            "StringNotLike" => (Test::Like(patterns()), true),
            "ArnEquals" | "ArnLike" => (arns(), false),
            "ArnNotEquals" | "ArnNotLike" => (arns(), true),
            "NumericEquals" => (numbers(Compare::Equal)?, false),
            "NumericNotEquals" => (numbers(Compare::Equal)?, true),
            "NumericLessThan" => (numbers(Compare::Less)?, false),
            "NumericLessThanEquals" => (numbers(Compare::LessOrEqual)?, false),
            "NumericGreaterThan" => (numbers(Compare::Greater)?, false),
            "NumericGreaterThanEquals" => (numbers(Compare::GreaterOrEqual)?, false),
            "DateEquals" => (dates(Compare::Equal)?, false),
            "DateNotEquals" => (dates(Compare::Equal)?, true),
            "DateLessThan" => (dates(Compare::Less)?, false),
            "DateLessThanEquals" => (dates(Compare::LessOrEqual)?, false),
            "DateGreaterThan" => (dates(Compare::Greater)?, false),
            "DateGreaterThanEquals" => (dates(Compare::GreaterOrEqual)?, false),
            "IpAddress" => (networks()?, false),
            "NotIpAddress" => (networks()?, true),
            "Null" if !if_exists => {
                (Test::Absent(values.iter().any(|value| value.eq_ignore_ascii_case("true"))), false)
            }
            _ => return Err(unknown(operator)),
        };
        Ok(Self { test, negated, if_exists, quantifier, key: key.to_ascii_lowercase() })
    }

    /// Whether the condition holds.
    pub(super) fn holds(&self, context: Context<'_>) -> bool {
        let given = context(&self.key);
        if let Test::Absent(absent) = self.test {
            return given.is_empty() == absent;
        }
        if given.is_empty() {
            return match self.quantifier {
                Some(Quantifier::All) => true,
                Some(Quantifier::Any) => self.if_exists,
                None => self.if_exists || self.negated,
            };
        }
        let fits = |value: &String| self.test.passes(value, context) != self.negated;
        match (self.quantifier, self.negated) {
            (Some(Quantifier::All), _) | (None, true) => given.iter().all(fits),
            (Some(Quantifier::Any), _) | (None, false) => given.iter().any(fits),
        }
    }
}

impl Test {
    fn passes(&self, value: &str, context: Context<'_>) -> bool {
        match self {
            Self::Same(wanted) => wanted.iter().any(|wanted| wanted.text(context).is_some_and(|text| text == value)),
            Self::SameAnyCase(wanted) => {
                let is = |text: String| text.to_lowercase() == value.to_lowercase();
                wanted.iter().any(|wanted| wanted.text(context).is_some_and(is))
            }
            Self::Like(wanted) => wanted.iter().any(|wanted| wanted.matches(value, context)),
            Self::Arn(wanted) => wanted.iter().any(|wanted| wanted.matches(value, context)),
            Self::Number(compare, wanted) => {
                let Ok(number) = value.trim().parse::<f64>() else { return false };
                wanted.iter().any(|wanted| compare.is(&number, wanted))
            }
            Self::Date(compare, wanted) => {
                let Some(date) = date(value) else { return false };
                wanted.iter().any(|wanted| compare.is(&date, wanted))
            }
            Self::Network(wanted) => {
                let Ok(address) = value.parse() else { return false };
                wanted.iter().any(|network| network.has(address))
            }
            Self::Absent(_) => false,
        }
    }
}

impl Compare {
    fn is<T: PartialOrd>(self, value: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => value == wanted,
            Self::Less => value < wanted,
            Self::LessOrEqual => value <= wanted,
            Self::Greater => value > wanted,
            Self::GreaterOrEqual => value >= wanted,
        }
    }
}

impl Network {
    /// Reads an address, or a network as `address/bits`.
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let (own, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = bits.map_or(Some(own), |bits| bits.parse().ok().filter(|bits| *bits <= own))?;
        Some(Self { address: number(address), bits: before + bits })
    }

    fn has(&self, address: IpAddr) -> bool {
        let different = self.address ^ number(address);
        different.leading_zeros() >= self.bits
    }
}

/// An address as a number; one of version 4 as the one of version 6 that stands for it.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A time of day: by ISO 8601, or in seconds since 1970.
fn date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return OffsetDateTime::from_unix_timestamp(seconds).ok();
    }
    let midnight = || OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Iso8601::DEFAULT);
    OffsetDateTime::parse(text, &Iso8601::DEFAULT).or_else(|_| midnight()).ok()
}

fn unknown(operator: &str) -> Error {
    Error::new(format!("there is no condition {operator:.60}"))
}

fn unfit(operator: &str, value: &str) -> Error {
    Error::new(format!("{value:.60} is no value for {operator}"))
}
