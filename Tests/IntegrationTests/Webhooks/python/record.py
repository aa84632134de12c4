"""What came: verified, refused, twice, out of order."""

import base64
import json
import threading

from events import JSON, Event, parsed, webhook_id
from flaws import require


class Expected:
    """The events that must arrive, from a file of one JSON object a line: `attributes` (all of them), `payload` (its
    bytes in base64) and `headers` (those of the trace)."""

    def __init__(self, path):
        self._events = {}
        if path:
            with open(path) as file:
                for line in file:
                    event = json.loads(line)
                    event["payload"] = base64.b64decode(event["payload"])
                    self._events[webhook_id(event["attributes"]["id"])] = event
        self.is_known = bool(path)

    def check(self, format, request_id, event: Event, headers, body, is_batch):
        """Compares an event with what was meant."""
        if not self.is_known:
            return
        own = self._events.get(webhook_id(event.id) if event.id is not None else request_id)
        require(own is not None, "an event that nobody sent")
        attributes, payload = own["attributes"], own["payload"]
        is_binary = attributes["datacontenttype"] != JSON
        if format.startswith("cloudevents"):
            require(event.attributes == attributes, f"altered: {difference(event.attributes, attributes)}")
        elif format == "standard":
            expected = {name: attributes[name] for name in ("type", "time") if name in attributes}
            require(event.attributes == expected, f"altered: {difference(event.attributes, expected)}")
        if format in ("raw", "cloudevents-binary"):
            require(body == payload, "other bytes than the payload's")
        elif is_binary:
            data = event.data if isinstance(event.data, bytes) else base64.b64decode(event.data, validate=True)
            require(data == payload, "other bytes than the payload's")
        else:
            require(payload in body, "the payload is not embedded as it is")
            require(event.data == parsed(payload), "other data than the payload")
        if not is_batch:
            traces = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
            require(traces == own["headers"], f"other trace headers: {difference(traces, own['headers'])}")


def difference(found, expected):
    names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    return ", ".join(f"{name} is {found.get(name)!r:.80} and not {expected.get(name)!r:.80}" for name in names)


class Record:
    """Counts, under a lock, what the threads of the connections verify."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seen = set()
        self._sequences = {}
        self.counts = {
            name: 0
            for name in (
                "requests", "verified", "failed", "events", "duplicates", "redeliveries", "orderErrors", "compressed",
                "alteredRefused",
            )
        }  # fmt: skip
        self.formats = {}
        self.reasons = []
        self.duplicates = []
        self.order_errors = []

    def count(self, name):
        with self._lock:
            self.counts[name] += 1
            return self.counts[name]

    def fail(self, reason):
        with self._lock:
            self.counts["failed"] += 1
            if len(self.reasons) < 20:
                self.reasons.append(reason)

    def accept(self, format, request_id, events, redelivery):
        """Notes verified events before they are answered, so that the next of a key cannot overtake them."""
        with self._lock:
            self.counts["verified"] += 1
            self.formats[format] = self.formats.get(format, 0) + 1
            if redelivery:
                self.counts["redeliveries"] += 1
            for event in events:
                # One relay may deliver the same events in several formats.
                id = (format, event.id if event.id is not None else request_id)
                if id in self._seen:
                    if not redelivery:
                        self.counts["duplicates"] += 1
                        if len(self.duplicates) < 20:
                            self.duplicates.append(id[1])
                    continue
                self._seen.add(id)
                self.counts["events"] += 1
                key, sequence = event.attributes.get("partitionkey"), event.attributes.get("sequence")
                if redelivery or key is None or sequence is None:
                    continue
                # The order of first arrivals of a key, which is the order of these texts.
                before = self._sequences.get((format, key), "")
                if sequence < before:
                    self.counts["orderErrors"] += 1
                    if len(self.order_errors) < 20:
                        self.order_errors.append(f"{id[1]} of {key}: {sequence} after {before}")
                else:
                    self._sequences[(format, key)] = sequence

    def summary(self, reader):
        with self._lock:
            return {
                **self.counts,
                "reasons": self.reasons,
                "duplicateIDs": self.duplicates,
                "firstOrderErrors": self.order_errors,
                "formats": self.formats,
                "schemaChecks": reader.schema_checks,
                "schema": "checked" if reader.schema else "skipped: no schema was named",
            }
