/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/sources.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sniff.h"
#include "invproj/file.h"
#include "invproj/npy.h"

#define LIST_BYTES 400

/* The usual file, and words by which others say that they are it: MNIST's and EMNIST's, MedMNIST's,
 * Keras's, Kuzushiji's. An array of a .npz has one of them for its whole name. */
static const struct role {
    const char *usual;
    const char *words[7];
} roles[INV_SOURCES] = {
    [INV_TRAIN_IMAGES] = {"train-images-idx3-ubyte",
                          {"train-images", "train_images", "train-imgs", "x_train", "train_x"}},
    [INV_TRAIN_LABELS] = {"train-labels-idx1-ubyte",
                          {"train-labels", "train_labels", "y_train", "train_y"}},
    [INV_TEST_IMAGES] = {"t10k-images-idx3-ubyte",
                         {"t10k-images", "test-images", "test_images", "test-imgs", "x_test",
                          "test_x"}},
    [INV_TEST_LABELS] = {"t10k-labels-idx1-ubyte",
                         {"t10k-labels", "test-labels", "test_labels", "y_test", "test_y"}},
    [INV_VALIDATION_IMAGES] = {NULL, {"val-images", "val_images", "val-imgs", "x_val", "x_valid"}},
    [INV_VALIDATION_LABELS] = {NULL, {"val-labels", "val_labels", "y_val", "y_valid"}},
};

struct inv_sources {
    char *path;
    inv_npz *npz;                 /* NULL: a folder */
    char *where[INV_SOURCES];     /* the file, or "PATH: ARRAY"; NULL where there is none */
    size_t short_at[INV_SOURCES]; /* where in it the name begins */
    char stem[NAME_MAX + 1];
};

/* ---- names ---- */

/* Whether the name says that it is for that role; *prefix is what it has before the word. */
static bool says_role(int which, const char *name, size_t *prefix)
{
    for (size_t i = 0; name[0] != '.' && roles[which].words[i]; i++) {
        const char *at = strcasestr(name, roles[which].words[i]);
        *prefix = at ? (size_t)(at - name) : 0;
        if (at)
            return true;
    }
    return false;
}

/* The prefix without what joins it to the word: "emnist-letters". */
static size_t stem_length(const char *name, size_t prefix)
{
    while (prefix > 0 && strchr("-_.", name[prefix - 1]))
        prefix--;
    return prefix;
}

static bool has_stem(const char *name, size_t prefix, const char *stem)
{
    const size_t length = stem_length(name, prefix);
    return strlen(stem) == length && strncmp(name, stem, length) == 0;
}

/* Whether `longer` is `shorter` gzipped, by their names. */
static bool is_gzipped(const char *longer, const char *shorter)
{
    const size_t length = strlen(shorter);
    return strncmp(longer, shorter, length) == 0 && strcmp(longer + length, ".gz") == 0;
}

/* ---- in a folder ---- */

typedef struct listing {
    struct dirent **entries;
    int count;
} listing;

/* One that may not be listed is as good as empty: files of the usual names may still be read. */
static inv_status listing_open(const char *folder, listing *l)
{
    l->count = scandir(folder, &l->entries, NULL, alphasort);
    if (l->count >= 0)
        return INV_OK;
    *l = (listing){NULL, 0};
    return errno == ENOMEM ? INV_ERROR(INV_ENOMEM, "%s: no memory to list it", folder) : INV_OK;
}

static void listing_close(listing *l)
{
    for (int i = 0; i < l->count; i++)
        free(l->entries[i]);
    free(l->entries);
}

/* The stems of all that may be that file, each once, as in "a", "b", "c". */
static size_t list_stems(const listing *l, int which, char text[LIST_BYTES])
{
    size_t used = 0, count = 0, prefix = 0;
    text[0] = '\0';
    for (int i = 0; i < l->count; i++) {
        char quoted[NAME_MAX + 3];
        const char *name = l->entries[i]->d_name;
        if (!says_role(which, name, &prefix))
            continue;
        snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)stem_length(name, prefix), name);
        if (strstr(text, quoted))
            continue;
        count++;
        if (used < LIST_BYTES)
            used +=
                (size_t)snprintf(text + used, LIST_BYTES - used, "%s%s", used ? ", " : "", quoted);
    }
    return count;
}

