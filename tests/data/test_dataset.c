/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fields.h"
#include "invproj/dataset.h"

Suite *dataset_suite(void);

static const char train_images[] = "train-images-idx3-ubyte";
static const char train_labels[] = "train-labels-idx1-ubyte";
static const char test_images[] = "t10k-images-idx3-ubyte";
static const char test_labels[] = "t10k-labels-idx1-ubyte";

enum { TRAIN = 83, TEST = 29, HEIGHT = 7, WIDTH = 5, CLASSES = 4, PIXELS = HEIGHT * WIDTH };

static char *folder;

static void make_folder(void)
{
    folder = support_folder();
    support_write_dataset(folder, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 20160405);
}

static void remove_folder(void)
{
    support_remove(folder);
}

static void assert_rejected(inv_status expected, const char *why)
{
    inv_dataset *data = (inv_dataset *)folder;
    ck_assert_status(inv_dataset_open(folder, 255.0, &data), expected);
    ck_assert_ptr_null(data);
    ck_assert_message_has(folder);
    ck_assert_message_has(why);
}

static inv_dataset *open_good(void)
{
    inv_dataset *data = NULL;
    ck_assert_status(inv_dataset_open(folder, 255.0, &data), INV_OK);
    return data;
}

static void gzip_file(const char *name)
{
    char packed[64];
    size_t size = 0, gzipped = 0;
    unsigned char *bytes = support_read(support_at(folder, name), &size);
    unsigned char *gz = support_gzip(bytes, size, &gzipped);
    snprintf(packed, sizeof packed, "%s.gz", name);
    support_write(support_at(folder, packed), gz, gzipped);
    ck_assert_int_eq(unlink(support_at(folder, name)), 0);
    free(bytes);
    free(gz);
}

/* Writes one byte, counted from the end if `at` is negative, into a data file. */
static void poke(const char *name, long at, unsigned char value)
{
    FILE *f = fopen(support_at(folder, name), "r+b");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    ck_assert_int_eq(fputc(value, f), value);
    ck_assert_int_eq(fclose(f), 0);
}

/* ---- opening ---- */

START_TEST(opens_raw_and_gzipped_alike)
{
    inv_dataset *raw = open_good();
    ck_assert_uint_eq(raw->train.count, TRAIN);
    ck_assert_uint_eq(raw->validation.count, 0);
    ck_assert_uint_eq(raw->test.count, TEST);
    ck_assert_uint_eq(raw->classes, CLASSES);
    ck_assert_uint_eq(raw->shape.height, HEIGHT);
    ck_assert_uint_eq(raw->shape.width, WIDTH);
    ck_assert_uint_eq(raw->shape.channels, 1);
    ck_assert_uint_eq(raw->test.pixels, PIXELS);
    ck_assert_str_eq(raw->name, strrchr(folder, '/') + 1);
    gzip_file(train_images);
    gzip_file(test_labels);
    inv_dataset *packed = open_good();
    ck_assert_mem_eq(packed->sha256, raw->sha256, sizeof raw->sha256);
    ck_assert_mem_eq(packed->train.images, raw->train.images, TRAIN * PIXELS);
    ck_assert_mem_eq(packed->test.labels, raw->test.labels, TEST * sizeof *raw->test.labels);
    inv_dataset_free(raw);
    inv_dataset_free(packed);
    inv_dataset_free(NULL);
}
END_TEST

START_TEST(values_are_bytes_over_scale)
{
    inv_dataset *data = NULL;
    ck_assert_status(inv_dataset_open(folder, 127.25, &data), INV_OK);
    for (int b = 0; b < 256; b++)
        ck_assert_float_eq(data->value[b], (float)(b / 127.25));
    inv_dataset_free(data);
}
END_TEST

START_TEST(refuses_scales)
{
    const double scales[] = {-255, NAN, INFINITY, 1e-310, 1e-40, 1e39, 1e300};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        inv_dataset *data = NULL;
        ck_assert_status(inv_dataset_open(folder, scales[i], &data), INV_EINVAL);
        ck_assert_ptr_null(data);
        ck_assert_message_has("scale: ");
    }
}
END_TEST

