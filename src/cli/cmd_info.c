/* info: what a run file holds. SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "cli.h"

#define NAMES_MAX  256
#define PATH_BYTES (4 * INV_NAME_MAX)

/* ---- gathered as JSON, which the plain text is made of ---- */

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
static const char *const texts[] = {"kind", "at", "inverse", "layer", "settings"};
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

/* From the experiment's text, which is given whole too. */
static void take_title(const inv_run *run, json_t *to)
{
    char *text = NULL;
    inv_config *config = NULL;
    take_text(run, "/", "experiment", to);
    if (inv_run_text(run, "/", "experiment", &text) == INV_OK &&
        inv_config_read_text("experiment", text, &config) == INV_OK &&
        inv_config_text_at(config, "title"))
        json_object_set_new(to, "title", json_string(inv_config_text_at(config, "title")));
    inv_config_free(config);
    free(text);
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
    take_title(run, all);
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

/* ---- a small plot ---- */

#define PLOT_COLUMNS 60
#define PLOT_ROWS    7

/* The mean of each column's share of the values; returns how many columns there are. */
static size_t bin_values(const float *values, size_t count, double bins[PLOT_COLUMNS])
{
    const size_t columns = count < PLOT_COLUMNS ? count : PLOT_COLUMNS;
    for (size_t c = 0; c < columns; c++) {
        const size_t first = c * count / columns, end = (c + 1) * count / columns;
        bins[c] = 0.0;
        for (size_t i = first; i < end; i++)
            bins[c] += values[i] / (double)(end - first);
    }
    return columns;
}

/* Heights are of the logarithm: a loss falls by factors. */
static void plot(const float *values, size_t count)
{
    double bins[PLOT_COLUMNS], low = INFINITY, high = 0.0;
    const size_t columns = bin_values(values, count, bins);
    for (size_t c = 0; c < columns; c++) {
        low = fmin(low, bins[c]);
        high = fmax(high, bins[c]);
    }
    if (columns == 0 || !(low > 0.0) || !isfinite(high))
        return;
    const double span = high > low ? log(high / low) : 1.0;
    for (int r = PLOT_ROWS - 1; r >= 0; r--) {
        char line[PLOT_COLUMNS + 1] = "";
        for (size_t c = 0; c < columns; c++)
            line[c] = lround(log(bins[c] / low) / span * (PLOT_ROWS - 1)) == r ? '*' : ' ';
        line[columns] = 0;
        if (r == PLOT_ROWS - 1 || r == 0)
            printf("  %10.4g |%s\n", r ? high : low, line);
        else
            printf("  %10s |%s\n", "", line);
    }
}

static void plot_history(const inv_run *run, const char *path)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    snprintf(full, sizeof full, "%s/history/loss", path);
    if (!inv_run_has(run, full) || inv_run_dims(run, full, &rank, dims) != INV_OK || rank != 1 ||
        dims[0] == 0)
        return;
    float *values = calloc(dims[0], sizeof *values);
    if (values && inv_run_get(run, full, INV_FLOAT32, dims[0], values) == INV_OK) {
        printf("  loss, steps 1 to %zu\n", dims[0]);
        plot(values, dims[0]);
    }
    free(values);
}

/* ---- plain text ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long whole_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_real(const json_t *object, const char *key, const char *label)
{
    const json_t *value = json_object_get(object, key);
    if (value)
        printf("  %-26s %.4f\n", label, json_number_value(value));
}

static void print_layers(const json_t *layers)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        printf("  %-10s %s", text_of(layer, "name"), text_of(layer, "type"));
        if (json_object_get(layer, "units"))
            printf(" %lld", whole_of(layer, "units"));
        printf("%s%s\n", *text_of(layer, "activation") ? ", " : "", text_of(layer, "activation"));
    }
}

static void print_progress(const char *name, const json_t *stage)
{
    if (json_object_get(stage, "step"))
        printf("%-11s %lld steps, %s\n", name, whole_of(stage, "step"),
               whole_of(stage, "done") ? "done" : "not done: --resume goes on");
}

static void print_inverses(const inv_run *run, const json_t *inverses)
{
    const char *name = NULL;
    json_t *one = NULL;
    json_object_foreach((json_t *)inverses, name, one)
    {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "/inverse/%.*s", INV_NAME_MAX, name);
        printf("\ninverse     %s: %s, from %s\n", name, text_of(one, "kind"), text_of(one, "at"));
        print_progress("  trained", one);
        print_real(one, "l1_per_pixel", "L1 per pixel");
        print_real(one, "relative_l2", "relative L2");
        print_real(one, "same_class", "classified like original");
        plot_history(run, path);
    }
}

static void print_results(const json_t *all)
{
    for (size_t g = 1; g < COUNT(result_groups); g++) { /* the first are the inverses */
        const char *name = NULL;
        json_t *one = NULL;
        json_object_foreach(json_object_get(all, result_groups[g]), name, one)
        {
            double least = 1.0;
            const json_t *confidence = json_object_get(one, "confidence");
            for (size_t i = 0; i < json_array_size(confidence); i++)
                least = fmin(least, json_number_value(json_array_get(confidence, i)));
            printf("%-11s %s, by inverse %s", result_groups[g], name, text_of(one, "inverse"));
            if (json_array_size(confidence))
                printf(": %zu images, confidence at least %.4f", json_array_size(confidence),
                       least);
            putchar('\n');
        }
    }
}

static void print_all(const inv_run *run, const json_t *all)
{
    const json_t *network = json_object_get(all, "network");
    printf("experiment  %s\ndata        %s\n", text_of(all, "title"), text_of(all, "dataset"));
    printf("made        %s by invproj %s, seed %lld\n", text_of(all, "created"),
           text_of(all, "program_version"), whole_of(all, "seed"));
    printf("\nnetwork\n");
    print_layers(json_object_get(network, "layers"));
    print_real(network, "accuracy", "test accuracy");
    print_real(network, "validation_accuracy", "validation accuracy");
    print_progress("training", json_object_get(all, "training"));
    plot_history(run, "/training");
    print_inverses(run, json_object_get(all, "inverse"));
    putchar('\n');
    print_results(all);
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
        print_all(run, all);
    }
    json_decref(all);
    inv_run_free(run);
    return INV_OK;
}
