/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/pack.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gsl/gsl_randist.h>

#include "base/plural.h"
#include "invproj/centre.h"
#include "invproj/dataset.h"
#include "invproj/file.h"
#include "invproj/fit.h"
#include "invproj/image_file.h"
#include "invproj/rng.h"

#define DIGITS       "0123456789"
#define CENTRED_SIDE 28 /* where no size is given */

enum { TRAIN, TEST, VALIDATION, PARTS };

/* One file. */
typedef struct item {
    char *path;
    uint16_t label;
    int part;
    bool broken; /* it cannot be read */
} item;

struct inv_pack {
    inv_pack_spec spec;
    inv_pack_report report;
    char (*classes)[INV_NAME_MAX];
    item *items; /* [report.images], in the order in which they are packed */
    size_t room, done;
    size_t listed[PARTS], placed[PARTS]; /* files, and images read of them */
    unsigned char *bytes; /* [report.images, shape]: part by part, with room for all listed */
    float *fitted;        /* one image */
};

/* ---- listing ---- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int inv_natural_order(const char *a, const char *b)
{
    const char *p = a, *q = b;
    while (*p && *q) {
        if (!isdigit((unsigned char)*p) || !isdigit((unsigned char)*q)) {
            if (*p != *q)
                return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
            p++, q++;
            continue;
        }
        p += strspn(p, "0");
        q += strspn(q, "0");
        const size_t m = strspn(p, DIGITS), n = strspn(q, DIGITS);
        const int order = m != n ? (m < n ? -1 : 1) : strncmp(p, q, m);
        if (order != 0)
            return order;
        p += m;
        q += n;
    }
    if (*p || *q)
        return *p ? 1 : -1;
    return strcmp(a, b); /* "07" and "7" */
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return inv_natural_order((*a)->d_name, (*b)->d_name);
}

static inv_status list_folder(const char *folder, struct dirent ***entries, int *count)
{
    *count = scandir(folder, entries, not_hidden, by_name);
    if (*count >= 0)
        return INV_OK;
    *count = 0;
    *entries = NULL;
    return INV_ERROR(errno == ENOMEM ? INV_ENOMEM : INV_EIO, "%s: %s", folder, strerror(errno));
}

static void free_entries(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static inv_status join(const char *folder, const char *name, char **out)
{
    if (asprintf(out, "%s/%s", folder, name) >= 0)
        return INV_OK;
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory for a file name", folder);
}

/* Takes over `path`. */
static inv_status add_item(inv_pack *pack, char *path, size_t label, int part)
{
    if (pack->report.images == pack->room) {
        const size_t room = 2 * pack->room + 1024;
        item *items = reallocarray(pack->items, room, sizeof *items);
        if (!items) {
            free(path);
            return INV_ERROR(INV_ENOMEM, "%s: no memory for so many files", pack->spec.folder);
        }
        pack->items = items;
        pack->room = room;
    }
    pack->items[pack->report.images++] = (item){path, (uint16_t)label, part, false};
    return INV_OK;
}

/* The pictures of one class. */
static inv_status list_class(inv_pack *pack, const char *folder, size_t label, int part)
{
    struct dirent **entries = NULL;
    int count = 0;
    size_t folders = 0;
    const size_t before = pack->report.images;
    inv_status status = INV_OK;
    INV_TRY(list_folder(folder, &entries, &count));
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        INV_TRY(join(folder, entries[i]->d_name, &path));
        const bool is_one = is_folder(path);
        folders += is_one;
        if (inv_image_named(path) && !is_one) {
            INV_TRY(add_item(pack, path, label, part));
        } else {
            pack->report.skipped++;
            free(path);
        }
    }
    if (pack->report.images == before && folders > 0)
        INV_FAIL(
            INV_EDATA,
            "%s: holds no PNG or JPEG file, but folders; where each is a class, give this folder; "
            "where it is a part, let there be train and test, or valid, and no other",
            folder);
    if (pack->report.images == before)
        INV_FAIL(INV_EDATA, "%s: holds no PNG or JPEG file; remove the folder or fill it", folder);
done:
    free_entries(entries, count);
    return status;
}