START_TEST(name_is_the_folders)
{
    inv_dataset *data = NULL;
    char long_name[201];
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_status(inv_dataset_open(".", 255.0, &data), INV_OK);
    ck_assert_str_eq(data->name, strrchr(folder, '/') + 1);
    inv_dataset_free(data);
    /* cut between the letters, each of two bytes behind the first */
    long_name[0] = 'x';
    for (size_t i = 1; i < 199; i += 2)
        memcpy(long_name + i, "\xc3\xb6", 3);
    ck_assert_int_eq(mkdir(long_name, 0700), 0);
    support_write_dataset(long_name, 9, 5, 3, 4, 2, 11);
    ck_assert_status(inv_dataset_open(long_name, 255.0, &data), INV_OK);
    ck_assert_uint_eq(strlen(data->name), 63);
    ck_assert_int_eq(strncmp(data->name, long_name, 63), 0);
    inv_dataset_free(data);
    ck_assert_status(inv_dataset_open(support_at(folder, "x/../"), 255.0, &data), INV_EIO);
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(names_what_is_missing)
{
    inv_dataset *data = NULL;
    ck_assert_int_eq(unlink(support_at(folder, test_images)), 0);
    assert_rejected(INV_EIO, "neither t10k-images-idx3-ubyte nor t10k-images-idx3-ubyte.gz");
    ck_assert_status(inv_dataset_open(support_at(folder, "none"), 255.0, &data), INV_EIO);
    ck_assert_message_has("none: No such file");
    ck_assert_status(inv_dataset_open(support_at(folder, train_labels), 255.0, &data), INV_EIO);
    ck_assert_message_has("is not a folder");
    ck_assert_int_eq(mkdir(support_at(folder, test_images), 0700), 0);
    assert_rejected(INV_EIO, "t10k-images-idx3-ubyte: is a folder");
}
END_TEST

/* ---- data that cannot serve ---- */

START_TEST(refuses_other_counts)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(folder, train_labels), &size);
    bytes[7] -= 6;
    support_write(support_at(folder, train_labels), bytes, size - 6);
    free(bytes);
    assert_rejected(INV_EDATA, "83 images in train-images-idx3-ubyte but 77 labels");
    support_write_dataset(folder, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 3);
    bytes = support_read(support_at(folder, test_labels), &size);
    bytes[7] += 1;
    support_write(support_at(folder, test_labels), bytes, size + 1);
    free(bytes);
    assert_rejected(INV_EDATA, "29 images in t10k-images-idx3-ubyte but 30 labels");
}
END_TEST

START_TEST(refuses_other_shapes)
{
    poke(test_images, 11, WIDTH);
    poke(test_images, 15, HEIGHT);
    assert_rejected(INV_EDATA, "training images are 7 x 5 x 1, the test images 5 x 7 x 1");
}
END_TEST

START_TEST(refuses_other_ranks)
{
    const unsigned char flat[] = {0, 0, 8, 1, 0, 0, 0, 3, 6, 1, 250};
    const unsigned char floats[] = {0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0x80, 0, 0};
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(folder, train_images), &size);
    support_write(support_at(folder, train_labels), bytes, size);
    assert_rejected(INV_EFORMAT, "train-labels-idx1-ubyte: holds an array of 3 dimensions");
    support_write(support_at(folder, train_images), flat, sizeof flat);
    assert_rejected(INV_EFORMAT, "train-images-idx3-ubyte: holds an array of 1 dimension,");
    support_write_dataset(folder, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 3);
    support_write(support_at(folder, train_labels), floats, sizeof floats);
    assert_rejected(INV_EFORMAT, "labels are whole numbers, but these are floats");
    free(bytes);
}
END_TEST

START_TEST(refuses_labels)
{
    poke(test_labels, 8 + 17, CLASSES + 3);
    assert_rejected(INV_EDATA, "label 7 at index 17 of t10k-labels-idx1-ubyte");
    ck_assert_message_has("end at 3");
    for (long i = 0; i < TRAIN; i++)
        poke(train_labels, 8 + i, 5);
    assert_rejected(INV_EDATA, "every label in train-labels-idx1-ubyte is 5");
}
END_TEST

START_TEST(refuses_images_all_alike)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(folder, train_images), &size);
    for (size_t i = 1; i < TRAIN; i++)
        memcpy(bytes + 16 + i * PIXELS, bytes + 16, PIXELS);
    support_write(support_at(folder, train_images), bytes, size);
    assert_rejected(INV_EDATA, "every training image is the same: nothing to learn");
    bytes[size - 1] ^= 1; /* the last pixel of the last image is enough */
    support_write(support_at(folder, train_images), bytes, size);
    inv_dataset_free(open_good());
    free(bytes);
}
END_TEST

START_TEST(passes_on_what_reading_says)
{
    ck_assert_int_eq(truncate(support_at(folder, test_images), 100), 0);
    assert_rejected(INV_EFORMAT, "t10k-images-idx3-ubyte: truncated");
    poke(train_labels, 2, 10);
    assert_rejected(INV_EFORMAT, "type 0x0a");
}
END_TEST

