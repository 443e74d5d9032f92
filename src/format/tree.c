/* A model file's arrays and attributes, in memory.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/tree.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"
#include "format/seal.h"

#define NODES_MAX      ((size_t)1 << 16)
#define ATTRIBUTES_MAX ((size_t)1 << 18)

typedef struct attribute {
    char *name;
    inv_tree_array array;
} attribute;

typedef struct node {
    char *path;
    inv_tree_array array; /* of kind 0 where it is a group */
    attribute *attributes;
    size_t attribute_count;
} node;

struct inv_tree {
    char *name, *format, *left_out;
    node *nodes;
    size_t count, room, attributes;
    bool is_sorted, is_sealed;
};

/* ---- memory ---- */

inv_status inv_tree_alloc(const char *name, inv_tree **out)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(inv_tree), name, &memory);
    *out = memory;
    if (status != INV_OK)
        return status;
    (*out)->name = strdup(name);
    (*out)->format = strdup("");
    if ((*out)->name && (*out)->format)
        return INV_OK;
    inv_tree_free(*out);
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory", name);
}

static void free_array(inv_tree_array *array)
{
    void *values = (void *)(uintptr_t)array->values;
    for (size_t i = 0; values && array->kind == INV_VALUE_TEXTS && i < array->count; i++)
        free(((char **)values)[i]);
    free(values);
}

void inv_tree_free(inv_tree *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->count; i++) {
        node *n = &tree->nodes[i];
        for (size_t k = 0; k < n->attribute_count; k++) {
            free_array(&n->attributes[k].array);
            free(n->attributes[k].name);
        }
        free(n->attributes);
        free_array(&n->array);
        free(n->path);
    }
    free(tree->nodes);
    free(tree->left_out);
    free(tree->format);
    free(tree->name);
    free(tree);
}

/* ---- taking records ---- */

typedef struct taking {
    inv_tree *tree;
    const char *prefix;
    inv_source *from;
    inv_record record;
} taking;

static inv_status no_memory(const taking *t)
{
    return INV_ERROR(INV_ENOMEM, "%s: no memory for what it holds", t->tree->name);
}

static inv_status nonsense(const taking *t, const char *what)
{
    return INV_ERROR(INV_EFORMAT,
                     "%s: damaged or made to do harm: what was read of it makes no sense: %s",
                     t->tree->name, what);
}

static inv_status said(const taking *t, inv_status status)
{
    char what[INV_MESSAGE_MAX];
    if (status != INV_EFORMAT)
        return status;
    snprintf(what, sizeof what, "%s", inv_error_message());
    return nonsense(t, what);
}

/* As the other side says that it ended. */
static inv_status failure(const taking *t)
{
    const inv_record *r = &t->record;
    const inv_status status =
        r->status == INV_EIO || r->status == INV_ENOMEM ? (inv_status)r->status : INV_EFORMAT;
    if (strncmp(r->text, t->tree->name, strlen(t->tree->name)) == 0)
        return INV_ERROR(status, "%s", r->text);
    return INV_ERROR(status, "%s: %s", t->tree->name, r->text);
}

static inv_status next_record(taking *t)
{
    inv_status status = said(t, inv_record_take(t->from, &t->record));
    return status == INV_OK && t->record.kind == INV_RECORD_FAILED ? failure(t) : status;
}

static node *newest(const taking *t)
{
    return t->tree->count ? &t->tree->nodes[t->tree->count - 1] : NULL;
}

/* A group or array of no values yet. */
static inv_status add_node(taking *t)
{
    inv_tree *tree = t->tree;
    const char *path = t->record.text;
    if (path[0] != '/' || tree->count >= NODES_MAX)
        return nonsense(t, path[0] == '/' ? "more groups and arrays than are read" : "no path");
    if (tree->count == tree->room) {
        const size_t room = 2 * tree->room + 64;
        node *nodes = reallocarray(tree->nodes, room, sizeof *nodes);
        if (!nodes)
            return no_memory(t);
        tree->nodes = nodes;
        tree->room = room;
    }
    node *n = &tree->nodes[tree->count];
    *n = (node){0};
    const char *below = path[1] || !*t->prefix ? path : "";
    if (asprintf(&n->path, "%s%s", t->prefix, below) < 0) {
        n->path = NULL;
        return no_memory(t);
    }
    tree->count++;
    tree->is_sorted = false;
    return INV_OK;
}

