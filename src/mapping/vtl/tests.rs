//! Templates as data, the limits of renderings, and text at random.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::mapping::input::{Input, Parameters};
use crate::mapping::util::Util;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates")
}

fn json_file(name: &str) -> Json {
    let text = std::fs::read_to_string(folder().join(name)).expect("the file is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// A value as Java has it, apart from a body.
fn plain(json: &Json) -> Value {
    match json {
        Json::Array(items) => Value::list(items.iter().map(plain).collect(), Style::Java),
        Json::Object(members) => {
            Value::Map(Map::new(members.iter().map(|(name, value)| (name.as_str().into(), plain(value))), Style::Java))
        }
        other => Value::from(other),
    }
}

/// The variables that all cases have, and `$input`.
fn variables(input: &str, parameters: &str) -> Vec<(String, Value)> {
    let given: Json = serde_json::from_str(if parameters.is_empty() { "{}" } else { parameters }).expect("JSON");
    let pairs = |place: &str| {
        let members = given[place].as_object().into_iter().flatten();
        members.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
    };
    let parameters = Parameters { path: pairs("path"), querystring: pairs("querystring"), header: pairs("header") };
    let Json::Object(members) = json_file("variables.json") else { panic!("variables have names") };
    let mut variables: Vec<_> = members.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    variables.push(("input".to_owned(), Input::value(Bytes::from(input.to_owned()), None, Rc::new(parameters))));
    variables.push(("util".to_owned(), Util::value()));
    variables.push(("context".to_owned(), plain(&json_file("context.json"))));
    variables
}

fn render(template: &str, variables: &[(String, Value)], limits: &Limits) -> Result<String, Error> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    Template::parse(template)?.render(&variables, limits)
}

/// The parts of a case by their names; `tests/templates/README.md` tells what they are.
fn parts(case: &str) -> HashMap<&str, &str> {
    let mut parts = HashMap::new();
    let (title, mut rest) = case.split_once('\n').expect("a title");
    parts.insert("title", title);
    let mut name = "template";
    while let Some((part, next)) = rest.split_once("\n---- ") {
        parts.insert(name, part);
        (name, rest) = next.split_once('\n').unwrap_or((next, ""));
    }
    parts.insert(name, rest.strip_suffix('\n').unwrap_or(rest));
    parts
}

#[test]
fn cases_render_as_they_say() {
    let files = std::fs::read_dir(folder()).expect("the folder is there").map(|file| file.expect("a file").path());
    let mut wrong = String::new();
    let mut count = 0;
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "cases")) {
        let text = std::fs::read_to_string(&file).expect("a text");
        let name = file.file_stem().expect("a name").to_string_lossy();
        for case in text.strip_prefix("==== ").expect("a case").split("\n==== ") {
            let parts = parts(case);
            let part = |name: &str| parts.get(name).copied().unwrap_or_default();
            let template = part("template").replace("<CR>", "\r");
            let rendered = render(&template, &variables(part("input"), part("parameters")), &Limits::default());
            let (kind, actual) = match rendered {
                Ok(output) => ("output", output.replace('\r', "<CR>")),
                Err(error) => ("error", error.to_string()),
            };
            count += 1;
            if parts.get(kind) != Some(&actual.as_str()) {
                writeln!(wrong, "{name}: {}\n{kind}: {actual}\n", part("title")).expect("written");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 100, "only {count} cases were found");
}

#[test]
fn limits_end_what_would_not_end() {
    let small = Limits { steps: 10_000, iterations: 100, depth: 50, output: 10_000 };
    let long = format!("#set($a = 1{})$a", " + 1".repeat(70_000));
    for (template, expected) in [
        ("#macro(m)#m()#end#m()", "blocks and expressions in each other"),
        ("#macro(m)#if($t)x#m()#end#end#m()", "blocks and expressions in each other"),
        ("#define($d)$d#end$d", "blocks and expressions in each other"),
        ("#define($a)$b#end#define($b)$a#end$a", "blocks and expressions in each other"),
        ("#foreach($i in [1..101])x#end", "a range has at most 100 numbers"),
        ("#foreach($i in $s.repeat(101).toCharArray())x#end", "a `#foreach` runs at most 100 times"),
        ("#foreach($i in [1..100])#foreach($j in [1..100])#set($x = $i)#end#end", "more than 10000 steps"),
        ("#foreach($i in [1..100])#foreach($j in [1..100])$s.repeat(9)#end#end", "more than 10000"),
        ("$s.repeat(10000)", "more than 10000 bytes"),
        ("#foreach($i in [1..100])#set($s = $s + $s)#end", "a text has more than 10000 bytes"),
        ("#foreach($i in [1..100])#set($s = \"$s$s\")#end", "more than 10000 bytes"),
        ("#foreach($i in [1..100])#set($s = $s.concat($s))#end", "a text has more than 10000 bytes"),
        ("#foreach($i in [1..100])#set($s = $s.replace(\"s\", \"sss\"))#end", "a text has more than 10000 bytes"),
        (
            "#foreach($i in [1..100])#set($s = $s.replaceAll(\"(s)\", '$1$1$1$1'))#end",
            "a text has more than 10000 bytes",
        ),
        ("#foreach($i in [1..100])#set($x = $l.addAll($l))#end", "a list has more than 1000000 items"),
        // Two of the one before in each: what it renders to doubles each time.
        ("#foreach($i in [1..90])#set($l = [$l, $l])#end$l", "more than 10000"),
        (
            "#foreach($i in [1..90])#set($l = [$l, $l])#end#foreach($i in [1..90])#if($l == [$l])#end#end",
            "more than 10000 steps",
        ),
        (long.as_str(), ""),
    ] {
        let limits = if expected.is_empty() || expected.ends_with("items") { Limits::default() } else { small };
        match render(template, &variables("", ""), &limits) {
            Ok(output) => assert!(expected.is_empty(), "{template} gives {output}"),
            Err(error) => {
                assert!(!expected.is_empty() && error.message.contains(expected), "{template}: {error}");
            }
        }
    }
}

#[test]
fn values_that_are_nested_deep_are_taken_apart() {
    let deep = "#foreach($i in [1..1000])#foreach($j in [1..100])#set($l = [$l])#end#end";
    let entries = "#foreach($i in [1..1000])#foreach($j in [1..20])#set($m = {\"k\": $m.entrySet()})#end#end";
    for template in [deep, entries] {
        render(template, &variables("", ""), &Limits::default()).expect("rendered");
    }
}

/// Workers render the same template at the same time.
#[test]
fn templates_are_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Template>();
}

