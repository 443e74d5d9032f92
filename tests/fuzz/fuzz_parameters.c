/* A file of named parameters, as PyTorch, safetensors, NumPy or ONNX write it: sent as a stream, taken into
 * a tree, and made a net by an architecture.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/hdf5.h"
#include "input.h"

static const char arch[] = "input: 2x7x6\n"
                           "conv: Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)\n"
                           "norm: BatchNorm2d(4, eps=0.001)\n"
                           "r1: ReLU()\n"
                           "same: Conv2d(4, 6, 3, padding=1, groups=2)\n"
                           "pool: MaxPool2d(2)\n"
                           "flat: Flatten()\n"
                           "fc1: Linear(24, 5)\n";

typedef struct stream {
    unsigned char *data;
    size_t size, room, at;
} stream;

static inv_status add_bytes(void *context, const void *from, size_t size)
{
    stream *s = context;
    if (s->size + size > s->room) {
        s->room = 2 * (s->size + size);
        s->data = realloc(s->data, s->room);
    }
    memcpy(s->data + s->size, from, size);
    s->size += size;
    return INV_OK;
}

static inv_status take_bytes(void *context, void *to, size_t size)
{
    stream *s = context;
    if (size > s->size - s->at)
        return INV_ERROR(INV_EIO, "no more");
    memcpy(to, s->data + s->at, size);
    s->at += size;
    return INV_OK;
}

static inv_status import(stream *s)
{
    const inv_import how = {.arch = arch, .arch_name = "arch"};
    inv_source source = {take_bytes, s, .left = s->size};
    inv_tree *tree = NULL;
    inv_model *model = NULL;
    inv_status status = inv_tree_alloc("fuzz", &tree);
    if (status == INV_OK)
        status = inv_tree_add(tree, "", &source);
    if (status == INV_OK)
        status = inv_model_import(tree, &how, &model);
    inv_model_free(model);
    inv_tree_free(tree);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"safetensors", "torch", "torch-old", "npz", "onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const inv_format *format = inv_format_find(names[i]);
        stream s = {0};
        const inv_sink sink = {add_bytes, &s};
        unsigned char *bytes = malloc(size + 1);
        memcpy(bytes, data, size);
        if (format->probe(bytes, size) && inv_stream_start(&sink, false, names[i]) == INV_OK &&
            format->send("fuzz", bytes, size, 1 << 24, &sink) == INV_OK &&
            inv_stream_end(&sink) == INV_OK)
            (void)import(&s);
        free(bytes);
        free(s.data);
    }
    return 0;
}
