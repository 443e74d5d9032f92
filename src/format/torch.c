/* PyTorch's files of parameters, as a stream: zip archives since 1.6, and the older stream of
 * pickles. What runs here runs where it may come to harm. Nothing in a file is executed: of what its
 * pickle names only what makes tensors means anything (pickle.h).
 * Sources: torch/serialization.py, torch/_utils.py of PyTorch 2.15 and 0.3.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/zip.h"
#include "format/format.h"
#include "format/named.h"
#include "format/pickle.h"
#include "format/record.h"
#include "format/torch.h"

#define PICKLE_MAX                                                                                 \
    ((size_t)64 << 20) /* bytes of the pickle itself; those of large nets have 100 KB */
#define RANK_MAX    8
#define DEPTH_MAX   4      /* of dicts within dicts that are looked into */
#define VALUES_MAX  100000 /* that are looked at */
#define TENSOR      "torch._utils _rebuild_tensor"
#define TENSOR_2    "torch._utils _rebuild_tensor_v2"
#define TENSOR_3    "torch._utils _rebuild_tensor_v3"
#define PARAMETER   "torch._utils _rebuild_parameter"
#define PARAMETER_2 "torch._utils _rebuild_parameter_with_state"
#define FROM_TYPE   "torch._tensor _rebuild_from_type_v2"

/* ---- names that a pickle may mention ---- */

typedef struct kind {
    const char *name;
    char kind; /* as in a stream; 0: none that can be said */
    uint8_t size;
} kind;

static const kind storages[] = {
    {"torch FloatStorage", INV_VALUE_FLOAT, 4},
    {"torch DoubleStorage", INV_VALUE_FLOAT, 8},
    {"torch HalfStorage", INV_VALUE_FLOAT, 2},
    {"torch BFloat16Storage", INV_VALUE_OPAQUE, 2},
    {"torch LongStorage", INV_VALUE_SIGNED, 8},
    {"torch IntStorage", INV_VALUE_SIGNED, 4},
    {"torch ShortStorage", INV_VALUE_SIGNED, 2},
    {"torch CharStorage", INV_VALUE_SIGNED, 1},
    {"torch ByteStorage", INV_VALUE_UNSIGNED, 1},
    {"torch BoolStorage", INV_VALUE_UNSIGNED, 1},
    {"torch uint16", INV_VALUE_UNSIGNED, 2},
    {"torch uint32", INV_VALUE_UNSIGNED, 4},
    {"torch uint64", INV_VALUE_UNSIGNED, 8},
    {"torch ComplexFloatStorage", 0, 8},
    {"torch ComplexDoubleStorage", 0, 16},
    {"torch.storage UntypedStorage", 0, 1},
    {"torch QInt8Storage", 0, 1},
    {"torch QUInt8Storage", 0, 1},
    {"torch QInt32Storage", 0, 4},
};

/* What else is in files of parameters, and means nothing here. */
static const char *const harmless[] = {
    TENSOR,
    TENSOR_2,
    TENSOR_3,
    PARAMETER,
    PARAMETER_2,
    FROM_TYPE,
    "collections OrderedDict",
    "collections Counter",
    "torch Tensor",
    "torch.nn.parameter Parameter",
    "torch.nn.parameter Buffer",
    "torch Size",
    "torch device",
    "torch.serialization _get_layout",
    "torch.storage TypedStorage",
    "torch.storage _load_from_bytes",
    "__builtin__ set",
    "__builtin__ bytearray",
    "__builtin__ complex",
    "builtins set",
    "builtins bytearray",
    "builtins complex",
    "_codecs encode",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct",
};

static const char *const dtypes[] = {
    "float32",         "float64",         "float16",        "bfloat16",      "int64",
    "int32",           "int16",           "int8",           "uint8",         "bool",
    "complex32",       "complex64",       "complex128",     "float8_e4m3fn", "float8_e5m2",
    "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "strided",       "sparse_coo",
};

