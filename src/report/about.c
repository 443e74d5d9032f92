/* What was asked and what came out, in a few sentences; how to make it again; data and environment.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/plural.h"
#include "invproj/model.h"
#include "taken.h"

#define WIDTHS 8 /* of a net's layers that are told, beside the last */

/* ---- numbers in words ---- */

/* "89,610" */
static const char *grouped(uint64_t n, char text[32])
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        text[used++] = digits[i];
        if (i + 1 < length && (length - 1 - i) % 3 == 0)
            text[used++] = ',';
    }
    text[used] = 0;
    return text;
}

/* Whether what comes out of a layer is one of the widths that are told. */
static bool is_told(const inv_layer *layer)
{
    return layer->block_count > 0 && strcmp(layer->type->name, "batch_norm") != 0;
}

static bool is_spatial(inv_shape shape)
{
    return shape.height * shape.width > 1;
}

static void write_width(FILE *to, const char *before, inv_shape shape, bool spatial)
{
    if (spatial && is_spatial(shape))
        fprintf(to, "%s%zu x %zu x %zu", before, shape.height, shape.width, shape.channels);
    else
        fprintf(to, "%s%zu", before, inv_shape_size(shape));
}

/* "784-100-100-10": what goes in, each layer with parameters, by what comes out of it; where such a layer
 * has channels of more than a pixel "28 x 28 x 1 - 26 x 26 x 32 - 128 - 10"; of deep nets the first WIDTHS and the
 * last. The caller frees; NULL: no memory. */
