/* student.h - what images are worth to learn from: the accuracy, on real test images, of one fixed
 * net that was trained on them alone.
 *
 *     double accuracy;
 *     status = inv_student_measure(images, labels, &pixels, data, seed, &accuracy);
 *     status = status ? status : inv_student_real(data, images->size1, real, real_labels, &n);
 *
 * Images that a net recognises may be few and alike, and images that differ may be of nothing: a student
 * needs both, images of what their labels say and all kinds of them. (Ravuri, Vinyals 2019,
 * "Classification Accuracy Score for Conditional Generative Models".)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_STUDENT_H
#define INVPROJ_STUDENT_H

#include "invproj/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many images there are to be for the figure: what is published of others is of as many. */
#define INV_STUDENT_IMAGES ((size_t)10000)

/* *accuracy = that on data->test of the student, 128 units with ReLU and a softmax, trained by Adam at
 * rate 0.001 for 10 epochs in batches of 100 (all at once, where there are fewer) on images[n, pixels]
 * of classes labels[n] alone. Initial values and order are of `seed`. Black and white become 0 and 1 for
 * it: `pixels` says what they are in the images. INV_EDATA: no test images; a class that the data
 * train on and no image is of; a label that is no class of the data. INV_EINVAL: images of another size. */
INV_MUST_CHECK inv_status inv_student_measure(const gsl_matrix_float *images,
                                              const uint16_t *labels, const inv_pixels *pixels,
                                              const inv_dataset *data, uint64_t seed,
                                              double *accuracy);

/* The first real images of each class of data->train, in equal numbers, at most images->size1 in all:
 * *n of them, in images[*n, pixels] and labels[*n]. Classes without images have none. */
void inv_student_real(const inv_dataset *data, gsl_matrix_float *images, uint16_t *labels,
                      size_t *n);

#ifdef __cplusplus
}
#endif
#endif
