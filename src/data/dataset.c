/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <gsl/gsl_randist.h>

#include "base/sniff.h"
#include "invproj/file.h"

#include "kernels/kernels.h"

#define NAMES_BYTES_MAX ((size_t)1 << 20)

/* The usual name of each file, and what another one must have in its name to be taken for it. */
static const struct data_file {
    const char *name, *words[2];
} data_files[INV_DATA_FILES] = {
    [INV_TRAIN_IMAGES] = {"train-images-idx3-ubyte", {"train-images", "train-images"}},
    [INV_TRAIN_LABELS] = {"train-labels-idx1-ubyte", {"train-labels", "train-labels"}},
    [INV_TEST_IMAGES] = {"t10k-images-idx3-ubyte", {"t10k-images", "test-images"}},
    [INV_TEST_LABELS] = {"t10k-labels-idx1-ubyte", {"t10k-labels", "test-labels"}},
};

enum { TRAIN_PART, TEST_PART };

/* Data sets known by the SHA-256 of their training images. */
static const struct known_data {
    const char *sha256, *name;
    const char *class_names; /* a line each, or NULL */
} known_data[] = {
    {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", "MNIST", NULL},
    {"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", "Fashion-MNIST",
     "T-shirt/top\nTrouser\nPullover\nDress\nCoat\nSandal\nShirt\nSneaker\nBag\nAnkle boot\n"},
};

/* NULL for data that nobody knows. */
static const struct known_data *find_known(const inv_dataset *data)
{
    for (size_t i = 0; i < sizeof known_data / sizeof *known_data; i++)
        if (strcmp(known_data[i].sha256, data->sha256[INV_TRAIN_IMAGES]) == 0)
            return &known_data[i];
    return NULL;
}

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

static inv_status join_path(const char *folder, const char *name, const char *ending, char **path)
{
    const size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    if (asprintf(path, "%s%s%s%s", folder, slash, name, ending) >= 0)
        return INV_OK;
    *path = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory for a file name", folder);
}

/* Whether `longer` is `shorter` gzipped, by their names. */
static bool is_gzipped(const char *longer, const char *shorter)
{
    const size_t length = strlen(shorter);
    return strncmp(longer, shorter, length) == 0 && strcmp(longer + length, ".gz") == 0;
}

static bool may_be(const struct data_file *file, const char *name)
{
    return name[0] != '.' && (strstr(name, file->words[0]) || strstr(name, file->words[1]));
}

/* The one entry of the folder that may be that file, in `found`; "" where there is none. */
static inv_status find_other(const char *folder, const struct data_file *file,
                             char found[NAME_MAX + 1])
{
    inv_status status = INV_OK;
    DIR *listing = opendir(folder);
    found[0] = '\0';
    for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;) {
        if (!may_be(file, entry->d_name) || is_gzipped(entry->d_name, found))
            continue;
        if (found[0] && !is_gzipped(found, entry->d_name))
            INV_FAIL(INV_EIO, "%s: %s is not there, and both %s and %s may be it; remove one",
                     folder, file->name, found, entry->d_name);
        snprintf(found, NAME_MAX + 1, "%s", entry->d_name);
    }
fail:
    if (listing)
        closedir(listing);
    return status;
}

/* The path of data file `which`, without or else with ".gz", or of another that may be it; the
 * caller frees it. */
static inv_status find_file(const char *folder, int which, char **path)
{
    static const char *const endings[] = {"", ".gz"};
    const struct data_file *file = &data_files[which];
    char other[NAME_MAX + 1];
    struct stat info;
    inv_status status = INV_OK;
    for (size_t i = 0; i < 2; i++) {
        INV_TRY(join_path(folder, file->name, endings[i], path));
        /* whatever else is wrong with it, reading it will say */
        if (stat(*path, &info) == 0 || errno != ENOENT)
            return INV_OK;
        free(*path);
        *path = NULL;
    }
    INV_TRY(find_other(folder, file, other));
    if (!other[0])
        INV_FAIL(INV_EIO, "%s: neither %s nor %s.gz is there; " REMEDY, folder, file->name,
                 file->name);
    INV_TRY(join_path(folder, other, "", path));
fail:
    return status;
}

