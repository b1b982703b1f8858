//! Last phase: the headers that the caller sees: renamed, dropped, completed.
//!
//! Source: the table of remapped headers in "Amazon API Gateway important notes", corrected by recordings (data-plane
//! reference, 11.2).

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER};
use http::{HeaderName, HeaderValue};

use super::integration_response::{Author, Mapped};
use super::journal;
use super::outcome::Outcome;
use crate::traffic::message::{Headers, Reply};

pub(super) fn finish(mapped: Mapped, outcome: &mut Outcome) -> Reply {
    let mut headers = Headers::with_capacity(16);
    for (name, value) in mapped.headers {
        match fate(&name, mapped.author) {
            Fate::Passes => headers.append(name, value),
            Fate::Renamed(name) => headers.append(name, value),
            Fate::Dropped => {}
        }
    }
    // AWS sends a type even where there is no body.
    if mapped.author == Author::Mapping && headers.last(&CONTENT_TYPE).is_none() {
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let reply = Reply { status: mapped.status, headers, body: mapped.body };
    journal::reply(outcome, &reply);
    reply
}

#[derive(Debug, PartialEq)]
enum Fate {
    Passes,
    Renamed(HeaderName),
    Dropped,
}

fn fate(name: &HeaderName, author: Author) -> Fate {
    let proxied = author != Author::Mapping;
    let renamed = |text| Fate::Renamed(HeaderName::from_static(text));
    match *name {
        CONNECTION => renamed("x-amzn-remapped-connection"),
        CONTENT_LENGTH => renamed("x-amzn-remapped-content-length"),
        DATE => renamed("x-amzn-remapped-date"),
        SERVER => renamed("x-amzn-remapped-server"),
        CONTENT_TYPE => Fate::Passes,
        _ => match name.as_str() {
            "transfer-encoding" | "keep-alive" | "proxy-connection" => Fate::Dropped,
            "via" if author == Author::Backend => Fate::Dropped,
            "expect" | "host" | "proxy-authenticate" | "trailer" | "upgrade" if proxied => Fate::Dropped,
            "www-authenticate" => renamed("x-amzn-remapped-www-authenticate"),
            "authorization" => renamed("x-amzn-remapped-authorization"),
            "user-agent" => renamed("x-amzn-remapped-user-agent"),
            "content-md5" => renamed("x-amzn-remapped-content-md5"),
            "max-forwards" => renamed("x-amzn-remapped-max-forwards"),
            "expect" => renamed("x-amzn-remapped-expect"),
            "host" => renamed("x-amzn-remapped-host"),
            "proxy-authenticate" => renamed("x-amzn-remapped-proxy-authenticate"),
            "trailer" => renamed("x-amzn-remapped-trailer"),
            "upgrade" => renamed("x-amzn-remapped-upgrade"),
            "x-amzn-requestid" if proxied => renamed("x-amzn-remapped-x-amzn-requestid"),
            "x-amzn-requestid" | "x-amz-apigw-id" => Fate::Dropped,
            _ => Fate::Passes,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_renamed_dropped_and_passed_as_the_table_has_it() {
        let passes = |_: &str| Fate::Passes;
        let renamed = |name: &str| {
            let name = format!("x-amzn-remapped-{name}");
            Fate::Renamed(HeaderName::from_bytes(name.as_bytes()).expect("a name"))
        };
        let dropped = |_: &str| Fate::Dropped;
        type Expect<'a> = &'a dyn Fn(&str) -> Fate;
        let rows: [(&str, Expect<'_>, Expect<'_>); 12] = [
            ("connection", &renamed, &renamed),
            ("content-length", &renamed, &renamed),
            ("date", &renamed, &renamed),
            ("server", &renamed, &renamed),
            ("www-authenticate", &renamed, &renamed),
            ("transfer-encoding", &dropped, &dropped),
            ("via", &passes, &dropped),
            ("host", &renamed, &dropped),
            ("content-encoding", &passes, &passes),
            ("content-type", &passes, &passes),
            ("x-custom", &passes, &passes),
            ("x-amzn-requestid", &dropped, &renamed),
        ];
        for (name, mapped, proxied) in rows {
            let header = HeaderName::from_static(name);
            assert_eq!(fate(&header, Author::Mapping), mapped(name), "{name} mapped");
            assert_eq!(fate(&header, Author::Backend), proxied(name), "{name} proxied");
            // Of a function's own fields one has another fate.
            let of_function = if name == "via" { Fate::Passes } else { proxied(name) };
            assert_eq!(fate(&header, Author::Function), of_function, "{name} of a function");
        }
    }
}