/* The head's kind and sizes, with no values. */
static inv_status take_head(const taking *t, inv_tree_array *array)
{
    const inv_value_head *head = &t->record.head;
    const uint64_t count = inv_value_count(head), bytes = inv_value_bytes(head, count);
    if (bytes >= SIZE_MAX || bytes > t->from->left)
        return nonsense(t, "more values than there are bytes");
    *array = (inv_tree_array){.kind = (char)head->kind, .size = head->size, .count = (size_t)count};
    array->rank = head->rank == INV_RECORD_NULL ? 0 : head->rank;
    for (size_t i = 0; i < array->rank; i++)
        array->dims[i] = (size_t)head->dims[i];
    return INV_OK;
}

/* Texts that take exactly the bytes which the record tells. */
static inv_status take_texts(const taking *t, inv_tree_array *array)
{
    const uint64_t left = t->from->left;
    void *memory = NULL;
    inv_status status = inv_calloc(array->count + 1, sizeof(char *), t->tree->name, &memory);
    array->values = memory;
    for (size_t i = 0; status == INV_OK && i < array->count; i++)
        status = said(t, inv_record_take_text(t->from, &((char **)memory)[i]));
    if (status == INV_OK && left - t->from->left != t->record.bytes)
        return nonsense(t, "texts of another length");
    return status;
}

static inv_status take_values(taking *t, inv_tree_array *array)
{
    size_t done = 0;
    const size_t bytes = array->count * array->size;
    void *memory = NULL;
    inv_status status = inv_calloc(bytes + 1, 1, t->tree->name, &memory);
    array->values = memory;
    while (status == INV_OK && done < bytes) {
        status = next_record(t);
        const uint64_t block = t->record.bytes;
        if (status == INV_OK &&
            (t->record.kind != INV_RECORD_BLOCK || block == 0 || block > bytes - done))
            return nonsense(t, "a block of another size than its array");
        if (status == INV_OK)
            status = said(
                t, inv_record_take_bytes(t->from, (unsigned char *)memory + done, (size_t)block));
        done += (size_t)block;
    }
    return status;
}

static inv_status take_array(taking *t)
{
    inv_status status = add_node(t);
    if (status != INV_OK)
        return status;
    inv_tree_array *array = &newest(t)->array;
    status = take_head(t, array);
    if (status != INV_OK || array->kind != INV_VALUE_TEXTS)
        return status == INV_OK ? take_values(t, array) : status;
    if (array->count == 0)
        return INV_OK;
    status = next_record(t);
    if (status == INV_OK && t->record.kind != INV_RECORD_BLOCK)
        return nonsense(t, "an array that has no end");
    return status == INV_OK ? take_texts(t, array) : status;
}

static inv_status take_attribute(taking *t)
{
    node *n = newest(t);
    if (!n || ++t->tree->attributes > ATTRIBUTES_MAX)
        return nonsense(t, "an attribute of nothing, or more than are read");
    attribute *more = reallocarray(n->attributes, n->attribute_count + 1, sizeof *more);
    if (!more)
        return no_memory(t);
    n->attributes = more;
    attribute *a = &more[n->attribute_count];
    *a = (attribute){.name = strdup(t->record.text)};
    if (!a->name)
        return no_memory(t);
    n->attribute_count++;
    inv_status status = take_head(t, &a->array);
    if (status != INV_OK)
        return status;
    if (a->array.kind == INV_VALUE_TEXTS)
        return take_texts(t, &a->array);
    const size_t bytes = a->array.count * a->array.size;
    void *memory = NULL;
    if (t->record.bytes != bytes)
        return nonsense(t, "an attribute of another size than its values");
    status = inv_calloc(bytes + 1, 1, t->tree->name, &memory);
    a->array.values = memory;
    return status == INV_OK ? said(t, inv_record_take_bytes(t->from, memory, bytes)) : status;
}

