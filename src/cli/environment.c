/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/utsname.h>

#include <hdf5.h>

#include "cli.h"
#include "invproj/mat.h"

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

inv_status cli_describe_environment(inv_run *run)
{
    char processor[256], hdf5[64];
    unsigned major = 0, minor = 0, release = 0;
    inv_status status = INV_OK;
    find_processor(processor, sizeof processor);
    H5get_libversion(&major, &minor, &release);
    snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
    INV_TRY(inv_run_set_text(run, "/environment", "compiler", COMPILER));
    INV_TRY(inv_run_set_text(run, "/environment", "kernels", inv_kernels_name()));
    INV_TRY(inv_run_set_text(run, "/environment", "blas", inv_blas_description()));
    INV_TRY(inv_run_set_text(run, "/environment", "hdf5", hdf5));
    INV_TRY(inv_run_set_text(run, "/environment", "processor", processor));
    INV_TRY(inv_run_set_size(run, "/environment", "threads", inv_threads()));
fail:
    return status;
}
