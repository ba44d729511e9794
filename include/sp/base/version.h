/*
 * version - what `sallyport version` and the status say.
 */
#ifndef SP_BASE_VERSION_H
#define SP_BASE_VERSION_H

#define SP_VERSION "0.1.0"

#endif
