"""How requests and answers are mapped: templates, parameters, overrides, bodies, through real requests."""

import base64

import uuid

import pytest
from conftest import fetch, serve

ANSWER = {"default": {"statusCode": "200"}}


def mock(request='{"statusCode": 200}', response=None, **words):
    """A MOCK integration that answers 200 with what a template renders."""
    templates = {} if response is None else {"application/json": response}
    return {
        "type": "mock", "requestTemplates": {"application/json": request},
        "responses": {"default": {"statusCode": "200", "responseTemplates": templates}}, **words,
    }


def http(backend, path="/echo", template=None, responses=ANSWER, **words):
    """An HTTP integration that posts what a template renders."""
    templates = {} if template is None else {"requestTemplates": {"application/json": template}}
    return {"type": "http", "httpMethod": "POST", "uri": f"http://{backend}{path}", "responses": responses, **templates,
            **words}


def post(url, body=b"{}", **headers):
    """Posts JSON."""
    return fetch(url, method="POST", body=body, headers={"Content-Type": "application/json", **headers})


def parameter(place, name):
    return {"name": name, "in": place, "schema": {"type": "string"}, "required": place == "path"}


# What a template is asked for, and what comes out of it; the request is below.
RENDERED = {
    "input": [
        ("$input.body", '{"a": {"b": [1, "x"]}, "t": "it\'s"}'),
        ("$input.json('$.a')", '{"b":[1,"x"]}'),
        ("$input.json('$')", '{"a":{"b":[1,"x"]},"t":"it\'s"}'),
        ("$input.path('$.a.b[1]')", "x"),
        ("$input.path('$.a')", '{b=[1,"x"]}'),
        ("$input.params('id')", "a%20b"),
        ("$input.params('q')", "2 3"),
        ("$input.params('X-Some')", "header"),
        ("$input.params('x-some')", "header"),
        ("$input.params('none')|", "|"),
        ("$input.params().querystring.get('q')", "2 3"),
        ("$input.params().path.id", "a%20b"),
        ("$input.params().header.get('X-Some')", "header"),
        ("#foreach($k in $input.params().keySet())$k #end", "path querystring header "),
    ],
    "util": [
        ("$util.escapeJavaScript($input.path('$.t'))", "it\\'s"),
        ("$util.base64Encode($input.params('id'))", base64.b64encode(b"a%20b").decode()),
        ("$util.urlEncode($input.params('q'))", "2+3"),
        ("$util.parseJson('{\"k\": [7]}').k[0]", "7"),
    ],
    "context": [
        ("$context.stage", "prod"),
        ("$context.httpMethod", "POST"),
        ("$context.resourcePath", "/t/{id}"),
        ("$context.path", "/prod/t/a%20b"),
        ("$context.accountId", "000000000000"),
        ("$context.protocol", "HTTP/1.1"),
        ("$context.identity.sourceIp", "127.0.0.1"),
        ("$context.identity.userAgent", "mapper"),
        ("$context.identity.caller|", "|"),
        ("$context.identity|$context.requestOverride|$context.none.deeper|", "|||"),
        ("$context.authorizer.principalId|#foreach($k in $context.authorizer.keySet())$k#end", "|"),
        ("$context.isCanaryRequest|", "|"),
        ("$stageVariables.v $stageVariables['v'] ${stageVariables.v}", "one one one"),
        ("$context.keySet().size()", "18"),
        ("#if($context.requestTimeEpoch > 1700000000000)later#end", "later"),
    ],
    "language": [
        ("#set($x = $input.path('$.none'))[$x][$x.deeper]#if($x == $null)null#end#if($x == '')empty#end",
         "[][]nullempty"),
        ("#foreach($i in $input.path('$.a.b'))$foreach.index:$i#if($foreach.hasNext),#end#end", "0:1,1:x"),
        ("plain", "plain"),
    ],
}


