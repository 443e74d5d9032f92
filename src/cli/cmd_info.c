/* info: what a run file holds.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/plural.h"
#include "cli.h"
#include "invproj/figure.h"
#include "model.h"
#include "printed.h"

#define PATH_BYTES (4 * INV_NAME_MAX)

/* ---- gathered as JSON, which the plain text is made of ---- */

/* What is missing, or not what it must be, is left out; only a lack of memory is a failure. A number
 * that is none (NaN, infinite) is null. */
typedef struct gathering {
    const inv_run *run;
    bool plain;    /* each text is to stand in a line with others */
    bool is_model; /* of another program, and no run file */
    char *results; /* of a model: its run file; NULL: there is none */
    inv_status status;
} gathering;

static void check_memory(gathering *g, bool there)
{
    if (!there)
        g->status = INV_ERROR(INV_ENOMEM, "%s: no memory to tell of it", inv_run_name(g->run));
}

static json_t *text_value(const gathering *g, const char *text)
{
    char *copy = strdup(text);
    if (copy && g->plain)
        cli_one_line(copy);
    json_t *value = copy ? inv_json_text(copy) : NULL;
    free(copy);
    return value;
}

/* Names that differ only in bytes that are no UTF-8, and so not in JSON, are told apart by a number: the
 * key becomes "name (2)". NULL: no memory. */
static json_t *free_key(const gathering *g, const json_t *to, const char *name)
{
    json_t *first = text_value(g, name), *key = json_incref(first);
    for (int n = 2; key && json_object_get(to, json_string_value(key)); n++) {
        json_decref(key);
        key = json_sprintf("%s (%d)", json_string_value(first), n);
    }
    json_decref(first);
    return key;
}

/* Takes over `value`, which is NULL where memory was short. The name may be that of a group. */
static void give(gathering *g, json_t *to, const char *name, json_t *value)
{
    json_t *key = free_key(g, to, name);
    check_memory(g, key && json_object_set(to, json_string_value(key), value) == 0);
    json_decref(key);
    json_decref(value);
}

static json_t *new_object(gathering *g)
{
    json_t *object = json_object();
    check_memory(g, object);
    return object;
}

/* Whether it is there; what else there is to say of it does not count. */
static bool is_got(gathering *g, inv_status status)
{
    if (status == INV_ENOMEM)
        g->status = status;
    return status == INV_OK;
}

static void take_text(gathering *g, const char *path, const char *name, json_t *to)
{
    char *text = NULL;
    if (inv_run_has_attribute(g->run, path, name) &&
        is_got(g, inv_run_text(g->run, path, name, &text)))
        give(g, to, name, text_value(g, text));
    free(text);
}

static void take_real(gathering *g, const char *path, const char *name, json_t *to)
{
    double value = 0.0;
    if (inv_run_has_attribute(g->run, path, name) &&
        is_got(g, inv_run_real(g->run, path, name, &value)))
        give(g, to, name, inv_json_real(value));
}

static void take_size(gathering *g, const char *path, const char *name, json_t *to)
{
    uint64_t value = 0;
    if (inv_run_has_attribute(g->run, path, name) &&
        is_got(g, inv_run_size(g->run, path, name, &value)))
        give(g, to, name, inv_json_count(value));
}

static void take_floats(gathering *g, const char *path, const char *name, json_t *to)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *values = NULL;
    snprintf(full, sizeof full, "%s/%s", path, name);
    if (!inv_run_has(g->run, full) || inv_run_dims(g->run, full, &rank, dims) != INV_OK ||
        rank != 1 || !is_got(g, inv_calloc(dims[0], sizeof(float), full, &values)) ||
        !is_got(g, inv_run_get(g->run, full, INV_FLOAT32, dims[0], values))) {
        free(values);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < dims[0]; i++)
        check_memory(g,
                     json_array_append_new(list, inv_json_real(((const float *)values)[i])) == 0);
    free(values);
    give(g, to, name, list);
}

