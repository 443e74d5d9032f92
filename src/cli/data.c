/* The data a session works on: where they are, how they were read, and what is said of them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/plural.h"
#include "cli.h"
#include "invproj/file.h"

/* ---- where they may be ---- */

/* Where the data are looked for, in this order. */
typedef struct places {
    size_t count;
    char *of[3];
} places;

static void places_close(places *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->of[i]);
}

bool cli_is_imported(const inv_run *run)
{
    return run && inv_run_has(run, "/source");
}

bool cli_is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return strcmp(a, b) == 0 || (stat(a, &first) == 0 && stat(b, &second) == 0 &&
                                 first.st_dev == second.st_dev && first.st_ino == second.st_ino);
}

/* Takes over `path`, unless it is one of them already; NULL stands for a lack of memory. */
static inv_status add_place(places *p, char *path)
{
    if (!path)
        return INV_ERROR(INV_ENOMEM, "data: no memory for a folder's name");
    bool is_new = true;
    for (size_t i = 0; i < p->count; i++)
        is_new = is_new && !cli_is_same_file(path, p->of[i]);
    if (is_new)
        p->of[p->count++] = path;
    else
        free(path);
    return INV_OK;
}

/* What the run file remembers of the newest start, in *text; NULL where it does not. */
static inv_status recall(const cli_file *file, const char *name, char **text)
{
    *text = NULL;
    return file->run && inv_run_has_attribute(file->run, "/environment", name)
               ? inv_run_text(file->run, "/environment", name, text)
               : INV_OK;
}

/* Whether the folder was said on the command line, and not in the experiment file. */
static bool is_set_here(const cli_options *options)
{
    for (size_t i = 0; i < options->set_count; i++)
        if (strncmp(options->sets[i], "data.folder=", 12) == 0 ||
            strncmp(options->sets[i], "data=", 5) == 0)
            return true;
    return false;
}

/* The experiment's folder as it stands beside the experiment file: the one that is read now, or the
 * one that the run was started from. */
static inv_status add_beside_experiment(const cli_file *file, places *p)
{
    const char *folder = file->experiment->data.folder;
    char *beside = NULL, *started = NULL;
    inv_status status = INV_OK;
    if (folder[0] == '/' || is_set_here(file->options))
        return INV_OK;
    if (file->starts) {
        INV_TRY(inv_file_beside(file->options->operands[0], folder, &beside));
    } else {
        INV_TRY(recall(file, "experiment_folder", &started));
        if (!started)
            return INV_OK;
        if (asprintf(&beside, "%s/%s", started, folder) < 0)
            beside = NULL;
    }
    INV_TRY(add_place(p, beside));
done:
    free(started);
    return status;
}

/* --data DIR and no other; else where the run's newest start had them, the experiment's folder
 * beside the experiment file, and that folder from where the program runs. */
static inv_status find_places(const cli_file *file, places *p)
{
    char *recorded = NULL;
    inv_status status = INV_OK;
    if (file->options->data)
        return add_place(p, strdup(file->options->data));
    INV_TRY(recall(file, "data_folder", &recorded));
    if (recorded)
        INV_TRY(add_place(p, recorded));
    INV_TRY(add_beside_experiment(file, p));
    INV_TRY(add_place(p, strdup(file->experiment->data.folder)));
done:
    return status;
}

/* ---- opening ---- */

static bool is_recorded(const inv_run *run)
{
    return inv_run_has_attribute(run, "/", "dataset_sha256");
}

bool cli_data_is_known(const cli_file *file)
{
    return file->options->data || !file->run || is_recorded(file->run) ||
           inv_run_has_attribute(file->run, "/environment", "data_folder");
}

