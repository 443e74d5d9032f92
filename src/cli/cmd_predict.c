/* predict: the classes of images.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/columns.h"
#include "base/json.h"
#include "base/plural.h"
#include "cli.h"
#include "invproj/loss.h"
#include "outputs.h"
#include "printed.h"

#define TOP_DEFAULT 2
#define ROWS        100 /* that go through the net at once */

typedef struct own {
    uint64_t top;       /* classes to tell; 0: not given */
    const char *labels; /* NULL: not given */
    bool outputs;
    const char *at;
} own;

static const cli_option own_options[] = {
    {0, "top", "K", "number of classes to list for each image (default 2)", CLI_NUMBER,
     .offset = offsetof(own, top)},
    {0, "labels", "IDX", "file with the true classes, to measure the accuracy", CLI_TEXT,
     .offset = offsetof(own, labels)},
    {0, "outputs", NULL,
     "print the net's outputs for arrays (.npy, IDX) as they are, a line of JSON each", CLI_FLAG,
     .offset = offsetof(own, outputs)},
    {0, "at", "POINT", "with --outputs: the values at a point, as output.pre for the logits",
     CLI_TEXT, .offset = offsetof(own, at)},
    {.shared = CLI_ARCH},
    {.shared = CLI_KEY_OF},
    {.shared = CLI_INPUT},
    {.shared = CLI_BACKEND},
    {.shared = CLI_SCALE},
    {.shared = CLI_CLASS_NAMES},
    {.shared = CLI_INVERT},
    {.shared = CLI_CENTRE},
    {.shared = CLI_SKIP_BROKEN},
    {.shared = CLI_JSON},
    {.shared = CLI_THREADS},
    {.shared = CLI_HELP},
    {0}};

/* One of the likeliest classes of an image. */
typedef struct guess {
    size_t class;
    double probability;
} guess;

typedef struct prediction {
    const own *given;
    cli_session session;
    cli_images images;
    size_t classes, top;
    char **names; /* of the classes, each NULL where there are none */
    gsl_matrix_float *rows;
    inv_pass *pass;
    size_t count, room;
    cli_image *from;  /* [count] */
    guess *guesses;   /* [count, top] */
    uint16_t *labels; /* NULL: not given */
    size_t label_count, correct;
    size_t *confusion; /* [classes, classes]: images of a class, by what they are taken for */
} prediction;

static void prediction_close(prediction *p)
{
    for (size_t c = 0; p->names && c < p->classes; c++)
        free(p->names[c]);
    free(p->names);
    inv_mat_free(p->rows);
    inv_pass_free(p->pass);
    free(p->from);
    free(p->guesses);
    free(p->labels);
    free(p->confusion);
    cli_images_close(&p->images);
    cli_session_close(&p->session);
}

static inv_status prediction_open(const cli_options *options, prediction *p)
{
    char sha256[INV_SHA256_TEXT];
    void *names = NULL, *confusion = NULL;
    inv_status status = INV_OK;
    INV_TRY(cli_session_read(options, options->operands[0], &p->session));
    INV_TRY(cli_load_net(&p->session.file, &p->session.materials));
    const inv_net *net = p->session.materials.net;
    p->classes = inv_net_units(net, inv_net_depth(net));
    p->top = p->given->top > 0 ? p->given->top : TOP_DEFAULT;
    p->top = p->top < p->classes ? p->top : p->classes;
    INV_TRY(inv_calloc(p->classes, sizeof(char *), "names", &names));
    p->names = names;
    INV_TRY(cli_class_names(p->session.file.run, p->classes, p->names));
    for (size_t c = 0; !options->json && c < p->classes; c++)
        cli_one_line(p->names[c]);
    INV_TRY(cli_images_open(&p->session.file, p->session.materials.net, &p->images));
    INV_TRY(inv_mat_alloc(ROWS, inv_net_units(net, 0), "images", &p->rows));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), ROWS, INV_PASS_FORWARD, &p->pass));
    if (p->given->labels)
        INV_TRY(inv_labels_read(p->given->labels, &p->labels, &p->label_count, sha256));
    INV_TRY(inv_calloc(p->classes * p->classes, sizeof *p->confusion, "classes", &confusion));
    p->confusion = confusion;
