/* Any bytes, as the stream that the process for strangers' files could send: refused, or a run that
 * can be looked through.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include <hdf5.h>

#include "input.h"
#include "invproj/run.h"
#include "invproj/stream.h"

/* What commands do first with a run: its net is asked for. */
static void look_through(inv_run *run)
{
    inv_net *net = NULL;
    char names[8][INV_NAME_MAX];
    char *text = NULL;
    (void)inv_run_groups(run, "/inverse", names, 8);
    if (inv_run_text(run, "/", "experiment", &text) == INV_OK)
        free(text);
    if (inv_run_get_net(run, "/network", (inv_shape){2, 2, 1}, &net) == INV_OK)
        inv_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_rest in = {data, size};
    inv_source source = input_source(&in);
    inv_run *run = NULL;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (size > 0 && inv_run_from_stream("fuzz", (inv_stream_purpose)(data[size - 1] & 1), &source,
                                        &run) == INV_OK)
        look_through(run);
    inv_run_free(run);
    return 0;
}
