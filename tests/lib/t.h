/*
 * t - what cmocka needs before it, in one place.
 */
#ifndef T_T_H
#define T_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
