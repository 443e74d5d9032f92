/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <gsl/gsl_randist.h>

static const char *const file_names[INV_DATA_FILES] = {
    [INV_TRAIN_IMAGES] = "train-images-idx3-ubyte",
    [INV_TRAIN_LABELS] = "train-labels-idx1-ubyte",
    [INV_TEST_IMAGES] = "t10k-images-idx3-ubyte",
    [INV_TEST_LABELS] = "t10k-labels-idx1-ubyte",
};

/* Data sets known by the SHA-256 of their training images. */
static const struct known_data {
    const char *sha256, *name;
} known_data[] = {
    {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", "MNIST"},
    {"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", "Fashion-MNIST"},
};

#define REMEDY "run 'make data' to get MNIST, or name another folder with --data DIR"

/* ---- opening ---- */

static inv_status check_folder(const char *folder)
{
    struct stat info;
    if (stat(folder, &info) != 0)
        return INV_ERROR(INV_EIO, "%s: %s; " REMEDY, folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return INV_ERROR(INV_EIO, "%s: is not a folder; " REMEDY, folder);
    return INV_OK;
}

/* The path of data file `which`, without or else with ".gz"; the caller frees it. */
static inv_status find_file(const char *folder, int which, char **path)
{
    static const char *const endings[] = {"", ".gz"};
    const char *name = file_names[which];
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    struct stat info;
    for (size_t i = 0; i < 2; i++) {
        if (asprintf(path, "%s%s%s%s", folder, slash, name, endings[i]) < 0) {
            *path = NULL;
            return INV_ERROR(INV_ENOMEM, "%s: no memory for a file name", folder);
        }
        /* whatever else is wrong with it, reading it will say */
        if (stat(*path, &info) == 0 || errno != ENOENT)
            return INV_OK;
        free(*path);
        *path = NULL;
    }
    return INV_ERROR(INV_EIO, "%s: neither %s nor %s.gz is there; " REMEDY, folder, name, name);
}

static inv_status check_rank(const char *path, int which, const inv_idx *idx)
{
    bool images = which == INV_TRAIN_IMAGES || which == INV_TEST_IMAGES;
    if (images ? idx->rank == 3 || idx->rank == 4 : idx->rank == 1)
        return INV_OK;
    return INV_ERROR(INV_EFORMAT, "%s: holds an array of %zu dimensions, but %s", path, idx->rank,
                     images ? "images have 3 (or 4, channels last)" : "labels have 1");
}

static inv_status read_files(const char *folder, inv_dataset *data)
{
    inv_status status = INV_OK;
    char *path = NULL;
    for (int which = 0; which < INV_DATA_FILES; which++) {
        INV_TRY(find_file(folder, which, &path));
        INV_TRY(inv_idx_read(path, &data->files[which]));
        INV_TRY(check_rank(path, which, data->files[which]));
        memcpy(data->sha256[which], data->files[which]->sha256, INV_SHA256_TEXT);
        free(path);
        path = NULL;
    }
fail:
    free(path);
    return status;
}

static inv_shape shape_of(const inv_idx *images)
{
    size_t channels = images->rank == 4 ? images->dims[3] : 1;
    return (inv_shape){images->dims[1], images->dims[2], channels};
}

static inv_part part_of(const inv_dataset *data, int images, int labels)
{
    const inv_idx *idx = data->files[images];
    return (inv_part){
        .count = idx->dims[0],
        .pixels = inv_shape_size(data->shape),
        .images = idx->data,
        .labels = data->files[labels]->data,
        .value = data->value,
    };
}

/* ---- what cannot serve ---- */

static inv_status check_counts(const char *folder, const inv_dataset *data, int images, int labels)
{
    size_t n = data->files[images]->dims[0], m = data->files[labels]->dims[0];
    if (n == m)
        return INV_OK;
    return INV_ERROR(INV_EDATA, "%s: %zu images in %s but %zu labels in %s", folder, n,
                     file_names[images], m, file_names[labels]);
}

static inv_status check_shapes(const char *folder, const inv_dataset *data)
{
    inv_shape a = data->shape, b = shape_of(data->files[INV_TEST_IMAGES]);
    if (a.height == b.height && a.width == b.width && a.channels == b.channels)
        return INV_OK;
    return INV_ERROR(INV_EDATA,
                     "%s: the training images are %zu x %zu x %zu, the test images %zu x %zu x %zu",
                     folder, a.height, a.width, a.channels, b.height, b.width, b.channels);
}

/* Counts the classes, and sees that there are two and that the test part has no others. */
static inv_status check_labels(const char *folder, inv_dataset *data)
{
    const inv_part *train = &data->train, *test = &data->test;
    size_t largest = 0;
    bool alike = true;
    for (size_t i = 0; i < train->count; i++) {
        largest = train->labels[i] > largest ? train->labels[i] : largest;
        alike = alike && train->labels[i] == train->labels[0];
    }
    data->classes = largest + 1;
    if (alike)
        return INV_ERROR(INV_EDATA, "%s: every label in %s is %zu; two classes are the least",
                         folder, file_names[INV_TRAIN_LABELS], largest);
    for (size_t i = 0; i < test->count; i++)
        if (test->labels[i] > largest)
            return INV_ERROR(INV_EDATA,
                             "%s: label %d at index %zu of %s, but those to train on end at %zu",
                             folder, test->labels[i], i, file_names[INV_TEST_LABELS], largest);
    return INV_OK;
}

static inv_status check_images(const char *folder, const inv_part *train)
{
    for (size_t i = 1; i < train->count; i++)
        if (memcmp(train->images, train->images + i * train->pixels, train->pixels) != 0)
            return INV_OK;
    return INV_ERROR(INV_EDATA, "%s: every training image is the same: nothing to learn", folder);
}

/* ---- the values and the name ---- */

/* value[b] = b / scale, rounded once to float */
static inv_status set_values(inv_dataset *data, double scale)
{
    /* the smallest value that is not zero and the largest have to come out normal */
    if (!(scale > 0) || !isnormal((float)(1 / scale)) || !isnormal((float)(255 / scale)))
        return INV_ERROR(INV_EINVAL,
                         "scale: %g is not a positive number that pixels can be divided by; "
                         "255 makes them 0 to 1",
                         scale);
    for (int b = 0; b < 256; b++)
        data->value[b] = (float)(b / scale);
    return INV_OK;
}

/* The last part of a path, of which *length bytes count. */
static const char *last_part(const char *path, size_t *length)
{
    size_t end = strlen(path), start;
    while (end > 1 && path[end - 1] == '/')
        end--;
    start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *length = end - start;
    return path + start;
}

static void set_name(inv_dataset *data, const char *folder)
{
    size_t length, room = sizeof data->name - 1;
    for (size_t i = 0; i < sizeof known_data / sizeof known_data[0]; i++)
        if (strcmp(known_data[i].sha256, data->sha256[INV_TRAIN_IMAGES]) == 0) {
            snprintf(data->name, sizeof data->name, "%s", known_data[i].name);
            return;
        }
    const char *name = last_part(folder, &length);
    char *real = NULL;
    if (length == 0 || strspn(name, ".") >= length) { /* "." and ".." are no names */
        real = realpath(folder, NULL);
        name = last_part(real ? real : folder, &length);
    }
    if (length > room)
        for (length = room; length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80;)
            length--; /* not in the middle of a UTF-8 sequence */
    for (size_t i = 0; i < length; i++)
        data->name[i] = name[i] == 0x7f || (unsigned char)name[i] < ' ' ? '?' : name[i];
    data->name[length] = '\0';
    free(real);
}

inv_status inv_dataset_open(const char *folder, double scale, inv_dataset **out)
{
    inv_status status = INV_OK;
    inv_dataset *data = NULL;
    void *memory = NULL;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *data, "a data set", &memory));
    data = memory;
    INV_TRY(set_values(data, scale));
    INV_TRY(check_folder(folder));
    INV_TRY(read_files(folder, data));
    data->shape = shape_of(data->files[INV_TRAIN_IMAGES]);
    INV_TRY(check_counts(folder, data, INV_TRAIN_IMAGES, INV_TRAIN_LABELS));
    INV_TRY(check_counts(folder, data, INV_TEST_IMAGES, INV_TEST_LABELS));
    INV_TRY(check_shapes(folder, data));
    data->train = part_of(data, INV_TRAIN_IMAGES, INV_TRAIN_LABELS);
    data->test = part_of(data, INV_TEST_IMAGES, INV_TEST_LABELS);
    INV_TRY(check_labels(folder, data));
    INV_TRY(check_images(folder, &data->train));
    set_name(data, folder);
    INV_TRY(inv_dataset_set_validation(data, 0));
    *out = data;
    data = NULL;
fail:
    inv_dataset_free(data);
    return status;
}

