"""A webhook receiver that verifies every delivery with libraries the relay is not made of.

    receiver.py --secret whsec_… [--secret whpk_…] [--source URI] [--schema FILE] [--expected FILE]

Listens on a free port of 127.0.0.1 and prints it. POST to /FORMAT (cloudevents, cloudevents-binary, cloudevents-batch,
standard, raw): 204 for what is right, 400 with the reason for what is not. GET answers with a JSON summary of what came
so far; at SIGTERM it is printed as the last line, and the end is 0. `--secret` is repeated in the sender's order; public keys stand for `whsk_` secrets.
"""

import argparse
import gzip
import json
import signal
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from events import FORMATS, Reader
from flaws import Flaw, require
from record import Expected, Record
from signatures import Signatures


class Verifier:
    """Verifies one request at a time, from any thread."""

    def __init__(self, options):
        self.record = Record()
        self.reader = Reader(options.schema, options.source)
        self._signatures = Signatures(options.secret)
        self._expected = Expected(options.expected)

    def summary(self):
        return json.dumps(self.record.summary(self.reader))

    def verify(self, path, fields, body):
        """Notes a request; returns what is wrong with it, or None."""
        number = self.record.count("requests")
        try:
            self._verify(number, path.strip("/"), fields, body)
            return None
        except Flaw as flaw:
            reason = f"{path}: {flaw}"
        except Exception as error:  # Whatever a library says.
            reason = f"{path}: {type(error).__name__}: {error}"
        self.record.fail(reason)
        return reason

    def _verify(self, number, format, fields, body):
        require(format in FORMATS, "no such format")
        headers = {}
        for name, value in fields:
            require(name.lower() not in headers, f"the header {name} twice")
            headers[name.lower()] = value
        request_id = headers.get("webhook-id", "")
        is_token = request_id and request_id.replace("%", "").replace("_", "").replace("-", "").isalnum()
        require(is_token and request_id.isascii() and len(request_id) <= 1000, f"the webhook-id {request_id[:100]!r}")
        require(headers.get("user-agent", "").startswith("outbox-relay/"), "another user-agent")
        redelivery = headers.get("outbox-relay-redelivery")
        require(redelivery in (None, "retry", "replay", "delayed"), f"outbox-relay-redelivery: {redelivery}")
        self._signatures.verify(headers, body, time.time())
        if number % 20 == 0:
            require(self._signatures.refuses_altered(headers, body), "a signature that holds for an altered body")
            self.record.count("alteredRefused")
        if "content-encoding" in headers:
            require(headers["content-encoding"] == "gzip", "an unknown content-encoding")
            smaller = len(body)
            try:
                body = gzip.decompress(body)
            except (EOFError, OSError, zlib.error) as error:
                raise Flaw(f"no gzip: {error}") from None
            require(smaller < len(body), "compression that makes it larger")
            self.record.count("compressed")
        events = self.reader.read(format, headers, body)
        for event in events:
            self._expected.check(format, request_id, event, headers, body, format == "cloudevents-batch")
        self.record.accept(format, request_id, events, redelivery)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head of an answer goes out at once, not after the acknowledgement of something before.
    disable_nagle_algorithm = True
    wbufsize = 16 << 10
    timeout = 60

    def do_POST(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        flaw = self.server.verifier.verify(self.path, self.headers.items(), body)
        if flaw:
            self._answer(400, "text/plain; charset=utf-8", flaw)
        else:
            self.send_response_only(204)
            self.end_headers()

    def do_GET(self):
        self._answer(200, "application/json", self.server.verifier.summary())

    def _answer(self, status, content_type, text):
        body = text.encode()
        self.send_response_only(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def log_message(self, format, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        # A connection that breaks is no delivery; anything else is a mistake in here.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--source")
    parser.add_argument("--schema")
    parser.add_argument("--expected")
    verifier = Verifier(parser.parse_args())
    # Blocked before the first thread starts, so that all of them leave it to the main one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    server = Server(("127.0.0.1", 0), Handler)
    server.verifier = verifier
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.shutdown()
    print(verifier.summary(), flush=True)


if __name__ == "__main__":
    main()
