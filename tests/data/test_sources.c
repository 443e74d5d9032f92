/* Where data sets come from: families of file names, NumPy's archives, and the names of classes.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/sources.h"

Suite *sources_suite(void);

enum { TRAIN = 37, TEST = 13, HEIGHT = 4, WIDTH = 3, CLASSES = 5, PIXELS = HEIGHT * WIDTH };

static char *folder; /* `folder`/plain holds a data set under MNIST's names, which is opened as: */
static inv_dataset *plain;

static const char *const usual[INV_DATA_FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

static void make_folder(void)
{
    folder = support_folder();
    ck_assert_int_eq(mkdir(support_at(folder, "plain"), 0700), 0);
    support_write_dataset(support_at(folder, "plain"), TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 77);
    ck_assert_status(inv_dataset_open(support_at(folder, "plain"), 0.0, &plain), INV_OK);
}

static void remove_folder(void)
{
    inv_dataset_free(plain);
    support_remove(folder);
}

/* The files of the plain set under other names in `folder`. */
static void copy_as(const char *const names[INV_DATA_FILES])
{
    for (int i = 0; i < INV_DATA_FILES; i++) {
        char from[64];
        size_t size = 0;
        snprintf(from, sizeof from, "plain/%s", usual[i]);
        unsigned char *bytes = support_read(support_at(folder, from), &size);
        support_write(support_at(folder, names[i]), bytes, size);
        free(bytes);
    }
}

static inv_dataset *load_of(const char *path, const char *files)
{
    inv_dataset *data = NULL;
    inv_data_spec spec = {.validation = 0};
    snprintf(spec.files, sizeof spec.files, "%s", files);
    ck_assert_status(inv_dataset_load(&spec, path, 1, &data), INV_OK);
    return data;
}

/* That what is read from `path` is the plain set. */
static void assert_plain(const char *path, const char *files)
{
    inv_dataset *data = load_of(path, files);
    ck_assert_uint_eq(data->train.count, TRAIN);
    ck_assert_uint_eq(data->test.count, TEST);
    ck_assert_uint_eq(data->classes, CLASSES);
    ck_assert_mem_eq(data->train.images, plain->train.images, TRAIN * PIXELS);
    ck_assert_mem_eq(data->test.images, plain->test.images, TEST * PIXELS);
    ck_assert_mem_eq(data->train.labels, plain->train.labels, TRAIN * sizeof(uint16_t));
    ck_assert_mem_eq(data->test.labels, plain->test.labels, TEST * sizeof(uint16_t));
    inv_dataset_free(data);
}

static void assert_refused(const char *path, const char *files, inv_status expected,
                           const char *why)
{
    inv_dataset *data = (inv_dataset *)folder;
    inv_data_spec spec = {.validation = 0};
    snprintf(spec.files, sizeof spec.files, "%s", files);
    ck_assert_status(inv_dataset_load(&spec, path, 1, &data), expected);
    ck_assert_ptr_null(data);
    ck_assert_message_has(folder);
    ck_assert_message_has(why);
}

/* ---- families of names ---- */

static const char *const letters[] = {
    "emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte",
    "emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte"};
static const char *const digits[] = {
    "emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte",
    "emnist-digits-test-images-idx3-ubyte", "emnist-digits-test-labels-idx1-ubyte"};

START_TEST(finds_every_family)
{
    static const char *const families[][INV_DATA_FILES] = {
        {"qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int",
         "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"},
        {"train_images.idx", "train_labels.idx", "test_images.idx", "test_labels.idx"},
        {"X_train", "Y_train", "X_test", "Y_test"},
        {"k49-train-imgs", "k49-train-labels", "k49-test-imgs", "k49-test-labels"},
        {"train_x", "train_y", "test_x", "test_y"}};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        copy_as(families[i]);
        assert_plain(folder, "");
        for (int j = 0; j < INV_DATA_FILES; j++)
            ck_assert_int_eq(unlink(support_at(folder, families[i][j])), 0);
    }
}
END_TEST