START_TEST(opens_images_of_three_channels)
{
    unsigned char images[20 + 4 * 2 * 2 * 3] = {0, 0, 8, 4, 0, 0, 0, 4, 0, 0,
                                                0, 2, 0, 0, 0, 2, 0, 0, 0, 3};
    const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 4, 1, 0, 2, 1};
    for (size_t i = 20; i < sizeof images; i++)
        images[i] = (unsigned char)(i * i * 37 + 11);
    support_write(support_at(folder, train_images), images, sizeof images);
    support_write(support_at(folder, test_images), images, sizeof images);
    support_write(support_at(folder, train_labels), labels, sizeof labels);
    support_write(support_at(folder, test_labels), labels, sizeof labels);
    inv_dataset *data = open_good();
    ck_assert_uint_eq(data->shape.height, 2);
    ck_assert_uint_eq(data->shape.width, 2);
    ck_assert_uint_eq(data->shape.channels, 3);
    ck_assert_uint_eq(data->train.pixels, 12);
    ck_assert_uint_eq(data->classes, 3);
    inv_dataset_free(data);
}
END_TEST

/* ---- other types, sizes and names ---- */

static void write_idx(const char *name, inv_idx_type type, size_t rank, const size_t *dims,
                      const void *values)
{
    inv_idx idx = {.type = type, .rank = rank, .size = 1, .data = (void *)(uintptr_t)values};
    for (size_t i = 0; i < rank; i++) {
        idx.dims[i] = dims[i];
        idx.size *= dims[i];
    }
    ck_assert_status(inv_idx_write(support_at(folder, name), &idx), INV_OK);
}

/* Four images [2, 3] of the type in both parts, and labels 1, 0, 2, 1. */
static void write_typed(inv_idx_type type, const void *values)
{
    const unsigned char labels[4] = {1, 0, 2, 1};
    const size_t dims[] = {4, 2, 3};
    write_idx(train_images, type, 3, dims, values);
    write_idx(test_images, type, 3, dims, values);
    write_idx(train_labels, INV_IDX_UBYTE, 1, dims, labels);
    write_idx(test_labels, INV_IDX_UBYTE, 1, dims, labels);
}