inv_status cli_data_adopt(inv_run *run, const inv_dataset *data)
{
    const char *digests[INV_DATA_FILES];
    inv_status status = INV_OK;
    if (is_recorded(run))
        return INV_OK;
    for (size_t i = 0; i < INV_DATA_FILES; i++)
        digests[i] = data->sha256[i];
    INV_TRY(inv_run_set_text(run, "/", "dataset", data->name));
    INV_TRY(inv_run_set_texts(run, "/", "dataset_sha256", digests, INV_DATA_FILES));
    INV_TRY(inv_run_set_size(run, "/data", "train", data->train.count));
    INV_TRY(inv_run_set_size(run, "/data", "validation", data->validation.count));
    INV_TRY(inv_run_set_size(run, "/data", "test", data->test.count));
done:
    return status;
}

/* The data of the run file must be those at hand, byte for byte. */
static inv_status check_sums(const cli_file *file, const inv_dataset *data, const char *place)
{
    char *recorded[INV_DATA_FILES];
    inv_status status = inv_run_texts(file->run, "/", "dataset_sha256", recorded, INV_DATA_FILES);
    for (size_t i = 0; status == INV_OK && i < INV_DATA_FILES; i++)
        if (strcmp(recorded[i], data->sha256[i]) != 0)
            status = INV_ERROR(INV_EDATA,
                               "%s: %s was made from other data: SHA-256 of file %zu of 4 is "
                               "%.12s..., not %.12s...",
                               place, file->path, i + 1, data->sha256[i], recorded[i]);
    for (size_t i = 0; i < INV_DATA_FILES; i++)
        free(recorded[i]);
    return status;
}

static inv_status open_place(const cli_file *file, cli_materials *materials, const char *place)
{
    uint64_t seed = file->seed;
    inv_status status = INV_OK;
    if (file->run) /* whose images were mixed by its own seed, not by one of --seed */
        INV_TRY(inv_run_size(file->run, "/", "seed", &seed));
    INV_TRY(inv_dataset_load(&file->experiment->data, place, seed, &materials->data));
    if (file->run && is_recorded(file->run))
        INV_TRY(check_sums(file, materials->data, place));
    free(materials->data_folder);
    materials->data_folder = realpath(place, NULL);
    if (!materials->data_folder)
        materials->data_folder = strdup(place);
    if (!materials->data_folder)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its name", place);
done:
    if (status != INV_OK) {
        inv_dataset_free(materials->data);
        materials->data = NULL;
    }
    return status;
}

/* A run's SHA-256s tell which data are meant: what is not they is passed over. A new run has none:
 * the first place that is there at all is meant. */
inv_status cli_data_open(const cli_file *file, cli_materials *materials)
{
    if (!cli_data_is_known(file))
        return INV_ERROR(INV_EDATA, CLI_NO_DATA, file->path);
    char why[INV_MESSAGE_MAX] = "";
    places p = {0};
    bool missing = false;
    inv_status status = find_places(file, &p);
    if (status != INV_OK)
        goto done;
    for (size_t i = 0; i < p.count; i++) {
        const size_t used = strlen(why);
        status = open_place(file, materials, p.of[i]);
        if (status == INV_OK || status == INV_ENOMEM)
            goto done;
        missing = missing || status == INV_EIO || (status == INV_EDATA && file->run);
        snprintf(why + used, sizeof why - used, "%s%.300s", used ? "; " : "", inv_error_message());
        if (!file->run && access(p.of[i], F_OK) == 0)
            break;
    }
    status = INV_ERROR(
        status, "%s%s", why,
        missing && !file->options->data ? "; name the folder of the data with --data DIR" : "");
done:
    places_close(&p);
    return status;
}

inv_status cli_data_remember(const cli_file *file, const char *data_folder)
{
    char *folder = NULL, *real = NULL;
    inv_status status = inv_run_set_text(file->run, "/environment", "data_folder", data_folder);
    if (status != INV_OK || !file->starts)
        return status;
    INV_TRY(inv_file_beside(file->options->operands[0], ".", &folder));
    real = realpath(folder, NULL);
    if (real)
        INV_TRY(inv_run_set_text(file->run, "/environment", "experiment_folder", real));
done:
    free(folder);
    free(real);
    return status;
}