done:
    return status;
}

/* Room for a chunk more. */
static inv_status grow(prediction *p)
{
    if (p->room - p->count >= ROWS)
        return INV_OK;
    const size_t room = 2 * p->room + ROWS;
    void *from = reallocarray(p->from, room, sizeof *p->from), *guesses = NULL;
    if (from) {
        p->from = from;
        guesses = reallocarray(p->guesses, room, p->top * sizeof *p->guesses);
    }
    if (!guesses)
        return INV_ERROR(INV_ENOMEM, "predict: no memory for so many images");
    p->guesses = guesses;
    p->room = room;
    return INV_OK;
}

/* softmax(x)[c] = exp(x_c - max) / sum, of the `top` largest, largest first (of two that are equal,
 * the first). `list` has room for that many. */
static void guess_classes(const float *logits, size_t classes, guess *list, size_t top)
{
    double sum = 0.0;
    const float largest = logits[inv_argmax(logits, classes)];
    size_t n = 0;
    for (size_t c = 0; c < classes; c++)
        sum += exp((double)logits[c] - largest);
    for (size_t c = 0; c < classes; c++) {
        const guess it = {c, exp((double)logits[c] - largest) / sum};
        size_t at = n < top ? n++ : top;
        for (; at > 0 && list[at - 1].probability < it.probability; at--)
            if (at < top)
                list[at] = list[at - 1];
        if (at < top)
            list[at] = it;
    }
}

static inv_status check_label(prediction *p, size_t i)
{
    const size_t at = p->from[i].number, taken_for = p->guesses[i * p->top].class;
    if (!p->labels)
        return INV_OK;
    if (at >= p->label_count)
        return INV_ERROR(INV_EDATA, "%s: %zu %s for more images than that", p->given->labels,
                         p->label_count, inv_plural(p->label_count, "label", "labels"));
    if (p->labels[at] >= p->classes)
        return INV_ERROR(INV_EDATA, "%s: label %d at index %zu, but the net knows classes 0 to %zu",
                         p->given->labels, p->labels[at], at, p->classes - 1);
    p->correct += taken_for == p->labels[at];
    p->confusion[p->labels[at] * p->classes + taken_for]++;
    return INV_OK;
}

/* The next chunk of images; *n is 0 at the end. */
static inv_status predict_chunk(prediction *p, size_t *n)
{
    inv_status status = INV_OK;
    INV_TRY(grow(p));
    INV_TRY(cli_images_next(&p->images, ROWS, p->rows, p->from + p->count, n));
    if (*n == 0)
        return INV_OK;
    const gsl_matrix_float x = inv_mat_head(p->rows, *n);
    const gsl_matrix_float *logits = inv_net_forward(p->session.materials.net, p->pass, &x);
    for (size_t i = 0; i < *n; i++) {
        const float *row = logits->data + i * logits->tda;
        if (!inv_all_finite(row, p->classes))
            INV_FAIL(INV_ENUMERIC, "%s: the net's outputs are not finite",
                     p->from[p->count + i].file);
        guess_classes(row, p->classes, p->guesses + (p->count + i) * p->top, p->top);
        INV_TRY(check_label(p, p->count + i));
    }
    p->count += *n;
done:
    return status;
}

static inv_status predict_all(prediction *p)
{
    size_t n = 0;
    do {
        inv_status status = predict_chunk(p, &n);
        if (status != INV_OK)
            return status;
    } while (n > 0);
    if (p->labels && p->label_count != p->images.given)
        return INV_ERROR(INV_EDATA, "%s: %zu %s, but %zu %s given", p->given->labels,
                         p->label_count, inv_plural(p->label_count, "label", "labels"),
                         p->images.given, inv_plural(p->images.given, "image is", "images are"));
    return INV_OK;
}

