/* Model files of other programs.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/plural.h"
#include "invproj/file.h"
#include "invproj/version.h"
#include "prepare.h"

#define FIRST_BYTES 4096
#define ARCH_MAX    ((size_t)1 << 24)
#define BESIDE_MAX  1000 /* files of one model */

/* ---- what it is ---- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Saved with zipped=False, a Keras model is a folder of three files, of which one says the rest. */
static inv_status file_of(const char *path, char **out)
{
    if (asprintf(out, is_folder(path) ? "%s/config.json" : "%s", path) >= 0)
        return INV_OK;
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
}

/* TensorFlow's folder holds a program, and no layers. */
static inv_status refuse_saved_model(const char *path)
{
    char *file = NULL;
    if (!is_folder(path) || asprintf(&file, "%s/saved_model.pb", path) < 0)
        return INV_OK;
    const bool is_there = access(file, F_OK) == 0;
    free(file);
    if (!is_there)
        return INV_OK;
    return INV_ERROR(INV_EFORMAT,
                     "%s: a SavedModel of TensorFlow, which is a program; convert it: python -m "
                     "tf2onnx.convert --saved-model %s --output net.onnx",
                     path, path);
}

inv_status cli_model_is(const char *path, bool *out)
{
    unsigned char first[FIRST_BYTES];
    char *file = NULL;
    size_t size = 0, got = 0;
    int fd = -1;
    bool is_run = false;
    *out = false;
    inv_status status = refuse_saved_model(path);
    if (status == INV_OK)
        status = file_of(path, &file);
    if (status != INV_OK)
        return status;
    if (access(file, R_OK) == 0 && inv_file_open(file, &fd, &size) == INV_OK) {
        status = inv_file_fill(file, fd, first, sizeof first, &got);
        close(fd);
        if (status == INV_OK && inv_model_probe(first, got))
            status = cli_is_run(file, &is_run);
        *out = status == INV_OK && inv_model_probe(first, got) && !is_run;
    }
    free(file);
    return status;
}

/* The first word of a text behind comments and blanks, a key as experiments have them. */
static bool begins_as_experiment(const char *text)
{
    static const char *const keys[] = {"title",   "seed",   "data",     "network",  "train",
                                       "inverse", "invert", "generate", "features", "@include"};
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (*text != '#' && strncmp(text, "//", 2) != 0)
            break;
        text += strcspn(text, "\n");
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const size_t length = strlen(keys[i]);
        if (strncmp(text, keys[i], length) != 0)
            continue;
        const char *behind = text + length + strspn(text + length, " \t");
        if (*behind == '=' || *behind == ':' || *behind == '"')
            return true;
    }
    return false;
}

inv_status cli_check_no_experiment(const char *path)
{
    unsigned char first[FIRST_BYTES + 1] = {0};
    size_t size = 0, got = 0;
    int fd = -1;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || access(path, R_OK) != 0 ||
        inv_file_open(path, &fd, &size) != INV_OK)
        return INV_OK; /* said by who reads it */
    inv_status status = inv_file_fill(path, fd, first, FIRST_BYTES, &got);
    close(fd);
    if (status == INV_OK && begins_as_experiment((const char *)first))
        return INV_ERROR(INV_EINVAL,
                         "%s: is an experiment; make a run of it first: invproj run %s -o OUT",
                         path, path);
    return status;
}

/* ---- what the options tell of it ---- */

static inv_status read_number(const char *option, const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    if (end != text && *end == 0 && *out > 0.0 && *out < 1e30)
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "--%s: '%.100s' is no positive number", option, text);
}

static inv_status read_numbers(const char *option, const char *text, inv_reals *out)
{
    char *end = NULL;
    out->count = 0;
    for (const char *at = text; at && out->count < INV_LIST_MAX; at = *end ? end + 1 : NULL) {
        const double value = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !(value > -1e30 && value < 1e30))
            return INV_ERROR(INV_EINVAL, "--%s: '%.100s' is no list of numbers, as 0.48,0.45,0.41",
                             option, text);
        out->values[out->count++] = value;
    }
    return INV_OK;
}

