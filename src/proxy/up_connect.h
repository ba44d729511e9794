/*
 * up_connect - from a backend's index to a connection that a request may be
 * written on: its socket from the dialer, the PROXY header, TLS. One deadline
 * (connect_timeout) over all of it.
 */
#ifndef SP_PROXY_UP_CONNECT_H
#define SP_PROXY_UP_CONNECT_H

#include "up_h1.h"

/* FAILED: it was logged why, and nobody is told; else sp_up_h1_stands or sp_up_h1_fail come later. */
SP_MUST_USE enum sp_dial_rc sp_up_connect(struct sp_up_h1 *up, const struct sp_pool_want *want);
void sp_up_connect_go(struct sp_up_h1 *up);             /* its stream is ready for the next step */
void sp_up_connect_late(struct sp_up_h1 *up);           /* the deadline is over */
void sp_up_connect_over(struct sp_up_h1 *up);           /* whatever it holds for the time of connecting goes */
void sp_up_connect_tls_failed(const struct sp_up_h1 *up);       /* says why, now or at the first read */

#endif
