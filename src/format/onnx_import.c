/* ONNX graphs as nets (onnx_import.h): the input, the output, and the nodes between them, taken as the
 * output needs them, whatever order they stand in.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN = 1, DONE };

/* ---- the operators ---- */

static const onnx_operator *const families[] = {
    onnx_dense_operators, onnx_window_operators,      onnx_shape_operators,
    onnx_slice_operators, onnx_resize_operators,      onnx_reduce_operators,
    onnx_norm_operators,  onnx_elementwise_operators, NULL};

/* Of the domain ai.onnx.ml. */
static const onnx_operator *const ml_families[] = {onnx_sklearn_operators, NULL};

static const onnx_operator *find_operator(const char *op, bool ml)
{
    for (const onnx_operator *const *list = ml ? ml_families : families; *list; list++)
        for (const onnx_operator *o = *list; o->op; o++)
            if (strcmp(o->op, op) == 0)
                return o;
    return NULL;
}

/* Why an operator is not taken. */
static inv_status unknown(onnx_importing *im, const json_t *node)
{
    const char *op = inv_onnx_op(node);
    if (strncmp(op, "QLinear", 7) == 0 || strstr(op, "uantize") || strstr(op, "Integer"))
        return WRONG("a quantised net; export it before it is quantised");
    if (strcmp(op, "If") == 0 || strcmp(op, "Loop") == 0 || strcmp(op, "Scan") == 0)
        return WRONG("graphs within the graph are not known");
    return WRONG(
        "this operator is not known: a net here is of layers as dense, convolution, pooling");
}

/* ---- what nodes take ---- */

/* value, value_float, value_ints ... of a Constant. */
static inv_status read_constant(onnx_importing *im, const json_t *node, onnx_value *out)
{
    static const char *const keys[] = {"value_float", "value_int", "value_floats", "value_ints"};
    const json_t *number = json_object_get(inv_onnx_attribute(node, "value"), "tensor");
    double *values = NULL;
    out->is_known = true;
    if (number)
        return inv_onnx_tensor_at(&im->graph, im->sketch, (size_t)json_integer_value(number),
                                  &out->known);
    for (size_t i = 0; i < 4; i++) {
        const json_t *found = inv_onnx_attribute(node, keys[i]);
        const size_t count = json_is_array(found) ? json_array_size(found) : 1, axes = i / 2;
        if (!found)
            continue;
        if (axes == 0 && json_is_array(found))
            return WRONG("%s is a list", keys[i]);
        inv_status status =
            inv_onnx_make(im->sketch, &count, axes, i % 2 != 0, &values, &out->known);
        for (size_t k = 0; status == INV_OK && k < count; k++)
            values[k] = json_number_value(json_is_array(found) ? json_array_get(found, k) : found);
        return status;
    }
    return WRONG("of a kind that is not known");
}

/* What is known before any node is looked at: an initializer, or a Constant. */
inv_status onnx_constant_value(onnx_importing *im, const char *name, onnx_value *out)
{
    const json_t *number = json_object_get(im->graph.known, name);
    *out = (onnx_value){0};
    const json_t *maker = inv_onnx_maker(&im->graph, name);
    out->is_there = out->is_known =
        number || (maker && strcmp(inv_onnx_op(maker), "Constant") == 0);
    if (!out->is_there)
        return INV_OK;
    if (!number)
        return read_constant(im, maker, out);
    return inv_onnx_tensor_at(&im->graph, im->sketch, (size_t)json_integer_value(number),
                              &out->known);
}

/* The number of the node that makes a value; the number of nodes where none does. */
static size_t maker_of(const onnx_importing *im, const char *name)
{
    const json_t *number = json_object_get(im->graph.makers, name);
    return number ? (size_t)json_integer_value(number) : json_array_size(im->graph.nodes);
}

/* The output that is of use. */
static size_t main_output(const json_t *node)
{
    return strcmp(inv_onnx_op(node), "LinearClassifier") == 0;
}

static inv_status find_value(onnx_importing *im, const json_t *node, const char *name,
                             onnx_value *out)
{
    const size_t maker = maker_of(im, name);
    *out = (onnx_value){0};
    if (!*name)
        return INV_OK;
    if (strcmp(name, im->input) == 0) {
        *out = im->image;
        return INV_OK;
    }
    if (json_object_get(im->graph.known, name))
        return onnx_constant_value(im, name, out);
    if (maker == json_array_size(im->graph.nodes))
        return WRONG("takes '%.100s', which nothing makes", name);
    const json_t *from = json_array_get(im->graph.nodes, maker);
    if (strcmp(inv_onnx_output(from, main_output(from)), name) != 0)
        return inv_onnx_wrong(&im->graph, from, "its other output '%.100s' is not known", name);
    *out = im->values[maker];
    return INV_OK;
}