static inv_status add_class(inv_pack *pack, const char *folder, const char *name)
{
    const size_t length = strlen(name);
    if (pack->report.classes == INV_CLASSES_MAX)
        return INV_ERROR(INV_EDATA,
                         "%s: more than %d folders; a data set has at most as many "
                         "classes",
                         folder, INV_CLASSES_MAX);
    if (!inv_class_name_good(name, length))
        return INV_ERROR(INV_EDATA,
                         "%s/%s: a class name is 1 to %d bytes of printable UTF-8 text; rename the "
                         "folder",
                         folder, name, INV_NAME_MAX - 1);
    memcpy(pack->classes[pack->report.classes++], name, length + 1);
    return INV_OK;
}

static inv_status find_class(const inv_pack *pack, const char *folder, const char *name,
                             size_t *label)
{
    for (*label = 0; *label < pack->report.classes; ++*label)
        if (strcmp(pack->classes[*label], name) == 0)
            return INV_OK;
    return INV_ERROR(INV_EDATA, "%s/%s: no class to train on has that name", folder, name);
}

/* The folders in `folder`: each makes a class or, where they are not to train on, is one already. */
static inv_status list_part(inv_pack *pack, const char *folder, int part)
{
    struct dirent **entries = NULL;
    int count = 0;
    char *path = NULL;
    inv_status status = INV_OK;
    INV_TRY(list_folder(folder, &entries, &count));
    for (int i = 0; i < count; i++) {
        size_t label = pack->report.classes;
        INV_TRY(join(folder, entries[i]->d_name, &path));
        if (is_folder(path)) {
            INV_TRY(part == TRAIN ? add_class(pack, folder, entries[i]->d_name)
                                  : find_class(pack, folder, entries[i]->d_name, &label));
            INV_TRY(list_class(pack, path, label, part));
        } else {
            pack->report.skipped++;
        }
        free(path);
        path = NULL;
    }
    if (pack->report.classes < 2)
        INV_FAIL(INV_EDATA,
                 "%s: holds %zu %s; one for each class is needed, with its pictures in it, "
                 "and at least two classes are needed",
                 folder, pack->report.classes,
                 inv_plural(pack->report.classes, "folder", "folders"));
done:
    free(path);
    free_entries(entries, count);
    return status;
}

/* What people call the folders of parts, in any case and perhaps with "-images" or the like behind it. */
static const char *const part_names[PARTS][4] = {[TRAIN] = {"train", "training"},
                                                 [TEST] = {"test", "testing"},
                                                 [VALIDATION] = {"valid", "validation", "val"}};

/* The part that a folder of that name is of; PARTS: none. */
static int part_named(const char *name)
{
    static const char *const behind[] = {"images", "set", "data"};
    size_t length = strcspn(name, "-_ ");
    bool is_known = name[length] == '\0';
    for (size_t i = 0; !is_known && i < sizeof behind / sizeof *behind; i++)
        is_known = strcasecmp(name + length + 1, behind[i]) == 0;
    if (!is_known)
        return PARTS;
    for (int part = TRAIN; part < PARTS; part++)
        for (size_t i = 0; part_names[part][i]; i++)
            if (strlen(part_names[part][i]) == length &&
                strncasecmp(name, part_names[part][i], length) == 0)
                return part;
    return PARTS;
}

/* The folders of the parts, each the caller's to free, where the folder is divided already: it holds
 * one to train on, one or two of the others, and no other folder. All NULL where it is not. */
static inv_status find_parts(const char *folder, char *parts[PARTS])
{
    struct dirent **entries = NULL;
    int count = 0, others = 0;
    inv_status status = list_folder(folder, &entries, &count);
    for (int i = 0; status == INV_OK && i < count; i++) {
        const int part = part_named(entries[i]->d_name);
        char *path = NULL;
        status = join(folder, entries[i]->d_name, &path);
        if (status != INV_OK || !is_folder(path)) {
            free(path);
        } else if (part < PARTS && !parts[part]) {
            parts[part] = path;
        } else {
            others++;
            free(path);
        }
    }
    const bool divided =
        others == 0 && parts[TRAIN] != NULL && (parts[TEST] != NULL || parts[VALIDATION] != NULL);
    for (int part = TRAIN; part < PARTS && !divided; part++) {
        free(parts[part]);
        parts[part] = NULL;
    }
    free_entries(entries, count);
    return status;
}