static const kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof storages / sizeof *storages; i++)
        if (strcmp(storages[i].name, name) == 0)
            return &storages[i];
    return NULL;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const char *refusal(const char *global)
{
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(harmless[i], global) == 0)
            return NULL;
    if (find_kind(global))
        return NULL;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (starts_with(global, "torch ") && strcmp(global + 6, dtypes[i]) == 0)
            return NULL;
    if (starts_with(global, "torch q"))
        return "quantised values are not read; save the net as it was before it was quantised";
    return "this is a whole module, or more than parameters, which only Python could run; save its "
           "parameters alone, torch.save(model.state_dict(), \"net.pt\"), and give the "
           "architecture "
           "with --arch";
}

/* ---- where the bytes of a storage are ---- */

typedef struct storage {
    char *key;
    const unsigned char *bytes; /* in the file */
    uint64_t size;
} storage;

typedef struct source {
    const char *name;
    const unsigned char *bytes;
    size_t size;
    bool is_big_endian;
    const inv_sink *to;
    uint64_t array_max, sent, sent_max;
    size_t seen; /* values looked at */
    /* of a zip archive */
    inv_zip *zip;
    char stem[INV_RECORD_PATH_MAX];
    size_t member; /* whose bytes are at hand */
    unsigned char *unpacked;
    size_t unpacked_size;
    /* of the older stream: in its order */
    storage *storages;
    size_t storage_count;
} source;

static inv_status broken(const source *s, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged: %s", s->name, why);
}

/* Of one tensor, or of the storage that it is in; PATH begins with '/'. */
static inv_status broken_tensor(const source *s, const char *path, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged: '%s' %s; copy or save the file again", s->name,
                     path + 1, why);
}

static inv_status find_zipped(source *s, const char *path, const char *key,
                              const unsigned char **bytes, uint64_t *size)
{
    char name[2 * INV_RECORD_PATH_MAX];
    size_t member = 0;
    inv_status status = INV_OK;
    snprintf(name, sizeof name, "%s/data/%s", s->stem, key);
    if (!inv_zip_find(s->zip, name, &member))
        return broken_tensor(s, path, "has no values: their record is missing");
    if (!s->unpacked || s->member != member) {
        free(s->unpacked);
        s->unpacked = NULL;
        status = inv_zip_read(s->zip, member, SIZE_MAX - 1, &s->unpacked, &s->unpacked_size);
        s->member = member;
    }
    *bytes = s->unpacked;
    *size = s->unpacked_size;
    return status;
}

static inv_status find_storage(source *s, const char *path, const char *key,
                               const unsigned char **bytes, uint64_t *size)
{
    if (s->zip)
        return find_zipped(s, path, key, bytes, size);
    for (size_t i = 0; i < s->storage_count; i++)
        if (strcmp(s->storages[i].key, key) == 0) {
            *bytes = s->storages[i].bytes;
            *size = s->storages[i].size;
            return INV_OK;
        }
    return broken_tensor(s, path, "has no values: their storage is missing");
}

/* ---- tensors ---- */

typedef struct tensor {
    const kind *kind;
    const char *key; /* of its storage */
    uint64_t stored; /* bytes of that */
    uint64_t offset; /* in values */
    size_t rank;
    uint64_t dims[RANK_MAX], strides[RANK_MAX], count;
    bool is_possible; /* its sizes, strides and offset are numbers from 0, and not too large */
} tensor;

/* A whole number that is no less than 0. */
static bool natural(const inv_pickle_value *value, uint64_t *out)
{
    if (!value || value->kind != INV_PICKLE_INT || value->integer < 0)
        return false;
    *out = (uint64_t)value->integer;
    return true;
}

static const inv_pickle_value *item(const inv_pickle_value *tuple, size_t i)
{
    return tuple && tuple->kind == INV_PICKLE_TUPLE && i < tuple->count ? tuple->items[i] : NULL;
}