/* "28x28x1", "28x28", "784" */
static inv_status read_input(const char *text, inv_import *how)
{
    const char *at = text;
    for (size_t i = 0; i < 3; i++) {
        char *end = NULL;
        const unsigned long size = strtoul(at, &end, 10);
        if (end == at || size < 1 || size > 65535)
            break;
        how->input_dims[how->input_rank++] = size;
        if (*end == 0)
            return INV_OK;
        at = *end == 'x' ? end + 1 : "";
    }
    return INV_ERROR(INV_EINVAL,
                     "--input: '%.100s' is no HEIGHTxWIDTHxCHANNELS, as 28x28x1, and no number of "
                     "values",
                     text);
}

static inv_status read_import(const cli_options *options, inv_import *how, unsigned char **arch)
{
    size_t size = 0;
    inv_status status = INV_OK;
    if (!options)
        return INV_OK;
    how->invert = options->inverted;
    how->channels_first = options->channels_first;
    how->key = options->key;
    how->backend = options->backend;
    if (options->scale)
        INV_TRY(read_number("scale", options->scale, &how->scale));
    if (options->mean)
        INV_TRY(read_numbers("mean", options->mean, &how->mean));
    if (options->std)
        INV_TRY(read_numbers("std", options->std, &how->std));
    if (options->input)
        INV_TRY(read_input(options->input, how));
    if (options->arch) {
        INV_TRY(inv_file_read(options->arch, ARCH_MAX, arch, &size));
        if (strlen((const char *)*arch) != size)
            INV_FAIL(INV_EINVAL, "%s: is no text in UTF-8, since it holds a byte of 0; save it so",
                     options->arch);
        how->arch = (const char *)*arch;
        how->arch_name = options->arch;
    }
done:
    return status;
}

/* ---- reading ---- */

/* The path of a file that belongs to a model; the caller frees. */
static inv_status find_beside(const char *file, const char *name, char **out)
{
    inv_status status = inv_file_beside(file, name, out);
    if (status != INV_OK || access(*out, F_OK) == 0)
        return status;
    status = INV_ERROR(INV_EIO, "%s: a part of it is in the file %s, which is not there: %s", file,
                       *out, strerror(errno));
    free(*out);
    *out = NULL;
    return status;
}

/* The file, and those that belong to it. */
static inv_status read_tree(const char *file, inv_tree *tree)
{
    cli_reader *reader = NULL;
    char name[INV_TEXT_MAX], *beside = NULL, prefix[INV_TEXT_MAX + 1];
    bool found = true, is_bytes = false;
    inv_status status = INV_OK;
    INV_TRY(cli_reader_open(NULL, &reader));
    INV_TRY(cli_reader_model(reader, file, "", false, tree));
    for (size_t i = 0; i < BESIDE_MAX; i++) {
        INV_TRY(inv_model_beside(tree, i, name, &found, &is_bytes));
        if (!found)
            break;
        INV_TRY(find_beside(file, name, &beside));
        snprintf(prefix, sizeof prefix, "/%s", name);
        INV_TRY(cli_reader_model(reader, beside, prefix, is_bytes, tree));
        free(beside);
        beside = NULL;
    }
done:
    free(beside);
    cli_reader_close(reader);
    return status;
}

static inv_status read_model(const char *path, const inv_import *how, inv_model **out)
{
    char *file = NULL;
    inv_tree *tree = NULL;
    inv_status status = INV_OK;
    INV_TRY(file_of(path, &file));
    INV_TRY(inv_tree_alloc(file, &tree));
    INV_TRY(read_tree(file, tree));
    INV_TRY(inv_model_import(tree, how, out));
done:
    inv_tree_free(tree);
    free(file);
    return status;
}