static inv_status list_all(inv_pack *pack)
{
    char *parts[PARTS] = {NULL};
    inv_status status = INV_OK;
    INV_TRY(find_parts(pack->spec.folder, parts));
    pack->report.divided = parts[TRAIN] != NULL;
    if (!pack->report.divided)
        return list_part(pack, pack->spec.folder, TRAIN);
    for (int part = TRAIN; part < PARTS; part++)
        if (parts[part])
            INV_TRY(list_part(pack, parts[part], part));
done:
    for (int part = TRAIN; part < PARTS; part++)
        free(parts[part]);
    return status;
}

/* ---- dividing ---- */

/* Sets round(part n) of each class's n images aside, but not all. Its images stand together. */
static void set_aside(inv_pack *pack, gsl_rng *rng)
{
    for (size_t first = 0, end; first < pack->report.images; first = end) {
        for (end = first;
             end < pack->report.images && pack->items[end].label == pack->items[first].label;)
            end++;
        const size_t n = end - first, wanted = (size_t)lround(pack->spec.test * (double)n);
        gsl_ran_shuffle(rng, pack->items + first, n, sizeof *pack->items);
        for (size_t i = 0; i < wanted && i + 1 < n; i++)
            pack->items[first + i].part = TEST;
        pack->report.untested += pack->spec.test > 0.0 && (wanted == 0 || n == 1);
    }
}

static void tell_parts(inv_pack *pack, const size_t count[PARTS])
{
    pack->report.train = count[TRAIN];
    pack->report.test = count[TEST];
    pack->report.validation = count[VALIDATION];
}

static inv_status divide(inv_pack *pack)
{
    gsl_rng *rng = NULL;
    inv_status status = inv_rng_alloc(pack->spec.seed, "pack", &rng);
    if (status != INV_OK)
        return status;
    if (!pack->report.divided)
        set_aside(pack, rng);
    gsl_ran_shuffle(rng, pack->items, pack->report.images, sizeof *pack->items);
    for (size_t i = 0; i < pack->report.images; i++)
        pack->listed[pack->items[i].part]++;
    inv_rng_free(rng);
    tell_parts(pack, pack->listed);
    return INV_OK;
}

/* Before hours go into reading; a folder that comes into being since is no harm to anybody. */
static inv_status check_out(const char *out)
{
    struct stat info;
    struct dirent **entries = NULL;
    int count = 0;
    if (stat(out, &info) != 0)
        return INV_OK; /* making it will say what is wrong, if anything */
    inv_status status = list_folder(out, &entries, &count);
    free_entries(entries, count);
    if (status == INV_OK && count > 0)
        return INV_ERROR(INV_EINVAL, "%s: is not empty; name another folder to write", out);
    return status;
}

static inv_status check_spec(const inv_pack_spec *spec)
{
    if (!(spec->test >= 0.0 && spec->test < 1.0))
        return INV_ERROR(INV_EINVAL, "test: %g is no part to set aside; it is from 0 to below 1",
                         spec->test);
    if ((spec->height == 0) != (spec->width == 0) || spec->height > UINT16_MAX ||
        spec->width > UINT16_MAX)
        return INV_ERROR(INV_EINVAL, "size: %zu x %zu is no size of an image; each is from 1 to %d",
                         spec->height, spec->width, UINT16_MAX);
    return INV_OK;
}

inv_status inv_pack_alloc(const inv_pack_spec *spec, inv_pack **out)
{
    void *memory = NULL;
    inv_pack *pack = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check_spec(spec));
    INV_TRY(check_out(spec->out));
    INV_TRY(inv_calloc(1, sizeof *pack, "packing", &memory));
    pack = memory;
    pack->spec = *spec;
    if (spec->centre && spec->height == 0)
        pack->spec.height = pack->spec.width = CENTRED_SIDE;
    INV_TRY(inv_calloc(INV_CLASSES_MAX, sizeof *pack->classes, "classes", &memory));
    pack->classes = memory;
    INV_TRY(list_all(pack));
    INV_TRY(divide(pack));
    *out = pack;
    return INV_OK;
done:
    inv_pack_free(pack);
    return status;
}

