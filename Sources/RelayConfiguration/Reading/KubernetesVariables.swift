/// What Kubernetes puts into the environment of every container for every service of the namespace. A service named
/// `relay-http` would otherwise set `RELAY_HTTP_PORT`, one named `source` break the start as an unknown variable.
enum KubernetesVariables {
    /// Whether the variable was injected for a service and is not meant for the relay.
    static func isInjected(_ name: String, value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
            return true
        }
        if name.hasSuffix("_PORT"), isURL(value) { return true }
        return name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)(_|$)/)
    }

    private static func isURL(_ value: String) -> Bool {
        value.contains(/^[a-z][a-z0-9+.\-]*:\/\//)
    }
}