inv_status inv_dataset_set_validation(inv_dataset *data, size_t count)
{
    inv_part all = part_of(data, INV_TRAIN_IMAGES, INV_TRAIN_LABELS);
    if (count >= all.count)
        return INV_ERROR(INV_EDATA,
                         "%s: setting %zu images aside for validation leaves none of %zu to train "
                         "on; set fewer aside",
                         data->name, count, all.count);
    data->validation = data->train = all;
    data->validation.count = count;
    data->train.count = all.count - count;
    data->train.images += count * all.pixels;
    data->train.labels += count;
    return INV_OK;
}

void inv_dataset_free(inv_dataset *data)
{
    if (!data)
        return;
    for (int i = 0; i < INV_DATA_FILES; i++)
        inv_idx_free(data->files[i]);
    free(data);
}

/* ---- rows ---- */

/* row[j] = value[bytes[j]], for j < pixels. Looking for runs of zero bytes first was no faster. */
static void make_row(const unsigned char *restrict bytes, const float *restrict value,
                     size_t pixels, float *restrict row)
{
    for (size_t j = 0; j < pixels; j++)
        row[j] = value[bytes[j]];
}

void inv_part_gather(const inv_part *part, const uint32_t *index, size_t n, gsl_matrix_float *x)
{
#pragma omp parallel for schedule(static) if (n * part->pixels > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++)
        make_row(part->images + index[i] * part->pixels, part->value, part->pixels,
                 x->data + i * x->tda);
}

