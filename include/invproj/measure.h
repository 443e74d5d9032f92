/* measure.h - how good a classifier and an inverse are, on a part of the data.
 *
 *     inv_inverse_quality quality;
 *     status = inv_measure_inverse(net, inverse, at, &data->test, &quality);
 *     printf("L1 per pixel %.4f\n", quality.l1_per_pixel);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_MEASURE_H
#define INVPROJ_MEASURE_H

#include "invproj/dataset.h"
#include "invproj/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* *accuracy = the part of the images whose largest logit is at their label. INV_EDATA as
 * inv_encode_check. */
INV_MUST_CHECK inv_status inv_measure_accuracy(const inv_net *net, const inv_part *part,
                                               double *accuracy);

/* An image that the net puts into another class than its own, and how sure it is. */
typedef struct inv_mistake {
    size_t index; /* of the part */
    unsigned label, predicted;
    float confidence;
} inv_mistake;

/* confusion[label * classes + predicted] = how many images of the one class the net puts into the other
 * (or the same), and the most wrong: at most `most` images in mistakes[0 .. *count - 1], the surest first, of equally
 * sure ones that with the lower index. `classes` is the net's. INV_EDATA as inv_encode_check, or a label that
 * is no class. */
INV_MUST_CHECK inv_status inv_measure_confusion(const inv_net *net, const inv_part *part,
                                                size_t classes, unsigned *confusion,
                                                inv_mistake *mistakes, size_t most, size_t *count);

/* spread[c], c < classes: the root of the mean of |x_i - x_j|^2 over all pairs of images of class c
 * (i = j too), which is the root of twice the sum of the pixels' variances; 0 of a class without
 * images. */
INV_MUST_CHECK inv_status inv_measure_spread(const inv_part *part, size_t classes, double *spread);

typedef struct inv_inverse_quality {
    double l1_per_pixel; /* mean over images and pixels of |x - x_inv| */
    double relative_l2;  /* mean over images of |x - x_inv|2 / |x|2; images all 0 are left out */
    double
        same_class; /* part of the images whose inverse the net puts in the class of the original */
} inv_inverse_quality;

/* x_inv is what `inverse` makes of the values that `net` has at point `at`. INV_EINVAL as
 * inv_inverse_check, INV_EDATA as inv_encode_check; INV_ENUMERIC when one of the figures is not
 * finite. */
INV_MUST_CHECK inv_status inv_measure_inverse(const inv_net *net, const inv_net *inverse, size_t at,
                                              const inv_part *part, inv_inverse_quality *quality);

/* The figures of an inverse, in the order of inv_quality_names, which are their attributes in a run
 * file; what each is says figure.h's table. */
enum {
    INV_QUALITY_L1,
    INV_QUALITY_SQUARED,
    INV_QUALITY_RELATIVE,
    INV_QUALITY_PSNR,
    INV_QUALITY_SSIM,
    INV_QUALITY_POINT,
    INV_QUALITY_SAME,
    INV_QUALITY_RECOGNISED,
    INV_QUALITY_CONFIDENCE,
    INV_QUALITY_BORDER,
    INV_QUALITY_HIGH,
    INV_QUALITY_DIVERSITY,
    INV_QUALITIES
};
extern const char *const inv_quality_names[INV_QUALITIES];

/* Each a mean over images, with its standard error, the images' deviation over the root of their
 * number; NAN: there is none, as of what a judge alone can say, or of diversity's error. */
typedef struct inv_quality {
    double mean[INV_QUALITIES], error[INV_QUALITIES];
} inv_quality;

typedef struct inv_measuring {
    const inv_net *net, *inverse;
    const gsl_matrix_float *images; /* in place of an inverse: what was made of the first images of
                                       the part [n, pixels], which alone are measured; or NULL */
    size_t at;                      /* the point where the inverse starts */
    inv_pixels pixels;
    size_t classes;
    const inv_net *judge;    /* NULL: nobody judges */
    inv_pixels judge_pixels; /* what its black and white are */
} inv_measuring;

/* As inv_measure_inverse, but all of the figures. INV_EDATA also for a judge of images of another shape
 * or of other classes, INV_EINVAL for more images than the part has, or of another size. */
INV_MUST_CHECK inv_status inv_measure_quality(const inv_measuring *what, const inv_part *part,
                                              inv_quality *quality);

/* What an inverse is held against, measured as images in its place. */
enum { INV_ZERO_REAL, INV_ZERO_MEAN, INV_ZERO_CLASS, INV_ZERO_LINES };
extern const inv_choice inv_zero_lines[INV_ZERO_LINES + 1];

/* images[n, pixels] of that line for the first n test images. INV_EINVAL: more than there are, or of
 * another size. */
INV_MUST_CHECK inv_status inv_zero_images(const inv_dataset *data, size_t line,
                                          gsl_matrix_float *images);

/* *share = the part of the images of units, images[units, pixels], that do what they say: fed to the
 * net, image i gives unit i of point `at` a value that at most a hundredth of the images of `part` give
 * it or exceed. INV_EINVAL: images of another size or number. */
INV_MUST_CHECK inv_status inv_measure_units(const inv_net *net, size_t at, const inv_part *part,
                                            const gsl_matrix_float *images, double *share);

/* *noise = the mean of INV_LIKENESS_BORDER over the images that have it, NAN where none has. */
INV_MUST_CHECK inv_status inv_measure_border(inv_shape shape, const gsl_matrix_float *images,
                                             double *noise);

#ifdef __cplusplus
}
#endif
#endif
