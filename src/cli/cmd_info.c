/* info: what a run file holds. SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include <jansson.h>

#include "cli.h"

#define NAMES_MAX  256
#define PATH_BYTES (4 * INV_NAME_MAX)

/* ---- gathered as JSON, which the plain text is made of too ---- */

static void take_text(const inv_run *run, const char *path, const char *name, json_t *to)
{
    char *text = NULL;
    if (inv_run_has_attribute(run, path, name) && inv_run_text(run, path, name, &text) == INV_OK)
        json_object_set_new(to, name, json_string(text));
    free(text);
}

static void take_real(const inv_run *run, const char *path, const char *name, json_t *to)
{
    double value = 0.0;
    if (inv_run_has_attribute(run, path, name) && inv_run_real(run, path, name, &value) == INV_OK)
        json_object_set_new(to, name, json_real(value));
}

static void take_size(const inv_run *run, const char *path, const char *name, json_t *to)
{
    uint64_t value = 0;
    if (inv_run_has_attribute(run, path, name) && inv_run_size(run, path, name, &value) == INV_OK)
        json_object_set_new(to, name, json_integer((json_int_t)value));
}

static void take_floats(const inv_run *run, const char *path, const char *name, json_t *to)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    float values[INV_LIST_MAX];
    snprintf(full, sizeof full, "%s/%s", path, name);
    if (!inv_run_has(run, full) || inv_run_dims(run, full, &rank, dims) != INV_OK || rank != 1 ||
        dims[0] > INV_LIST_MAX || inv_run_get(run, full, INV_FLOAT32, dims[0], values) != INV_OK)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < dims[0]; i++)
        json_array_append_new(list, json_real(values[i]));
    json_object_set_new(to, name, list);
}

static const char *const result_groups[] = {"inverse", "projections", "generated", "features"};
static const char *const texts[] = {"kind", "at", "inverse", "layer"};
static const char *const reals[] = {"l1_per_pixel", "relative_l2", "same_class"};
static const char *const sizes[] = {"step", "done"};

#define COUNT(array) (sizeof array / sizeof *array)

static json_t *gather_results(const inv_run *run, const char *group)
{
    char names[NAMES_MAX][INV_NAME_MAX], path[PATH_BYTES];
    json_t *results = json_object();
    snprintf(path, sizeof path, "/%s", group);
    const size_t count = inv_run_groups(run, path, names, NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();
        snprintf(path, sizeof path, "/%s/%s", group, names[i]);
        for (size_t j = 0; j < COUNT(texts); j++)
            take_text(run, path, texts[j], one);
        for (size_t j = 0; j < COUNT(reals); j++)
            take_real(run, path, reals[j], one);
        for (size_t j = 0; j < COUNT(sizes); j++)
            take_size(run, path, sizes[j], one);
        take_floats(run, path, "confidence", one);
        json_object_set_new(results, names[i], one);
    }
    return results;
}

static json_t *gather(const inv_run *run)
{
    json_t *all = json_object(), *network = json_object(), *training = json_object();
    char *layers = NULL;
    take_text(run, "/", "format", all);
    take_size(run, "/", "format_version", all);
    take_text(run, "/", "program_version", all);
    take_text(run, "/", "created", all);
    take_size(run, "/", "seed", all);
    take_text(run, "/", "dataset", all);
    if (inv_run_has_attribute(run, "/network", "layers") &&
        inv_run_text(run, "/network", "layers", &layers) == INV_OK)
        json_object_set_new(network, "layers", json_loads(layers, 0, NULL));
    free(layers);
    take_real(run, "/network", "accuracy", network);
    take_real(run, "/network", "validation_accuracy", network);
    take_size(run, "/training", "step", training);
    take_size(run, "/training", "done", training);
    json_object_set_new(all, "network", network);
    json_object_set_new(all, "training", training);
    for (size_t i = 0; i < COUNT(result_groups); i++)
        json_object_set_new(all, result_groups[i], gather_results(run, result_groups[i]));
    return all;
}

/* ---- plain text ---- */

static void print_value(const json_t *value)
{
    if (json_is_string(value))
        printf("%s", json_string_value(value));
    else if (json_is_integer(value))
        printf("%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        printf("%.4f", json_real_value(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        printf("%s", i ? " " : "");
        print_value(json_array_get(value, i));
    }
}

static void print_layers(const json_t *layers)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *name = json_string_value(json_object_get(layer, "name"));
        const char *type = json_string_value(json_object_get(layer, "type"));
        const char *activation = json_string_value(json_object_get(layer, "activation"));
        printf("  %-10s %s", name ? name : "?", type ? type : "?");
        if (json_object_get(layer, "units"))
            printf(" %lld", (long long)json_integer_value(json_object_get(layer, "units")));
        printf("%s%s\n", activation ? ", " : "", activation ? activation : "");
    }
}

static void print_members(const char *prefix, const json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        char name[PATH_BYTES];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "/" : "", key);
        if (json_is_object(value)) {
            print_members(name, value);
        } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
            printf("%s\n", name);
            print_layers(value);
        } else {
            printf("%-34s ", name);
            print_value(value);
            putchar('\n');
        }
    }
}

inv_status cli_info(const cli_options *options)
{
    inv_run *run = NULL;
    inv_status status = inv_run_open(options->operands[0], &run);
    if (status != INV_OK)
        return status;
    json_t *all = gather(run);
    if (options->json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        print_members("", all);
    }
    json_decref(all);
    inv_run_free(run);
    return INV_OK;
}
