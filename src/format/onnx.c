/* ONNX files, as a stream (onnx.h). All of it runs in the process that may come to harm.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/hdf5.h"
#include "format/named.h"
#include "format/onnx.pb-c.h"
#include "format/own.h"

#define EXTERNAL 1 /* Tensor.data_location */

typedef struct file {
    const char *name;
    uint64_t array_max;
    const inv_sink *to;
    json_t *root, *tensors;
    const OnnxFile__Tensor **list; /* those of `tensors` */
    const char **files;
    size_t count, file_count;
} file;

static inv_status damaged(const file *f, const char *what, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged: %.200s%s%s", f->name, what, *what ? ": " : "", why);
}

/* ---- what it is ---- */

static bool read_varint(const unsigned char **at, const unsigned char *end, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        const unsigned char byte = *(*at)++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* There is no mark at the start: the fields of a Model, in any order, up to the graph. */
static bool probe(const unsigned char *first, size_t size)
{
    const unsigned char *at = first, *end = first + size;
    bool has_version = false;
    for (int fields = 0; fields < 64 && at < end; fields++) {
        uint64_t tag = 0, value = 0;
        if (!read_varint(&at, end, &tag))
            return false;
        const uint64_t number = tag >> 3;
        const bool is_number = number == 1 || number == 5;
        if (number == 0 || number > 26 || (tag & 7) != (is_number ? 0 : 2) ||
            !read_varint(&at, end, &value))
            return false;
        has_version = has_version || number == 1 || number == 8;
        if (is_number)
            continue;
        if (number == 7) /* and its first field, a list of something */
            return has_version && (value == 0 || at == end || ((*at & 7) == 2 && *at >> 3));
        if (value > (uint64_t)(end - at))
            return has_version && number > 8;
        at += value;
    }
    return false;
}

/* ---- tensors ---- */

static const struct {
    uint8_t number, kind, size;
} types[] = {{1, INV_VALUE_FLOAT, 4},    {2, INV_VALUE_UNSIGNED, 1},  {3, INV_VALUE_SIGNED, 1},
             {4, INV_VALUE_UNSIGNED, 2}, {5, INV_VALUE_SIGNED, 2},    {6, INV_VALUE_SIGNED, 4},
             {7, INV_VALUE_SIGNED, 8},   {9, INV_VALUE_UNSIGNED, 1},  {10, INV_VALUE_FLOAT, 2},
             {11, INV_VALUE_FLOAT, 8},   {12, INV_VALUE_UNSIGNED, 4}, {13, INV_VALUE_UNSIGNED, 8},
             {16, INV_VALUE_OPAQUE, 2}};

bool inv_onnx_type(int64_t number, uint8_t *kind, uint32_t *size)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].number == number) {
            *kind = types[i].kind;
            *size = types[i].size;
            return true;
        }
    return false;
}

static bool read_dims(const OnnxFile__Tensor *t, inv_value_head *head, uint64_t *count)
{
    *count = 1;
    if (t->n_dims > INV_ONNX_RANK_MAX)
        return false;
    head->rank = (uint8_t)t->n_dims;
    for (size_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i] < 0 || __builtin_mul_overflow(*count, (uint64_t)t->dims[i], count))
            return false;
        head->dims[i] = (uint64_t)t->dims[i];
    }
    return *count < UINT64_MAX / 8;
}

/* The list of typed values that a tensor of that type has, and the bytes of a value there. */
static const void *typed_values(const OnnxFile__Tensor *t, size_t *count, size_t *size)
{
    switch (t->data_type) {
    case 1:
        *count = t->n_float_data, *size = 4;
        return t->float_data;
    case 7:
        *count = t->n_int64_data, *size = 8;
        return t->int64_data;
    case 11:
        *count = t->n_double_data, *size = 8;
        return t->double_data;
    case 12:
    case 13:
        *count = t->n_uint64_data, *size = 8;
        return t->uint64_data;
    default: /* smaller whole numbers, and the bits of small floats */
        *count = t->n_int32_data, *size = 4;
        return t->int32_data;
    }
}