/* ---- nodes ---- */

static inv_status add_sizes(onnx_importing *im, const json_t *node, const onnx_value *in,
                            onnx_value *out)
{
    const size_t rank = in->is_known ? in->known.rank : in->rank;
    const size_t *dims = in->is_known ? in->known.dims : in->dims;
    const int64_t from = inv_onnx_whole(node, "start", 0),
                  to = inv_onnx_whole(node, "end", ONNX_RANK_MAX);
    const int64_t n = (int64_t)rank;
    int64_t start = from < 0 ? from + n : from, end = to < 0 ? to + n : to;
    double *values = NULL;
    start = start < 0 ? 0 : start > n ? n : start;
    end = end < start ? start : end > n ? n : end;
    const size_t count = (size_t)(end - start);
    out->is_known = true;
    inv_status status = inv_onnx_make(im->sketch, &count, 1, true, &values, &out->known);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        values[i] = (double)dims[(size_t)start + i];
    return status;
}

static inv_status fold(onnx_importing *im, const json_t *node, const onnx_value *in, size_t count,
                       onnx_value *out)
{
    inv_onnx_tensor tensors[ONNX_INPUTS_MAX];
    for (size_t i = 0; i < count; i++)
        tensors[i] = in[i].known;
    out->is_known = true;
    return inv_onnx_fold(&im->graph, im->sketch, node, tensors, count, &out->known);
}

static bool has_graph(const json_t *node)
{
    const char *name = NULL;
    json_t *attribute = NULL;
    json_object_foreach(json_object_get(node, "attributes"), name, attribute)
    {
        if (json_object_get(attribute, "graph"))
            return true;
    }
    return false;
}

static inv_status add_known(onnx_importing *im, const json_t *node, const onnx_value *in,
                            size_t count, onnx_value *out, bool *done)
{
    const char *op = inv_onnx_op(node);
    bool all = count > 0;
    *done = true;
    if (strcmp(op, "Constant") == 0)
        return read_constant(im, node, out);
    if (strcmp(op, "Shape") == 0 && count == 1)
        return add_sizes(im, node, &in[0], out);
    for (size_t i = 0; i < count; i++)
        all = all && (in[i].is_known || !in[i].is_there);
    if (all && inv_onnx_folds(op))
        return fold(im, node, in, count, out);
    *done = false;
    return INV_OK;
}

static inv_status add_node(onnx_importing *im, size_t number)
{
    const json_t *node = json_array_get(im->graph.nodes, number);
    const char *domain = json_string_value(json_object_get(node, "domain"));
    const bool ml = domain && strcmp(domain, "ai.onnx.ml") == 0;
    const size_t count = inv_onnx_input_count(node);
    onnx_value in[ONNX_INPUTS_MAX], *out = &im->values[number];
    bool done = false;
    if (domain && *domain && !ml && strcmp(domain, "ai.onnx") != 0)
        return WRONG("an operator of the domain %.60s is not known", domain);
    if ((ml ? im->graph.ml_opset : im->graph.opset) < 1)
        return WRONG("the file does not say of which opset it is, as if it were cut short");
    if (has_graph(node) || count > ONNX_INPUTS_MAX)
        return count > ONNX_INPUTS_MAX ? WRONG("has more than %d inputs", ONNX_INPUTS_MAX)
                                       : WRONG("graphs within the graph are not known");
    for (size_t i = 0; i < count; i++) {
        inv_status status = find_value(im, node, inv_onnx_input(node, i), &in[i]);
        if (status != INV_OK)
            return status;
    }
    inv_status status = ml ? INV_OK : add_known(im, node, in, count, out, &done);
    out->is_there = true;
    if (status != INV_OK || done)
        return status;
    const onnx_operator *type = find_operator(inv_onnx_op(node), ml);
    if (!type)
        return unknown(im, node);
    if (count == 0 || !in[0].is_there || (count == 1 && in[0].is_known))
        return WRONG("has no input");
    if (in[0].is_known && !type->takes_constant)
        return WRONG("of a constant is not known");
    status = inv_onnx_check_attributes(&im->graph, node, type->attributes);
    if (status != INV_OK)
        return status;
    status = type->add(im, node, in, count, out);
    out->is_there = true;
    if (json_integer_value(
            json_object_get(im->graph.uses, inv_onnx_output(node, main_output(node)))) > 1)
        out->bias = NULL;
    return status;
}