/* ---- images ---- */

inv_shape inv_images_shape(const inv_idx *images)
{
    if (images->rank == 2)
        return (inv_shape){1, images->dims[1], 1};
    return (inv_shape){images->dims[1], images->dims[2], images->rank == 4 ? images->dims[3] : 1};
}

/* Sees that all pixels are finite, and keeps the least and the largest. */
static inv_status measure_images(const char *path, const inv_idx *idx, inv_dataset *data)
{
    double low = 0.0, high = 0.0;
    const size_t pixels = idx->size / idx->dims[0];
    const size_t at = inv_idx_range(idx->type, idx->data, idx->size, &low, &high);
    if (at < idx->size)
        return INV_ERROR(INV_EDATA,
                         "%s: image %zu (from 0): its value %zu is not a finite number; mend or "
                         "leave out such images",
                         path, at / pixels, at % pixels);
    data->low = low < data->low ? low : data->low;
    data->high = high > data->high ? high : data->high;
    return INV_OK;
}

static inv_status read_images(const char *path, int part, inv_dataset *data)
{
    inv_status status = inv_idx_read(path, &data->images[part]);
    if (status != INV_OK)
        return status;
    const inv_idx *idx = data->images[part];
    if (idx->rank < 2)
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds an array of 1 dimension, but images have 3, or 4 with channels "
                         "last, or 2 where each is one line",
                         path);
    return measure_images(path, idx, data);
}

/* ---- labels ---- */

static inv_status check_label_file(const char *path, const inv_idx *idx)
{
    if (idx->rank != 1)
        return INV_ERROR(INV_EFORMAT, "%s: holds an array of %zu dimensions, but labels have 1",
                         path, idx->rank);
    if (idx->type == INV_IDX_FLOAT || idx->type == INV_IDX_DOUBLE)
        return INV_ERROR(INV_EFORMAT, "%s: labels are whole numbers, but these are %ss", path,
                         inv_idx_type_name(idx->type));
    return INV_OK;
}

/* Label i of whatever integer type. */
static long label_at(const inv_idx *idx, size_t i)
{
    switch (idx->type) {
    case INV_IDX_UBYTE:
        return ((const unsigned char *)idx->data)[i];
    case INV_IDX_BYTE:
        return ((const signed char *)idx->data)[i];
    case INV_IDX_SHORT:
        return ((const int16_t *)idx->data)[i];
    default:
        return ((const int32_t *)idx->data)[i];
    }
}

inv_status inv_labels_read(const char *path, uint16_t **labels, size_t *count,
                           char sha256[INV_SHA256_TEXT])
{
    inv_idx *idx = NULL;
    void *memory = NULL;
    inv_status status = INV_OK;
    *labels = NULL;
    INV_TRY(inv_idx_read(path, &idx));
    INV_TRY(check_label_file(path, idx));
    INV_TRY(inv_calloc(idx->size, sizeof(uint16_t), path, &memory));
    for (size_t i = 0; i < idx->size; i++) {
        const long label = label_at(idx, i);
        if (label < 0 || label >= INV_CLASSES_MAX)
            INV_FAIL(INV_EDATA, "%s: label %ld at index %zu; labels are from 0 to %d", path, label,
                     i, INV_CLASSES_MAX - 1);
        ((uint16_t *)memory)[i] = (uint16_t)label;
    }
    *labels = memory;
    *count = idx->size;
    memcpy(sha256, idx->sha256, INV_SHA256_TEXT);
    memory = NULL;
fail:
    free(memory);
    inv_idx_free(idx);
    return status;
}

static inv_status check_counts(const char *folder, const inv_dataset *data, int part, size_t labels)
{
    const size_t images = data->images[part]->dims[0];
    const bool train = part == TRAIN_PART;
    if (images == labels)
        return INV_OK;
    return INV_ERROR(INV_EDATA, "%s: %zu images in %s but %zu labels in %s", folder, images,
                     data_files[train ? INV_TRAIN_IMAGES : INV_TEST_IMAGES].name, labels,
                     data_files[train ? INV_TRAIN_LABELS : INV_TEST_LABELS].name);
}

