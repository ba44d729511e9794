/*
 * pause_int - what the remote signer asks of a paused handshake.
 */
#ifndef SP_KEY_PAUSE_INT_H
#define SP_KEY_PAUSE_INT_H

#include "sp/base/err.h"
#include "sp/key/pause.h"

/* Readies the jobs of this process; again is harmless. */
SP_MUST_USE bool sp_pause_prepare(struct sp_err *err);
/* Whose handshake runs now; NULL: nobody's that could be paused. */
struct sp_pause *sp_pause_current(void);
/* Leaves the job. true: the answer was told by sp_pause_answered. false: given up. */
SP_MUST_USE bool sp_pause_now(struct sp_pause *pause);
void sp_pause_answered(struct sp_pause *pause);

#endif