/* The only entry that may be that file and has the stem, in *found; NULL where there is none. */
static inv_status find_by_words(const char *folder, const listing *l, int which, const char *stem,
                                const char **found)
{
    char stems[LIST_BYTES];
    size_t prefix = 0;
    *found = NULL;
    for (int i = 0; i < l->count; i++) {
        const char *name = l->entries[i]->d_name;
        if (!says_role(which, name, &prefix) || (*stem && !has_stem(name, prefix, stem)) ||
            (*found && is_gzipped(name, *found)))
            continue;
        if (*found && list_stems(l, which, stems) > 1 && !*stem)
            return INV_ERROR(
                INV_EIO,
                "%s: holds several data sets; choose one with data.files, which may be "
                "%s",
                folder, stems);
        if (*found)
            return INV_ERROR(INV_EIO, "%s: both %s and %s may be the %s; remove one", folder,
                             *found, name, roles[which].words[0]);
        *found = name;
    }
    return INV_OK;
}

static int count_folders(const listing *l)
{
    int count = 0;
    for (int i = 0; i < l->count; i++)
        count += l->entries[i]->d_type == DT_DIR && l->entries[i]->d_name[0] != '.';
    return count;
}

/* Why a file that must be there is not. */
static inv_status missing(const char *folder, const listing *l, int which, const char *stem)
{
    char stems[LIST_BYTES];
    size_t count = list_stems(l, which, stems);
    if (*stem)
        return INV_ERROR(INV_EIO, "%s: no %s of data.files = \"%s\" are there%s%s", folder,
                         roles[which].words[0], stem, count ? "; there are " : "", stems);
    for (int i = 0; i < l->count; i++) {
        const char *ending = strrchr(l->entries[i]->d_name, '.');
        if (ending && strcmp(ending, ".npz") == 0)
            return INV_ERROR(INV_EIO,
                             "%s: neither %s nor %s.gz is there; if %s holds them all, "
                             "give that: --data %s/%s",
                             folder, roles[which].usual, roles[which].usual, l->entries[i]->d_name,
                             folder, l->entries[i]->d_name);
    }
    if (count_folders(l) > 1)
        return INV_ERROR(
            INV_EIO,
            "%s: neither %s nor %s.gz is there; where its folders hold pictures, those "
            "of a class each, make data of them: invproj pack %s -o DIR",
            folder, roles[which].usual, roles[which].usual, folder);
    return INV_ERROR(INV_EIO, "%s: neither %s nor %s.gz is there", folder, roles[which].usual,
                     roles[which].usual);
}

static inv_status keep_where(inv_sources *s, int which, const char *between, const char *name)
{
    const int length = asprintf(&s->where[which], "%s%s%s", s->path, between, name);
    if (length < 0) {
        s->where[which] = NULL;
        return INV_ERROR(INV_ENOMEM, "%s: no memory for a file name", s->path);
    }
    s->short_at[which] = (size_t)length - strlen(name);
    return INV_OK;
}

/* Whether the file of MNIST's usual name is there, without or else with ".gz"; whatever else is
 * wrong with it, reading it will say. */
static inv_status find_usual(inv_sources *s, int which)
{
    static const char *const endings[] = {"", ".gz"};
    const char *slash = s->path[strlen(s->path) - 1] == '/' ? "" : "/";
    for (size_t i = 0; roles[which].usual && i < 2; i++) {
        char name[64];
        struct stat info;
        snprintf(name, sizeof name, "%s%s", roles[which].usual, endings[i]);
        inv_status status = keep_where(s, which, slash, name);
        if (status != INV_OK || stat(s->where[which], &info) == 0 || errno != ENOENT)
            return status;
        free(s->where[which]);
        s->where[which] = NULL;
    }
    return INV_OK;
}

