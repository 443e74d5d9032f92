/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generator.h"

#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "invproj/maker.h"
#include "made.h"

#define WALK_IMAGES 10 /* of a class, where the experiment does not say how many */

/* ---- loading ---- */

static inv_status find_generator(const inv_run *run, const char *path, char name[INV_NAME_MAX])
{
    char found[1][INV_NAME_MAX];
    if (inv_run_groups(run, "/generator", found, 1) == 0)
        return INV_ERROR(INV_EDATA,
                         "%s: holds no generator; make one with the group generator of an "
                         "experiment, as in experiments/generator.cfg",
                         path);
    memcpy(name, found[0], INV_NAME_MAX);
    return INV_OK;
}

/* What the group says, which may be a stranger's. */
static inv_status read_sizes(const inv_run *run, const char *path, const char *group,
                             cli_generator *g, uint64_t *classes)
{
    uint64_t latent = 0, done = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_run_size(run, group, "done", &done));
    if (!done)
        INV_FAIL(INV_EDATA, "%s: the generator '%s' is not finished; invproj run --resume goes on",
                 path, g->name);
    INV_TRY(inv_run_size(run, group, "latent", &latent));
    INV_TRY(inv_run_size(run, group, "classes", classes));
    INV_TRY(inv_run_real(run, group, "spread", &g->spread));
    if (latent == 0 || latent > INV_LATENT_MAX || *classes == 0 || *classes > INV_CLASSES_MAX ||
        !(g->spread > 0.0 && g->spread <= 1e6))
        INV_FAIL(INV_EFORMAT, "%s: %s: %zu numbers, %zu classes, spread %g", path, group,
                 (size_t)latent, (size_t)*classes, g->spread);
    g->latent = latent;
done:
    return status;
}

static inv_status read_sha256(const inv_run *run, const char *group, char out[INV_SHA256_TEXT])
{
    char *text = NULL;
    if (!inv_run_has_attribute(run, group, "sha256"))
        return INV_OK;
    inv_status status = inv_run_text(run, group, "sha256", &text);
    if (status == INV_OK)
        snprintf(out, INV_SHA256_TEXT, "%s", text);
    free(text);
    return status;
}

inv_status cli_generator_load(const inv_run *run, const char *path, const inv_net *net,
                              cli_generator *g)
{
    char group[CLI_PATH_BYTES];
    uint64_t classes = 0;
    inv_status status = INV_OK;
    *g = (cli_generator){.shape = inv_net_shape(net, 0)};
    INV_TRY(find_generator(run, path, g->name));
    snprintf(group, sizeof group, "/generator/%s", g->name);
    INV_TRY(read_sizes(run, path, group, g, &classes));
    INV_TRY(inv_run_get_net(run, group, (inv_shape){1, 1, g->latent + classes}, &g->net));
    if (inv_net_units(g->net, inv_net_depth(g->net)) != inv_net_units(net, 0) ||
        classes != inv_net_units(net, inv_net_depth(net)))
        INV_FAIL(INV_EFORMAT, "%s: %s: its images or classes are not those of the network", path,
                 group);
    INV_TRY(cli_data_pixels(run, &g->pixels));
    INV_TRY(read_sha256(run, group, g->sha256));
done:
    return status;
}

void cli_generator_free(cli_generator *g)
{
    inv_net_free(g->net);
    *g = (cli_generator){0};
}

/* ---- drawing ---- */

static const inv_field draw_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(cli_draws, name), .help = "the result's name"},
    {"classes", INV_FIELD_SIZES, offsetof(cli_draws, classes), 0, 1e6, .help = "empty: all"},
    {"count", INV_FIELD_SIZE, offsetof(cli_draws, count), 1, 100000, .help = "of each"},
    {"spread", INV_FIELD_REAL, offsetof(cli_draws, spread), 1e-6, 1e6, .help = "of the numbers"},
    {"walk", INV_FIELD_BOOL, offsetof(cli_draws, walk), .help = "from draw to draw"},
    {0}};

static size_t class_count(const cli_generator *g)
{
    return inv_net_units(g->net, 0) - g->latent;
}

/* That the session's net can read what the generator draws. */
static inv_status check_net(const inv_net *net, const cli_generator *g)
{
    const inv_shape a = g->shape, b = inv_net_shape(net, 0);
    const size_t classes = inv_net_units(net, inv_net_depth(net));
    if (a.height != b.height || a.width != b.width || a.channels != b.channels)
        return INV_ERROR(INV_EINVAL,
                         "the generator '%s' draws images of %zu x %zu x %zu, the net takes %zu x "
                         "%zu x %zu; use a generator that learned the net's images",
                         g->name, a.height, a.width, a.channels, b.height, b.width, b.channels);
    if (class_count(g) != classes)
        return INV_ERROR(INV_EINVAL,
                         "the generator '%s' draws %zu classes, the net tells %zu apart; use a "
                         "generator that learned the net's classes",
                         g->name, class_count(g), classes);
    return INV_OK;
}

