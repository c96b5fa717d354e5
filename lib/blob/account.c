#include "blob/account.h"

#include "base/encoding.h"
#include "base/file.h"
#include "crypto/random.h"

#define KEY_BYTES 64

static enum status make_key(const char *path, struct buffer *key)
{
    uint8_t bytes[KEY_BYTES];
    crypto_random(bytes, sizeof(bytes));
    buffer_reset(key);
    base64_encode(slice_from(bytes, sizeof(bytes)), key);
    return file_write(path, buffer_slice(key));
}

enum status blob_account_load(const char *directory, bool make, struct buffer *key,
                              struct blob_account *out)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/account.key", directory);
    enum status s = file_read(buffer_cstr(&path), key);
    if (s == NOT_FOUND && make)
        s = make_key(buffer_cstr(&path), key);
    *out = (struct blob_account){BLOB_ACCOUNT_NAME, slice_trim(buffer_slice(key))};
    buffer_clear(&path);
    return s;
}