/* The next node that must be there before this one; the number of nodes where all are. */
static inv_status find_missing(onnx_importing *im, size_t number, size_t *out)
{
    const json_t *node = json_array_get(im->graph.nodes, number);
    const size_t none = json_array_size(im->graph.nodes);
    *out = none;
    for (size_t i = 0; i < inv_onnx_input_count(node); i++) {
        const char *name = inv_onnx_input(node, i);
        const size_t maker = *name ? maker_of(im, name) : none;
        if (maker == none || im->states[maker] == DONE)
            continue;
        if (im->states[maker] == OPEN)
            return WRONG("takes what comes of itself");
        *out = maker;
        return INV_OK;
    }
    return INV_OK;
}

/* What fails below the nodes does not know of which it is. */
static inv_status add_told(onnx_importing *im, size_t number)
{
    const json_t *node = json_array_get(im->graph.nodes, number);
    const char *file = inv_tree_name(im->graph.tree), *why = inv_error_message();
    inv_status status = add_node(im, number);
    if (status == INV_OK || strncmp(why, file, strlen(file)) == 0)
        return status;
    (void)WRONG("%s", why);
    return status;
}

/* All nodes that the last one needs, each behind those that it needs; where they are but counted, to
 * find those that need themselves. `stack` has room for all. */
static inv_status walk_nodes(onnx_importing *im, size_t last, bool counts, size_t *stack)
{
    const size_t none = json_array_size(im->graph.nodes);
    size_t depth = 0, missing = 0;
    inv_status status = INV_OK;
    stack[depth++] = last;
    while (depth > 0) {
        const size_t number = stack[depth - 1];
        if (!counts && im->states[number] == 0)
            INV_TRY(onnx_simplify(im, json_array_get(im->graph.nodes, number)));
        im->states[number] = OPEN;
        INV_TRY(find_missing(im, number, &missing));
        if (missing != none) {
            stack[depth++] = missing;
            continue;
        }
        if (!counts)
            INV_TRY(add_told(im, number));
        im->states[number] = DONE;
        depth--;
    }
done:
    return status;
}

static inv_status add_nodes(onnx_importing *im, size_t last)
{
    const size_t count = json_array_size(im->graph.nodes);
    void *stack = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(count, sizeof(size_t), "nodes", &stack));
    for (size_t i = 0; i < count; i++)
        if (im->states[i] != DONE)
            INV_TRY(walk_nodes(im, i, true, stack));
    memset(im->states, 0, count);
    INV_TRY(walk_nodes(im, last, false, stack));
done:
    free(stack);
    return status;
}

/* ---- the input ---- */

/* The only one that is no initializer. */
static inv_status find_input(onnx_importing *im, const json_t **out)
{
    const char *file = inv_tree_name(im->graph.tree);
    char names[256] = "";
    size_t i = 0, found = 0;
    json_t *input;
    json_array_foreach(json_object_get(im->graph.root, "inputs"), i, input)
    {
        const char *name = json_string_value(json_object_get(input, "name"));
        if (!name || json_object_get(im->graph.known, name))
            continue;
        if (found++ == 0)
            *out = input;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.60s",
                 found > 1 ? ", " : "", name);
    }
    if (found == 1)
        return INV_OK;
    if (found == 0)
        return INV_ERROR(INV_EFORMAT, "%s: its graph has no input", file);
    return INV_ERROR(INV_EFORMAT, "%s: takes %zu inputs (%s); a net here takes one image", file,
                     found, names);
}

static bool is_few(size_t channels)
{
    return channels >= 1 && channels <= 4;
}

/* Whether a node that takes the input says that channels come last: one that turns them to the front. */
static bool is_turned_first(const onnx_importing *im)
{
    size_t i = 0;
    json_t *node;
    json_array_foreach(im->graph.nodes, i, node)
    {
        if (strcmp(inv_onnx_op(node), "Transpose") == 0 &&
            strcmp(inv_onnx_input(node, 0), im->input) == 0)
            return inv_onnx_whole_at(node, "perm", 1, 0) == 3;
    }
    return false;
}

static bool channels_are_last(const onnx_importing *im, const inv_import *how, const size_t d[3])
{
    if (how->channels_first || is_few(d[0]) != is_few(d[2]))
        return !how->channels_first && !is_few(d[0]);
    return is_turned_first(im);
}

