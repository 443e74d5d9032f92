/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/text.h"

json_t *inv_json_text(const char *text)
{
    const size_t size = strlen(text);
    char *mended = NULL;
    size_t mended_size = 0;
    FILE *to = open_memstream(&mended, &mended_size);
    for (size_t at = 0, length = 0; to && at < size; at += length ? length : 1) {
        length = inv_utf8(text + at, size - at, NULL);
        if (length > 0)
            fwrite(text + at, 1, length, to);
        else
            fputs("\xef\xbf\xbd", to); /* U+FFFD */
    }
    json_t *value = to && fclose(to) == 0 ? json_string(mended) : NULL;
    free(mended);
    return value;
}

json_t *inv_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *inv_json_count(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}
