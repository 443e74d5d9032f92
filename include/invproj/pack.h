/* pack.h - a folder of pictures, one folder per class, made into the IDX files of a data set.
 *
 *     inv_pack *pack = NULL;
 *     const inv_pack_spec spec = {.folder = "letters", .out = "out", .test = 0.2, .seed = 1};
 *     status = inv_pack_alloc(&spec, &pack);
 *     for (size_t i = 0; status == INV_OK && i < inv_pack_told(pack)->images; i++)
 *         status = inv_pack_step(pack);
 *     status = status ? status : inv_pack_save(pack);
 *     inv_pack_free(pack);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_PACK_H
#define INVPROJ_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "invproj/config.h"
#include "invproj/mat.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_pack_spec {
    const char *out;    /* the folder to make, which is not there or is empty */
    const char *folder; /* FOLDER/CLASS/any.png or .jpg, or FOLDER/PART/CLASS/, the parts train and
                             test or valid, or both, by the usual names */
    size_t height, width; /* every image is fitted into them (inv_fit_image); 0: as the images are,
                             which are all of one size then */
    bool grey;            /* colours are made grey; else the images stay as they are, and have three
                             channels once one pixel of them has a colour */
    bool invert;          /* light and dark change places first */
    bool centre;          /* what is written is found, and laid in as in MNIST's images, in grey
                             (inv_centre_image), 28 x 28 where no size is given */
    bool skip_broken;     /* files that cannot be read are left out; else nothing is saved */
    double test;          /* part of each class set aside to test on, 0 to below 1; not where the
                             folder says */
    uint64_t seed;        /* of what is set aside, and of the order */
} inv_pack_spec;

typedef struct inv_pack_report {
    size_t images;                  /* files */
    size_t train, test, validation; /* how many images go to each part */
    size_t untested;                /* classes of too few images to set one aside */
    size_t broken;                  /* files so far that cannot be read */
    size_t classes;
    bool divided;    /* the folder itself says what is to test on */
    size_t skipped;  /* other files in the folders of classes */
    size_t blank;    /* of those centred, images that nothing was found in */
    inv_shape shape; /* of the images, once the first was read */
} inv_pack_report;

typedef struct inv_pack inv_pack;

/* The natural order of names: runs of digits by their value, "2" before "10" and "a2" before "a10",
 * all else byte by byte, whatever the locale. As strcmp; 0 only where they are the same. */
int inv_natural_order(const char *a, const char *b);

/* Lists the images. Classes are numbered in the natural order of their names, so that folders 0 to 12
 * are classes 0 to 12 (Keras and PyTorch go byte by byte: 10 before 2). INV_EINVAL: a part that is none, sizes of which only one is 0, an `out` that is
 * not empty. INV_EIO: a folder that
 * cannot be read. INV_EDATA: fewer than two classes or more than INV_CLASSES_MAX, a name that
 * cannot be kept (inv_class_name_good), a class without pictures, a class to test on that is not
 * trained. The caller frees. */
INV_MUST_CHECK inv_status inv_pack_alloc(const inv_pack_spec *spec, inv_pack **out);
void inv_pack_free(inv_pack *pack);

const inv_pack_report *inv_pack_told(const inv_pack *pack);
const char *inv_pack_class(const inv_pack *pack, size_t i);

/* Reads the next image; to be called once for each. As inv_image_read, which report.broken counts, and
 * after which one can go on; INV_EDATA for an image of another size than the first. */
INV_MUST_CHECK inv_status inv_pack_step(inv_pack *pack);

/* Makes the folder spec->out, with train-images-idx3-ubyte (idx4
 * for colours), train-labels-idx1-ubyte (idx1-short past 256 classes), the same of t10k- where
 * images are set aside, of val- where there are such to validate with, and classes.txt. It appears whole or not at all: on failure nothing is
 * left. The images of each part are in random order, so that the first ones can be set aside to
 * validate with. INV_EIO; INV_EDATA where files are broken, or nothing is left of a class. */
INV_MUST_CHECK inv_status inv_pack_save(const inv_pack *pack);

#ifdef __cplusplus
}
#endif
#endif