/* What each row must be is worked out from `values`, the elements as doubles. */
static void assert_values(double scale, double expected_scale, const double *values)
{
    const uint32_t index[3] = {3, 0, 2};
    inv_dataset *data = NULL;
    float rows[3 * 6];
    gsl_matrix_float_view x = gsl_matrix_float_view_array(rows, 3, 6);
    ck_assert_status(inv_dataset_open(folder, scale, &data), INV_OK);
    ck_assert_double_eq(data->scale, expected_scale);
    inv_part_gather(&data->train, index, 3, &x.matrix);
    for (size_t i = 0; i < 18; i++)
        ck_assert_float_eq(rows[i], (float)(values[index[i / 6] * 6 + i % 6] / expected_scale));
    inv_part_rows(&data->test, 1, 3, &x.matrix);
    for (size_t i = 0; i < 18; i++)
        ck_assert_float_eq(rows[i], (float)(values[6 + i] / expected_scale));
    ck_assert_status(inv_dataset_set_validation(data, 1), INV_OK);
    inv_part_rows(&data->train, 1, 2, &x.matrix);
    for (size_t i = 0; i < 12; i++)
        ck_assert_float_eq(rows[i], (float)(values[12 + i] / expected_scale));
    double low = values[0], high = values[0];
    for (size_t i = 0; i < 24; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    ck_assert_double_eq(data->low, low);
    ck_assert_double_eq(data->high, high);
    inv_dataset_free(data);
}

START_TEST(reads_pixels_of_every_type)
{
    double values[24];
    signed char bytes[24];
    int16_t shorts[24];
    int32_t ints[24];
    float floats[24];
    for (int i = 0; i < 24; i++) {
        bytes[i] = (signed char)(i * 11 - 128);
        shorts[i] = (int16_t)(i * 731 - 4000);
        ints[i] = i * 2711;
        floats[i] = 0.37f * (float)i - 2.1f;
    }
#define CHECK_TYPE(type, array, full)                                                              \
    for (int i = 0; i < 24; i++)                                                                   \
        values[i] = (double)(array)[i];                                                            \
    write_typed(type, array);                                                                      \
    assert_values(0.0, full, values);                                                              \
    assert_values(3.5, 3.5, values)
    CHECK_TYPE(INV_IDX_BYTE, bytes, 127);
    CHECK_TYPE(INV_IDX_SHORT, shorts, 32767);
    CHECK_TYPE(INV_IDX_INT, ints, 65535);
    CHECK_TYPE(INV_IDX_FLOAT, floats, 1);
    for (int i = 0; i < 24; i++)
        values[i] = 1e-3 * i * i;
    write_typed(INV_IDX_DOUBLE, values);
    assert_values(0.0, 1, values);
}
END_TEST

START_TEST(refuses_pixels_that_are_no_numbers)
{
    float floats[24];
    double doubles[24];
    for (int i = 0; i < 24; i++) {
        floats[i] = (float)i;
        doubles[i] = 1e300 * i;
    }
    write_typed(INV_IDX_DOUBLE, doubles);
    assert_rejected(INV_EDATA, "do not fit in floats");
    floats[15] = NAN;
    write_typed(INV_IDX_FLOAT, floats);
    assert_rejected(INV_EDATA, "train-images-idx3-ubyte: image 2 (from 0): its value 3 is not a "
                               "finite number");
    floats[15] = -INFINITY;
    write_typed(INV_IDX_FLOAT, floats);
    assert_rejected(INV_EDATA, "image 2 (from 0)");
}
END_TEST

START_TEST(refuses_parts_of_two_types)
{
    const size_t dims[] = {4, 2, 3};
    const unsigned char bytes[24] = {5, 3, 1};
    int16_t shorts[24] = {7};
    write_typed(INV_IDX_UBYTE, bytes);
    write_idx(test_images, INV_IDX_SHORT, 3, dims, shorts);
    assert_rejected(INV_EDATA,
                    "training images are unsigned bytes, the test images 16-bit integers");
}
END_TEST

START_TEST(takes_rows_of_values)
{
    const size_t dims[] = {4, 6};
    const unsigned char bytes[24] = {5, 3, 1, 9};
    write_typed(INV_IDX_UBYTE, bytes);
    write_idx(train_images, INV_IDX_UBYTE, 2, dims, bytes);
    write_idx(test_images, INV_IDX_UBYTE, 2, dims, bytes);
    inv_dataset *data = open_good();
    ck_assert_uint_eq(data->shape.height, 1);
    ck_assert_uint_eq(data->shape.width, 6);
    ck_assert_uint_eq(data->shape.channels, 1);
    ck_assert_uint_eq(data->train.pixels, 6);
    inv_dataset_free(data);
}
END_TEST

START_TEST(takes_a_thousand_classes)
{
    enum { N = 1000 };
    static unsigned char images[N];
    int16_t labels[N];
    const size_t dims[] = {N, 1, 1};
    inv_dataset *data = NULL;
    for (int i = 0; i < N; i++) {
        images[i] = (unsigned char)(i * 7);
        labels[i] = (int16_t)((i * 37) % N);
    }
    write_idx(train_images, INV_IDX_UBYTE, 3, dims, images);
    write_idx(test_images, INV_IDX_UBYTE, 3, dims, images);
    write_idx(train_labels, INV_IDX_SHORT, 1, dims, labels);
    write_idx(test_labels, INV_IDX_SHORT, 1, dims, labels);
    data = open_good();
    ck_assert_uint_eq(data->classes, N);
    ck_assert_uint_eq(data->empty, 0);
    for (int i = 0; i < N; i++)
        ck_assert_uint_eq(data->train.labels[i], (i * 37) % N);
    inv_dataset_free(data);
    labels[444] = N;
    write_idx(train_labels, INV_IDX_SHORT, 1, dims, labels);
    assert_rejected(INV_EDATA, "label 1000 at index 444; labels are from 0 to 999");
    labels[444] = -1;
    write_idx(train_labels, INV_IDX_SHORT, 1, dims, labels);
    assert_rejected(INV_EDATA, "label -1 at index 444");
    labels[444] = 3; /* class 428 is left without images, but the test part has one */
    write_idx(train_labels, INV_IDX_SHORT, 1, dims, labels);
    assert_rejected(INV_EDATA, "label 428 at index 444 of t10k-labels-idx1-ubyte, but no image");
    write_idx(test_labels, INV_IDX_SHORT, 1, dims, labels);
    data = open_good();
    ck_assert_uint_eq(data->empty, 1);
    inv_dataset_free(data);
}
END_TEST

/* [n, columns] with the class first, as 32-bit integers; `labels` has room for all. */
static void write_wide(const char *name, size_t count, size_t columns, int32_t *labels)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(folder, name), &size);
    for (size_t i = 0; i < count * columns; i++)
        labels[i] = i % columns ? (int32_t)(i * 7919) : bytes[8 + i / columns];
    write_idx(name, INV_IDX_INT, 2, (const size_t[]){count, columns}, labels);
    free(bytes);
}

/* QMNIST's eight, and NumPy's habit of one. */
START_TEST(labels_may_have_more_columns)
{
    static const size_t columns[] = {1, 8};
    int32_t labels[TRAIN * 8];
    inv_dataset *plain = open_good();
    for (size_t i = 0; i < 2; i++) {
        support_write_dataset(folder, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 20160405);
        write_wide(train_labels, TRAIN, columns[i], labels);
        write_wide(test_labels, TEST, columns[i], labels);
        inv_dataset *data = open_good();
        ck_assert_uint_eq(data->label_columns, columns[i]);
        ck_assert_mem_eq(data->labels[0], plain->labels[0], TRAIN * sizeof(uint16_t));
        ck_assert_mem_eq(data->labels[1], plain->labels[1], TEST * sizeof(uint16_t));
        inv_dataset_free(data);
    }
    ck_assert_uint_eq(plain->label_columns, 1);
    inv_dataset_free(plain);
}
END_TEST