static inv_status check_classes(const cli_draws *draws, size_t classes)
{
    for (size_t i = 0; i < draws->classes.count; i++)
        if (draws->classes.values[i] >= classes)
            return INV_ERROR(INV_EINVAL, "generate.classes: class %zu does not exist (0 to %zu)",
                             draws->classes.values[i], classes - 1);
    return draws->walk && draws->count < 2
               ? INV_ERROR(INV_EINVAL, "--walk: needs two images at least, as with --count 10")
               : INV_OK;
}

static void set_labels(const cli_draws *draws, size_t n, unsigned *labels)
{
    for (size_t i = 0; i < n; i++) {
        const size_t k = i / draws->count;
        labels[i] = (unsigned)(draws->classes.count ? draws->classes.values[k] : k);
    }
}

/* A row for each image: of a walk the same for each class. */
static inv_status draw_latent(const cli_session *session, const cli_draws *draws,
                              gsl_matrix_float *latent)
{
    const size_t count = draws->count;
    gsl_matrix_float first = inv_mat_head(latent, draws->walk ? count : latent->size1);
    inv_status status = (draws->walk ? inv_maker_walk : inv_maker_latent)(session->file.seed,
                                                                          draws->spread, &first);
    for (size_t i = count; i < latent->size1 && draws->walk; i++)
        memcpy(latent->data + i * latent->tda, latent->data + i % count * latent->tda,
               latent->size2 * sizeof(float));
    return status;
}

/* The images as the session's net takes them, and how it reads them. */
static inv_status make(const cli_session *session, const cli_generator *g,
                       const gsl_matrix_float *latent, cli_made *made)
{
    inv_status status = inv_maker_draw(g->net, latent, made->labels, made->images);
    if (status != INV_OK)
        return status;
    inv_pixels_translate(&g->pixels, &session->file.pixels, made->images, made->images);
    return cli_classify(session->materials.net, made->images, made->labels, made->reclassified,
                        made->confidence);
}

static inv_status put(cli_session *session, const cli_generator *g, const cli_draws *draws,
                      const gsl_matrix_float *latent, const cli_made *made,
                      char path[CLI_PATH_BYTES])
{
    inv_run *run = session->file.run;
    const size_t dims[] = {latent->size1, latent->size2};
    inv_status status = INV_OK;
    INV_TRY(
        cli_result_open(&session->file, "generated", draws->name, NULL, draw_fields, draws, path));
    if (g->own) {
        INV_TRY(cli_cause_put(run, path, CLI_CAUSE_GENERATOR, g->name));
    } else {
        INV_TRY(inv_run_set_text(run, path, "with", session->file.options->with));
        INV_TRY(inv_run_set_text(run, path, "with_sha256", g->sha256));
    }
    INV_TRY(cli_put(run, path, "latent", INV_FLOAT32, 2, dims, latent->data, INV_RUN_PLAIN));
    INV_TRY(cli_made_put(run, g->shape, made, path));
done:
    return status;
}

/* A walk's images are alike on purpose, and tell nothing of the generator's variety. */
static inv_status put_figures(cli_session *session, const cli_judge *judge, const cli_draws *draws,
                              cli_made *made, const char *path)
{
    inv_status status = INV_OK;
    INV_TRY(cli_made_put_judge(session, judge, made, path));
    if (!draws->walk)
        INV_TRY(cli_made_put_distance(session, "generate", made, path));
    INV_TRY(cli_made_put_noise(session, "generate", made, path));
done:
    return status;
}

static inv_status open_made(const cli_generator *g, const cli_draws *draws, size_t n,
                            unsigned **labels, gsl_matrix_float **latent, cli_made *made)
{
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(n, sizeof(unsigned), "classes", &memory));
    *labels = memory;
    set_labels(draws, n, *labels);
    INV_TRY(inv_mat_alloc(n, g->latent, "numbers", latent));
    INV_TRY(cli_made_open(made, n, inv_shape_size(g->shape)));
    made->labels = *labels;
    made->of_classes = true;
    made->each = draws->count;
done:
    return status;
}