@pytest.fixture(scope="module")
def rendered(one, backend):
    """An API with a method for each template, in the request (HTTP, which echoes) and in the answer (MOCK)."""
    paths = {}
    for group, cases in RENDERED.items():
        for number, (template, _) in enumerate(cases):
            declared = {"parameters": [parameter("path", "id")]}
            paths[f"/http-{group}-{number}/{{id}}"] = {"POST": (http(backend, template=template), declared)}
    return serve(one, paths, variables={"v": "one"})


@pytest.mark.parametrize("group", RENDERED)
def test_templates_of_requests_see_the_request(rendered, group):
    body = b'{"a": {"b": [1, "x"]}, "t": "it\'s"}'
    headers = {"X-Some": "header", "User-Agent": "mapper", "Content-Type": "application/json; charset=utf-8"}
    for number, (template, expected) in enumerate(RENDERED[group]):
        path = f"/http-{group}-{number}/a%20b"
        answer = fetch(rendered(f"{path}?q=1&q=2+3"), method="POST", body=body, headers=headers)
        wanted = expected.replace("/t/", f"/http-{group}-{number}/")
        assert (answer.status, answer.json().get("body")) == (200, wanted), template


def test_templates_of_answers_see_the_answer_and_the_request(one, backend):
    said = '{"list": [{"n": 1}, {"n": 2}], "map": {"k": "v"}, "empty": []}'
    cases = [
        ("$input.body", said),
        ("$input.path('$.list')", '[{"n":1},{"n":2}]'),
        ("$input.path('$.map')", "{k=v}"),
        ("$input.path('$.empty')", "[]"),
        ("#foreach($i in $input.path('$.list'))$i.n;#end", "1;2;"),
        ("$input.params('id') $context.resourcePath", "7 /a{n}/{id}"),
    ]
    paths = {
        f"/a{number}/{{id}}": {"POST": (
            http(backend, "/say", template=said,
                 responses={"default": {"statusCode": "200", "responseTemplates": {"application/json": template}}}),
            {"parameters": [parameter("path", "id")]},
        )}
        for number, (template, _) in enumerate(cases)
    }
    url = serve(one, paths)
    for number, (template, expected) in enumerate(cases):
        answer = post(url(f"/a{number}/7"))
        assert (answer.status, answer.text) == (200, expected.replace("{n}", str(number))), template


def test_an_empty_body_is_an_empty_object(one, backend):
    url = serve(one, {
        "/request": {"POST": (http(backend, template="$input.body $input.body.x|$util.urlEncode($input.body)"), {})},
        "/mock": {"GET": (mock(response="$input.body $input.json('$') $input.json('$.none')"), {})},
    })
    assert fetch(url("/request"), method="POST").json()["body"] == "{} |%7B%7D"
    assert fetch(url("/mock")).text == '{} {} ""'


def test_templates_write_over_call_and_answer(one, backend):
    over_call = """#set($context.requestOverride.header.X-Over = "over")
#set($context.requestOverride.header['X-List'] = ["a", "b"])
#set($name = "X-Named")
$context.requestOverride.header.put($name, "named")
#set($context.requestOverride.querystring.q = "over q")
#set($context.requestOverride.path.p = "over-p")
#set($context.requestOverride.header.Content-Length = "7")
$input.body"""
    call = http(
        backend, "/echo/{p}?own=1", template=over_call,
        requestParameters={"integration.request.header.X-Over": "'mapped'", "integration.request.path.p": "'mapped'",
                           "integration.request.querystring.q": "'mapped'", "integration.request.header.X-Kept": "'kept'"},
    )
    over_answer = """#set($context.responseOverride.status = 418)
#set($context.responseOverride.header.X-Out = "$context.requestOverride.header.X-Seen and $input.params('a')")
body"""
    answered = mock(
        request='{"statusCode": 200}#set($context.requestOverride.header.X-Seen = "seen")', response=over_answer,
    )
    answered["responses"]["default"]["responseParameters"] = {"method.response.header.X-Out": "'mapped'"}
    early = mock(request='#set($context.responseOverride.status = 202)'
                         '#set($context.responseOverride.header.X-Early = "yes"){"statusCode": 200}')
    ignored = mock(response="#set($context.responseOverride.status = 'no')ok")
    url = serve(one, {
        "/call": {"POST": (call, {})}, "/answer": {"GET": (answered, {})}, "/early": {"GET": (early, {})},
        "/ignored": {"GET": (ignored, {})},
    })
    seen = post(url("/call")).json()
    headers = {name.lower(): values for name, values in seen["headers"].items()}
    assert seen["path"] == "/echo/over-p?own=1&q=over%20q" and seen["body"].strip() == "{}"
    assert headers["x-over"] == ["over"] and headers["x-list"] == ["a", "b"] and headers["x-kept"] == ["kept"]
    assert headers["x-named"] == ["named"] and headers["content-length"] != ["7"]
    answer = fetch(url("/answer?a=1"))
    assert (answer.status, answer.headers["X-Out"], answer.text.strip()) == (418, "seen and 1", "body")
    answer = fetch(url("/early"))
    assert (answer.status, answer.headers["X-Early"]) == (202, "yes")
    assert fetch(url("/ignored")).status == 200


