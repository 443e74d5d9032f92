/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/image.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MOST   4 /* and one for so many bytes of the file: */
#define SECOND_BYTES   ((size_t)1 << 25)
#define MEMORY_MOST    ((rlim_t)1 << 30)  /* beyond what the process has already, and: */
#define MEMORY_FILES   4                  /* times the file's size, which is copied */
#define ARRAY_MOST     ((hsize_t)1 << 29) /* bytes of one array, however well it packs */
#define EXPANSION_MOST 1032               /* deflate's best: what a file of some size can hold */
#define IMAGE_STEP     ((size_t)1 << 20)

#if defined(__SANITIZE_ADDRESS__)
#define LIMIT_MEMORY false /* the sanitizer maps terabytes, and has a limit of its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMIT_MEMORY false
#endif
#endif
#ifndef LIMIT_MEMORY
#define LIMIT_MEMORY true
#endif

hid_t inv_image_open(const void *owner, void *image, size_t size)
{
    char name[64];
    hid_t file = H5I_INVALID_HID, access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return file;
    snprintf(name, sizeof name, "/dev/null/%p", owner); /* no file can have this name */
    bool ready = H5Pset_fapl_core(access, IMAGE_STEP, 0) >= 0 &&
                 H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) >= 0;
    if (ready && !image)
        file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    else if (ready && H5Pset_file_image(access, image, size) >= 0)
        file = H5Fopen(name, H5F_ACC_RDWR, access);
    H5Pclose(access);
    return file;
}

/* ---- in the child ---- */

/* Whether `count` values of `type` are no more than the file can hold. */
static bool is_justified(hssize_t count, hid_t type, hsize_t file_size)
{
    const size_t each = H5Tget_size(type);
    hsize_t bytes = 0;
    return count >= 0 && each > 0 && !__builtin_mul_overflow((hsize_t)count, each, &bytes) &&
           bytes <= ARRAY_MOST && bytes / EXPANSION_MOST <= file_size;
}

/* A chunk is unpacked whole, however little of it is asked for. */
static bool are_chunks_justified(hid_t array, hid_t type, hsize_t file_size)
{
    hid_t properties = H5Dget_create_plist(array);
    hsize_t dims[H5S_MAX_RANK], count = 1;
    bool good = properties >= 0 && H5Pget_layout(properties) != H5D_VIRTUAL &&
                H5Pget_external_count(properties) <= 0;
    if (good && H5Pget_layout(properties) == H5D_CHUNKED) {
        const int rank = H5Pget_chunk(properties, H5S_MAX_RANK, dims);
        good = rank > 0;
        for (int i = 0; i < rank; i++)
            good = good && !__builtin_mul_overflow(count, dims[i], &count);
        good =
            good && count <= (hsize_t)INT64_MAX && is_justified((hssize_t)count, type, file_size);
    }
    H5Pclose(properties);
    return good;
}

static bool read_array(hid_t file, const char *name, hsize_t file_size)
{
    hid_t array = H5Dopen2(file, name, H5P_DEFAULT);
    if (array < 0)
        return false;
    hid_t space = H5Dget_space(array), type = H5Dget_type(array);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    bool good = H5Tis_variable_str(type) <= 0 && H5Tget_class(type) != H5T_VLEN &&
                is_justified(count, type, file_size) &&
                are_chunks_justified(array, type, file_size);
    void *memory = good ? malloc((size_t)count * H5Tget_size(type) + 1) : NULL;
    good = memory && H5Dread(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) >= 0 &&
           H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory) >= 0;
    free(memory);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(array);
    return good;
}

static herr_t read_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    const hsize_t *file_size = data;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    (void)info;
    if (attribute < 0)
        return -1;
    hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    const bool text = H5Tis_variable_str(type) > 0;
    bool good = is_justified(count, type, *file_size);
    char **memory =
        good ? calloc((size_t)count + 1, text ? sizeof(char *) : H5Tget_size(type)) : NULL;
    good = memory && H5Aread(attribute, type, memory) >= 0;
    for (hssize_t i = 0; good && text && i < count; i++)
        good = !memory[i] || strlen(memory[i]) < *file_size;
    free(memory); /* the texts go with the child */
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(attribute);
    return good ? 0 : -1;
}

