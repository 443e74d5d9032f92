/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/dataset.h"
#include "invproj/fit.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_statistics_float.h>

#include <gsl/gsl_randist.h>
#include <nettle/sha2.h>

#include "base/plural.h"
#include "data/names.h"
#include "data/sources.h"
#include "invproj/look.h"
#include "invproj/rng.h"
#include "kernels/kernels.h"

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

/* ---- images ---- */

/* Sees that all pixels are finite, and keeps the least and the largest. */
static inv_status measure_images(const char *path, const inv_idx *idx, bool test, inv_dataset *data)
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
    data->size[test] = fmax(data->size[test], fmax(fabs(low), fabs(high)));
    return INV_OK;
}

/* Reads images, and brings their axes into order. */
static inv_status read_images(inv_sources *sources, int which, const inv_data_spec *spec,
                              inv_dataset *data, inv_idx **out)
{
    const char *where = inv_sources_where(sources, which), *axes = "";
    inv_status status = INV_OK;
    INV_TRY(inv_sources_read(sources, which, out));
    INV_TRY(inv_images_arrange(where, spec->axes, spec->transpose, *out, &axes));
    snprintf(data->axes, sizeof data->axes, "%s", axes);
    INV_TRY(measure_images(where, *out, which == INV_TEST_IMAGES, data));
done:
    return status;
}

/* ---- labels ---- */

#define QMNIST_COLUMNS 8 /* the class, and seven that say who wrote it, and where it is from */

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

/* Whether each row has a single 1, and zeros. */
static bool is_one_hot(const inv_idx *idx)
{
    const size_t columns = idx->dims[1];
    for (size_t i = 0; i < idx->dims[0]; i++) {
        size_t ones = 0, zeros = 0;
        for (size_t j = 0; j < columns; j++) {
            ones += label_at(idx, i * columns + j) == 1;
            zeros += label_at(idx, i * columns + j) == 0;
        }
        if (ones != 1 || ones + zeros != columns)
            return false;
    }
    return true;
}

/* *columns are those of a row, of which the first is the class. */
static inv_status check_label_file(const char *path, const inv_idx *idx, size_t *columns)
{
    const bool real = idx->type == INV_IDX_FLOAT || idx->type == INV_IDX_DOUBLE;
    *columns = idx->rank == 2 ? idx->dims[1] : 1;
    if (real && *columns == 1)
        return INV_ERROR(INV_EFORMAT,
                         "%s: labels are whole numbers, but these are %ss; save them as integers "
                         "(in Python, y.astype('int32'))",
                         path, inv_idx_type_name(idx->type));
    if (idx->rank > 2)
        return INV_ERROR(INV_EFORMAT,
                         "%s: holds an array of %zu dimensions, but labels have 1, or 2 where the "
                         "class is the first of a row's numbers",
                         path, idx->rank);
    if (real || (*columns != 1 && *columns != QMNIST_COLUMNS) || (*columns > 1 && is_one_hot(idx)))
        return INV_ERROR(INV_EFORMAT,
                         "%s: %zu numbers a label; 1 is read, or the first of QMNIST's %d; of "
                         "one-hot labels, save the classes (in Python, y.argmax(1))",
                         path, *columns, QMNIST_COLUMNS);
    return INV_OK;
}

/* The classes in `idx`, as many as *count, which the caller frees. */
static inv_status take_labels(const char *where, const inv_idx *idx, uint16_t **labels,
                              size_t *count)
{
    void *memory = NULL;
    size_t columns = 0;
    inv_status status = INV_OK;
    INV_TRY(check_label_file(where, idx, &columns));
    INV_TRY(inv_calloc(idx->dims[0], sizeof(uint16_t), where, &memory));
    for (size_t i = 0; i < idx->dims[0]; i++) {
        const long label = label_at(idx, i * columns);
        if (label < 0 || label >= INV_CLASSES_MAX)
            INV_FAIL(INV_EDATA, "%s: label %ld at index %zu; labels are from 0 to %d", where, label,
                     i, INV_CLASSES_MAX - 1);
        ((uint16_t *)memory)[i] = (uint16_t)label;
    }
    *labels = memory;
    *count = idx->dims[0];
    memory = NULL;
done:
    free(memory);
    return status;
}

