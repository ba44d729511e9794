"""real_site - nginx with files, uploads and an application behind it, reachable directly and through the gateway.

Both ways, plain and TLS, lead to the same nginx and present the same certificate: what a client sees may differ only
in the fields that the gateway is there to write.
"""
import os
import random
import shutil
import subprocess
import wave

import pytest

import backends
import gateway as program
import procs

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20

# What the gateway adds, takes away or ends at the hop (spec, section 4 and the keys hsts, security_headers).
GATEWAY_FIELDS = {"server", "via", "strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy",
                  "x-request-id", "connection", "keep-alive"}
# What differs between any two requests.
EACH_TIME = {"date"}
# What the backend sees besides what the client sent.
FORWARDING_FIELDS = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-request-id", "via",
                     "traceparent", "connection"}

NGINX = """
        listen 127.0.0.1:{tls} ssl backlog=1024;
        ssl_certificate {chain};
        ssl_certificate_key {key};
        absolute_redirect off;
        ssl_protocols TLSv1.2 TLSv1.3;
        location /seen {{ echo -n $echo_client_request_headers; }}
        location /packed/ {{ alias {folder}/files/; gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any; gzip_http_version 1.0; }}
        location /private {{ auth_basic closed; auth_basic_user_file {folder}/users; echo -n $remote_user; }}
        location /hop1 {{ return 301 /hop2; }}
        location /hop2 {{ return 308 /1k.txt; }}
        location /pages/ {{
            types {{ text/html html; text/css css; text/javascript js; image/svg+xml svg; audio/wav wav; }}
            add_header X-Frame-Options SAMEORIGIN;
        }}
        location = /app/form {{
            proxy_pass http://127.0.0.1:{app}; proxy_http_version 1.1;
            add_header X-Frame-Options SAMEORIGIN;
        }}
        location /app/ {{ proxy_pass http://127.0.0.1:{app}; proxy_buffering off; proxy_http_version 1.1; }}
        location /socket {{
            proxy_pass http://127.0.0.1:{socket};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
        }}
"""


class RealSite:
    def __init__(self, folder, leaf):
        self.leaf = leaf
        self.tls_port, self.app_port, self.socket_port = (program.free_port() for _ in range(3))
        self.app = procs.start(["/usr/bin/python3", f"{HERE}/app.py", self.app_port, self.socket_port], stdin=subprocess.DEVNULL)
        self.nginx = backends.Nginx(folder, program.free_port(), NGINX.format(
            tls=self.tls_port, app=self.app_port, socket=self.socket_port, folder=folder, chain=leaf.chain, key=leaf.key))
        self.folder = self.nginx.folder
        self.fill()
        assert procs.wait_for(lambda: all(map(procs.is_open, (self.app_port, self.socket_port)))), "the application is not up"

    def fill(self):
        content = random.Random(11).randbytes(3 * MIB)
        for name, size in {"empty.bin": 0, "1k.bin": 1024, "64k.bin": 65536, "3m.bin": 3 * MIB}.items():
            self.nginx.file(name, content[:size])
        with open(self.nginx.file("100m.bin", b""), "wb") as file:
            for _ in range(100):
                file.write(content[:MIB])
        self.nginx.file("1k.txt", b"0123456789abcde\n" * 64)
        shutil.copytree(f"{HERE}/pages", f"{self.folder}/files/pages", dirs_exist_ok=True)
        with wave.open(self.path("pages/long.wav"), "wb") as sound:        # five minutes, 24 MiB
            sound.setparams((1, 2, 44100, 0, "NONE", ""))
            for _ in range(300):
                sound.writeframes(content[:88200])
        with open(f"{self.folder}/users", "w", encoding="ascii") as file:
            file.write("somebody:{PLAIN}secret\n")

    def empty_store(self):
        shutil.rmtree(self.path("store"))
        os.mkdir(self.path("store"))

    def direct(self, secure):
        return self.tls_port if secure else self.nginx.port

    def path(self, name):
        return f"{self.folder}/files/{name}"

    def ini(self, port, tls_port):
        """Both listeners before this nginx; what a real site would set, and nothing else."""
        return program.ini(port, self.nginx.port, route="upgrade = websocket", listener="body_max = 200m",
                           more=f"""[listener:secure]
bind = 127.0.0.1:{tls_port}
cert = {self.leaf.chain}
key_file = {self.leaf.key}
body_max = 200m
{program.ROOMY}
""")

    def end(self):
        self.nginx.end()
        procs.end(self.app)


def same(fields, but=GATEWAY_FIELDS):
    """(name, value) pairs without what may differ, in the order in which they came."""
    return [(name.lower(), value) for name, value in fields if name.lower() not in but | EACH_TIME]


# --- for the tests that import them ---

@pytest.fixture(scope="module")
def site(folders, ca):
    made = RealSite(folders("site"), ca.leaf("example.com", "localhost"))
    yield made
    made.end()


class Ports(dict):
    """The gateway's two ports: [False] plain, [True] TLS."""
    gateway = None


@pytest.fixture
def ports(gateway, site):           # pylint: disable=redefined-outer-name
    """Of a gateway before that site."""
    made = Ports({False: program.free_port(), True: program.free_port()})
    made.gateway = gateway(site.ini(made[False], made[True]))
    return made