/* Images and labels of one part. */
static inv_status read_part(const char *folder, int part, inv_dataset *data)
{
    const int images = part == TRAIN_PART ? INV_TRAIN_IMAGES : INV_TEST_IMAGES;
    const int labels = part == TRAIN_PART ? INV_TRAIN_LABELS : INV_TEST_LABELS;
    char *path = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(find_file(folder, images, &path));
    INV_TRY(read_images(path, part, data));
    memcpy(data->sha256[images], data->images[part]->sha256, INV_SHA256_TEXT);
    free(path);
    path = NULL;
    INV_TRY(find_file(folder, labels, &path));
    INV_TRY(inv_labels_read(path, &data->labels[part], &count, data->sha256[labels]));
    INV_TRY(check_counts(folder, data, part, count));
fail:
    free(path);
    return status;
}

static inv_part part_of(const inv_dataset *data, int part)
{
    const inv_idx *idx = data->images[part];
    return (inv_part){
        .count = idx->dims[0],
        .pixels = inv_shape_size(data->shape),
        .type = idx->type,
        .images = idx->data,
        .labels = data->labels[part],
        .value = data->value,
        .divides = data->divides,
        .scale = data->scale,
    };
}

/* ---- what cannot serve ---- */

static inv_status check_shapes(const char *folder, const inv_dataset *data)
{
    const inv_idx *train = data->images[TRAIN_PART], *test = data->images[TEST_PART];
    const inv_shape a = data->shape, b = inv_images_shape(test);
    if (a.height != b.height || a.width != b.width || a.channels != b.channels)
        return INV_ERROR(
            INV_EDATA,
            "%s: the training images are %zu x %zu x %zu, the test images %zu x %zu x %zu", folder,
            a.height, a.width, a.channels, b.height, b.width, b.channels);
    if (train->type != test->type)
        return INV_ERROR(INV_EDATA, "%s: the training images are %ss, the test images %ss", folder,
                         inv_idx_type_name(train->type), inv_idx_type_name(test->type));
    return INV_OK;
}

/* Counts the classes, and sees that there are two and that the test part has no others. */
static inv_status check_labels(const char *folder, inv_dataset *data)
{
    const inv_part *train = &data->train, *test = &data->test;
    size_t images[INV_CLASSES_MAX] = {0}, largest = 0;
    for (size_t i = 0; i < train->count; i++) {
        images[train->labels[i]]++;
        largest = train->labels[i] > largest ? train->labels[i] : largest;
    }
    data->classes = largest + 1;
    for (size_t c = 0; c < data->classes; c++)
        data->empty += images[c] == 0;
    if (data->empty == largest)
        return INV_ERROR(INV_EDATA, "%s: every label in %s is %zu; two classes are the least",
                         folder, data_files[INV_TRAIN_LABELS].name, largest);
    for (size_t i = 0; i < test->count; i++) {
        const char *name = data_files[INV_TEST_LABELS].name;
        if (test->labels[i] > largest)
            return INV_ERROR(INV_EDATA,
                             "%s: label %d at index %zu of %s, but those to train on end at %zu",
                             folder, test->labels[i], i, name, largest);
        if (images[test->labels[i]] == 0)
            return INV_ERROR(INV_EDATA,
                             "%s: label %d at index %zu of %s, but no image to train on is of "
                             "that class",
                             folder, test->labels[i], i, name);
    }
    return INV_OK;
}

static inv_status check_images(const char *folder, const inv_part *train)
{
    const size_t bytes = train->pixels * inv_idx_type_size(train->type);
    const unsigned char *images = train->images;
    for (size_t i = 1; i < train->count; i++)
        if (memcmp(images, images + i * bytes, bytes) != 0)
            return INV_OK;
    return INV_ERROR(INV_EDATA, "%s: every training image is the same: nothing to learn", folder);
}

/* ---- the names of classes ---- */

