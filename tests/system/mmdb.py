"""A tiny MaxMind DB (format 2.0) for tests: networks of IPv4 and the country and city that stand there."""

import ipaddress
import struct


def text(s):
    data = s.encode()
    assert len(data) < 29
    return bytes([0x40 | len(data)]) + data


def number(n, kind, size):
    """kind 5: uint16, 6: uint32; extended 9: uint64."""
    data = n.to_bytes(size, "big").lstrip(b"\0")
    return (bytes([kind << 5 | len(data)]) if kind < 8 else bytes([len(data), kind - 7])) + data


def mapping(items):
    return bytes([0xE0 | len(items)]) + b"".join(text(k) + v for k, v in items.items())


def listing(items):
    return bytes([len(items), 11 - 7]) + b"".join(items)


def place(code, country, city):
    names = lambda name: mapping({"names": mapping({"en": text(name)})})  # noqa: E731
    country_map = mapping({"iso_code": text(code), "names": mapping({"en": text(country)})})
    return mapping({"country": country_map, "city": names(city)})


def write(path, networks):
    """networks: {"192.0.2.0/24": ("DE", "Germany", "Berlin"), …}"""
    nodes, data = [[None, None]], b""
    for network, where in networks.items():
        net = ipaddress.ip_network(network)
        at, offset = 0, len(data)
        data += place(*where)
        for i in range(net.prefixlen):
            bit = int(net.network_address) >> (31 - i) & 1
            if i == net.prefixlen - 1:
                nodes[at][bit] = ("data", offset)
            elif nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
                at = nodes[at][bit]
            else:
                at = nodes[at][bit]
    count, tree = len(nodes), b""
    for node in nodes:
        for record in node:
            value = count if record is None else count + 16 + record[1] if isinstance(record, tuple) else record
            tree += struct.pack(">I", value)[1:]  # records of 24 bits
    metadata = mapping(
        {
            "binary_format_major_version": number(2, 5, 2),
            "binary_format_minor_version": number(0, 5, 2),
            "build_epoch": number(1700000000, 9, 8),
            "database_type": text("tocsin-test"),
            "description": mapping({"en": text("for tests")}),
            "ip_version": number(4, 5, 2),
            "languages": listing([text("en")]),
            "node_count": number(count, 6, 4),
            "record_size": number(24, 5, 2),
        }
    )
    path.write_bytes(tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + metadata)
