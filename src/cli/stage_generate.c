/* The stage that makes images of classes. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "making.h"
#include "stage.h"

static inv_status generate(cli_session *session, const inv_generate_spec *spec, const char *stem)
{
    const cli_making m = {spec,
                          "generate",
                          "generated",
                          stem,
                          inv_generate_fields,
                          spec,
                          &session->experiment->generate_sheet};
    return cli_make(session, &m);
}

/* The same classes by the preset that spec.also names. */
static inv_status generate_also(cli_session *session)
{
    const inv_generate_spec *spec = &session->experiment->generate;
    char stem[2 * INV_NAME_MAX];
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof *spec, "generate", &memory);
    if (status != INV_OK)
        return status;
    inv_generate_spec *other = memory;
    inv_generate_start(spec->also, other);
    memcpy(other->name, spec->also, sizeof other->name);
    memcpy(other->inverse, spec->inverse, sizeof other->inverse);
    other->classes = spec->classes;
    other->count = spec->count;
    snprintf(stem, sizeof stem, "generated-%s", spec->also);
    status = generate(session, other, stem);
    free(memory);
    return status;
}

static inv_status run_generate(cli_session *session)
{
    const inv_generate_spec *spec = &session->experiment->generate;
    inv_status status = cli_session_net(session);
    if (status == INV_OK)
        status = generate(session, spec, "generated");
    if (status == INV_OK && *spec->also && !session->options->named)
        status = generate_also(session);
    return status;
}

/* What needs the Gaussians of a net that is still to be trained cannot be tried. */
static inv_status check_generate(const cli_session *session, inv_net *untrained)
{
    const inv_generate_spec *spec = &session->experiment->generate;
    inv_generator *generator = NULL;
    inv_status status = INV_OK;
    if (strcmp(spec->at, "input") != 0)
        status = cli_stage_need_inverse(session, "generate at any point but the input");
    if (status == INV_OK && !inv_optimise_needs_gaussians(&spec->optimise))
        status = inv_generator_alloc(
            spec, untrained, &(inv_material){session->data, NULL, session->seed, NULL}, &generator);
    inv_generator_free(generator);
    return status;
}

const cli_stage cli_stage_generate = {
    .name = "generate",
    .group = "/generated",
    .has = offsetof(inv_experiment, has_generate),
    .check = check_generate,
    .run = run_generate,
};