/* Bytes of the UTF-8 character that starts at s[0], of which `left` are there; 0: it is none. RFC
 * 3629, section 4: neither longer than need be, nor a surrogate, nor beyond U+10FFFF. */
static size_t utf8_character(const unsigned char *s, size_t left)
{
    const size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length == 0 || length > left || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

bool inv_class_name_good(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t at = 0, step = 1;
    while (at < length && step > 0) {
        step = s[at] < ' ' || s[at] == 0x7f ? 0 : utf8_character(s + at, length - at);
        at += step;
    }
    return length > 0 && length < INV_NAME_MAX && step > 0;
}

/* A line a class; `source` is who says so, for messages. */
static inv_status take_names(const char *source, const char *text, inv_dataset *data)
{
    size_t count = 0;
    void *memory = NULL;
    inv_status status = inv_calloc(data->classes, INV_NAME_MAX, "the names of classes", &memory);
    if (status != INV_OK)
        return status;
    data->class_names = memory;
    for (const char *line = text; *line; count++) {
        const size_t all = strcspn(line, "\n"), length = all - (all && line[all - 1] == '\r');
        if (!inv_class_name_good(line, length))
            return INV_ERROR(INV_EDATA,
                             "%s:%zu: a class name is 1 to %d bytes of printable UTF-8 text",
                             source, count + 1, INV_NAME_MAX - 1);
        if (count < data->classes)
            memcpy(data->class_names[count], line, length);
        line += all + (line[all] == '\n');
    }
    if (count != data->classes)
        return INV_ERROR(INV_EDATA, "%s: %zu names, but the labels make %zu classes", source, count,
                         data->classes);
    return INV_OK;
}

/* From the folder, or of data that are known; else there are none, which is fine. */
static inv_status read_names(const char *folder, inv_dataset *data)
{
    const struct known_data *known = find_known(data);
    char *path = NULL;
    unsigned char *text = NULL;
    size_t size = 0;
    struct stat info;
    inv_status status = INV_OK;
    INV_TRY(join_path(folder, INV_CLASSES_FILE, "", &path));
    if (stat(path, &info) == 0) {
        INV_TRY(inv_file_read(path, NAMES_BYTES_MAX, &text, &size));
        INV_TRY(take_names(path, (const char *)text + inv_text_mark(text, size), data));
    } else if (known && known->class_names) {
        INV_TRY(take_names(known->name, known->class_names, data));
    }
fail:
    free(path);
    free(text);
    return status;
}

/* ---- the values and the name ---- */

/* Whether both the smallest whole number and the largest of the type come out normal. */
static bool can_divide(double scale, inv_idx_type type)
{
    const double most = inv_idx_full_scale(type, INFINITY);
    return scale > 0 && isnormal((float)(1 / scale)) && isnormal((float)(most / scale));
}

/* Whether the fast division of bytes gives data->value, to the bit. */
static bool can_use_kernel(const inv_dataset *data)
{
    unsigned char bytes[256];
    float values[256];
    if (!(data->scale > 1e-30 && data->scale < 1e30))
        return false;
    for (int b = 0; b < 256; b++)
        bytes[b] = (unsigned char)b;
    inv_kernels_best()->bytes_over(256, bytes, (float)data->scale, values);
    for (int b = 0; b < 256; b++)
        if (values[b] != data->value[b])
            return false;
    return true;
}

/* What pixels are divided by, and what comes of it: value[b] = b / scale, rounded once to float. */
static inv_status set_scale(const char *folder, inv_dataset *data, double scale)
{
    const inv_idx_type type = data->images[TRAIN_PART]->type;
    const double full = inv_idx_full_scale(type, data->high);
    data->scale = scale == 0 ? full : scale;
    if (!can_divide(data->scale, type))
        return INV_ERROR(INV_EINVAL,
                         "scale: %g is not a positive number that pixels of %ss can be divided by; "
                         "%g makes them 0 to 1",
                         scale, inv_idx_type_name(type), full);
    if (fmax(fabs(data->low), fabs(data->high)) / data->scale > FLT_MAX)
        return INV_ERROR(INV_EDATA,
                         "%s: pixels from %g to %g over %g do not fit in floats; set "
                         "data.scale",
                         folder, data->low, data->high, data->scale);
    data->white = full / data->scale;
    for (int b = 0; b < 256; b++)
        data->value[b] = (float)((type == INV_IDX_BYTE ? (signed char)b : b) / data->scale);
    data->divides = type == INV_IDX_UBYTE && can_use_kernel(data);
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
    const struct known_data *known = find_known(data);
    size_t length, room = sizeof data->name - 1;
    if (known) {
        snprintf(data->name, sizeof data->name, "%s", known->name);
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
    data->low = INFINITY;
    data->high = -INFINITY;
    INV_TRY(check_folder(folder));
    INV_TRY(read_part(folder, TRAIN_PART, data));
    INV_TRY(read_part(folder, TEST_PART, data));
    INV_TRY(set_scale(folder, data, scale));
    data->shape = inv_images_shape(data->images[TRAIN_PART]);
    INV_TRY(check_shapes(folder, data));
    data->train = part_of(data, TRAIN_PART);
    data->test = part_of(data, TEST_PART);
    INV_TRY(check_labels(folder, data));
    INV_TRY(check_images(folder, &data->train));
    INV_TRY(read_names(folder, data));
    set_name(data, folder);
    INV_TRY(inv_dataset_set_validation(data, 0));
    *out = data;
    data = NULL;
fail:
    inv_dataset_free(data);
    return status;
}

static const void *image_at(const inv_part *part, size_t i)
{
    return (const unsigned char *)part->images + i * part->pixels * inv_idx_type_size(part->type);
}

inv_status inv_dataset_set_validation(inv_dataset *data, size_t count)
{
    inv_part all = part_of(data, TRAIN_PART);
    if (count >= all.count)
        return INV_ERROR(INV_EDATA,
                         "%s: setting %zu images aside for validation leaves none of %zu to train "
                         "on; set fewer aside",
                         data->name, count, all.count);
    data->validation = data->train = all;
    data->validation.count = count;
    data->train.count = all.count - count;
    data->train.images = image_at(&all, count);
    data->train.labels += count;
    return INV_OK;
}

void inv_dataset_free(inv_dataset *data)
{
    if (!data)
        return;
    for (int part = 0; part < 2; part++) {
        inv_idx_free(data->images[part]);
        free(data->labels[part]);
    }
    free(data->class_names);
    free(data);
}

/* ---- rows ---- */

/* row[j] = bytes[j] / scale, value[bytes[j]] or element[j] / scale, for j < pixels. */
static void make_row(const inv_part *part, size_t i, float *restrict row)
{
    const unsigned char *restrict bytes = image_at(part, i);
    const float *restrict value = part->value;
    if (part->divides) {
        inv_kernels_best()->bytes_over(part->pixels, bytes, (float)part->scale, row);
        return;
    }
    if (part->type != INV_IDX_UBYTE && part->type != INV_IDX_BYTE) {
        inv_idx_floats(part->type, part->images, i * part->pixels, part->pixels, part->scale, row);
        return;
    }
    for (size_t j = 0; j < part->pixels; j++)
        row[j] = value[bytes[j]];
}

#define AHEAD 4 /* images that come from far away are asked for before their turn */

static void fetch(const inv_part *part, size_t i)
{
    const unsigned char *image = image_at(part, i);
    const size_t bytes = part->pixels * inv_idx_type_size(part->type);
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch(image + at);
}

void inv_part_gather(const inv_part *part, const uint32_t *index, size_t n, gsl_matrix_float *x)
{
#pragma omp parallel for schedule(static) if (n * part->pixels > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++) {
        fetch(part, index[i + AHEAD < n ? i + AHEAD : i]);
        make_row(part, index[i], x->data + i * x->tda);
    }
}

void inv_part_rows(const inv_part *part, size_t first, size_t n, gsl_matrix_float *x)
{
#pragma omp parallel for schedule(static) if (n * part->pixels > INV_PARALLEL_MIN)
    for (size_t i = 0; i < n; i++)
        make_row(part, first + i, x->data + i * x->tda);
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
