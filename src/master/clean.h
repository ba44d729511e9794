/*
 * clean - what sp_master_clean_start and a rehearsal of it share.
 */
#ifndef SP_MASTER_CLEAN_H
#define SP_MASTER_CLEAN_H

/* The variables go by which a library or the C library itself would be steered. */
void sp_clean_environment(void);

#endif
