/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/format.h"
#include "format/hdf5.h"

#define ARRAY_MAX ((uint64_t)1 << 24)
#define UNITS_MAX 4096

const char *input_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int file = -1;
    if (file < 0)
        file = memfd_create("input", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        abort(); /* nothing can be tried like that */
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

char *input_text(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    if (!text)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    return text;
}

static inv_status take(void *context, void *to, size_t size)
{
    input_rest *rest = context;
    if (size > rest->left)
        return INV_ERROR(INV_EIO, "no more");
    memcpy(to, rest->at, size);
    rest->at += size;
    rest->left -= size;
    return INV_OK;
}

inv_source input_source(input_rest *rest)
{
    return (inv_source){take, rest, rest->left, false};
}

/* ---- model files ---- */

static inv_status drop(void *context, const void *from, size_t size)
{
    (void)context, (void)from, (void)size;
    return INV_OK;
}

typedef struct sent {
    uint8_t *bytes;
    size_t size, room;
} sent;

static inv_status keep(void *context, const void *from, size_t size)
{
    sent *s = context;
    if (s->size + size > s->room) {
        s->room = 2 * (s->size + size);
        s->bytes = realloc(s->bytes, s->room);
        if (!s->bytes)
            abort();
    }
    memcpy(s->bytes + s->size, from, size);
    s->size += size;
    return INV_OK;
}

/* Whether it is such a file, and all of it has been sent. */
static bool send(const char *format, const uint8_t *data, size_t size, const inv_sink *to)
{
    const inv_format *f = inv_format_find(format);
    uint8_t *bytes = malloc(size + 1); /* a copy: formats may change what they are given */
    if (!bytes)
        abort();
    if (size > 0)
        memcpy(bytes, data, size);
    const bool whole = f->probe(bytes, size) && inv_stream_start(to, false, format) == INV_OK &&
                       f->send("fuzz", bytes, size, ARRAY_MAX, to) == INV_OK &&
                       inv_stream_end(to) == INV_OK;
    free(bytes);
    return whole;
}

void input_send(const char *format, const uint8_t *data, size_t size)
{
    const inv_sink to = {drop, NULL};
    (void)send(format, data, size, &to);
}

void input_import(const char *format, const uint8_t *data, size_t size, const char *arch)
{
    sent s = {0};
    const inv_sink to = {keep, &s};
    if (send(format, data, size, &to))
        input_model(s.bytes, s.size, arch);
    free(s.bytes);
}

/* An image of zeros through the net, where that is no large one. */
static void run_net(const inv_net *net)
{
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    if (inv_net_units(net, 0) > UNITS_MAX ||
        inv_pass_alloc(net, 0, inv_net_depth(net), 1, INV_PASS_FORWARD, &pass) != INV_OK)
        return;
    if (inv_mat_alloc(1, inv_net_units(net, 0), "x", &x) == INV_OK)
        (void)inv_net_forward(net, pass, x);
    inv_mat_free(x);
    inv_pass_free(pass);
}

void input_model(const uint8_t *stream, size_t size, const char *arch)
{
    const inv_import how = {.arch = arch, .arch_name = arch ? "arch" : NULL};
    input_rest rest = {stream, size};
    inv_source source = input_source(&rest);
    inv_tree *tree = NULL;
    inv_model *model = NULL;
    if (inv_tree_alloc("fuzz", &tree) == INV_OK && inv_tree_add(tree, "", &source) == INV_OK &&
        inv_model_import(tree, &how, &model) == INV_OK)
        run_net(model->net);
    inv_model_free(model);
    inv_tree_free(tree);
}