def test_templates_that_fail_are_the_apis_fault(one, backend):
    broken = {"/unparsed": "#if(true)", "/index": "#set($l = [1])$l[7]", "/loop": "#foreach($i in [1..5000])#end",
              "/base64": "$util.base64Decode('*')"}
    paths = {path: {"POST": (http(backend, template=template), {})} for path, template in broken.items()}
    paths["/answer"] = {"POST": (mock(response="#end"), {})}
    url = serve(one, paths)
    for path in paths:
        answer = post(url(path))
        assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}'), path
        assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_values_are_mapped_out_of_bodies(one, backend):
    parameters = {
        "integration.request.header.X-Whole": "method.request.body",
        "integration.request.header.X-Text": "method.request.body.a.text",
        "integration.request.header.X-Object": "method.request.body.a",
        "integration.request.header.X-None": "method.request.body.none",
        "integration.request.querystring.n": "method.request.body.n[1]",
        "integration.request.header.X-Request": "context.requestId",
    }
    proxy = {"type": "http_proxy", "httpMethod": "POST", "uri": f"http://{backend}/echo", "requestParameters": parameters}
    answer = http(backend, "/say", responses={"default": {"statusCode": "200", "responseParameters": {
        "method.response.header.X-Text": "integration.response.body.a.text",
        "method.response.header.X-Object": "integration.response.body.a",
        "method.response.header.X-Status": "context.stage",
    }}})
    url = serve(one, {"/proxy": {"POST": (proxy, {})}, "/answer": {"POST": (answer, {})}})
    body = b'{"a": {"text": "t"}, "n": [1, 2]}'
    seen = fetch(url("/proxy"), method="POST", body=body).json()
    headers = {name.lower(): values[-1] for name, values in seen["headers"].items()}
    assert seen["path"] == "/echo?n=2" and seen["body"].encode() == body
    assert headers["x-whole"].encode() == body and headers["x-text"] == "t" and headers["x-object"] == '{"text":"t"}'
    assert "x-none" not in headers and uuid.UUID(headers["x-request"])
    refused = fetch(url("/proxy"), method="POST", body=b'{"a": ')
    assert (refused.status, refused.body) == (400, b'{"message": "Invalid JSON in request body"}')
    assert fetch(url("/proxy"), method="POST", body=b"plain").status == 200
    answered = fetch(url("/answer"), method="POST", body=body)
    assert (answered.headers["X-Text"], answered.headers["X-Object"]) == ("t", '{"text":"t"}')
    assert answered.headers["X-Status"] == "prod"
    assert fetch(url("/answer"), method="POST", body=b'{"a": ').status == 500


