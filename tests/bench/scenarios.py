"""scenarios - what is compared, and the figure that is ours to beat: so many times nginx's, or 1.08 times that of the relay that
parses nothing, whichever is larger."""
import dataclasses

MIB = 1 << 20
# As a browser sends them; with Host they are twelve.
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8", "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: https://localhost/articles/2026/03/index.html", "Upgrade-Insecure-Requests: 1", "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Cache-Control: max-age=0",
    "Cookie: sid=0123456789abcdef0123456789abcdef; theme=dark; consent=yes; _ga=GA1.1.1234567890.1700000000",
)


@dataclasses.dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    port: str                   # which of a gateway's listeners
    load: dict                  # loadgen's options
    ratio: float = None         # of nginx's cost; None: nothing to hold
    per_byte: int = 0           # body bytes of a request, where the cost is told by the byte
    worker_ratio: float = None  # of nginx's cost, for our worker alone
    calls: float = None         # system calls of a request at most, the wait included
    instructions: int = None    # of a request at most, in user land
    is_p99_held: bool = False   # no worse than nginx's

    @property
    def unit(self):
        return "ns/B" if self.per_byte else "us"


def small(**more):
    return {"connections": 64, "path": "/b/1024", **more}


TABLE = (
    Scenario("a", "plain, 1 KiB, kept", "plain", small(), 0.80, calls=4.15, instructions=10000),
    Scenario("b", "TLS 1.3, 1 KiB, kept", "tls", small(tls="keep"), 0.78, calls=4.5, instructions=26000),
    Scenario("a8k", "a at 8,000/s", "plain", small(rate=8000), 0.85, is_p99_held=True),
    Scenario("b8k", "b at 8,000/s", "tls", small(tls="keep", rate=8000), 0.85, is_p99_held=True),
    Scenario("c", "full handshake, P-256", "tls", small(tls="full", connections=16, spread=8), 1.20, calls=30),
    Scenario("d", "full handshake, RSA-2048", "rsa", small(tls="full", connections=16, spread=8), 1.15, worker_ratio=0.65),
    Scenario("e", "resumed handshake", "tls", small(tls="resume", connections=16, spread=8), 0.88),
    Scenario("f16k", "16 KiB body, TLS", "tls", small(tls="keep", path="/b/16384"), 0.75),
    Scenario("f1m", "1 MiB body, TLS", "tls", small(tls="keep", connections=8, path=f"/b/{MIB}"), 0.88, per_byte=MIB, calls=60),
    Scenario("f1mp", "1 MiB body, plain", "plain", small(connections=8, path=f"/b/{MIB}"), 0.90, per_byte=MIB),
    Scenario("g", "upload of 1 MiB, TLS", "tls", small(tls="keep", connections=8, path="/b/2", post=MIB), 0.97, per_byte=MIB),
    Scenario("h", "POST of 512 bytes", "plain", small(path="/b/2", post=512), 0.75),
    Scenario("j", "tunnel, echoes of 64 bytes", "tunnel", {"connections": 64, "path": "/ws", "tunnel": 64}),
    Scenario("k", "12 request, 10 answer fields", "plain", {"connections": 64, "path": "/k", "field": BROWSER}, 0.83, instructions=28000),
    Scenario("klog", "k with an access log", "logged", {"connections": 64, "path": "/k", "field": BROWSER}, 0.75),
    Scenario("l", "a with a limit per client", "limited", small(), 0.80),
)
BY_KEY = {one.key: one for one in TABLE}
# Measured together, round by round: their difference is told, or both are of one kind.
GROUPS = [("a", "l"), ("k", "klog")]
GROUPS = sorted(GROUPS + [(key,) for key in BY_KEY if not any(key in group for group in GROUPS)], key=lambda group: list(BY_KEY).index(group[0]))
IDLE = "i"                      # its figure is memory, not time: measures.idle_memory
IDLE_MAX_KIB = 15.0
FLOOR_TIMES = 1.08
LOG_ADDS_US, LIMIT_ADDS_INSTRUCTIONS = 0.5, 400
ALLOCATIONS = 0.01              # of our code, of a request: none, but that a connection in thousands of them may take one
ORDER = ("sallyport", "nginx", "haproxy", "floor")
