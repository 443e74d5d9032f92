/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stream_bytes.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

static inv_status add_bytes(void *context, const void *from, size_t size)
{
    stream_bytes *s = context;
    s->data = realloc(s->data, s->size + size + 1);
    ck_assert_ptr_nonnull(s->data);
    memcpy(s->data + s->size, from, size);
    s->size += size;
    return INV_OK;
}

static inv_status take_bytes(void *context, void *to, size_t size)
{
    stream_bytes *s = context;
    if (size > s->size - s->at)
        return INV_ERROR(INV_EIO, "the stream ends");
    memcpy(to, s->data + s->at, size);
    s->at += size;
    return INV_OK;
}

inv_sink stream_bytes_sink(stream_bytes *s)
{
    return (inv_sink){add_bytes, s};
}

inv_source stream_bytes_source(stream_bytes *s)
{
    return (inv_source){take_bytes, s, .left = SIZE_MAX};
}