/* ---- as a table ---- */

/* "8", or its name. */
static const char *class_text(const prediction *p, size_t class, char number[32])
{
    if (p->names[class])
        return p->names[class];
    snprintf(number, 32, "%zu", class);
    return number;
}

/* "digit.png", or "digits.idx:3". */
static int image_text(const cli_image *image, char *out, size_t size)
{
    const int length = image->in_idx ? snprintf(out, size, "%s:%zu", image->file, image->index)
                                     : snprintf(out, size, "%s", image->file);
    cli_one_line(out);
    return length;
}

/* Columns for the longest of the classes' names, or `least`. */
static int name_width(const prediction *p, int least)
{
    char number[32];
    for (size_t c = 0; c < p->classes; c++) {
        const int width = inv_text_width(class_text(p, c, number));
        least = width > least ? width : least;
    }
    return least;
}

static size_t images_of(const prediction *p, size_t class)
{
    size_t sum = 0;
    for (size_t k = 0; k < p->classes; k++)
        sum += p->confusion[class * p->classes + k];
    return sum;
}

#define MATRIX_CLASSES 30 /* that make no wider a table than can be read */

/* "3 Dress": columns are headed by the numbers. */
static const char *numbered(const prediction *p, size_t class, char out[INV_NAME_MAX + 32])
{
    if (p->names[class])
        snprintf(out, INV_NAME_MAX + 32, "%*zu %s", p->classes > 10 ? 2 : 1, class,
                 p->names[class]);
    else
        snprintf(out, INV_NAME_MAX + 32, "%zu", class);
    return out;
}

static int numbered_width(const prediction *p)
{
    int width = (int)strlen("class");
    char text[INV_NAME_MAX + 32];
    for (size_t c = 0; c < p->classes; c++)
        if (inv_text_width(numbered(p, c, text)) > width)
            width = inv_text_width(text);
    return width;
}

/* A line for each class that there are images of: how many, and what part of them is taken for it;
 * and, of few classes, how many are taken for each. */
static void print_confusion(const prediction *p)
{
    const bool matrix = p->classes <= MATRIX_CLASSES;
    const int width = matrix ? numbered_width(p) : name_width(p, (int)strlen("class"));
    char text[INV_NAME_MAX + 32];
    printf("%-*s  images     right%s", width, "class", matrix ? "  taken for" : "");
    for (size_t k = 0; matrix && k < p->classes; k++)
        printf(" %4zu", k);
    putchar('\n');
    for (size_t c = 0; c < p->classes; c++) {
        const size_t n = images_of(p, c), *taken_for = p->confusion + c * p->classes;
        if (n == 0)
            continue;
        inv_text_pad(stdout, matrix ? numbered(p, c, text) : class_text(p, c, text), width);
        printf("  %6zu  %8.4f%s", n, (double)taken_for[c] / (double)n, matrix ? "           " : "");
        for (size_t k = 0; matrix && k < p->classes; k++)
            printf(" %4zu", taken_for[k]);
        putchar('\n');
    }
    printf("accuracy %.4f: %zu of %zu\n", (double)p->correct / (double)p->count, p->correct,
           p->count);
}

static void print_table(const prediction *p)
{
    int width = (int)strlen("image");
    const int class_width = name_width(p, (int)strlen("class"));
    char text[4096], number[32];
    for (size_t i = 0; i < p->count; i++) {
        image_text(&p->from[i], text, sizeof text);
        const int length = inv_text_width(text);
        width = length > width ? length : width;
    }
    printf("%-*s", width, "image");
    for (size_t k = 0; k < p->top; k++)
        printf("  %-*s  probability", class_width, k ? "then" : "class");
    putchar('\n');
    for (size_t i = 0; i < p->count; i++) {
        image_text(&p->from[i], text, sizeof text);
        inv_text_pad(stdout, text, width);
        for (size_t k = 0; k < p->top; k++) {
            const guess *g = &p->guesses[i * p->top + k];
            fputs("  ", stdout);
            inv_text_pad(stdout, class_text(p, g->class, number), class_width);
            printf("  %-*.4f", k + 1 < p->top ? (int)strlen("probability") : 0, g->probability);
        }
        putchar('\n');
    }
    if (p->labels)
        print_confusion(p);
}