START_TEST(refuses_labels_of_other_columns)
{
    static const size_t columns[] = {2, 4, 7, 9};
    int32_t labels[TRAIN * 9];
    for (size_t i = 0; i < 4; i++) {
        support_write_dataset(folder, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 3);
        write_wide(train_labels, TRAIN, columns[i], labels);
        assert_rejected(INV_EFORMAT, "numbers a label; 1 is read, or the first of QMNIST's 8");
    }
    /* eight classes, one-hot: not QMNIST's, whose first number would be 0 or 1 */
    memset(labels, 0, sizeof labels);
    for (size_t i = 0; i < TRAIN; i++)
        labels[8 * i + i % 8] = 1;
    write_idx(train_labels, INV_IDX_INT, 2, (const size_t[]){TRAIN, 8}, labels);
    assert_rejected(INV_EFORMAT, "of one-hot labels, save the classes (in Python, y.argmax(1))");
    float as_floats[TRAIN * 8]; /* as Keras's to_categorical makes them */
    for (size_t i = 0; i < (size_t)TRAIN * 8; i++)
        as_floats[i] = (float)labels[i];
    write_idx(train_labels, INV_IDX_FLOAT, 2, (const size_t[]){TRAIN, 8}, as_floats);
    assert_rejected(INV_EFORMAT, "of one-hot labels, save the classes (in Python, y.argmax(1))");
}
END_TEST

START_TEST(names_of_classes)
{
    static const struct {
        const char *text, *why;
    } bad[] = {{"a\nb\nc\n", "classes.txt: 3 names, but the labels make 4 classes"},
               {"a\nb\nc\nd\ne", "5 names"},
               {"a\n\nc\nd\n", "classes.txt:2: an empty line; each line names a class"},
               {"a\nb\nc\nd\n\n", "classes.txt:5: an empty line"},
               {"a\nb\nc\nb\n", "classes.txt:4: 'b' names two classes, 1 and 3; each needs a name"},
               {"a\nb\r\nbc\nb", "classes.txt:4: 'b' names two classes, 1 and 3"},
               {"a\nb\tc\nc\nd\n", "classes.txt:2"},
               {"a\nb\nc\n\xc3\n", "classes.txt:4"},
               {"a\nb\n\xed\xa0\x80\nd\n", "classes.txt:3"},
               {"a\nb\n\xc0\x80\nd\n", "classes.txt:3"},
               {"a\nb\n\xf4\x90\x80\x80\nd\n", "classes.txt:3"}};
    const char *names = support_at(folder, "classes.txt");
    inv_dataset *data = open_good();
    ck_assert_ptr_null(data->class_names);
    inv_dataset_free(data);
    const char good[] = "zero\r\nein Stra\xc3\x9f"
                        "e\n\xe2\x82\xac\xf0\x9f\x98\x80\nlast";
    support_write(names, good, sizeof good - 1);
    data = open_good();
    ck_assert_str_eq(data->class_names[0], "zero");
    ck_assert_str_eq(data->class_names[1], "ein Stra\xc3\x9f"
                                           "e");
    ck_assert_str_eq(data->class_names[3], "last");
    inv_dataset_free(data);
    support_write(names,
                  "\xef\xbb\xbf"
                  "a\nb\nc\nd\n",
                  11); /* a mark is no part of a name */
    data = open_good();
    ck_assert_str_eq(data->class_names[0], "a");
    inv_dataset_free(data);
    support_write(names, "a\nb\nc\nd\n\0e\n", 11); /* nothing behind a NUL is overlooked */
    assert_rejected(INV_EDATA, "classes.txt: a NUL byte at 8: this is no text");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        support_write(names, bad[i].text, strlen(bad[i].text));
        assert_rejected(INV_EDATA, bad[i].why);
    }
    ck_assert(!inv_class_name_good("", 0));
}
END_TEST

START_TEST(finds_files_of_other_names)
{
    ck_assert_int_eq(rename(support_at(folder, train_images),
                            support_at(folder, "letters-train-images-idx3-ubyte")),
                     0);
    ck_assert_int_eq(rename(support_at(folder, test_labels), support_at(folder, "test-labels.idx")),
                     0);
    inv_dataset_free(open_good());
    gzip_file("test-labels.idx");
    inv_dataset_free(open_good());
    support_write(support_at(folder, "test-labels.idx"), "no IDX", 6); /* it goes before .gz */
    assert_rejected(INV_EFORMAT, "test-labels.idx: not an IDX file");
    support_write(support_at(folder, "digits-train-images"), "", 0);
    assert_rejected(INV_EIO, "several data sets; choose one with data.files, which may be "
                             "\"digits\", \"letters\"");
}
END_TEST