static const char *const texts[] = {"kind",  "at",    "inverse",  "generator", "with",
                                    "layer", "judge", "settings", "stale"};
static const char *const sizes[] = {"step",   "done",    "unsettled",     "dead",
                                    "latent", "classes", "student_images"};

/* The figures of the result at `path`. */
static void take_figures(gathering *g, const char *group, const char *path, json_t *to)
{
    for (const inv_figure *f = inv_figures; f->attribute; f++)
        if (strcmp(f->group, group) == 0)
            take_real(g, path, f->attribute, to);
}

#define COUNT(array) (sizeof array / sizeof *array)

static json_t *gather_results(gathering *g, const char *group)
{
    char(*names)[INV_NAME_MAX] = NULL, path[PATH_BYTES];
    size_t count = 0;
    json_t *results = new_object(g);
    snprintf(path, sizeof path, "/%s", group);
    (void)is_got(g, cli_group_names(g->run, path, &names, &count));
    for (size_t i = 0; i < count; i++) {
        json_t *one = new_object(g);
        snprintf(path, sizeof path, "/%s/%s", group, names[i]);
        for (size_t j = 0; j < COUNT(texts); j++)
            take_text(g, path, texts[j], one);
        take_figures(g, group, path, one);
        for (size_t j = 0; j < COUNT(sizes); j++)
            take_size(g, path, sizes[j], one);
        take_floats(g, path, "confidence", one);
        give(g, results, names[i], one);
    }
    free(names);
    return results;
}

static void take_class_names(gathering *g, json_t *to)
{
    uint64_t classes = 0;
    char *names[INV_CLASSES_MAX];
    if (!inv_run_has_attribute(g->run, "/", "class_names") ||
        !is_got(g, inv_run_size(g->run, "/data", "classes", &classes)) ||
        classes > INV_CLASSES_MAX ||
        !is_got(g, inv_run_texts(g->run, "/", "class_names", names, classes)))
        return;
    json_t *list = json_array();
    for (size_t c = 0; c < classes; c++) {
        check_memory(g, json_array_append_new(list, text_value(g, names[c])) == 0);
        free(names[c]);
    }
    give(g, to, "class_names", list);
}

/* How the images were read. */
static json_t *gather_data(gathering *g)
{
    static const char *const counts[] = {"height", "width",      "channels", "classes",
                                         "train",  "validation", "test",     "transposed"};
    static const char *const values[] = {"low", "high", "black", "white", "ground"};
    json_t *data = new_object(g);
    take_text(g, "/data", "type", data);
    take_text(g, "/data", "axes", data);
    for (size_t i = 0; i < COUNT(counts); i++)
        take_size(g, "/data", counts[i], data);
    for (size_t i = 0; i < COUNT(values); i++)
        take_real(g, "/data", values[i], data);
    take_real(g, "/", "scale", data);
    take_class_names(g, data);
    return data;
}

/* From the experiment's text, which is given whole too. */
static void take_title(gathering *g, json_t *to)
{
    char *text = NULL;
    inv_config *config = NULL;
    take_text(g, "/", "experiment", to);
    if (is_got(g, inv_run_text(g->run, "/", "experiment", &text)) &&
        is_got(g, inv_config_read_text("experiment", text, &config)) &&
        inv_config_text_at(config, "title"))
        give(g, to, "title", text_value(g, inv_config_text_at(config, "title")));
    inv_config_free(config);
    free(text);
}

static void take_layers(gathering *g, json_t *to)
{
    char *layers = NULL;
    json_t *value = NULL;
    json_error_t error;
    if (inv_run_has_attribute(g->run, "/network", "layers") &&
        is_got(g, inv_run_text(g->run, "/network", "layers", &layers)))
        value = json_loads(layers, 0, &error);
    if (value)
        give(g, to, "layers", value);
    else if (layers)
        g->status = INV_ERROR(INV_EFORMAT, "%s: /network: @layers: not JSON: %s",
                              inv_run_name(g->run), error.text);
    free(layers);
}

