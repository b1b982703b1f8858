//! Mapping templates: what a rendering takes, body read and all. Accepted figures: `README.md`, "Small pieces".

use std::rc::Rc;

use bytes::Bytes;
use divan::Bencher;
use turnpike::mapping::input::{Input, Parameters};
use turnpike::mapping::util::Util;
use turnpike::mapping::vtl::{Limits, Map, Object, Style, Template, Value};

/// That of a node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What templates for a backend usually do: some of the body as it is, some of it a value at a time, and whatever the
/// query has.
const TYPICAL: &str = include_str!("data/order.vtl");
/// A body of 1 KB.
const BODY: &str = include_str!("data/order.json");

fn main() {
    divan::main();
}

/// The typical template. The request, and what lasts from one to the next, is there; a rendering reads the body.
#[divan::bench]
fn typical(bencher: Bencher<'_, '_>) {
    render(bencher, TYPICAL);
}

/// The typical template, read from its text.
#[divan::bench]
fn typical_parsed() -> Template {
    Template::parse(divan::black_box(TYPICAL)).expect("a template")
}

/// A template without anything to fill in.
#[divan::bench]
fn literal(bencher: Bencher<'_, '_>) {
    render(bencher, r#"{"statusCode": 200, "message": "accepted"}"#);
}

/// The whole body, as it came.
#[divan::bench]
fn passed_through(bencher: Bencher<'_, '_>) {
    render(bencher, "$input.json('$')");
}

/// One value for each of the body's items.
#[divan::bench]
fn items(bencher: Bencher<'_, '_>) {
    render(
        bencher,
        "[#foreach($item in $input.path('$.items')){\"sku\": \"$item.sku\", \"n\": $item.quantity}#if($foreach.hasNext), #end#end]",
    );
}

fn render(bencher: Bencher<'_, '_>, template: &str) {
    let template = Template::parse(template).expect("a template");
    let (body, limits) = (Bytes::from_static(BODY.as_bytes()), Limits::default());
    let stage_variables = map(&[("table", "orders-prod"), ("region", "eu-central-1")]);
    bencher.with_inputs(parameters).bench_local_values(|parameters| {
        let variables = [
            ("input", Input::value(body.clone(), None, Rc::new(parameters))),
            ("util", Util::value()),
            ("context", Value::Object(Rc::new(Context))),
            ("stageVariables", stage_variables.clone()),
        ];
        template.render(&variables, &limits).expect("a text")
    });
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn map(members: &[(&str, &str)]) -> Value {
    Value::Map(Map::new(members.iter().map(|(name, value)| ((*name).into(), Value::from(*value))), Style::Java))
}

/// The parameters of a request as a browser's application sends it, through a load balancer.
fn parameters() -> Parameters {
    Parameters {
        path: pairs(&[("customerId", "c-1029")]),
        querystring: pairs(&[("expand", "items"), ("locale", "de-DE"), ("campaign", "spring \"26\"")]),
        header: pairs(&[
            ("Host", "api.example.com"),
            ("Content-Type", "application/json"),
            ("Content-Length", "1024"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip, deflate, br"),
            ("Accept-Language", "de-DE,de;q=0.9,en;q=0.8"),
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            ("Origin", "https://shop.example.com"),
            ("X-Forwarded-For", "203.0.113.7, 198.51.100.2"),
            ("X-Forwarded-Proto", "https"),
        ]),
    }
}

/// `$context`, as much of it as the templates ask for.
struct Context;

impl Context {
    fn member(name: &str) -> Option<&'static str> {
        match name {
            "requestId" => Some("0f5f3c1e-6f2b-4d8a-9a55-3d1f8f0b7c21"),
            "httpMethod" => Some("POST"),
            "stage" => Some("prod"),
            _ => None,
        }
    }
}

impl Object for Context {
    fn property(&self, name: &str) -> Value {
        match name {
            "identity" => Value::Object(Rc::new(Identity)),
            _ => Self::member(name).map_or(Value::Null, Value::from),
        }
    }

    fn write_property(&self, name: &str, out: &mut String) -> bool {
        Self::member(name).inspect(|text| out.push_str(text)).is_some()
    }

    fn call(&self, _: &str, _: &[Value]) -> Result<Value, String> {
        Ok(Value::Null)
    }

    fn text(&self) -> String {
        String::new()
    }
}

/// `$context.identity`.
struct Identity;

impl Object for Identity {
    fn property(&self, name: &str) -> Value {
        if name == "sourceIp" { "203.0.113.7".into() } else { Value::Null }
    }

    fn call(&self, _: &str, _: &[Value]) -> Result<Value, String> {
        Ok(Value::Null)
    }

    fn text(&self) -> String {
        String::new()
    }
}
