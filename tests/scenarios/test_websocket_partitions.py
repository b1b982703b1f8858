"""Connections of nodes that are cut off from others: every end is told once at most, and no answer says what is not so."""

import contextlib

import botocore.exceptions
import pytest
from websockets.exceptions import ConnectionClosed

from conftest import eventually, refused
from sockets import ME, Socket, Told, http_proxy, make, management, sockets
from test_connections import DISCONNECTED, GONE, posts, recorded, told_witness
from test_partitions import cluster, healed, ip, network  # noqa: F401  fixtures among them


@pytest.fixture
def backend(network):
    """What `$disconnect` tells; where every node reaches it, whatever is cut."""
    address = f"10.211.{network.third}.254"
    ip("addr", "add", f"{address}/24", "dev", network.bridge)
    return Told(address)


@pytest.fixture
def api(cluster, backend):
    return make(cluster[0], {"me": ME, "$disconnect": http_proxy(backend.url, DISCONNECTED)})


def in_order(cluster, first):
    """A node, its witness, and the third."""
    others = sorted((node for node in cluster if node is not first), key=lambda node: (node.number < first.number, node.number))
    return first, *others


def post(node, api, identifier, text):
    """The status that a post is answered with."""
    try:
        management(node, api).post_to_connection(ConnectionId=identifier, Data=text.encode())
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


def both_ways(network, one, other):
    network.cut(one, other)
    network.cut(other, one)


def heard_until(client, last):
    """All that a client hears, up to this text."""
    heard = [client.hear(30)]
    while heard[-1] != last:
        heard.append(client.hear(30))
    return heard


@pytest.mark.parametrize("deaf", ["the one who asks", "the one who is asked"])
def test_nobody_says_of_a_connection_behind_a_cut_way_that_it_is_gone(network, cluster, api, backend, deaf):
    """One node does not hear another one, which hears it; the third one hears both."""
    owner, asking, third = cluster
    with Socket(owner, api) as client:
        identifier = client.id
        told_witness(owner)
        assert post(asking, api, identifier, "before") == 200
        with healed(network):
            network.cut(*((owner, asking) if deaf == "the one who asks" else (asking, owner)))
            # It may have arrived or not, and that is what is said.
            assert post(asking, api, identifier, "who knows") == 500
            assert post(third, api, identifier, "by another way") == 200
            # The other way round it is the same.
            with Socket(asking, api) as other:
                assert post(owner, api, other.id, "who knows") == 500
        eventually(lambda: post(asking, api, identifier, "after") == 200, what="the way to be there again")
        assert post(third, api, identifier, "last") == 200
        heard = heard_until(client, "last")
        assert heard.count("who knows") <= 1, heard
        assert [text for text in heard if text not in ("who knows", "after")] == ["before", "by another way", "last"], heard
    eventually(lambda: len(backend.told) == 2, what="the ends of both")
    assert {code for _, code in recorded(backend.told)} == {"1000"}


def test_a_node_that_is_thought_dead_and_lives_tells_no_end_twice(network, cluster, api, backend):
    owner, _, third = in_order(cluster, cluster[2])
    clients = [Socket(owner, api) for _ in range(5)]
    identifiers = [client.id for client in clients]
    told_witness(owner)
    with Socket(third, api) as elsewhere, contextlib.ExitStack() as stack:
        with healed(network):
            network.isolate(owner, cluster)
            # It ends while nobody else can know: the others will speak for it, and its own node must not.
            clients[0].close()
            eventually(lambda: len(backend.told) >= 5, within=60, what="$disconnect for those of the node that is cut off")
            refused(lambda: management(third, api).post_to_connection(ConnectionId=identifiers[1], Data=b"x"), *GONE)
            # It goes on by itself, and does not say of others what it can't know.
            fresh = stack.enter_context(Socket(owner, api))
            assert post(owner, api, fresh.id, "alone") == 200
            assert fresh.hear() == "alone"
            passing = Socket(owner, api)
            passing_id = passing.id
            passing.close()
            assert post(owner, api, elsewhere.id, "x") == 500
        for client in clients[1:]:
            with pytest.raises(ConnectionClosed):
                client.hear(30)
            assert client.connection.close_code == 1001
        # Nobody could speak for a connection that nobody knew of: it is still there, and reached by all.
        for node in cluster:
            eventually(lambda node=node: post(node, api, fresh.id, f"again {node.number}") == 200, what="the node to be reached")
        assert {f"again {node.number}" for node in cluster} <= set(heard_until(fresh, f"again {cluster[-1].number}"))
    expected = [(each, "1006") for each in identifiers] + [(each, "1000") for each in (fresh.id, elsewhere.id, passing_id)]
    eventually(lambda: len(backend.told) >= len(expected), what="the last ends")
    assert recorded(backend.told) == sorted(expected)


def test_an_end_that_nobody_could_be_told_of_is_told_when_they_can_again(network, cluster, api, backend):
    owner, _, third = in_order(cluster, cluster[1])
    with sockets(*[(owner, api)] * 2) as (leaving, staying):
        identifiers = [leaving.id, staying.id]
        told_witness(owner)
        with healed(network):
            network.isolate(owner, cluster)
            leaving.close()
        eventually(lambda: recorded(backend.told) == [(identifiers[0], "1000")], what="its end")
        eventually(lambda: posts(third, api, identifiers[1]), what="the other one to be reached")
        assert staying.hear() == "x"
    eventually(lambda: len(backend.told) >= 2, what="the other one's end")
    assert recorded(backend.told) == sorted((each, "1000") for each in identifiers)


def test_a_witness_that_was_cut_off_speaks_for_nobody_who_has_another_one(network, cluster, api, backend):
    owner, witness, _ = in_order(cluster, cluster[0])
    clients = [Socket(owner, api) for _ in range(6)]
    identifiers = [client.id for client in clients]
    told_witness(owner)
    with healed(network):
        both_ways(network, owner, witness)
        clients[0].close()
        # Its end is told when the cards of the old witness are worth nothing any more; that one still has them.
        eventually(lambda: recorded(backend.told) == [(identifiers[0], "1000")], within=60, what="another witness")
        told_witness(owner)
        owner.kill()
        eventually(lambda: len(backend.told) >= 6, within=60, what="$disconnect for the others")
    expected = [(identifiers[0], "1000")] + [(each, "1006") for each in identifiers[1:]]
    assert recorded(backend.told) == sorted(expected)
    # And when it is back, nothing is told again.
    owner.start()
    owner.wait_ready()
    with Socket(owner, api) as fresh:
        eventually(lambda: posts(witness, api, fresh.id), what="the node to be reached again")
        expected.append((fresh.id, "1000"))
    eventually(lambda: len(backend.told) >= 7, what="the last end")
    assert recorded(backend.told) == sorted(expected)
