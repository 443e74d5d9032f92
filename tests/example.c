/* Trains a net on an IDX folder, learns its inverse, and draws what it makes of ten test images.
 *
 *     cc -o example example.c $(pkg-config --cflags --libs invproj) && ./example data/mnist
 * sheet.png
 */
#include <invproj/inverse.h>
#include <invproj/png.h>
#include <invproj/train.h>
#include <stdio.h>
#include <string.h>

static const char *const layers =
    "layers = ({ name = \"hidden\"; type = \"dense\"; units = 100; activation = \"sigmoid\"; },"
    "          { name = \"output\"; type = \"dense\"; activation = \"softmax\"; });";

int main(int argc, char **argv)
{
    inv_train_spec train = inv_train_defaults;      /* Adagrad, rate 0.01 */
    inv_inverse_spec invert = inv_inverse_defaults; /* the same, L1 */
    const inv_sheet sheet = {.columns = 5, .zoom = 4, .gap = 2, .high = 1.0};
    inv_dataset *data = NULL;
    inv_config *config = NULL;
    gsl_rng *rng = NULL;
    inv_net *net = NULL, *inverse = NULL;
    inv_learner *trainer = NULL;
    inv_learner *inverter = NULL;
    gsl_matrix_float *x = NULL, *y = NULL;
    inv_train_report trained = {0};
    inv_inverse_report inverted = {0};
    inv_status status = INV_OK;
    size_t at = 0;

    if (argc != 3)
        return fprintf(stderr, "usage: example IDX-FOLDER SHEET.png\n"), 2;
    inv_threads_set(0);
    train.steps = 500;
    invert.steps = 300;
    strcpy(invert.at, "hidden.pre");
    INV_TRY(inv_dataset_open(argv[1], 255.0, &data));
    INV_TRY(inv_config_read_text("layers", layers, &config));
    INV_TRY(inv_net_build(config, "layers", data->shape, data->classes, &net));
    INV_TRY(inv_rng_alloc(1, "network", &rng));
    inv_net_init(net, rng);
    INV_TRY(inv_trainer_alloc(&train, net, data, 1, &trainer));
    while (trained.step < train.steps)
        INV_TRY(inv_learner_step(trainer, &trained));
    INV_TRY(inv_inverse_point(net, invert.kind, invert.at, &at));
    INV_TRY(inv_inverse_build(&invert, net, &inverse));
    INV_TRY(inv_inverter_alloc(&invert, net, inverse, data, 1, &inverter));
    while (inverted.step < invert.steps)
        INV_TRY(inv_learner_step(inverter, &inverted));
    INV_TRY(inv_mat_alloc(10, data->test.pixels, "images", &x));
    INV_TRY(inv_mat_alloc(10, data->test.pixels, "projections", &y));
    inv_part_rows(&data->test, 0, 10, x);
    INV_TRY(inv_inverse_project(net, inverse, at, x, y, NULL, NULL));
    INV_TRY(inv_png_write_sheet(argv[2], &sheet, y->data, 10, data->shape, NULL, 0));
    printf("%s: last batch %.2f right, inverse L1 %.3f per pixel\n", argv[2], trained.accuracy,
           inverted.loss / (double)(inverted.kept * data->test.pixels));
done:
    if (status != INV_OK)
        fprintf(stderr, "example: %s\n", inv_error_message());
    inv_mat_free(x);
    inv_mat_free(y);
    inv_learner_free(inverter);
    inv_learner_free(trainer);
    inv_net_free(inverse);
    inv_net_free(net);
    inv_rng_free(rng);
    inv_config_free(config);
    inv_dataset_free(data);
    return status != INV_OK;
}
