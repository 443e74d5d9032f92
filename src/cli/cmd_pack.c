/* pack: pictures, one folder per class, into IDX files.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "cli.h"
#include "invproj/pack.h"

#define TEST_DEFAULT 0.2

/* "28x28" */
static inv_status read_size(const char *text, inv_pack_spec *spec)
{
    char *end = NULL;
    if (!text)
        return INV_OK;
    spec->height = strtoul(text, &end, 10);
    const bool first =
        isdigit((unsigned char)text[0]) && *end == 'x' && isdigit((unsigned char)end[1]);
    spec->width = first ? strtoul(end + 1, &end, 10) : 0;
    if (!first || *end || spec->height == 0 || spec->width == 0)
        return INV_ERROR(INV_EINVAL, "--size: '%s' is not height x width, as in 28x28", text);
    return INV_OK;
}

static inv_status read_test(const char *text, inv_pack_spec *spec)
{
    char *end = NULL;
    if (!text)
        return INV_OK;
    spec->test = strtod(text, &end);
    if (end == text || *end || !(spec->test >= 0.0 && spec->test < 1.0))
        return INV_ERROR(INV_EINVAL, "--test: '%s' is not a part from 0 to below 1, as in 0.2",
                         text);
    return INV_OK;
}

#define LARGE                                                                                      \
    ((size_t)256 * 256) /* pixels of an image, as of a photograph that nobody meant to keep whole */

static void tell(const inv_pack *pack, const char *out)
{
    const inv_pack_report *told = inv_pack_told(pack);
    char validation[48] = "";
    if (told->validation > 0)
        snprintf(validation, sizeof validation, ", %zu to validate", told->validation);
    printf("%s: %zu %s to train on%s, %zu to test, %zu x %zu x %zu, %zu %s:", out, told->train,
           inv_plural(told->train, "image", "images"), validation, told->test, told->shape.height,
           told->shape.width, told->shape.channels, told->classes,
           inv_plural(told->classes, "class", "classes"));
    for (size_t c = 0; c < told->classes; c++)
        printf("%s %s", c ? "," : "", inv_pack_class(pack, c));
    putchar('\n');
    if (told->shape.height * told->shape.width > LARGE)
        fprintf(stderr,
                "images of %zu x %zu pixels make nets large and slow; --size 28x28 makes them as "
                "MNIST's "
                "are\n",
                told->shape.height, told->shape.width);
    if (told->skipped > 0)
        fprintf(stderr,
                "%zu other %s left out: only PNG and JPEG files in a class's folder count\n",
                told->skipped, inv_plural(told->skipped, "file was", "files were"));
    if (told->broken > 0)
        fprintf(stderr, "%zu %s that cannot be read %s left out\n", told->broken,
                inv_plural(told->broken, "file", "files"), inv_plural(told->broken, "was", "were"));
    if (told->untested > 0)
        fprintf(stderr, "%zu %s too few images to set any aside to test on%s\n", told->untested,
                inv_plural(told->untested, "class has", "classes have"),
                told->test == 0 ? ": there is no test part, and so there will be no figure" : "");
    if (told->blank > 0)
        fprintf(stderr, "of %zu %s, %zu %s blank: nothing was found in %s to centre\n",
                told->images, inv_plural(told->images, "image", "images"), told->blank,
                inv_plural(told->blank, "is", "are"), inv_plural(told->blank, "it", "them"));
}

typedef struct own {
    const char *size, *test;
    bool grey;
} own;

static const cli_option own_options[] = {
    {.shared = CLI_OUT},
    {0, "size", "HxW", "fit every image into H x W pixels", CLI_TEXT,
     .offset = offsetof(own, size)},
    {0, "grey", NULL, "convert colours to grey", CLI_FLAG, .offset = offsetof(own, grey)},
    {.shared = CLI_INVERT},
    {.shared = CLI_CENTRE},
    {.shared = CLI_SKIP_BROKEN},
    {0, "test", "PART", "fraction of each class to set aside for testing (default 0.2; 0: none)",
     CLI_TEXT, .offset = offsetof(own, test)},
    {.shared = CLI_SEED},
    {.shared = CLI_HELP},
    {0}};

/* Every file that is broken is told of; whether that is the end, saving says. */
static inv_status step(inv_pack *pack)
{
    const size_t broken = inv_pack_told(pack)->broken;
    const inv_status status = inv_pack_step(pack);
    if (inv_pack_told(pack)->broken == broken)
        return status;
    fprintf(stderr, "%s\n", inv_error_message());
    return INV_OK;
}

static inv_status run(const cli_options *options)
{
    const own *given = options->own;
    inv_pack_spec spec = {.out = options->out,
                          .folder = options->operands[0],
                          .grey = given->grey,
                          .skip_broken = options->skip_broken,
                          .invert = options->invert,
                          .centre = options->centre,
                          .test = TEST_DEFAULT,
                          .seed = options->has_seed ? options->seed : 1};
    inv_pack *pack = NULL;
    inv_status status = INV_OK;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "pack: needs -o DIR, the folder to write");
    cli_signals_open(0);
    INV_TRY(read_size(given->size, &spec));
    INV_TRY(read_test(given->test, &spec));
    INV_TRY(inv_pack_alloc(&spec, &pack));
    if (given->test && inv_pack_told(pack)->divided)
        INV_FAIL(INV_EINVAL, "--test: %s is divided into folders already", spec.folder);
    for (size_t i = 0; i < inv_pack_told(pack)->images; i++) {
        INV_TRY(step(pack));
        if (cli_signal()) {
            status = CLI_STOPPED;
            goto done;
        }
    }
    INV_TRY(inv_pack_save(pack));
    tell(pack, options->out);
done:
    inv_pack_free(pack);
    return status;
}

const cli_command cli_command_pack = {
    .name = "pack",
    .operands = "FOLDER -o DIR",
    .summary = "turn pictures, one folder per class, into IDX files to train on",
    .notes =
        "PNG and JPEG files: FOLDER/CLASS/*, or FOLDER/train/CLASS/* and the same in FOLDER/test, "
        "FOLDER/valid or both (training, testing, validation, val, in any case, and such names "
        "with -images behind them, mean the same). Classes are "
        "numbered in the order of their names, which are kept (DIR/classes.txt). All images must "
        "be of one size, or are fitted with --size: in the middle, with their proportions kept and "
        "their ground beside them. What is transparent is black. --centre finds what is written, "
        "on a page or photograph of whatever size and light, and lays it into the middle of images "
        "of --size (28x28), as MNIST's were made; with --invert, ink that is dark on light becomes "
        "light on dark. The order of images is random, by the "
        "seed.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