/* Where an imported net is from, and what its owner should know. */
static json_t *gather_source(gathering *g)
{
    static const char *const names[] = {"format", "version", "file", "sha256"};
    char *notes[INV_MODEL_NOTES_MAX] = {NULL};
    size_t count = 0;
    json_t *source = new_object(g), *list = json_array();
    for (size_t i = 0; i < COUNT(names); i++)
        take_text(g, "/source", names[i], source);
    take_size(g, "/source", "prepared", source);
    (void)is_got(g, cli_notes(g->run, notes, &count));
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, text_value(g, notes[i])) && errno == ENOMEM)
            (void)is_got(g, INV_ERROR(INV_ENOMEM, "%s: no memory", inv_run_name(g->run)));
        free(notes[i]);
    }
    give(g, source, "notes", list);
    return source;
}

static json_t *gather_training(gathering *g)
{
    json_t *training = new_object(g), *validation = new_object(g);
    take_size(g, "/training", "step", training);
    take_size(g, "/training", "done", training);
    take_size(g, "/training", "best_step", training);
    take_text(g, "/training", "stopped", training);
    take_floats(g, "/training/validation", "loss", validation);
    take_floats(g, "/training/validation", "accuracy", validation);
    if (json_object_size(validation) > 0)
        give(g, training, "validation", validation);
    else
        json_decref(validation);
    return training;
}

static void take_section(gathering *g, const char *path, json_t *to)
{
    static const char *const states[] = {[INV_RUN_AS_WRITTEN] = "as written",
                                         [INV_RUN_CHANGED] = "changed",
                                         [INV_RUN_UNSIGNED] = NULL};
    inv_run_section section = INV_RUN_UNSIGNED;
    if (!is_got(g, inv_run_check(g->run, path, &section)) || !states[section])
        return;
    if (inv_run_has_attribute(g->run, path, INV_RUN_MARK))
        section = INV_RUN_CHANGED;
    give(g, to, path, json_string(states[section]));
}

static void take_sections(gathering *g, const char *group, json_t *to)
{
    char(*names)[INV_NAME_MAX] = NULL, path[PATH_BYTES];
    size_t count = 0;
    snprintf(path, sizeof path, "/%s", group);
    (void)is_got(g, cli_group_names(g->run, path, &names, &count));
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/%s/%s", group, names[i]);
        take_section(g, path, to);
    }
    free(names);
}

/* Of each section that carries a checksum, whether it is as invproj wrote it. */
static json_t *gather_sections(gathering *g)
{
    json_t *sections = new_object(g);
    take_section(g, "/network", sections);
    take_sections(g, "gaussian", sections);
    for (const char *const *group = inv_run_results; *group; group++)
        take_sections(g, *group + 1, sections);
    return sections;
}