/* The arguments of a tensor's making, and what makes it, behind parameters and subclasses. */
static const inv_pickle_value *arguments_of(const inv_pickle_value *value, const char **how)
{
    for (int depth = 0; value && depth < DEPTH_MAX; depth++) {
        const inv_pickle_value *data = inv_pickle_argument(value, PARAMETER, 0);
        data = data ? data : inv_pickle_argument(value, PARAMETER_2, 0);
        const inv_pickle_value *inner = inv_pickle_argument(value, FROM_TYPE, 2);
        if (inner) {
            *how = inv_pickle_argument(value, FROM_TYPE, 0)->text;
            return inner;
        }
        if (!data) {
            *how = value->kind == INV_PICKLE_CALL ? value->items[0]->text : NULL;
            return value->kind == INV_PICKLE_CALL ? value->items[1] : NULL;
        }
        value = data;
    }
    return NULL;
}

static bool is_tensor(const inv_pickle_value *value, const inv_pickle_value **arguments,
                      const char **how)
{
    *arguments = arguments_of(value, how);
    return *arguments && *how &&
           (strcmp(*how, TENSOR) == 0 || strcmp(*how, TENSOR_2) == 0 ||
            strcmp(*how, TENSOR_3) == 0);
}

/* ('storage', its type, its key, where it was, its values[, a view: key, offset, values]) */
static bool read_storage(const inv_pickle_value *persistent, tensor *t)
{
    uint64_t offset = 0;
    if (!persistent || persistent->kind != INV_PICKLE_PERSISTENT)
        return false;
    const inv_pickle_value *id = persistent->items[0], *type = item(id, 1), *key = item(id, 2);
    const inv_pickle_value *view = item(id, 5);
    if (!inv_pickle_is(item(id, 0), INV_PICKLE_TEXT, "storage") || !type || !key ||
        type->kind != INV_PICKLE_GLOBAL || key->kind != INV_PICKLE_TEXT)
        return false;
    t->kind = find_kind(type->text);
    t->key = key->text;
    if (!t->kind || !natural(item(id, 4), &t->stored) ||
        __builtin_mul_overflow(t->stored, t->kind->size, &t->stored))
        return false;
    if (view && view->kind == INV_PICKLE_TUPLE) {
        if (!natural(item(view, 1), &offset))
            return false;
        t->offset = offset;
    }
    return strlen(key->text) == key->length;
}

static bool read_sizes(const inv_pickle_value *dims, const inv_pickle_value *strides, tensor *t)
{
    if (dims->count != strides->count)
        return false;
    t->rank = dims->count;
    t->count = 1;
    for (size_t i = 0; i < t->rank; i++)
        if (!natural(dims->items[i], &t->dims[i]) || !natural(strides->items[i], &t->strides[i]) ||
            __builtin_mul_overflow(t->count, t->dims[i], &t->count))
            return false;
    return true;
}

/* A sum of views is of the sign, or the conjugate, of what is stored. */
static bool is_plain(const inv_pickle_value *metadata)
{
    return !metadata || metadata->kind != INV_PICKLE_DICT || metadata->count == 0;
}

/* False: of a kind that is not known. */
static bool read_tensor(const inv_pickle_value *a, const char *how, tensor *t)
{
    const bool third = strcmp(how, TENSOR_3) == 0;
    const inv_pickle_value *dims = item(a, 2), *strides = item(a, 3);
    uint64_t offset = 0;
    *t = (tensor){0};
    if (!read_storage(item(a, 0), t) || !is_plain(item(a, third ? 7 : 6)) || !dims || !strides ||
        dims->kind != INV_PICKLE_TUPLE || strides->kind != INV_PICKLE_TUPLE ||
        dims->count > RANK_MAX)
        return false;
    t->is_possible = natural(item(a, 1), &offset) &&
                     !__builtin_add_overflow(t->offset, offset, &t->offset) &&
                     read_sizes(dims, strides, t);
    if (third) { /* an untyped storage, and the type beside it */
        const inv_pickle_value *type = item(a, 6);
        t->kind = type && type->kind == INV_PICKLE_GLOBAL ? find_kind(type->text) : NULL;
    }
    return t->kind && t->kind->kind;
}

