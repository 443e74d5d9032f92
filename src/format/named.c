/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/named.h"

#include <stdio.h>
#include <string.h>

inv_status inv_named_group(const inv_sink *to, const char *path, const char *const *names,
                           size_t count)
{
    inv_record r = {.kind = INV_RECORD_GROUP};
    snprintf(r.text, sizeof r.text, "%s", *path ? path : "/");
    inv_status status = inv_record_put(to, &r);
    if (status != INV_OK || count == 0)
        return status;
    r = (inv_record){.kind = INV_RECORD_ATTRIBUTE, .text = INV_NAMED_ORDER};
    r.head = (inv_value_head){.kind = INV_VALUE_TEXTS, .flags = INV_VALUE_UTF8, .rank = 1};
    r.head.dims[0] = count;
    for (size_t i = 0; i < count; i++)
        r.bytes += 4 + strlen(names[i]);
    status = inv_record_put(to, &r);
    for (size_t i = 0; i < count && status == INV_OK; i++)
        status = inv_record_put_text(to, names[i], strlen(names[i]));
    return status;
}

inv_status inv_named_array(const inv_sink *to, const char *path, const inv_value_head *head,
                           const void *values)
{
    inv_record r = {.kind = INV_RECORD_ARRAY, .storage = INV_RECORD_PLAIN, .head = *head};
    snprintf(r.text, sizeof r.text, "%s", path);
    inv_status status = inv_record_put(to, &r);
    const uint64_t count = inv_value_count(head);
    if (status != INV_OK || count == 0)
        return status;
    r.kind = INV_RECORD_BLOCK;
    r.bytes = count * head->size;
    status = inv_record_put(to, &r);
    return status == INV_OK ? inv_record_put_bytes(to, values, (size_t)r.bytes) : status;
}

inv_status inv_named_left_out(const inv_sink *to, const char *path, const char *why)
{
    inv_record r = {.kind = INV_RECORD_LEFT_OUT};
    snprintf(r.text, sizeof r.text, "%s", path);
    snprintf(r.why, sizeof r.why, "%s", why);
    return inv_record_put(to, &r);
}

bool inv_named_is_good(const char *name, size_t length)
{
    return length > 0 && length < 2 * INV_NAME_MAX && strlen(name) == length &&
           !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}
