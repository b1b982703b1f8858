//! From path and verb to a method, with API Gateway's precedence.
//!
//! The match is over path *and* verb together: a more specific resource that lacks the verb does not hide a less
//! specific one that has it. On each level a literal segment beats `{name}`, which beats `{name+}`; within a
//! resource a verb of its own beats `ANY`.

use super::Table;
use crate::model::rest::{PathPart, Verb};

/// A tree of path segments, with a `T` for each method.
#[derive(Debug)]
pub struct Router<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: Table<String, Node<T>>,
    variable: Option<Box<(String, Node<T>)>>,
    greedy: Option<Box<(String, Methods<T>)>>,
    methods: Methods<T>,
}

type Methods<T> = Vec<(Verb, T)>;

/// Values of path parameters by name, still encoded as they stood in the path.
pub type PathParameters = Vec<(String, String)>;

/// A method that was found.
#[derive(Debug, PartialEq)]
pub struct Found<'r, T> {
    /// The method.
    pub method: &'r T,
    /// The parameters of its path.
    pub parameters: PathParameters,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literals: Table::default(), variable: None, greedy: None, methods: Vec::new() }
    }
}

impl<T> Router<T> {
    /// Adds a method under a resource's path such as `/pets/{petId}`.
    pub fn insert(&mut self, path: &str, verb: Verb, method: T) {
        let mut node = &mut self.root;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            node = match PathPart::parse(part) {
                PathPart::Literal(text) => node.literals.entry(text.to_owned()).or_default(),
                PathPart::Variable(name) => {
                    &mut node.variable.get_or_insert_with(|| Box::new((name.to_owned(), Node::default()))).1
                }
                PathPart::Greedy(name) => {
                    // A greedy part is the last one, the control plane sees to that.
                    let greedy = node.greedy.get_or_insert_with(|| Box::new((name.to_owned(), Vec::new())));
                    greedy.1.push((verb, method));
                    return;
                }
            };
        }
        node.methods.push((verb, method));
    }

    /// Finds the method for a raw path and a verb.
    ///
    /// Slashes at the start and one at the end do not count; those inside a greedy match are kept.
    pub fn find<'r>(&'r self, path: &str, verb: &str) -> Option<Found<'r, T>> {
        let path = path.trim_start_matches('/');
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parameters = Vec::new();
        let verb = Verb::parse(verb).filter(|verb| *verb != Verb::Any)?;
        let rest = (!path.is_empty()).then_some(path);
        let method = self.root.find(rest, verb, &mut parameters)?;
        parameters.reverse();
        Some(Found { method, parameters })
    }
}

impl<T> Node<T> {
    /// Depth is bounded by the tree's, which the number of segments of a resource path bounds.
    fn find(&self, rest: Option<&str>, verb: Verb, parameters: &mut PathParameters) -> Option<&T> {
        let Some(rest) = rest else {
            return pick(&self.methods, verb);
        };
        let (segment, after) = match rest.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (rest, None),
        };
        if let Some(found) = self.literals.get(segment).and_then(|node| node.find(after, verb, parameters)) {
            return Some(found);
        }
        if let Some((name, node)) = self.variable.as_deref()
            && !segment.is_empty()
            && let Some(found) = node.find(after, verb, parameters)
        {
            parameters.push((name.clone(), segment.to_owned()));
            return Some(found);
        }
        let (name, methods) = self.greedy.as_deref().filter(|_| !rest.is_empty())?;
        let found = pick(methods, verb)?;
        parameters.push((name.clone(), rest.to_owned()));
        Some(found)
    }
}