/* Whether every value lies within `size` bytes of its storage. */
static bool fits(const tensor *t, uint64_t size)
{
    uint64_t last = t->offset, reach = 0, bytes = 0;
    if (t->count == 0)
        return true;
    for (size_t i = 0; i < t->rank; i++)
        if (__builtin_mul_overflow(t->dims[i] - 1, t->strides[i], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return false;
    return !__builtin_add_overflow(last, 1, &last) &&
           !__builtin_mul_overflow(last, t->kind->size, &bytes) && bytes <= size;
}

/* Copies the values in order, little-endian. */
static void gather(const source *s, const tensor *t, const unsigned char *from, unsigned char *to)
{
    const size_t size = t->kind->size;
    uint64_t index[RANK_MAX] = {0};
    for (uint64_t n = 0, at = t->offset; n < t->count; n++, to += size) {
        for (size_t b = 0; b < size; b++)
            to[b] = from[at * size + (s->is_big_endian ? size - 1 - b : b)];
        for (size_t i = t->rank; i-- > 0;) {
            at += t->strides[i];
            if (++index[i] < t->dims[i])
                break;
            at -= t->strides[i] * t->dims[i];
            index[i] = 0;
        }
    }
}

static inv_status put_values(source *s, const char *path, const tensor *t,
                             const unsigned char *from)
{
    void *values = NULL;
    inv_value_head head = {(uint8_t)t->kind->kind, .size = t->kind->size, .rank = (uint8_t)t->rank};
    memcpy(head.dims, t->dims, sizeof t->dims);
    inv_status status =
        inv_calloc((size_t)(t->count + (t->count == 0)), t->kind->size, s->name, &values);
    if (status != INV_OK)
        return status;
    gather(s, t, from, values);
    status = inv_named_array(s->to, path, &head, values);
    free(values);
    return status;
}

static inv_status send_tensor(source *s, const char *path, const inv_pickle_value *arguments,
                              const char *how)
{
    const unsigned char *from = NULL;
    uint64_t size = 0, bytes = 0;
    tensor t;
    if (!read_tensor(arguments, how, &t))
        return inv_named_left_out(s->to, path, "a tensor of a kind that is not known");
    if (!t.is_possible)
        return broken_tensor(s, path, "has sizes, strides or an offset that cannot be");
    inv_status status = find_storage(s, path, t.key, &from, &size);
    if (status != INV_OK)
        return status;
    if (size != t.stored)
        return broken_tensor(s, path, "has a storage of another length than it says");
    if (!fits(&t, size))
        return broken_tensor(s, path, "has values beyond its storage");
    if (__builtin_mul_overflow(t.count, t.kind->size, &bytes) ||
        __builtin_add_overflow(s->sent, bytes, &s->sent) || s->sent > s->sent_max)
        return broken_tensor(s, path, "and those before it claim many times the file's size");
    return bytes <= s->array_max ? put_values(s, path, &t, from) : INV_OK;
}

/* ---- dicts of them ---- */

/* Whether the same key comes again: Python keeps the later value. */
static bool comes_again(const inv_pickle_value *dict, size_t i, const char *name)
{
    const inv_pickle_value *key = NULL, *value = NULL;
    for (size_t j = i + 1; inv_pickle_item(dict, j, &key, &value); j++)
        if (inv_pickle_is(key, INV_PICKLE_TEXT, name))
            return true;
    return false;
}

static bool may_be_a_name(const inv_pickle_value *key)
{
    return key->kind == INV_PICKLE_TEXT && inv_named_is_good(key->text, key->length);
}

static inv_status send_dict(source *s, const char *path, int depth, const inv_pickle_value *dict);

static inv_status send_one(source *s, const char *path, int depth, const inv_pickle_value *value)
{
    const inv_pickle_value *arguments = NULL, *key = NULL, *inner = NULL;
    const char *how = NULL;
    if (is_tensor(value, &arguments, &how))
        return send_tensor(s, path, arguments, how);
    if (depth < DEPTH_MAX && inv_pickle_item(value, 0, &key, &inner) && may_be_a_name(key))
        return send_dict(s, path, depth + 1, value);
    return INV_OK;
}

static size_t length_of(const inv_pickle_value *dict)
{
    const inv_pickle_value *key = NULL, *value = NULL;
    size_t length = 0;
    while (inv_pickle_item(dict, length, &key, &value))
        length++;
    return length;
}

/* Keys that count, and their values. */
static inv_status list(source *s, const inv_pickle_value *dict, const char **names,
                       const inv_pickle_value **values, size_t *count)
{
    const inv_pickle_value *key = NULL, *value = NULL;
    for (size_t i = 0; inv_pickle_item(dict, i, &key, &value); i++) {
        if (++s->seen > VALUES_MAX)
            return INV_ERROR(INV_EFORMAT,
                             "%s: more than %d values; no file of parameters has so many", s->name,
                             VALUES_MAX);
        if (!may_be_a_name(key) || comes_again(dict, i, key->text))
            continue;
        names[*count] = key->text;
        values[(*count)++] = value;
    }
    return INV_OK;
}

static inv_status send_dict(source *s, const char *path, int depth, const inv_pickle_value *dict)
{
    const inv_pickle_value **values = NULL, *arguments = NULL;
    const char **names = NULL, *how = NULL;
    void *memory[3] = {NULL};
    size_t count = 0, tensors = 0;
    char inner[INV_RECORD_PATH_MAX];
    inv_status status = INV_OK;
    for (size_t i = 0; i < 3; i++)
        INV_TRY(inv_calloc(length_of(dict) + 1, sizeof(void *), s->name, &memory[i]));
    names = memory[0];
    values = memory[1];
    INV_TRY(list(s, dict, names, values, &count));
    for (size_t i = 0; i < count; i++)
        if (is_tensor(values[i], &arguments, &how))
            ((const char **)memory[2])[tensors++] = names[i];
    INV_TRY(inv_named_group(s->to, path, memory[2], tensors));
    for (size_t i = 0; i < count; i++) {
        const int length = snprintf(inner, sizeof inner, "%s/%s", path, names[i]);
        if (length > 0 && (size_t)length < sizeof inner)
            INV_TRY(send_one(s, inner, depth, values[i]));
    }
done:
    for (size_t i = 0; i < 3; i++)
        free(memory[i]);
    return status;
}

/* (model.state_dict(), optimizer.state_dict()): sets of parameters by their places. */
static inv_status send_list(source *s, const inv_pickle_value *list)
{
    char path[24];
    inv_status status = inv_named_group(s->to, "", NULL, 0);
    for (size_t i = 0; i < list->count && i < VALUES_MAX && status == INV_OK; i++) {
        snprintf(path, sizeof path, "/%zu", i);
        status = send_one(s, path, 0, list->items[i]);
    }
    return status;
}

static inv_status send_root(source *s, const inv_pickle_value *root)
{
    const inv_pickle_value *key = NULL, *value = NULL;
    s->sent_max = 16 * (uint64_t)s->size + (1 << 20);
    if ((root->kind == INV_PICKLE_LIST || root->kind == INV_PICKLE_TUPLE) && root->count > 0)
        return send_list(s, root);
    if (!inv_pickle_item(root, 0, &key, &value))
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds no parameters by name; save them with "
                         "torch.save(model.state_dict(), \"net.pt\")",
                         s->name);
    return send_dict(s, "", 0, root);
}

/* ---- a zip archive ---- */

/* The member `what` of the folder that all members are in. */
static bool find_member(const source *s, const char *what, size_t *member)
{
    char name[2 * INV_RECORD_PATH_MAX];
    snprintf(name, sizeof name, "%s/%s", s->stem, what);
    return inv_zip_find(s->zip, name, member);
}

static inv_status refuse_program(source *s)
{
    size_t member = 0;
    if (find_member(s, "archive_format", &member) || find_member(s, "models/model.json", &member))
        return INV_ERROR(INV_EFORMAT,
                         "%s: a program by torch.export; save the parameters alone, "
                         "torch.save(model.state_dict(), \"net.pt\"), or export to ONNX",
                         s->name);
    for (size_t i = 0; i < inv_zip_count(s->zip); i++) {
        const char *slash = strchr(inv_zip_name(s->zip, i), '/');
        if (slash && (starts_with(slash, "/code/") || strcmp(slash, "/constants.pkl") == 0))
            return INV_ERROR(INV_EFORMAT,
                             "%s: a TorchScript program, which is never run; save the parameters "
                             "alone, torch.save(model.state_dict(), \"net.pt\"), or export to ONNX",
                             s->name);
    }
    return INV_OK;
}

static inv_status open_folder(source *s)
{
    const char *name = inv_zip_count(s->zip) > 0 ? inv_zip_name(s->zip, 0) : "";
    const size_t length = strcspn(name, "/");
    if (name[length] != '/' || length >= sizeof s->stem)
        return broken(s, "its archive is not PyTorch's");
    memcpy(s->stem, name, length);
    return INV_OK;
}

/* PyTorch 2.1 and later say it. */
static inv_status read_order_of_bytes(source *s)
{
    size_t member = 0, size = 0;
    unsigned char *bytes = NULL;
    if (!find_member(s, "byteorder", &member))
        return INV_OK;
    inv_status status = inv_zip_read(s->zip, member, 64, &bytes, &size);
    const bool is_little = status == INV_OK && size == 6 && memcmp(bytes, "little", 6) == 0;
    s->is_big_endian = status == INV_OK && size == 3 && memcmp(bytes, "big", 3) == 0;
    free(bytes);
    if (status == INV_OK && !is_little && !s->is_big_endian)
        status = broken(s, "its byteorder is neither 'little' nor 'big'; copy or save it again");
    return status;
}

static inv_status send_zip(source *s)
{
    size_t member = 0, size = 0;
    unsigned char *bytes = NULL;
    inv_pickle *pickle = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_zip_open_bytes(s->name, s->bytes, s->size, &s->zip));
    INV_TRY(open_folder(s));
    INV_TRY(refuse_program(s));
    INV_TRY(read_order_of_bytes(s));
    if (!find_member(s, "data.pkl", &member))
        INV_RAISE(broken(s, "its archive has no data.pkl"));
    INV_TRY(inv_zip_read(s->zip, member, PICKLE_MAX, &bytes, &size));
    INV_TRY(inv_pickle_read(s->name, bytes, size, refusal, &pickle));
    INV_TRY(send_root(s, inv_pickle_root(pickle)));
done:
    inv_pickle_free(pickle);
    free(bytes);
    inv_zip_close(s->zip);
    free(s->unpacked);
    return status;
}

