/* Nets as ONNX graphs (onnx.h): opset 20, which LayerNormalization, Gelu and Mish have come into by
 * then. Images are batch x channels x height x width there; parameters are PyTorch's (exporting.h), and
 * the first dense layer behind a flattened image takes its values with channels first, so that nothing
 * is turned about. A layer is one node of its name or, where no operator does what it does, several, the
 * last of its name; what it gives is called as the net's point.
 * Source of each operator: the ONNX specification, opset 20.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "format/onnx_writer.h"

#define OPSET      20
#define IR_VERSION 9
#define BYTES_MAX  ((size_t)2000000000) /* of a protobuf message */

static void enter(writer *w, size_t i)
{
    w->nodes_before = w->graph.n_node;
    w->layer = inv_net_layer(w->e.net, i);
    w->stem = w->e.names[i];
    w->steps = 0;
}

/* The last node of a layer has its name, and gives what the net calls its point. */
static size_t leave(writer *w, size_t i, inv_spot *out)
{
    (void)i;
    if (onnx_good(w) && w->graph.n_node > w->nodes_before) {
        OnnxFile__Node *node = w->graph.node[w->graph.n_node - 1];
        node->name = (char *)w->stem;
        node->output[0] = (char *)w->layer->name;
        out->text = w->layer->name;
    }
    return 1;
}

/* ---- the whole ---- */

static OnnxFile__Value *value_of(writer *w, const char *name, inv_shape s, bool is_image)
{
    const size_t sizes[3] = {s.channels, s.height, s.width}, rank = is_image ? 4 : 2;
    OnnxFile__Value *v = inv_exporting_keep(&w->e, 1, sizeof *v);
    OnnxFile__Type *type = inv_exporting_keep(&w->e, 1, sizeof *type);
    OnnxFile__TensorType *tensor = inv_exporting_keep(&w->e, 1, sizeof *tensor);
    OnnxFile__Shape *shape = inv_exporting_keep(&w->e, 1, sizeof *shape);
    OnnxFile__Dimension **list = inv_exporting_keep(&w->e, rank, sizeof *list);
    OnnxFile__Dimension *dims = inv_exporting_keep(&w->e, rank, sizeof *dims);
    if (!v || !type || !tensor || !shape || !list || !dims)
        return NULL;
    onnx_file__value__init(v);
    onnx_file__type__init(type);
    onnx_file__tensor_type__init(tensor);
    onnx_file__shape__init(shape);
    for (size_t i = 0; i < rank; i++) {
        onnx_file__dimension__init(list[i] = &dims[i]);
        dims[i].dim_param = i ? NULL : (char *)"batch";
        dims[i].has_dim_value = i > 0;
        dims[i].dim_value = i ? (int64_t)sizes[i - 1] : 0;
    }
    v->name = (char *)name;
    v->type = type;
    type->tensor_type = tensor;
    tensor->elem_type = ONNX_FLOAT;
    tensor->has_elem_type = 1;
    tensor->shape = shape;
    shape->n_dim = rank;
    shape->dim = list;
    return v;
}

/* Classes come as rows; so does what nothing was done to. */
static void write_end(writer *w, inv_spot *s, inv_shape shape)
{
    const size_t before = w->graph.n_node;
    if ((inv_exporting_is_row(shape) && s->is_image) || s->order.channels)
        *s = onnx_row(w, *s, shape, false);
    else if (before == 0)
        s->text = onnx_apply1(w, "Identity", s->text);
}

static void write_metadata(writer *w, OnnxFile__Model *model)
{
    OnnxFile__Entry **list =
        inv_exporting_keep(&w->e, json_object_size(w->e.metadata), sizeof *list);
    const char *key;
    json_t *value;
    json_object_foreach(w->e.metadata, key, value)
    {
        OnnxFile__Entry *entry = inv_exporting_keep(&w->e, 1, sizeof *entry);
        if (!entry || !list)
            return;
        onnx_file__entry__init(entry);
        entry->key = (char *)key;
        entry->value = (char *)json_string_value(value);
        list[model->n_metadata_props++] = entry;
    }
    model->metadata_props = list;
}

static inv_status pack(writer *w, OnnxFile__Model *model)
{
    OnnxFile__Opset *opset = inv_exporting_keep(&w->e, 1, sizeof *opset);
    OnnxFile__Opset **opsets = inv_exporting_keep(&w->e, 1, sizeof *opsets);
    void *memory = NULL;
    if (!opset || !opsets)
        return w->e.status;
    onnx_file__opset__init(opset);
    opset->domain = (char *)"";
    opset->version = OPSET;
    opset->has_version = 1;
    *opsets = opset;
    model->ir_version = IR_VERSION;
    model->has_ir_version = 1;
    model->producer_name = (char *)"invproj";
    model->graph = &w->graph;
    model->opset_import = opsets;
    model->n_opset_import = 1;
    write_metadata(w, model);
    if (!onnx_good(w))
        return w->e.status;
    const size_t size = onnx_file__model__get_packed_size(model);
    if (size > BYTES_MAX)
        return INV_ERROR(INV_EFORMAT,
                         "%s: %zu bytes as ONNX; one file holds no more than %zu: take safetensors",
                         w->e.what->file, size, BYTES_MAX);
    inv_status status = inv_calloc(size, 1, w->e.what->file, &memory);
    if (status != INV_OK)
        return status;
    w->e.out->bytes = memory;
    w->e.out->size = onnx_file__model__pack(model, memory);
    return INV_OK;
}

static void write_net(writer *w)
{
    static const inv_writing how = {onnx_rows, enter, leave};
    const size_t depth = inv_net_depth(w->e.net);
    const inv_shape in = inv_net_shape(w->e.net, 0), out = inv_net_shape(w->e.net, depth);
    OnnxFile__Value **ends = inv_exporting_keep(&w->e, 2, sizeof *ends);
    if (!ends)
        return;
    inv_spot last = inv_exporting_layers(
        &w->e, &how, w, (inv_spot){.text = "input", .is_image = !inv_exporting_is_row(in)});
    if (!onnx_good(w))
        return;
    write_end(w, &last, out);
    ends[0] = value_of(w, "input", in, !inv_exporting_is_row(in));
    ends[1] = value_of(w, last.text, out, last.is_image);
    w->graph.input = ends;
    w->graph.output = ends + 1;
    w->graph.n_input = w->graph.n_output = 1;
    w->graph.name = (char *)"net";
}

inv_status inv_onnx_export(const inv_export *what, inv_exported *out)
{
    writer w = {0};
    OnnxFile__Model model = ONNX_FILE__MODEL__INIT;
    onnx_file__graph__init(&w.graph);
    inv_status status = inv_exporting_open(what, "batch, channels, height, width", out, &w.e);
    if (status == INV_OK)
        write_net(&w);
    status = w.e.status;
    if (status == INV_OK)
        status = pack(&w, &model);
    inv_exporting_close(&w.e);
    return status;
}
