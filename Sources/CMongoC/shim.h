#ifndef OUTBOX_RELAY_CMONGOC_H
#define OUTBOX_RELAY_CMONGOC_H

#include <malloc.h>
#include <mongoc/mongoc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* bson_t is declared 128-byte aligned and Swift places it wrongly, so no bson_t crosses into Swift:
   commands go in and replies come out as bytes. */

/* Exported by libmongoc, declared in a private header of it. */
mongoc_stream_t *mongoc_client_default_stream_initiator(
    const mongoc_uri_t *uri, const mongoc_host_list_t *host, void *user_data, bson_error_t *error);

/* What the stream initiator knows: `user_data` of the default one is the client. */
typedef struct {
    mongoc_client_t *client;
    /* Duplicates of the newest sockets, so that another thread can break off a call that waits for a server
       which is frozen: its kernel answers keep-alives for it. Whoever takes one out owns it. */
    int sockets[8];
    int next;
} relay_mongo_link;

typedef struct {
    uint8_t *bytes; /* The reply document, to be freed by the caller; NULL if there is none. */
    uint32_t length;
    bool ok;
    uint32_t domain;
    uint32_t code;
    char *message; /* To be freed by the caller; NULL when ok. */
} relay_mongo_reply;

/* A dead peer is found in about 30 s; the library's own keep-alive takes 210 s. Never a short socket time-out
   instead: a resume behind a long stretch of foreign oplog entries has no intermediate answer. */
static inline mongoc_stream_t *relay_mongo_initiate(
    const mongoc_uri_t *uri, const mongoc_host_list_t *host, void *user_data, bson_error_t *error) {
    relay_mongo_link *link = (relay_mongo_link *)user_data;
    mongoc_stream_t *stream = mongoc_client_default_stream_initiator(uri, host, link->client, error);
    /* Never NULL: libmongoc 1.23 calls this a second time, for a known server that went away, while it holds the lock
       of its topology, and takes the same lock again to note a NULL: the thread hangs for ever. A socket that is not
       connected fails as soon as it is used, outside of that lock. */
    if (!stream) {
        mongoc_socket_t *dead = mongoc_socket_new(AF_INET, SOCK_STREAM, 0);
        return dead ? mongoc_stream_socket_new(dead) : NULL;
    }
    mongoc_stream_t *base = stream, *next;
    while ((next = mongoc_stream_get_base_stream(base)) && next != base) base = next;
    if (base->type == 1 /* MONGOC_STREAM_SOCKET */) {
        mongoc_socket_t *socket = mongoc_stream_socket_get_socket((mongoc_stream_socket_t *)base);
        int on = 1, idle = 10, interval = 5, count = 4, user_timeout = 30000;
        mongoc_socket_setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        mongoc_socket_setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
        mongoc_socket_setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
        mongoc_socket_setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
        mongoc_socket_setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
        /* mongoc_socket_t begins with its descriptor, which no function tells. Believed only if the option that
           was set on the socket is found on the descriptor. */
        int descriptor = *(const int *)(const void *)socket, found = 0;
        socklen_t size = sizeof found;
        if (getsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &found, &size) == 0 && found == user_timeout) {
            int old = __atomic_exchange_n(&link->sockets[link->next], dup(descriptor), __ATOMIC_ACQ_REL);
            if (old >= 0) close(old);
            link->next = (link->next + 1) % 8;
        }
    }
    return stream;
}

typedef void (*relay_mongo_logger)(int level, const char *domain, const char *message);

static inline void relay_mongo_log_handler(
    mongoc_log_level_t level, const char *domain, const char *message, void *user_data) {
    ((relay_mongo_logger)user_data)((int)level, domain, message);
}

/* Once a process. */
static inline void relay_mongo_init(relay_mongo_logger logger) {
    mongoc_init();
    mongoc_log_set_handler(relay_mongo_log_handler, (void *)logger);
}

/* NULL, with a message to be freed in *error, when the URI cannot be used. */
static inline relay_mongo_link *relay_mongo_open(
    const char *uri_text, int32_t socket_timeout_ms, char **error) {
    bson_error_t failure = {0};
    mongoc_uri_t *uri = mongoc_uri_new_with_error(uri_text, &failure);
    if (!uri) {
        *error = strdup(failure.message);
        return NULL;
    }
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 5000);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, socket_timeout_ms);
    if (mongoc_uri_get_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, 10000) > 4000)
        mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, 4000);
    mongoc_client_t *client = mongoc_client_new_from_uri_with_error(uri, &failure);
    mongoc_uri_destroy(uri);
    if (!client) {
        *error = strdup(failure.message);
        return NULL;
    }
    mongoc_client_set_error_api(client, MONGOC_ERROR_API_VERSION_2);
    mongoc_client_set_appname(client, "outbox-relay");
    relay_mongo_link *link = (relay_mongo_link *)malloc(sizeof *link);
    link->client = client;
    for (int i = 0; i < 8; i++) link->sockets[i] = -1;
    link->next = 0;
    mongoc_client_set_stream_initiator(client, relay_mongo_initiate, link);
    return link;
}

/* Breaks off whatever waits on a connection. From any thread, while the link is open. */
static inline void relay_mongo_interrupt(relay_mongo_link *link) {
    for (int i = 0; i < 8; i++) {
        int descriptor = __atomic_exchange_n(&link->sockets[i], -1, __ATOMIC_ACQ_REL);
        if (descriptor < 0) continue;
        shutdown(descriptor, SHUT_RDWR);
        close(descriptor);
    }
}