static char *describe_widths(const inv_net *net)
{
    char *text = NULL;
    size_t size = 0, told = 0, last = 0;
    bool spatial = false;
    FILE *to = open_memstream(&text, &size);
    for (size_t i = 0; i < inv_net_depth(net); i++)
        if (is_told(inv_net_layer(net, i))) {
            spatial = spatial || is_spatial(inv_net_layer(net, i)->out);
            last = i;
        }
    if (!to)
        return NULL;
    write_width(to, "", inv_net_shape(net, 0), spatial);
    for (size_t i = 0; i <= last && i < inv_net_depth(net); i++) {
        if (!is_told(inv_net_layer(net, i)) || (++told > WIDTHS && i != last))
            continue;
        fputs(told > WIDTHS + 1 ? " ..." : "", to);
        write_width(to, spatial || told > WIDTHS + 1 ? " - " : "-", inv_net_layer(net, i)->out,
                    spatial);
    }
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

/* The last of history/seconds: what all starts took. */
static double seconds_of(report_run *r, const char *path)
{
    char folder[REPORT_PATH + 16];
    size_t count = 0;
    snprintf(folder, sizeof folder, "%s/history", path);
    float *seconds = report_array(r, folder, "seconds", INV_FLOAT32, &count);
    const double last = seconds ? (double)seconds[count - 1] : 0.0;
    free(seconds);
    return last;
}

/* ---- what was asked, and what came out ---- */

static void tell_net(report_run *r, json_t *list)
{
    char parameters[32];
    char *dataset = report_attribute(r, "/", "dataset");
    char *widths = r->in.net ? describe_widths(r->in.net) : NULL;
    if (widths)
        report_append_text(r, list, "A net of %s parameters, %s%s%s.",
                           grouped(inv_net_size(r->in.net), parameters), widths,
                           dataset ? ", for " : "", dataset ? dataset : "");
    free(widths);
    free(dataset);
}

static void tell_training(report_run *r, json_t *list)
{
    uint64_t steps = 0, done = 0, images = 0;
    char number[32], trained[32], on[64] = "";
    if (!report_size(r, "/training", "step", &steps))
        return;
    if (report_size(r, "/data", "train", &images))
        snprintf(on, sizeof on, " on %s %s", grouped(images, trained),
                 inv_plural(images, "image", "images"));
    const bool ended = report_size(r, "/training", "done", &done) && done;
    report_append_text(r, list, "It was trained%s in %s %s, which took %.1f s%s.", on,
                       grouped(steps, number), inv_plural(steps, "step", "steps"),
                       seconds_of(r, "/training"),
                       ended ? "" : "; that is not done, and run --resume goes on");
}

static void tell_accuracy(report_run *r, json_t *list)
{
    double accuracy = 0.0;
    uint64_t images = 0;
    char number[32];
    if (!report_real(r, "/network", "accuracy", &accuracy))
        return;
    if (report_size(r, "/data", "test", &images) && images > 0)
        report_append_text(r, list, "It classifies %.2f %% of the %s test images correctly.",
                           100.0 * accuracy, grouped(images, number));
    else
        report_append_text(r, list, "It classifies %.2f %% of the test images correctly.",
                           100.0 * accuracy);
}

static json_t *tell_inverse(report_run *r, const char *path)
{
    double l1 = 0.0, same = 0.0;
    json_t *text = NULL;
    char *kind = report_attribute(r, path, "kind"), *at = report_attribute(r, path, "at");
    const bool stale = inv_run_has_attribute(r->in.run, path, "stale");
    if (kind && at && report_real(r, path, "l1_per_pixel", &l1) &&
        report_real(r, path, "same_class", &same)) {
        text = report_object(r);
        report_give_text(r, text, "text",
                         "The inverse %s%s, of kind %s, leads from %s back to images: %.4f off per "
                         "pixel, and %.2f %% of them are classified like the original.",
                         strrchr(path, '/') + 1, stale ? " (out of date)" : "", kind, at, l1,
                         100.0 * same);
    }
    free(kind);
    free(at);
    return text;
}

static json_t *tell_generator(report_run *r, const char *path)
{
    uint64_t latent = 0;
    json_t *text = NULL;
    char *kind = report_attribute(r, path, "kind");
    if (kind && report_size(r, path, "latent", &latent)) {
        text = report_object(r);
        report_give_text(r, text, "text",
                         "The generator %s, of kind %s, draws images from a class and %" PRIu64
                         " random numbers.",
                         strrchr(path, '/') + 1, kind, latent);
    }
    free(kind);
    return text;
}

/* Who made it, of what seed, and whether it can be made again. */
static void tell_made(report_run *r, json_t *list)
{
    uint64_t seed = 0;
    char *version = report_attribute(r, "/", "program_version");
    char *format = report_attribute(r, "/source", "format");
    if (format)
        report_append_text(r, list, "The net was imported, from a file of %s.", format);
    else if (inv_run_has_attribute(r->in.run, "/network", INV_RUN_MARK))
        report_append_text(r, list, "Another program has changed the net since it was trained.");
    else if (version && report_size(r, "/", "seed", &seed) &&
             inv_run_has_attribute(r->in.run, "/", "experiment"))
        report_append_text(r, list,
                           "Made by invproj %s with seed %" PRIu64
                           "; the experiment in the file makes the same again: "
                           "invproj run experiment.cfg --data DATA --seed %" PRIu64 " -o FOLDER.",
                           version, seed, seed);
    free(format);
    free(version);
}

/* Adds the `text` of each, which it lets go. */
static void append_texts(report_run *r, json_t *list, json_t *told)
{
    const json_t *one = NULL;
    size_t i = 0;
    json_array_foreach(told, i, one)
    {
        report_append(r, list, json_incref(json_object_get(one, "text")));
    }
    json_decref(told);
}

/* The sentences. */
static json_t *summarise(report_run *r)
{
    json_t *list = report_list(r);
    tell_net(r, list);
    tell_training(r, list);
    tell_accuracy(r, list);
    append_texts(r, list, report_each(r, "/inverse", tell_inverse));
    append_texts(r, list, report_each(r, "/generator", tell_generator));
    tell_made(r, list);
    return list;
}

/* ---- making it again ---- */

/* A run is made again of its experiment and its seed; one of an imported net, or that somebody changed, is
 * not. */
static void tell_how_again(report_run *r, json_t *to)
{
    uint64_t seed = 0;
    if (inv_run_has(r->in.run, "/source")) {
        report_give_text(
            r, to, "again",
            "The net was imported, so this run cannot be made again from an experiment "
            "alone: import the same model, then give the same commands.");
        return;
    }
    if (inv_run_has_attribute(r->in.run, "/network", INV_RUN_MARK)) {
        report_give_text(
            r, to, "again",
            "Another program has changed the net after it was trained, so this run cannot be "
            "made again from its experiment.");
        return;
    }
    if (!inv_run_has_attribute(r->in.run, "/", "experiment") || !report_size(r, "/", "seed", &seed))
        return;
    report_give_text(r, to, "command",
                     "invproj run experiment.cfg --data DATA --seed %" PRIu64 " -o FOLDER", seed);
    report_give_text(r, to, "again",
                     "The experiment and the seed, kept in the file, make this run again: the same "
                     "program with the same loops gives the same bits, for any number of threads. "
                     "Save the experiment below as experiment.cfg and give the command, with DATA "
                     "where the data "
                     "are whose SHA-256 the file keeps.%s",
                     inv_run_is_sealed(r->in.run)
                         ? ""
                         : " The file is unsealed: another program has opened it for writing, and "
                           "may have changed it.");
}

json_t *report_about(report_run *r)
{
    const inv_experiment *e = r->in.experiment;
    json_t *one = report_object(r);
    const char *slash = strrchr(r->in.file, '/');
    report_give_text(r, one, "file", "%s", slash ? slash + 1 : r->in.file);
    report_give_text(r, one, "title", "%s",
                     e && *e->title ? e->title
                     : slash        ? slash + 1
                                    : r->in.file);
    report_take_text(r, "/", "created", one);
    report_take_text(r, "/", "program_version", one);
    report_take_text(r, "/", "dataset", one);
    report_take_size(r, "/", "seed", one);
    report_give(r, one, "sealed", json_boolean(inv_run_is_sealed(r->in.run)));
    report_give(r, one, "summary", summarise(r));
    tell_how_again(r, one);
    report_take_text(r, "/", "experiment", one);
    return one;
}

/* ---- data and environment ---- */

json_t *report_data(report_run *r)
{
    static const char *const sizes[] = {"height",     "width", "channels",   "classes", "train",
                                        "validation", "test",  "transposed", NULL};
    static const char *const reals[] = {"low", "high", "black", "white", "ground", NULL};
    json_t *one = report_object(r);
    report_take_text(r, "/", "dataset", one);
    report_take_text(r, "/data", "type", one);
    report_take_text(r, "/data", "axes", one);
    for (const char *const *name = sizes; *name; name++)
        report_take_size(r, "/data", *name, one);
    for (const char *const *name = reals; *name; name++)
        report_take_real(r, "/data", *name, one);
    report_take_real(r, "/", "scale", one);
    unsigned *counts = report_array_of(r, "/data", "images_per_class", INV_UINT32, r->classes);
    json_t *classes = report_list(r);
    char name[INV_NAME_MAX];
    for (size_t c = 0; counts && c < r->classes; c++)
        report_append(
            r, classes,
            json_pack("[oI]", inv_json_text(report_class(r, c, name)), (json_int_t)counts[c]));
    free(counts);
    if (json_array_size(classes) > 0)
        report_give(r, one, "images_per_class", classes);
    else
        json_decref(classes);
    return report_unless_empty(one);
}

/* One start, on one machine. */
static json_t *take_start(report_run *r, const char *path)
{
    static const char *const texts[] = {"program_version", "compiler", "kernels", "blas", "hdf5",
                                        "processor",       NULL};
    json_t *one = report_object(r);
    for (const char *const *name = texts; *name; name++)
        report_take_text(r, path, *name, one);
    report_take_size(r, path, "threads", one);
    return report_unless_empty(one);
}

/* What was noted when the net was imported. */
static json_t *take_notes(report_run *r)
{
    char *notes[INV_MODEL_NOTES_MAX] = {NULL};
    uint64_t count = 0;
    json_t *list = report_list(r);
    if (report_size(r, "/source", "note_count", &count) && count <= INV_MODEL_NOTES_MAX &&
        inv_run_has_attribute(r->in.run, "/source", "notes") &&
        report_got(r, inv_run_texts(r->in.run, "/source", "notes", notes, count)))
        for (size_t i = 0; i < count; i++)
            report_append(r, list, inv_json_text(notes[i]));
    for (size_t i = 0; i < INV_MODEL_NOTES_MAX; i++)
        free(notes[i]);
    return report_unless_empty(list);
}

/* Where the net came from, of an imported one. */
static json_t *take_source(report_run *r)
{
    static const char *const texts[] = {"format", "version", "file", "sha256", NULL};
    json_t *one = report_object(r), *notes = take_notes(r);
    for (const char *const *name = texts; *name; name++)
        report_take_text(r, "/source", *name, one);
    if (notes)
        report_give(r, one, "notes", notes);
    return report_unless_empty(one);
}

json_t *report_environment(report_run *r)
{
    json_t *one = report_object(r), *first = take_start(r, "/environment");
    json_t *later = report_each(r, "/environment", take_start), *source = take_source(r);
    if (first)
        report_give(r, one, "first", first);
    if (later)
        report_give(r, one, "later", later);
    if (source)
        report_give(r, one, "source", source);
    return report_unless_empty(one);
}