static json_t *gather(gathering *g)
{
    json_t *all = new_object(g), *network = new_object(g);
    take_text(g, "/", "format", all);
    take_size(g, "/", "format_version", all);
    if (!g->is_model)
        give(g, all, "sealed", json_boolean(inv_run_is_sealed(g->run)));
    if (g->results)
        give(g, all, "run_file", text_value(g, g->results));
    give(g, all, "sections", gather_sections(g));
    take_text(g, "/", "program_version", all);
    take_text(g, "/", "created", all);
    take_size(g, "/", "seed", all);
    take_text(g, "/", "dataset", all);
    take_title(g, all);
    give(g, all, "data", gather_data(g));
    if (cli_is_imported(g->run))
        give(g, all, "source", gather_source(g));
    take_layers(g, network);
    take_figures(g, "network", "/network", network);
    give(g, all, "network", network);
    give(g, all, "training", gather_training(g));
    for (const char *const *group = inv_run_results; *group; group++)
        give(g, all, *group + 1, gather_results(g, *group + 1));
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

static void plot_history(gathering *g, const char *path)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    snprintf(full, sizeof full, "%s/history/loss", path);
    void *values = NULL;
    if (!inv_run_has(g->run, full) || inv_run_dims(g->run, full, &rank, dims) != INV_OK ||
        rank != 1 || dims[0] == 0)
        return;
    if (is_got(g, inv_calloc(dims[0], sizeof(float), full, &values)) &&
        is_got(g, inv_run_get(g->run, full, INV_FLOAT32, dims[0], values))) {
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

/* NaN where there is none: of what is not there, only numbers that are known to be are asked for. */
static double number_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A count: 0 where there is none, exact up to 2^53. */
static double whole_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_figures_of(const char *group, const json_t *object)
{
    for (const inv_figure *f = inv_figures; f->attribute; f++) {
        const json_t *value = json_object_get(object, f->attribute);
        if (strcmp(f->group, group) != 0 || !value)
            continue;
        printf("  %-26s ", f->label);
        printf(f->format, number_of(value));
        printf("%s%s\n", *f->unit ? " " : "", f->unit);
    }
}

/* "128", "32, 3 x 3", "2 x 2": how many units or channels, and the window, of those that have them. */
static void print_size_of_layer(const json_t *layer)
{
    const char *count = json_object_get(layer, "units") ? "units" : "filters";
    double height = whole_of(layer, "size"), width = height;
    const bool has_count = json_object_get(layer, count) != NULL;
    if (has_count)
        printf(" %.0f", whole_of(layer, count));
    if (!json_object_get(layer, "size"))
        return;
    if (whole_of(layer, "height") > 0)
        height = whole_of(layer, "height");
    if (whole_of(layer, "width") > 0)
        width = whole_of(layer, "width");
    if (height > 0 && width > 0)
        printf("%s %.0f x %.0f", has_count ? "," : "", height, width);
}

static void print_layers(const json_t *layers)
{
    int widest = 10;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const int length = (int)strlen(text_of(json_array_get(layers, i), "name"));
        widest = length > widest && length <= 40 ? length : widest;
    }
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        printf("  %-*s %s", widest, text_of(layer, "name"), text_of(layer, "type"));
        print_size_of_layer(layer);
        printf("%s%s\n", *text_of(layer, "activation") ? ", " : "", text_of(layer, "activation"));
    }
}

static void print_progress(const char *name, const json_t *stage)
{
    if (json_object_get(stage, "step"))
        printf("%-11s %.0f %s, %s\n", name, whole_of(stage, "step"),
               inv_plural((size_t)whole_of(stage, "step"), "step", "steps"),
               whole_of(stage, "done") ? "done" : "not done: --resume goes on");
}

static void print_training(const json_t *training)
{
    print_progress("training", training);
    if (*text_of(training, "stopped"))
        printf("  stopped    %s\n", text_of(training, "stopped"));
    if (json_object_get(training, "best_step"))
        printf("  kept       the parameters after step %.0f\n", whole_of(training, "best_step"));
}

static void print_inverses(gathering *g, const json_t *inverses)
{
    const char *name = NULL;
    json_t *one = NULL;
    json_object_foreach((json_t *)inverses, name, one)
    {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "/inverse/%.*s", INV_NAME_MAX, name);
        printf("\ninverse     %s: %s, from %s\n", name, text_of(one, "kind"), text_of(one, "at"));
        print_progress("  trained", one);
        if (*text_of(one, "stale"))
            printf("  STALE     %s\n", text_of(one, "stale"));
        print_figures_of("inverse", one);
        plot_history(g, path);
    }
}

static void print_generators(gathering *g, const json_t *generators)
{
    const char *name = NULL;
    json_t *one = NULL;
    json_object_foreach((json_t *)generators, name, one)
    {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "/generator/%.*s", INV_NAME_MAX, name);
        printf("\ngenerator   %s: %.0f classes, %.0f random %s\n", name, whole_of(one, "classes"),
               whole_of(one, "latent"),
               inv_plural((size_t)whole_of(one, "latent"), "number", "numbers"));
        print_progress("  trained", one);
        print_figures_of("generator", one);
        plot_history(g, path);
    }
}

