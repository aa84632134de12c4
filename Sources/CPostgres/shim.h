#ifndef OUTBOX_RELAY_CPOSTGRES_H
#define OUTBOX_RELAY_CPOSTGRES_H

#include <libpq-fe.h>
#include <sys/eventfd.h>

/* Character-literal macros are not imported into Swift. */
enum relay_pg_diag {
    RELAY_PG_DIAG_SQLSTATE = PG_DIAG_SQLSTATE,
    RELAY_PG_DIAG_CONSTRAINT_NAME = PG_DIAG_CONSTRAINT_NAME,
    RELAY_PG_DIAG_MESSAGE_PRIMARY = PG_DIAG_MESSAGE_PRIMARY
};

#endif
