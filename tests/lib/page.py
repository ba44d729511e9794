"""page - the status page and the metrics of a gateway under test, at a port of its own."""
import http.client
import re

import gateway as program
import procs

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def admin(port, more=""):
    """The section of the configuration."""
    return f"[admin]\nbind = 127.0.0.1:{port}\n{more}"


def ask(port, path="/", method="GET", fields=(), body=None, host=None):
    """(status, fields, text); the connection is closed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20 * program.SLOW)
    headers = dict(fields)
    if host is not None:
        headers["Host"] = host
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def parse(text):
    """{(name, labels as a sorted tuple of pairs): number}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        key = name, tuple(sorted(LABEL.findall(labels or "")))
        assert key not in found, f"twice: {line}"
        found[key] = float(value)
    return found


def metrics(port, accept="text/plain"):
    status, _, text = ask(port, "/metrics", fields={"Accept": accept})
    assert status == 200, text
    return parse(text)


def total(found, name, **labels):
    """The sum of all samples that have these labels."""
    return sum(value for (is_name, pairs), value in found.items()
               if is_name == "sallyport_" + name and set(labels.items()) <= set(pairs))


def eventually(port, name, value, **labels):
    """What becomes the sum of the samples: an exchange is counted when it is over, which its client need not wait for."""
    seen = []

    def is_so():
        seen.append(total(metrics(port), name, **labels))
        return seen[-1] == value
    assert procs.wait_for(is_so, 20 * program.SLOW, 0.1), f"{name} {labels}: {seen[-1]}, not {value}"