/* Where neither the file nor the user says how its pixels were prepared, and there are labelled
 * images, it is tried. */
static inv_status find_preparation(const char *data, const char *path, inv_import *how,
                                   inv_model **model)
{
    char note[INV_TEXT_MAX];
    inv_status status = cli_prepare(data, *model, how, note);
    if (status != INV_OK || how->scale <= 0.0) {
        if (status == INV_OK && *note)
            inv_model_note(*model, "%s", note);
        return status;
    }
    inv_model_free(*model);
    *model = NULL;
    status = read_model(path, how, model);
    if (status == INV_OK)
        inv_model_note(*model, "%s", note);
    return status;
}

/* What the user told of pixels, which no layer shows; a mean beyond them is one of other pixels. */
static void note_prepared(const cli_options *options, const inv_import *how, inv_model *model)
{
    const double most = 255.0 / (how->scale > 0.0 ? how->scale : 255.0);
    inv_model_note(model, "pixels were prepared as told: less a mean of %s, over a deviation of %s",
                   options->mean ? options->mean : "0", options->std ? options->std : "1");
    for (size_t i = 0; i < how->mean.count; i++)
        if (how->mean.values[i] < 0.0 || how->mean.values[i] > most) {
            inv_model_note(model,
                           "a mean of %g is none of pixels from 0 to %g, as they are after "
                           "the division by %g (--scale)",
                           how->mean.values[i], most, 255.0 / most);
            return;
        }
}

inv_status cli_model_read(const cli_options *options, const char *path, inv_model **out)
{
    void *how = NULL;
    unsigned char *arch = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof(inv_import), path, &how));
    INV_TRY(read_import(options, how, &arch));
    INV_TRY(read_model(path, how, out));
    if (options && (options->mean || options->std))
        note_prepared(options, how, *out);
    if (options && options->data && !(*out)->is_prepared)
        INV_TRY(find_preparation(options->data, path, how, out));
done:
    if (status != INV_OK) {
        inv_model_free(*out);
        *out = NULL;
    }
    free(arch);
    free(how);
    return status;
}

/* The SHA-256 of the model's file, or of those of a folder, and of those beside it that belong to it,
 * one behind the other. */
static inv_status model_sha256(const char *path, char *const *beside, size_t beside_count,
                               char sha256[INV_SHA256_TEXT])
{
    static const char *const folder[] = {"config.json", "metadata.json", "model.weights.h5"};
    const bool is_one = !is_folder(path);
    const size_t own = is_one ? 1 : 3, all = own + (is_one ? beside_count : 0);
    void *memory = NULL;
    char **files = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(all, sizeof *files, path, &memory));
    files = memory;
    for (; count < own; count++)
        if (asprintf(&files[count], "%s%s%s", path, is_one ? "" : "/",
                     is_one ? "" : folder[count]) < 0)
            INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    for (; count < all; count++)
        INV_TRY(find_beside(path, beside[count - own], &files[count]));
    INV_TRY(inv_files_sha256((const char *const *)files, count, sha256));
done:
    for (size_t i = 0; files && i < count; i++)
        free(files[i]);
    free(files);
    return status;
}

/* ---- a run of it ---- */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* What was said of it, by which another net would come of the same file. */
static inv_status put_told(inv_run *run, const cli_options *options)
{
    char sha256[INV_SHA256_TEXT];
    inv_status status = INV_OK;
    if (options && options->arch) {
        INV_TRY(inv_files_sha256(&options->arch, 1, sha256));
        INV_TRY(inv_run_set_text(run, "/source", "arch_sha256", sha256));
    }
    if (options && options->key)
        INV_TRY(inv_run_set_text(run, "/source", "key", options->key));
    if (options && options->input)
        INV_TRY(inv_run_set_text(run, "/source", "input", options->input));
done:
    return status;
}

