/* What an ONNX graph says, as the stream tells it (onnx.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"
#include "format/words.h"

static inv_status bad_graph(const inv_onnx_graph *g)
{
    return INV_ERROR(INV_EFORMAT, "%s: its graph does not hold together", inv_tree_name(g->tree));
}

/* ---- nodes ---- */

inv_status inv_onnx_wrong(const inv_onnx_graph *graph, const json_t *node, const char *format, ...)
{
    char why[512];
    const char *name = json_string_value(json_object_get(node, "name"));
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    for (size_t i = 0; (!name || !*name) && i < 4; i++)
        name = inv_onnx_output(node, i);
    return INV_ERROR(INV_EFORMAT, "%s: node '%.100s' (%.60s): %s", inv_tree_name(graph->tree), name,
                     inv_onnx_op(node), why);
}

static const char *text(const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) : "";
}

const char *inv_onnx_op(const json_t *node)
{
    return text(json_object_get(node, "op"));
}

const char *inv_onnx_input(const json_t *node, size_t i)
{
    return text(json_array_get(json_object_get(node, "in"), i));
}

const char *inv_onnx_output(const json_t *node, size_t i)
{
    return text(json_array_get(json_object_get(node, "out"), i));
}

size_t inv_onnx_input_count(const json_t *node)
{
    return json_array_size(json_object_get(node, "in"));
}

json_t *inv_onnx_maker(const inv_onnx_graph *graph, const char *value)
{
    const json_t *number = json_object_get(graph->makers, value);
    return number ? json_array_get(graph->nodes, (size_t)json_integer_value(number)) : NULL;
}

const json_t *inv_onnx_attribute(const json_t *node, const char *name)
{
    return json_object_get(json_object_get(node, "attributes"), name);
}

double inv_onnx_number(const json_t *node, const char *name, double usual)
{
    const json_t *value = inv_onnx_attribute(node, name);
    return json_is_number(value) ? json_number_value(value) : usual;
}

int64_t inv_onnx_whole(const json_t *node, const char *name, int64_t usual)
{
    const json_t *value = inv_onnx_attribute(node, name);
    return json_is_integer(value) ? json_integer_value(value) : usual;
}

const char *inv_onnx_text(const json_t *node, const char *name, const char *usual)
{
    const json_t *value = inv_onnx_attribute(node, name);
    return json_is_string(value) ? json_string_value(value) : usual;
}

int64_t inv_onnx_whole_at(const json_t *node, const char *name, size_t i, int64_t usual)
{
    const json_t *value = json_array_get(inv_onnx_attribute(node, name), i);
    return json_is_integer(value) ? json_integer_value(value) : usual;
}

/* The oldest opsets give all operators one that changes nothing. */
inv_status inv_onnx_check_attributes(const inv_onnx_graph *graph, const json_t *node,
                                     const char *known)
{
    const char *name = NULL;
    json_t *attribute = NULL;
    json_object_foreach(json_object_get(node, "attributes"), name, attribute)
    {
        if (strcmp(name, "consumed_inputs") != 0 && inv_word_place(known, name) == SIZE_MAX)
            return inv_onnx_wrong(graph, node, "its attribute %.40s is not known", name);
    }
    return INV_OK;
}

/* ---- the graph ---- */

static bool is_standard(const char *domain)
{
    return !*domain || strcmp(domain, "ai.onnx") == 0;
}

/* A file may say one domain twice: the newest counts. */
static void read_opsets(inv_onnx_graph *g)
{
    size_t i = 0;
    json_t *opset;
    json_array_foreach(json_object_get(g->root, "opsets"), i, opset)
    {
        const char *domain = text(json_array_get(opset, 0));
        const int64_t version = json_integer_value(json_array_get(opset, 1));
        if (is_standard(domain) && version > g->opset)
            g->opset = version;
        if (strcmp(domain, "ai.onnx.ml") == 0)
            g->ml_opset = version;
    }
}

static bool is_input(const inv_onnx_graph *g, const char *name)
{
    size_t i = 0;
    json_t *input;
    json_array_foreach(json_object_get(g->root, "inputs"), i, input)
    {
        if (!json_object_get(g->known, text(json_object_get(input, "name"))) &&
            strcmp(text(json_object_get(input, "name")), name) == 0)
            return true;
    }
    return false;
}

static inv_status index_nodes(inv_onnx_graph *g)
{
    size_t i = 0, k = 0;
    json_t *node, *name;
    json_array_foreach(g->nodes, i, node)
    {
        json_array_foreach(json_object_get(node, "out"), k, name)
        {
            if (!*text(name))
                continue;
            if (json_object_get(g->makers, text(name)))
                return inv_onnx_wrong(g, node, "makes '%.100s', which another node makes too",
                                      text(name));
            if (json_object_get(g->known, text(name)) || is_input(g, text(name)))
                return inv_onnx_wrong(g, node, "makes '%.100s', which is %s", text(name),
                                      json_object_get(g->known, text(name))
                                          ? "a constant of the file"
                                          : "the graph's input");
            if (json_object_set_new(g->makers, text(name), json_integer((json_int_t)i)) != 0)
                return bad_graph(g);
        }
        json_array_foreach(json_object_get(node, "in"), k, name)
        {
            const json_int_t uses = json_integer_value(json_object_get(g->uses, text(name)));
            if (json_object_set_new(g->uses, text(name), json_integer(uses + 1)) != 0)
                return bad_graph(g);
        }
    }
    return INV_OK;
}

