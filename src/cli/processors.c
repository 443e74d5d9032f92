/* How many processors this process may keep busy.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "part.h"

/* What says how many threads a process is to have. */
static const char *const limits[] = {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "NSLOTS", "NCPUS"};

/* What says how many tasks of a step share this machine. */
static const char *const shares[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
                                     "SLURM_STEP_TASKS_PER_NODE"};

/* The number that a text begins with ("4,2", "2(x3)"); 0: none. */
static size_t number_of(const char *text)
{
    const long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value < INT_MAX ? (size_t)value : 0;
}

size_t cli_processors_of(size_t affinity, double quota, cli_environment *get, const void *context)
{
    size_t least = affinity > 0 ? affinity : 1, sharing = 0;
    if (quota > 0.0 && ceil(quota) < (double)least)
        least = (size_t)ceil(quota);
    for (size_t i = 0; i < sizeof shares / sizeof *shares && sharing == 0; i++)
        sharing = number_of(get(shares[i], context));
    if (sharing > 1 && !get("SLURM_CPUS_PER_TASK", context)) /* which is one task's already */
        least = least / sharing > 0 ? least / sharing : 1;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const size_t limit = number_of(get(limits[i], context));
        if (limit > 0 && limit < least)
            least = limit;
    }
    return least;
}

/* ---- control groups ---- */

/* The first numbers in a file, 0 where there are none ("max"). */
static void read_numbers(const char *folder, const char *name, double *out, size_t count)
{
    char path[PATH_MAX + 64], line[128] = "";
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    char *at = file ? fgets(line, sizeof line, file) : NULL;
    for (size_t i = 0; i < count; i++)
        out[i] = at ? strtod(at, &at) : 0.0;
    if (file)
        fclose(file);
}

/* "200000 100000" of version 2, or the two files of version 1: as processors; 0: no limit. */
static double read_quota(const char *folder)
{
    double n[2];
    read_numbers(folder, "cpu.max", n, 2);
    if (n[0] <= 0.0) {
        read_numbers(folder, "cpu.cfs_quota_us", &n[0], 1);
        read_numbers(folder, "cpu.cfs_period_us", &n[1], 1);
    }
    return n[0] > 0.0 && n[1] > 0.0 ? n[0] / n[1] : 0.0;
}

static double smaller(double a, double b)
{
    return a > 0.0 && (b <= 0.0 || a < b) ? a : b;
}

/* Of the group and those above it, whose limits count too. */
static double least_quota(const char *root, char *group)
{
    double least = 0.0;
    for (;;) {
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "%s%s", root, group);
        least = smaller(read_quota(folder), least);
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = 0;
    }
}

/* "0::/a/b" is version 2's line, "4:cpu,cpuacct:/a/b" version 1's. */
static double find_quota(void)
{
    char line[PATH_MAX + 128];
    double least = 0.0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        if (names[1] == 0)
            least = smaller(least_quota("/sys/fs/cgroup", group), least);
        else if (strncmp(names + 1, "cpu", 3) == 0 && (names[4] == 0 || names[4] == ','))
            least = smaller(least_quota("/sys/fs/cgroup/cpu", group), least);
    }
    if (file)
        fclose(file);
    return least;
}

size_t cli_processors(void)
{
    cpu_set_t set;
    const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* of more than a set has room for */
    return cli_processors_of((size_t)(known ? CPU_COUNT(&set) : online), find_quota(),
                             cli_environment_own, NULL);
}