void inv_pack_free(inv_pack *pack)
{
    if (!pack)
        return;
    for (size_t i = 0; i < pack->report.images; i++)
        free(pack->items[i].path);
    free(pack->items);
    free(pack->classes);
    free(pack->bytes);
    free(pack->fitted);
    free(pack);
}

const inv_pack_report *inv_pack_told(const inv_pack *pack)
{
    return &pack->report;
}

const char *inv_pack_class(const inv_pack *pack, size_t i)
{
    return pack->classes[i];
}

/* ---- reading ---- */

/* Where the images of a part begin. */
static size_t part_first(const inv_pack *pack, int part)
{
    size_t first = 0;
    for (int before = TRAIN; before < part; before++)
        first += pack->listed[before];
    return first;
}

/* The first image tells the size, where the caller did not. */
static inv_status begin(inv_pack *pack, inv_shape given)
{
    void *memory = NULL;
    inv_status status = INV_OK;
    const bool fit = pack->spec.height > 0;
    pack->report.shape = (inv_shape){fit ? pack->spec.height : given.height,
                                     fit ? pack->spec.width : given.width, 1};
    const size_t size = inv_shape_size(pack->report.shape);
    INV_TRY(inv_calloc(3 * size, sizeof(float), "an image", &memory));
    pack->fitted = memory;
    INV_TRY(inv_calloc(pack->report.images, size, "the images", &memory));
    pack->bytes = memory;
done:
    return status;
}

/* Gives every image so far three channels. */
static inv_status turn_to_colour(inv_pack *pack)
{
    const size_t size = inv_shape_size(pack->report.shape);
    void *memory = NULL;
    inv_status status = inv_calloc(pack->report.images, 3 * size, "the images", &memory);
    if (status != INV_OK)
        return status;
    unsigned char *colours = memory;
    for (size_t i = 0; i < pack->report.images * size; i++)
        memset(colours + 3 * i, pack->bytes[i], 3);
    free(pack->bytes);
    pack->bytes = colours;
    pack->report.shape.channels = 3;
    return INV_OK;
}

/* Whether some pixel of it is not grey. */
static bool has_colour(inv_shape shape, const float *values)
{
    for (size_t i = 0; shape.channels == 3 && i < inv_shape_size(shape); i += 3)
        if (values[i] != values[i + 1] || values[i] != values[i + 2])
            return true;
    return false;
}

static inv_status check_size(const inv_pack *pack, const char *path, inv_shape given)
{
    const inv_shape shape = pack->report.shape;
    if (pack->spec.height > 0 || (given.height == shape.height && given.width == shape.width))
        return INV_OK;
    return INV_ERROR(
        INV_EDATA, "%s: %zu x %zu pixels, but others are %zu x %zu; --size %zux%zu fits them all",
        path, given.height, given.width, shape.height, shape.width, shape.height, shape.width);
}

/* On black or on white, whichever is nearer to what the image's ground is like. */
static inv_status centre(inv_pack *pack, const char *path, inv_shape given, const float *values,
                         float ground)
{
    const inv_pixels pixels = {0.0, 1.0, ground < 0.5f ? 0.0 : 1.0};
    bool found = false;
    inv_status status =
        inv_centre_image(given, values, pack->report.shape, &pixels, pack->fitted, &found);
    pack->report.blank += !found;
    if (status == INV_EINVAL)
        return INV_ERROR(INV_EDATA, "%s: %s", path, inv_error_message());
    return status;
}

/* Makes an image of the file's bytes. */
static inv_status take(inv_pack *pack, const item *it, inv_shape given, float *values)
{
    float ground = 0.0f;
    inv_status status = INV_OK;
    for (size_t i = 0; pack->spec.invert && i < inv_shape_size(given); i++)
        values[i] = 1.0f - values[i];
    if (!pack->bytes)
        INV_TRY(begin(pack, given));
    INV_TRY(check_size(pack, it->path, given));
    if (!pack->spec.grey && !pack->spec.centre && pack->report.shape.channels == 1 &&
        has_colour(given, values))
        INV_TRY(turn_to_colour(pack));
    INV_TRY(inv_fit_ground(given, values, &ground));
    if (pack->spec.centre)
        INV_TRY(centre(pack, it->path, given, values, ground));
    else
        INV_TRY(inv_fit_image(given, values, pack->report.shape, ground, pack->fitted));
    const size_t size = inv_shape_size(pack->report.shape);
    unsigned char *to = pack->bytes + (part_first(pack, it->part) + pack->placed[it->part]) * size;
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)lroundf(255.0f * pack->fitted[i]);
    pack->placed[it->part]++;
