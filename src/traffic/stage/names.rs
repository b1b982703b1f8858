//! Where requests find what a custom domain name serves: by host and base path, without a lock.
//!
//! Source: data-plane reference, 20.1. Private domain names are not served: nothing here can tell from which VPC
//! endpoint a caller comes.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use percent_encoding::percent_decode_str;

use super::Table;
use crate::model::id::{ApiId, StageName};
use crate::model::rest::{BasePathMapping, DomainName, RoutingMode};

/// All custom domain names that this node serves. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Names {
    hosts: Arc<ArcSwap<Hosts>>,
}

#[derive(Clone, Default)]
struct Hosts {
    /// By the whole name.
    exact: Table<String, Arc<Served>>,
    /// `*.example.com` by what is behind its first label.
    wild: Table<String, Arc<Served>>,
}

/// What a domain name serves.
#[derive(Debug, Default)]
pub struct Served {
    /// Callers must show a certificate, which nobody here asks them for.
    needs_certificate: bool,
    /// By their base paths, the empty one among them.
    targets: Table<String, Target>,
    /// The longest base path has so many segments.
    depth: usize,
}

#[derive(Debug)]
struct Target {
    api: ApiId,
    stage: Option<StageName>,
}

/// Where a path of a domain name leads.
#[derive(Debug, PartialEq)]
pub struct Place<'a> {
    /// The API.
    pub api: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// The path within the stage, raw; empty or with slashes at its start.
    pub path: &'a str,
}

impl Names {
    /// What a host serves, if it is a custom domain name: its own name wins over a wildcard that covers it.
    pub fn find(&self, host: &str) -> Option<Arc<Served>> {
        let hosts = self.hosts.load();
        if hosts.exact.is_empty() && hosts.wild.is_empty() {
            return None;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        };
        let covered = || hosts.wild.get(host.split_once('.')?.1);
        hosts.exact.get(&*host).or_else(covered).map(Arc::clone)
    }

    /// Puts what one name serves in the place of what it served before; nothing, if it is gone. Only the keeper does.
    pub(super) fn publish(&self, name: &str, served: Option<Served>) {
        let mut hosts = Hosts::clone(&self.hosts.load());
        hosts.set(name, served);
        self.hosts.store(Arc::new(hosts));
    }

    /// Puts these names in the place of all.
    pub(super) fn publish_all(&self, all: impl IntoIterator<Item = (String, Served)>) {
        let mut hosts = Hosts::default();
        for (name, served) in all {
            hosts.set(&name, Some(served));
        }
        self.hosts.store(Arc::new(hosts));
    }
}

impl Hosts {
    fn set(&mut self, name: &str, served: Option<Served>) {
        let (hosts, name) = match name.strip_prefix("*.") {
            Some(rest) => (&mut self.wild, rest),
            None => (&mut self.exact, name),
        };
        match served {
            Some(served) => hosts.insert(name.to_owned(), Arc::new(served)),
            None => hosts.remove(name),
        };
    }
}

impl Served {
    /// What a domain name with these mappings serves. Where rules alone decide, of which there are none yet, that is
    /// nothing.
    pub(super) fn new(domain: &DomainName, mappings: Vec<BasePathMapping>) -> Self {
        let mappings = if domain.routing_mode == RoutingMode::RoutingRuleOnly { Vec::new() } else { mappings };
        let depth = mappings.iter().map(|mapping| mapping.base_path.split('/').count()).max().unwrap_or_default();
        let target = |it: BasePathMapping| (it.base_path, Target { api: it.api, stage: it.stage });
        let targets = mappings.into_iter().map(target).collect();
        Self { needs_certificate: domain.mutual_tls.is_some(), targets, depth }
    }

    /// Whether callers must show a certificate.
    pub fn needs_certificate(&self) -> bool {
        self.needs_certificate
    }