START_TEST(sets_validation_aside)
{
    inv_dataset *data = open_good();
    const unsigned char *first = data->train.images;
    const size_t counts[] = {17, 60, 0, 5};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_status(inv_dataset_set_validation(data, counts[i]), INV_OK);
        ck_assert_uint_eq(data->validation.count, counts[i]);
        ck_assert_uint_eq(data->train.count, TRAIN - counts[i]);
        ck_assert_ptr_eq(data->validation.images, first);
        ck_assert_ptr_eq(data->train.images, first + counts[i] * PIXELS);
        ck_assert_ptr_eq(data->train.labels, data->labels[0] + counts[i]);
    }
    ck_assert_status(inv_dataset_set_validation(data, TRAIN), INV_EDATA);
    ck_assert_message_has("leaves none of 83");
    ck_assert_status(inv_dataset_set_validation(data, TRAIN - 1), INV_EDATA);
    ck_assert_message_has("setting 82 images aside for validation leaves none of class ");
    ck_assert_message_has("data.shuffle = true");
    ck_assert_status(inv_dataset_set_validation(data, SIZE_MAX), INV_EDATA);
    ck_assert_uint_eq(data->validation.count, 5);
    inv_dataset_free(data);
}
END_TEST

/* Labels in the order of their classes, as many files have them: 21, 21, 21 and 20 of each. */
static void sort_labels(void)
{
    for (long i = 0; i < TRAIN; i++)
        poke(train_labels, 8 + i, (unsigned char)(i / 21));
}

START_TEST(counts_what_validation_lacks)
{
    size_t count[INV_CLASSES_MAX];
    sort_labels();
    inv_dataset *data = open_good();
    ck_assert_uint_eq(data->missing, 0);
    ck_assert_status(inv_dataset_set_validation(data, 20), INV_OK);
    ck_assert_uint_eq(data->missing, 3);
    inv_part_classes(&data->train, count);
    ck_assert_uint_eq(count[0], 1);
    ck_assert_uint_eq(count[1], 21);
    ck_assert_uint_eq(count[3], 20);
    ck_assert_uint_eq(count[4], 0);
    ck_assert_status(inv_dataset_set_validation(data, 21), INV_EDATA);
    ck_assert_message_has("leaves none of class 0");
    ck_assert_uint_eq(data->validation.count, 20);
    ck_assert_uint_eq(data->missing, 3);
    ck_assert_uint_eq(inv_dataset_file_index(data, 7), 27);
    inv_dataset_free(data);
}
END_TEST

static inv_dataset *load(const inv_data_spec *spec, uint64_t seed)
{
    inv_dataset *data = NULL;
    ck_assert_status(inv_dataset_load(spec, folder, seed, &data), INV_OK);
    return data;
}

/* Every image keeps its label, none is lost, and any number set aside has each class's share. */
START_TEST(shuffles_and_divides_evenly)
{
    sort_labels();
    inv_dataset *plain = open_good();
    for (size_t aside = 0; aside < TRAIN - CLASSES; aside += 13) {
        const inv_data_spec spec = {.shuffle = true, .validation = aside, .scale = 255.0};
        size_t all[INV_CLASSES_MAX], count[INV_CLASSES_MAX];
        bool seen[TRAIN] = {false};
        inv_dataset *data = load(&spec, 5);
        inv_part_classes(&plain->train, all);
        inv_part_classes(&data->validation, count);
        for (size_t c = 0; c < CLASSES; c++)
            ck_assert_double_lt(fabs((double)count[c] - (double)(aside * all[c]) / TRAIN), 1.5);
        for (size_t i = 0; i < data->train.count; i++) {
            const size_t from = inv_dataset_file_index(data, i);
            ck_assert(from < TRAIN && !seen[from]);
            seen[from] = true;
            ck_assert_uint_eq(data->train.labels[i], plain->train.labels[from]);
            ck_assert_mem_eq((const char *)data->train.images + i * PIXELS,
                             (const char *)plain->train.images + from * PIXELS, PIXELS);
        }
        ck_assert_mem_eq(data->sha256, plain->sha256, sizeof data->sha256);
        inv_dataset_free(data);
    }
    inv_dataset_free(plain);
}
END_TEST

START_TEST(the_seed_is_the_order)
{
    const inv_data_spec spec = {.shuffle = true, .scale = 255.0};
    inv_dataset *a = load(&spec, 5), *b = load(&spec, 5), *c = load(&spec, 6);
    ck_assert_mem_eq(a->train.images, b->train.images, TRAIN * PIXELS);
    ck_assert_mem_ne(a->train.images, c->train.images, TRAIN * PIXELS);
    inv_dataset_free(a);
    inv_dataset_free(b);
    inv_dataset_free(c);
}
END_TEST