inv_status inv_labels_read(const char *path, uint16_t **labels, size_t *count,
                           char sha256[INV_SHA256_TEXT])
{
    inv_idx *idx = NULL;
    inv_status status = INV_OK;
    *labels = NULL;
    INV_TRY(inv_array_read(path, &idx));
    INV_TRY(take_labels(path, idx, labels, count));
    memcpy(sha256, idx->sha256, INV_SHA256_TEXT);
done:
    inv_idx_free(idx);
    return status;
}

/* ---- both ---- */

/* Images and labels of one part, as many of the one as of the other. */
static inv_status read_pair(inv_sources *sources, int images_at, int labels_at,
                            const inv_data_spec *spec, inv_dataset *data, inv_idx **images,
                            uint16_t **labels, char sha256[2][INV_SHA256_TEXT])
{
    inv_idx *idx = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(read_images(sources, images_at, spec, data, images));
    INV_TRY(inv_sources_read(sources, labels_at, &idx));
    INV_TRY(take_labels(inv_sources_where(sources, labels_at), idx, labels, &count));
    memcpy(sha256[0], (*images)->sha256, INV_SHA256_TEXT);
    memcpy(sha256[1], idx->sha256, INV_SHA256_TEXT);
    data->label_columns = idx->rank == 2 ? idx->dims[1] : 1;
    if ((*images)->dims[0] != count)
        INV_FAIL(INV_EDATA, "%s: %zu %s in %s but %zu %s in %s", inv_sources_path(sources),
                 (*images)->dims[0], inv_plural((*images)->dims[0], "image", "images"),
                 inv_sources_name(sources, images_at), count, inv_plural(count, "label", "labels"),
                 inv_sources_name(sources, labels_at));
done:
    inv_idx_free(idx);
    return status;
}

static bool is_same_shape(inv_shape a, inv_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

/* Whether two parts can be one data set. */
static inv_status check_shapes(const inv_sources *sources, const inv_idx *a, const char *name,
                               const inv_idx *b)
{
    const inv_shape s = inv_images_shape(a), t = inv_images_shape(b);
    if (!is_same_shape(s, t))
        return INV_ERROR(
            INV_EDATA, "%s: the training images are %zu x %zu x %zu, the %s images %zu x %zu x %zu",
            inv_sources_path(sources), s.height, s.width, s.channels, name, t.height, t.width,
            t.channels);
    if (a->type != b->type)
        return INV_ERROR(INV_EDATA, "%s: the training images are %ss, the %s images %ss",
                         inv_sources_path(sources), inv_idx_type_name(a->type), name,
                         inv_idx_type_name(b->type));
    return INV_OK;
}

/* *into becomes `first` and what it was, one behind the other. */
static inv_status put_before(const char *what, const void *first, size_t first_bytes, void **into,
                             size_t into_bytes)
{
    void *memory = NULL;
    inv_status status = inv_calloc(first_bytes + into_bytes, 1, what, &memory);
    if (status != INV_OK)
        return status;
    memcpy(memory, first, first_bytes);
    memcpy((unsigned char *)memory + first_bytes, *into, into_bytes);
    free(*into);
    *into = memory;
    return INV_OK;
}

/* The SHA-256 of two arrays that are one: of both sums as text. */
static void join_sums(const char first[INV_SHA256_TEXT], char sum[INV_SHA256_TEXT])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, strlen(first), (const uint8_t *)first);
    sha256_update(&context, strlen(sum), (const uint8_t *)sum);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(sum + 2 * i, 3, "%02x", digest[i]);
}

/* Validation images that the data bring along stand before those to train on, like others that are
 * set aside. */