fn pick<T>(methods: &Methods<T>, verb: Verb) -> Option<&T> {
    let with = |wanted| methods.iter().find(|(known, _)| *known == wanted).map(|(_, method)| method);
    with(verb).or_else(|| with(Verb::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resources: &[(&str, Verb)], request: (&str, &str), expected: Option<(&str, &[(&str, &str)])>) {
        for order in [false, true] {
            let mut router = Router::default();
            let mut resources = resources.to_vec();
            if order {
                resources.reverse();
            }
            for (path, verb) in resources {
                router.insert(path, verb, format!("{verb} {path}"));
            }
            let found = router.find(request.1, request.0);
            let found = found.as_ref().map(|found| {
                let parameters: Vec<_> =
                    found.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                (found.method.as_str(), parameters)
            });
            let expected = expected.map(|(method, parameters)| (method, parameters.to_vec()));
            assert_eq!(found, expected, "{request:?}");
        }
    }

    const GET: Verb = Verb::Get;

    #[test]
    fn the_most_specific_resource_wins_in_any_order_of_definition() {
        check(&[("/foo/{p}", GET), ("/foo/bar", GET)], ("GET", "/foo/bar"), Some(("GET /foo/bar", &[])));
        check(&[("/foo/bar", GET), ("/foo/{x+}", GET)], ("GET", "/foo/bar"), Some(("GET /foo/bar", &[])));
        check(
            &[("/foo/bar", GET), ("/foo/{x+}", GET)],
            ("GET", "/foo/bar/baz"),
            Some(("GET /foo/{x+}", &[("x", "bar/baz")])),
        );
        check(
            &[("/{proxy+}", GET), ("/foo/{proxy+}", GET)],
            ("GET", "/foo/bar/baz"),
            Some(("GET /foo/{proxy+}", &[("proxy", "bar/baz")])),
        );
        check(&[("/{a}/{b}", GET), ("/{a}/bar", GET)], ("GET", "/foo/bar"), Some(("GET /{a}/bar", &[("a", "foo")])));
        check(
            &[("/foo/{a}/{b}", GET), ("/foo/{a}/baz", GET)],
            ("GET", "/foo/x/baz"),
            Some(("GET /foo/{a}/baz", &[("a", "x")])),
        );
        check(&[("/{proxy+}", GET)], ("GET", "/"), None);
        check(&[("/", GET)], ("GET", "/"), Some(("GET /", &[])));
        check(&[("/", GET)], ("GET", ""), Some(("GET /", &[])));
    }

    #[test]
    fn a_resource_without_the_verb_does_not_hide_one_that_has_it() {
        let api = [("/{proxy+}", Verb::Options), ("/foo", Verb::Post), ("/foo/bar", Verb::Any)];
        check(&api, ("GET", "/foo"), None);
        check(&api, ("OPTIONS", "/foo"), Some(("OPTIONS /{proxy+}", &[("proxy", "foo")])));
        check(&api, ("POST", "/foo"), Some(("POST /foo", &[])));
        check(&api, ("OPTIONS", "/foo/bar"), Some(("ANY /foo/bar", &[])));
        check(&[("/a", Verb::Any), ("/a", GET)], ("GET", "/a"), Some(("GET /a", &[])));
        check(&[("/a", GET)], ("HEAD", "/a"), None);
        check(&[("/a", Verb::Any)], ("BREW", "/a"), None);
        check(&[("/a", Verb::Any)], ("ANY", "/a"), None);
    }

    #[test]
    fn slashes_and_escapes_stay_as_they_were_sent() {
        let api = [("/p/{x+}", GET), ("/q/{id}", GET)];
        check(&api, ("GET", "/p/a/"), Some(("GET /p/{x+}", &[("x", "a")])));
        check(&api, ("GET", "//p/a//b"), Some(("GET /p/{x+}", &[("x", "a//b")])));
        check(&api, ("GET", "/q/a%2Fb"), Some(("GET /q/{id}", &[("id", "a%2Fb")])));
        check(&api, ("GET", "/q/x/"), Some(("GET /q/{id}", &[("id", "x")])));
        check(&api, ("GET", "/Q/x"), None);
        check(&api, ("GET", "/q//"), None);
        check(&api, ("GET", "/p//"), None);
        check(&api, ("GET", "/p///"), Some(("GET /p/{x+}", &[("x", "/")])));
    }
}