static inline void relay_mongo_close(relay_mongo_link *link) {
    mongoc_client_destroy(link->client);
    for (int i = 0; i < 8; i++)
        if (link->sockets[i] >= 0) close(link->sockets[i]);
    free(link);
}

/* The database that a URI names, to be freed; NULL if it names none or is not valid. */
static inline char *relay_mongo_database(const char *uri_text) {
    mongoc_uri_t *uri = mongoc_uri_new(uri_text);
    if (!uri) return NULL;
    const char *name = mongoc_uri_get_database(uri);
    char *copy = name ? strdup(name) : NULL;
    mongoc_uri_destroy(uri);
    return copy;
}

/* The id of the primary (or mongos), 0 with an error in *reply when there is none now. */
static inline uint32_t relay_mongo_select(relay_mongo_link *link, relay_mongo_reply *reply) {
    bson_error_t failure = {0};
    memset(reply, 0, sizeof *reply);
    mongoc_server_description_t *server = mongoc_client_select_server(link->client, true, NULL, &failure);
    if (!server) {
        reply->domain = failure.domain;
        reply->code = failure.code;
        reply->message = strdup(failure.message);
        return 0;
    }
    reply->ok = true;
    uint32_t id = mongoc_server_description_id(server);
    mongoc_server_description_destroy(server);
    return id;
}

/* A session without causal consistency, for cursors that live on one server; NULL on failure. */
static inline mongoc_client_session_t *relay_mongo_session(relay_mongo_link *link) {
    mongoc_session_opt_t *options = mongoc_session_opts_new();
    mongoc_session_opts_set_causal_consistency(options, false);
    bson_error_t failure;
    mongoc_client_session_t *session = mongoc_client_start_session(link->client, options, &failure);
    mongoc_session_opts_destroy(options);
    return session;
}

/* The 16 bytes of the UUID by which the server knows the session; false when it has none. */
static inline bool relay_mongo_session_id(const mongoc_client_session_t *session, uint8_t *uuid) {
    bson_iter_t iterator;
    const uint8_t *bytes;
    uint32_t length;
    if (!session || !bson_iter_init_find(&iterator, mongoc_client_session_get_lsid(session), "id")) return false;
    if (!BSON_ITER_HOLDS_BINARY(&iterator)) return false;
    bson_iter_binary(&iterator, NULL, &length, &bytes);
    if (length != 16) return false;
    memcpy(uuid, bytes, 16);
    return true;
}

/* Runs one command on a server and takes the reply's bytes. */
static inline void relay_mongo_command(
    relay_mongo_link *link, const char *database, const uint8_t *command, size_t length,
    mongoc_client_session_t *session, uint32_t server, relay_mongo_reply *out) {
    memset(out, 0, sizeof *out);
    bson_t request, options, reply;
    bson_error_t failure = {0};
    if (!bson_init_static(&request, command, length)) {
        out->message = strdup("the command is not a BSON document");
        return;
    }
    bson_init(&options);
    if (session) mongoc_client_session_append(session, &options, NULL);
    if (server) bson_append_int32(&options, "serverId", -1, (int32_t)server);
    out->ok = mongoc_client_command_with_opts(
        link->client, database, &request, NULL, &options, &reply, &failure);
    bson_destroy(&options);
    if (!out->ok) {
        out->domain = failure.domain;
        out->code = failure.code;
        out->message = strdup(failure.message);
    }
    out->bytes = bson_destroy_with_steal(&reply, true, &out->length);
}

static inline void relay_mongo_start_transaction(mongoc_client_session_t *session, relay_mongo_reply *out) {
    bson_error_t failure = {0};
    memset(out, 0, sizeof *out);
    mongoc_transaction_opt_t *options = mongoc_transaction_opts_new();
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(concern, 10000);
    mongoc_transaction_opts_set_write_concern(options, concern);
    out->ok = mongoc_client_session_start_transaction(session, options, &failure);
    mongoc_write_concern_destroy(concern);
    mongoc_transaction_opts_destroy(options);
    if (!out->ok) {
        out->domain = failure.domain;
        out->code = failure.code;
        out->message = strdup(failure.message);
    }
}

static inline void relay_mongo_commit(mongoc_client_session_t *session, relay_mongo_reply *out) {
    bson_t reply;
    bson_error_t failure = {0};
    memset(out, 0, sizeof *out);
    out->ok = mongoc_client_session_commit_transaction(session, &reply, &failure);
    if (!out->ok) {
        out->domain = failure.domain;
        out->code = failure.code;
        out->message = strdup(failure.message);
    }
    out->bytes = bson_destroy_with_steal(&reply, true, &out->length);
}

static inline void relay_mongo_abort(mongoc_client_session_t *session, relay_mongo_reply *out) {
    bson_error_t failure = {0};
    memset(out, 0, sizeof *out);
    out->ok = mongoc_client_session_abort_transaction(session, &failure);
    if (!out->ok) {
        out->domain = failure.domain;
        out->code = failure.code;
        out->message = strdup(failure.message);
    }
}

static inline void relay_mongo_end_session(mongoc_client_session_t *session) {
    mongoc_client_session_destroy(session);
}

/* The document that Extended JSON stands for, to be freed by the caller; NULL when it is none. */
static inline uint8_t *relay_bson_from_json(const char *json, size_t count, size_t *length) {
    bson_t *document = bson_new_from_json((const uint8_t *)json, (ssize_t)count, NULL);
    if (document == NULL) return NULL;
    uint8_t *bytes = malloc(document->len);
    if (bytes != NULL) {
        memcpy(bytes, bson_get_data(document), document->len);
        *length = document->len;
    }
    bson_destroy(document);
    return bytes;
}

#endif
