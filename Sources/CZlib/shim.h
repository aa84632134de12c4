#ifndef OUTBOX_RELAY_CZLIB_H
#define OUTBOX_RELAY_CZLIB_H

#include <zlib.h>

/* A macro with sizeof, which Swift does not import. 15 + 16: a window of 32 KiB, in a gzip wrapper (RFC 1952). */
static inline int relay_gzip_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

#endif