def test_bodies_are_converted_between_bytes_and_text(one, backend):
    encoded = lambda raw: base64.b64encode(raw)
    raw = b"\x89PNG\xff"
    lossy = raw.decode("utf-8", "replace").encode()
    requests = [
        # content handling, type sent, body, what the backend gets
        (None, "image/png", raw, raw),
        ("CONVERT_TO_BINARY", "image/png", raw, raw),
        ("CONVERT_TO_TEXT", "image/png", raw, encoded(raw)),
        (None, "text/plain", raw, lossy),
        ("CONVERT_TO_TEXT", "text/plain", raw, lossy),
        ("CONVERT_TO_BINARY", "text/plain", encoded(raw), raw),
        ("CONVERT_TO_BINARY", "text/plain", raw, None),
    ]
    answers = [
        # content handling, type answered, type accepted, body, what the caller gets
        (None, "text/plain", "text/plain", raw, lossy),
        (None, "text/plain", "image/png", encoded(raw), raw),
        (None, "text/plain", "image/png", raw, None),
        (None, "image/png", "text/plain", raw, encoded(raw)),
        (None, "image/png", "image/png, text/plain", raw, raw),
        ("CONVERT_TO_TEXT", "image/png", "image/png", raw, encoded(raw)),
        ("CONVERT_TO_BINARY", "image/png", "text/plain", raw, raw),
        ("CONVERT_TO_BINARY", "text/plain", "text/plain", encoded(raw), raw),
    ]
    handling = lambda kind: {} if kind is None else {"contentHandling": kind}
    paths = {}
    for number, (kind, _, _, _) in enumerate(requests):
        paths[f"/r{number}"] = {"POST": (http(backend, **handling(kind)), {})}
    for number, (kind, answered, _, _, _) in enumerate(answers):
        responses = {"default": {"statusCode": "200", **handling(kind)}}
        mapped = {"integration.request.header.X-Type": f"'{answered}'"}
        paths[f"/a{number}"] = {"POST": (
            http(backend, "/say", responses=responses, contentHandling="CONVERT_TO_BINARY", requestParameters=mapped), {},
        )}
    url = serve(one, paths, **{"x-amazon-apigateway-binary-media-types": ["image/*"]})
    for number, (kind, sent, body, expected) in enumerate(requests):
        answer = fetch(url(f"/r{number}"), method="POST", body=body, headers={"Content-Type": sent})
        got = answer.json()["body"].encode("latin-1") if answer.status == 200 else None
        assert got == expected and answer.status in (200, 500), (kind, sent)
    for number, (kind, answered, accepted, body, expected) in enumerate(answers):
        headers = {"Content-Type": "image/png", "Accept": accepted}
        answer = fetch(url(f"/a{number}"), method="POST", body=body, headers=headers)
        got = answer.body if answer.status == 200 else None
        assert got == expected and answer.status in (200, 500), (kind, answered, accepted)
    # Bytes are no text, whatever they are.
    images = {"image/png": "$input.body"}
    url = serve(one, {"/t": {"POST": (http(backend, requestTemplates=images), {})}},
                **{"x-amazon-apigateway-binary-media-types": ["image/*"]})
    assert fetch(url("/t"), method="POST", body=b"text", headers={"Content-Type": "image/png"}).status == 500


def test_a_mock_takes_its_status_from_the_body_where_no_template_does(one):
    passing = {"type": "mock", "responses": {
        "default": {"statusCode": "200"}, "418": {"statusCode": "418"}}}
    url = serve(one, {"/m": {"POST": (passing, {})}})
    assert fetch(url("/m"), method="POST").status == 200
    assert post(url("/m"), b'{"statusCode": 418}').status == 418
    assert post(url("/m")).status == 500


def test_what_a_method_requires_must_be_there(one):
    described = {
        "parameters": [
            {"name": name, "in": place, "required": True, "schema": {"type": "string"}}
            for place, name in [("header", "x-header-param"), ("path", "issuer"), ("query", "qs1")]
        ],
        "x-amazon-apigateway-request-validator": "parameters",
    }
    validators = {"parameters": {"validateRequestParameters": True, "validateRequestBody": False}}
    url = serve(one, {"/v/{issuer}": {"GET": (mock(), described)}}, **{"x-amazon-apigateway-request-validators": validators})
    for query, headers, missing in [
        ("?qs1=1", {"X-Header-Param": "1"}, None),
        ("", {"X-Header-Param": "1"}, "qs1"),
        ("?qs1=", {"X-Header-Param": "1"}, "qs1"),
        ("?qs1", {}, "x-header-param, qs1"),
        ("?QS1=1", {"X-Header-Param": ""}, "x-header-param, qs1"),
    ]:
        answer = fetch(url(f"/v/i{query}"), headers=headers)
        if missing is None:
            assert answer.status == 200, query
        else:
            body = f'{{"message": "Missing required request parameters: [{missing}]"}}'
            assert (answer.status, answer.text) == (400, body), query
            assert answer.headers["x-amzn-ErrorType"] == "BadRequestException"


