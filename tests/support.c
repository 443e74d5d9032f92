/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <nettle/sha2.h>
#include <zip.h>
#include <zlib.h>

int support_message_has(const char *text)
{
    return strstr(inv_error_message(), text) != NULL;
}

/* ---- folders and files ---- */

char *support_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *folder = NULL;
    ck_assert_int_gt(asprintf(&folder, "%s/invproj-test-XXXXXX", base && base[0] ? base : P_tmpdir),
                     0);
    ck_assert_msg(mkdtemp(folder) != NULL, "%s: %s", folder, strerror(errno));
    return folder;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void support_remove(char *folder)
{
    if (!folder)
        return;
    ck_assert_msg(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0, "%s: %s", folder,
                  strerror(errno));
    free(folder);
}

const char *support_at(const char *folder, const char *name)
{
    static char paths[8][4096];
    static size_t turn;
    char *path = paths[turn++ % 8];
    ck_assert_int_lt(snprintf(path, sizeof paths[0], "%s/%s", folder, name), sizeof paths[0]);
    return path;
}

size_t support_entries(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

void support_write(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

unsigned char *support_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    struct stat info;
    ck_assert_msg(f != NULL && fstat(fileno(f), &info) == 0, "%s: %s", path, strerror(errno));
    *size = (size_t)info.st_size;
    unsigned char *bytes = calloc(*size + 1, 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

void support_seal(const unsigned char *body, size_t size, char seal[SUPPORT_SEAL])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char line[SUPPORT_SEAL + 1];
    int used =
        snprintf(line, sizeof line, "\ninvproj-run 2: the first %zu bytes have SHA-256 ", size);
    sha256_init(&context);
    sha256_update(&context, size, body);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        used += snprintf(line + used, sizeof line - (size_t)used, "%02x", digest[i]);
    memset(seal, ' ', SUPPORT_SEAL);
    memcpy(seal, line, (size_t)used);
    seal[SUPPORT_SEAL - 1] = '\n';
}

unsigned char *support_gzip(const void *bytes, size_t size, size_t *gzipped)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes, .avail_in = (uInt)size};
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong room = deflateBound(&stream, (uLong)size);
    unsigned char *out = calloc(room, 1);
    ck_assert_ptr_nonnull(out);
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *gzipped = stream.total_out;
    deflateEnd(&stream);
    return out;
}

unsigned char *support_npy(const char *dictionary, const void *data, size_t data_size, size_t *size)
{
    const size_t length = strlen(dictionary);
    unsigned char *bytes = malloc(10 + length + data_size);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (unsigned char)length;
    bytes[9] = (unsigned char)(length >> 8);
    memcpy(bytes + 10, dictionary, length);
    memcpy(bytes + 10 + length, data, data_size);
    *size = 10 + length + data_size;
    return bytes;
}

void support_write_zip(const char *path, const support_member *members, size_t count, int deflated)
{
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    ck_assert_msg(zip != NULL, "%s: libzip says %d", path, code);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(zip, members[i].bytes, members[i].size, 0);
        const zip_int64_t at = zip_file_add(zip, members[i].name, source, 0);
        ck_assert_int_ge(at, 0);
        ck_assert_int_eq(zip_set_file_compression(zip, (zip_uint64_t)at,
                                                  deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0),
                         0);
    }
    ck_assert_int_eq(zip_close(zip), 0);
}

static bool has_skipped;

void support_skipped(const char *suite, const char *what, ...)
{
    va_list values;
    has_skipped = true;
    va_start(values, what);
    printf("%s: skipped: ", suite);
    vprintf(what, values);
    putchar('\n');
    fflush(stdout);
    va_end(values);
}

bool support_has_skipped(void)
{
    return has_skipped;
}

int support_in_child(int (*body)(void *), void *arg)
{
    int state = 0;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(body(arg));
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

void support_usual_signals(void)
{
    static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        signal(usual[i], SIG_DFL);
}

/* ---- the small data set ---- */

typedef struct blobs {
    size_t height, width, classes;
    double *picture; /* [classes, height, width], 0 to 1 */
} blobs;

/* picture(y, x) = the sum of three hills of height 1 / (1 + distance^2 / radius^2), at most 1 */
static void draw_picture(gsl_rng *rng, const blobs *b, double *picture)
{
    for (int hill = 0; hill < 3; hill++) {
        double cy = gsl_ran_flat(rng, 0, (double)b->height), radius = gsl_ran_flat(rng, 0.6, 1.7);
        double cx = gsl_ran_flat(rng, 0, (double)b->width);
        radius *= 0.1 * (double)(b->height + b->width);
        for (size_t i = 0; i < b->height * b->width; i++) {
            double dy = (double)(i / b->width) - cy, dx = (double)(i % b->width) - cx;
            double far = sqrt(dy * dy + dx * dx) / radius;
            picture[i] = fmin(1, picture[i] + 1 / (1 + far * far * far * far));
        }
    }
}

static void put_size(unsigned char *at, size_t size)
{
    for (int byte = 0; byte < 4; byte++)
        at[byte] = (unsigned char)(size >> (24 - 8 * byte));
}

/* One part: written byte by byte here, not by inv_idx_write, which it helps to test. */
static void write_part(const char *folder, const char *const names[2], gsl_rng *rng, const blobs *b,
                       size_t count)
{
    size_t pixels = b->height * b->width;
    unsigned char *images = calloc(16 + count * pixels, 1), *labels = calloc(8 + count, 1);
    ck_assert(images && labels);
    memcpy(images, "\0\0\x08\x03", 4);
    put_size(images + 4, count);
    put_size(images + 8, b->height);
    put_size(images + 12, b->width);
    memcpy(labels, "\0\0\x08\x01", 4);
    put_size(labels + 4, count);
    for (size_t i = 0; i < count; i++) {
        size_t label = i < b->classes ? b->classes - 1 - i : gsl_rng_uniform_int(rng, b->classes);
        double light = gsl_ran_flat(rng, 0.8, 1.0);
        labels[8 + i] = (unsigned char)label;
        for (size_t j = 0; j < pixels; j++) {
            double v = light * b->picture[label * pixels + j] + gsl_ran_gaussian(rng, 0.08);
            images[16 + i * pixels + j] = (unsigned char)lround(255 * fmax(0, fmin(1, v)));
        }
    }
    support_write(support_at(folder, names[0]), images, 16 + count * pixels);
    support_write(support_at(folder, names[1]), labels, 8 + count);
    free(images);
    free(labels);
}

void support_write_dataset(const char *folder, size_t train, size_t test, size_t height,
                           size_t width, size_t classes, unsigned long seed)
{
    static const char *const train_names[2] = {"train-images-idx3-ubyte",
                                               "train-labels-idx1-ubyte"};
    static const char *const test_names[2] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    ck_assert(classes >= 1 && classes <= 256);
    blobs b = {height, width, classes, calloc(classes * height * width, sizeof(double))};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    ck_assert(b.picture && rng);
    gsl_rng_set(rng, seed);
    for (size_t c = 0; c < classes; c++)
        draw_picture(rng, &b, b.picture + c * height * width);
    write_part(folder, train_names, rng, &b, train);
    write_part(folder, test_names, rng, &b, test);
    gsl_rng_free(rng);
    free(b.picture);
}
