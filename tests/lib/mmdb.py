"""Small MaxMind databases: as the format's specification (version 2.0) has them, written for tests.

    mmdb.write(path, {"203.0.113.0/24": {"country": {"iso_code": "DE"}}})
"""

import ipaddress
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"
MAP, TEXT, UINT16, UINT32, UINT64, ARRAY = 7, 2, 5, 6, 9, 11


def _control(kind, size):
    assert size < 285
    tail = b"" if size < 29 else bytes([size - 29])
    head = size if size < 29 else 29
    return bytes([head, kind - 7]) + tail if kind > 7 else bytes([kind << 5 | head]) + tail


def _number(kind, n):
    text = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return _control(kind, len(text)) + text


def encode(value, kind=UINT32):
    if isinstance(value, dict):
        return _control(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return _control(ARRAY, len(value)) + b"".join(encode(v) for v in value)
    if isinstance(value, str):
        return _control(TEXT, len(value.encode())) + value.encode()
    return _number(kind, value)


def _bits(network, version):
    address = int(network.network_address)
    if version == 6 and network.version == 4:
        return [(address >> (31 - i)) & 1 if i >= 0 else 0 for i in range(-96, network.prefixlen)]
    width = network.max_prefixlen
    return [(address >> (width - 1 - i)) & 1 for i in range(network.prefixlen)]


def _insert(nodes, bits, leaf):
    at = 0
    for bit in bits[:-1]:
        if not isinstance(nodes[at][bit], int):
            # What stood for all of this is below now: each half has it, until it is written over.
            nodes.append([nodes[at][bit]] * 2)
            nodes[at][bit] = len(nodes) - 1
        at = nodes[at][bit]
    nodes[at][bits[-1]] = leaf


def _node(nodes, bits):
    at = 0
    for bit in bits:
        at = nodes[at][bit]
        assert isinstance(at, int), "nothing is below this prefix"
    return at


def _pack(left, right, size):
    if size == 24:
        return left.to_bytes(3, "big") + right.to_bytes(3, "big")
    if size == 28:
        middle = (left >> 24) << 4 | right >> 24
        return (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")
    return struct.pack(">II", left, right)


def make(networks, version=6, size=24, aliases=()):
    """networks: prefix to record; shorter prefixes first, since a later one is written over an earlier. aliases: IPv6 prefixes that lead to the
    IPv4 addresses as well."""
    nodes, data, places = [[None, None]], b"", {}
    for prefix, record in networks.items():
        text = encode(record)
        if text not in places:
            places[text] = len(data)
            data += text
        _insert(nodes, _bits(ipaddress.ip_network(prefix), version), ("data", places[text]))
    for prefix in aliases:
        _insert(nodes, _bits(ipaddress.ip_network(prefix), version), _node(nodes, [0] * 96))

    count = len(nodes)

    def record_of(leaf):
        if leaf is None:
            return count
        return leaf if isinstance(leaf, int) else count + 16 + leaf[1]

    tree = b"".join(_pack(record_of(left), record_of(right), size) for left, right in nodes)
    metadata = {
        "node_count": (UINT32, count),
        "record_size": (UINT16, size),
        "ip_version": (UINT16, version),
        "database_type": (None, "Test"),
        "languages": (None, ["en"]),
        "binary_format_major_version": (UINT16, 2),
        "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, 1700000000),
        "description": (None, {"en": "a test's own"}),
    }
    described = b"".join(encode(k) + encode(v, kind) for k, (kind, v) in metadata.items())
    return tree + bytes(16) + data + MARKER + _control(MAP, len(metadata)) + described


def write(path, networks, **how):
    path.write_bytes(make(networks, **how))
    path.chmod(0o644)
