"""Signatures of Standard Webhooks, verified by libraries that the relay knows nothing of."""

import base64
import hashlib
import hmac
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from flaws import Flaw, require


class SharedSecret:
    """A `whsec_` secret: signatures `v1`."""

    version = "v1"

    def __init__(self, secret):
        self._webhook = Webhook(secret)
        self._key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)

    def verify(self, headers, signatures, body):
        try:
            body.decode()
        except UnicodeDecodeError:
            # The library takes text only; compressed and binary bodies are none.
            content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            code = hmac.new(self._key, content, hashlib.sha256).digest()
            found = any(hmac.compare_digest(code, signature) for _, signature in signatures)
            require(found, "no v1 signature is valid")
            return
        own = {name: headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
        try:
            self._webhook.verify(body, own, json_parse=False)
        except WebhookVerificationError as error:
            raise Flaw(f"standardwebhooks: {error}") from None


class OpenKey:
    """A `whpk_` public key: signatures `v1a`."""

    version = "v1a"

    def __init__(self, key):
        raw = base64.b64decode(key.removeprefix("whpk_"), validate=True)
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def verify(self, headers, signatures, body):
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        for version, signature in signatures:
            if version != self.version:
                continue
            try:
                self._key.verify(signature, content)
                return
            except InvalidSignature:
                pass
        raise Flaw("no v1a signature is valid")


class Signatures:
    """Verifies that a message has a valid signature for each key, and no others."""

    def __init__(self, secrets):
        self._keys = [OpenKey(text) if text.startswith("whpk_") else SharedSecret(text) for text in secrets]

    def verify(self, headers, body, now):
        require(re.fullmatch("[0-9]{1,12}", headers.get("webhook-timestamp", "")), "no webhook-timestamp")
        age = now - int(headers["webhook-timestamp"])
        require(abs(age) <= 300, f"a webhook-timestamp that is {age} s old")
        if not self._keys:
            require("webhook-signature" not in headers, "a signature and no secret")
            return
        require("webhook-signature" in headers, "no webhook-signature")
        signatures = []
        for part in headers["webhook-signature"].split(" "):
            version, comma, code = part.partition(",")
            require(comma, "a signature without its version")
            signatures.append((version, base64.b64decode(code, validate=True)))
        versions = [version for version, _ in signatures]
        expected = [key.version for key in self._keys]
        require(versions == expected, f"the signatures {versions} for the secrets {expected}")
        for key in self._keys:
            key.verify(headers, signatures, body)

    def refuses_altered(self, headers, body):
        """Whether none of the keys accepts the message with one bit changed: a verifier that accepts all is none."""
        altered = bytes([body[0] ^ 1]) + body[1:] if body else b"0"
        signatures = [
            (part.partition(",")[0], base64.b64decode(part.partition(",")[2]))
            for part in headers.get("webhook-signature", "").split(" ")
            if part
        ]
        for key in self._keys:
            try:
                key.verify(headers, signatures, altered)
                return False
            except Flaw:
                pass
        return True
