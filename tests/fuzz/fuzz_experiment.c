/* The text of an experiment file, and the net that it describes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "input.h"
#include "invproj/experiment.h"
#include "invproj/net.h"

#define PARAMS_MAX ((size_t)1 << 20)

static void use(const inv_config *config)
{
    inv_experiment *experiment = NULL;
    inv_net *net = NULL;
    char *text = NULL;
    if (inv_config_text(config, &text) == INV_OK) {
        inv_config *again = NULL;
        if (inv_config_read_text("what was written", text, &again) != INV_OK)
            abort(); /* what the program writes it must read */
        inv_config_free(again);
    }
    free(text);
    if (inv_experiment_read(config, &experiment) == INV_OK)
        (void)inv_net_build_within(config, "network.layers", (inv_shape){6, 5, 1}, 3, PARAMS_MAX,
                                   &net);
    inv_net_free(net);
    inv_experiment_free(experiment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    inv_config *config = NULL;
    char *text = input_text(data, size);
    if (inv_config_read_text("input", text, &config) == INV_OK)
        use(config);
    inv_config_free(config);
    free(text);
    return 0;
}