START_TEST(the_stem_chooses_among_several)
{
    copy_as(letters);
    assert_plain(folder, ""); /* there is only one */
    copy_as(digits);
    support_write(support_at(folder, digits[0]), "no IDX", 6);
    assert_plain(folder, "emnist-letters");
    assert_refused(folder, "", INV_EIO,
                   "holds several data sets; choose one with data.files, which may be "
                   "\"emnist-digits\", \"emnist-letters\"");
    assert_refused(folder, "emnist-digits", INV_EFORMAT, "emnist-digits-train-images");
    assert_refused(folder, "emnist", INV_EIO,
                   "no train-images of data.files = \"emnist\" are there; there are "
                   "\"emnist-digits\", \"emnist-letters\"");
    assert_refused(folder, "emnist-lett", INV_EIO, "\"emnist-letters\"");
    copy_as(usual); /* which the stem goes before, and without it they are meant */
    ck_assert_int_eq(truncate(support_at(folder, letters[1]), 0), 0);
    assert_refused(folder, "emnist-letters", INV_EFORMAT, "emnist-letters-train-labels");
    assert_plain(folder, "");
}
END_TEST

START_TEST(names_what_it_cannot_choose)
{
    copy_as(letters);
    support_write(support_at(folder, "emnist-letters-train-images.old"), "", 0);
    assert_refused(
        folder, "", INV_EIO,
        "both emnist-letters-train-images-idx3-ubyte and emnist-letters-train-images.old "
        "may be the train-images; remove one");
    ck_assert_int_eq(unlink(support_at(folder, letters[3])), 0);
    ck_assert_int_eq(unlink(support_at(folder, "emnist-letters-train-images.old")), 0);
    assert_refused(folder, "emnist-letters", INV_EIO, "no t10k-labels of data.files");
    assert_refused(folder, "", INV_EIO, "neither t10k-labels-idx1-ubyte nor");
    support_write(support_at(folder, "mnist.npz"), "", 0);
    assert_refused(folder, "", INV_EIO, "if mnist.npz holds them all, give that: --data ");
    ck_assert_message_has("/mnist.npz");
}
END_TEST

/* ---- NumPy ---- */

/* Array `which` of the plain set (0 train images, ... as in INV_DATA_FILES), from its element
 * `first` on; the caller frees. */
static unsigned char *plain_npy(int which, size_t first, size_t count, size_t *size)
{
    char dictionary[128];
    const inv_part *part = which < INV_TEST_IMAGES ? &plain->train : &plain->test;
    if (which % 2 == 0) {
        snprintf(dictionary, sizeof dictionary,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu, %d, %d), }", count,
                 HEIGHT, WIDTH);
        return support_npy(dictionary, (const unsigned char *)part->images + first * PIXELS,
                           count * PIXELS, size);
    }
    int64_t labels[TRAIN];
    for (size_t i = 0; i < count; i++)
        labels[i] = part->labels[first + i];
    snprintf(dictionary, sizeof dictionary,
             "{'descr': '<i8', 'fortran_order': False, 'shape': (%zu, 1), }", count);
    return support_npy(dictionary, labels, count * sizeof *labels, size);
}

/* `count` arrays of the names in one archive; which[i] says of what. */
static void write_npz(const char *path, const char *const *names, const int *which,
                      const size_t *first, const size_t *counts, size_t count)
{
    support_member members[8];
    char full[8][64];
    for (size_t i = 0; i < count; i++) {
        snprintf(full[i], sizeof full[i], "%s.npy", names[i]);
        members[i].name = full[i];
        members[i].bytes = plain_npy(which[i], first[i], counts[i], &members[i].size);
    }
    support_write_zip(path, members, count, 1);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)members[i].bytes);
}

static const int in_order[] = {0, 1, 2, 3};
static const size_t from_first[6] = {0};
static const size_t whole[] = {TRAIN, TRAIN, TEST, TEST};

/* Keras's mnist.npz, and MedMNIST's names, whose labels are [n, 1]. */
START_TEST(reads_archives_of_four_arrays)
{
    static const char *const names[][4] = {
        {"x_train", "y_train", "x_test", "y_test"},
        {"train_images", "train_labels", "test_images", "test_labels"}};
    const char *path = support_at(folder, "digits.npz");
    for (size_t i = 0; i < 2; i++) {
        write_npz(path, names[i], in_order, from_first, whole, 4);
        assert_plain(path, "");
        inv_dataset *data = load_of(path, "");
        ck_assert_str_eq(data->name, "digits.npz");
        ck_assert_str_ne(data->sha256[0], data->sha256[2]);
        ck_assert_uint_eq(strlen(data->sha256[3]), 64);
        inv_dataset_free(data);
    }
    write_npz(path, names[0], in_order, from_first, whole, 3);
    assert_refused(path, "", INV_EDATA,
                   "digits.npz: holds no t10k-labels; a data set has x_train, y_train, x_test and "
                   "y_test, or train_images");
    ck_assert_message_has("there are x_train, y_train, x_test");
}
END_TEST

