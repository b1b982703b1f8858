//! Where a load goes and the bytes that are sent there, again and again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use reqwest::Url;

/// An address of this machine and the request for it.
#[derive(Debug)]
pub(crate) struct Target {
    /// The address to connect to.
    pub(crate) address: SocketAddr,
    /// The whole request, ready to be written.
    pub(crate) request: Vec<u8>,
}

impl Target {
    /// Reads a URL, which must be `http` on a loopback address: this tool loads nobody else's machine.
    pub(crate) fn parse(
        url: &str,
        host: Option<&str>,
        headers: &[String],
        body: Option<&str>,
    ) -> anyhow::Result<Target> {
        let parsed = Url::parse(url).with_context(|| format!("{url:?} is not a URL"))?;
        anyhow::ensure!(parsed.scheme() == "http", "only http can be loaded, not {url:?}");
        let name = parsed.host_str().unwrap_or_default();
        let address = match name {
            "localhost" => Some(IpAddr::from(Ipv4Addr::LOCALHOST)),
            name => name.trim_matches(['[', ']']).parse().ok(),
        };
        let address = address.filter(IpAddr::is_loopback);
        let address = address.with_context(|| format!("only loopback addresses can be loaded, not {name:?}"))?;
        let port = parsed.port_or_known_default().context("the URL has no port")?;
        let address = SocketAddr::new(address, port);

        let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
        let host = host.map_or_else(|| address.to_string(), str::to_owned);
        let verb = if body.is_some() { "POST" } else { "GET" };
        let mut request = format!("{verb} {}{query} HTTP/1.1\r\nHost: {}\r\n", parsed.path(), line(&host)?);
        for header in headers {
            let (name, value) = header.split_once(':').with_context(|| format!("{header:?} is not `Name: value`"))?;
            request.push_str(&format!("{}: {}\r\n", line(name)?, line(value.trim())?));
        }
        if let Some(body) = body {
            request.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        Ok(Target { address, request: request.into_bytes() })
    }
}

fn line(text: &str) -> anyhow::Result<&str> {
    anyhow::ensure!(!text.chars().any(char::is_control), "{text:?} has a control character");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_has_path_query_host_and_headers() {
        let target = Target::parse("http://127.0.0.1:81/a?b=1", None, &["X-A: 1".into(), "x-b:2".into()], None);
        let target = target.expect("valid");
        assert_eq!(target.address, SocketAddr::from((Ipv4Addr::LOCALHOST, 81)));
        let request = String::from_utf8(target.request).expect("text");
        assert_eq!(request, "GET /a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:81\r\nX-A: 1\r\nx-b: 2\r\n\r\n");
    }

    #[test]
    fn a_body_is_posted() {
        let target = Target::parse("http://127.0.0.1/a", None, &[], Some("{}")).expect("valid");
        let request = String::from_utf8(target.request).expect("text");
        let head = "POST /a HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nContent-Length: 2";
        assert_eq!(request, format!("{head}\r\n\r\n{{}}"));
    }

    #[test]
    fn host_can_be_another() {
        let target = Target::parse("http://localhost", Some("api.example"), &[], None).expect("valid");
        assert_eq!(target.address.port(), 80);
        assert_eq!(target.request, b"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n");
        assert!(Target::parse("http://[::1]:8080/", None, &[], None).is_ok());
    }

    #[test]
    fn other_machines_other_schemes_and_odd_headers_are_refused() {
        let message =
            |url, headers: &[String]| Target::parse(url, None, headers, None).expect_err("refused").to_string();
        assert!(message("http://192.0.2.1/", &[]).contains("loopback"));
        assert!(message("http://example.com/", &[]).contains("loopback"));
        assert!(message("https://127.0.0.1/", &[]).contains("only http"));
        assert!(message("nonsense", &[]).contains("not a URL"));
        assert!(message("http://127.0.0.1/", &["no colon".into()]).contains("Name: value"));
        assert!(message("http://127.0.0.1/", &["A: b\r\nC: d".into()]).contains("control"));
    }
}