static inv_status find_in_folder(inv_sources *s, const listing *l, int which, const char *stem)
{
    const char *found = NULL, *slash = s->path[strlen(s->path) - 1] == '/' ? "" : "/";
    inv_status status = INV_OK;
    if (!*stem)
        INV_TRY(find_usual(s, which));
    if (s->where[which])
        return INV_OK;
    INV_TRY(find_by_words(s->path, l, which, stem, &found));
    if (found)
        INV_TRY(keep_where(s, which, slash, found));
done:
    return status;
}

/* The first of the files that must be there and is not; INV_SOURCES: none. There must be images and
 * labels to train on; of those to test on both or neither. */
static int find_missing(const inv_sources *s)
{
    const bool test = s->where[INV_TEST_IMAGES] || s->where[INV_TEST_LABELS];
    for (int which = INV_TRAIN_IMAGES; which < (test ? INV_DATA_FILES : INV_TEST_IMAGES); which++)
        if (!s->where[which])
            return which;
    return INV_SOURCES;
}

static inv_status open_folder(inv_sources *s, const char *stem)
{
    listing l = {NULL, 0};
    size_t prefix = 0;
    inv_status status = INV_OK;
    INV_TRY(listing_open(s->path, &l));
    for (int which = 0; which < INV_SOURCES; which++)
        INV_TRY(find_in_folder(s, &l, which, stem));
    const int lacking = find_missing(s);
    if (lacking < INV_SOURCES) {
        status = missing(s->path, &l, lacking, stem);
        goto done;
    }
    const char *name = inv_sources_name(s, INV_TRAIN_IMAGES);
    if (says_role(INV_TRAIN_IMAGES, name, &prefix))
        snprintf(s->stem, sizeof s->stem, "%.*s", (int)stem_length(name, prefix), name);
done:
    listing_close(&l);
    return status;
}

/* ---- in an archive ---- */

/* The names of its arrays: "x, y". */
static void list_arrays(const inv_npz *npz, char text[LIST_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < inv_npz_count(npz) && used < LIST_BYTES; i++)
        used += (size_t)snprintf(text + used, LIST_BYTES - used, "%s%.60s", i ? ", " : "",
                                 inv_npz_name(npz, i));
}

static inv_status find_array(inv_sources *s, int which)
{
    for (size_t i = 0; i < inv_npz_count(s->npz); i++)
        for (size_t j = 0; roles[which].words[j]; j++)
            if (strcasecmp(inv_npz_name(s->npz, i), roles[which].words[j]) == 0)
                return keep_where(s, which, ": ", inv_npz_name(s->npz, i));
    return INV_OK;
}

static inv_status array_missing(const inv_sources *s, int which)
{
    char arrays[LIST_BYTES];
    list_arrays(s->npz, arrays);
    return INV_ERROR(INV_EDATA,
                     "%s: holds no %s; a data set has x_train, y_train, x_test and y_test, or "
                     "train_images, train_labels, test_images and test_labels; there are %s",
                     s->path, roles[which].words[0], arrays);
}

static inv_status open_archive(inv_sources *s)
{
    inv_status status = INV_OK;
    INV_TRY(inv_npz_open(s->path, &s->npz));
    for (int which = 0; which < INV_SOURCES; which++)
        INV_TRY(find_array(s, which));
    const int lacking = find_missing(s);
    if (lacking < INV_SOURCES)
        status = array_missing(s, lacking);
done:
    return status;
}

/* ---- both ---- */