/* Where it is from, under /source. */
static inv_status put_source(inv_run *run, const inv_model *model, const cli_options *options,
                             const char *path)
{
    char sha256[INV_SHA256_TEXT];
    const char *notes[INV_MODEL_NOTES_MAX];
    inv_status status = INV_OK;
    for (size_t i = 0; i < model->note_count; i++)
        notes[i] = model->notes[i];
    INV_TRY(model_sha256(path, model->beside, model->beside_count, sha256));
    INV_TRY(inv_run_set_text(run, "/source", "format", model->format));
    INV_TRY(inv_run_set_text(run, "/source", "version", model->version));
    INV_TRY(inv_run_set_text(run, "/source", "file", name_of(path)));
    INV_TRY(inv_run_set_text(run, "/source", "sha256", sha256));
    INV_TRY(inv_run_set_size(run, "/source", "beside_count", model->beside_count));
    if (model->beside_count > 0)
        INV_TRY(inv_run_set_texts(run, "/source", "beside", (const char *const *)model->beside,
                                  model->beside_count));
    INV_TRY(put_told(run, options));
    INV_TRY(inv_run_set_size(run, "/source", "prepared", model->is_prepared));
    INV_TRY(inv_run_set_size(run, "/source", "channels_first", model->channels_first));
    INV_TRY(inv_run_set_size(run, "/source", "note_count", model->note_count));
    if (*model->inverse_at) {
        INV_TRY(inv_run_set_text(run, "/source", "inverse_of", model->inverse_at));
        INV_TRY(inv_run_set_size(run, "/source", "image_height", model->image.height));
        INV_TRY(inv_run_set_size(run, "/source", "image_width", model->image.width));
        INV_TRY(inv_run_set_size(run, "/source", "image_channels", model->image.channels));
    }
    if (model->note_count > 0)
        INV_TRY(inv_run_set_texts(run, "/source", "notes", notes, model->note_count));
done:
    return status;
}

/* What its images are, in the words that a run trained here has for them. */
static inv_status put_data(inv_run *run, const inv_model *model)
{
    const inv_shape shape = inv_net_shape(model->net, 0);
    const struct {
        const char *name;
        size_t value;
    } sizes[] = {{"height", shape.height},
                 {"width", shape.width},
                 {"channels", shape.channels},
                 {"classes", inv_net_units(model->net, inv_net_depth(model->net))}};
    inv_status status = INV_OK;
    for (size_t i = 0; i < 4; i++)
        INV_TRY(inv_run_set_size(run, "/data", sizes[i].name, sizes[i].value));
    for (size_t i = 0; i < 3; i++)
        INV_TRY(inv_run_set_size(run, "/network", sizes[i].name, sizes[i].value));
    INV_TRY(inv_run_set_text(run, "/data", "type", inv_idx_type_name(INV_IDX_UBYTE)));
    INV_TRY(inv_run_set_real(run, "/data", "low", 0.0));
    INV_TRY(inv_run_set_real(run, "/data", "high", 255.0));
    INV_TRY(inv_run_set_real(run, "/data", "black", model->black));
    INV_TRY(inv_run_set_real(run, "/data", "white", model->white));
    INV_TRY(inv_run_set_real(run, "/data", "ground", model->black));
    INV_TRY(inv_run_set_real(run, "/", "scale", model->scale));
done:
    return status;
}

/* Where an inverse leads back from unless another point is said, as r2rt's from the last hidden
 * layer: what the layer before the last one with parameters gives, before its activation, or the next
 * below that no branch passes by. NULL where there is none. */
static const char *inverse_point(const inv_net *net, size_t *point)
{
    const size_t logits = inv_net_logits(net);
    for (size_t p = logits, weighted = 0; p > 0; p--) {
        weighted += inv_net_layer(net, p - 1)->block_count > 0;
        if (weighted >= 2 && inv_net_is_path(net, p, logits)) {
            *point = p;
            return inv_net_point_name(net, p);
        }
    }
    return NULL;
}