/* NaN where either is: a value that is no number is not to be overlooked. */
static double least(double a, double b)
{
    return isnan(a) || a < b ? a : b;
}

static void print_results(const json_t *all)
{
    for (const char *const *group = inv_run_results; *group; group++) {
        if (strcmp(*group, "/inverse") == 0 || strcmp(*group, "/generator") == 0)
            continue; /* which have their own lines */
        const char *name = NULL;
        json_t *one = NULL;
        json_object_foreach(json_object_get(all, *group + 1), name, one)
        {
            double minimum = 1.0;
            const json_t *confidence = json_object_get(one, "confidence");
            for (size_t i = 0; i < json_array_size(confidence); i++)
                minimum = least(minimum, number_of(json_array_get(confidence, i)));
            printf("%-11s %s", *group + 1, name);
            if (*text_of(one, "inverse"))
                printf(", by inverse %s", text_of(one, "inverse"));
            if (*text_of(one, "generator"))
                printf(", by generator %s", text_of(one, "generator"));
            if (*text_of(one, "with"))
                printf(", with %s", text_of(one, "with"));
            if (json_array_size(confidence))
                printf(": %zu %s, confidence at least %.4f", json_array_size(confidence),
                       inv_plural(json_array_size(confidence), "image", "images"), minimum);
            if (json_object_get(one, "judge_same"))
                printf("; %s classifies %.4f of them as meant, with confidence %.4f",
                       text_of(one, "judge"), number_of(json_object_get(one, "judge_same")),
                       number_of(json_object_get(one, "judge_mean")));
            if (json_object_get(one, "student"))
                printf("; a student of them reads %.4f of the test images, of real ones %.4f",
                       number_of(json_object_get(one, "student")),
                       number_of(json_object_get(one, "student_real")));
            if (whole_of(one, "dead") > 0)
                printf("; %.0f %s dead", whole_of(one, "dead"),
                       whole_of(one, "dead") > 1 ? "are" : "is");
            if (whole_of(one, "unsettled") > 0)
                printf("; %.0f did not converge", whole_of(one, "unsettled"));
            if (*text_of(one, "stale"))
                printf("; STALE: %s", text_of(one, "stale"));
            putchar('\n');
        }
    }
}

static double real_of(const json_t *object, const char *key)
{
    return number_of(json_object_get(object, key));
}

static void print_data(const json_t *data)
{
    if (!json_object_get(data, "type")) /* a run file of before this was kept */
        return;
    printf("            %.0f x %.0f x %.0f, %ss from %g to %g, divided by %g\n",
           whole_of(data, "height"), whole_of(data, "width"), whole_of(data, "channels"),
           text_of(data, "type"), real_of(data, "low"), real_of(data, "high"),
           real_of(data, "scale"));
    if (strcmp(text_of(data, "axes"), "nchw") == 0)
        printf("            read channels first\n");
    if (whole_of(data, "transposed"))
        printf("            rows and columns have changed places\n");
    if (!json_object_get(data, "train")) { /* an imported net, without data */
        printf("            %.0f classes\n", whole_of(data, "classes"));
        return;
    }
    printf("            %.0f to train on, %.0f to validate, %.0f to test; %.0f classes",
           whole_of(data, "train"), whole_of(data, "validation"), whole_of(data, "test"),
           whole_of(data, "classes"));
    const json_t *names = json_object_get(data, "class_names");
    for (size_t i = 0; i < json_array_size(names); i++)
        printf("%s%s", i ? ", " : ": ", json_string_value(json_array_get(names, i)));
    putchar('\n');
}

