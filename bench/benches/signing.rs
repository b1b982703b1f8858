//! A call of an AWS service with a body of 1 KB, signed. Accepted figures: `README.md`, "Small pieces".

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use turnpike::observe::clock::Clock;
use turnpike::traffic::integration::aws::{As, Aws, Environment};
use turnpike::traffic::integration::{Upstream, http1};
use turnpike::traffic::message::{Body, Headers};

/// That of a node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    divan::main();
}

/// By keys that are good for ever.
#[divan::bench]
fn dynamodb(bencher: Bencher<'_, '_>) {
    sign(bencher, "dynamodb", "/?Action=PutItem", "");
}

/// With a session's token, by S3's rules.
#[divan::bench]
fn s3(bencher: Bencher<'_, '_>) {
    sign(bencher, "s3", "/bucket/pictures/2026/front%20door.png?acl=", &"IQoJb3JpZ2luX2Vj/".repeat(50));
}

fn sign(bencher: Bencher<'_, '_>, service: &str, target: &str, token: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let environment = Environment::from([
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("AWS_SESSION_TOKEN", token),
    ]);
    let tls = Upstream::of_this_machine().expect("TLS");
    let aws = Aws::new(environment, "us-east-1", Clock::system(), Arc::clone(tls.plain()));
    let origin = Arc::clone(&aws.endpoint(service, "us-east-1").expect("an endpoint").origin);
    let body = Bytes::from(vec![b'x'; 1024]);
    let call = || {
        let mut headers = Headers::with_capacity(16);
        for (name, value) in [
            (ACCEPT, "application/json"),
            (CONTENT_TYPE, "application/x-amz-json-1.0"),
            (USER_AGENT, "AmazonAPIGateway_a1b2c3d4e5"),
            (HeaderName::from_static("x-amzn-apigateway-api-id"), "a1b2c3d4e5"),
            (HeaderName::from_static("x-amzn-trace-id"), "Root=1-6b07491f-411f367f112d840e00cd4a78"),
            (HeaderName::from_static("x-amz-target"), "DynamoDB_20120810.PutItem"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        http1::Call {
            origin: Arc::clone(&origin),
            tls: None,
            method: Method::POST,
            target: target.to_owned(),
            headers,
            body: Body::Whole(body.clone()),
            timeout: Duration::from_secs(29),
        }
    };
    // The first one looks for the credentials.
    runtime.block_on(aws.sign(&mut call(), service, "us-east-1", As::Node)).expect("credentials");
    bencher.with_inputs(call).bench_local_values(|mut call| {
        runtime.block_on(aws.sign(&mut call, service, "us-east-1", As::Node)).expect("a signature");
        call
    });
}