/* ---- the older stream: five pickles, then the storages ---- */

/* PyTorch's magic number as a pickle, behind its protocol and, from 4 on, the length of a frame. */
static const unsigned char magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                      0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

static inv_status read_next(const source *s, size_t *at, inv_pickle **out)
{
    const size_t left = s->size - *at;
    inv_status status = inv_pickle_read(s->name, s->bytes + *at,
                                        left < PICKLE_MAX ? left : PICKLE_MAX, refusal, out);
    if (status == INV_OK)
        *at += inv_pickle_size(*out);
    return status;
}

/* Type and length come from the tensors; here are only the number of values and their bytes, so the
 * size of a value is the one that the tensors of that storage have. */
static size_t size_of_values(const inv_pickle_value *dict, const char *key, int depth)
{
    const inv_pickle_value *name = NULL, *value = NULL, *arguments = NULL;
    const char *how = NULL;
    for (size_t i = 0, size = 0; inv_pickle_item(dict, i, &name, &value); i++) {
        tensor t = {0};
        if (is_tensor(value, &arguments, &how) && read_storage(item(arguments, 0), &t) &&
            strcmp(t.key, key) == 0)
            return t.kind->size;
        if (depth < 2 * DEPTH_MAX && (size = size_of_values(value, key, depth + 1)) > 0)
            return size;
    }
    return 0;
}

