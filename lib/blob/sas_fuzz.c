/* The query of a URL that says to carry a signature; and what is signed here is always accepted. */
#include "blob/sas.h"

#include "base/encoding.h"

#define FIELDS_MAX 32

static size_t read_query(struct arena *a, struct slice text, struct rest_field *out)
{
    struct slice pair;
    size_t count = 0;
    while (text.len > 0 && count < FIELDS_MAX && slice_split(&text, '&', &pair)) {
        size_t eq = slice_find(pair, '=');
        out[count++] = (struct rest_field){percent_decode_in(a, slice_first(pair, eq)),
                                           percent_decode_in(a, slice_skip(pair, eq + 1))};
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blob_account account = {"millrace", SLICE("a2V5")};
    struct blob_wish wish = {.container = SLICE("uploads"),
                             .blob = size > 0 && data[0] & 1 ? SLICE("b") : SLICE(""),
                             .any_of = BLOB_READ,
                             .peer = SLICE("127.0.0.1:1"),
                             .now_ms = 1000};
    struct rest_field fields[FIELDS_MAX];
    struct arena a = {0};
    unsigned granted;
    const char *why;
    size_t count = read_query(&a, (struct slice){data, size}, fields);
    if (blob_sas_check(&account, fields, count, &wish, &granted, &why) == OK)
        __builtin_trap(); /* nobody guesses a signature */
    struct buffer made = {0};
    struct blob_sas want = {wish.container, wish.blob, BLOB_READ, 2000000};
    if (blob_sas_make(&account, &want, &made) != OK)
        __builtin_trap();
    count = read_query(&a, buffer_slice(&made), fields);
    if (blob_sas_check(&account, fields, count, &wish, &granted, &why) != OK)
        __builtin_trap();
    buffer_clear(&made);
    arena_clear(&a);
    return 0;
}
