"""Stands on the way between nodes, and breaks it where it hurts most."""

import contextlib
import socket
import threading

from conftest import free_port


class Relay:
    """What comes to its port is passed on to a node, and what the node answers back, until the way is cut."""

    def __init__(self):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.target = None
        self.connections = set()
        self.lock = threading.Lock()

    def open(self, target):
        """Passes on to this address from now on."""
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                Way(self, self.listener.accept()[0])

    def cut(self):
        """Breaks all ways that there are. Whatever is sent up to this moment arrives, and nobody hears an answer."""
        with self.lock:
            ways = list(self.connections)
        for way in ways:
            way.mute()
        return len(ways)

    def close(self):
        self.listener.close()
        self.cut()


class Way:
    """One connection."""

    def __init__(self, relay, near):
        self.relay, self.near = relay, near
        self.is_muted = False
        host, _, port = relay.target.rpartition(":")
        self.far = socket.create_connection((host, int(port)))
        with relay.lock:
            relay.connections.add(self)
        for carry in (self._ask, self._answer):
            threading.Thread(target=carry, daemon=True).start()

    def mute(self):
        """From now on answers are swallowed; with the next one the connection ends."""
        self.is_muted = True

    def _ask(self):
        with contextlib.suppress(OSError):
            while data := self.near.recv(65536):
                self.far.sendall(data)
        self._end()

    def _answer(self):
        with contextlib.suppress(OSError):
            while (data := self.far.recv(65536)) and not self.is_muted:
                self.near.sendall(data)
        self._end()

    def _end(self):
        with self.relay.lock:
            self.relay.connections.discard(self)
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
