/* Shapes of images that a file does not say, and architectures given as experiments (arch.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/arch.h"

#include <stdlib.h>
#include <string.h>

#include "data/zip.h"
#include "invproj/config.h"

#define SIDE_MAX    256
#define TRIES_MAX   ((size_t)2048) /* nets built to find the shape of an experiment's images */
#define CLASSES     10 /* the usual number, of a last layer that does not say its units */
#define CLASSES_MAX 1000
#define CONFIG_MAX  ((size_t)1 << 26)
#define EXPERIMENTS ".cfg"

/* ---- the shape of images ---- */

static const size_t usual_sides[] = {28, 32, 64, 224}, usual_channels[] = {1, 3};

static bool is_usual(size_t side)
{
    for (size_t i = 0; i < sizeof usual_sides / sizeof *usual_sides; i++)
        if (usual_sides[i] == side)
            return true;
    return false;
}

/* The first usual side that fits on so many channels; 0: none. */
static inv_status find_usual(inv_try_shape *fits, void *context, size_t channels, size_t *side)
{
    *side = 0;
    for (size_t i = 0; i < sizeof usual_sides / sizeof *usual_sides && *side == 0; i++) {
        const size_t n = usual_sides[i];
        bool good = false;
        inv_status status = fits(context, (inv_shape){n, n, channels}, &good);
        if (status != INV_OK)
            return status;
        *side = good ? n : 0;
    }
    return INV_OK;
}

/* The other sides that fit: how many, up to two, and the first. */
static inv_status find_others(inv_try_shape *fits, void *context, size_t channels, size_t *count,
                              size_t *side)
{
    *count = *side = 0;
    for (size_t n = 2; n <= SIDE_MAX && *count < 2; n++) {
        bool good = false;
        inv_status status =
            is_usual(n) ? INV_OK : fits(context, (inv_shape){n, n, channels}, &good);
        if (status != INV_OK)
            return status;
        *side = good && *count == 0 ? n : *side;
        *count += good;
    }
    return INV_OK;
}

inv_status inv_find_shape(const char *file, inv_try_shape *fits, void *context, size_t tries,
                          inv_shape *out)
{
    const size_t kinds = sizeof usual_channels / sizeof *usual_channels;
    size_t count = 0, side = 0;
    for (size_t c = 0; c < kinds && count < 2; c++) {
        inv_status status = find_usual(fits, context, usual_channels[c], &side);
        count = side > 0;
        if (status == INV_OK && count == 0 && tries >= kinds * SIDE_MAX)
            status = find_others(fits, context, usual_channels[c], &count, &side);
        *out = (inv_shape){side, side, usual_channels[c]};
        if (status != INV_OK || count == 1)
            return status;
    }
    return INV_ERROR(
        INV_EFORMAT,
        "%s: it does not say of what shape its input is, and several fit, or none; say "
        "it with --input, as 28x28x1",
        file);
}

void inv_note_shape(inv_model *model, inv_shape shape)
{
    inv_model_note(model,
                   "the file does not say of what shape its images are: %zu x %zu x %zu fit; "
                   "--input says others",
                   shape.height, shape.width, shape.channels);
}

/* ---- experiments ---- */

typedef struct trial {
    const inv_tree *tree;
    const inv_config *config;
    const char *layers; /* where they are in it */
    size_t classes;     /* of a last layer that does not say its units */
    size_t values;      /* of all arrays of the file, which the net cannot have more of */
    size_t tries;       /* how many more may be built */
} trial;

/* Arrays of the file of so many values; blocks of the net. */
static size_t count_arrays(const inv_tree *tree, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < inv_tree_count(tree); i++) {
        const inv_tree_array *array = inv_tree_find(tree, inv_tree_path(tree, i));
        count += array && array->kind != 0 && array->count == size;
    }
    return count;
}

static size_t count_blocks(const inv_net *net, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < inv_net_depth(net); i++)
        for (size_t b = 0; b < inv_net_layer(net, i)->block_count; b++)
            count += inv_net_layer(net, i)->blocks[b].size == size;
    return count;
}

/* Whether the file has an array of as many values for each block of the net. */
static inv_status try_experiment(void *context, inv_shape shape, bool *fits)
{
    trial *t = context;
    inv_net *net = NULL;
    t->tries -= t->tries > 0;
    *fits =
        inv_net_build_within(t->config, t->layers, shape, t->classes, t->values, &net) == INV_OK;
    for (size_t i = 0; *fits && i < inv_net_depth(net); i++) {
        const inv_layer *layer = inv_net_layer(net, i);
        for (size_t b = 0; *fits && b < layer->block_count; b++)
            *fits = count_blocks(net, layer->blocks[b].size) <=
                    count_arrays(t->tree, layer->blocks[b].size);
    }
    inv_net_free(net);
    return INV_OK;
}

/* config.json of the archive that Keras would have. */
static inv_status take_config(const char *file, const unsigned char *bytes, size_t size, char **out)
{
    inv_zip *zip = NULL;
    unsigned char *text = NULL;
    size_t member = 0, length = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_zip_open_bytes(file, bytes, size, &zip));
    if (!inv_zip_find(zip, "config.json", &member))
        INV_FAIL(INV_EFORMAT, "%s: has no config.json", file);
    INV_TRY(inv_zip_read(zip, member, CONFIG_MAX, &text, &length));
    *out = strndup((const char *)text, length);
    if (!*out)
        INV_FAIL(INV_ENOMEM, "%s: no memory", file);