    /// Where a raw path leads: by the longest base path that its segments begin with, or by the empty one. Without a stage
    /// in the mapping the next segment names it.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Place<'a>> {
        let (target, rest) = self.longest(path).or_else(|| Some((self.targets.get("")?, path)))?;
        let (stage, path) = match &target.stage {
            Some(stage) => (stage.as_str(), rest),
            None => first_segment(rest),
        };
        Some(Place { api: target.api.as_str(), stage, path })
    }

    fn longest<'a>(&'a self, path: &'a str) -> Option<(&'a Target, &'a str)> {
        let path = path.trim_start_matches('/');
        (1..=self.depth).rev().find_map(|depth| {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            let (base, rest) = path.split_at(ends.into_iter().nth(depth - 1)?);
            if base.is_empty() {
                return None;
            }
            let target = self.targets.get(&*percent_decode_str(base).decode_utf8_lossy())?;
            Some((target, rest))
        })
    }
}

/// Splits a path after its first segment; slashes before it do not count.
pub fn first_segment(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    path.split_at(path.find('/').unwrap_or(path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(mappings: &[(&str, Option<&str>)]) -> Served {
        let target = |(base_path, stage): &(&str, Option<&str>)| {
            let api = ApiId::new(format!("api-{base_path}"));
            ((*base_path).to_owned(), Target { api, stage: stage.map(StageName::new) })
        };
        let depth = mappings.iter().map(|(base_path, _)| base_path.split('/').count()).max().unwrap_or_default();
        Served { needs_certificate: false, targets: mappings.iter().map(target).collect(), depth }
    }

    #[test]
    fn the_longest_base_path_is_taken_off() {
        let domain = served(&[
            ("", Some("root")),
            ("v1", Some("prod")),
            ("free", None),
            ("orders/shop", Some("shop")),
            ("a'b", Some("odd")),
        ]);
        for (path, expected) in [
            ("/v1/pets", ("api-v1", "prod", "/pets")),
            ("/v1", ("api-v1", "prod", "")),
            ("/v1/", ("api-v1", "prod", "/")),
            ("//v1//pets", ("api-v1", "prod", "//pets")),
            ("/v1more/pets", ("api-", "root", "/v1more/pets")),
            ("/V1/pets", ("api-", "root", "/V1/pets")),
            ("/", ("api-", "root", "/")),
            ("", ("api-", "root", "")),
            ("/free/test/pets", ("api-free", "test", "/pets")),
            ("/free", ("api-free", "", "")),
            ("/orders/shop/5", ("api-orders/shop", "shop", "/5")),
            ("/orders/5", ("api-", "root", "/orders/5")),
            ("/a%27b/c", ("api-a'b", "odd", "/c")),
        ] {
            let (api, stage, path_within) = expected;
            assert_eq!(domain.find(path), Some(Place { api, stage, path: path_within }), "{path}");
        }
        let without_root = served(&[("v1", Some("prod"))]);
        assert_eq!(without_root.find("/v2/pets"), None);
        assert_eq!(without_root.find("/"), None);
        assert_eq!(Served::default().find("/v1"), None);
    }

    #[test]
    fn a_name_wins_over_the_wildcard_that_covers_it() {
        let names = Names::default();
        assert!(names.find("a.example.com").is_none());
        names.publish_all([
            ("*.example.com".to_owned(), served(&[("wild", None)])),
            ("a.example.com".to_owned(), served(&[("exact", None)])),
        ]);
        let found = |host: &str| {
            let served = names.find(host)?;
            served.targets.keys().next().cloned()
        };
        for (host, expected) in [
            ("a.example.com", Some("exact")),
            ("A.Example.COM.", Some("exact")),
            ("b.example.com", Some("wild")),
            ("a.b.example.com", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(found(host).as_deref(), expected, "{host}");
        }
        names.publish("a.example.com", None);
        assert_eq!(found("a.example.com").as_deref(), Some("wild"));
        names.publish("*.example.com", None);
        assert_eq!(found("a.example.com"), None);
    }
}