/* Typed values of `wide` bytes as the type's own, little-endian, the lowest ones. */
static inv_status send_typed(const file *f, const OnnxFile__Tensor *t, const char *path,
                             const inv_value_head *head, uint64_t count)
{
    size_t has = 0, wide = 0;
    const unsigned char *from = typed_values(t, &has, &wide);
    void *memory = NULL;
    if (has != count)
        return damaged(f, t->name ? t->name : path,
                       "has another number of values than its sizes say");
    if (wide == head->size || count == 0)
        return inv_named_array(f->to, path, head, from);
    inv_status status = inv_calloc((size_t)count, head->size, f->name, &memory);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        memcpy((unsigned char *)memory + i * head->size, from + i * wide, head->size);
    if (status == INV_OK)
        status = inv_named_array(f->to, path, head, memory);
    free(memory);
    return status;
}

static inv_status send_tensor(const file *f, size_t i)
{
    const OnnxFile__Tensor *t = f->list[i];
    inv_value_head head = {0};
    uint64_t count = 0;
    char path[64];
    const char *name = t->name && *t->name ? t->name : "a constant";
    snprintf(path, sizeof path, "/tensors/%zu", i);
    if (!read_dims(t, &head, &count) || t->has_segment)
        return damaged(f, name, "a tensor of these sizes cannot be");
    if (t->data_location == EXTERNAL || !inv_onnx_type(t->data_type, &head.kind, &head.size))
        return INV_OK; /* what is needed and not there is said by who needs it */
    if (count * head.size > f->array_max)
        return INV_OK;
    if (!t->has_raw_data)
        return send_typed(f, t, path, &head, count);
    if (t->raw_data.len != count * head.size)
        return damaged(f, name, "has other bytes than its sizes say");
    return inv_named_array(f->to, path, &head, t->raw_data.data);
}

/* ---- the graph as JSON ---- */

static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool append(json_t *list, json_t *value)
{
    return json_array_append_new(list, value) == 0;
}

static bool put_text(json_t *object, const char *key, const char *text)
{
    return put(object, key, json_string(text ? text : ""));
}

/* JSON has no infinity: the largest number stands for it. A number that is none fails. */
static json_t *real(float value)
{
    return json_real(isinf(value) ? (double)copysignf(FLT_MAX, value) : (double)value);
}

static json_t *text_of(const ProtobufCBinaryData *bytes)
{
    return json_stringn(bytes->len ? (const char *)bytes->data : "", bytes->len);
}

/* The name of a file, once in the list. "./NAME" is beside the model too. */
static const char *add_file(file *f, const char *name)
{
    name += strncmp(name, "./", 2) == 0 ? 2 : 0;
    for (size_t i = 0; i < f->file_count; i++)
        if (strcmp(f->files[i], name) == 0)
            return name;
    f->files[f->file_count++] = name;
    return name;
}

static bool put_external(file *f, json_t *object, const OnnxFile__Tensor *t)
{
    bool good = true;
    for (size_t i = 0; good && i < t->n_external_data; i++) {
        const OnnxFile__Entry *e = t->external_data[i];
        const char *key = e->key ? e->key : "", *value = e->value ? e->value : "";
        if (strcmp(key, "location") == 0 && !json_object_get(object, "file"))
            good = put_text(object, "file", add_file(f, value));
        else if (strcmp(key, "offset") == 0 || strcmp(key, "length") == 0)
            good = put(object, key, json_integer(strtoll(value, NULL, 10)));
    }
    return good;
}

/* The number that the tensor has from now on, as JSON. */
static json_t *add_tensor(file *f, const OnnxFile__Tensor *t)
{
    json_t *object = json_object(), *dims = json_array();
    bool good = object && put_text(object, "name", t->name) &&
                put(object, "type", json_integer(t->data_type));
    for (size_t i = 0; good && i < t->n_dims; i++)
        good = append(dims, json_integer(t->dims[i]));
    good = good && put(object, "dims", json_incref(dims));
    if (good && t->data_location == EXTERNAL)
        good = put_external(f, object, t);
    json_decref(dims);
    if (!good || json_array_append(f->tensors, object) != 0) {
        json_decref(object);
        return NULL;
    }
    json_decref(object);
    f->list[f->count] = t;
    return json_integer((json_int_t)f->count++);
}