/* MedMNIST's three parts: the validation images are those set aside. */
START_TEST(validation_may_come_along)
{
    enum { OWN = 9 };
    static const char *const names[] = {"train_images", "train_labels", "test_images",
                                        "test_labels",  "val_images",   "val_labels"};
    static const int which[] = {0, 1, 2, 3, 0, 1};
    static const size_t first[] = {OWN, OWN, 0, 0, 0, 0};
    static const size_t counts[] = {TRAIN - OWN, TRAIN - OWN, TEST, TEST, OWN, OWN};
    const char *path = support_at(folder, "med.npz");
    const inv_data_spec too_many = {.validation = 3}, mixed = {.shuffle = true};
    inv_dataset *data = NULL;
    write_npz(path, names, which, first, counts, 6);
    data = load_of(path, "");
    ck_assert_uint_eq(data->validation.count, OWN);
    ck_assert_uint_eq(data->train.count, TRAIN - OWN);
    ck_assert_mem_eq(data->validation.images, plain->train.images, TRAIN * PIXELS);
    ck_assert_mem_eq(data->validation.labels, plain->train.labels, TRAIN * sizeof(uint16_t));
    ck_assert_ptr_eq(data->train.images, (const char *)data->validation.images + OWN * PIXELS);
    char sum[INV_SHA256_TEXT];
    memcpy(sum, data->sha256[INV_TRAIN_IMAGES], sizeof sum);
    inv_dataset_free(data);
    ck_assert_status(inv_dataset_load(&mixed, path, 4, &data), INV_OK);
    ck_assert_mem_eq(data->validation.images, plain->train.images, OWN * PIXELS);
    ck_assert_mem_ne(data->train.images, (const char *)plain->train.images + OWN * PIXELS,
                     (TRAIN - OWN) * PIXELS);
    ck_assert_str_eq(data->sha256[INV_TRAIN_IMAGES], sum);
    inv_dataset_free(data);
    ck_assert_status(inv_dataset_load(&too_many, path, 1, &data), INV_EINVAL);
    ck_assert_message_has("med.npz: brings 9 validation images of its own; leave data.validation");
    /* other validation images are other data */
    write_npz(path, names, which, (const size_t[]){OWN, OWN, 0, 0, 1, 1}, counts, 6);
    data = load_of(path, "");
    ck_assert_str_ne(data->sha256[INV_TRAIN_IMAGES], sum);
    inv_dataset_free(data);
    write_npz(path, names, which, first, counts, 5);
    assert_refused(path, "", INV_EDATA, "of the validation images and labels only one is there");
}
END_TEST

/* Kuzushiji's: four archives of one array each, named arr_0. */
START_TEST(reads_folders_of_archives)
{
    static const char *const files[] = {"k49-train-imgs.npz", "k49-train-labels.npz",
                                        "k49-test-imgs.npz", "k49-test-labels.npz"};
    static const char *const names[] = {"arr_0", "arr_1"};
    for (int i = 0; i < INV_DATA_FILES; i++)
        write_npz(support_at(folder, files[i]), names, &i, from_first, whole + i, 1);
    assert_plain(folder, "");
    assert_plain(folder, "k49");
    write_npz(support_at(folder, files[2]), names, (const int[]){2, 2}, from_first,
              (const size_t[]){TEST, TEST}, 2);
    assert_refused(folder, "", INV_EDATA,
                   "k49-test-imgs.npz: holds several arrays (arr_0, arr_1), where one is wanted");
}
END_TEST