/* r2rt's, which is the experiment's own default, where each layer has an inverse by weights. */
static const char *inverse_kind(const inv_net *net, size_t point)
{
    bool all = inv_net_is_chain(net, 0, point);
    for (size_t p = 0; p < point; p++)
        all = all && inv_net_layer(net, p)->type->mirror;
    return all ? "" : "kind = \"decoder\"; ";
}

/* The experiment of an imported net: how its data are read, when they are given. */
static inv_status put_experiment(inv_run *run, const inv_model *model, const char *path)
{
    char *text = NULL, created[32];
    const time_t now = time(NULL);
    struct tm utc;
    inv_status status = INV_OK;
    char title[INV_NAME_MAX];
    snprintf(title, sizeof title, "%s", name_of(path));
    for (char *c = title; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '_';
    size_t point = 0;
    const char *at = inverse_point(model->net, &point);
    if (asprintf(
            &text,
            "title = \"%s, imported\";\ndata: { scale = %.9g; };\nnetwork: { layers = ( ); };\n"
            "%s%s%s%s%s",
            title, model->scale, at ? "inverse: { " : "", at ? inverse_kind(model->net, point) : "",
            at ? "at = \"" : "", at ? at : "", at ? "\"; };\n" : "") < 0)
        INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    INV_TRY(inv_run_set_text(run, "/", "program_version", INV_VERSION));
    INV_TRY(inv_run_set_text(run, "/", "experiment", text));
    INV_TRY(inv_run_set_size(run, "/", "seed", 1));
    INV_TRY(inv_run_set_text(run, "/", "created", created));
done:
    free(text);
    return status;
}

/* A line a class. */
static inv_status put_class_names(inv_run *run, const char *path, size_t classes)
{
    unsigned char *text = NULL;
    const char *names[INV_CLASSES_MAX];
    size_t size = 0, count = 0;
    char *at = NULL, *line = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_file_read(path, ARCH_MAX, &text, &size));
    for (line = strtok_r((char *)text, "\r\n", &at); line && count < INV_CLASSES_MAX;
         line = strtok_r(NULL, "\r\n", &at)) {
        if (!inv_class_name_good(line, strlen(line)))
            INV_FAIL(INV_EDATA, "%s: line %zu is no name of a class", path, count + 1);
        names[count++] = line;
    }
    if (count != classes)
        INV_FAIL(INV_EDATA, "%s: %zu %s of classes; the model has %zu %s", path, count,
                 inv_plural(count, "name", "names"), classes,
                 inv_plural(classes, "output", "outputs"));
    INV_TRY(inv_run_set_texts(run, "/", "class_names", names, count));
done:
    free(text);
    return status;
}

/* Where the data are that it was imported with: commands that come later look there. */
static inv_status put_data_folder(inv_run *run, const char *data)
{
    char *real = realpath(data, NULL);
    inv_status status = real ? inv_run_set_text(run, "/environment", "data_folder", real)
                             : INV_ERROR(INV_EIO, "%s: %s", data, strerror(errno));
    free(real);
    return status;
}

inv_status cli_model_run(const cli_options *options, const char *path, inv_run **out)
{
    inv_model *model = NULL;
    inv_run *run = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(cli_model_read(options, path, &model));
    INV_TRY(inv_run_create(&run));
    INV_TRY(put_experiment(run, model, path));
    INV_TRY(put_data(run, model));
    INV_TRY(put_source(run, model, options, path));
    if (options && options->data)
        INV_TRY(put_data_folder(run, options->data));
    INV_TRY(inv_run_put_net(run, "/network", model->net));
    if (model->class_count > 0)
        INV_TRY(inv_run_set_texts(run, "/", "class_names", (const char *const *)model->class_names,
                                  model->class_count));
    if (options && options->class_names)
        INV_TRY(put_class_names(run, options->class_names,
                                inv_net_units(model->net, inv_net_depth(model->net))));
    *out = run;
    run = NULL;
done:
    inv_run_free(run);
    inv_model_free(model);
    return status;
}