static herr_t read_object(hid_t file, const char *name, const H5O_info_t *info, void *data)
{
    hsize_t *file_size = data, start = 0;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    bool good = object >= 0 && (info->type == H5O_TYPE_GROUP || info->type == H5O_TYPE_DATASET) &&
                H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &start, read_attribute, data) >= 0;
    if (object >= 0)
        H5Oclose(object);
    if (good && info->type == H5O_TYPE_DATASET)
        good = read_array(file, name, *file_size);
    return good ? 0 : -1;
}

/* What saving a run does to a file beside writing its arrays: a text, something taken away, the
 * bytes. */
static bool change_and_save(hid_t file)
{
    const char *text = "as good as a run's";
    hid_t group = H5Gcreate2(file, "probe", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    bool good = group >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0;
    hid_t attribute = good ? H5Acreate2(group, "text", type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    good = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0 && H5Aclose(attribute) >= 0 &&
           H5Gclose(group) >= 0 && H5Ldelete(file, "probe", H5P_DEFAULT) >= 0 &&
           H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
    const ssize_t size = good ? H5Fget_file_image(file, NULL, 0) : -1;
    void *bytes = size > 0 ? malloc((size_t)size) : NULL;
    good = bytes && H5Fget_file_image(file, bytes, (size_t)size) == size;
    free(bytes);
    return good; /* what is left open goes with the child */
}

static void limit(int resource, rlim_t soft, rlim_t hard)
{
    const struct rlimit both = {soft, hard};
    setrlimit(resource, &both);
}

/* The memory that the process has mapped, in bytes. */
static rlim_t mapped_memory(void)
{
    char text[64] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    const char *got = fgets(text, sizeof text, file);
    fclose(file);
    return got ? (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Ctrl-C and a closed window reach the child too. What becomes of it then is the program's to say; a
 * child that ends by itself would look like a file that made it end. */
static bool is_to_stop(int number)
{
    return number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM;
}

static void child(void *image, size_t size)
{
    hsize_t file_size = size;
    const rlim_t mapped = mapped_memory();
    const unsigned seconds = SECONDS_MOST + (unsigned)(size / SECOND_BYTES);
    sigset_t all;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO); /* the C library or a sanitizer may say what it died of */
    dup2(nowhere, STDERR_FILENO);
    for (int number = 1; number < NSIG; number++) /* also those a sanitizer would report */
        signal(number, is_to_stop(number) ? SIG_IGN : SIG_DFL);
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_CPU, seconds, seconds + 1); /* the second limit would kill, and not say why */
    if (LIMIT_MEMORY && mapped > 0) {
        const rlim_t memory = mapped + MEMORY_MOST + MEMORY_FILES * (rlim_t)size;
        limit(RLIMIT_AS, memory, memory);
    }
    alarm(seconds);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = inv_image_open(image, image, size);
    const bool good = file >= 0 &&
                      H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, read_object, &file_size) >= 0 &&
                      change_and_save(file);
    _exit(good ? 0 : 1); /* nothing is flushed or freed: it all goes with the child */
}

/* ---- in the program ---- */

inv_status inv_image_probe(const char *path, void *image, size_t size)
{
    int result = 0;
    const pid_t pid = fork();
    if (pid < 0)
        return INV_ERROR(INV_EIO, "%s: no process to read it in: %s", path, strerror(errno));
    if (pid == 0)
        child(image, size);
    while (waitpid(pid, &result, 0) < 0)
        if (errno != EINTR)
            return INV_ERROR(INV_EIO, "%s: lost the process that reads it: %s", path,
                             strerror(errno));
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
        return INV_OK;
    if (WIFEXITED(result))
        return INV_ERROR(INV_EFORMAT, "%s: damaged: HDF5 cannot read all of it", path);
    return INV_ERROR(INV_EFORMAT, "%s: damaged or made to do harm: reading it ended with %s", path,
                     WTERMSIG(result) == SIGALRM || WTERMSIG(result) == SIGXCPU
                         ? "no end in time"
                         : strsignal(WTERMSIG(result)));
}
