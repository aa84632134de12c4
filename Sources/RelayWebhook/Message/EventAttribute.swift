/// The attributes of a CloudEvent but for `specversion`, which is the same for all.
enum EventAttribute {
    case id, source, type, subject, time, datacontenttype, dataschema
    // Extensions.
    case topic, schemaversion, sequence, partitionkey, traceparent, tracestate

    /// Its name in JSON.
    var name: StaticString {
        switch self {
        case .id: "id"
        case .source: "source"
        case .type: "type"
        case .subject: "subject"
        case .time: "time"
        case .datacontenttype: "datacontenttype"
        case .dataschema: "dataschema"
        case .topic: "topic"
        case .schemaversion: "schemaversion"
        case .sequence: "sequence"
        case .partitionkey: "partitionkey"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        }
    }

    /// Its header in binary mode; of `datacontenttype` none is sent.
    var header: String {
        switch self {
        case .id: "ce-id"
        case .source: "ce-source"
        case .type: "ce-type"
        case .subject: "ce-subject"
        case .time: "ce-time"
        case .datacontenttype: "content-type"
        case .dataschema: "ce-dataschema"
        case .topic: "ce-topic"
        case .schemaversion: "ce-schemaversion"
        case .sequence: "ce-sequence"
        case .partitionkey: "ce-partitionkey"
        case .traceparent: "ce-traceparent"
        case .tracestate: "ce-tracestate"
        }
    }
}
