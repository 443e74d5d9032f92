/* A Keras architecture, and behind its NUL any bytes as the stream of its weights that the process for
 * strangers' files could send: refused, or a model whose net can be run.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "invproj/model.h"

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static inv_status take(void *context, void *bytes, size_t size)
{
    input *in = context;
    if (size > in->left)
        return INV_ERROR(INV_EIO, "no more");
    memcpy(bytes, in->at, size);
    in->at += size;
    in->left -= size;
    return INV_OK;
}

static void run_net(const inv_model *model)
{
    const inv_net *net = model->net;
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    if (inv_net_units(net, 0) > 4096 ||
        inv_pass_alloc(net, 0, inv_net_depth(net), 1, INV_PASS_FORWARD, &pass) != INV_OK)
        return;
    if (inv_mat_alloc(1, inv_net_units(net, 0), "x", &x) == INV_OK)
        (void)inv_net_forward(net, pass, x);
    inv_mat_free(x);
    inv_pass_free(pass);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *arch = input_text(data, size);
    const size_t length = strlen(arch) + 1, rest = size > length ? size - length : 0;
    input in = {data + size - rest, rest};
    inv_source source = {take, &in, rest, false};
    const inv_import how = {.arch = arch, .arch_name = "arch"};
    inv_tree *tree = NULL;
    inv_model *model = NULL;
    if (inv_tree_alloc("fuzz", &tree) == INV_OK && inv_tree_add(tree, "", &source) == INV_OK &&
        inv_model_import(tree, &how, &model) == INV_OK)
        run_net(model);
    inv_model_free(model);
    inv_tree_free(tree);
    free(arch);
    return 0;
}