START_TEST(reads_folders_of_arrays)
{
    static const char *const files[] = {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"};
    for (int i = 0; i < INV_DATA_FILES; i++) {
        size_t size = 0;
        unsigned char *bytes = plain_npy(i, 0, whole[i], &size);
        support_write(support_at(folder, files[i]), bytes, size);
        free(bytes);
    }
    assert_plain(folder, "");
}
END_TEST

START_TEST(says_what_is_no_data_set)
{
    const char *path = support_at(folder, "file");
    const support_member member = {"train-images-idx3-ubyte", "x", 1};
    support_write(path, "\xff\xd8\xff\xe0", 4);
    assert_refused(path, "", INV_EIO, "file: is not a folder but a JPEG picture, nor a .npz");
    support_write(path, "x", 1);
    assert_refused(path, "", INV_EIO, "file: is not a folder, nor a .npz archive");
    support_write_zip(path, &member, 1, 0);
    assert_refused(path, "", INV_EFORMAT,
                   "a ZIP archive without NumPy arrays in it; unpack it and name what was in it");
}
END_TEST

/* ---- the names of classes ---- */

START_TEST(reads_the_mapping_of_emnist)
{
    static const char *const expected[] = {"0", "A", "b", "\xc3\xa9", "4"};
    char path[512]; /* not support_at's, which the many files would take over */
    const char good[] = "1 65 97\r\n2 98\n\n3 233 201\n99 90 122\n";
    snprintf(path, sizeof path, "%s/emnist-letters-mapping.txt", folder);
    copy_as(letters);
    support_write(support_at(folder, "emnist-digits-mapping.txt"), "0 48\n", 5);
    inv_dataset *data = load_of(folder, "");
    ck_assert_ptr_null(data->class_names); /* another's mapping is none */
    ck_assert(data->sideways);
    inv_dataset_free(data);
    support_write(path, good, sizeof good - 1);
    data = load_of(folder, "emnist-letters");
    for (size_t c = 0; c < CLASSES; c++)
        ck_assert_str_eq(data->class_names[c], expected[c]);
    inv_dataset_free(data);
    ck_assert(!plain->sideways);
    support_write(support_at(folder, "classes.txt"), "a\nb\nc\nd\ne\n", 10); /* goes before it */
    data = load_of(folder, "");
    ck_assert_str_eq(data->class_names[1], "b");
    inv_dataset_free(data);
}
END_TEST

START_TEST(refuses_other_mappings)
{
    static const char *const bad[] = {"A 65\n",    "1\n",       "1 x\n",  "1 \n65\n", "1 10\n",
                                      "1 55296\n", "1 1114112", "1,65\n", "-1 65\n"};
    char path[512]; /* not support_at's, which the many files would take over */
    snprintf(path, sizeof path, "%s/emnist-letters-mapping.txt", folder);
    copy_as(letters);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[32];
        const int length = snprintf(text, sizeof text, "0 48\n%s", bad[i]);
        support_write(path, text, (size_t)length);
        assert_refused(folder, "", INV_EDATA, "mapping.txt:2: not a class and what it stands for");
    }
}
END_TEST

START_TEST(reads_the_mapping_of_kuzushiji)
{
    static const char *const files[] = {"k49-train-imgs", "k49-train-labels", "k49-test-imgs",
                                        "k49-test-labels"};
    char path[512]; /* not support_at's, which the many files would take over */
    const char good[] = "index,codepoint,char\n0,U+3042,\xe3\x81\x82\n2,U+3046,\xe3\x81\x86\r\n";
    snprintf(path, sizeof path, "%s/k49_classmap.csv", folder);
    copy_as(files);
    support_write(path, good, sizeof good - 1);
    inv_dataset *data = load_of(folder, "");
    ck_assert_str_eq(data->class_names[0], "\xe3\x81\x82");
    ck_assert_str_eq(data->class_names[1], "1");
    ck_assert_str_eq(data->class_names[2], "\xe3\x81\x86");
    inv_dataset_free(data);
    support_write(path, "index,codepoint,char\n0,U+3042\n", 30);
    assert_refused(folder, "", INV_EDATA, "k49_classmap.csv:2: not a class");
    support_write(path, "index,codepoint,char\n0,U+3042,\n", 31);
    assert_refused(folder, "", INV_EDATA, "k49_classmap.csv:2: not a class");
}
END_TEST

Suite *sources_suite(void)
{
    Suite *suite = suite_create("sources");
    TCase *tests = tcase_create("sources");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, finds_every_family);
    tcase_add_test(tests, the_stem_chooses_among_several);
    tcase_add_test(tests, names_what_it_cannot_choose);
    tcase_add_test(tests, reads_archives_of_four_arrays);
    tcase_add_test(tests, validation_may_come_along);
    tcase_add_test(tests, reads_folders_of_archives);
    tcase_add_test(tests, reads_folders_of_arrays);
    tcase_add_test(tests, says_what_is_no_data_set);
    tcase_add_test(tests, reads_the_mapping_of_emnist);
    tcase_add_test(tests, refuses_other_mappings);
    tcase_add_test(tests, reads_the_mapping_of_kuzushiji);
    suite_add_tcase(suite, tests);
    return suite;
}
