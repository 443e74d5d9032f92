/* dataset.h - labelled images in a training, a validation and a test part, and batches of them.
 *
 * Pixels are kept as the elements of the file; inv_part_gather makes float rows of them.
 *
 *     const inv_data_spec spec = {.folder = "data/mnist", .validation = 5000};
 *     inv_dataset *data = NULL;
 *     if (inv_dataset_load(&spec, NULL, 1, &data) == INV_OK)
 *         printf("%zu images to train on\n", data->train.count);
 *     inv_dataset_free(data);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_DATASET_H
#define INVPROJ_DATASET_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include <gsl/gsl_rng.h>

#include "invproj/config.h"
#include "invproj/idx.h"
#include "invproj/mat.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { INV_TRAIN_IMAGES, INV_TRAIN_LABELS, INV_TEST_IMAGES, INV_TEST_LABELS, INV_DATA_FILES };

#define INV_CLASSES_MAX 1000
#define INV_CLASSES_FILE                                                                           \
    "classes.txt" /* beside the IDX files: the names of the classes, one per line                        \
                   */

/* Where the data are and how they are read; all zero but for `folder` is the usual way. */
typedef struct inv_data_spec {
    char folder[INV_TEXT_MAX]; /* with the four files, or a .npz archive of the four arrays */
    char files[INV_NAME_MAX]; /* what the files' names begin with, where a folder holds several data
                                  sets: "emnist-letters"; "": the usual names, or the only ones */
    char axes[INV_NAME_MAX];  /* of images of four: "nhwc", channels last, or "nchw", second;
                                  "": as the sizes tell */
    bool transpose;           /* rows and columns change places, as EMNIST needs it */
    bool shuffle;             /* mix the training images before any are set aside */
    size_t validation;        /* of the first training images, set aside */
    double scale;             /* pixels are divided by it; 0: as inv_idx_full_scale says */
} inv_data_spec;

extern const inv_field inv_data_fields[];

/* A run of consecutive images: `count` rows of height * width * channels elements, and their
 * labels. Points into its dataset, which owns both. */
typedef struct inv_part {
    size_t count;
    size_t pixels;     /* elements an image */
    inv_idx_type type; /* of the elements */
    const void *images;
    const uint16_t *labels;
    const float *value; /* where elements are bytes: value[b] is what byte b stands for, 256 */
    bool divides;       /* whether a division of floats gives just the same */
    double scale;       /* where they are wider: they are divided by it */
} inv_part;

/* What values of pixels mean, after the division: of a net's input, and so of all images that are
 * made, padded, moved or drawn for it. */
typedef struct inv_pixels {
    double black, white; /* of unsigned bytes 0 and 255 / scale; of floats and of types with a sign
                            the lowest and the highest that there are */
    double ground;       /* of a place where nothing is: the median along the images' borders */
} inv_pixels;

/* y = x with the black and white of `to` in place of those of `from`, as another net takes the same
 * images; x may be y. */
void inv_pixels_translate(const inv_pixels *from, const inv_pixels *to, const gsl_matrix_float *x,
                          gsl_matrix_float *y);

/* What an image looks like (inv_look_at), each a part: of the whole image, of its edge, of the height,
 * of the width, of the longer side. */
enum {
    INV_LOOK_INK,  /* the mean ink */
    INV_LOOK_EDGE, /* that of the outermost rows and columns */
    INV_LOOK_Y,    /* its centre of mass */
    INV_LOOK_X,
    INV_LOOK_SPREAD, /* its standard deviation from there */
    INV_LOOKS
};

/* The lowest and the highest of each that some images have. */
typedef struct inv_looks {
    double low[INV_LOOKS], high[INV_LOOKS];
} inv_looks;

/* Of no image. */
#define INV_LOOKS_NONE                                                                             \
    ((inv_looks){{INFINITY, INFINITY, INFINITY, INFINITY, INFINITY},                               \
                 {-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY}})