static inv_status find_storages(source *s, const inv_pickle_value *root,
                                const inv_pickle_value *keys, size_t at)
{
    void *memory = NULL;
    if (keys->kind != INV_PICKLE_LIST)
        return broken(s, "it lists no storages");
    if (keys->count == 0)
        return INV_OK;
    inv_status status = inv_calloc(keys->count, sizeof *s->storages, s->name, &memory);
    s->storages = memory;
    for (size_t i = 0; i < keys->count && status == INV_OK; i++) {
        uint64_t count = 0, bytes = 0;
        if (keys->items[i]->kind != INV_PICKLE_TEXT || s->size - at < 8)
            return broken(s, "a storage breaks off");
        for (size_t b = 0; b < 8; b++)
            count |= (uint64_t)s->bytes[at + b] << (8 * b);
        at += 8;
        const size_t size = size_of_values(root, keys->items[i]->text, 0);
        if (size == 0)
            return INV_ERROR(
                INV_EFORMAT,
                "%s: holds more than parameters; save them alone with a newer PyTorch, "
                "torch.save(model.state_dict(), \"net.pt\")",
                s->name);
        if (__builtin_mul_overflow(count, size, &bytes) || bytes > s->size - at)
            return broken(s, "a storage breaks off");
        s->storages[i] = (storage){(char *)keys->items[i]->text, s->bytes + at, bytes};
        s->storage_count++;
        at += (size_t)bytes;
    }
    return status;
}