/* ---- what is said of them ---- */

static inv_status put_class_names(inv_run *run, const inv_dataset *data)
{
    const char *names[INV_CLASSES_MAX];
    if (!data->class_names)
        return INV_OK;
    for (size_t c = 0; c < data->classes; c++)
        names[c] = data->class_names[c];
    return inv_run_set_texts(run, "/", "class_names", names, data->classes);
}

#define LOOKS "/data/looks"

static inv_status put_looks(inv_run *run, const inv_dataset *data)
{
    const size_t dims[] = {2, INV_LOOKS};
    double both[2][INV_LOOKS];
    if (data->looks.high[0] < data->looks.low[0])
        return INV_OK;
    memcpy(both[0], data->looks.low, sizeof both[0]);
    memcpy(both[1], data->looks.high, sizeof both[1]);
    return inv_run_put(run, LOOKS, INV_FLOAT64, 2, dims, both, INV_RUN_PLAIN);
}

/* Older files say nothing of it. */
inv_status cli_data_looks(const inv_run *run, inv_looks *out)
{
    double both[2][INV_LOOKS];
    *out = INV_LOOKS_NONE;
    if (!inv_run_has(run, LOOKS))
        return INV_OK;
    inv_status status = inv_run_get(run, LOOKS, INV_FLOAT64, (size_t)2 * INV_LOOKS, both);
    if (status != INV_OK)
        return status;
    memcpy(out->low, both[0], sizeof out->low);
    memcpy(out->high, both[1], sizeof out->high);
    return INV_OK;
}

/* How the images were read. What another command needs to read images alike, @scale and
 * @class_names, stands at the root. */
inv_status cli_data_describe(inv_run *run, const inv_dataset *data)
{
    const struct {
        const char *name;
        size_t value;
    } sizes[] = {{"height", data->shape.height},         {"width", data->shape.width},
                 {"channels", data->shape.channels},     {"classes", data->classes},
                 {"train", data->train.count},           {"test", data->test.count},
                 {"validation", data->validation.count}, {"transposed", data->transposed}};
    inv_status status = INV_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        INV_TRY(inv_run_set_size(run, "/data", sizes[i].name, sizes[i].value));
    INV_TRY(inv_run_set_text(run, "/data", "type", inv_idx_type_name(data->train.type)));
    if (*data->axes)
        INV_TRY(inv_run_set_text(run, "/data", "axes", data->axes));
    INV_TRY(inv_run_set_real(run, "/data", "low", data->low));
    INV_TRY(inv_run_set_real(run, "/data", "high", data->high));
    INV_TRY(inv_run_set_real(run, "/data", "black", data->pixels.black));
    INV_TRY(inv_run_set_real(run, "/data", "white", data->pixels.white));
    INV_TRY(inv_run_set_real(run, "/data", "ground", data->pixels.ground));
    INV_TRY(inv_run_set_real(run, "/", "scale", data->scale));
    INV_TRY(put_class_names(run, data));
    INV_TRY(cli_put_class_images(run, data));
    INV_TRY(put_looks(run, data));
done:
    return status;
}

/* A list of the classes that validation lacks, by number: "1, 2, 5". */
static void list_missing(const inv_dataset *data, char *text, size_t size)
{
    size_t train[INV_CLASSES_MAX], validation[INV_CLASSES_MAX], used = 0;
    inv_part_classes(&data->train, train);
    inv_part_classes(&data->validation, validation);
    for (size_t c = 0; c < data->classes && used < size; c++)
        if (train[c] > 0 && validation[c] == 0)
            used += (size_t)snprintf(text + used, size - used, "%s%zu", used ? ", " : "", c);
}

#define LARGE   50.0 /* beyond which units saturate or die before they have learned */
#define SMALL   0.05 /* below which a net hardly tells images apart */
#define ANOTHER 4.0  /* times as large are no pixels of images that were prepared alike */

