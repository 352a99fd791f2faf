"""An authenticator in software: makes passkeys (ES256, no attestation) and signs with them, as a browser would hand them on."""

import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value):
    """Just what an attestation object needs, in canonical form."""

    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 256:
            return bytes([major << 5 | 24, n])
        return bytes([major << 5 | 25]) + struct.pack(">H", n)

    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    items = sorted(((cbor(k), cbor(v)) for k, v in value.items()), key=lambda kv: (len(kv[0]), kv[0]))
    return head(5, len(items)) + b"".join(k + v for k, v in items)


class Authenticator:
    UP, UV, BE, BS, AT = 1, 4, 8, 16, 64

    def __init__(self, origin):
        self.origin, self.keys, self.count = origin, {}, 0

    def client_data(self, kind, options, **changes):
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False, **changes}).encode()

    def create(self, options, **changes):
        key, credential_id = ec.generate_private_key(ec.SECP256R1()), os.urandom(32)
        numbers = key.public_key().public_numbers()
        cose = cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        flags = self.UP | self.UV | self.BE | self.BS | self.AT
        data = hashlib.sha256(options["rp"]["id"].encode()).digest() + bytes([flags]) + struct.pack(">I", 0)
        data += bytes(16) + struct.pack(">H", len(credential_id)) + credential_id + cose
        self.keys[credential_id] = (key, options["user"]["id"])
        return {
            "id": b64(credential_id), "rawId": b64(credential_id), "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(self.client_data("webauthn.create", options, **changes)),
                "attestationObject": b64(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
                "transports": ["internal"], "publicKeyAlgorithm": -7, "authenticatorData": b64(data),
            },
        }

    def get(self, options, credential_id=None, flags=None, **changes):
        credential_id = credential_id or next(iter(self.keys))
        key, user = self.keys[credential_id]
        data = hashlib.sha256(options["rpId"].encode()).digest()
        data += bytes([flags if flags is not None else self.UP | self.UV | self.BE | self.BS]) + struct.pack(">I", 0)
        client = self.client_data("webauthn.get", options, **changes)
        signature = key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": b64(credential_id), "rawId": b64(credential_id), "type": "public-key", "clientExtensionResults": {},
            "response": {"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": user},
        }