/* PyTorch's own: {protocol_version, little_endian, type_sizes} */
static void read_system(source *s, const inv_pickle_value *system)
{
    const inv_pickle_value *little = inv_pickle_get(system, "little_endian");
    s->is_big_endian = little && little->kind == INV_PICKLE_BOOL && !little->integer;
}

static inv_status send_old(source *s)
{
    enum { MAGIC, PROTOCOL, SYSTEM, ROOT, KEYS, COUNT };
    inv_pickle *pickles[COUNT] = {NULL};
    size_t at = 0;
    inv_status status = INV_OK;
    for (size_t i = 0; i < COUNT; i++)
        INV_TRY(read_next(s, &at, &pickles[i]));
    read_system(s, inv_pickle_root(pickles[SYSTEM]));
    INV_TRY(find_storages(s, inv_pickle_root(pickles[ROOT]), inv_pickle_root(pickles[KEYS]), at));
    INV_TRY(send_root(s, inv_pickle_root(pickles[ROOT])));
done:
    for (size_t i = 0; i < COUNT; i++)
        inv_pickle_free(pickles[i]);
    free(s->storages);
    return status;
}

static bool is_old(const unsigned char *first, size_t size)
{
    const size_t at = size > 2 && first[0] == 0x80 && first[2] == 0x95 ? 11 : 2;
    return size >= at + sizeof magic && first[0] == 0x80 && first[1] >= 2 && first[1] <= 5 &&
           memcmp(first + at, magic, sizeof magic) == 0;
}

static inv_status send(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                       const inv_sink *to)
{
    source s = {.name = name, .bytes = bytes, .size = size, .to = to, .array_max = array_max};
    return is_old(bytes, size) ? send_old(&s) : send_zip(&s);
}

const inv_format inv_format_torch = {.name = "torch",
                                     .what = "PyTorch",
                                     .endings = ".pt .pth .bin .ckpt",
                                     .probe = inv_zip_is,
                                     .member = "*/data.pkl",
                                     .send = send,
                                     .import = inv_torch_import};

const inv_format inv_format_torch_old = {.name = "torch-old",
                                         .what = "PyTorch before 1.6",
                                         .endings = ".pt .pth",
                                         .probe = is_old,
                                         .send = send,
                                         .import = inv_torch_import};

/* Known to be refused by name. */
const inv_format inv_format_torch_export = {.name = "torch-export",
                                            .what = "torch.export",
                                            .endings = ".pt2",
                                            .probe = inv_zip_is,
                                            .member = "*/archive_format",
                                            .send = send,
                                            .import = inv_torch_import};