static inv_status read_validation(inv_sources *sources, const inv_data_spec *spec,
                                  inv_dataset *data)
{
    char sha256[2][INV_SHA256_TEXT];
    inv_idx *images = NULL, *train = data->images[TRAIN_PART];
    uint16_t *labels = NULL;
    void *train_labels = NULL;
    inv_status status = INV_OK;
    if (!inv_sources_has(sources, INV_VALIDATION_IMAGES))
        return INV_OK;
    INV_TRY(read_pair(sources, INV_VALIDATION_IMAGES, INV_VALIDATION_LABELS, spec, data, &images,
                      &labels, sha256));
    INV_TRY(check_shapes(sources, train, "validation", images));
    const size_t width = inv_idx_type_size(train->type), count = images->dims[0];
    INV_TRY(put_before("images", images->data, images->size * width, &train->data,
                       train->size * width));
    train_labels = data->labels[TRAIN_PART];
    data->labels[TRAIN_PART] = NULL;
    INV_TRY(put_before("labels", labels, count * sizeof *labels, &train_labels,
                       train->dims[0] * sizeof *labels));
    data->labels[TRAIN_PART] = train_labels;
    train_labels = NULL;
    train->dims[0] += count;
    train->size += images->size;
    data->own_validation = count;
    join_sums(sha256[0], data->sha256[INV_TRAIN_IMAGES]);
    join_sums(sha256[1], data->sha256[INV_TRAIN_LABELS]);
done:
    free(train_labels);
    free(labels);
    inv_idx_free(images);
    return status;
}

static inv_status read_parts(inv_sources *sources, const inv_data_spec *spec, inv_dataset *data)
{
    inv_status status = INV_OK;
    INV_TRY(read_pair(sources, INV_TRAIN_IMAGES, INV_TRAIN_LABELS, spec, data,
                      &data->images[TRAIN_PART], &data->labels[TRAIN_PART],
                      data->sha256 + INV_TRAIN_IMAGES));
    if (inv_sources_has(sources, INV_TEST_IMAGES)) {
        INV_TRY(read_pair(sources, INV_TEST_IMAGES, INV_TEST_LABELS, spec, data,
                          &data->images[TEST_PART], &data->labels[TEST_PART],
                          data->sha256 + INV_TEST_IMAGES));
        INV_TRY(check_shapes(sources, data->images[TRAIN_PART], "test", data->images[TEST_PART]));
    }
    INV_TRY(read_validation(sources, spec, data));
done:
    return status;
}

static inv_part part_of(const inv_dataset *data, int part)
{
    const inv_idx *idx = data->images[part], *train = data->images[TRAIN_PART];
    return (inv_part){
        .count = idx ? idx->dims[0] : 0,
        .pixels = inv_shape_size(data->shape),
        .type = train ? train->type : INV_IDX_UBYTE,
        .images = idx ? idx->data : NULL,
        .labels = data->labels[part],
        .value = data->value,
        .divides = data->divides,
        .scale = data->scale,
    };
}

/* ---- what cannot serve ---- */

