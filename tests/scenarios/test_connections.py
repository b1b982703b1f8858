"""`@connections` on any node: every answer, order and back-pressure, groups and broadcasts, and how connections move house."""

import concurrent.futures
import contextlib
import itertools
import json
import re
import signal
import subprocess
import threading
import time
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
from websockets.exceptions import ConnectionClosed

from conftest import BINARY, KEY, SECRET, Node, eventually, fetch, nodes, refused
from lambda_api import Lambda, uri
from relay import Relay
from sockets import JOIN, LEAVE, ME, Socket, Told, http_proxy, make, management, mock, sockets

NOBODY = "R1kmxc2VNjMCFIA="
GONE = ("GoneException", 410)
DISCONNECTED = {"x-id": "context.connectionId", "x-code": "context.disconnectStatusCode", "x-reason": "context.disconnectReason"}
ROUTES = {"me": ME, "join": JOIN, "leave": LEAVE}


@pytest.fixture(scope="module")
def functions():
    """An authorizer that believes everybody."""
    lambda_ = Lambda()
    allow = {"Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}]}
    lambda_.functions["believe"] = lambda event: {"principalId": event["queryStringParameters"]["name"], "policyDocument": allow}
    yield lambda_
    lambda_.close()


@pytest.fixture(scope="module")
def cluster(functions, tmp_path_factory):
    environment = {
        "AWS_ENDPOINT_URL_LAMBDA": functions.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-told",
    }
    with nodes(tmp_path_factory.mktemp("connections"), 3, lambda number: {"environment": environment}) as started:
        yield started


@pytest.fixture(scope="module")
def api(cluster):
    return make(cluster[0], ROUTES)


def signed(method, url, body=b"", service="execute-api", key=KEY, secret=SECRET, headers=None):
    """A plain request that is signed, with its path as it is."""
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers or {})
    credentials = botocore.credentials.Credentials(key, secret)
    botocore.auth.SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return fetch(url, method=method, headers=dict(request.headers.items()), body=body)


def say(answer):
    """What a plain answer says, in short."""
    return answer.status, answer.headers.get("x-amzn-ErrorType"), answer.text


def test_a_message_arrives_from_every_node_at_every_address(cluster, api):
    with Socket(cluster[1], api) as client:
        for node, text in zip(cluster, ["one", "zwei", "trés"]):
            answer = management(node, api).post_to_connection(ConnectionId=client.id, Data=text.encode())
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
            assert client.hear() == text
        identifier, quoted = client.id, client.id.replace("=", "%3D")
        # Both spellings of both, by path and by host.
        for place in [f"@connections/{identifier}", f"%40connections/{quoted}", f"@connections/{quoted}"]:
            for node in cluster:
                assert say(signed("POST", node.url(api, "prod", f"/{place}"), b"x")) == (200, None, "")
                assert client.hear() == "x"
            port = cluster[2].ports["gateway"]
            host = {"Host": f"{api}.execute-api.us-east-1.amazonaws.com"}
            assert say(signed("POST", f"http://127.0.0.1:{port}/prod/{place}", b"y", headers=host)) == (200, None, "")
            assert client.hear() == "y"
        # As long as a message may be; it comes in frames of 32 KiB, as one message.
        long = "é" * 65_536
        management(cluster[0], api).post_to_connection(ConnectionId=identifier, Data=long.encode())
        assert client.hear() == long
        management(cluster[0], api).post_to_connection(ConnectionId=identifier, Data=b"")
        assert client.hear() == ""


def test_custom_domain_names_lead_to_connections_as_well(cluster, api):
    client = cluster[0].client("apigatewayv2")
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/x"
    client.create_domain_name(DomainName="ws.example.com", DomainNameConfigurations=[{"CertificateArn": certificate}])
    client.create_api_mapping(ApiId=api, DomainName="ws.example.com", Stage="prod", ApiMappingKey="chat")
    with Socket(cluster[0], api) as client:
        for node in cluster:
            url = f"http://127.0.0.1:{node.ports['gateway']}/chat/@connections/{client.id}"
            assert signed("POST", url, b"x", headers={"Host": "ws.example.com"}).status == 200
            assert client.hear() == "x"