/* ---- rows ---- */

/* The naive twin: row i holds image index[i], and nothing beside the rows is touched. */
static void assert_rows(const inv_part *part, const uint32_t *index, size_t n,
                        const gsl_matrix_float *x, size_t tda)
{
    const unsigned char *images = part->images;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < PIXELS; j++)
            ck_assert_float_eq(gsl_matrix_float_get(x, i, j),
                               (float)(images[index[i] * PIXELS + j] / 255.0));
    for (size_t i = 0; i <= n; i++)
        for (size_t j = i < n ? PIXELS : 0; j < tda; j++)
            ck_assert_float_eq(x->data[i * tda + j], -3.5f);
}

START_TEST(gathers_rows)
{
    enum { N = 13, TDA = PIXELS + 4 };
    const uint32_t index[N] = {5, 61, 0, 33, 33, 65, 12, 7, 48, 2, 59, 21, 40};
    inv_dataset *data = open_good();
    float *store = malloc((N + 1) * TDA * sizeof *store);
    ck_assert_ptr_nonnull(store);
    ck_assert_status(inv_dataset_set_validation(data, 17), INV_OK);
    gsl_matrix_float_view x = gsl_matrix_float_view_array_with_tda(store, N + 1, PIXELS, TDA);
    for (size_t i = 0; i < (N + 1) * TDA; i++)
        store[i] = -3.5f;
    inv_part_gather(&data->train, index, N, &x.matrix);
    assert_rows(&data->train, index, N, &x.matrix, TDA);
    for (size_t i = 0; i < (N + 1) * TDA; i++)
        store[i] = -3.5f;
    uint32_t run[N];
    for (uint32_t i = 0; i < N; i++)
        run[i] = 9 + i;
    inv_part_rows(&data->test, 9, N, &x.matrix);
    assert_rows(&data->test, run, N, &x.matrix, TDA);
    inv_part_gather(&data->test, NULL, 0, &x.matrix);
    assert_rows(&data->test, run, N, &x.matrix, TDA);
    free(store);
    inv_dataset_free(data);
}
END_TEST

/* ---- batches ---- */

/* One epoch: every index once, in batches of `batch` and a shorter one last. */
static void assert_epoch(inv_batches *batches, uint32_t *order)
{
    size_t done = 0, seen[97] = {0};
    while (done < batches->count) {
        const uint32_t *index = NULL;
        size_t left = batches->count - done, n = inv_batches_next(batches, &index);
        ck_assert_uint_eq(n, left < batches->batch ? left : batches->batch);
        for (size_t i = 0; i < n; i++) {
            ck_assert_uint_lt(index[i], batches->count);
            ck_assert_uint_eq(seen[index[i]]++, 0);
            order[done++] = index[i];
        }
    }
}

START_TEST(batches_are_fresh_shuffles)
{
    uint32_t order[3][97] = {{0}};
    inv_batches *batches = NULL;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 4711);
    ck_assert_status(inv_batches_alloc(97, 20, rng, &batches), INV_OK);
    for (size_t epoch = 0; epoch < 3; epoch++)
        assert_epoch(batches, order[epoch]);
    size_t moved = 0;
    for (size_t i = 0; i < 97; i++)
        moved += order[0][i] != i && order[1][i] != order[0][i] && order[2][i] != order[1][i];
    ck_assert_uint_gt(moved, 80);
    inv_batches_free(batches);
    inv_batches_free(NULL);
    gsl_rng_free(rng);
}
END_TEST

START_TEST(batches_go_on_from_saved_state)
{
    inv_batches *one = NULL, *two = NULL;
    const uint32_t *a = NULL, *b = NULL;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 99);
    ck_assert_status(inv_batches_alloc(53, 11, rng, &one), INV_OK);
    for (int i = 0; i < 8; i++)
        ck_assert_uint_gt(inv_batches_next(one, &a), 0);
    gsl_rng *copy = gsl_rng_clone(rng);
    ck_assert_status(inv_batches_alloc(53, 11, copy, &two), INV_OK);
    memcpy(two->order, one->order, 53 * sizeof *one->order);
    two->position = one->position;
    for (int i = 0; i < 12; i++) {
        size_t n = inv_batches_next(one, &a);
        ck_assert_uint_eq(inv_batches_next(two, &b), n);
        ck_assert_mem_eq(a, b, n * sizeof *a);
    }
    inv_batches_free(one);
    inv_batches_free(two);
    gsl_rng_free(rng);
    gsl_rng_free(copy);
}
END_TEST

