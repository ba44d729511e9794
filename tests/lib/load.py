"""load - many clients that keep their connections and go on asking; every request and its fate is written down."""
import collections
import threading
import time

import wire

# begun, ended: time.time(). fate: "ok" (an answer, whole), "cut" (its head came, its body did not), "lost" (no answer at all).
Asked = collections.namedtuple("Asked", "method target begun ended fate status body backend")


class Asker(threading.Thread):
    """One client. wish() gives (method, target, body) of the next request, or None to end."""

    def __init__(self, to, wish, pause=0.0, timeout=120):
        super().__init__(daemon=True)
        self.to, self.wish, self.pause, self.timeout = to, wish, pause, timeout
        self.client = None
        self.asked = []
        self.since = None               # when the request was begun that is under way
        self.error = None               # of ours: a wish or a reader that broke

    def run(self):
        try:
            while (wish := self.wish()) is not None:
                self.asked.append(self.ask(*wish))
                self.since = None
                if self.pause:
                    time.sleep(self.pause)
        except Exception as error:      # pylint: disable=broad-except
            self.error = error
        finally:
            self.drop()

    def drop(self):
        if self.client is not None:
            self.client.close()
            self.client = None

    def ask(self, method, target, body=b""):
        self.since = begun = time.time()
        try:
            if self.client is None:
                self.client = wire.Client(self.to, timeout=self.timeout)
            got = self.client.ask(method, target, body=body)
        except (OSError, wire.Cut):
            self.drop()
            return Asked(method, target, begun, time.time(), "lost", None, b"", None)
        fate = "ok" if got.is_complete else "cut"
        if fate == "cut" or (got.get("Connection") or "").lower() == "close":
            self.drop()
        return Asked(method, target, begun, time.time(), fate, got.status, got.body, got.get("X-Backend"))


class Load:
    """with Load() as load: load.add(...); all are told to stop at the end, and must have stopped."""

    def __init__(self):
        self.over = threading.Event()
        self.askers = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop(must_end=kind is None)

    def add(self, to, wish, count=1, pause=0.0):
        """count clients; wish(client, n): what the client's n-th request is, as (method, target, body)."""
        for _ in range(count):
            number = len(self.askers)
            self.askers.append(Asker(to, self.until_over(wish, number), pause))
            self.askers[-1].start()

    def until_over(self, wish, number):
        count = [0]

        def next_one():
            if self.over.is_set():
                return None
            count[0] += 1
            return wish(number, count[0])
        return next_one

    def stop(self, must_end=True, timeout=240):
        self.over.set()
        end = time.monotonic() + timeout
        for asker in self.askers:
            asker.join(max(0.0, end - time.monotonic()))
        if must_end:
            assert not [one for one in self.askers if one.is_alive()], "a client waits still"
            assert not [one.error for one in self.askers if one.error], [one.error for one in self.askers if one.error]

    def is_past(self, when):
        """Is every request over that was begun before that?"""
        return all(since is None or since > when for since in [asker.since for asker in self.askers])

    @property
    def asked(self):
        """All of all clients, as far as they are."""
        return [one for asker in self.askers for one in list(asker.asked)]