/* Counts the classes, and sees that there are two and that the test part has no others. */
static inv_status check_labels(const inv_sources *sources, inv_dataset *data)
{
    const char *folder = inv_sources_path(sources);
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
        return INV_ERROR(INV_EDATA, "%s: every label in %s is %zu; at least two classes are needed",
                         folder, inv_sources_name(sources, INV_TRAIN_LABELS), largest);
    for (size_t i = 0; i < test->count; i++) {
        const char *name = inv_sources_name(sources, INV_TEST_LABELS);
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

/* ---- the values and the name ---- */

/* Whether both the smallest whole number and the largest of the type come out normal. */
static bool can_divide(double scale, inv_idx_type type)
{
    const double maximum = inv_idx_full_scale(type, INFINITY);
    return scale > 0 && isnormal((float)(1 / scale)) && isnormal((float)(maximum / scale));
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

static inv_pixels find_range(inv_idx_type type, const inv_dataset *data, double full)
{
    const bool is_real = type == INV_IDX_FLOAT || type == INV_IDX_DOUBLE;
    const double black = is_real || data->low < 0.0 ? data->low : 0.0;
    const double white = is_real || full < data->high ? data->high : full;
    return (inv_pixels){black / data->scale, white / data->scale, black / data->scale};
}

#define GROUND_IMAGES 501 /* that are looked at */

/* The median of what the images' grounds are like; images of one line have none, and keep black. */
static inv_status find_ground(inv_dataset *data)
{
    const size_t step = data->train.count / GROUND_IMAGES + 1;
    float grounds[GROUND_IMAGES];
    size_t used = 0;
    gsl_matrix_float *image = NULL;
    if (data->shape.height < 2 || data->shape.width < 2)
        return INV_OK;
    inv_status status = inv_mat_alloc(1, data->train.pixels, "an image", &image);
    for (size_t i = 0; i < data->train.count && status == INV_OK; i += step) {
        inv_part_rows(&data->train, i, 1, image);
        status = inv_fit_ground(data->shape, image->data, &grounds[used++]);
    }
    if (status == INV_OK)
        data->pixels.ground = gsl_stats_float_median(grounds, 1, used);
    inv_mat_free(image);
    return status;
}

#define LOOK_IMAGES 5000 /* that are looked at */

/* What the training images look like. */
static inv_status find_looks(inv_dataset *data)
{
    const size_t step = data->train.count / LOOK_IMAGES + 1;
    gsl_matrix_float *image = NULL;
    inv_status status = inv_mat_alloc(1, data->train.pixels, "an image", &image);
    data->looks = INV_LOOKS_NONE;
    for (size_t i = 0; i < data->train.count && status == INV_OK; i += step) {
        double look[INV_LOOKS];
        inv_part_rows(&data->train, i, 1, image);
        if (inv_look_at(data->shape, image->data, &data->pixels, look))
            inv_looks_add(&data->looks, look);
    }
    inv_mat_free(image);
    return status;
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
    data->pixels = find_range(type, data, full);
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

/* ---- parts of the training file ---- */

static const void *image_at(const inv_part *part, size_t i)
{
    return (const unsigned char *)part->images + i * part->pixels * inv_idx_type_size(part->type);
}

/* Where an image goes: its class's images are spread evenly over the whole. */
typedef struct place {
    double at;          /* the part of its class's images that are before it */
    uint32_t from, tie; /* its number in the file; its place among all, by lot */
} place;

static int compare_places(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->at != q->at)
        return p->at < q->at ? -1 : 1;
    return p->tie < q->tie ? -1 : p->tie > q->tie;
}

/* The order in which images first .. first + count - 1 are to stand: by lot, and so that whatever
 * number of them is set aside from the front has each class's share, to within one image. */
static inv_status draw_order(const inv_dataset *data, size_t first, size_t count, uint64_t seed,
                             uint32_t *order)
{
    const uint16_t *labels = data->labels[TRAIN_PART] + first;
    size_t all[INV_CLASSES_MAX] = {0}, seen[INV_CLASSES_MAX] = {0};
    void *memory = NULL;
    gsl_rng *rng = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(count, sizeof(place), "the order of images", &memory));
    INV_TRY(inv_rng_alloc(seed, "data", &rng));
    place *places = memory;
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
        all[labels[i]]++;
    }
    gsl_ran_shuffle(rng, order, count, sizeof *order);
    for (size_t i = 0; i < count; i++) {
        const uint16_t class = labels[order[i]];
        places[i] =
            (place){((double)seen[class]++ + 0.5) / (double)all[class], order[i], (uint32_t)i};
    }
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count; i++)
        order[i] = places[i].from;
done:
    inv_rng_free(rng);
    free(memory);
    return status;
}