typedef struct inv_dataset {
    char name[64]; /* "MNIST", "Fashion-MNIST" when the bytes are theirs, else the folder's name */
    inv_shape shape;
    size_t classes;                    /* largest label of the training file + 1 */
    size_t empty;                      /* how many of them no image is of */
    char (*class_names)[INV_NAME_MAX]; /* of each class; NULL where there are no names */
    double low, high;                  /* least and largest pixel, before the division */
    double size[2];                    /* of the largest pixel to train on, and to test on */
    double scale;                      /* pixels are divided by it */
    inv_pixels pixels;                 /* what comes of that */
    inv_looks looks;                   /* of some thousand of the training images */
    char axes[8];          /* that images of four axes were read by; "": they have none */
    bool transposed;       /* whether rows and columns have changed places */
    bool sideways;         /* by their name they lie on their side, and were left so */
    size_t label_columns;  /* numbers a label, of which the first is the class */
    size_t own_validation; /* validation images that the data bring along */
    size_t missing;        /* classes to train on that no validation image is of */
    inv_part train, validation, test;
    char sha256[INV_DATA_FILES][INV_SHA256_TEXT]; /* see inv_dataset_load */
    inv_idx *images[2];                           /* of the training and the test file, */
    uint16_t *labels[2];                          /* the latter NULL where there is none */
    uint32_t *order; /* of the training images after own_validation: their number in the file, less
                        that; NULL: as in the file */
    float value[256];
    bool divides;
} inv_dataset;

/* Opens the data set of `path` or, where that is NULL, of spec->folder.
 *
 * In a folder these are the four files train-images-idx3-ubyte, train-labels-idx1-ubyte,
 * t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each with ".gz" or without (which is taken
 * where both are there); where one is missing, or spec->files says how they begin, the only file
 * whose name says that it is it: "train-images", "train-imgs", "train_images" or "x_train", and the
 * like. Each is an IDX file, a .npy file or a .npz archive of one array. A .npz archive in place of
 * a folder has x_train, y_train, x_test and y_test (Keras), or train_images, train_labels,
 * test_images and test_labels (MedMNIST). Where val_images and val_labels are there too, they are
 * the validation part, and stand before the training images in memory. Without a file of test images
 * and one of test labels the test part is empty, and their sums are "".
 *
 * Images are [n, height, width]; with channels, [n, height, width, channels] or [n, channels,
 * height, width]: the axis of size 1 or 3, or the one that spec->axes says; or [n, values], images
 * of one line. Labels are [n], [n, 1] or QMNIST's [n, 8], of which the first is the class, of an
 * integer type, 0 to INV_CLASSES_MAX - 1. A pixel v stands for v / scale. Names of classes come from
 * classes.txt in the folder, a line each, or from EMNIST's or Kuzushiji's mapping, where those are
 * there, and are known for Fashion-MNIST. spec->shuffle mixes by `seed`, so that any number set
 * aside has each class's share.
 *
 * data->sha256 tells what the data are: the SHA-256 of each of the four files, decompressed (of the
 * .npy in a .npz, unpacked). Where validation images come along, those of the training images and
 * labels are of two sums as text, theirs and the training file's.
 *
 * INV_EINVAL: a spec that inv_fields_check refuses; scale is neither 0 nor a positive number, or too far from 1 for a float; a number to
 * set aside where the data bring validation images. INV_EIO: a missing file, or several that may be
 * it. INV_EFORMAT as inv_array_read, also for arrays of another rank and for labels of floats or of
 * other numbers than one. INV_EDATA: axes that cannot be told, fewer or more labels than images,
 * other image sizes or types in the parts, a pixel that is not finite, a label out of range, a test
 * label of a class that no training image is of, every training label or every training image the
 * same, fewer or more class names than classes; what inv_dataset_set_validation refuses. The caller
 * frees with inv_dataset_free. */
INV_MUST_CHECK inv_status inv_dataset_load(const inv_data_spec *spec, const char *path,
                                           uint64_t seed, inv_dataset **out);