done:
    return status;
}

inv_status inv_pack_step(inv_pack *pack)
{
    item *it = &pack->items[pack->done];
    inv_shape given = {0};
    float *values = NULL;
    inv_status status = inv_image_read(it->path, pack->spec.invert ? 1.0f : 0.0f, &given, &values);
    it->broken = status != INV_OK && status != INV_ENOMEM;
    pack->report.broken += it->broken;
    if (status == INV_OK)
        status = take(pack, it, given, values);
    if (status == INV_OK || it->broken)
        pack->done++;
    if (pack->done == pack->report.images)
        tell_parts(pack, pack->placed);
    free(values);
    return status;
}

/* ---- saving ---- */

/* What the names of a part's files begin with. */
static const char *const file_names[PARTS] = {
    [TRAIN] = "train", [TEST] = "t10k", [VALIDATION] = "val"};

/* Of each class an image to train on must be left. */
static inv_status check_broken(const inv_pack *pack)
{
    size_t left[INV_CLASSES_MAX] = {0};
    if (pack->report.broken > 0 && !pack->spec.skip_broken)
        return INV_ERROR(INV_EDATA,
                         "%s: %zu of %zu %s cannot be read; mend or remove %s, or leave %s out "
                         "with --skip-broken",
                         pack->spec.folder, pack->report.broken, pack->report.images,
                         inv_plural(pack->report.images, "file", "files"),
                         inv_plural(pack->report.broken, "it", "them"),
                         inv_plural(pack->report.broken, "it", "them"));
    for (size_t i = 0; i < pack->report.images; i++)
        if (pack->items[i].part == TRAIN && !pack->items[i].broken)
            left[pack->items[i].label]++;
    for (size_t c = 0; c < pack->report.classes; c++)
        if (left[c] == 0)
            return INV_ERROR(INV_EDATA, "%s: class %s has no file to train on that can be read",
                             pack->spec.folder, pack->classes[c]);
    return INV_OK;
}

static inv_status write_images(const inv_pack *pack, const char *folder, int part)
{
    const inv_shape shape = pack->report.shape;
    const bool colour = shape.channels == 3;
    const size_t count = pack->placed[part];
    char *path = NULL, name[64];
    const inv_idx idx = {.type = INV_IDX_UBYTE,
                         .rank = colour ? 4 : 3,
                         .dims = {count, shape.height, shape.width, 3},
                         .size = count * inv_shape_size(shape),
                         .data = pack->bytes + part_first(pack, part) * inv_shape_size(shape)};
    snprintf(name, sizeof name, "%s-images-idx%d-ubyte", file_names[part], colour ? 4 : 3);
    inv_status status = join(folder, name, &path);
    if (status == INV_OK)
        status = inv_idx_write(path, &idx);
    free(path);
    return status;
}

static inv_status write_labels(const inv_pack *pack, const char *folder, int part)
{
    const bool wide = pack->report.classes > 256;
    const size_t count = pack->placed[part];
    char *path = NULL, name[64];
    void *memory = NULL;
    inv_idx idx = {
        .type = wide ? INV_IDX_SHORT : INV_IDX_UBYTE, .rank = 1, .dims = {count}, .size = count};
    size_t used = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(count, sizeof(int16_t), "the labels", &memory));
    idx.data = memory;
    for (size_t i = 0; i < pack->report.images; i++) {
        if (pack->items[i].part != part || pack->items[i].broken)
            continue;
        if (wide)
            ((int16_t *)memory)[used++] = (int16_t)pack->items[i].label;
        else
            ((unsigned char *)memory)[used++] = (unsigned char)pack->items[i].label;
    }
    snprintf(name, sizeof name, "%s-labels-idx1-%s", file_names[part], wide ? "short" : "ubyte");
    INV_TRY(join(folder, name, &path));
    INV_TRY(inv_idx_write(path, &idx));
done:
    free(memory);
    free(path);
    return status;
}

