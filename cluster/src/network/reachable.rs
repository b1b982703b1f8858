//! Where other nodes reach this one, when nobody has said it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

/// An address that is reserved for documentation (RFC 5737): the way to it is the way out of this machine.
const OUTSIDE: &str = "192.0.2.1:9";

/// The bound address, or, where that is all addresses, the one from which this machine speaks to the others.
///
/// The operating system is asked for its route to them, for which nothing is sent.
pub(crate) async fn reachable(bound: SocketAddr, others: &[String]) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    for other in others.iter().map(String::as_str).chain([OUTSIDE]) {
        if let Ok(source) = source_towards(other).await
            && !source.is_unspecified()
        {
            return SocketAddr::new(source, bound.port());
        }
    }
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port())
}

async fn source_towards(other: &str) -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(other).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_addresses_become_one_that_others_can_use() {
        let bound = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let towards = |other: &str| vec![other.to_owned()];
        assert_eq!(reachable(bound("127.0.0.5:1"), &[]).await, bound("127.0.0.5:1"));
        assert_eq!(reachable(bound("0.0.0.0:7"), &towards("127.0.0.1:9400")).await, bound("127.0.0.1:7"));
        let anywhere = reachable(bound("0.0.0.0:7"), &[]).await;
        assert!(!anywhere.ip().is_unspecified() && anywhere.port() == 7, "{anywhere}");
    }
}