/* items[i] becomes what items[order[i]] was, for i < count. */
static inv_status apply_order(const uint32_t *order, size_t count, size_t width, void *items)
{
    void *memory = NULL;
    inv_status status = inv_calloc(count, width, "the order of images", &memory);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        memcpy((unsigned char *)memory + i * width, (const unsigned char *)items + order[i] * width,
               width);
    memcpy(items, memory, count * width);
    free(memory);
    return INV_OK;
}

/* Mixes the images of the training file, but for validation images that the data bring along. */
static inv_status shuffle(inv_dataset *data, uint64_t seed)
{
    inv_idx *images = data->images[TRAIN_PART];
    const size_t first = data->own_validation, count = images->dims[0] - first;
    const size_t width = images->size / images->dims[0] * inv_idx_type_size(images->type);
    void *order = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(count, sizeof(uint32_t), "the order of images", &order));
    INV_TRY(draw_order(data, first, count, seed, order));
    INV_TRY(apply_order(order, count, width, (unsigned char *)images->data + first * width));
    INV_TRY(apply_order(order, count, sizeof(uint16_t), data->labels[TRAIN_PART] + first));
    data->order = order;
    order = NULL;
done:
    free(order);
    return status;
}

size_t inv_dataset_file_index(const inv_dataset *data, size_t i)
{
    const size_t at = data->validation.count + i, first = data->own_validation;
    return data->order && at >= first ? first + data->order[at - first] : at;
}

void inv_part_classes(const inv_part *part, size_t count[INV_CLASSES_MAX])
{
    memset(count, 0, INV_CLASSES_MAX * sizeof *count);
    for (size_t i = 0; i < part->count; i++)
        count[part->labels[i]]++;
}

/* The parts that there would be; *missing are the classes that validation would lack. */
static inv_status check_division(const inv_dataset *data, const inv_part *train,
                                 const inv_part *validation, size_t *missing)
{
    size_t left[INV_CLASSES_MAX], aside[INV_CLASSES_MAX];
    *missing = 0;
    inv_part_classes(train, left);
    inv_part_classes(validation, aside);
    for (size_t c = 0; c < data->classes; c++) {
        if (left[c] == 0 && aside[c] > 0)
            return INV_ERROR(
                INV_EDATA,
                "%s: setting %zu %s aside for validation leaves none of class %zu "
                "to train on; set fewer aside, or data.shuffle = true to mix them first",
                data->name, validation->count, inv_plural(validation->count, "image", "images"), c);
        *missing += validation->count > 0 && left[c] > 0 && aside[c] == 0;
    }
    return INV_OK;
}

inv_status inv_dataset_set_validation(inv_dataset *data, size_t count)
{
    const inv_part all = part_of(data, TRAIN_PART);
    inv_part train = all, validation = all;
    size_t missing = 0;
    if (data->own_validation > 0 && count > 0)
        return INV_ERROR(INV_EINVAL,
                         "%s: brings %zu validation images of its own; leave data.validation out",
                         data->name, data->own_validation);
    count = data->own_validation > 0 ? data->own_validation : count;
    if (count >= all.count)
        return INV_ERROR(INV_EDATA,
                         "%s: setting %zu %s aside for validation leaves none of %zu to train "
                         "on; set fewer aside",
                         data->name, count, inv_plural(count, "image", "images"), all.count);
    validation.count = count;
    train.count = all.count - count;
    train.images = image_at(&all, count);
    train.labels += count;
    inv_status status = check_division(data, &train, &validation, &missing);
    if (status != INV_OK)
        return status;
    data->train = train;
    data->validation = validation;
    data->missing = missing;
    return INV_OK;
}

/* ---- opening ---- */