/* The same of `folder`, in the usual way; the validation part is empty, unless one comes along. */
INV_MUST_CHECK inv_status inv_dataset_open(const char *folder, double scale, inv_dataset **out);

/* Reads an array from an IDX file, a .npy file or a .npz archive of one array, whichever its first
 * bytes say, as inv_idx_read and inv_npy_read do. INV_EDATA: several arrays in the archive. */
INV_MUST_CHECK inv_status inv_array_read(const char *path, inv_idx **out);

/* The names of orders of axes, as data.axes has them, and NULL. */
extern const inv_choice inv_axes_names[];

/* What one image of an array of rank 2, 3 or 4 is, its channels last. */
inv_shape inv_images_shape(const inv_idx *images);

/* Brings the axes of images into the order [n, height, width] or [n, height, width, channels], in
 * place: from the order that `axes` names ("" : told from the sizes), and with rows and columns
 * changed over. *read_as is that order's name, "" for images without channels. INV_EINVAL: an order
 * that is none; INV_EFORMAT: an array of 1 dimension; INV_EDATA: the sizes do not tell, or lines are to be transposed. */
INV_MUST_CHECK inv_status inv_images_arrange(const char *where, const char *axes, bool transpose,
                                             inv_idx *images, const char **read_as);

/* Labels alone, as inv_dataset_load reads them; the caller frees *labels. */
INV_MUST_CHECK inv_status inv_labels_read(const char *path, uint16_t **labels, size_t *count,
                                          char sha256[INV_SHA256_TEXT]);

/* Whether a text of `length` bytes can name a class: printable UTF-8, shorter than INV_NAME_MAX. */
bool inv_class_name_good(const char *text, size_t length);

/* Sets the first `count` images of the training file aside for validation; the rest trains. May be
 * called again with another count. data->missing tells how many classes validation then lacks.
 * INV_EDATA when none would be left to train on, or none of a class; INV_EINVAL where the data bring
 * validation images, unless count is 0. Nothing changes then. */
INV_MUST_CHECK inv_status inv_dataset_set_validation(inv_dataset *data, size_t count);

/* The number in the training file of image i of data->train. */
size_t inv_dataset_file_index(const inv_dataset *data, size_t i);

/* count[c] = how many images of the part are of class c */
void inv_part_classes(const inv_part *part, size_t count[INV_CLASSES_MAX]);

void inv_dataset_free(inv_dataset *data);

/* x[i] = image index[i] of `part`, for i < n; x is [>= n, pixels], its tda is honoured.
 * Every index[i] < part->count. Rows are made in parallel. */
void inv_part_gather(const inv_part *part, const uint32_t *index, size_t n, gsl_matrix_float *x);

/* The same for the consecutive images first .. first + n - 1. */
void inv_part_rows(const inv_part *part, size_t first, size_t n, gsl_matrix_float *x);

/* Batches without end: a fresh shuffle of 0 .. count-1 at the start of each epoch, handed out
 * `batch` at a time; the last batch of an epoch is shorter where batch does not divide count. A
 * shuffle starts from the order the epoch before left, so the state that a resume has to bring back
 * is `order`, `position` and the generator's, all three. */
typedef struct inv_batches {
    size_t count, batch;
    uint64_t position; /* of the next index in order; count: the next call shuffles */
    uint32_t *order;   /* owned, count of them */
    gsl_rng *rng;      /* the caller's */
} inv_batches;

/* INV_EINVAL unless 1 <= batch <= count <= UINT32_MAX, and where `rng` has not as many values as
 * that. Takes no number from `rng` yet. */
INV_MUST_CHECK inv_status inv_batches_alloc(size_t count, size_t batch, gsl_rng *rng,
                                            inv_batches **out);
void inv_batches_free(inv_batches *batches);

/* Points *index at the next indices (valid until the next call) and returns how many. */
size_t inv_batches_next(inv_batches *batches, const uint32_t **index);

#ifdef __cplusplus
}
#endif
#endif