inv_status cli_notes(const inv_run *run, char *notes[INV_MODEL_NOTES_MAX], size_t *count)
{
    *count = 0;
    if (!inv_run_has_attribute(run, "/source", "notes"))
        return INV_OK;
    uint64_t n = 0;
    inv_status status = inv_run_size(run, "/source", "note_count", &n);
    if (status == INV_OK && n <= INV_MODEL_NOTES_MAX)
        status = inv_run_texts(run, "/source", "notes", notes, (size_t)n);
    *count = status == INV_OK ? (size_t)n : 0;
    return status;
}

/* ---- a run file of it ---- */

/* "DIR/mnist.weights.h5" is "mnist.weights.run.h5" in the current folder. */
static inv_status run_name(const char *path, char **out)
{
    const char *name = name_of(path), *dot = strrchr(name, '.');
    const size_t length = dot && dot > name ? (size_t)(dot - name) : strcspn(name, "/");
    if (asprintf(out, "%.*s.run.h5", (int)length, name) >= 0)
        return INV_OK;
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
}

/* The names of the files beside the model that a run was made of, to be freed, with their list. */
static inv_status read_beside(const inv_run *run, const char *place, char ***out, size_t *count)
{
    uint64_t n = 0;
    void *memory = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    *count = 0;
    if (!inv_run_has_attribute(run, "/source", "beside"))
        return INV_OK;
    INV_TRY(inv_run_size(run, "/source", "beside_count", &n));
    if (n > BESIDE_MAX)
        INV_FAIL(INV_EFORMAT, "%s: says that its model has %llu parts", place,
                 (unsigned long long)n);
    INV_TRY(inv_calloc((size_t)n, sizeof **out, place, &memory));
    *out = memory;
    INV_TRY(inv_run_texts(run, "/source", "beside", *out, (size_t)n));
    *count = (size_t)n;
    for (size_t i = 0; i < *count; i++)
        if (strchr((*out)[i], '/'))
            INV_FAIL(INV_EFORMAT, "%s: names '%s', which is no file beside a model", place,
                     (*out)[i]);
done:
    return status;
}

/* Whether the run's model was read with --arch, --key and --input as they are given now. */
static inv_status check_told(const inv_run *run, const cli_options *options, const char *path,
                             const char *place)
{
    char sha256[INV_SHA256_TEXT] = "", *kept = NULL;
    const char *other = NULL;
    inv_status status = INV_OK;
    if (options && options->arch)
        INV_TRY(inv_files_sha256(&options->arch, 1, sha256));
    const struct {
        const char *option, *attribute, *value;
    } told[] = {{"arch", "arch_sha256", *sha256 ? sha256 : NULL},
                {"key", "key", options ? options->key : NULL},
                {"input", "input", options ? options->input : NULL}};
    size_t which = 0;
    for (size_t i = 0; i < sizeof told / sizeof *told && !other; i++) {
        if (!told[i].value)
            continue;
        if (inv_run_has_attribute(run, "/source", told[i].attribute))
            INV_TRY(inv_run_text(run, "/source", told[i].attribute, &kept));
        other = kept && strcmp(kept, told[i].value) == 0 ? NULL : told[i].option;
        which = i;
        free(kept);
        kept = NULL;
    }
    if (other)
        INV_FAIL(INV_EINVAL,
                 "%s: is there already and was made with another --%s; remove it, or import the "
                 "model under another name: invproj import %s --%s %s -o NAME.h5",
                 place, other, path, other, which ? told[which].value : options->arch);
done:
    free(kept);
    return status;
}

