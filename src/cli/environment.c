/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <hdf5.h>

#include "invproj/mat.h"
#include "invproj/version.h"
#include "sweep.h"

#if defined(__clang__)
#define COMPILER __VERSION__ /* says clang itself */
#else
#define COMPILER "gcc " __VERSION__
#endif

/* "model name : ..." of the first processor; the machine's name where there is none. */
static void find_processor(char *out, size_t size)
{
    char line[512];
    struct utsname name;
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, size, "%s", uname(&name) == 0 ? name.machine : "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file)
        fclose(file);
}

/* ---- one start ---- */

enum { VERSION, COMPILER_USED, KERNELS, BLAS, HDF5, PROCESSOR, PART, TEXTS };

/* What stands in a group of its own, and whether the bits of what is learned may depend on it. */
static const struct {
    const char *name;
    bool decides;
} texts[TEXTS] = {
    [VERSION] = {"program_version", true},
    [COMPILER_USED] = {"compiler", true},
    [KERNELS] = {"kernels", true},
    [BLAS] = {"blas", false},
    [HDF5] = {"hdf5", false},
    [PROCESSOR] = {"processor", false},
    [PART] = {"part", false}, /* of a sweep; it is not there where no part was taken */
};

typedef struct start {
    char text[TEXTS][256];
    size_t threads;
} start;

static void find_start(start *now)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(now->text[VERSION], sizeof *now->text, "%s", INV_VERSION);
    snprintf(now->text[COMPILER_USED], sizeof *now->text, "%s", COMPILER);
    snprintf(now->text[KERNELS], sizeof *now->text, "%s", inv_kernels_name());
    snprintf(now->text[BLAS], sizeof *now->text, "%s", inv_blas_description());
    snprintf(now->text[HDF5], sizeof *now->text, "%u.%u.%u", major, minor, release);
    find_processor(now->text[PROCESSOR], sizeof *now->text);
    const char *part = getenv(CLI_SWEEP_VARIABLE); /* "PID SOURCE" */
    part = part ? strchr(part, ' ') : NULL;
    snprintf(now->text[PART], sizeof *now->text, "%s", part ? part + 1 : "");
    now->threads = inv_threads();
}

static inv_status put_start(inv_run *run, const char *path, const start *now)
{
    inv_status status = inv_run_set_size(run, path, "threads", now->threads);
    for (size_t i = 0; i < TEXTS && status == INV_OK; i++)
        if (*now->text[i])
            status = inv_run_set_text(run, path, texts[i].name, now->text[i]);
    return status;
}

/* ---- all of them ---- */

/* Says what is another than at the start that is recorded at `path`; whether anything is. */
static bool compare(const inv_run *run, const char *path, const start *now)
{
    uint64_t threads = now->threads;
    bool differs = inv_run_has_attribute(run, path, "threads") &&
                   inv_run_size(run, path, "threads", &threads) == INV_OK &&
                   threads != now->threads;
    for (size_t i = 0; i < TEXTS; i++) {
        char *before = NULL;
        if (!inv_run_has_attribute(run, path, texts[i].name) ||
            inv_run_text(run, path, texts[i].name, &before) != INV_OK)
            continue;
        if (strcmp(before, now->text[i]) != 0) {
            differs = true;
            if (texts[i].decides)
                cli_warn("note      %s was %s, is now %s: results may differ in their last digits "
                         "from those of an uninterrupted run",
                         texts[i].name, before, now->text[i]);
        }
        free(before);
    }
    return differs;
}

inv_status cli_describe_environment(inv_run *run)
{
    char path[2 * INV_NAME_MAX] = "/environment";
    start now = {0};
    size_t n = 2;
    find_start(&now);
    if (!inv_run_has(run, path))
        return put_start(run, path, &now);
    char next[2 * INV_NAME_MAX];
    for (;; n++) { /* `path` becomes the newest */
        snprintf(next, sizeof next, "/environment/%zu", n);
        if (!inv_run_has(run, next))
            break;
        memcpy(path, next, sizeof path);
    }
    return compare(run, path, &now) ? put_start(run, next, &now) : INV_OK;
}