START_TEST(refuses_batches)
{
    inv_batches *batches = NULL;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng *small = gsl_rng_alloc(gsl_rng_transputer); /* of 32 bits; its values start at 1 */
    ck_assert_status(inv_batches_alloc(10, 0, rng, &batches), INV_EINVAL);
    ck_assert_status(inv_batches_alloc(10, 11, rng, &batches), INV_EINVAL);
    ck_assert_message_has("11 images a batch, but 1 to 10");
    ck_assert_status(inv_batches_alloc(0, 0, rng, &batches), INV_EINVAL);
    ck_assert_status(inv_batches_alloc((size_t)UINT32_MAX + 1, 7, rng, &batches), INV_EINVAL);
    ck_assert_status(inv_batches_alloc(UINT32_MAX, 7, small, &batches), INV_EINVAL);
    ck_assert_message_has("more than can be shuffled");
    ck_assert_ptr_null(batches);
    gsl_rng_free(rng);
    gsl_rng_free(small);
}
END_TEST

/* ---- the real ones, where there are some ---- */

static void assert_real(const char *variable, const char *name)
{
    const char *where = getenv(variable);
    inv_dataset *data = NULL;
    if (!where || access(where, R_OK) != 0) {
        support_skipped("dataset", "%s, because %s names no folder", name, variable);
        return;
    }
    ck_assert_status(inv_dataset_open(where, 255.0, &data), INV_OK);
    ck_assert_str_eq(data->name, name);
    ck_assert_uint_eq(data->train.count, 60000);
    ck_assert_uint_eq(data->test.count, 10000);
    ck_assert_uint_eq(data->classes, 10);
    ck_assert_uint_eq(data->train.pixels, 784);
    ck_assert((data->class_names != NULL) == (strcmp(name, "Fashion-MNIST") == 0));
    if (data->class_names)
        ck_assert_str_eq(data->class_names[9], "Ankle boot");
    inv_dataset_free(data);
}

START_TEST(knows_mnist)
{
    assert_real("INVPROJ_MNIST", "MNIST");
}
END_TEST

START_TEST(knows_fashion_mnist)
{
    assert_real("INVPROJ_FASHION_MNIST", "Fashion-MNIST");
}
END_TEST

static inv_status use_load(const void *spec)
{
    inv_dataset *data = NULL;
    const inv_status status = inv_dataset_load(spec, folder, 1, &data);
    ck_assert_ptr_null(data);
    return status;
}

START_TEST(bad_settings_are_refused)
{
    const inv_data_spec spec = {.validation = 3};
    fields_must_be_checked(inv_data_fields, &spec, sizeof spec, use_load);
}
END_TEST

static void add_opening(TCase *tests)
{
    tcase_add_test(tests, opens_raw_and_gzipped_alike);
    tcase_add_test(tests, values_are_bytes_over_scale);
    tcase_add_test(tests, refuses_scales);
    tcase_add_test(tests, bad_settings_are_refused);
    tcase_add_test(tests, name_is_the_folders);
    tcase_add_test(tests, names_what_is_missing);
    tcase_add_test(tests, refuses_other_counts);
    tcase_add_test(tests, refuses_other_shapes);
    tcase_add_test(tests, refuses_other_ranks);
    tcase_add_test(tests, refuses_labels);
    tcase_add_test(tests, refuses_images_all_alike);
    tcase_add_test(tests, passes_on_what_reading_says);
    tcase_add_test(tests, opens_images_of_three_channels);
    tcase_add_test(tests, reads_pixels_of_every_type);
    tcase_add_test(tests, refuses_pixels_that_are_no_numbers);
    tcase_add_test(tests, refuses_parts_of_two_types);
    tcase_add_test(tests, takes_rows_of_values);
    tcase_add_test(tests, takes_a_thousand_classes);
    tcase_add_test(tests, names_of_classes);
    tcase_add_test(tests, finds_files_of_other_names);
}

Suite *dataset_suite(void)
{
    Suite *suite = suite_create("dataset");
    TCase *tests = tcase_create("dataset");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 30);
    add_opening(tests);
    tcase_add_test(tests, sets_validation_aside);
    tcase_add_test(tests, counts_what_validation_lacks);
    tcase_add_test(tests, shuffles_and_divides_evenly);
    tcase_add_test(tests, the_seed_is_the_order);
    tcase_add_test(tests, labels_may_have_more_columns);
    tcase_add_test(tests, refuses_labels_of_other_columns);
    tcase_add_test(tests, gathers_rows);
    tcase_add_test(tests, batches_are_fresh_shuffles);
    tcase_add_test(tests, batches_go_on_from_saved_state);
    tcase_add_test(tests, refuses_batches);
    tcase_add_test(tests, knows_mnist);
    tcase_add_test(tests, knows_fashion_mnist);
    suite_add_tcase(suite, tests);
    return suite;
}
