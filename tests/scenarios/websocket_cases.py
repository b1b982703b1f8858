"""What RFC 6455 wants of a server that echoes: the case families of the Autobahn suite's sections 1 to 7 and 10, as data.

A case is what a client sends, what comes back, and the end: None if the client has to close it, with 1000; else the
close codes that are right, to which the end of the connection belongs.
"""

import struct
from typing import NamedTuple

from raw_sockets import BINARY, CLOSE, MORE, PING, PONG, TEXT, frame

OK, WRONG, INVALID = None, {1002}, {1007}


class Case(NamedTuple):
    """One case."""

    sent: list
    back: list
    end: set | None


def said(payload, opcode=TEXT):
    return (opcode, payload.encode() if isinstance(payload, str) else payload)


def pieces(payload, length, opcode=TEXT):
    """A message in frames of so many bytes."""
    parts = [payload[at : at + length] for at in range(0, len(payload), length)] or [b""]
    return [
        frame(MORE if number else opcode, part, last=number == len(parts) - 1) for number, part in enumerate(parts)
    ]


def chops(data, length):
    """The same bytes, sent so many at a time."""
    return [data[at : at + length] for at in range(0, len(data), length)]


def closing(payload):
    return frame(CLOSE, payload)


def code(number, reason=b""):
    return struct.pack("!H", number) + (reason.encode() if isinstance(reason, str) else reason)


def framing():
    """1: messages of all lengths, text and binary."""
    for family, (opcode, sign) in enumerate([(TEXT, b"*"), (BINARY, b"\xfe")], 1):
        for number, length in enumerate([0, 125, 126, 127, 128, 65535, 65536], 1):
            yield f"1.{family}.{number}", Case([frame(opcode, sign * length)], [said(sign * length, opcode)], OK)
        data = frame(opcode, sign * 65536)
        yield f"1.{family}.8", Case(chops(data, 997), [said(sign * 65536, opcode)], OK)


