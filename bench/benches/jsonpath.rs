//! JSONPath over a body of 1 KB, which is read already. Accepted figures: `README.md`, "Small pieces".

use divan::Bencher;
use serde_json::Value;
use turnpike::mapping::jsonpath::Path;

/// That of a node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    divan::main();
}

/// Members by their names, to one value.
#[divan::bench]
fn definite(bencher: Bencher<'_, '_>) {
    find(bencher, "$.customer.address.city");
}

/// All of a name, wherever they are.
#[divan::bench]
fn deep(bencher: Bencher<'_, '_>) {
    find(bencher, "$..price");
}

/// Items that fit a condition.
#[divan::bench]
fn filtered(bencher: Bencher<'_, '_>) {
    find(bencher, "$.items[?(@.price < 10 && @.quantity > 1)].sku");
}

/// A path, read from its text.
#[divan::bench]
fn parsed() -> Path {
    Path::parse(divan::black_box("$.customer.address.city")).expect("a path")
}

fn find(bencher: Bencher<'_, '_>, path: &str) {
    let body: Value = serde_json::from_str(include_str!("data/order.json")).expect("JSON");
    let path = Path::parse(path).expect("a path");
    bencher.bench_local(|| path.find(divan::black_box(&body)).map(std::borrow::Cow::into_owned));
}