def test_bodies_must_be_like_their_models(one):
    models = {
        "Price": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 500},
        "Pet": {"type": "object", "required": ["name", "price"], "additionalProperties": False, "properties": {
            "name": {"type": "string"}, "price": {"$ref": "#/components/schemas/Price"},
            "kind": {"enum": ["cat", "dog"]}, "friend": {"$ref": "#/components/schemas/Pet"}}},
    }
    checked = {
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
        "x-amazon-apigateway-request-validator": "body",
    }
    shown = {"BAD_REQUEST_BODY": {"responseTemplates": {
        "application/json": '{"found": "$context.error.validationErrorString"}'}}}
    validators = {"x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
                  "components": {"schemas": models}}
    any_type = mock(requestTemplates={"$default": '{"statusCode": 200}'})
    paths = {"/pets": {"POST": (any_type, checked), "GET": (any_type, checked)}}
    plainly = serve(one, paths, **validators)
    telling = serve(one, paths, **validators, **{"x-amazon-apigateway-gateway-responses": shown})
    for body, found in [
        (b'{"name": "n", "price": 1}', None),
        (b'{"name": "n", "price": 1, "friend": {"name": "f", "price": 2.5}}', None),
        (b"{}", '[object has missing required properties (["name","price"])]'),
        (b'{"name": "n", "price": 501}',
         "[numeric instance is greater than the required maximum (maximum: 500, found: 501)]"),
        (b'{"name": "n", "price": 1, "friend": {}}', '[object has missing required properties (["name","price"])]'),
        (b"", "[Unknown error parsing request body]"),
        (b"{", "[Unknown error parsing request body]"),
    ]:
        answer = post(plainly("/pets"), body)
        if found is None:
            assert answer.status == 200, body
            continue
        assert (answer.status, answer.body) == (400, b'{"message": "Invalid request body"}'), body
        assert answer.headers["x-amzn-ErrorType"] == "BadRequestException"
        assert post(telling("/pets"), body).text == f'{{"found": "{found}"}}'
    # A type without a model is not looked at; none at all is JSON.
    assert fetch(plainly("/pets"), method="POST", body=b"x", headers={"Content-Type": "text/plain"}).status == 200
    assert fetch(plainly("/pets")).status == 400


def test_refusals_look_as_the_api_wants(one, backend):
    responses = {
        "MISSING_AUTHENTICATION_TOKEN": {
            "statusCode": 404,
            "responseParameters": {
                "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                "gatewayresponse.header.X-Asked": "method.request.querystring.q",
                "gatewayresponse.header.X-Id": "context.requestId",
            },
            "responseTemplates": {
                "application/json": '{"m": $context.error.messageString, "t": "$context.error.responseType", '
                                    '"s": "$context.stage/$stageVariables.v", "h": "$method.request.header.X-Some"}',
                "text/html": "<b>$context.error.message</b>",
            },
        },
        "DEFAULT_5XX": {"responseParameters": {"gatewayresponse.header.X-Five": "'yes'"}},
        "BAD_REQUEST_PARAMETERS": {"statusCode": "422"},
        "UNSUPPORTED_MEDIA_TYPE": {"responseTemplates": {"text/plain": "$context.error.message on $context.resourcePath"}},
    }
    never = {**mock(), "passthroughBehavior": "never", "requestTemplates": {"application/xml": "x"}}
    required = {"parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
                "x-amazon-apigateway-request-validator": "p"}
    url = serve(
        one,
        {"/broken": {"GET": (mock(response="#end"), {})}, "/never": {"GET": (never, {})},
         "/required": {"GET": (mock(), required)}},
        variables={"v": "one"},
        **{"x-amazon-apigateway-gateway-responses": responses,
           "x-amazon-apigateway-request-validators": {"p": {"validateRequestParameters": True}}},
    )
    answer = fetch(url("/none?q=asked"), headers={"X-Some": "thing"})
    assert answer.status == 404 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Asked"] == "asked" and answer.headers["X-Id"] == answer.headers["x-amzn-RequestId"]
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert answer.json() == {"m": "Missing Authentication Token", "t": "MISSING_AUTHENTICATION_TOKEN", "s": "prod/one",
                             "h": "thing"}
    answer = fetch(url("/none"), headers={"Accept": "text/html"})
    assert answer.text == "<b>Missing Authentication Token</b>" and answer.headers["Content-Type"] == "text/html"
    answer = fetch(url("/broken"))
    assert (answer.status, answer.headers["X-Five"], answer.json()) == (500, "yes", {"message": "Internal server error"})
    answer = fetch(url("/required"))
    assert (answer.status, answer.json()["message"]) == (422, "Missing required request parameters: [q]")
    answer = fetch(url("/never"))
    assert (answer.status, answer.text) == (415, "Unsupported Media Type on /never")