/* Whether a run was made of this very model. */
static inv_status is_of_model(const inv_run *run, const char *path, const char *place, bool *out)
{
    char sha256[INV_SHA256_TEXT], *recorded = NULL, **beside = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    *out = false;
    if (inv_run_has_attribute(run, "/source", "sha256"))
        INV_TRY(inv_run_text(run, "/source", "sha256", &recorded));
    INV_TRY(read_beside(run, place, &beside, &count));
    INV_TRY(model_sha256(path, beside, count, sha256));
    *out = recorded && strcmp(recorded, sha256) == 0;
done:
    for (size_t i = 0; i < count; i++)
        free(beside[i]);
    free(beside);
    free(recorded);
    return status;
}

inv_status cli_model_is_source(const inv_run *run, const char *path, bool *out)
{
    inv_status status = is_of_model(run, path, path, out);
    return status == INV_ENOMEM ? status : INV_OK; /* what cannot be read is another */
}

/* The run file that is there must be of this very model. */
static inv_status check_place(const cli_options *options, const char *path, const char *place)
{
    inv_run *run = NULL;
    bool is_same = false;
    inv_status status = INV_OK;
    INV_TRY(cli_read_run(place, CLI_READ_ATTRIBUTES, &run));
    INV_TRY(is_of_model(run, path, place, &is_same));
    if (!is_same)
        INV_FAIL(INV_EINVAL,
                 "%s: is there already and is not of this model; import it under another name: "
                 "invproj import %s -o NAME.h5",
                 place, path);
    INV_TRY(check_told(run, options, path, place));
done:
    inv_run_free(run);
    return status;
}

static inv_status make_place(const cli_options *options, const cli_progress *progress,
                             const char *path, const char *place)
{
    inv_run *run = NULL;
    inv_status status = cli_model_run(options, path, &run);
    if (status == INV_OK)
        status = inv_run_save(run, place);
    if (status == INV_OK)
        cli_note(progress, "import    %s is in %s now", path, place);
    inv_run_free(run);
    return status;
}

/* Where results of the model go; NULL where it is none. */
static inv_status find_place(const char *path, char **place)
{
    bool is_model = false;
    *place = NULL;
    inv_status status = cli_model_is(path, &is_model);
    return status == INV_OK && is_model ? run_name(path, place) : status;
}

/* Where -o says, of the model that the command is about, results go in place of `place`. */
static inv_status take_out(const cli_options *options, const char *path, char **place)
{
    char *out = NULL;
    if (!options || !options->out || strcmp(path, options->operands[0]) != 0)
        return INV_OK;
    if (!*place)
        return INV_ERROR(INV_EINVAL,
                         "-o: says where results of a model of another program go; %s is a run "
                         "file, which takes them itself",
                         path);
    out = strdup(options->out);
    if (!out)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", options->out);
    free(*place);
    *place = out;
    return INV_OK;
}

inv_status cli_model_place(const cli_options *options, const cli_progress *progress,
                           const char *path, char **run_path)
{
    char *place = NULL;
    inv_status status = INV_OK;
    *run_path = NULL;
    INV_TRY(find_place(path, &place));
    INV_TRY(take_out(options, path, &place));
    if (!place)
        return INV_OK;
    if (access(place, F_OK) == 0)
        INV_TRY(check_place(options, path, place));
    else
        INV_TRY(make_place(options, progress, path, place));
    *run_path = place;
    place = NULL;
done:
    free(place);
    return status;
}

inv_status cli_model_results(const char *path, char **run_path)
{
    bool is_same = false;
    char *place = NULL;
    inv_run *run = NULL;
    inv_status status = INV_OK;
    *run_path = NULL;
    INV_TRY(find_place(path, &place));
    if (!place)
        return INV_OK;
    if (access(place, F_OK) == 0)
        status = cli_read_run(place, CLI_READ_ATTRIBUTES, &run);
    if (run)
        status = is_of_model(run, path, place, &is_same);
    if (status != INV_ENOMEM) /* what else is wrong with that file is told by who works in it */
        status = INV_OK;
    if (is_same) {
        *run_path = place;
        place = NULL;
    }
done:
    inv_run_free(run);
    free(place);
    return status;
}
