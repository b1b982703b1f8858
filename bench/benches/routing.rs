//! From path and verb to a method, in an API of 10,000 routes. Accepted figures: `README.md`, "Small pieces".

use divan::Bencher;
use turnpike::model::rest::Verb;
use turnpike::traffic::stage::Router;

/// That of a node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Services in the API, each with ten routes.
const SERVICES: usize = 1000;

fn main() {
    divan::main();
}

/// A path of names.
#[divan::bench]
fn literal(bencher: Bencher<'_, '_>) {
    find(bencher, "/service-517/orders");
}

/// A path with values in it.
#[divan::bench]
fn variables(bencher: Bencher<'_, '_>) {
    find(bencher, "/service-517/orders/48213/items/3");
}

/// A path whose end is taken whole, after everything else was tried.
#[divan::bench]
fn greedy(bencher: Bencher<'_, '_>) {
    find(bencher, "/service-517/orders/48213/items/3/pictures/front.png");
}

/// A path that no route has.
#[divan::bench]
fn unknown(bencher: Bencher<'_, '_>) {
    find(bencher, "/service-517/refunds/48213");
}

fn find(bencher: Bencher<'_, '_>, path: &str) {
    let mut router = Router::default();
    for service in 0..SERVICES {
        for (route, verbs) in [
            ("orders", &[Verb::Get, Verb::Post][..]),
            ("orders/{order}", &[Verb::Get, Verb::Put, Verb::Delete]),
            ("orders/{order}/items", &[Verb::Get]),
            ("orders/{order}/items/{item}", &[Verb::Get, Verb::Delete]),
            ("orders/{proxy+}", &[Verb::Any]),
            ("health", &[Verb::Get]),
        ] {
            verbs.iter().for_each(|verb| router.insert(&format!("/service-{service}/{route}"), *verb, service));
        }
    }
    bencher.bench_local(|| router.find(divan::black_box(path), divan::black_box("GET")).map(|found| found.parameters));
}
