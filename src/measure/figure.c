/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/figure.h"

#include <stddef.h>

#define HIGHER  INV_BETTER_HIGHER
#define LOWER   INV_BETTER_LOWER
#define NEITHER INV_BETTER_NEITHER

/* Of a result and of a generator alike. */
#define STUDENT(group)                                                                             \
    {group,                                                                                        \
     "student",                                                                                    \
     "student's accuracy",                                                                         \
     "",                                                                                           \
     "%.4f",                                                                                       \
     HIGHER,                                                                                       \
     "accuracy on the test images of a net that learned from these images alone",                  \
     false},                                                                                       \
    {                                                                                              \
        group, "student_real", "that of real images", "", "%.4f", NEITHER,                         \
            "accuracy of the same net that learned from as many training images instead", false    \
    }

const inv_figure inv_figures[] = {
    {"network", "accuracy", "test accuracy", "", "%.4f", HIGHER,
     "part of the test images whose most probable class is their label", false},
    {"network", "validation_accuracy", "validation accuracy", "", "%.4f", HIGHER,
     "the same of the images that were set aside for validation", false},
    {"inverse", "l1_per_pixel", "L1 per pixel", "", "%.4f", LOWER,
     "mean of |x - x_inv| over the test images and their pixels", false},
    {"inverse", "squared_error", "squared error", "", "%.4f", LOWER,
     "mean of (x - x_inv)^2 over the test images and their pixels", true},
    {"inverse", "relative_l2", "relative L2", "", "%.4f", LOWER,
     "mean over the test images of |x - x_inv|2 / |x|2", false},
    {"inverse", "psnr", "PSNR", "dB", "%.2f", HIGHER,
     "mean over the test images of 10 log10(L^2 / mean (x - x_inv)^2), L from black to white",
     true},
    {"inverse", "ssim", "SSIM", "", "%.4f", HIGHER,
     "mean structural similarity: 11 x 11 Gaussian of 1.5, K 0.01 and 0.03 (Wang et al. 2004)",
     true},
    {"inverse", "point_error", "error at the point", "", "%.4f", LOWER,
     "mean distance of what the net has there of x and x_inv, over that of two test images", true},
    {"inverse", "same_class", "classified like original", "", "%.4f", HIGHER,
     "part of the test images whose projection the net gives the class of the original", false},
    {"inverse", "recognised", "recognised by the judge", "", "%.4f", HIGHER,
     "part of the test images whose projection another net gives their label", true},
    {"inverse", "judge_confidence", "judge's mean confidence", "", "%.4f", HIGHER,
     "mean probability that another net gives to the label of the projection", true},
    {"inverse", "border_noise", "border noise", "", "%.4f", LOWER,
     "mean of the deviation of the outermost two rows and columns, over the whole image's", true},
    {"inverse", "high_frequencies", "high frequencies", "of real images", "%.4f", NEITHER,
     "share of the power beyond half the Nyquist radius, over that of the test images", true},
    {"inverse", "diversity", "diversity", "of real images", "%.4f", HIGHER,
     "root mean square distance of two projections of a class, over that of two test images", true},
    {"inverse", "frechet", "Frechet distance", "", "%.3f", LOWER,
     "|m - m'|^2 + tr(C + C' - 2 (C C')^1/2) of projections and test images at a point of a judge",
     true},
    {"inverse", "frechet_real", "the same of real images", "", "%.3f", NEITHER,
     "that of as many training images to the same test images: the zero line of it", true},
    {"generated", "judge_same", "recognised by the judge", "", "%.4f", HIGHER,
     "fraction of the images that another net assigns to the intended class", false},
    {"generated", "judge_mean", "judge's mean confidence", "", "%.4f", HIGHER,
     "mean probability that another net gives to the intended class", false},
    {"generated", "judge_start", "recognised before any step", "", "%.4f", NEITHER,
     "the same of the images that the first step began with: what their prior alone gives", false},
    {"generated", "border_noise", "border noise", "", "%.4f", LOWER,
     "mean of the deviation of the outermost two rows and columns, over the whole image's", true},
    {"generated", "distance", "diversity", "of real images", "%.4f", HIGHER,
     "root mean square distance of two images of a class, over that of two training images", false},
    STUDENT("generated"),
    STUDENT("generator"),
    {"generator", "taught", "accuracy of its own student", "", "%.4f", HIGHER,
     "accuracy on the test images of the net that learned beside it from its images alone", false},
    {"features", "border_noise", "border noise", "", "%.4f", LOWER,
     "mean of the deviation of the outermost two rows and columns, over the whole image's", false},
    {"features", "in_top", "unit in its top hundredth", "", "%.4f", HIGHER,
     "part of the images that give their unit a value among the top 1 % of the training images",
     false},
    {NULL, NULL, NULL, NULL, NULL, INV_BETTER_NEITHER, NULL, false}};
