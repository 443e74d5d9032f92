/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/figure.h"

#include <stddef.h>

#define HIGHER INV_BETTER_HIGHER
#define LOWER  INV_BETTER_LOWER

const inv_figure inv_figures[] = {
    {"network", "accuracy", "test accuracy", "", "%.4f", HIGHER,
     "part of the test images whose most probable class is their label"},
    {"network", "validation_accuracy", "validation accuracy", "", "%.4f", HIGHER,
     "the same of the images that were set aside for validation"},
    {"inverse", "l1_per_pixel", "L1 per pixel", "", "%.4f", LOWER,
     "mean of |x - x_inv| over the test images and their pixels"},
    {"inverse", "relative_l2", "relative L2", "", "%.4f", LOWER,
     "mean over the test images of |x - x_inv|2 / |x|2"},
    {"inverse", "same_class", "classified like original", "", "%.4f", HIGHER,
     "part of the test images whose projection the net gives the class of the original"},
    {"generated", "judge_same", "recognised by the judge", "", "%.4f", HIGHER,
     "fraction of the images that another net assigns to the intended class"},
    {"generated", "judge_mean", "judge's mean confidence", "", "%.4f", HIGHER,
     "mean probability that another net gives to the intended class"},
    {"generated", "distance", "diversity", "of real images", "%.4f", HIGHER,
     "root mean square distance of two images of a class, over that of two training images"},
    {NULL, NULL, NULL, NULL, NULL, INV_BETTER_NEITHER, NULL}};