def test_a_connection_is_described_and_closed_by_any_node(cluster, api):
    before = time.time()
    with Socket(cluster[2], api, user_agent_header="the client") as client:
        identifier = client.id
        told = management(cluster[0], api).get_connection(ConnectionId=identifier)
        assert told["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "the client"}
        assert before - 1 < told["ConnectedAt"].timestamp() <= told["LastActiveAt"].timestamp() < time.time() + 1
        raw = signed("GET", cluster[1].url(api, "prod", f"/@connections/{identifier}"))
        assert re.fullmatch(
            r'\{"connectedAt":"[-\d]+T[\d:]+\.\d{3}Z","identity":\{"sourceIp":"127.0.0.1","userAgent":"the client"\},'
            r'"lastActiveAt":"[-\d]+T[\d:]+\.\d{3}Z"\}', raw.text)
        management(cluster[0], api).post_to_connection(ConnectionId=identifier, Data=b"x")
        assert client.hear() == "x"
        later = management(cluster[1], api).get_connection(ConnectionId=identifier)
        assert later["LastActiveAt"] >= told["LastActiveAt"] and later["ConnectedAt"] == told["ConnectedAt"]
        deleted = management(cluster[1], api).delete_connection(ConnectionId=identifier)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
        with pytest.raises(ConnectionClosed):
            client.hear()
        assert (client.connection.close_code, client.connection.close_reason) == (1000, "Connection Closed Normally")
        for node in cluster:
            connections = management(node, api)
            refused(lambda: connections.post_to_connection(ConnectionId=identifier, Data=b"x"), *GONE)
            refused(lambda: connections.get_connection(ConnectionId=identifier), *GONE)
            refused(lambda: connections.delete_connection(ConnectionId=identifier), *GONE)


def test_refusals_are_awss(cluster, api):
    other = make(cluster[0], ROUTES)
    with Socket(cluster[0], api) as client:
        identifier = client.id
        for node in cluster:
            connections = management(node, api)
            for stranger in [NOBODY, "AAAAAAAAAAAAAAA="]:
                refused(lambda: connections.post_to_connection(ConnectionId=stranger, Data=b"x"), *GONE, "")
            malformed = ("BadRequestException", 400, "Invalid connectionId: nonsense")
            refused(lambda: connections.get_connection(ConnectionId="nonsense"), *malformed)
            refused(lambda: connections.post_to_connection(ConnectionId=identifier, Data=b"\xff"), "BadRequestException", 400)
            refused(lambda: management(node, other).post_to_connection(ConnectionId=identifier, Data=b"x"), *GONE)
            forbidden = ("ForbiddenException", 403, "Forbidden")
            refused(lambda: management(node, api, "nostage").post_to_connection(ConnectionId=identifier, Data=b"x"), *forbidden)
            too_large = ("PayloadTooLargeException", 413)
            refused(lambda: connections.post_to_connection(ConnectionId=identifier, Data=b"x" * 131_073), *too_large)
            url = node.url(api, "prod", f"/@connections/{identifier}")
            missing = (403, "MissingAuthenticationTokenException", '{"message":"Missing Authentication Token"}')
            assert say(fetch(url, method="POST", body=b"x")) == missing
            for wrong, code in [
                ({"secret": "wrong"}, "InvalidSignatureException"),
                ({"key": "AKIAELSE"}, "UnrecognizedClientException"),
                ({"service": "apigateway"}, "InvalidSignatureException"),
            ]:
                assert say(signed("POST", url, b"x", **wrong))[:2] == (403, code), wrong
            assert say(signed("GET", node.url(api, "prod", "/@connections/a/b")))[0] == 404
            assert say(signed("PATCH", url))[0] == 404
            assert say(signed("POST", node.url(api, "prod", "/@nothing"), b"x"))[0] == 404
        gone = signed("POST", cluster[0].url(api, "prod", f"/@connections/{NOBODY}"), b"x")
        assert say(gone) == (410, "GoneException", "") and gone.headers["x-amzn-RequestId"] and gone.headers["x-amz-apigw-id"]
        # Nothing of all that has come.
        management(cluster[1], api).post_to_connection(ConnectionId=identifier, Data=b"after")
        assert client.hear() == "after"


def test_where_nobody_has_to_sign_callers_of_this_machine_need_not(tmp_path):
    with nodes(tmp_path, 1, lambda number: {"environment": {"TURNPIKE_ADMIN_AUTH": "off"}}) as (node,):
        api = make(node, ROUTES)
        with Socket(node, api) as client:
            url = node.url(api, "prod", f"/@connections/{client.id}")
            assert fetch(url, method="POST", body=b"x").status == 200
            assert client.hear() == "x"
            # A proxy on this machine asks for somebody elsewhere.
            assert fetch(url, method="POST", body=b"x", headers={"X-Forwarded-For": "192.0.2.1"}).status == 403


def test_a_connection_is_unknown_until_connect_has_agreed(cluster):
    said = []
    lambda_ = Told()

    def tell(headers):
        said.append(headers["x-id"])

    routes = {"me": ME, "$connect": http_proxy(lambda_.url, {"x-id": "context.connectionId"})}
    api = make(cluster[0], routes)
    connections = management(cluster[1], api)
    original = lambda_.RequestHandlerClass.do_POST

    def ask(handler):
        tell(handler.headers)
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            connections.post_to_connection(ConnectionId=said[-1], Data=b"too early")
        said.append(caught.value.response["ResponseMetadata"]["HTTPStatusCode"])
        original(handler)

    lambda_.RequestHandlerClass.do_POST = ask
    with Socket(cluster[0], api) as client:
        assert said == [client.id, 410]


def numbers(client, count):
    """The numbers that a client hears, so many of them."""
    return [int(client.hear(60)) for _ in range(count)]


def test_no_message_is_lost_or_doubled_and_order_is_kept(cluster, api):
    """Senders on all nodes send to connections on all nodes, each one after the other; every sender's messages come in order."""
    senders, receivers, each = 6, 3, 60
    with sockets(*[(cluster[number % 3], api) for number in range(receivers)]) as clients:
        identifiers = [client.id for client in clients]

        def send(sender):
            connections = management(cluster[sender % 3], api)
            for number in range(each):
                for identifier in identifiers:
                    connections.post_to_connection(ConnectionId=identifier, Data=str(sender * each + number).encode())

        with concurrent.futures.ThreadPoolExecutor() as pool:
            heard = [pool.submit(numbers, client, senders * each) for client in clients]
            for sending in [pool.submit(send, sender) for sender in range(senders)]:
                sending.result()
            for hearing in heard:
                came = hearing.result()
                assert sorted(came) == list(range(senders * each))
                for sender in range(senders):
                    own = [number for number in came if number // each == sender]
                    assert own == sorted(own)
        for client in clients:
            with pytest.raises(TimeoutError):
                client.hear(within=0)


def test_every_message_arrives_once_although_the_ways_between_nodes_break(tmp_path):
    """Answers of the node that has the connections are lost all the time: its senders are told the truth, later."""
    senders, enough = 4, 12
    relay = Relay()
    with contextlib.ExitStack() as stack:
        first = Node(tmp_path, 1).start().wait_ready()
        stack.callback(first.stop)
        second = Node(tmp_path, 2, join=first.address("cluster"))
        relay.open(second.address("cluster"))
        stack.callback(relay.close)
        second.start("--advertise", relay.address).wait_ready()
        stack.callback(second.stop)
        api = make(first, ROUTES)
        client = stack.enter_context(Socket(second, api, max_queue=None))
        identifier = client.id
        is_over = threading.Event()

        def send(sender):
            """Sends until the ways have been cut often enough; gives what was sent."""
            connections, sent = management(first, api), []
            while not is_over.is_set():
                text = f"{sender} {len(sent)}"
                if len(sent) % 2:
                    connections.post_to_connection(ConnectionId=identifier, Data=text.encode())
                else:
                    assert delivered(broadcast(first, api, "/@all", text)) == {"1": 0, "2": 1}
                sent.append(text)
            return sent

        def cut():
            broken = 0
            while broken < enough and not is_over.wait(0.25):
                broken += relay.cut()
            is_over.set()

        with concurrent.futures.ThreadPoolExecutor() as pool:
            pool.submit(cut)
            sending = [pool.submit(send, sender) for sender in range(senders)]
            try:
                sent = [text for each in sending for text in each.result()]
            finally:
                is_over.set()
        assert len(sent) > 2 * senders
        assert sorted(client.hear() for _ in sent) == sorted(sent)
        with pytest.raises(TimeoutError):
            client.hear(within=0)
        # What closes a connection is told that it is closed, although it is asked again.
        closing = management(first, api)
        relay.cut()
        assert closing.delete_connection(ConnectionId=identifier)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_what_an_sdk_tries_again_is_sent_once(cluster, api):
    """It says so itself. A call that was not heard, or that only looks like an attempt at another, is sent."""
    attempt = lambda call, number: {"amz-sdk-invocation-id": str(uuid.UUID(int=call)), "amz-sdk-request": f"attempt={number}; max=5"}
    with sockets((cluster[1], api), (cluster[2], api)) as (client, other):
        for node, receiver, headers, text, is_heard in [
            (0, client, attempt(1, 1), "one", True),
            (0, client, attempt(1, 2), "one", False),
            # By another way, and where the connection is.
            (2, client, attempt(1, 3), "one", False),
            (1, client, attempt(1, 2), "one", False),
            (1, client, attempt(2, 2), "two", True),
            (0, client, attempt(2, 3), "two", False),
            # For somebody else; and by somebody who always says the same.
            (0, other, attempt(1, 2), "one", True),
            (0, client, attempt(3, 1), "three", True),
            (0, client, attempt(3, 1), "four", True),
            (0, client, {"amz-sdk-invocation-id": "x", "amz-sdk-request": "attempt=2"}, "five", True),
        ]:
            url = cluster[node].url(api, "prod", f"/@connections/{receiver.id.replace('=', '%3D')}")
            assert say(signed("POST", url, text.encode(), headers=headers)) == (200, None, "")
            if is_heard:
                assert receiver.hear() == text
        for receiver in (client, other):
            with pytest.raises(TimeoutError):
                receiver.hear(within=0)


def test_who_stops_reading_is_told_of_and_others_do_not_feel_it(cluster, api):
    """The queue of a client that does not read fills; its senders are told, on every node, and those of others are not."""
    deaf = {"max_queue": 1}
    with Socket(cluster[0], api, **deaf) as stuck, Socket(cluster[0], api) as fast:
        stuck_id, fast_id = stuck.id, fast.id
        block = b"x" * 131_072
        connections = [management(node, api) for node in cluster]
        taken = 0
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            for sender in itertools.islice(itertools.cycle(connections), 2000):
                sender.post_to_connection(ConnectionId=stuck_id, Data=block)
                taken += 1
        assert caught.value.response["Error"]["Code"] == "LimitExceededException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        for sender in connections:
            refused(lambda: sender.post_to_connection(ConnectionId=stuck_id, Data=block), "LimitExceededException", 429)
            sender.post_to_connection(ConnectionId=fast_id, Data=b"still here")
            assert fast.hear() == "still here"
        # All that was taken comes, when it reads again.
        for _ in range(taken):
            assert len(stuck.hear(60)) == len(block)
        connections[2].post_to_connection(ConnectionId=stuck_id, Data=b"at last")
        assert stuck.hear() == "at last"


def broadcast(node, api, place, text):
    answer = signed("POST", node.url(api, "prod", place), text.encode())
    assert answer.status == 200, answer.text
    return answer.json()["nodes"]


def delivered(told):
    return {node: counts["delivered"] for node, counts in told.items()}


def test_groups_are_joined_by_messages_and_by_calls_and_get_what_is_sent_to_them(cluster, api):
    places = [(cluster[number % 3], api) for number in range(6)]
    with sockets(*places) as clients:
        for client in clients[:4]:
            assert client.ask({"action": "join", "room": "the blue/room"}) == {"joined": True}
        group = "/@groups/the%20blue%2Froom"
        numbers = [str(node.number) for node in cluster]
        told = broadcast(cluster[1], api, group, "to the room")
        assert told == dict(zip(numbers, [counts(2), counts(1), counts(1)]))
        assert [client.hear() for client in clients[:4]] == ["to the room"] * 4
        # By a call, on another node than the connection's; and it leaves again.
        member = cluster[0].url(api, "prod", f"{group}/connections/{clients[5].id}")
        assert signed("PUT", member).status == 204 and signed("PUT", member).status == 204
        counted = signed("GET", cluster[2].url(api, "prod", group)).json()
        assert counted == {"nodes": {number: {"connections": count} for number, count in zip(numbers, [2, 1, 2])}, "connections": 5}
        assert signed("DELETE", member).status == 204
        assert clients[0].ask({"action": "leave", "room": "the blue/room"}) == {"left": True}
        assert sum(delivered(broadcast(cluster[2], api, group, "again")).values()) == 3
        assert [client.hear() for client in clients[1:4]] == ["again"] * 3
        # Who is closed is in no group any more.
        clients[1].close()
        eventually(lambda: signed("GET", cluster[0].url(api, "prod", group)).json()["connections"] == 2)
        # All of the stage, and nobody of another stage.
        assert sum(delivered(broadcast(cluster[0], api, "/@all", "to all")).values()) == 5
        others = clients[:1] + clients[2:]
        assert [client.hear() for client in others] == ["to all"] * 5
        for place, status in [
            (f"{group}/connections/{NOBODY}", 410), (f"{group}/connections/nonsense", 400), ("/@groups/a%0Ab/connections/" + NOBODY, 400),
        ]:
            assert signed("PUT", cluster[0].url(api, "prod", place)).status == status
        assert fetch(cluster[0].url(api, "prod", "/@all"), method="POST", body=b"x").status == 403


def counts(delivered, full=0, gone=0):
    return {"delivered": delivered, "full": full, "gone": gone}


def test_principals_get_what_is_sent_to_them(cluster):
    api = make(cluster[0], ROUTES, authorizer=uri("believe"))
    names = ["ann", "bob", "ann"]
    with sockets(*[(node, api, "prod", f"?name={name}") for node, name in zip(cluster, names)]) as (first, bob, second):
        assert sum(delivered(broadcast(cluster[1], api, "/@principals/ann", "to ann")).values()) == 2
        assert (first.hear(), second.hear()) == ("to ann", "to ann")
        broadcast(cluster[0], api, "/@all", "to all")
        assert [client.hear() for client in (first, bob, second)] == ["to all"] * 3


def test_the_order_of_broadcasts_and_messages_is_kept(cluster, api):
    with sockets(*[(node, api) for node in cluster]) as clients:
        connections, identifiers = management(cluster[0], api), [client.id for client in clients]
        for number in range(0, 60, 2):
            broadcast(cluster[0], api, "/@all", str(number))
            for identifier in identifiers:
                connections.post_to_connection(ConnectionId=identifier, Data=str(number + 1).encode())
        for client in clients:
            assert numbers(client, 60) == list(range(60))


def command(node, *arguments):
    environment = {**node.environment, "TURNPIKE_GATEWAY_URL": "http://" + node.address("gateway")}
    done = subprocess.run(
        [BINARY, "connections", *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_connections_are_listed_shown_sent_to_and_closed_by_the_command(cluster):
    api = make(cluster[0], ROUTES, authorizer=uri("believe"))
    wanted = [(cluster[number % 3], api, "prod", f"?name={'ann' if number < 4 else 'bob'}") for number in range(7)]
    with sockets(*wanted) as clients:
        by_id = {client.id: client for client in clients}
        clients[6].ask({"action": "join", "room": "r"})
        listed = lambda *arguments: json.loads(command(cluster[1], api, "prod", "--output", "json", *arguments)[1])["connections"]
        everything = listed()
        assert sorted(by_id) == sorted(one["connectionId"] for one in everything)
        assert [one["node"] for one in everything] == sorted(one["node"] for one in everything)
        assert {one["node"] for one in everything} == {1, 2, 3}
        assert len(listed("--principal", "ann")) == 4 and len(listed("--limit", "2")) == 2
        assert [one["connectionId"] for one in listed("--group", "r")] == [clients[6].id]
        assert len(listed("--source", "127.0.0.1")) == 7 and listed("--source", "192.0.2.1") == []
        # Page after page gives the same.
        pages, token = [], ""
        while True:
            page = signed("GET", cluster[2].url(api, "prod", f"/@connections?limit=2{token}")).json()
            pages += page["connections"]
            if "nextToken" not in page:
                break
            token = "&nextToken=" + page["nextToken"].replace("=", "%3D")
        assert [one["connectionId"] for one in pages] == [one["connectionId"] for one in everything]
        identifier = clients[6].id
        code, said, _ = command(cluster[0], api, "prod", "show", identifier)
        shown = dict(line.split(maxsplit=1) for line in said.splitlines() if not line.startswith(("last", "user")))
        assert code == 0 and (shown["connection"], shown["principal"], shown["groups"]) == (identifier, "bob", "r"), said
        assert shown["messages"] == "2 in, 2 out", said
        assert command(cluster[0], api, "prod", "send", "--to", identifier, "hello")[:2] == (0, "sent\n")
        assert clients[6].hear() == "hello"
        code, said, _ = command(cluster[0], api, "prod", "send", "--to-principal", "ann", "to ann")
        assert code == 0 and sum(int(number) for number in re.findall(r"delivered (\d+)", said)) == 4
        assert [client.hear() for client in clients[:4]] == ["to ann"] * 4
        assert command(cluster[1], api, "prod", "close", identifier)[:2] == (0, f"closed {identifier}\n")
        with pytest.raises(ConnectionClosed):
            clients[6].hear()
        code, _, error = command(cluster[2], api, "prod", "show", identifier)
        assert code == 1 and f"there is no connection {identifier} to stage prod of API {api}" in error and "410" in error
        code, _, error = command(cluster[2], api, "nope")
        assert code == 1 and f"is {api} a WebSocket API, is its stage nope deployed" in error
        figures = [node.figures() for node in cluster]
        name = f'turnpike_websocket_connections{{api="{api}",stage="prod"}}'
        assert sum(float(each[name]) for each in figures) == 6


def recorded(told):
    return sorted((each["x-id"], each["x-code"]) for each in told)


def test_a_node_that_is_killed_leaves_its_connections_ends_to_another(tmp_path):
    backend = Told()
    with nodes(tmp_path, 3) as started:
        api = make(started[0], {"me": ME, "$disconnect": http_proxy(backend.url, DISCONNECTED)})
        victim, others = started[2], started[:2]
        doomed = [Socket(victim, api) for _ in range(25)]
        identifiers = [client.id for client in doomed]
        with sockets(*[(node, api) for node in others]) as survivors:
            # One that ends in good order is told of once, by its own node.
            closed = Socket(victim, api)
            closed_id = closed.id
            closed.close()
            eventually(lambda: recorded(backend.told) == [(closed_id, "1000")], what="the first $disconnect")
            told_witness(victim)
            victim.kill()
            began = time.monotonic()
            for identifier in identifiers[:3]:
                for node in others:
                    refused(lambda: management(node, api).post_to_connection(ConnectionId=identifier, Data=b"x"), *GONE)
            assert time.monotonic() - began < 20
            expected = sorted([(closed_id, "1000")] + [(identifier, "1006") for identifier in identifiers])
            eventually(lambda: len(backend.told) >= len(expected), what="$disconnect for all connections of the dead node")
            # Broadcasts name the node that can't be asked.
            told = broadcast(started[0], api, "/@all", "who is left")
            unreachable = {"error": "unreachable"}
            assert told == dict(zip([str(node.number) for node in started], [counts(1), counts(1), unreachable]))
            assert [client.hear() for client in survivors] == ["who is left"] * 2
            # It starts again: its old connections stay gone, and nothing is told twice.
            victim.start()
            victim.wait_ready()
            eventually(lambda: "error" not in broadcast(started[0], api, "/@all", "x")[str(victim.number)], what="the node to be back")
            with Socket(victim, api) as fresh:
                management(started[0], api).post_to_connection(ConnectionId=fresh.id, Data=b"welcome")
                assert fresh.hear() == "welcome"
                refused(lambda: management(started[1], api).get_connection(ConnectionId=identifiers[0]), *GONE)
            eventually(lambda: len(backend.told) >= len(expected) + 1, what="the last $disconnect")
            assert [each for each in recorded(backend.told) if each[0] != fresh.id] == expected


def told_witness(node):
    """Waits until a node's witness knows its connections: they are told ten times a second."""
    figure = "turnpike_websocket_untold_connections"
    eventually(lambda: float(node.figures().get(figure, 1)) == 0, what="the witness to know")


def test_a_node_that_stops_closes_its_connections_one_after_the_other(tmp_path):
    backend = Told()
    with nodes(tmp_path, 3) as started:
        api = make(started[0], {"me": ME, "$disconnect": http_proxy(backend.url, DISCONNECTED)})
        leaving = started[1]
        clients = [Socket(leaving, api) for _ in range(20)]
        identifiers = [client.id for client in clients]
        ends = []

        def wait_for_end(client):
            with contextlib.suppress(ConnectionClosed):
                client.hear(60)
            ends.append(time.monotonic())
            return client.connection.close_code, client.connection.close_reason

        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            closed = [pool.submit(wait_for_end, client) for client in clients]
            leaving.process.send_signal(signal.SIGTERM)
            assert {each.result() for each in closed} == {(1001, "Going away")}
        assert leaving.process.wait(30) == 0
        # Nobody else tells of them again, although the node is gone.
        for identifier in identifiers[:2]:
            refused(lambda: management(started[0], api).get_connection(ConnectionId=identifier), *GONE)
        assert recorded(backend.told) == sorted((identifier, "1001") for identifier in identifiers)


def test_a_node_that_was_cut_off_yields_to_who_spoke_for_it(tmp_path):
    """It is stopped as a process, so that it knows nothing, and goes on later: its connections have been given up."""
    backend = Told()
    with nodes(tmp_path, 3) as started:
        api = make(started[0], {"me": ME, "$disconnect": http_proxy(backend.url, DISCONNECTED)})
        silent = started[2]
        clients = [Socket(silent, api) for _ in range(5)]
        identifiers = [client.id for client in clients]
        told_witness(silent)
        silent.process.send_signal(signal.SIGSTOP)
        try:
            eventually(lambda: len(backend.told) >= 5, what="$disconnect for those of the silent node")
        finally:
            silent.process.send_signal(signal.SIGCONT)
        for client in clients:
            with pytest.raises(ConnectionClosed):
                client.hear(30)
            assert client.connection.close_code == 1001
        with Socket(silent, api) as fresh:
            eventually(lambda: posts(started[0], api, fresh.id), what="the node to be reached again")
            assert fresh.hear() == "x"
        eventually(lambda: len(backend.told) >= 6, what="the last $disconnect")
        assert recorded(backend.told) == sorted([(each, "1006") for each in identifiers] + [(fresh.id, "1000")])


def posts(node, api, identifier):
    with contextlib.suppress(botocore.exceptions.ClientError):
        return management(node, api).post_to_connection(ConnectionId=identifier, Data=b"x")


def test_connections_of_a_stage_that_is_deleted_are_closed(cluster):
    api = make(cluster[0], ROUTES)
    with sockets(*[(node, api) for node in cluster]) as clients:
        assert all(client.id for client in clients)
        cluster[1].client("apigatewayv2").delete_stage(ApiId=api, StageName="prod")
        for client in clients:
            with pytest.raises(ConnectionClosed):
                client.hear()
            assert client.connection.close_code == 1001
