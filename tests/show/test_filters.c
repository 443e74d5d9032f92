/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include "invproj/filters.h"
#include "small.h"
#include "suites.h"

#define OUTPUT ", {name = \"output\"; type = \"dense\"; activation = \"softmax\";}"

static const inv_shape colours = {5, 4, 3};

START_TEST(a_dense_layer_has_images_of_the_whole)
{
    static const char *const layers[] = {
        "{name = \"h\"; type = \"dense\"; units = 7;}" OUTPUT,
        "{name = \"f\"; type = \"flatten\";}, {name = \"h\"; type = \"dense\"; units = 7;}" OUTPUT};
    for (size_t l = 0; l < 2; l++) {
        inv_net *net = small_net_for(layers[l], colours, 3);
        inv_shape shape = {0, 0, 0};
        size_t count = 0;
        gsl_matrix_float *images = NULL;
        ck_assert_status(inv_filters_find(net, &shape, &count), INV_OK);
        ck_assert_uint_eq(count, 7);
        ck_assert(shape.height == 5 && shape.width == 4 && shape.channels == 3);
        ck_assert_status(inv_mat_alloc(count, 60, "filters", &images), INV_OK);
        inv_filters_images(net, images);
        const float *kernel = inv_net_params(net) + inv_net_block(net, "h", "kernel")->offset;
        for (size_t unit = 0; unit < 7; unit++)
            for (size_t pixel = 0; pixel < 60; pixel++)
                ck_assert_float_eq(gsl_matrix_float_get(images, unit, pixel),
                                   kernel[pixel * 7 + unit]);
        inv_mat_free(images);
        inv_net_free(net);
    }
}
END_TEST

START_TEST(a_convolution_has_images_of_its_window)
{
    inv_net *net =
        small_net_for("{name = \"c\"; type = \"conv2d\"; filters = 4; height = 3; width = 2;}"
                      ", {name = \"f\"; type = \"flatten\";}" OUTPUT,
                      colours, 3);
    inv_shape shape = {0, 0, 0};
    size_t count = 0;
    gsl_matrix_float *images = NULL;
    ck_assert_status(inv_filters_find(net, &shape, &count), INV_OK);
    ck_assert_uint_eq(count, 4);
    ck_assert(shape.height == 3 && shape.width == 2 && shape.channels == 3);
    ck_assert_status(inv_mat_alloc(count, 18, "filters", &images), INV_OK);
    inv_filters_images(net, images);
    const float *kernel = inv_net_params(net) + inv_net_block(net, "c", "kernel")->offset;
    for (size_t y = 0; y < 3; y++)
        for (size_t x = 0; x < 2; x++)
            for (size_t c = 0; c < 3; c++)
                for (size_t f = 0; f < 4; f++) /* Keras's order: height, width, channels, filters */
                    ck_assert_float_eq(gsl_matrix_float_get(images, f, (y * 2 + x) * 3 + c),
                                       kernel[((y * 2 + x) * 3 + c) * 4 + f]);
    inv_mat_free(images);
    inv_net_free(net);
}
END_TEST

START_TEST(other_first_layers_are_refused)
{
    static const char *const rows[][2] = {
        {"{name = \"first\"; type = \"local\"; filters = 2; size = 2;}"
         ", {name = \"f\"; type = \"flatten\";}" OUTPUT,
         "reads the image, not first"},
        {"{name = \"pool\"; type = \"max_pool\"; size = 2;}, {name = \"f\"; type = "
         "\"flatten\";}" OUTPUT,
         "reads the image, not output"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        inv_net *net = small_net_for(rows[i][0], colours, 3);
        inv_shape shape;
        size_t count = 0;
        ck_assert_status(inv_filters_find(net, &shape, &count), INV_ECONFIG);
        ck_assert_message_has(rows[i][1]);
        inv_net_free(net);
    }
}
END_TEST

Suite *filters_suite(void)
{
    Suite *suite = suite_create("filters");
    TCase *tests = tcase_create("filters");
    tcase_add_test(tests, a_dense_layer_has_images_of_the_whole);
    tcase_add_test(tests, a_convolution_has_images_of_its_window);
    tcase_add_test(tests, other_first_layers_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