/// What is made when it is looked into is the same for all who look, before and after.
#[test]
fn lists_and_maps_that_are_made_late_are_shared() {
    let body = r#"{"a": {"b": {"c": 1}}, "l": [{"d": 2}], "n": null, "t": "x"}"#;
    let parameters = r#"{"querystring": {"q": "1", "r": "2"}, "header": {"H": "h"}}"#;
    for (template, expected) in [
        ("#set($x = $j.a.b.put('e', 3))$j.a.b.e $j", r#"3 {a={b={c=1, e=3}}, l=[{"d":2}], n=null, t=x}"#),
        ("#set($a = $j.a)#set($x = $j.keySet())#set($a.b = 4)$j.a", "{b=4}"),
        ("#set($a = $j.a)#set($j.a = 5)$j.a $a", "5 {b={c=1}}"),
        ("#set($x = $j.l.add($j.a))$j.l.size() $j.l[1].b.c $j.l", r#"2 1 [{"d":2},{"b":{"c":1}}]"#),
        ("#foreach($i in $j.l)#set($i.d = 6)#end$j.l $input.path('$.l')", r#"[{"d":6}] [{"d":2}]"#),
        ("$j.size() $j.isEmpty() $j.containsKey('n') $j.keySet() $!j.n$!j.o", "4 false true [a, l, n, t] "),
        ("$input.params().querystring.keySet() $input.params().querystring.size()", "[q, r] 2"),
        ("#set($x = $input.params().querystring.put('s', '3'))$input.params().querystring", "{q=1, r=2, s=3}"),
        ("$input.params()", "{path={}, querystring={q=1, r=2}, header={H=h}}"),
        ("$input.params().header.get('H')$!input.params().header.get('h')$!input.params().cookie", "h"),
        ("#foreach($i in ['a', 'b'])#if($i == 'a')#set($f = $foreach)#end$f.index#end$f.hasNext", "00true"),
        ("#foreach($i in ['a', 'b'])#set($f = $foreach)#set($foreach = 0)#end$f.index", "1"),
    ] {
        let template = format!("#set($j = $input.path('$')){template}");
        assert_eq!(render(&template, &variables(body, parameters), &Limits::default()).as_deref(), Ok(expected));
    }
}

#[test]
fn nothing_holds_itself() {
    for template in [
        "#set($m.self = $m)",
        "#set($m[\"self\"] = [$m])",
        "$l.add($l)",
        "$l.add({\"a\": [1, $l]})",
        "$l.set(0, [$l])",
        "$m.put(\"k\", $m.entrySet())#set($x = {\"m\": $m})$m.put(\"x\", $x)",
        "#set($x = {\"a\": $m})$m.put(\"e\", $x.entrySet())",
        "#set($x = [[$l]])$l.addAll($x)",
        "#set($x = {\"a\": {\"b\": $m}})$m.putAll($x)",
        "#set($foreach = $m)#foreach($i in $l)#set($m.loop = $foreach)#end",
        "#set($j = $input.path('$'))#set($j.self = $j)",
        "#set($j = $input.path('$.o'))#set($a = $j.a)#set($a.up = $j)",
        "#set($j = $input.path('$.o'))#set($a = $j.a)#set($x = $a.put(\"up\", [$j]))",
        "#set($p = $input.params())#set($p.input = $input)",
    ] {
        let body = r#"{"a": [], "o": {"a": {}}}"#;
        let error = render(template, &variables(body, ""), &Limits::default()).expect_err(template);
        assert_eq!(error.message, "a list or map can't hold itself", "{template}");
    }
    for template in ["$l.addAll($l)", "$m.putAll($m)", "#set($m.l2 = $m.l)#set($m.x = [$l, $l])$m.put(\"y\", $m.x)"] {
        render(template, &variables("", ""), &Limits::default()).expect("rendered");
    }
}

/// Twice as deep as a stack goes.
#[test]
fn values_that_hold_each_other_in_a_long_row_are_rendered_and_taken_apart() {
    let over_and_over = |body: &str| format!("#foreach($i in [1..1000])#foreach($j in [1..40]){body}#end#end");
    for wrapped in [
        "#set($x = {'a': $v})#set($v = $x.entrySet().get(0))",
        "#set($x = {'a': $v})#set($v = $x.entrySet())",
        "#set($foreach = $v)#foreach($k in [1])#set($v = $foreach)#end",
    ] {
        for shown in ["", "$v", "$v.toString().length()", "$n.equals($v)", "$m.put($v, 1)"] {
            let template = format!("{}{shown}", over_and_over(wrapped));
            render(&template, &variables("", ""), &Limits::default()).expect(&template);
        }
    }
    // Lists of a body render as JSON, and what is in them as JSON texts.
    let wrapped =
        "#set($x = {'a': $v})#set($l = $util.parseJson('[]'))#set($y = $l.add($x.entrySet().get(0)))#set($v = $l)";
    let template = format!("#foreach($i in [1..1000]){wrapped}#end$v");
    render(&template, &variables("", ""), &Limits::default()).expect(&template);
}

#[test]
fn a_map_may_be_its_own_key() {
    for template in ["$m.remove($m)", "$m.put($m, 1)$m.get($m)", "#set($m[$m] = 1)", "$l.remove($l)", "$l.contains($l)"]
    {
        render(template, &variables("", ""), &Limits::default()).expect(template);
    }
}

#[test]
fn places_at_the_end_of_all_numbers_are_none() {
    for template in ["$s.charAt(9223372036854775807)", "$s.substring(9223372036854775807)", "$l[-9223372036854775808]"]
    {
        render(template, &variables("", ""), &Limits::default()).expect_err(template);
    }
}

#[test]
fn large_values_are_no_cheap_keys() {
    let limits = Limits { steps: 20_000, ..Limits::default() };
    for used in [
        "$m[$v]",
        "$m.get($v)",
        "$m.getOrDefault($v, 1)",
        "$m.put($v, 1)",
        "$m.remove($v)",
        "$s.startsWith($v)",
        "$s.equalsIgnoreCase($v)",
        "$s.replace('x', $v)",
        "$util.noSuch($v)",
        "#set($x = {$v: 1})",
        "#set($m[$v] = 1)",
    ] {
        // 150 kB as a text.
        let template =
            format!("#foreach($i in [1..15])#set($v = [$v, $v])#end#foreach($i in [1..900])#if($i > 0){used}#end#end");
        let error = render(&template, &variables("", ""), &limits).expect_err(used);
        assert_eq!(error.message, "the template takes more than 20000 steps", "{used}");
    }
}

#[test]
fn patterns_that_look_often_cost_more() {
    let limits = Limits { steps: 20_000, ..Limits::default() };
    let body = "a".repeat(200_000);
    for (pattern, expected) in [("(a{100}){100}", false), ("a{2}", true), ("[a-c]+", true), ("a{b}{", true)] {
        let template = format!("#set($x = $body.replaceAll('{pattern}', 'b'))");
        let template = Template::parse(&template).expect("a template");
        let rendered = template.render(&[("body", body.as_str().into())], &limits);
        let is_too_much = rendered.is_err_and(|error| error.message.contains("more than 20000 steps"));
        assert_eq!(!is_too_much, expected, "{pattern}");
    }
}

#[test]
fn steps_bound_the_memory() {
    let limits = Limits { steps: 50_000, ..Limits::default() };
    let large =
        "#set($t = $s.repeat(20000))#set($x = $t.split(''))#set($y = {})#foreach($i in [1..1000])$y.put($i, 1)#end";
    for made in ["$t.split('')", "$t.split('(?:)')", "$t.toCharArray()", "$y.entrySet()", "$y.keySet()", "$y.values()"]
    {
        let template = format!("{large}#foreach($i in [1..1000])#set($kept = $l.add({made}))#end");
        let error = render(&template, &variables("", ""), &limits).expect_err(made);
        assert_eq!(error.message, "the template takes more than 50000 steps", "{made}");
    }
    let template = "#set($t = $s.repeat(2000000))#set($x = $t.split(''))";
    let error = render(template, &variables("", ""), &Limits::default()).expect_err(template);
    assert_eq!(error.message, "a list has more than 1000000 items");
}

#[test]
fn no_output_is_longer_than_its_limit() {
    let limits = Limits { output: 10, ..Limits::default() };
    for template in ["eleven sign", "#if(true)eleven#end sign", "$n eleven si"] {
        let error = render(template, &variables("", ""), &limits).expect_err(template);
        assert!(error.message.ends_with("has more than 10 bytes"), "{error}");
    }
    assert_eq!(render("ten signs!", &variables("", ""), &limits).as_deref(), Ok("ten signs!"));
}

#[test]
fn templates_that_are_too_large_or_deep_are_refused() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for (template, expected) in [
        ("x".repeat(MAX_TEMPLATE + 1), "a template has at most 307200 bytes"),
        (format!("#set($a = {})", nested("(", "1", ")", 50_000)), "nested deeper than 100 levels"),
        (format!("#set($a = {})", nested("[", "1", "]", 50_000)), "nested deeper than 100 levels"),
        (format!("#set($a = {}true)", "!".repeat(50_000)), "nested deeper than 100 levels"),
        (nested("#if($t)", "x", "#end", 10_000), "nested deeper than 100 levels"),
        (format!("$l{}", nested("[$l", "", "]", 50_000)), "nested deeper than 100 levels"),
        (format!("$s{}", nested(".concat($s", "", ")", 20_000)), "nested deeper than 100 levels"),
    ] {
        let error = Template::parse(&template).expect_err("refused");
        assert!(error.message.contains(expected), "{error}");
    }
    for template in [
        "x".repeat(MAX_TEMPLATE),
        "$a".repeat(MAX_TEMPLATE / 2),
        "#a(".repeat(MAX_TEMPLATE / 3),
        (0..30_000).map(|number| format!("$v{number}")).collect(),
        format!("#if($f){}#end", "#elseif($f)".repeat(20_000)),
        format!("$m{}", ".a".repeat(100_000)),
    ] {
        Template::parse(&template).expect("parsed");
    }
}

/// Signs and words of the language, in any order.
fn noise() -> impl Strategy<Value = String> {
    const SIGNS: &[&str] = &[
        "$",
        "#",
        "\\",
        "!",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "'",
        ".",
        ",",
        ":",
        "=",
        "==",
        "..",
        "-",
        "+",
        "*",
        "/",
        "%",
        "<",
        "&&",
        "||",
        " ",
        "\n",
        "\r\n",
        "\t",
        "0",
        "7",
        "é",
        "😀",
        "##",
        "#*",
        "*#",
        "#[[",
        "]]#",
        "$s",
        "$l",
        "$m",
        "$n",
        "${",
        "$!{",
        "#set(",
        "#if(",
        "#elseif(",
        "#else",
        "#end",
        "#foreach($i in ",
        "#break",
        "#stop",
        "#define($d)",
        "#macro(f $a)",
        "#f(",
        "$d",
        ".length()",
        ".split(",
        ".replaceAll(",
        ".get(",
        ".add(",
        ".entrySet()",
        "$input.path('$",
        "$input.json('$",
        "?(@.",
        "$util.escapeJavaScript(",
        " in ",
        " not ",
        "true",
        "foreach",
        "set",
        "if",
    ];
    prop::collection::vec(prop::sample::select(SIGNS), 0..60).prop_map(|signs| signs.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// Whatever a template is, it renders or is refused with a place in it.
    #[test]
    fn no_template_panics(template in noise()) {
        let limits = Limits { steps: 20_000, output: 100_000, ..Limits::default() };
        if let Err(error) = render(&template, &variables(r#"{"a": [1, {"b": "c"}]}"#, ""), &limits) {
            let line = template.split('\n').nth(error.line - 1);
            prop_assert!(line.is_some_and(|line| error.column <= line.chars().count() + 1), "{error}");
        }
    }
}
