//! Routes and paths at random: the router finds what a plain reading of API Gateway's rules finds.

use crate::fuzz::{Dice, Target};
use crate::model::rest::{PathPart, Verb};

use super::{PathParameters, Router};

const WORDS: &[&str] =
    &["/", "//", "{a}", "{a+}", "{", "}", "+", "a", "b", "%2F", "GET ", "ANY ", "POST ", "\n", "\n\n", " ", "é"];
const VERBS: &[&str] = &["GET", "POST", "ANY", "OPTIONS", "HEAD", "get", "BREW"];

fn path(dice: &mut Dice, parts: &[&'static str]) -> String {
    let end = dice.word(&["", "", "", "/", "//"]);
    let start = dice.word(&["/", "/", "/", "//", ""]);
    format!("{start}{}{end}", dice.several(5, "/", |dice| dice.word(parts).to_owned()))
}

/// A verb and a resource's path a line; behind an empty line a verb and a request's path a line.
fn grammar(dice: &mut Dice) -> Vec<u8> {
    let resource =
        |dice: &mut Dice| format!("{} {}", dice.word(VERBS), path(dice, &["a", "b", "c", "{v}", "{v}", "{g+}", "é"]));
    let request =
        |dice: &mut Dice| format!("{} {}", dice.word(VERBS), path(dice, &["a", "b", "c", "d", "", "%2F", "é", "{v}"]));
    format!("{}\n\n{}", dice.several(12, "\n", resource), dice.several(8, "\n", request)).into_bytes()
}

/// A resource's path as the control plane lets it be: parameters on one level have one name, and a greedy one is last.
fn resource(text: &str) -> String {
    let mut path = String::new();
    for (level, part) in text.split('/').filter(|part| !part.is_empty()).enumerate() {
        match PathPart::parse(part) {
            PathPart::Literal(text) => path += &format!("/{text}"),
            PathPart::Variable(_) => path += &format!("/{{v{level}}}"),
            PathPart::Greedy(_) => return path + &format!("/{{g{level}+}}"),
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

/// How well a resource matches, level by level and less being better, and its parameters; nothing if it doesn't.
fn matched(resource: &str, path: &str) -> Option<(Vec<u8>, PathParameters)> {
    let parts: Vec<&str> = resource.split('/').filter(|part| !part.is_empty()).collect();
    let path = path.trim_start_matches('/');
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    let (mut kinds, mut parameters) = (Vec::new(), Vec::new());
    for (at, part) in parts.iter().enumerate() {
        match PathPart::parse(part) {
            PathPart::Literal(text) if segments.get(at) == Some(&text) => kinds.push(0),
            PathPart::Literal(_) => return None,
            PathPart::Variable(name) => {
                let segment = segments.get(at).filter(|segment| !segment.is_empty())?;
                parameters.push((name.to_owned(), (*segment).to_owned()));
                kinds.push(1);
            }
            PathPart::Greedy(name) => {
                let rest = segments.get(at..)?.join("/");
                parameters.push((name.to_owned(), rest.clone()));
                kinds.push(2);
                return (!rest.is_empty()).then_some((kinds, parameters));
            }
        }
    }
    (parts.len() == segments.len()).then_some((kinds, parameters))
}

/// The best of all methods that match, by a look at each.
fn expected<'m>(methods: &'m [(String, Verb)], path: &str, verb: &str) -> Option<(&'m (String, Verb), PathParameters)> {
    let verb = Verb::parse(verb).filter(|verb| *verb != Verb::Any)?;
    let fitting = methods.iter().filter(|(_, known)| *known == verb || *known == Verb::Any);
    let candidates = fitting.filter_map(|method| matched(&method.0, path).map(|(kinds, found)| (method, kinds, found)));
    let best = candidates.min_by_key(|(method, kinds, _)| (kinds.clone(), method.1 == Verb::Any));
    best.map(|(method, _, parameters)| (method, parameters))
}

fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (resources, requests) = text.split_once("\n\n").unwrap_or((&text, "GET /"));
    let mut methods: Vec<(String, Verb)> = Vec::new();
    for line in resources.lines() {
        let Some((verb, path)) = line.split_once(' ') else { continue };
        let Some(verb) = Verb::parse(verb) else { continue };
        let method = (resource(path), verb);
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    let mut routers = [Router::default(), Router::default()];
    methods.iter().for_each(|method| routers[0].insert(&method.0, method.1, method));
    methods.iter().rev().for_each(|method| routers[1].insert(&method.0, method.1, method));
    for line in requests.lines() {
        let (verb, path) = line.split_once(' ').unwrap_or(("GET", line));
        let expected = expected(&methods, path, verb);
        for router in &routers {
            let found = router.find(path, verb).map(|found| (*found.method, found.parameters));
            assert_eq!(found, expected, "{line}");
        }
    }
}

#[test]
fn routes() {
    Target { name: "routes", cases: 3000, words: WORDS, grammar, check }.run();
}
