"""Two ways to an Account (account.py), each of which notes what was asked:

Command: a program `aws` for the PATH, which hands its words to this process and prints what it is told: pages, --query,
text and errors as the real command has them, in a hundredth of its time.
Endpoint: AWS's own protocols over HTTP, for the real aws command with --endpoint-url (endpoint.py)."""
import base64
import json
import os
import socketserver
import threading

import jmespath

from account import HOME, PAGED, AwsError

# Hands on its words, gets the code, how long the two texts are, and the texts.
PROGRAM = r"""#!/bin/bash
LC_ALL=C
exec 3<>/dev/tcp/127.0.0.1/@PORT@ || exit 255
printf '%s\0' "$@" >&3
printf '\0\0' >&3
IFS=' ' read -r code out err <&3
[ "$out" = 0 ] || { IFS= read -r -d '' -N "$out" text <&3; printf '%s' "$text"; }
[ "$err" = 0 ] || { IFS= read -r -d '' -N "$err" text <&3; printf '%s' "$text" >&2; }
exit "$code"
"""
LISTS = {"filters", "association-filter-list"}
STRUCTURES = LISTS | {"versioning-configuration"}
MANY = {"security-group-rule-ids", "owner-ids", "versions", "compliance-types"}


def value_of(words):
    """Of Name=x,Values=a,b: a dict."""
    found, last = {}, None
    for part in words.split(","):
        key, is_new, value = part.partition("=")
        if is_new:
            last = key
            found[key] = [value] if key == "Values" else value
        else:
            found[last].append(part)
    return found


def options(words):
    """{"filters": [{...}], "max-password-age": "90", "require-symbols": True}"""
    found, at = {}, 0
    while at < len(words):
        name, at = words[at][2:], at + 1
        values = []
        while at < len(words) and not words[at].startswith("--"):
            values.append(value_of(words[at]) if name in STRUCTURES else words[at])
            at += 1
        if name.startswith("no-") and not values:
            found[name[3:]] = False
        elif not values:
            found[name] = True
        else:
            found[name] = values if name in LISTS | MANY else values[0]
    return found


def written(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def text_of(value):
    """As the aws command's --output text; objects have none here: every call asks by --query for values."""
    if isinstance(value, dict):
        return json.dumps(value)
    if not isinstance(value, list):
        return written(value) + "\n"
    inner = [one for one in value if isinstance(one, list)]
    scalars = [one for one in value if not isinstance(one, list)]
    return ("\t".join(map(written, scalars)) + "\n" if scalars else "") + "".join(map(text_of, inner))


def pages_of(service, operation, answer, size):
    key = PAGED.get((service, operation))
    if key is None or len(answer[key]) <= size:
        return [answer]
    parts = [answer[key][at:at + size] for at in range(0, len(answer[key]), size)]
    return [{**answer, key: parts[0]}] + [{key: part} for part in parts[1:]]


def failure(operation, error):
    if error.code == "NoCredentials":
        return 'Unable to locate credentials. You can configure credentials by running "aws configure".'
    if error.code == "Unreachable":
        return f'Could not connect to the endpoint URL: "{error.message}"'
    tries = " (reached max retries: 4)" if "Thrott" in error.code or error.code == "RequestLimitExceeded" else ""
    name = "".join(word.capitalize() for word in operation.split("-"))
    return f"An error occurred ({error.code}) when calling the {name} operation{tries}: {error.message}"


class Command:
    """The program in `folder`/aws answers for `account` while this lives; `strays` are calls that named no endpoint of ours,
    and would have gone to the real AWS, and what the stub itself failed at."""

    endpoint = "http://127.0.0.1:9/"    # nobody listens there, if the real command is run by mistake

    def __init__(self, account, folder, region=HOME):
        self.account, self.region, self.strays, self.profiles = account, region, [], set()
        front = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                got = b""
                while not got.endswith(b"\0\0\0"):
                    more = self.request.recv(65536)
                    if not more:
                        return
                    got += more
                try:
                    code, out, err = front.run(got[:-3].decode().split("\0"))
                except Exception as why:        # ours, so no answer of AWS
                    front.strays.append(repr(why))
                    code, out, err = 255, "", "the stub failed"
                out, err = out.encode(), err.encode()
                self.wfile.write(b"%d %d %d\n%b%b" % (code, len(out), len(err), out, err))

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        path = os.path.join(folder, "aws")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PROGRAM.replace("@PORT@", str(self.server.server_address[1])))
        os.chmod(path, 0o755)

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def run(self, words):
        """(exit code, standard output, standard error)"""
        given = {"region": self.region}
        while words and words[0].startswith("--"):
            given[words[0][2:]], words = words[1], words[2:]
        self.profiles.add(given.get("profile"))
        if words[:3] == ["configure", "get", "region"]:
            return (0, self.region + "\n", "") if self.region else (1, "", "")
        service, operation, parameters = words[0], words[1], options(words[2:])
        for name in ("output", "query"):
            given[name] = parameters.pop(name, given.get(name))
        if given.get("endpoint-url") != self.endpoint:
            self.strays.append(words)
            return 255, "", "stray"
        if not given["region"]:
            return 253, "", "\nYou must specify a region. You can also configure your region by running \"aws configure\".\n"
        try:
            if (service, operation) == ("cloudtrail", "validate-logs"):
                self.account.calls.append((service, operation, given["region"], parameters))
                if "*" in self.account.errors:
                    raise self.account.errors["*"]
                return self.account.validation[0], self.account.validation[1], "".join(self.account.validation[2:])
            answer = self.account.call(service, operation, given["region"], parameters)
            out = ""
            for page in pages_of(service, operation, answer, self.account.page):
                out += text_of(jmespath.search(given["query"], page) if given["query"] else page)
            return 0, out, ""
        except AwsError as error:
            return 254, "", "\n" + failure(operation, error) + "\n"
        except jmespath.exceptions.JMESPathError as why:
            return 255, "", f"\nBad value for --query: {why}\n"
