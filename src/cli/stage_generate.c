/* The stage that makes images of classes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "generator.h"
#include "making.h"
#include "stage.h"

static cli_making making_of(const inv_experiment *experiment, const inv_generate_spec *spec,
                            const char *stem)
{
    return (cli_making){spec,
                        "generate",
                        "generated",
                        stem,
                        inv_generate_fields,
                        spec,
                        &experiment->generate_sheet};
}

/* What a preset says of images that move, and of classes, is left out where there are none, unless the
 * experiment says it itself. */
static void adapt(const cli_file *file, const inv_net *net, inv_generate_spec *spec)
{
    cli_making_keep_still(file, net, "generate", spec->at, &spec->optimise);
    if (!inv_generate_is_by_unit(spec))
        return;
    if (!inv_config_has(file->config, "generate.until"))
        spec->optimise.until = 0.0;
    if (!inv_config_has(file->config, "generate.parametrisation.of"))
        strcpy(spec->optimise.parametrisation.of, "all");
}

/* What the stage makes: the experiment's classes, and perhaps the same once more. */
typedef struct makings {
    size_t count;
    cli_making of[2];
    inv_generate_spec *also; /* of the second */
    char stem[2 * INV_NAME_MAX];
} makings;

static void makings_close(makings *m)
{
    free(m->also);
}

/* The same classes by the preset that spec.also names. */
static inv_status add_also(const cli_file *file, const inv_net *net, makings *m)
{
    const inv_generate_spec *spec = &file->experiment->generate;
    void *memory = NULL;
    inv_status status = inv_calloc(1, sizeof *spec, "generate", &memory);
    if (status != INV_OK)
        return status;
    m->also = memory;
    inv_generate_start(spec->also, m->also);
    memcpy(m->also->name, spec->also, sizeof spec->also);
    memcpy(m->also->inverse, spec->inverse, sizeof spec->inverse);
    inv_optimise_set_bounds(&m->also->optimise, strcmp(m->also->at, "input") == 0, &file->pixels);
    adapt(file, net, m->also);
    m->also->classes = spec->classes;
    m->also->count = spec->count;
    snprintf(m->stem, sizeof m->stem, "generated-%s", spec->also);
    m->of[m->count++] = making_of(file->experiment, m->also, m->stem);
    return INV_OK;
}

/* Nothing is made where some of it could not be drawn. */
static inv_status makings_open(const cli_file *file, const inv_net *net, makings *m)
{
    const inv_generate_spec *spec = &file->experiment->generate;
    inv_status status = INV_OK;
    m->of[m->count++] = making_of(file->experiment, spec, "generated");
    if (*spec->also && !file->options->named)
        status = add_also(file, net, m);
    for (size_t i = 0; i < m->count && status == INV_OK; i++)
        status = cli_making_check(file, net, &m->of[i]);
    return status;
}

static inv_status optimise(cli_session *session)
{
    inv_generate_spec *spec = &session->file.experiment->generate;
    makings m = {0};
    inv_status status = cli_load_net(&session->file, &session->materials);
    inv_optimise_set_bounds(&spec->optimise, strcmp(spec->at, "input") == 0, &session->file.pixels);
    if (status == INV_OK)
        adapt(&session->file, session->materials.net, spec);
    if (status == INV_OK && inv_generate_is_by_class(spec))
        status = cli_leave_out_empty(session->file.run, session->materials.net, "generate",
                                     &spec->classes);
    if (status == INV_OK)
        status = makings_open(&session->file, session->materials.net, &m);
    for (size_t i = 0; i < m.count && status == INV_OK; i++)
        status = cli_make(session, &m.of[i]);
    makings_close(&m);
    return status;
}

static inv_status run_generate(cli_session *session)
{
    const cli_options *options = session->file.options;
    if (options->with)
        return cli_generate_with(session);
    if (options->walk)
        return INV_ERROR(INV_EINVAL, "--walk: needs --with OTHER.h5, whose generator draws");
    return optimise(session);
}

/* What needs the Gaussians of a net that is still to be trained cannot be tried. */
static inv_status check_generate(const cli_session *session, inv_net *untrained)
{
    inv_generate_spec *spec = &session->file.experiment->generate;
    inv_generator *generator = NULL;
    makings m = {0};
    inv_status status = INV_OK;
    if (strcmp(spec->at, "input") != 0)
        status =
            cli_stage_need_inverse(session->file.experiment, "generate at any point but the input");
    adapt(&session->file, untrained, spec);
    if (status == INV_OK && spec->classes.count > 0)
        status = cli_leave_out_empty(session->file.run, untrained, "generate", &spec->classes);
    if (status == INV_OK && !inv_optimise_needs_gaussians(&spec->optimise))
        status = inv_generator_alloc(
            spec, untrained,
            &(inv_material){.data = session->materials.data, .seed = session->file.seed},
            &generator);
    if (status == INV_OK)
        status = makings_open(&session->file, untrained, &m);
    inv_generator_free(generator);
    makings_close(&m);
    return status;
}

const cli_stage cli_stage_generate = {
    .name = "generate",
    .group = "/generated",
    .has = offsetof(inv_experiment, has_generate),
    .check = check_generate,
    .run = run_generate,
};