/* Each section that another program has changed; of an unsealed file, the others too. */
static void print_seal(const json_t *all)
{
    const char *path = NULL;
    json_t *state = NULL;
    const bool sealed = json_is_true(json_object_get(all, "sealed"));
    printf("file        %s\n",
           sealed ? "sealed: its bytes are as invproj wrote them" : CLI_UNSEALED);
    json_object_foreach(json_object_get(all, "sections"), path, state)
    {
        const bool changed = strcmp(json_string_value(state), "changed") == 0;
        if (changed)
            printf("            %s: changed since by another program\n", path + 1);
        else if (!sealed)
            printf("            %s: as invproj wrote it\n", path + 1);
    }
}

static void print_source(const json_t *source)
{
    json_t *note = NULL;
    size_t i = 0;
    if (!source)
        return;
    printf("imported    from %s, %s%s%s\n", text_of(source, "file"), text_of(source, "format"),
           *text_of(source, "version") ? " " : "", text_of(source, "version"));
    json_array_foreach(json_object_get(source, "notes"), i, note)
    {
        printf("            %s\n", json_string_value(note) ? json_string_value(note) : "");
    }
}

static void print_all(gathering *g, const json_t *all)
{
    const json_t *network = json_object_get(all, "network");
    if (!g->is_model)
        print_seal(all);
    printf("experiment  %s\ndata        %s\n", text_of(all, "title"),
           *text_of(all, "dataset") ? text_of(all, "dataset") : "none");
    print_data(json_object_get(all, "data"));
    print_source(json_object_get(all, "source"));
    if (g->results)
        printf("results     in %s\n", text_of(all, "run_file"));
    if (!g->is_model)
        printf("made        %s by invproj %s, seed %.0f\n", text_of(all, "created"),
               text_of(all, "program_version"), whole_of(all, "seed"));
    printf("\nnetwork\n");
    print_layers(json_object_get(network, "layers"));
    print_figures_of("network", network);
    print_training(json_object_get(all, "training"));
    plot_history(g, "/training");
    print_inverses(g, json_object_get(all, "inverse"));
    print_generators(g, json_object_get(all, "generator"));
    putchar('\n');
    print_results(all);
}

/* Not json_dumps, which may leave out a key where memory is short. */
static void print_json(gathering *g, const json_t *all)
{
    if (json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) && !ferror(stdout))
        g->status = INV_ERROR(INV_ENOMEM, "%s: no memory to tell of it", inv_run_name(g->run));
    putchar('\n');
}

typedef struct own {
    bool history;
} own;

static const cli_option own_options[] = {{.shared = CLI_ARCH},
                                         {.shared = CLI_KEY_OF},
                                         {.shared = CLI_INPUT},
                                         {.shared = CLI_JSON},
                                         {0, "history", NULL,
                                          "print the history of all that was learned as CSV",
                                          CLI_FLAG, .offset = offsetof(own, history)},
                                         {.shared = CLI_HELP},
                                         {0}};

static inv_status run(const cli_options *options)
{
    inv_run *run = NULL;
    gathering g = {.plain = !options->json};
    inv_status status = cli_model_is(options->operands[0], &g.is_model);
    if (status == INV_OK)
        status = g.is_model ? cli_model_run(options, options->operands[0], &run)
                            : cli_open_run(options, NULL, options->operands[0], CLI_READ, &run);
    if (status != INV_OK)
        return status;
    if (((const own *)options->own)->history) {
        status = cli_print_history(run);
        inv_run_free(run);
        return status;
    }
    g.run = run;
    g.status = cli_model_results(options->operands[0], &g.results);
    json_t *all = gather(&g);
    if (g.status == INV_OK && options->json)
        print_json(&g, all);
    else if (g.status == INV_OK)
        print_all(&g, all);
    json_decref(all);
    free(g.results);
    inv_run_free(run);
    return g.status;
}

const cli_command cli_command_info = {
    .name = "info",
    .operands = "RUN.h5",
    .summary = "show what a run file holds, with its figures",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
