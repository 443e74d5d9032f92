/* A net's layers as a run file has them, JSON, and a batch through it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "input.h"
#include "invproj/encode.h"
#include "invproj/net.h"

#define PARAMS_MAX ((size_t)1 << 16) /* enough for every kind of layer, little enough to be fast */
#define UNITS_MAX  ((size_t)1 << 16)
#define ROWS       2

static void pass_through(const inv_net *net)
{
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    const size_t depth = inv_net_depth(net);
    for (size_t p = 0; p <= depth; p++)
        if (inv_net_units(net, p) > UNITS_MAX)
            return;
    if (inv_mat_alloc(ROWS, inv_net_units(net, 0), "input", &x) == INV_OK &&
        inv_pass_alloc(net, 0, depth, ROWS, INV_PASS_FORWARD, &pass) == INV_OK)
        (void)inv_net_forward(net, pass, x);
    inv_pass_free(pass);
    inv_mat_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    inv_config *config = NULL;
    inv_net *net = NULL;
    char *text = input_text(data, size);
    if (inv_config_read_json("input", text, &config) == INV_OK &&
        inv_net_build_within(config, "", (inv_shape){6, 5, 1}, 0, PARAMS_MAX, &net) == INV_OK)
        pass_through(net);
    inv_net_free(net);
    inv_config_free(config);
    free(text);
    return 0;
}