inv_status cli_generator_draw(cli_session *session, const cli_generator *g, const cli_draws *draws,
                              const char *stem, const inv_sheet *sheet)
{
    const size_t kinds = draws->classes.count ? draws->classes.count : class_count(g);
    const size_t n = kinds * draws->count;
    char path[CLI_PATH_BYTES];
    unsigned *labels = NULL;
    gsl_matrix_float *latent = NULL;
    cli_made made = {0};
    cli_judge judge = {0};
    inv_status status = INV_OK;
    INV_TRY(check_net(session->materials.net, g));
    INV_TRY(check_classes(draws, class_count(g)));
    INV_TRY(cli_picture_check(&session->file, g->shape, draws->name, stem, sheet, n));
    INV_TRY(cli_judge_load(&session->progress, session->file.options->judge, session->materials.net,
                           &judge));
    INV_TRY(open_made(g, draws, n, &labels, &latent, &made));
    INV_TRY(draw_latent(session, draws, latent));
    INV_TRY(make(session, g, latent, &made));
    INV_TRY(put(session, g, draws, latent, &made, path));
    INV_TRY(put_figures(session, &judge, draws, &made, path));
    INV_TRY(cli_file_save(&session->file));
    INV_TRY(cli_draw(session, path, "image", stem, sheet));
done:
    cli_judge_free(&judge);
    cli_made_close(&made);
    inv_mat_free(latent);
    free(labels);
    return status;
}

/* ---- generate --with ---- */

/* What is asked for beside that has no meaning for images that are drawn at once. */
static inv_status check_options(const cli_options *options)
{
    static const char *const good[] = {"name", "count", "classes", "spread", "sheet"};
    for (size_t i = 0; i < options->set_count; i++) {
        const char *key = options->sets[i] + strlen("generate");
        bool is_good = false;
        for (size_t k = 0; k < sizeof good / sizeof *good && *key == '.'; k++) {
            const size_t length = strcspn(key + 1, ".=");
            is_good |= length == strlen(good[k]) && strncmp(key + 1, good[k], length) == 0;
        }
        if (!is_good)
            return INV_ERROR(INV_EINVAL,
                             "--with: a generator's images are not optimised, so that '%s' has no "
                             "meaning; what counts is name, count, classes, spread and sheet",
                             options->sets[i]);
    }
    if (options->frames)
        return INV_ERROR(INV_EINVAL,
                         "--with: a generator's images are drawn at once, so that there are no "
                         "--frames; --walk shows images between two draws");
    return INV_OK;
}

static bool is_set(const cli_options *options, const char *begin)
{
    for (size_t i = 0; i < options->set_count; i++)
        if (strncmp(options->sets[i], begin, strlen(begin)) == 0)
            return true;
    return false;
}

/* The run file of --with, and the net that it is about. */
static inv_status open_other(const cli_session *session, char *path, cli_file *other,
                             cli_materials *materials)
{
    inv_status status = INV_OK;
    *other = (cli_file){.path = path};
    INV_TRY(cli_open_run(NULL, &session->progress, path, CLI_READ, &other->run));
    INV_TRY(cli_load_net(other, materials));
done:
    return status;
}

static cli_draws draws_of(const cli_session *session, const cli_generator *g)
{
    const inv_generate_spec *spec = &session->file.experiment->generate;
    const cli_options *options = session->file.options;
    const bool counted = inv_config_has(session->file.config, "generate.count");
    cli_draws draws = {.classes = spec->classes,
                       .count = options->walk && !counted ? WALK_IMAGES : spec->count,
                       .spread =
                           is_set(options, "generate.spread=") ? spec->optimise.spread : g->spread,
                       .walk = options->walk};
    memcpy(draws.name, spec->name, sizeof draws.name);
    return draws;
}

inv_status cli_generate_with(cli_session *session)
{
    const cli_options *options = session->file.options;
    inv_sheet sheet = session->file.experiment->generate_sheet;
    char *path = strdup(options->with);
    cli_generator generator = {0};
    cli_file other = {0};
    cli_materials materials = {0};
    cli_draws draws;
    inv_status status = INV_OK;
    if (!path)
        INV_FAIL(INV_ENOMEM, "%s: no memory", options->with);
    INV_TRY(check_options(options));
    INV_TRY(cli_load_net(&session->file, &session->materials));
    INV_TRY(open_other(session, path, &other, &materials));
    INV_TRY(cli_generator_load(other.run, path, materials.net, &generator));
    generator.own = cli_is_same_file(path, session->file.path);
    draws = draws_of(session, &generator);
    INV_TRY(cli_leave_out_empty(other.run, materials.net, "generate", &draws.classes));
    if (draws.walk)
        sheet.columns = draws.count;
    INV_TRY(cli_generator_draw(session, &generator, &draws, "generated", &sheet));
done:
    cli_generator_free(&generator);
    inv_net_free(materials.net);
    inv_run_free(other.run);
    free(path);
    return status;
}
