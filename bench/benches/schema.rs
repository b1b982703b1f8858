//! Bodies checked against a model, from their bytes on. Accepted figures: `README.md`, "Small pieces".

use divan::Bencher;
use turnpike::mapping::schema::Schema;

/// That of a node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An order's items, each with what it must have.
const MODEL: &str = r#"{
  "$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "required": ["orderId", "items"],
  "properties": {
    "orderId": {"type": "string", "pattern": "^o-[0-9]+$"},
    "items": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
      "type": "object", "required": ["sku", "quantity", "price"], "properties": {
        "sku": {"type": "string", "maxLength": 40}, "quantity": {"type": "integer", "minimum": 1},
        "price": {"type": "number", "minimum": 0}, "tags": {"type": "array", "items": {"type": "string"}}}}}}}"#;

fn main() {
    divan::main();
}

/// A body of 1 KB that fits.
#[divan::bench]
fn fits(bencher: Bencher<'_, '_>) {
    check(bencher, include_str!("data/order.json").as_bytes());
}

/// A body of 1 KB in which something is wrong.
#[divan::bench]
fn wrong(bencher: Bencher<'_, '_>) {
    check(bencher, include_str!("data/order.json").replace("o-48213", "48213").as_bytes());
}

/// A model, compiled.
#[divan::bench]
fn compiled() -> Schema {
    schema()
}

fn check(bencher: Bencher<'_, '_>, body: &[u8]) {
    let schema = schema();
    bencher.bench_local(|| schema.problems(divan::black_box(body)));
}

fn schema() -> Schema {
    Schema::compile("Order", &|_| Some(MODEL.to_owned())).expect("a model")
}
