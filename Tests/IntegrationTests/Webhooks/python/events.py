"""Events in requests, read by the CloudEvents SDK and checked rule by rule."""

import base64
import hashlib
import json
import re
from datetime import datetime, timezone
from urllib.parse import quote

from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, from_structured_event
from jsonschema import Draft7Validator, FormatChecker
from rfc3986_validator import validate_rfc3986

from flaws import Flaw, require

JSON, BYTES = "application/json", "application/octet-stream"
ATTRIBUTES = {
    "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "topic",
    "schemaversion", "sequence", "partitionkey", "traceparent", "tracestate",
}  # fmt: skip
FORMATS = {
    "cloudevents": ["application/cloudevents+json; charset=utf-8"],
    "cloudevents-batch": ["application/cloudevents-batch+json; charset=utf-8"],
    "cloudevents-binary": [JSON, BYTES],
    "standard": [JSON],
    "raw": [JSON, BYTES],
}


class Event:
    """What a request says of one event. Formats without attributes tell only its id."""

    def __init__(self, id, attributes, data):
        self.id = id
        self.attributes = attributes
        # JSON text decoded, or bytes; Ellipsis when there is none.
        self.data = data


class Reader:
    """Reads the events of requests, checking all that can be checked without knowing the events."""

    def __init__(self, schema_path, source):
        self.schema = None
        self.schema_checks = 0
        if schema_path:
            with open(schema_path) as file:
                # With a checker, `format` counts: date-time, uri and uri-reference.
                self.schema = Draft7Validator(json.load(file), format_checker=FormatChecker())
        self._source = source

    def read(self, format, headers, body):
        content_type = headers.get("content-type")
        require(content_type in FORMATS[format], f"{format} with the content type {content_type}")
        if format == "cloudevents-batch":
            return self._batch(headers, body)
        if format == "cloudevents":
            event = self._structured(parsed(body), body, content_type)
        elif format == "cloudevents-binary":
            event = self._binary(headers, body)
        elif format == "standard":
            event = self._standard(headers, parsed(body))
        else:
            event = Event(None, {}, body if content_type == BYTES else parsed(body))
        if event.id is not None:
            require(headers["webhook-id"] == webhook_id(event.id), f"a webhook-id that is not of {event.id[:100]!r}")
        for name in ("traceparent", "tracestate"):
            if name in event.attributes and name in headers:
                require(headers[name] == event.attributes[name], f"two of {name}")
        return [event]

    def _batch(self, headers, body):
        members = parsed(body)
        require(isinstance(members, list) and members, "a batch that is no array of events")
        # The SDK reads no batches: each member is handed to it as an event of its own.
        events = [
            self._structured(member, json.dumps(member).encode(), FORMATS["cloudevents"][0]) for member in members
        ]
        hash = hashlib.sha256()
        for event in events:
            id = event.id.encode()
            hash.update(len(id).to_bytes(8, "big") + id)
        require(headers["webhook-id"] == hash.hexdigest(), "a webhook-id that is not of the batch's events")
        require(len({event.id for event in events}) == len(events), "an event twice in a batch")
        keys = [event.attributes["partitionkey"] for event in events if "partitionkey" in event.attributes]
        require(len(set(keys)) == len(keys), "two events of a key in a batch")
        if len(events) > 1:
            require("traceparent" not in headers and "tracestate" not in headers, "a batch with one event's trace")
        return events

    def _structured(self, members, body, content_type):
        require(isinstance(members, dict), "an event that is no object")
        attributes = {name: value for name, value in members.items() if name not in ("data", "data_base64")}
        self._check(attributes)
        if self.schema:
            error = next(self.schema.iter_errors(members), None)
            require(error is None, f"the schema of CloudEvents: {error.message[:200] if error else ''}")
            self.schema_checks += 1
        event = from_structured_event(HTTPMessage({"content-type": content_type}, body))
        self._compare(event, attributes)
        is_binary = attributes["datacontenttype"] == BYTES
        require(("data_base64" in members) == is_binary, "data_base64 without binary data, or the other way round")
        require(not ("data" in members and is_binary), "both data and data_base64")
        if not is_binary:
            require(event.get_data() == members.get("data"), "other data than the SDK reads")
            return Event(attributes["id"], attributes, members.get("data", ...))
        data = base64.b64decode(members["data_base64"], validate=True)
        # Of no bytes the SDK makes none.
        require((event.get_data() or b"") == data, "other binary data than the SDK reads")
        return Event(attributes["id"], attributes, data)

    def _binary(self, headers, body):
        require("ce-datacontenttype" not in headers, "ce-datacontenttype beside content-type")
        for name, value in headers.items():
            if name.startswith("ce-"):
                visible = re.fullmatch(r"[!#-$&-~]*(%[0-9A-F]{2}[!#-$&-~]*)*", value)
                require(visible, f"{name} is not percent-encoded: {value[:100]!r}")
        event = from_binary_event(HTTPMessage(dict(headers), body))
        attributes = dict(event.get_attributes())
        # The SDK fills in what is missing.
        for name in ("id", "specversion", "time"):
            if f"ce-{name}" not in headers:
                del attributes[name]
        if "time" in attributes:
            attributes["time"] = headers["ce-time"]
        self._check(attributes)
        self._compare(event, attributes)
        if headers["content-type"] == BYTES:
            return Event(attributes["id"], attributes, body)
        data = parsed(body) if body else ...
        require(event.get_data() == (None if data is ... else data), "other data than the SDK reads")
        return Event(attributes["id"], attributes, data)

    def _standard(self, headers, members):
        require(isinstance(members, dict) and set(members) <= {"type", "timestamp", "data"}, "other members")
        require(isinstance(members.get("type"), str) and members["type"], "no type")
        attributes = {"type": members["type"]}
        if "timestamp" in members:
            attributes["time"] = members["timestamp"]
            require(is_time(attributes["time"]), "a timestamp that is no time in milliseconds")
        return Event(None, attributes, members.get("data", ...))

    def _check(self, attributes):
        """The rules of CloudEvents and what the relay promises beyond them."""
        require(set(attributes) <= ATTRIBUTES, f"unknown attributes: {sorted(set(attributes) - ATTRIBUTES)}")
        for name, value in attributes.items():
            require(isinstance(value, str) and value, f"the attribute {name} is no text")
        for name in ("id", "source", "type", "datacontenttype", "topic", "sequence"):
            require(name in attributes, f"no {name}")
        require(attributes.get("specversion") == "1.0", "no specversion 1.0")
        require(attributes["datacontenttype"] in (JSON, BYTES), "an unknown datacontenttype")
        require(self._source in (None, attributes["source"]), f"the source {attributes['source']}")
        require(validate_rfc3986(attributes["source"], rule="URI_reference"), "a source that is no URI reference")
        require(attributes.get("subject") == attributes.get("partitionkey"), "a subject that is not the partitionkey")
        require(re.fullmatch("[0-9]{20}", attributes["sequence"]), "a sequence that is not 20 digits")
        require("time" not in attributes or is_time(attributes["time"]), "a time that is none in milliseconds")
        require("tracestate" not in attributes or "traceparent" in attributes, "a tracestate without traceparent")
        if "dataschema" in attributes:
            text = attributes["dataschema"]
            absolute = "#" not in text and validate_rfc3986(text, rule="URI")
            require(absolute, f"a dataschema that is no absolute URI: {text[:100]!r}")

    @staticmethod
    def _compare(event, attributes):
        """Whether the SDK reads the same attributes as stand there."""
        read = dict(event.get_attributes())
        expected = dict(attributes)
        if "time" in expected:
            text = expected["time"].removesuffix("Z")
            expected["time"] = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
        else:
            read.pop("time", None)
        require(read == expected, "other attributes than the SDK reads")


def parsed(body):
    """JSON as RFC 8259 has it: no NaN, no name twice in an object."""

    def unique(pairs):
        require(len(dict(pairs)) == len(pairs), "a name twice in an object")
        return dict(pairs)

    def refuse(word):
        raise Flaw(f"{word} is no JSON")

    try:
        return json.loads(body.decode(), object_pairs_hook=unique, parse_constant=refuse)
    except ValueError as error:
        raise Flaw(f"no JSON: {error}") from None


def is_time(text):
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text) is not None


def webhook_id(id):
    """The header of an event: percent-encoded, and hashed when it would be longer than 1,000 bytes."""
    text = quote(id, safe="").replace(".", "%2E").replace("~", "%7E")
    return text if len(text) <= 1000 else "sha256-" + hashlib.sha256(id.encode()).hexdigest()
