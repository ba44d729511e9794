/*
 * ticket - the keys of session tickets: one set a process, the same in all
 * workers, never on disk.
 *
 * The set is three secrets of random bytes: previous, current, next. Tickets
 * are made under the current one and taken under all three: `next`, because a
 * worker that has rotated already makes tickets for one that has not yet.
 *
 * The master fills the set before the first fork (children have it then) and
 * every SP_TLS_TICKET_ROTATE_MS draws fresh bytes, rotates its own set (for the
 * workers it will start) and sends the bytes to each worker, which does the
 * same. A reload changes nothing. A process that never was given a set draws
 * its own at the first handshake.
 *
 * What encrypts a ticket is derived from a secret and the site, so a ticket of
 * one [tls] cannot even be decrypted under another.
 */
#ifndef SP_TLS_TICKET_H
#define SP_TLS_TICKET_H

#include <stdint.h>

#define SP_TLS_TICKET_SECRET 32
#define SP_TLS_TICKET_SECRETS 3         /* previous, current, next */
#define SP_TLS_TICKET_ROTATE_MS (12U * 3600U * 1000U)

/* The bytes are copied; they come from getrandom(2). */
void sp_tls_tickets_set(const uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET]);
/* previous = current, current = next, next = fresh. */
void sp_tls_tickets_rotate(const uint8_t fresh[SP_TLS_TICKET_SECRET]);
/* A copy of the set: for the program that is executed in this process's place. */
void sp_tls_tickets_get(uint8_t secrets[SP_TLS_TICKET_SECRETS][SP_TLS_TICKET_SECRET]);
/* Cleanses the set: for processes that need none. */
void sp_tls_tickets_forget(void);

#endif