static inv_status write_classes(const inv_pack *pack, const char *folder)
{
    char *path = NULL, *text = NULL;
    size_t size = 0;
    inv_status status = INV_OK;
    FILE *out = open_memstream(&text, &size);
    for (size_t c = 0; out && c < pack->report.classes; c++)
        fprintf(out, "%s\n", pack->classes[c]);
    if (!out || fclose(out) != 0)
        INV_FAIL(INV_ENOMEM, "%s: no memory for the names of classes", folder);
    INV_TRY(join(folder, INV_CLASSES_FILE, &path));
    INV_TRY(inv_file_replace(path, text, size));
done:
    free(path);
    free(text);
    return status;
}

static inv_status write_all(const inv_pack *pack, const char *folder)
{
    inv_status status = INV_OK;
    for (int part = TRAIN; part < PARTS; part++)
        if (pack->placed[part] > 0) {
            INV_TRY(write_images(pack, folder, part));
            INV_TRY(write_labels(pack, folder, part));
        }
    INV_TRY(write_classes(pack, folder));
done:
    return status;
}

/* Removes a folder of plain files, if it is there. */
static void remove_folder(const char *folder)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, NULL, NULL);
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (join(folder, entries[i]->d_name, &path) == INV_OK)
            (void)unlink(path); /* which "." and ".." refuse */
        free(path);
    }
    free_entries(entries, count);
    (void)rmdir(folder);
}

/* ---- the folder, which is filled under another name beside its own ---- */

/* The folder's name, without a slash at its end. */
static size_t name_length(const char *out)
{
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    return length;
}

/* Whoever fills a folder holds a lock on it. -1: another does, or there is no folder. */
static int lock_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Whether `found` is the other name of the folder `name`: NAME.NUMBER.tmp. */
static bool is_temporary(const char *found, const char *name, size_t length)
{
    const char *number = found + length + 1;
    return strncmp(found, name, length) == 0 && found[length] == '.' &&
           isdigit((unsigned char)*number) && strcmp(number + strspn(number, DIGITS), ".tmp") == 0;
}

/* Removes what those left that were killed while they filled the folder. */
static void sweep(const char *out)
{
    size_t start = name_length(out), length = start;
    while (start > 0 && out[start - 1] != '/')
        start--;
    length -= start;
    struct dirent **entries = NULL;
    char *folder = start ? strndup(out, start) : strdup(".");
    const int count = folder ? scandir(folder, &entries, NULL, NULL) : 0;
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (!is_temporary(entries[i]->d_name, out + start, length) ||
            join(folder, entries[i]->d_name, &path) != INV_OK)
            continue;
        const int lock = lock_folder(path);
        if (lock >= 0) {
            remove_folder(path);
            close(lock);
        }
        free(path);
    }
    free_entries(entries, count);
    free(folder);
}

inv_status inv_pack_save(const inv_pack *pack)
{
    const char *out = pack->spec.out;
    char *temporary = NULL;
    bool made = false;
    int lock = -1;
    inv_status status = INV_OK;
    if (pack->done < pack->report.images)
        INV_FAIL(INV_EINVAL, "%s: %zu of %zu images are read", out, pack->done,
                 pack->report.images);
    INV_TRY(check_broken(pack));
    INV_TRY(inv_file_make_folder(out)); /* and those it is in */
    sweep(out);
    if (asprintf(&temporary, "%.*s.%ld.tmp", (int)name_length(out), out, (long)getpid()) < 0) {
        temporary = NULL;
        INV_FAIL(INV_ENOMEM, "%s: no memory for its name", out);
    }
    made = mkdir(temporary, 0777) == 0;
    if (!made)
        INV_FAIL(INV_EIO, "%s: %s", temporary, strerror(errno));
    lock = lock_folder(temporary); /* on a file system without locks nothing is swept either */
    INV_TRY(write_all(pack, temporary));
    if (rename(temporary, out) != 0)
        INV_FAIL(INV_EIO, "%s: %s", out, strerror(errno));
    made = false;
done:
    if (made)
        remove_folder(temporary);
    if (status != INV_OK)
        (void)rmdir(out); /* which it is only if nothing is in it */
    if (lock >= 0)
        close(lock);
    free(temporary);
    return status;
}