/* Standardised pixels are near 1 in size, as those from 0 to 1 are; floats of 0 to 255, and bytes that are
 * 0 and 1, are not. */
static void note_size(const inv_dataset *data)
{
    const double size = data->size[0], seen = size / data->scale, test = data->size[1];
    if (seen > LARGE || (seen > 0.0 && seen < SMALL))
        cli_warn(
            "          the net sees pixels of up to %.4g; with data.scale = %g, of up to 1, it "
            "learns better",
            seen, size);
    if (test > ANOTHER * size || (test > 0.0 && size > ANOTHER * test))
        cli_warn(
            "          pixels to train on are up to %g, those to test on up to %g: prepare both "
            "in one way",
            size, test);
}

/* What is unusual in how they were read, or asks for another way. */
static void note_reading(const inv_dataset *data, const cli_progress *progress)
{
    char missing[64] = "";
    if (strcmp(data->axes, "nchw") == 0)
        cli_note(progress, "          read channels first, %zu x %zu x %zu in the file",
                 data->shape.channels, data->transposed ? data->shape.width : data->shape.height,
                 data->transposed ? data->shape.height : data->shape.width);
    if (data->transposed)
        cli_note(progress, "          rows and columns have changed places");
    if (data->label_columns > 1)
        cli_note(progress,
                 "          labels of %zu numbers, of which the first is the "
                 "class",
                 data->label_columns);
    if (data->sideways)
        cli_warn(
            "          EMNIST's images lie on their side; data.transpose = true turns them up");
    note_size(data);
    list_missing(data, missing, sizeof missing);
    if (data->missing > 0)
        cli_warn(
            "          %zu %s no validation image (%s%s); data.shuffle = true gives each its share",
            data->missing, inv_plural(data->missing, "class has", "classes have"), missing,
            strlen(missing) + 1 == sizeof missing ? "..." : "");
}

void cli_data_note(const inv_dataset *data, const cli_progress *progress)
{
    char empty[64] = "";
    if (data->empty > 0)
        snprintf(empty, sizeof empty, ", %zu of them without images", data->empty);
    cli_note(progress, "data      %s: %zu %s to train on, %zu to validate, %zu to test", data->name,
             data->train.count, inv_plural(data->train.count, "image", "images"),
             data->validation.count, data->test.count);
    cli_note(progress, "          %zu x %zu x %zu, %ss from %g to %g, divided by %g; %zu classes%s",
             data->shape.height, data->shape.width, data->shape.channels,
             inv_idx_type_name(data->train.type), data->low, data->high, data->scale, data->classes,
             empty);
    note_reading(data, progress);
}

/* ---- what a run file says of pixels ---- */

/* Older files have no @black and @ground: pixels were none but 0 to white. */
inv_status cli_data_pixels(const inv_run *run, inv_pixels *out)
{
    double scale = inv_idx_full_scale(INV_IDX_UBYTE, 0.0);
    inv_status status = INV_OK;
    if (inv_run_has_attribute(run, "/", "scale"))
        INV_TRY(inv_run_real(run, "/", "scale", &scale));
    *out = (inv_pixels){0.0, inv_idx_full_scale(INV_IDX_UBYTE, 0.0) / scale, 0.0};
    if (inv_run_has_attribute(run, "/data", "white"))
        INV_TRY(inv_run_real(run, "/data", "white", &out->white));
    if (inv_run_has_attribute(run, "/data", "black")) {
        INV_TRY(inv_run_real(run, "/data", "black", &out->black));
        INV_TRY(inv_run_real(run, "/data", "ground", &out->ground));
    }
    if (!(out->black < out->white))
        INV_FAIL(INV_EFORMAT, "%s: /data: black is %g and white %g", inv_run_name(run), out->black,
                 out->white);
done:
    return status;
}