/* The sizes of one image in the file, without the batch. */
static void describe(onnx_importing *im, const inv_import *how, const size_t *d, size_t rank)
{
    inv_model *model = im->model;
    onnx_value *v = &im->image;
    size_t size = 1;
    for (size_t i = 0; i < rank; i++)
        size *= d[i];
    const size_t side = (size_t)lround(sqrt((double)size));
    memcpy(v->order, onnx_axes_here, sizeof v->order);
    if (rank == 3 && !channels_are_last(im, how, d)) {
        v->place.shape = (inv_shape){d[1], d[2], d[0]};
        memcpy(v->order, "chw", sizeof v->order);
        model->channels_first = true;
    } else if (rank == 3)
        v->place.shape = (inv_shape){d[0], d[1], d[2]};
    else if (rank == 2)
        v->place.shape = (inv_shape){d[0], d[1], 1};
    else
        v->place.shape = side * side == size ? (inv_shape){side, side, 1} : (inv_shape){1, 1, size};
    model->input_rank = rank;
    memcpy(model->input_dims, d, rank * sizeof *d);
}

/* Whether the first size is that of the batch: it is, but in files that were made for one image. */
static bool has_batch(const json_t *dims)
{
    const size_t rank = json_array_size(dims);
    const json_int_t first = json_integer_value(json_array_get(dims, 0));
    if (rank == 4 || !json_is_integer(json_array_get(dims, 0)))
        return true;
    if (rank == 2)
        return first != json_integer_value(json_array_get(dims, 1)) || first == 1;
    return rank == 3 && !is_few((size_t)first) &&
           !is_few((size_t)json_integer_value(json_array_get(dims, 2)));
}

/* Of a size that the file leaves open, what --input says: channels stand last where that size is a few,
 * else first. */
static size_t given_size(const inv_import *how, const json_t *dims, size_t i)
{
    const size_t rank = json_array_size(dims), axis = i + how->input_rank - rank;
    const json_int_t last = json_integer_value(json_array_get(dims, rank - 1));
    const bool first = how->input_rank == 3 && !(last > 0 && is_few((size_t)last));
    return how->input_dims[first ? (axis + 2) % 3 : axis];
}

static inv_status read_input(onnx_importing *im, const inv_import *how)
{
    const char *file = inv_tree_name(im->graph.tree);
    const json_t *input = NULL;
    size_t d[4], rank = 0;
    inv_status status = find_input(im, &input);
    if (status != INV_OK)
        return status;
    const json_t *dims = json_object_get(input, "dims");
    onnx_value *v = &im->image;
    im->input = json_string_value(json_object_get(input, "name"));
    v->rank = json_array_size(dims);
    if (v->rank == 0 || v->rank > 4)
        return INV_ERROR(INV_EFORMAT, "%s: its input '%.60s' is no image: %zu sizes", file,
                         im->input, v->rank);
    const bool batch = has_batch(dims);
    for (size_t i = 0; i < v->rank; i++) {
        json_int_t n = json_integer_value(json_array_get(dims, i));
        if (n < 1 && i + how->input_rank >= v->rank && (i > 0 || !batch))
            n = (json_int_t)given_size(how, dims, i);
        if ((n < 1 || n > 1 << 24) && !(i == 0 && batch && n < 1))
            return INV_ERROR(INV_EFORMAT,
                             "%s: size %zu of its input '%.60s' is not fixed, or too large; say it "
                             "with --input, as 28x28x1",
                             file, i + 1, im->input);
        v->dims[i] = n < 1 ? 1 : (size_t)n;
        if (i > 0 || !batch)
            d[rank++] = v->dims[i];
    }
    im->batch = batch ? v->dims[0] : 1;
    v->batch = batch && json_integer_value(json_array_get(dims, 0)) != 1 ? 0 : ONNX_NO_BATCH;
    if (batch)
        v->dims[0] = 1;
    if (rank == 0)
        d[rank++] = 1;
    v->is_there = true;
    describe(im, how, d, rank);
    if (inv_shape_size(v->place.shape) > (size_t)1 << 24)
        return INV_ERROR(INV_EFORMAT, "%s: images of more than %d values", file, 1 << 24);
    v->place = inv_sketch_input(im->sketch, v->place.shape);
    return INV_OK;
}

/* ---- the output ---- */

/* A classifier's label: whole numbers or texts. */
static bool is_label(const json_t *output)
{
    const json_int_t type = json_integer_value(json_object_get(output, "type"));
    return type == 6 || type == 7 || type == 8;
}

