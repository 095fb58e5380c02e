"""A TCP connection on loopback to the tests' own server, which drops, refuses or falls silent on request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
CHUNK = 65_536


class Line:
    """What stands between a client and its server: clients connect to `port`; `connections` counts those that did."""

    def __init__(self, server_port: int) -> None:
        self.connections = 0
        self._server_port, self._silent = server_port, False
        self._next: list[int] = []
        self._all: int | None = None
        self._questions: list[bytes] = []
        self._open: list[socket.socket] = []
        self._listener = _listening(0)
        self.port: int = self._listener.getsockname()[1]
        self._take_calls()

    def cut(self, *after: int, for_ever: bool = False) -> None:
        """Each of the next connections is dropped after so many bytes of the server's; `for_ever`: all from now on."""
        self._next, self._all = ([], after[0]) if for_ever else (list(after), None)

    def lose_answers(self, *to: bytes) -> None:
        """Drop a connection once a client has sent these bytes and the server has acted on them; one after another."""
        self._questions = list(to)

    def fall_silent(self) -> None:
        """New connections are taken, and nothing is ever answered."""
        self._silent = True

    def refuse(self) -> None:
        """Drop every connection; until `mend` nobody listens here."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends the thread that waits for calls
        self._listener.close()
        _shut(*self._open)

    def mend(self) -> None:
        """Pass everything on again."""
        self._next, self._all, self._silent, self._questions = [], None, False, []
        if self._listener.fileno() < 0:
            self._listener = _listening(self.port)
            self._take_calls()

    def _take_calls(self) -> None:
        listener = self._listener

        def take() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    self.connections += 1
                    self._open.append(client)
                    if not self._silent:
                        self._join(client, self._next.pop(0) if self._next else self._all)

        threading.Thread(target=take, daemon=True).start()

    def _join(self, client: socket.socket, cut: int | None) -> None:
        try:
            server = socket.create_connection((HOST, self._server_port))
        except OSError:
            _shut(client)
            return
        self._open.append(server)
        lost = threading.Event()
        threading.Thread(target=self._pass_questions, args=(client, server, lost), daemon=True).start()
        threading.Thread(target=_pass_answers, args=(server, client, cut, lost), daemon=True).start()

    def _pass_questions(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                if self._questions and self._questions[0] in data:
                    self._questions.pop(0)
                    lost.set()
                server.sendall(data)
        _shut(client, server)


@contextmanager
def line(server_port: int) -> Iterator[Line]:
    """A line to a server, whole at first."""
    found = Line(server_port)
    try:
        yield found
    finally:
        found.refuse()


def _pass_answers(server: socket.socket, client: socket.socket, cut: int | None, lost: threading.Event) -> None:
    passed = 0
    with suppress(OSError):
        while data := server.recv(CHUNK):
            if lost.is_set() or (cut is not None and passed + len(data) > cut):
                break
            client.sendall(data)
            passed += len(data)
    _shut(client, server)


def _listening(port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((HOST, port))
    found.listen()
    return found


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