void inv_part_rows(const inv_part *part, size_t first, size_t n, gsl_matrix_float *x)
{
#pragma omp parallel for schedule(static) if (n * part->pixels > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++)
        make_row(part->images + (first + i) * part->pixels, part->value, part->pixels,
                 x->data + i * x->tda);
}

/* ---- batches ---- */

inv_status inv_batches_alloc(size_t count, size_t batch, gsl_rng *rng, inv_batches **out)
{
    inv_status status = INV_OK;
    inv_batches *batches = NULL;
    void *memory = NULL;
    *out = NULL;
    if (batch < 1 || batch > count)
        INV_FAIL(INV_EINVAL, "batch: %zu images a batch, but 1 to %zu can be drawn", batch, count);
    if (count > UINT32_MAX || count > gsl_rng_max(rng) - gsl_rng_min(rng))
        INV_FAIL(INV_EINVAL, "batch: %zu images are more than can be shuffled", count);
    INV_TRY(inv_calloc(1, sizeof *batches, "batches", &memory));
    batches = memory;
    INV_TRY(inv_calloc(count, sizeof *batches->order, "the order of images", &memory));
    batches->order = memory;
    for (size_t i = 0; i < count; i++)
        batches->order[i] = (uint32_t)i;
    batches->count = batches->position = count;
    batches->batch = batch;
    batches->rng = rng;
    *out = batches;
    return INV_OK;
fail:
    inv_batches_free(batches);
    return status;
}

void inv_batches_free(inv_batches *batches)
{
    if (!batches)
        return;
    free(batches->order);
    free(batches);
}

size_t inv_batches_next(inv_batches *batches, const uint32_t **index)
{
    if (batches->position >= batches->count) {
        gsl_ran_shuffle(batches->rng, batches->order, batches->count, sizeof *batches->order);
        batches->position = 0;
    }
    size_t left = batches->count - batches->position;
    size_t n = left < batches->batch ? left : batches->batch;
    *index = batches->order + batches->position;
    batches->position += n;
    return n;
}