static json_t *list_of(const OnnxFile__Attribute *a)
{
    json_t *list = json_array();
    bool good = list;
    for (size_t i = 0; good && i < a->n_ints; i++)
        good = append(list, json_integer(a->ints[i]));
    for (size_t i = 0; good && i < a->n_floats; i++)
        good = append(list, real(a->floats[i]));
    for (size_t i = 0; good && i < a->n_strings; i++)
        good = append(list, text_of(&a->strings[i]));
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

/* By its type, where it is said (from IR version 2 on), else by what is there. */
static json_t *attribute_of(file *f, const OnnxFile__Attribute *a)
{
    enum { FLOAT = 1, INT, STRING, TENSOR, GRAPH };
    if (a->has_g || a->n_graphs || (a->ref_attr_name && *a->ref_attr_name))
        return json_pack("{si}", "graph", 1);
    if (a->t)
        return json_pack("{so}", "tensor", add_tensor(f, a->t));
    if (a->type == FLOAT || (a->has_f && !a->has_type))
        return real(a->f);
    if (a->type == INT || (a->has_i && !a->has_type))
        return json_integer(a->i);
    if (a->type == STRING || (a->has_s && !a->has_type))
        return text_of(&a->s);
    return list_of(a);
}

static json_t *texts(char *const *list, size_t count)
{
    json_t *array = json_array();
    bool good = array;
    for (size_t i = 0; good && i < count; i++)
        good = append(array, json_string(list[i]));
    if (good)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *node_of(file *f, const OnnxFile__Node *n)
{
    json_t *object = json_object(), *attributes = json_object();
    bool good = object && attributes && put_text(object, "op", n->op_type) &&
                put_text(object, "domain", n->domain) && put_text(object, "name", n->name) &&
                put(object, "in", texts(n->input, n->n_input)) &&
                put(object, "out", texts(n->output, n->n_output));
    for (size_t i = 0; good && i < n->n_attribute; i++)
        good = put(attributes, n->attribute[i]->name ? n->attribute[i]->name : "",
                   attribute_of(f, n->attribute[i]));
    good = good && json_object_set(object, "attributes", attributes) == 0;
    json_decref(attributes);
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

/* An input or output: its name, its type, and its sizes, those that are not fixed null. */
static json_t *value_of(const OnnxFile__Value *v)
{
    const OnnxFile__TensorType *type = v->type ? v->type->tensor_type : NULL;
    json_t *object = json_object(), *dims = json_array();
    bool good = object && dims && put_text(object, "name", v->name) &&
                put(object, "type", json_integer(type ? type->elem_type : 0));
    for (size_t i = 0; good && type && type->shape && i < type->shape->n_dim; i++) {
        const OnnxFile__Dimension *d = type->shape->dim[i];
        good = append(dims, d->dim_value > 0 ? json_integer(d->dim_value) : json_null());
    }
    if (good && type && type->shape)
        good = json_object_set(object, "dims", dims) == 0;
    json_decref(dims);
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

static bool put_values(json_t *root, const char *key, OnnxFile__Value *const *values, size_t count)
{
    json_t *list = json_array();
    bool good = list;
    for (size_t i = 0; good && i < count; i++)
        good = append(list, value_of(values[i]));
    good = good && json_object_set(root, key, list) == 0;
    json_decref(list);
    return good;
}

static bool describe(file *f, const OnnxFile__Model *m)
{
    json_t *opsets = json_array(), *nodes = json_array();
    const OnnxFile__Graph *g = m->graph;
    bool good = f->root && opsets && nodes && f->tensors;
    for (size_t i = 0; good && i < m->n_opset_import; i++) {
        const OnnxFile__Opset *o = m->opset_import[i];
        good =
            append(opsets, json_pack("[sI]", o->domain ? o->domain : "", (json_int_t)o->version));
    }
    for (size_t i = 0; good && i < g->n_initializer; i++) {
        json_t *number = add_tensor(f, g->initializer[i]);
        good = number;
        json_decref(number);
    }
    good = good && put(f->root, "initializers", json_integer((json_int_t)f->count));
    for (size_t i = 0; good && i < g->n_node; i++)
        good = append(nodes, node_of(f, g->node[i]));
    good = good && put_text(f->root, "producer", m->producer_name) &&
           put_text(f->root, "version", m->producer_version) &&
           put(f->root, "functions", json_integer((json_int_t)m->n_functions)) &&
           put(f->root, "sparse", json_integer((json_int_t)g->n_sparse_initializer)) &&
           json_object_set(f->root, "opsets", opsets) == 0 &&
           json_object_set(f->root, "nodes", nodes) == 0 &&
           json_object_set(f->root, "tensors", f->tensors) == 0 &&
           put_values(f->root, "inputs", g->input, g->n_input) &&
           put_values(f->root, "outputs", g->output, g->n_output);
    json_decref(opsets);
    json_decref(nodes);
    return good;
}

/* ---- all of it ---- */

/* As many tensors as there can be: initializers, and one an attribute. */
static size_t tensors_at_most(const OnnxFile__Graph *g)
{
    size_t count = g->n_initializer + 1;
    for (size_t i = 0; i < g->n_node; i++)
        count += g->node[i]->n_attribute;
    return count;
}

/* What this program says in a file that it wrote. */
static inv_status send_metadata(const file *f, const OnnxFile__Model *m)
{
    json_t *object = json_object();
    inv_status status = INV_OK;
    bool good = object;
    for (size_t i = 0; good && i < m->n_metadata_props; i++)
        good = put_text(object, m->metadata_props[i]->key ? m->metadata_props[i]->key : "",
                        m->metadata_props[i]->value);
    char *text =
        good && json_object_get(object, INV_OWN_MARK) ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text)
        status = inv_own_send_metadata(f->to, text, strlen(text));
    free(text);
    json_decref(object);
    return status;
}

static inv_status send_model(file *f, const OnnxFile__Model *m)
{
    const size_t room = tensors_at_most(m->graph);
    void *list = NULL, *files = NULL;
    char *text = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(room, sizeof *f->list, f->name, &list));
    INV_TRY(inv_calloc(room, sizeof *f->files, f->name, &files));
    f->list = list;
    f->files = files;
    f->root = json_object();
    f->tensors = json_array();
    if (!describe(f, m))
        INV_RAISE(damaged(f, "", "names that are no UTF-8, or attributes that are no numbers"));
    text = json_dumps(f->root, JSON_COMPACT);
    if (!text)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its graph", f->name);
    INV_TRY(inv_text_send("/", "graph", (const unsigned char *)text, strlen(text), f->to));
    INV_TRY(send_metadata(f, m));
    INV_TRY(inv_named_group(f->to, "/external", f->files, f->file_count));
    INV_TRY(inv_named_group(f->to, "/tensors", NULL, 0));
    for (size_t i = 0; i < f->count; i++)
        INV_TRY(send_tensor(f, i));
done:
    free(text);
    json_decref(f->root);
    json_decref(f->tensors);
    free(list);
    free(files);
    return status;
}

static inv_status send(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                       const inv_sink *to)
{
    file f = {.name = name, .array_max = array_max, .to = to};
    OnnxFile__Model *m = onnx_file__model__unpack(NULL, size, bytes);
    inv_status status = INV_OK;
    if (!m || !m->graph)
        status = damaged(&f, "", m ? "no graph is in it" : "it is no ONNX file, or is cut short");
    else
        status = send_model(&f, m);
    onnx_file__model__free_unpacked(m, NULL);
    return status;
}

/* The files that hold values of tensors. */
static inv_status beside(const inv_tree *tree, size_t i, char name[INV_TEXT_MAX], bool *found)
{
    const inv_tree_array *files = inv_tree_attribute(tree, "/external", INV_NAMED_ORDER);
    *found = files && files->kind == INV_VALUE_TEXTS && i < files->count;
    if (*found &&
        snprintf(name, INV_TEXT_MAX, "%s", ((char *const *)files->values)[i]) >= INV_TEXT_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: names a file of too long a name", inv_tree_name(tree));
    return INV_OK;
}

const inv_format inv_format_onnx = {.name = "onnx",
                                    .what = "ONNX",
                                    .endings = ".onnx",
                                    .probe = probe,
                                    .send = send,
                                    .beside = beside,
                                    .beside_is_bytes = true,
                                    .import = inv_onnx_import,
                                    .export = inv_onnx_export};
