/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fields.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* A copy of the struct that is spoilt, key by key, and put right again. */
typedef struct spoilt {
    void *spec;
    fields_use *use;
    size_t tried;
} spoilt;

static void must_refuse(spoilt *s, const char *key)
{
    const inv_status status = s->use(s->spec);
    ck_assert_msg(status == INV_EINVAL, "%s: bad, but it gave %s", key, inv_status_name(status));
    ck_assert_msg(support_message_has(key), "\"%s\" does not name %s", inv_error_message(), key);
    s->tried++;
}

/* With `value` in place of what is at `at`. */
static void try_bytes(spoilt *s, const char *key, void *at, const void *value, size_t size)
{
    void *kept = malloc(size);
    ck_assert_ptr_nonnull(kept);
    memcpy(kept, at, size);
    memcpy(at, value, size);
    must_refuse(s, key);
    memcpy(at, kept, size);
    free(kept);
}

static void try_size(spoilt *s, const inv_field *field, size_t *at)
{
    const size_t low = (size_t)field->low, high = (size_t)field->high;
    if (low > 0)
        try_bytes(s, field->key, at, &(size_t){low - 1}, sizeof low);
    try_bytes(s, field->key, at, &(size_t){high + 1}, sizeof high);
    try_bytes(s, field->key, at, &(size_t){SIZE_MAX}, sizeof high);
}

static void try_real(spoilt *s, const inv_field *field, double *at)
{
    const double bad[] = {nextafter(field->low, -INFINITY), nextafter(field->high, INFINITY), NAN,
                          INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        try_bytes(s, field->key, at, &bad[i], sizeof *at);
}

static void try_text(spoilt *s, const char *key, const inv_field *field, char *at, size_t size)
{
    char endless[INV_TEXT_MAX];
    memset(endless, 'x', sizeof endless);
    try_bytes(s, key, at, endless, size);
    if (!field->choices)
        return;
    try_bytes(s, key, at, "magic", 6);
    if (!field->optional)
        try_bytes(s, key, at, "", 1);
}

static void try_fields(spoilt *s, const inv_field *fields, void *in);

static void try_group(spoilt *s, const inv_field *field, void *at)
{
    if (field->choices)
        try_text(s, "type", field, at, INV_NAME_MAX);
    try_fields(s, field->group(at), at);
}

static void try_list(spoilt *s, const inv_field *field, void *in)
{
    size_t *count = (size_t *)(void *)((char *)in + field->offset);
    void *item = (char *)in + field->items;
    const size_t more = (size_t)field->high + 1;
    try_bytes(s, field->key, count, &more, sizeof *count);
    *count = 1;
    memcpy(item, field->item_default, field->item_size);
    try_group(s, field, item);
    *count = 0;
}

static void try_numbers(spoilt *s, const inv_field *field, void *at)
{
    inv_sizes *sizes = at;
    inv_reals *reals = at;
    try_bytes(s, field->key, at, &(size_t){INV_LIST_MAX + 1}, sizeof(size_t)); /* of both first */
    sizes->count = 1;
    if (field->type == INV_FIELD_SIZES)
        try_size(s, field, sizes->values);
    else
        try_real(s, field, reals->values);
    sizes->count = 0;
}

static void try_field(spoilt *s, const inv_field *field, void *in)
{
    void *at = (char *)in + field->offset;
    switch (field->type) {
    case INV_FIELD_SIZE:
        try_size(s, field, at);
        break;
    case INV_FIELD_REAL:
        try_real(s, field, at);
        break;
    case INV_FIELD_NAME:
        try_text(s, field->key, field, at, INV_NAME_MAX);
        break;
    case INV_FIELD_TEXT:
        try_text(s, field->key, field, at, INV_TEXT_MAX);
        break;
    case INV_FIELD_JSON:
        try_bytes(s, field->key, at, "{}", 3);
        try_bytes(s, field->key, at, "[", 2);
        break;
    case INV_FIELD_SIZES:
    case INV_FIELD_REALS:
        try_numbers(s, field, at);
        break;
    case INV_FIELD_RANGE:
        try_real(s, field, &((inv_range *)at)->low);
        try_real(s, field, &((inv_range *)at)->high);
        break;
    case INV_FIELD_GROUP:
        try_group(s, field, at);
        break;
    case INV_FIELD_LIST:
        try_list(s, field, in);
        break;
    case INV_FIELD_PART:
        try_fields(s, field->group(at), at);
        break;
    case INV_FIELD_BOOL:
    case INV_FIELD_OTHER:
        break;
    }
}

static void try_fields(spoilt *s, const inv_field *fields, void *in)
{
    for (const inv_field *field = fields; field->key; field++)
        try_field(s, field, in);
}

void fields_must_be_checked(const inv_field *fields, const void *good, size_t size, fields_use *use)
{
    spoilt s = {malloc(size), use, 0};
    ck_assert_ptr_nonnull(s.spec);
    memcpy(s.spec, good, size);
    try_fields(&s, fields, s.spec);
    ck_assert_uint_gt(s.tried, 0);
    free(s.spec);
}