static inv_status index_initializers(inv_onnx_graph *g)
{
    const size_t count = (size_t)json_integer_value(json_object_get(g->root, "initializers"));
    for (size_t i = 0; i < count; i++) {
        const char *name = text(json_object_get(json_array_get(g->tensors, i), "name"));
        if (json_object_get(g->known, name))
            return INV_ERROR(INV_EFORMAT, "%s: two tensors are named '%.100s'",
                             inv_tree_name(g->tree), name);
        if (json_object_set_new(g->known, name, json_integer((json_int_t)i)) != 0)
            return bad_graph(g);
    }
    return INV_OK;
}

inv_status inv_onnx_open(const inv_tree *tree, inv_onnx_graph *out)
{
    char *json = NULL;
    json_error_t error;
    inv_status status = INV_OK;
    *out = (inv_onnx_graph){.tree = tree};
    INV_TRY(inv_tree_text(tree, "/", "graph", 0, &json));
    out->root = json ? json_loads(json, 0, &error) : NULL;
    out->nodes = json_object_get(out->root, "nodes");
    out->tensors = json_object_get(out->root, "tensors");
    out->makers = json_object();
    out->uses = json_object();
    out->known = json_object();
    if (!json_is_array(out->nodes) || !json_is_array(out->tensors) || !out->makers || !out->uses ||
        !out->known)
        INV_RAISE(bad_graph(out));
    read_opsets(out);
    INV_TRY(index_initializers(out));
    INV_TRY(index_nodes(out));
done:
    free(json);
    return status;
}

void inv_onnx_close(inv_onnx_graph *graph)
{
    json_decref(graph->root);
    json_decref(graph->makers);
    json_decref(graph->uses);
    json_decref(graph->known);
}

/* ---- tensors ---- */

/* The array of values that lie in another file. */
static inv_status read_external(const inv_onnx_graph *g, inv_sketch *sketch, const json_t *entry,
                                const inv_onnx_tensor *tensor, const inv_tree_array **out)
{
    const char *file = text(json_object_get(entry, "file"));
    const json_t *length = json_object_get(entry, "length");
    const int64_t offset = json_integer_value(json_object_get(entry, "offset"));
    char path[INV_TEXT_MAX + 16];
    void *memory = NULL;
    inv_tree_array array = {.rank = tensor->rank, .count = 1};
    uint8_t kind = 0;
    uint32_t size = 0;
    snprintf(path, sizeof path, "/%s/bytes", file);
    const inv_tree_array *bytes = inv_tree_find(g->tree, path);
    *out = NULL;
    if (!inv_onnx_type(json_integer_value(json_object_get(entry, "type")), &kind, &size))
        return INV_OK;
    array.kind = (char)kind;
    array.size = size;
    for (size_t i = 0; i < tensor->rank; i++) {
        array.dims[i] = tensor->dims[i];
        array.count *= tensor->dims[i];
    }
    const size_t wanted = array.count * size;
    if (!bytes || bytes->size != 1 || offset < 0 || (uint64_t)offset > bytes->count ||
        wanted > bytes->count - (size_t)offset ||
        (length && json_integer_value(length) != (json_int_t)wanted))
        return INV_ERROR(
            INV_EFORMAT, "%s: tensor '%.100s' lies in %.200s where that does not reach",
            inv_tree_name(g->tree), text(json_object_get(entry, "name")), *file ? file : "no file");
    array.values = (const unsigned char *)bytes->values + offset;
    inv_status status = inv_sketch_keep(sketch, 1, sizeof array, &memory);
    if (status == INV_OK)
        memcpy(memory, &array, sizeof array);
    *out = memory;
    return status;
}

inv_status inv_onnx_tensor_at(const inv_onnx_graph *graph, inv_sketch *sketch, size_t i,
                              inv_onnx_tensor *out)
{
    const json_t *entry = json_array_get(graph->tensors, i);
    const json_t *dims = json_object_get(entry, "dims");
    char path[64];
    size_t count = 1;
    inv_status status = INV_OK;
    *out = (inv_onnx_tensor){.rank = json_array_size(dims)};
    if (!entry || out->rank > INV_ONNX_RANK_MAX)
        return bad_graph(graph);
    for (size_t k = 0; k < out->rank; k++) {
        const json_int_t n = json_integer_value(json_array_get(dims, k));
        if (n < 0 || __builtin_mul_overflow(count, (size_t)n, &count) || count > SIZE_MAX / 16)
            return bad_graph(graph);
        out->dims[k] = (size_t)n;
    }
    snprintf(path, sizeof path, "/tensors/%zu", i);
    if (json_object_get(entry, "file"))
        status = read_external(graph, sketch, entry, out, &out->array);
    else
        out->array = inv_tree_find(graph->tree, path);
    if (status != INV_OK)
        return status;
    if (!out->array)
        return INV_ERROR(INV_EFORMAT,
                         "%s: tensor '%.100s' is of a kind that is not read (ONNX's type %lld)",
                         inv_tree_name(graph->tree), text(json_object_get(entry, "name")),
                         (long long)json_integer_value(json_object_get(entry, "type")));
    out->is_whole = out->array->kind == INV_VALUE_SIGNED || out->array->kind == INV_VALUE_UNSIGNED;
    return out->array->count == count ? INV_OK : bad_graph(graph);
}