done:
    free(text);
    inv_zip_close(zip);
    return status;
}

/* The net as a writer describes it for the program that the file is from. */
static inv_status describe(const inv_net *net, const inv_format *format, const char *file,
                           char **out)
{
    const inv_export what = {.net = net, .file = file};
    const bool is_keras = strncmp(format->name, "keras", 5) == 0;
    unsigned char *bytes = NULL;
    char *text = NULL;
    size_t size = 0;
    inv_status status =
        inv_model_export(&what, is_keras ? "keras" : "safetensors", &bytes, &size, &text);
    if (status == INV_OK && is_keras)
        status = take_config(file, bytes, size, out);
    else if (status == INV_OK) {
        *out = text;
        text = NULL;
    }
    free(text);
    free(bytes);
    return status;
}

/* The shape that the user says, else one that fits. */
static inv_status find_for_classes(const inv_import *how, trial *t, inv_shape *out)
{
    const size_t *d = how->input_dims;
    bool fits = false;
    if (how->input_rank == 0)
        return inv_find_shape(inv_tree_name(t->tree), try_experiment, t, t->tries, out);
    *out = how->input_rank == 3   ? (inv_shape){d[0], d[1], d[2]}
           : how->input_rank == 2 ? (inv_shape){d[0], d[1], 1}
                                  : (inv_shape){1, 1, d[0]};
    inv_status status = try_experiment(t, *out, &fits);
    return status != INV_OK || fits
               ? status
               : INV_ERROR(INV_ECONFIG, "%s: holds other arrays than %s needs",
                           inv_tree_name(t->tree), how->arch_name ? how->arch_name : "--arch");
}

static size_t count_values(const inv_tree *tree)
{
    size_t count = 0;
    for (size_t i = 0; i < inv_tree_count(tree); i++) {
        const inv_tree_array *array = inv_tree_find(tree, inv_tree_path(tree, i));
        count += array && array->kind != 0 ? array->count : 0;
    }
    return count;
}

/* Whether an array before that one has as many values. */
static bool is_repeated(const inv_tree *tree, size_t number, size_t count)
{
    for (size_t i = 0; i < number; i++) {
        const inv_tree_array *array = inv_tree_find(tree, inv_tree_path(tree, i));
        if (array && array->kind != 0 && array->count == count)
            return true;
    }
    return false;
}

/* Ten classes, or as many as some array has values, which may be the last layer's bias. A file may have any
 * number of arrays: nets are built up to TRIES_MAX times, behind which none is taken to fit. */
static inv_status find_fit(const inv_import *how, trial *t, inv_shape *out)
{
    t->classes = CLASSES;
    t->tries = TRIES_MAX;
    t->values = count_values(t->tree);
    inv_status status = find_for_classes(how, t, out);
    for (size_t i = 0; i < inv_tree_count(t->tree) && status != INV_OK && t->tries > 0; i++) {
        const inv_tree_array *array = inv_tree_find(t->tree, inv_tree_path(t->tree, i));
        if (!array || array->kind == 0 || array->count < 2 || array->count > CLASSES_MAX ||
            array->count == CLASSES || is_repeated(t->tree, i, array->count))
            continue;
        t->classes = array->count;
        status = find_for_classes(how, t, out);
    }
    return status;
}

/* "layers = (": no text of PyTorch or Keras has that. */
static bool has_layers(const char *text)
{
    for (const char *at = strstr(text, "layers"); at; at = strstr(at, "layers")) {
        at += strlen("layers");
        const char *next = at + strspn(at, " \t\r\n");
        if ((*next == '=' || *next == ':') && next[1 + strspn(next + 1, " \t\r\n")] == '(')
            return true;
    }
    return false;
}

/* A file of an experiment is known by its name; its network alone by having layers. */
static inv_status read_experiment(const inv_import *how, inv_config **config, const char **layers)
{
    const char *name = how->arch_name ? how->arch_name : "--arch";
    const size_t length = strlen(name), ending = strlen(EXPERIMENTS);
    const bool is_named = length > ending && strcmp(name + length - ending, EXPERIMENTS) == 0;
    if (!is_named && !has_layers(how->arch))
        return INV_OK;
    inv_status status = inv_config_read_text(name, how->arch, config);
    if (status != INV_OK)
        return status;
    *layers = inv_config_has(*config, "network.layers") ? "network.layers"
              : inv_config_has(*config, "layers")       ? "layers"
                                                        : NULL;
    return *layers || !is_named ? INV_OK
                                : INV_ERROR(INV_ECONFIG, "%s: has no network.layers", name);
}

inv_status inv_arch_of_experiment(const inv_tree *tree, const inv_format *format,
                                  const inv_import *how, inv_model *model, char **text)
{
    trial t = {.tree = tree};
    inv_config *config = NULL;
    inv_net *net = NULL;
    inv_shape shape = {0};
    inv_status status = INV_OK;
    *text = NULL;
    if (!how->arch)
        return INV_OK;
    INV_TRY(read_experiment(how, &config, &t.layers));
    if (!t.layers)
        goto done;
    t.config = config;
    INV_TRY(find_fit(how, &t, &shape));
    if (how->input_rank == 0)
        inv_note_shape(model, shape);
    INV_TRY(inv_net_build(config, t.layers, shape, t.classes, &net));
    INV_TRY(describe(net, format, how->arch_name ? how->arch_name : "--arch", text));
done:
    inv_net_free(net);
    inv_config_free(config);
    return status;
}