def pings():
    """2: pings of all lengths, pongs that nobody asked for."""
    everything = bytes(range(125))
    for number, payload in enumerate([b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", everything], 1):
        yield f"2.{number}", Case([frame(PING, payload)], [said(payload, PONG)], OK)
    yield "2.5", Case([frame(PING, b"\xfe" * 126)], [], WRONG)
    yield "2.6", Case(chops(frame(PING, everything), 1), [said(everything, PONG)], OK)
    yield "2.7", Case([frame(PONG)], [], OK)
    yield "2.8", Case([frame(PONG, b"unasked")], [], OK)
    yield "2.9", Case([frame(PONG, b"unasked"), frame(PING, b"asked")], [said("asked", PONG)], OK)
    many = [b"payload-%d" % number for number in range(10)]
    yield "2.10", Case([frame(PING, payload) for payload in many], [said(payload, PONG) for payload in many], OK)
    slow = [piece for payload in many for piece in chops(frame(PING, payload), 1)]
    yield "2.11", Case(slow, [said(payload, PONG) for payload in many], OK)


def reserved():
    """3: reserved bits."""
    hello = frame(TEXT, "Hello")
    bad = lambda bits, opcode=TEXT, payload=b"Hello": frame(opcode, payload, reserved=bits)
    ping = frame(PING)
    yield "3.1", Case([bad(1)], [], WRONG)
    yield "3.2", Case([hello, bad(2), ping], [said("Hello")], WRONG)
    yield "3.3", Case([hello, bad(3), ping], [said("Hello")], WRONG)
    yield "3.4", Case(chops(hello + bad(4) + ping, 1), [said("Hello")], WRONG)
    yield "3.5", Case([bad(5, BINARY)], [], WRONG)
    yield "3.6", Case([bad(6, PING)], [], WRONG)
    yield "3.7", Case([bad(7, CLOSE, b"")], [], WRONG)


def opcodes():
    """4: opcodes that mean nothing."""
    hello, ping = frame(TEXT, "Hello"), frame(PING)
    for family, known in enumerate([(3, 4, 5, 6, 7), (11, 12, 13, 14, 15)], 1):
        first, second, third, fourth, fifth = known
        yield f"4.{family}.1", Case([frame(first)], [], WRONG)
        yield f"4.{family}.2", Case([frame(second, "payload")], [], WRONG)
        yield f"4.{family}.3", Case([hello, frame(third), ping], [said("Hello")], WRONG)
        yield f"4.{family}.4", Case([hello, frame(fourth, "payload"), ping], [said("Hello")], WRONG)
        yield f"4.{family}.5", Case(chops(hello + frame(fifth, "payload") + ping, 1), [said("Hello")], WRONG)


def fragments():
    """5: messages in pieces, with control frames between them and without."""
    start = lambda text: frame(TEXT, text, last=False)
    more = lambda text: frame(MORE, text, last=False)
    end = lambda text: frame(MORE, text)
    both, ping, pong = [said("onetwo")], frame(PING, "ping"), said("ping", PONG)
    yield "5.1", Case([frame(PING, "one", last=False), end("two")], [], WRONG)
    yield "5.2", Case([frame(PONG, "one", last=False), end("two")], [], WRONG)
    yield "5.3", Case([start("one"), end("two")], both, OK)
    yield "5.4", Case([start("one") + end("two")], both, OK)
    yield "5.5", Case(chops(start("one") + end("two"), 1), both, OK)
    yield "5.6", Case([start("one"), ping, end("two")], [pong, *both], OK)
    yield "5.7", Case([start("one") + ping + end("two")], [pong, *both], OK)
    yield "5.8", Case(chops(start("one") + ping + end("two"), 1), [pong, *both], OK)
    orphan, hello = frame(MORE, "orphan"), frame(TEXT, "Hello")
    yield "5.9", Case([orphan, hello], [], WRONG)
    yield "5.10", Case([orphan + hello], [], WRONG)
    yield "5.11", Case(chops(orphan + hello, 1), [], WRONG)
    yield "5.12", Case([more("orphan"), hello], [], WRONG)
    yield "5.13", Case([more("orphan") + hello], [], WRONG)
    yield "5.14", Case(chops(more("orphan") + hello, 1), [], WRONG)
    yield "5.15", Case([start("one") + end("two") + more("orphan") + frame(TEXT, "three")], both, WRONG)
    twice = [more("one"), start("two"), end("three")]
    yield "5.16", Case(twice * 2, [], WRONG)
    yield "5.17", Case([orphan, start("two"), end("three")] * 2, [], WRONG)
    yield "5.18", Case([start("one"), frame(TEXT, "two")], [], WRONG)
    five = [start("1"), more("2"), frame(PING, "a"), more("3"), more("4"), frame(PING, "b"), end("5")]
    pongs = [said("a", PONG), said("b", PONG), said("12345")]
    yield "5.19", Case(five, pongs, OK)
    yield "5.20", Case(chops(b"".join(five), 1), pongs, OK)


# Texts by what their bytes are; the sections of Markus Kuhn's test of decoders give the families.
GREEK = "κ\u1f79σμε".encode()
VALID = {
    "6.5": ["hello$world", "hello¢world", "hello€world", "hello𤭢world", GREEK.decode()],
    "6.6 whole": [GREEK[:at].decode() for at in (2, 5, 7, 9, 11)],
    "6.7": ["\x00", "\x80", "\u0800", "\U00010000"],
    "6.9": ["\x7f", "\u07ff", "\uffff", "\U0010ffff"],
    "6.11": ["\ud7ff", "\ue000", "\ufffd", "\U0010ffff"],
    "6.22": [chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)],
    "6.23": ["\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"],
}
BROKEN = {
    "6.6 cut": [GREEK[:at] for at in range(1, len(GREEK)) if at not in (2, 5, 7, 9)],
    "6.8 too long": [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    "6.10 too large": [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
    "6.11 beyond": [b"\xf4\x90\x80\x80"],
    "6.12 continuations alone": [b"\x80", b"\xbf", *(bytes([0x80, 0xBF] * 4)[:count] for count in range(2, 7)),
                                 bytes(range(0x80, 0xC0))],
    "6.13 starts alone": [
        b"".join(bytes([first, 0x20]) for first in range(*ends))
        for ends in [(0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE)]
    ],
    "6.14 without their last byte": [
        b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80",
        b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf",
    ],
    "6.15 all of them": [b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf"],
    "6.16 impossible bytes": [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    "6.17 slashes of too many bytes": [
        b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf",
    ],
    "6.18 the most of too many bytes": [
        b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf",
    ],
    "6.19 NULs of too many bytes": [
        b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80",
    ],
    "6.20 halves of pairs": [bytes([0xED, second, third]) for second, third in
                             [(0xA0, 0x80), (0xAD, 0xBF), (0xAE, 0x80), (0xAF, 0xBF), (0xB0, 0x80), (0xBE, 0x80), (0xBF, 0xBF)]],
    "6.21 pairs": [high + low for high in [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"]
                   for low in [b"\xed\xb0\x80", b"\xed\xbf\xbf"]],
}


def texts():
    """6: UTF-8, right and wrong, whole and in pieces; what is wrong is found before the message is whole."""
    for number, sent in enumerate([
        [frame(TEXT)],
        [frame(TEXT, last=False), frame(MORE, last=False), frame(MORE)],
        [frame(TEXT, last=False), frame(MORE, "middle", last=False), frame(MORE)],
    ], 1):
        yield f"6.1.{number}", Case(sent, [said("middle" if number == 3 else "")], OK)
    unicode = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    yield "6.2.1", Case([frame(TEXT, unicode)], [said(unicode)], OK)
    yield "6.2.2", Case(pieces(unicode, 12), [said(unicode)], OK)
    yield "6.2.3", Case(pieces(unicode, 1), [said(unicode)], OK)
    yield "6.2.4", Case(pieces(GREEK, 1), [said(GREEK)], OK)
    bad = GREEK + b"\xed\xa0\x80edited"
    yield "6.3.1", Case([frame(TEXT, bad)], [], INVALID)
    yield "6.3.2", Case(pieces(bad, 1), [], INVALID)
    # Neither the message's end nor the frame's is sent: the server must not wait for them.
    start = lambda text: frame(TEXT, text, last=False)
    yield "6.4.1", Case([start(GREEK), frame(MORE, b"\xf4\x90\x80\x80", last=False)], [], INVALID)
    yield "6.4.2", Case([start(GREEK + b"\xf4"), frame(MORE, b"\x90", last=False)], [], INVALID)
    whole = frame(TEXT, GREEK + b"\xf4\x90\x80\x80edited", length=200)
    yield "6.4.3", Case([whole[: -len(b"edited")]], [], INVALID)
    yield "6.4.4", Case(chops(whole[: -len(b"\x80\x80edited")], 1), [], INVALID)
    for name, valid in VALID.items():
        for number, text in enumerate(valid, 1):
            yield f"{name}.{number}", Case([frame(TEXT, text)], [said(text)], OK)
    for name, broken in BROKEN.items():
        for number, text in enumerate(broken, 1):
            yield f"{name}, {number}", Case([frame(TEXT, text)], [], INVALID)


def ends():
    """7: the close handshake, its codes and its reasons."""
    hello, ping = frame(TEXT, "Hello"), frame(PING)
    normal = closing(code(1000))
    yield "7.1.1", Case([hello, normal], [said("Hello")], {1000})
    yield "7.1.2", Case([normal + normal], [], {1000})
    yield "7.1.3", Case([normal + ping], [], {1000})
    yield "7.1.4", Case([normal + hello], [], {1000})
    yield "7.1.5", Case([frame(TEXT, "one", last=False) + normal + frame(MORE, "two")], [], {1000})
    long = b"x" * 262_144
    yield "7.1.6", Case([frame(TEXT, long) + normal + ping], [said(long)], {1000})
    yield "7.3.1", Case([closing(b"")], [], {1005})
    yield "7.3.2", Case([closing(b"a")], [], WRONG)
    yield "7.3.3", Case([normal], [], {1000})
    yield "7.3.4", Case([closing(code(1000, "Hello World!"))], [], {1000})
    yield "7.3.5", Case([closing(code(1000, "*" * 123))], [], {1000})
    yield "7.3.6", Case([closing(code(1000, "*" * 124))], [], WRONG)
    yield "7.5.1", Case([closing(code(1000, GREEK + b"\xed\xa0\x80edited"))], [], INVALID)
    for number, right in enumerate([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999], 1):
        yield f"7.7.{number}", Case([closing(code(right))], [], {right})
    for number, wrong in enumerate([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999], 1):
        yield f"7.9.{number}", Case([closing(code(wrong))], [], WRONG)
    # Those that nobody defines: the suite only looks at what becomes of them.
    yield "7.13.1", Case([closing(code(5000))], [], WRONG)
    yield "7.13.2", Case([closing(code(65535))], [], WRONG)


def rest():
    """10: a long message in frames of an odd length."""
    yield "10.1.1", Case(pieces(b"*" * 65536, 1300), [said(b"*" * 65536)], OK)


def beyond():
    """What the suite leaves out: unmasked frames, lengths that are said too long, those that no machine has."""
    yield "no mask", Case([frame(TEXT, "hi", masked=False)], [], WRONG)
    yield "the highest bit of a length", Case([frame(TEXT, length=1 << 63, size=8)], [], {1002, 1009})
    yield "2^62 bytes", Case([frame(TEXT, length=1 << 62, size=8)], [], {1009})
    yield "a fragmented close", Case([frame(CLOSE, code(1000), last=False)], [], WRONG)
    yield "a long close", Case([frame(CLOSE, code(1000, "x" * 200))], [], WRONG)
    yield "compressed", Case([frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", reserved=4)], [], WRONG)


FAMILIES = [framing, pings, reserved, opcodes, fragments, texts, ends, rest]
CASES = {name: case for family in FAMILIES for name, case in family()}
BEYOND = dict(beyond())