/* ---- as JSON ---- */

/* Gives `value` to the object. A lack of memory shows as false; NULL counts as one. */
static bool give(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *json_guess(const prediction *p, const guess *g)
{
    json_t *object =
        json_pack("{s:I, s:f}", "class", (json_int_t)g->class, "probability", g->probability);
    if (object && p->names[g->class] && !give(object, "name", inv_json_text(p->names[g->class]))) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *json_image(const prediction *p, size_t i)
{
    const cli_image *from = &p->from[i];
    json_t *object = json_object(), *list = json_array();
    bool good = object && list && give(object, "file", inv_json_text(from->file));
    if (good && from->in_idx)
        good = give(object, "index", json_integer((json_int_t)from->index));
    if (good && p->labels)
        good = give(object, "label", json_integer(p->labels[p->from[i].number]));
    for (size_t k = 0; good && k < p->top; k++)
        good = json_array_append_new(list, json_guess(p, &p->guesses[i * p->top + k])) == 0;
    good = good && json_object_set(object, "classes", list) == 0;
    json_decref(list);
    if (!good) {
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* confusion[c][k]: images of class c that are taken for k */
static json_t *json_confusion(const prediction *p)
{
    json_t *rows = json_array();
    bool good = rows != NULL;
    for (size_t c = 0; good && c < p->classes; c++) {
        json_t *row = json_array();
        for (size_t k = 0; good && k < p->classes; k++)
            good = json_array_append_new(
                       row, json_integer((json_int_t)p->confusion[c * p->classes + k])) == 0;
        good = json_array_append_new(rows, row) == 0 && good;
    }
    if (!good) {
        json_decref(rows);
        rows = NULL;
    }
    return rows;
}

static inv_status print_json(const prediction *p)
{
    json_t *all = json_object(), *list = json_array();
    bool good = all && list;
    for (size_t i = 0; good && i < p->count; i++)
        good = json_array_append_new(list, json_image(p, i)) == 0;
    good = good && json_object_set(all, "images", list) == 0;
    if (good && p->labels)
        good = give(all, "accuracy", json_real((double)p->correct / (double)p->count)) &&
               give(all, "confusion", json_confusion(p));
    /* where stdout fails, closing it says so */
    good = good && (json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 ||
                    ferror(stdout));
    putchar('\n');
    json_decref(list);
    json_decref(all);
    return good ? INV_OK : INV_ERROR(INV_ENOMEM, "predict: no memory to tell of the images");
}

static inv_status run(const cli_options *options)
{
    prediction p = {.given = options->own};
    inv_status status = INV_OK;
    if (p.given->at && !p.given->outputs)
        return INV_ERROR(INV_EINVAL, "--at: is for --outputs");
    if (p.given->outputs && (options->inverted || options->centre || p.given->top))
        return INV_ERROR(INV_EINVAL, "--outputs: takes arrays as they are; leave %s out",
                         options->inverted ? "--invert"
                         : options->centre ? "--centre"
                                           : "--top");
    if (p.given->outputs)
        return cli_outputs(options, p.given->at);
    INV_TRY(prediction_open(options, &p));
    INV_TRY(predict_all(&p));
    cli_images_advise(&p.images);
    if (options->json)
        INV_TRY(print_json(&p));
    else
        print_table(&p);
done:
    prediction_close(&p);
    return status;
}

const cli_command cli_command_predict = {
    .name = "predict",
    .operands = "RUN.h5 IMAGE...",
    .summary = "classify pictures, IDX and NumPy images",
    .notes = CLI_IMAGE_NOTES CLI_FITTING_NOTES,
    .minimum = 2,
    .maximum = SIZE_MAX,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