/* Where all that comes out is the number of the class, what it is the largest of. */
static bool find_argmax(onnx_importing *im, size_t *out)
{
    const json_t *output = json_array_get(json_object_get(im->graph.root, "outputs"), 0);
    const char *name = json_string_value(json_object_get(output, "name"));
    const json_t *node = name ? inv_onnx_maker(&im->graph, name) : NULL;
    while (node &&
           (strcmp(inv_onnx_op(node), "Cast") == 0 || strcmp(inv_onnx_op(node), "Squeeze") == 0))
        node = inv_onnx_maker(&im->graph, inv_onnx_input(node, 0));
    if (!node || strcmp(inv_onnx_op(node), "ArgMax") != 0)
        return false;
    *out = maker_of(im, inv_onnx_input(node, 0));
    if (*out == json_array_size(im->graph.nodes))
        return false;
    inv_model_note(im->model, "the file gives the number of the class alone (ArgMax); its outputs "
                              "here are what that is the largest of");
    return true;
}

/* The only output but labels and what others are made of. */
static inv_status find_output(onnx_importing *im, size_t *out)
{
    const char *file = inv_tree_name(im->graph.tree);
    char names[256] = "";
    size_t i = 0, found = 0, no_labels = 0;
    json_t *output;
    json_array_foreach(json_object_get(im->graph.root, "outputs"), i, output)
    {
        no_labels += !is_label(output);
    }
    json_array_foreach(json_object_get(im->graph.root, "outputs"), i, output)
    {
        const char *name = json_string_value(json_object_get(output, "name"));
        const size_t maker = name ? maker_of(im, name) : json_array_size(im->graph.nodes);
        if (!name || is_label(output) || (found && maker == *out))
            continue;
        if (json_object_get(im->graph.uses, name) && no_labels > 1 &&
            json_array_get(im->graph.nodes, maker))
            continue; /* another is made of it */
        if (maker == json_array_size(im->graph.nodes))
            return INV_ERROR(INV_EFORMAT, "%s: its output '%.60s' is made by no node", file, name);
        *out = maker;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.60s",
                 found++ ? ", " : "", name);
    }
    if (found == 1 || (found == 0 && find_argmax(im, out)))
        return INV_OK;
    return found ? INV_ERROR(INV_EFORMAT, "%s: gives %zu outputs (%s); a net here has one", file,
                             found, names)
                 : INV_ERROR(INV_EFORMAT, "%s: its graph has no output of numbers", file);
}

static inv_status check_graph(const onnx_importing *im)
{
    const json_t *root = im->graph.root;
    const char *file = inv_tree_name(im->graph.tree);
    if (json_integer_value(json_object_get(root, "functions")) > 0)
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds functions of its own, which are not known; export it with "
                         "them put in place",
                         file);
    if (json_integer_value(json_object_get(root, "sparse")) > 0)
        return INV_ERROR(INV_EFORMAT, "%s: holds sparse tensors, which are not known", file);
    return INV_OK;
}

inv_status inv_onnx_import(const inv_tree *tree, const inv_import *how, inv_model *model,
                           inv_sketch *sketch)
{
    onnx_importing im = {.model = model, .sketch = sketch};
    void *values = NULL, *states = NULL;
    size_t last = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_onnx_open(tree, &im.graph));
    INV_TRY(onnx_part_outputs(&im));
    const size_t count = json_array_size(im.graph.nodes);
    INV_TRY(check_graph(&im));
    INV_TRY(read_input(&im, how));
    INV_TRY(find_output(&im, &last));
    INV_TRY(inv_calloc(count, sizeof *im.values, "nodes", &values));
    INV_TRY(inv_calloc(count, sizeof *im.states, "nodes", &states));
    im.values = values;
    im.states = states;
    INV_TRY(add_nodes(&im, last));
    onnx_value *end = &im.values[last];
    const json_t *node = json_array_get(im.graph.nodes, last);
    if (end->is_known)
        INV_RAISE(inv_onnx_wrong(&im.graph, node, "gives the same whatever the image"));
    INV_TRY(onnx_as_vector(&im, node, end));
    const char *producer = json_string_value(json_object_get(im.graph.root, "producer"));
    const char *version = json_string_value(json_object_get(im.graph.root, "version"));
    snprintf(model->version, sizeof model->version, "%.40s%s%.20s", producer ? producer : "",
             version && *version ? " " : "", version ? version : "");
    INV_TRY(inv_sketch_build(sketch, &end->place, &model->net));
    if (model->class_count == 0)
        onnx_find_class_names(&im, inv_net_units(model->net, inv_net_depth(model->net)));
done:
    free(values);
    free(states);
    inv_onnx_close(&im.graph);
    return status;
}
