import NIOCore
import RelayCore

/// The formats of the body.
///
/// Attributes are carried as the event has them, even with characters that CloudEvents does not want in a string
/// (control characters, noncharacters): JSON escapes and percent-encoding carry them unharmed, and an id or key that
/// was altered could not be recognised any more. In `cloudevents-binary` nothing is cut either: a receiver that limits
/// its headers answers 431 to a key of many KiB.
extension MessageEncoder {
    func body(_ events: [OutgoingEvent]) -> ByteBuffer {
        var writer = BodyWriter(capacity: events.reduce(16) { $0 + $1.estimatedBytes + source.count })
        switch format {
        case .cloudevents:
            append(events[0], to: &writer)
        case .cloudeventsBatch:
            for (number, event) in events.enumerated() {
                writer.append(number == 0 ? "[" : ",")
                append(event, to: &writer)
            }
            writer.append("]")
        case .standard:
            appendStandard(events[0], to: &writer)
        case .cloudeventsBinary, .raw:
            writer.append(events[0].payload)
        }
        return writer.buffer
    }

    func contentType(of event: OutgoingEvent) -> String {
        switch format {
        case .cloudevents: "application/cloudevents+json; charset=utf-8"
        case .cloudeventsBatch: "application/cloudevents-batch+json; charset=utf-8"
        case .standard: "application/json"
        case .cloudeventsBinary, .raw: event.isBinary ? "application/octet-stream" : "application/json"
        }
    }

    /// A structured CloudEvent.
    private func append(_ event: OutgoingEvent, to writer: inout BodyWriter) {
        writer.append("{\"specversion\":\"1.0\"")
        event.forEachAttribute(source: source) { attribute, value in writer.append(member: attribute.name, value) }
        if event.isBinary {
            writer.append(",\"data_base64\":")
            writer.append(base64: event.payload)
        } else if event.payload.count > 0 {
            writer.append(",\"data\":")
            writer.append(event.payload)
        }
        writer.append("}")
    }

    /// `type`, `timestamp` and `data` as the Standard Webhooks specification recommends.
    private func appendStandard(_ event: OutgoingEvent, to writer: inout BodyWriter) {
        writer.append("{\"type\":")
        writer.append(string: event.type)
        EventTime.withText(of: event.occurredAt) { writer.append(member: "timestamp", $0) }
        if event.isBinary {
            writer.append(",\"data\":")
            writer.append(base64: event.payload)
        } else if event.payload.count > 0 {
            writer.append(",\"data\":")
            writer.append(event.payload)
        }
        writer.append("}")
    }

    /// The attributes as `ce-` headers; `datacontenttype` is the content type.
    func appendAttributes(of event: OutgoingEvent, to headers: inout [(String, String)]) {
        headers.append(("ce-specversion", "1.0"))
        event.forEachAttribute(source: source) { attribute, value in
            guard attribute != .datacontenttype else { return }
            headers.append((attribute.header, PercentText.string(value, keeping: .attributeHeader)))
        }
    }
}
