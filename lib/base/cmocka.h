/* cmocka's own header needs four others before it; this is the one place that knows. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_slice(got, want)                                                                    \
    do {                                                                                           \
        struct slice got_ = (got), want_ = (want);                                                 \
        if (!slice_eq(got_, want_))                                                                \
            fail_msg("got '%.*s', want '%.*s'", SLICE_FMT(got_), SLICE_FMT(want_));                \
    } while (0)