/* What is known once all is read. */
static inv_status complete(const char *path, const inv_sources *sources, const inv_data_spec *spec,
                           inv_dataset *data)
{
    const struct known_data *known = find_known(data);
    const bool folder = !inv_sources_is_archive(sources);
    inv_status status = INV_OK;
    INV_TRY(set_scale(path, data, spec->scale));
    data->shape = inv_images_shape(data->images[TRAIN_PART]);
    data->train = part_of(data, TRAIN_PART);
    data->test = part_of(data, TEST_PART);
    data->transposed = spec->transpose;
    data->sideways = !spec->transpose && strncasecmp(inv_sources_stem(sources), "emnist", 6) == 0;
    INV_TRY(check_labels(sources, data));
    INV_TRY(check_images(path, &data->train));
    INV_TRY(inv_names_read(folder ? path : NULL, inv_sources_stem(sources),
                           known ? known->class_names : NULL, data));
    set_name(data, path);
done:
    return status;
}

/* What is in the files is compared by their SHA-256. */
const inv_field inv_data_fields[] = {
    {"folder", INV_FIELD_TEXT, offsetof(inv_data_spec, folder), .affects = INV_AFFECTS_NOTHING,
     .help = "folder of the four IDX or NumPy files, or a .npz archive"},
    {"files", INV_FIELD_NAME, offsetof(inv_data_spec, files), .affects = INV_AFFECTS_NOTHING,
     .help =
         "beginning of the file names, such as emnist-letters, where a folder holds several sets"},
    {"axes", INV_FIELD_NAME, offsetof(inv_data_spec, axes), .choices = inv_axes_names,
     .optional = true,
     .help = "order of the axes in arrays of four axes; empty: inferred from their sizes"},
    {"transpose", INV_FIELD_BOOL, offsetof(inv_data_spec, transpose),
     .help = "whether rows and columns are swapped, as EMNIST requires"},
    {"shuffle", INV_FIELD_BOOL, offsetof(inv_data_spec, shuffle),
     .help = "whether the training images are shuffled before any are set aside"},
    {"validation", INV_FIELD_SIZE, offsetof(inv_data_spec, validation), 0, 1e9,
     .help = "number of training images, the first ones, to set aside for validation"},
    {"scale", INV_FIELD_REAL, offsetof(inv_data_spec, scale), 0.0, 1e12,
     .help =
         "number by which pixels are divided; 0: the white of their type, which is 255 for bytes"},
    {0}};

inv_status inv_dataset_load(const inv_data_spec *spec, const char *path, uint64_t seed,
                            inv_dataset **out)
{
    inv_status status = INV_OK;
    inv_sources *sources = NULL;
    inv_dataset *data = NULL;
    void *memory = NULL;
    *out = NULL;
    path = path ? path : spec->folder;
    INV_TRY(inv_fields_check(inv_data_fields, spec, "data"));
    INV_TRY(inv_calloc(1, sizeof *data, "a data set", &memory));
    data = memory;
    data->low = INFINITY;
    data->high = -INFINITY;
    INV_TRY(inv_sources_open(path, spec->files, &sources));
    INV_TRY(read_parts(sources, spec, data));
    INV_TRY(complete(path, sources, spec, data));
    if (spec->shuffle)
        INV_TRY(shuffle(data, seed));
    INV_TRY(inv_dataset_set_validation(data, spec->validation));
    INV_TRY(find_ground(data));
    INV_TRY(find_looks(data));
    *out = data;
    data = NULL;
done:
    inv_sources_close(sources);
    inv_dataset_free(data);
    return status;
}

inv_status inv_dataset_open(const char *folder, double scale, inv_dataset **out)
{
    const inv_data_spec spec = {.scale = scale};
    return inv_dataset_load(&spec, folder, 0, out);
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
    free(data->order);
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
done:
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

void inv_pixels_translate(const inv_pixels *from, const inv_pixels *to, const gsl_matrix_float *x,
                          gsl_matrix_float *y)
{
    const double factor = (to->white - to->black) / (from->white - from->black);
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            y->data[i * y->tda + j] =
                (float)(to->black + factor * ((double)x->data[i * x->tda + j] - from->black));
}