static inv_status take_format(taking *t)
{
    char *format = t->prefix[0] ? NULL : strdup(t->record.text);
    if (!format)
        return t->prefix[0] ? INV_OK : no_memory(t);
    free(t->tree->format);
    t->tree->format = format;
    return INV_OK;
}

/* The first of them is told. */
static inv_status take_left_out(taking *t)
{
    inv_tree *tree = t->tree;
    if (!tree->left_out &&
        asprintf(&tree->left_out, "%s (%s)", t->record.text, t->record.why) < 0) {
        tree->left_out = NULL;
        return no_memory(t);
    }
    return INV_OK;
}

static inv_status take_record(taking *t)
{
    switch (t->record.kind) {
    case INV_RECORD_FORMAT:
        return take_format(t);
    case INV_RECORD_GROUP:
        return add_node(t);
    case INV_RECORD_ARRAY:
        return take_array(t);
    case INV_RECORD_ATTRIBUTE:
        return take_attribute(t);
    case INV_RECORD_LEFT_OUT:
        return take_left_out(t);
    default:
        return nonsense(t, "a record that is out of place");
    }
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(((const node *)a)->path, ((const node *)b)->path);
}

static inv_status sort_nodes(const taking *t)
{
    inv_tree *tree = t->tree;
    if (tree->count > 0)
        qsort(tree->nodes, tree->count, sizeof *tree->nodes, compare_nodes);
    for (size_t i = 1; i < tree->count; i++)
        if (strcmp(tree->nodes[i - 1].path, tree->nodes[i].path) == 0)
            return nonsense(t, "two things of one path");
    tree->is_sorted = true;
    return INV_OK;
}

inv_status inv_tree_add(inv_tree *tree, const char *prefix, inv_source *from)
{
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof(taking), tree->name, &memory);
    taking *t = memory;
    if (status != INV_OK)
        return status;
    *t = (taking){.tree = tree, .prefix = prefix, .from = from};
    INV_TRY(next_record(t));
    if (t->record.kind != INV_RECORD_START)
        INV_RAISE(nonsense(t, "no start"));
    if (!*prefix)
        tree->is_sealed = t->record.status;
    INV_TRY(next_record(t));
    while (t->record.kind != INV_RECORD_END) {
        INV_TRY(take_record(t));
        INV_TRY(next_record(t));
    }
    INV_TRY(sort_nodes(t));
done:
    free(t);
    return status;
}

/* ---- finding ---- */

/* As inv_run_check_root. */
inv_status inv_tree_check_run(const inv_tree *tree)
{
    const inv_tree_array *version = inv_tree_attribute(tree, "/", "format_version");
    float number = 0.0f;
    char *format = NULL;
    inv_status status = inv_tree_text(tree, "/", "format", 0, &format);
    if (status == INV_OK && (!format || strcmp(format, INV_RUN_FORMAT) != 0 || !version ||
                             version->count != 1 || inv_tree_floats(version, &number) != INV_OK))
        status = INV_ERROR(INV_EFORMAT, "%s: not an invproj run file", tree->name);
    if (status == INV_OK)
        status = inv_seal_check_format(tree->name, (unsigned long long)number);
    free(format);
    return status;
}

bool inv_tree_is_sealed(const inv_tree *tree)
{
    return tree->is_sealed;
}

const char *inv_tree_name(const inv_tree *tree)
{
    return tree->name;
}

const char *inv_tree_format(const inv_tree *tree)
{
    return tree->format;
}

size_t inv_tree_count(const inv_tree *tree)
{
    return tree->count;
}

const char *inv_tree_path(const inv_tree *tree, size_t i)
{
    return tree->nodes[i].path;
}

size_t inv_tree_values(const inv_tree *tree)
{
    size_t values = 0; /* each is a byte of the tree at least, so that they are no more than fit */
    for (size_t i = 0; i < tree->count; i++)
        values += tree->nodes[i].array.count;
    return values;
}

const char *inv_tree_left_out(const inv_tree *tree)
{
    return tree->left_out;
}

static const node *find_node(const inv_tree *tree, const char *path)
{
    const node key = {.path = (char *)(uintptr_t)path};
    if (!tree->is_sorted || tree->count == 0)
        return NULL;
    return bsearch(&key, tree->nodes, tree->count, sizeof key, compare_nodes);
}

