/* Images that a command is given, as rows for the net.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/plural.h"
#include "base/sniff.h"
#include "cli.h"
#include "invproj/centre.h"
#include "invproj/fit.h"
#include "invproj/image_file.h"
#include "invproj/look.h"
#include "invproj/pack.h"

/* ---- what the run file says of the images it was trained on ---- */

/* The root's attribute, or the experiment's scale where the file is older than that. */
static inv_status read_scale(const cli_file *file, double *scale)
{
    const inv_experiment *experiment = file->experiment;
    *scale = experiment && experiment->data.scale > 0.0 ? experiment->data.scale
                                                        : inv_idx_full_scale(INV_IDX_UBYTE, 0.0);
    if (inv_run_has_attribute(file->run, "/", "scale"))
        return inv_run_real(file->run, "/", "scale", scale);
    return INV_OK;
}

static inv_status read_type(const cli_file *file, char **type)
{
    if (inv_run_has_attribute(file->run, "/data", "type"))
        return inv_run_text(file->run, "/data", "type", type);
    *type = strdup(inv_idx_type_name(INV_IDX_UBYTE));
    return *type ? INV_OK : INV_ERROR(INV_ENOMEM, "%s: no memory", file->path);
}

/* ---- which files ---- */

/* Takes over `path`; NULL stands for a lack of memory. */
static inv_status add_file(cli_images *images, char *path)
{
    if (path && images->file_count == images->room) {
        const size_t room = 2 * images->room + 64;
        char **files = reallocarray(images->files, room, sizeof *files);
        if (files) {
            images->files = files;
            images->room = room;
        }
    }
    if (!path || images->file_count == images->room) {
        free(path);
        return INV_ERROR(INV_ENOMEM, "images: no memory for so many files");
    }
    images->files[images->file_count++] = path;
    return INV_OK;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return inv_natural_order((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* The folder that is being read, and those that it was come to by. */
typedef struct trail {
    const struct trail *from;
    dev_t device;
    ino_t number;
} trail;

/* Links may lead round in circles. */
static bool has_been(const trail *from, const struct stat *info)
{
    for (; from; from = from->from)
        if (from->device == info->st_dev && from->number == info->st_ino)
            return true;
    return false;
}

/* All pictures in a folder and those in it, by their names, in natural order. */
static inv_status add_folder(cli_images *images, const char *folder, const trail *from)
{
    struct dirent **entries = NULL;
    struct stat info = {0};
    const int count = scandir(folder, &entries, not_hidden, by_name);
    inv_status status = INV_OK;
    if (count < 0 || stat(folder, &info) != 0)
        status = INV_ERROR(INV_EIO, "%s: %s", folder, strerror(errno));
    const trail here = {from, info.st_dev, info.st_ino};
    const bool again = status == INV_OK && has_been(from, &info);
    for (int i = 0; i < count && status == INV_OK && !again; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
            path = NULL;
        if (path && is_folder(path)) {
            status = add_folder(images, path, &here);
            free(path);
        } else if (!path || inv_image_named(path)) {
            status = add_file(images, path);
        } else {
            free(path);
        }
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return status;
}

/* The names that stand in a line: one or, as `find -print0` writes them, several that each end in a 0. */
static inv_status add_line(cli_images *images, char *line, size_t length)
{
    inv_status status = INV_OK;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        line[--length] = '\0';
    for (size_t at = 0; at < length && status == INV_OK; at += strlen(line + at) + 1)
        if (line[at])
            status = add_file(images, strdup(line + at));
    return status;
}

/* The names that stand on stdin. */
static inv_status add_listed(cli_images *images)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    inv_status status = INV_OK;
    for (bool first = true; status == INV_OK && (length = getline(&line, &room, stdin)) >= 0;
         first = false) {
        const inv_kind *kind =
            first ? inv_sniff((const unsigned char *)line, (size_t)length) : NULL;
        status =
            kind
                ? INV_ERROR(INV_EINVAL,
                            "-: names of files are read from stdin, one on each line, but there is "
                            "%s; give its name",
                            kind->what)
                : add_line(images, line, (size_t)length);
    }
    free(line);
    return status;
}

static inv_status add_operand(cli_images *images, const char *operand)
{
    const size_t before = images->file_count;
    const bool listed = strcmp(operand, "-") == 0, folder = !listed && is_folder(operand);
    inv_status status = listed   ? add_listed(images)
                        : folder ? add_folder(images, operand, NULL)
                                 : add_file(images, strdup(operand));
    if (status == INV_OK && images->file_count == before)
        return listed ? INV_ERROR(INV_EINVAL, "-: no file is named on stdin, one on each line")
                      : INV_ERROR(INV_EDATA,
                                  "%s: holds no PNG or JPEG file; IDX and NumPy files are named "
                                  "one by one",
                                  operand);
    return status;
}

/* ---- all of it ---- */

inv_status cli_images_open(const cli_file *file, const inv_net *net, cli_images *images)
{
    inv_status status = INV_OK;
    *images = (cli_images){
        .options = file->options,
        .run = file->run,
        .shape = inv_net_shape(net, 0),
    };
    INV_TRY(read_scale(file, &images->scale));
    INV_TRY(read_type(file, &images->type));
    INV_TRY(cli_data_pixels(file->run, &images->pixels));
    INV_TRY(cli_data_looks(file->run, &images->looks));
    for (size_t i = 1; i < file->options->operand_count; i++)
        INV_TRY(add_operand(images, file->options->operands[i]));
    if (file->options->centre && (images->shape.height < 2 || images->shape.width < 2))
        INV_FAIL(INV_EINVAL,
                 "--centre: the net's images are lines of %zu values, in which nothing can be "
                 "centred; leave it out",
                 inv_shape_size(images->shape));
    if (!(images->scale > 0.0))
        INV_FAIL(INV_EFORMAT, "%s: /: pixels cannot be divided by a scale of %g", file->path,
                 images->scale);
done:
    return status;
}

static void free_files(cli_images *images)
{
    for (size_t i = 0; i < images->file_count; i++)
        free(images->files[i]);
    free(images->files);
}

void cli_images_close(cli_images *images)
{
    inv_idx_free(images->idx);
    free(images->type);
    free_files(images);
}

/* ---- one image ---- */

/* Whether the image is already what one row holds, if only by the number of its values: a net for
 * plain rows does not know how high and wide they once were. */
static bool is_row(inv_shape given, inv_shape wanted)
{
    const bool same = given.height == wanted.height && given.width == wanted.width &&
                      given.channels == wanted.channels;
    return same || (wanted.height == 1 && wanted.channels == 1 &&
                    inv_shape_size(given) == inv_shape_size(wanted));
}

#define CONTRAST_MIN 0.1 /* of black to white: an image with less is blank */

/* Whether ink is darker where the net knows it lighter, or the other way round. --centre takes the ground
 * away, however bright it is: there, what counts is on which side of it the ink lies. */
static bool has_other_ground(const cli_images *images, double low, double high, double ground)
{
    const inv_pixels *p = &images->pixels;
    const bool on_dark = p->ground < (p->black + p->white) / 2;
    if (images->options->centre)
        return on_dark ? ground > (low + high) / 2 : ground < (low + high) / 2;
    return fabs(ground - p->ground) > (p->white - p->black) / 2;
}

/* Counts what is unusual of an image, as it was given and as a row. */
static inv_status judge(cli_images *images, inv_shape given, const float *values, const float *row)
{
    const inv_pixels *pixels = &images->pixels;
    const double span = pixels->white - pixels->black;
    float low = values[0], high = values[0], ground = (float)pixels->ground;
    double look[INV_LOOKS];
    inv_status status = INV_OK;
    for (size_t j = 1; j < inv_shape_size(given); j++) {
        low = values[j] < low ? values[j] : low;
        high = values[j] > high ? values[j] : high;
    }
    if (given.height > 1 && given.width > 1)
        status = inv_fit_ground(given, values, &ground);
    images->seen++;
    if (high - low < CONTRAST_MIN * span)
        images->blank++;
    else if (has_other_ground(images, low, high, ground))
        images->ground++;
    else if (inv_look_at(images->shape, row, pixels, look) && !inv_looks_hold(&images->looks, look))
        images->unlike++;
    return status;
}

#define RARE 1000 /* one of so many is among the images trained on, too */

/* What to try: a ground of the other brightness is one only where most images have it; else it is ink
 * that touches an image's edges. */
static const char *what_to_try(const cli_options *options, bool other_ground)
{
    if (options->centre)
        return !other_ground     ? ""
               : options->invert ? "; try it without --invert"
                                 : "; try --invert";
    if (!other_ground)
        return "; try --centre";
    return options->invert ? "; try --centre without --invert" : "; try --invert --centre";
}

void cli_images_advise(const cli_images *images)
{
    const inv_pixels *pixels = &images->pixels;
    const bool on_dark = pixels->ground < (pixels->black + pixels->white) / 2;
    const bool centre = images->options->centre;
    const bool other_ground = 2 * images->ground > images->seen;
    const struct {
        size_t count;
        const char *what;
    } list[] = {{images->blank, "blank"},
                {other_ground ? images->ground : 0,
                 on_dark ? "on a light ground, those trained on a dark one"
                         : "on a dark ground, those trained on a light one"},
                {images->unlike + (other_ground || centre ? 0 : images->ground),
                 "larger, smaller or elsewhere than those trained on"}};
    char text[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].count * RARE > images->seen)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s", used ? "; " : "",
                                     list[i].count, list[i].what);
    if (used > 0)
        cli_warn(
            "of %zu %s: %s%s", images->seen, inv_plural(images->seen, "image", "images"), text,
            images->shape.height < 2 ? ""
            : images->blank == images->seen
                ? (images->options->invert ? "" : "; of ink on a transparent ground, try --invert")
                : what_to_try(images->options, other_ground));
}

/* Fits `values`, which it may change, into a row. */
static inv_status make_row(cli_images *images, const char *file, inv_shape given, float *values,
                           float *row)
{
    const size_t size = inv_shape_size(given);
    const inv_pixels *pixels = &images->pixels;
    for (size_t j = 0; images->options->invert && j < size; j++)
        values[j] = (float)(pixels->black + pixels->white) - values[j];
    inv_status status = INV_OK;
    bool found = true;
    if (images->options->centre)
        status = inv_centre_image(given, values, images->shape, pixels, row, &found);
    else if (is_row(given, images->shape))
        memcpy(row, values, size * sizeof *row);
    else
        status = inv_fit_image(given, values, images->shape, (float)pixels->ground, row);
    if (status == INV_EDATA || status == INV_EINVAL)
        return INV_ERROR(status, "%s: %s", file, inv_error_message());
    return status == INV_OK ? judge(images, given, values, row) : status;
}

/* What is transparent is ground in the row, so its opposite before an inversion. */
static inv_status take_picture(cli_images *images, const char *file, float *row)
{
    const inv_pixels *pixels = &images->pixels;
    const double span = pixels->white - pixels->black;
    const float ground = (float)((pixels->ground - pixels->black) / span);
    float *values = NULL;
    inv_shape given = {0};
    inv_status status =
        inv_image_read(file, images->options->invert ? 1.0f - ground : ground, &given, &values);
    if (status != INV_OK)
        return status;
    for (size_t j = 0; j < inv_shape_size(given); j++)
        values[j] = (float)(pixels->black + span * values[j]);
    status = make_row(images, file, given, values, row);
    free(values);
    return status;
}

/* As the sizes tell or, where they do not, as the images trained on were read. */
static inv_status arrange(const cli_images *images, const char *file, inv_idx *idx)
{
    const inv_run *run = images->run;
    uint64_t transposed = 0;
    char *axes = NULL;
    const char *read_as = NULL;
    inv_status status = INV_OK;
    if (inv_run_has_attribute(run, "/data", "transposed"))
        INV_TRY(inv_run_size(run, "/data", "transposed", &transposed));
    status = inv_images_arrange(file, "", transposed, idx, &read_as);
    if (status != INV_EDATA)
        return status;
    if (inv_run_has_attribute(run, "/data", "axes"))
        INV_TRY(inv_run_text(run, "/data", "axes", &axes));
    status =
        inv_images_arrange(file, axes ? axes : inv_axes_names[0].name, transposed, idx, &read_as);
done:
    free(axes);
    return status;
}

/* Rows of numbers are images of the net where they have as many as those, and such a matrix is one of
 * them; to make others larger or smaller would be to draw a line across the image. */
static inv_status shape_rows(const cli_images *images, const char *file, inv_idx *idx)
{
    const inv_shape s = images->shape;
    const size_t size = inv_shape_size(s);
    if (idx->rank != 2 || s.height == 1)
        return INV_OK;
    if (idx->dims[1] != size && idx->size != size)
        return INV_ERROR(INV_EDATA,
                         "%s: holds %zu rows of %zu numbers, and the net's images are %zu x %zu x "
                         "%zu; give it n x %zu x %zu%s or rows of %zu",
                         file, idx->dims[0], idx->dims[1], s.height, s.width, s.channels, s.height,
                         s.width, s.channels > 1 ? " x channels" : "", size);
    idx->dims[0] = idx->size / size;
    idx->dims[1] = s.height, idx->dims[2] = s.width, idx->dims[3] = s.channels;
    idx->rank = 4;
    return INV_OK;
}

static inv_status open_idx(cli_images *images, const char *file)
{
    double low = 0.0, high = 0.0;
    inv_status status = inv_array_read(file, &images->idx);
    if (status != INV_OK)
        return status;
    inv_idx *idx = images->idx;
    if (idx->rank < 2)
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds no images but a list of numbers, as labels are (predict takes "
                         "those with --labels)",
                         file);
    status = arrange(images, file, idx);
    if (status == INV_OK)
        status = shape_rows(images, file, idx);
    if (status != INV_OK)
        return status;
    const size_t at = inv_idx_range(idx->type, idx->data, idx->size, &low, &high);
    if (at < idx->size)
        return INV_ERROR(INV_EDATA, "%s: image %zu (from 0) has a value that is not finite", file,
                         at / (idx->size / idx->dims[0]));
    const bool same = strcmp(inv_idx_type_name(idx->type), images->type) == 0;
    const double span = images->pixels.white - images->pixels.black;
    images->idx_scale = same ? images->scale : inv_idx_full_scale(idx->type, high) / span;
    images->idx_black = same ? 0.0 : images->pixels.black;
    images->file = file;
    images->next = 0;
    return INV_OK;
}

/* The next image of the IDX file at hand. */
static inv_status take_idx(cli_images *images, float *row)
{
    const inv_idx *idx = images->idx;
    const inv_shape given = inv_images_shape(idx);
    const size_t size = inv_shape_size(given);
    void *values = NULL;
    inv_status status = inv_calloc(size, sizeof(float), "an image", &values);
    if (status != INV_OK)
        return status;
    inv_idx_floats(idx->type, idx->data, images->next++ * size, size, images->idx_scale, values);
    for (size_t j = 0; images->idx_black != 0.0 && j < size; j++)
        ((float *)values)[j] += (float)images->idx_black;
    status = make_row(images, images->file, given, values, row);
    free(values);
    if (images->next == idx->dims[0]) {
        inv_idx_free(images->idx);
        images->idx = NULL;
    }
    return status;
}

/* ---- all of them ---- */

/* Opens the next file; *picture where it is one, which is read at once. */
static inv_status open_next(cli_images *images, bool *picture)
{
    images->file = images->files[images->next_file++];
    inv_status status = inv_image_is(images->file, picture);
    *picture = *picture || inv_image_named(images->file); /* and then is none, which reading says */
    return status == INV_OK && !*picture ? open_idx(images, images->file) : status;
}

/* Whether the status is of a file among several that cannot be read, which is said: the others are
 * read first, and no more of this one. */
static bool is_broken(cli_images *images, inv_status status)
{
    const bool broken = status == INV_EIO || status == INV_EFORMAT || status == INV_EDATA;
    if (!broken || images->file_count < 2)
        return false;
    cli_progress_clear();
    fprintf(stderr, "%s\n", inv_error_message());
    images->broken++;
    inv_idx_free(images->idx);
    images->idx = NULL;
    return true;
}

static inv_status check_broken(const cli_images *images)
{
    if (images->broken == 0 || images->options->skip_broken)
        return INV_OK;
    return INV_ERROR(
        INV_EDATA,
        "%zu of %zu %s cannot be read; mend %s, or leave %s out with "
        "--skip-broken",
        images->broken, images->file_count, inv_plural(images->file_count, "file", "files"),
        inv_plural(images->broken, "it", "them"), inv_plural(images->broken, "it", "them"));
}

inv_status cli_images_next(cli_images *images, size_t maximum, gsl_matrix_float *rows,
                           cli_image *from, size_t *n)
{
    *n = 0;
    while (*n < maximum && (images->idx || images->next_file < images->file_count)) {
        float *row = rows->data + *n * rows->tda;
        bool picture = false;
        inv_status status = images->idx ? INV_OK : open_next(images, &picture);
        if (from)
            from[*n] =
                (cli_image){images->file, !picture, picture ? 0 : images->next, images->given};
        if (status == INV_OK)
            status = picture ? take_picture(images, images->file, row) : take_idx(images, row);
        images->given++;
        if (status == INV_OK)
            ++*n;
        else if (!is_broken(images, status))
            return status;
    }
    return images->idx || images->next_file < images->file_count ? INV_OK : check_broken(images);
}