/* What a file is that is no folder: *zip, or why it cannot be data. */
static inv_status check_file(const char *path, bool *zip)
{
    unsigned char start[INV_SNIFF_BYTES];
    size_t size = 0, got = 0;
    int fd = -1;
    inv_status status = inv_file_open(path, &fd, &size);
    if (status == INV_OK)
        status = inv_file_fill(path, fd, start, sizeof start, &got);
    if (fd >= 0)
        close(fd);
    if (status != INV_OK)
        return status;
    *zip = got >= 2 && memcmp(start, "PK", 2) == 0;
    const inv_kind *kind = inv_sniff(start, got);
    if (*zip)
        return INV_OK;
    return INV_ERROR(INV_EIO, "%s: is not a folder%s%s, nor a .npz archive of a data set's arrays",
                     path, kind ? " but " : "", kind ? kind->what : "");
}

inv_status inv_sources_open(const char *path, const char *files, inv_sources **out)
{
    struct stat info;
    void *memory = NULL;
    inv_sources *s = NULL;
    bool zip = false;
    inv_status status = INV_OK;
    *out = NULL;
    if (stat(path, &info) != 0)
        return INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        INV_TRY(check_file(path, &zip));
    INV_TRY(inv_calloc(1, sizeof *s, "a data set", &memory));
    s = memory;
    s->path = strdup(path);
    if (!s->path)
        INV_FAIL(INV_ENOMEM, "%s: no memory for its name", path);
    INV_TRY(zip ? open_archive(s) : open_folder(s, files));
    if (inv_sources_has(s, INV_VALIDATION_IMAGES) != inv_sources_has(s, INV_VALIDATION_LABELS))
        INV_FAIL(INV_EDATA, "%s: of the validation images and labels only one is there", path);
    *out = s;
    s = NULL;
done:
    inv_sources_close(s);
    return status;
}

void inv_sources_close(inv_sources *s)
{
    if (!s)
        return;
    for (int which = 0; which < INV_SOURCES; which++)
        free(s->where[which]);
    inv_npz_close(s->npz);
    free(s->path);
    free(s);
}

const char *inv_sources_path(const inv_sources *s)
{
    return s->path;
}

bool inv_sources_is_archive(const inv_sources *s)
{
    return s->npz != NULL;
}

bool inv_sources_has(const inv_sources *s, int which)
{
    return s->where[which] != NULL;
}

const char *inv_sources_name(const inv_sources *s, int which)
{
    return s->where[which] + s->short_at[which];
}

const char *inv_sources_where(const inv_sources *s, int which)
{
    return s->where[which];
}

const char *inv_sources_stem(const inv_sources *s)
{
    return s->stem;
}

inv_status inv_sources_read(inv_sources *s, int which, inv_idx **out)
{
    return s->npz ? inv_npz_read(s->npz, inv_sources_name(s, which), out)
                  : inv_array_read(s->where[which], out);
}

/* ---- any array ---- */

/* The only array of an archive. */
static inv_status read_only_array(const char *path, inv_idx **out)
{
    char arrays[LIST_BYTES];
    inv_npz *npz = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_npz_open(path, &npz));
    list_arrays(npz, arrays);
    if (inv_npz_count(npz) > 1)
        INV_FAIL(INV_EDATA, "%s: holds several arrays (%s), where one is wanted; save it as .npy",
                 path, arrays);
    INV_TRY(inv_npz_read(npz, inv_npz_name(npz, 0), out));
done:
    inv_npz_close(npz);
    return status;
}

inv_status inv_array_read(const char *path, inv_idx **out)
{
    unsigned char start[6];
    size_t size = 0, got = 0;
    int fd = -1;
    *out = NULL;
    inv_status status = inv_file_open(path, &fd, &size);
    if (status == INV_OK)
        status = inv_file_fill(path, fd, start, sizeof start, &got);
    if (fd >= 0)
        close(fd);
    if (status != INV_OK)
        return status;
    if (got == sizeof start && memcmp(start, "\x93NUMPY", sizeof start) == 0)
        return inv_npy_read(path, out);
    if (got >= 4 && memcmp(start, "PK\3\4", 4) == 0)
        return read_only_array(path, out);
    return inv_idx_read(path, out);
}
