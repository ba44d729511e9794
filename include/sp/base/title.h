/*
 * title - what ps shows of a process. Written over the arguments and, where
 * those are too short, over the environment behind them.
 */
#ifndef SP_BASE_TITLE_H
#define SP_BASE_TITLE_H

/* First thing of main: argv and environ as the kernel left them. */
void sp_title_keep(int argc, char **argv);
/* "sallyport: NAME", and "sp NAME" (cut to 15 bytes) where only that is shown. Arguments and environment are gone
 * afterwards. Does the second alone where nothing was kept. */
void sp_title_set(const char *name);

#endif
