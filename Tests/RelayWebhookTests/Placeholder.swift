import Testing
@testable import RelayWebhook
