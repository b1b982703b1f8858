//! An origin: whom a connection is made to.

/// Scheme, host and port of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the connection is TLS.
    pub secure: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as the `Host` header has them: without the scheme's own port.
    pub authority: String,
}

impl Origin {
    /// Splits a URI into its origin and the rest, path and query; `None` if nobody can be called by it.
    pub fn parse(uri: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = uri.split_once("://")?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_port(authority)?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
        if host.is_empty() || !host.bytes().all(legal) {
            return None;
        }
        let default = if secure { 443 } else { 80 };
        let port: u16 = match port {
            None => default,
            Some(text) => text.parse().ok().filter(|port| *port > 0)?,
        };
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let authority = if port == default { bracketed } else { format!("{bracketed}:{port}") };
        Some((Self { secure, host: host.to_owned(), port, authority }, path))
    }
}

/// `host`, `host:port` or `[address]:port`; user names are not taken.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port))),
        Some(_) => None,
        None => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_split_into_origin_and_path() {
        for (uri, expected) in [
            ("http://h/a?b", Some((false, "h", 80, "h", "/a?b"))),
            ("https://h", Some((true, "h", 443, "h", ""))),
            ("http://h:8080?q", Some((false, "h", 8080, "h:8080", "?q"))),
            ("http://[::1]:81/", Some((false, "::1", 81, "[::1]:81", "/"))),
            ("http://h:0/", None),
            ("http://h:99999/", None),
            ("http://h:x/", None),
            ("http://{host}/", None),
            ("http://user@h/", None),
            ("http:///a", None),
            ("ftp://h/", None),
            ("h/a", None),
        ] {
            let found = Origin::parse(uri);
            let found = found
                .as_ref()
                .map(|(origin, path)| (origin.secure, &*origin.host, origin.port, &*origin.authority, *path));
            assert_eq!(found, expected, "{uri}");
        }
    }
}