def test_headers_that_cannot_be_mapped_break_the_method_or_are_not_sent(one, backend):
    proxy = lambda header: {
        "type": "http_proxy", "httpMethod": "GET", "uri": f"http://{backend}/echo",
        "requestParameters": {f"integration.request.header.{header}": "'value'"},
    }
    breaking = ["Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "x-amzn-apigateway-api-id"]
    silent = ["Connection", "Expect", "Proxy-Authenticate", "TE", "Via"]
    paths = {f"/{header}": {"GET": (proxy(header), {})} for header in breaking + silent}
    url = serve(one, paths)
    for header in breaking:
        answer = fetch(url(f"/{header}"))
        assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}'), header
    for header in silent:
        seen = {name.lower(): values for name, values in fetch(url(f"/{header}")).json()["headers"].items()}
        assert "value" not in seen.get(header.lower(), []), header


def test_the_trace_header_comes_back_where_the_gateway_made_the_call(one, backend):
    proxy = {"type": "http_proxy", "httpMethod": "POST", "uri": f"http://{backend}/echo"}
    url = serve(one, {"/http": {"POST": (http(backend), {})}, "/mock": {"POST": (mock(), {})},
                      "/proxy": {"POST": (proxy, {})}, "/broken": {"POST": (http(backend, template="#end"), {})}})
    sent = "Root=1-67891233-abcdef012345678912345678"
    for path, returned in [("/http", True), ("/broken", True), ("/mock", False), ("/proxy", False), ("/none", False)]:
        answer = post(url(path), **{"X-Amzn-Trace-Id": sent})
        assert (answer.headers["X-Amzn-Trace-Id"] is not None) == returned, path
        if returned:
            assert answer.headers["X-Amzn-Trace-Id"].startswith(sent)
    assert fetch(url("/http"), method="POST").headers["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_mapped_queries_stand_behind_those_of_the_uri_and_of_the_caller(one, backend):
    """The recorded case: what is mapped is appended to what is there, and a placeholder is filled only by a mapping."""
    proxy = {
        "type": "http_proxy", "httpMethod": "GET", "uri": f"http://{backend}/echo?testVar={{pathVar}}&testQs={{qsVar}}",
        "requestParameters": {
            "integration.request.path.pathVar": "method.request.path.value",
            "integration.request.path.qsVar": "method.request.querystring.qs",
            "integration.request.querystring.testQs": "method.request.querystring.again",
        },
    }
    declared = {"parameters": [parameter("path", "value"), parameter("query", "qs"), parameter("query", "again")]}
    url = serve(one, {"/{value}": {"GET": (proxy, declared)}})
    seen = fetch(url("/foobar?testVar=bar&qs=bar&again=foo")).json()["path"]
    assert seen == "/echo?testVar=foobar&testQs=bar&testVar=bar&qs=bar&again=foo&testQs=foo"