bool inv_tree_has(const inv_tree *tree, const char *path)
{
    return find_node(tree, path) != NULL;
}

const inv_tree_array *inv_tree_find(const inv_tree *tree, const char *path)
{
    const node *n = find_node(tree, path);
    return n && n->array.kind ? &n->array : NULL;
}

const inv_tree_array *inv_tree_attribute(const inv_tree *tree, const char *path, const char *name)
{
    const node *n = find_node(tree, path);
    for (size_t i = 0; n && i < n->attribute_count; i++)
        if (strcmp(n->attributes[i].name, name) == 0)
            return &n->attributes[i].array;
    return NULL;
}

/* ---- values ---- */

inv_status inv_tree_text(const inv_tree *tree, const char *path, const char *name, size_t i,
                         char **text)
{
    const inv_tree_array *a = inv_tree_attribute(tree, path, name);
    *text = NULL;
    if (!a || i >= a->count || (a->kind != INV_VALUE_TEXT && a->kind != INV_VALUE_TEXTS))
        return INV_OK;
    if (a->kind == INV_VALUE_TEXTS)
        *text = strdup(((char *const *)a->values)[i]);
    else
        *text = strndup((const char *)a->values + i * a->size, a->size);
    for (char *end = *text && a->kind == INV_VALUE_TEXT ? *text + strlen(*text) : NULL;
         end && end > *text && end[-1] == ' '; end--)
        end[-1] = 0; /* filled up with blanks */
    return *text ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory for @%s", tree->name, name);
}

static uint64_t whole(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16. */
static float from_half(uint32_t bits)
{
    const uint32_t sign = (bits & 0x8000) << 16, exponent = bits >> 10 & 31, rest = bits & 0x3ff;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | rest << 13);
    if (exponent > 0)
        return from_bits(sign | (exponent + 112) << 23 | rest << 13);
    const float small = (float)rest / 16777216.0f; /* rest 2^-24 */
    return sign ? -small : small;
}

static float from_float(uint64_t bits, size_t size)
{
    double value;
    if (size == 4)
        return from_bits((uint32_t)bits);
    if (size == 2)
        return from_half((uint32_t)bits);
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

/* A whole number with a sign, in so many bytes. */
static float from_signed(uint64_t bits, size_t size)
{
    const uint64_t sign = (uint64_t)1 << ((8 * size - 1) & 63);
    return bits & sign ? -(float)((~bits + 1) & (2 * sign - 1)) : (float)bits;
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

bool inv_tree_real(const inv_tree *tree, const char *path, const char *name, double *value)
{
    const inv_tree_array *a = inv_tree_attribute(tree, path, name);
    float single = 0.0f;
    if (!a || a->kind != INV_VALUE_FLOAT || a->count != 1)
        return false;
    if (a->size == sizeof *value && is_little_endian()) {
        memcpy(value, a->values, sizeof *value);
        return true;
    }
    const bool good = inv_tree_floats(a, &single) == INV_OK;
    *value = good ? (double)single : *value;
    return good;
}

inv_status inv_tree_floats(const inv_tree_array *array, float *out)
{
    const unsigned char *at = array->values;
    const size_t size = array->size;
    if (array->kind == INV_VALUE_TEXT || array->kind == INV_VALUE_TEXTS)
        return INV_ERROR(INV_EFORMAT, "texts where numbers must be");
    if (array->kind == INV_VALUE_OPAQUE && size != 2)
        return INV_ERROR(INV_EFORMAT, "bytes whose meaning is not known");
    if (array->kind == INV_VALUE_FLOAT && size == sizeof *out && is_little_endian()) {
        memcpy(out, at, array->count * size);
        return INV_OK;
    }
    for (size_t i = 0; i < array->count; i++) {
        const uint64_t bits = whole(at + i * size, size);
        if (array->kind == INV_VALUE_FLOAT)
            out[i] = from_float(bits, size);
        else if (array->kind == INV_VALUE_OPAQUE)
            out[i] = from_bits((uint32_t)bits << 16); /* bfloat16 */
        else
            out[i] = array->kind == INV_VALUE_SIGNED ? from_signed(bits, size) : (float)bits;
    }
    return INV_OK;
}
