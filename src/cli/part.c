/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBER_MAX 1000000000u /* more than any array has tasks */
#define STEP_MAX   4294967290u /* SLURM's steps from here on are no steps: batch, interactive, ... */

#define OAR_INDEX "OAR_ARRAY_INDEX"

#define WRITE_PART "write --part I/N (I from 0; --part 0/1 is all of it)"

const char *cli_environment_own(const char *name, const void *context)
{
    (void)context;
    return getenv(name);
}

typedef struct environment {
    cli_environment *get;
    const void *context;
    bool terminal;
} environment;

static const char *text_of(const environment *e, const char *name)
{
    return name ? e->get(name, e->context) : NULL;
}

/* Plain decimal digits, and no more than a count may be. */
static bool is_number(const char *text, size_t *out)
{
    char *end = NULL;
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    *out = value;
    return errno == 0 && value <= UINT32_MAX;
}

/* *there is false where the variable is not set; INV_EINVAL where it is no number. */
static inv_status number_of(const environment *e, const char *name, bool *there, size_t *out)
{
    const char *text = text_of(e, name);
    *there = text != NULL;
    *out = 0;
    if (!text || is_number(text, out))
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "%s is '%.100s', not a number; " WRITE_PART, name, text);
}

/* ---- ranks: who starts several processes at once ---- */

/* The first that says more than one decides. */
static const struct launcher {
    const char *rank, *size;
    const char *step; /* must be there, and below STEP_MAX; NULL: nothing must */
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL}, /* Open MPI */
    {"PMI_RANK", "PMI_SIZE", NULL},                         /* MPICH, Intel MPI, srun --mpi=pmi2 */
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID"},
    {"FLUX_TASK_RANK", "FLUX_JOB_SIZE", NULL},
    {"_CONDOR_PROCNO", "_CONDOR_NPROCS", NULL}, /* HTCondor's parallel universe */
};
enum { OMPI, PMI, STEP, LAUNCHERS = sizeof launchers / sizeof *launchers };

typedef struct rank {
    bool there;
    size_t index, count;
} rank;

/* One of rank and size says nothing without the other. A batch script has SLURM_PROCID=0, and is no
 * step; a size of one leaves no choice. */
static inv_status check_both(const struct launcher *l, bool has_index, bool has_count,
                             bool has_step, const rank *r)
{
    if (has_index && !has_count && (has_step || r->index > 0))
        return INV_ERROR(INV_EINVAL, "%s=%zu is there, but %s is not; " WRITE_PART, l->rank,
                         r->index, l->size);
    if (has_count && !has_index && has_step && r->count > 1)
        return INV_ERROR(INV_EINVAL, "%s=%zu is there, but %s is not; " WRITE_PART, l->size,
                         r->count, l->rank);
    if (has_index && has_count && r->index >= r->count)
        return INV_ERROR(INV_EINVAL, "%s is %zu of %s %zu; " WRITE_PART, l->rank, r->index, l->size,
                         r->count);
    return INV_OK;
}

static inv_status read_rank(const environment *e, const struct launcher *l, rank *out)
{
    bool has_index = false, has_count = false, has_step = true;
    size_t step = 0;
    inv_status status = number_of(e, l->rank, &has_index, &out->index);
    if (status == INV_OK)
        status = number_of(e, l->size, &has_count, &out->count);
    if (status == INV_OK && l->step)
        status = number_of(e, l->step, &has_step, &step);
    if (status != INV_OK)
        return status;
    has_step = has_step && step < STEP_MAX;
    out->there = has_index && has_count && has_step;
    return check_both(l, has_index, has_count, has_step, out);
}

/* Two that disagree: variables were inherited, and nothing tells which. */
static inv_status check_ranks(const rank *a, const rank *b, const struct launcher *of_a,
                              const struct launcher *of_b)
{
    if (!a->there || !b->there || (a->index == b->index && a->count == b->count))
        return INV_OK;
    return INV_ERROR(INV_EINVAL,
                     "%s=%zu of %s=%zu, but %s=%zu of %s=%zu: one of them is inherited from "
                     "elsewhere; " WRITE_PART,
                     of_a->rank, a->index, of_a->size, a->count, of_b->rank, b->index, of_b->size,
                     b->count);
}

/* The rank among processes that were started together; count 0: there is none. */
static inv_status find_rank(const environment *e, rank *out, const struct launcher **by)
{
    rank ranks[LAUNCHERS] = {{0}};
    inv_status status = INV_OK;
    *out = (rank){0};
    for (size_t i = 0; i < LAUNCHERS && status == INV_OK; i++)
        status = read_rank(e, &launchers[i], &ranks[i]);
    if (status == INV_OK)
        status = check_ranks(&ranks[OMPI], &ranks[PMI], &launchers[OMPI], &launchers[PMI]);
    if (status == INV_OK && ranks[PMI].count > 1 && ranks[PMI].count == ranks[STEP].count)
        status = check_ranks(&ranks[PMI], &ranks[STEP], &launchers[PMI], &launchers[STEP]);
    for (size_t i = 0; i < LAUNCHERS && status == INV_OK && out->count == 0; i++) {
        if (!ranks[i].there || ranks[i].count < 2)
            continue;
        *out = ranks[i];
        *by = &launchers[i];
        if (i == STEP && e->terminal)
            status = INV_ERROR(INV_EINVAL,
                               "%s=%zu of %s=%zu, but standard input is a terminal, which only one "
                               "of them has (srun --pty); " WRITE_PART,
                               launchers[i].rank, out->index, launchers[i].size, out->count);
    }
    return status;
}

/* ---- arrays: jobs that differ in a number ---- */

static const struct array {
    const char *index, *first, *last, *step;
    const char *count; /* NULL: none says it */
    const char *none;  /* what the index is outside an array; NULL: it is not there */
} arrays[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP",
     "SLURM_ARRAY_TASK_COUNT", NULL},
    {"SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE", NULL, "undefined"},
};
enum { SLURM, ARRAYS = sizeof arrays / sizeof *arrays };

/* Systems that tell a task its index, and not how many there are; `first`: the lowest there is, where
 * that is known. */
static const struct array unknown[] = {
    {.index = "PBS_ARRAY_INDEX", .first = "FIRST"},           /* OpenPBS */
    {.index = "PBS_ARRAYID", .first = "FIRST"},               /* Torque */
    {.index = "LSB_JOBINDEX", .first = "FIRST", .none = "0"}, /* LSF */
    {.index = OAR_INDEX, .first = "1", .none = "1"},          /* OAR: 1 outside arrays, too */
    {.index = "FLUX_JOB_CC", .first = "FIRST"},
};
enum { UNKNOWN = sizeof unknown / sizeof *unknown };

static bool is_in_array(const environment *e, const struct array *a)
{
    const char *index = text_of(e, a->index);
    return index && !(a->none && strcmp(index, a->none) == 0);
}

/* Its bounds without its index: some of the variables were lost. */
static inv_status check_no_array(const environment *e, const struct array *a)
{
    const char *const names[] = {a->first, a->last, a->step, a->count};
    for (size_t i = 0; !text_of(e, a->index) && i < sizeof names / sizeof *names; i++)
        if (text_of(e, names[i]))
            return INV_ERROR(INV_EINVAL, "%s=%.20s is there, but %s is not; " WRITE_PART, names[i],
                             text_of(e, names[i]), a->index);
    return INV_OK;
}

/* (ID - FIRST) / STEP of (LAST - FIRST) / STEP + 1, both exact, and as many as the system counts: else
 * the array is a list, or only some of its tasks were sent again. */
static inv_status read_array(const environment *e, const struct array *a, cli_part *out)
{
    const char *const names[] = {a->index, a->first, a->last, a->step, a->count};
    enum { INDEX, FIRST, LAST, STRIDE, COUNT, NUMBERS };
    size_t n[NUMBERS] = {0};
    for (size_t i = 0; i < NUMBERS; i++) {
        bool there = false;
        inv_status status = number_of(e, names[i], &there, &n[i]);
        if (status != INV_OK)
            return status;
        if (names[i] && !there)
            return INV_ERROR(INV_EINVAL, "%s is there, but %s is not; " WRITE_PART, a->index,
                             names[i]);
    }
    const bool sound = n[STRIDE] > 0 && n[FIRST] <= n[INDEX] && n[INDEX] <= n[LAST] &&
                       n[LAST] < NUMBER_MAX && (n[INDEX] - n[FIRST]) % n[STRIDE] == 0;
    const size_t count = sound ? (n[LAST] - n[FIRST]) / n[STRIDE] + 1 : 0;
    if (!sound || (a->count && n[COUNT] != count) || (n[LAST] - n[FIRST]) % n[STRIDE] != 0)
        return INV_ERROR(
            INV_EINVAL,
            "%s=%zu (MIN %zu MAX %zu STEP %zu%s%.0zu): a list or an array with holes, of "
            "which the part cannot be told; " WRITE_PART,
            a->index, n[INDEX], n[FIRST], n[LAST], n[STRIDE], a->count ? " COUNT " : "", n[COUNT]);
    out->index = (n[INDEX] - n[FIRST]) / n[STRIDE];
    out->count = count;
    out->from = a == &arrays[SLURM] ? CLI_PART_ARRAY : CLI_PART_ELSEWHERE;
    snprintf(out->source, sizeof out->source, "part %zu/%zu from %s=%zu (MIN %zu MAX %zu STEP %zu)",
             out->index, count, a->index, n[INDEX], n[FIRST], n[LAST], n[STRIDE]);
    return INV_OK;
}

static inv_status check_unknown(const environment *e)
{
    for (size_t i = 0; i < UNKNOWN; i++)
        if (is_in_array(e, &unknown[i]))
            return INV_ERROR(
                INV_EINVAL,
                "%s=%.20s: the index of a task in an array, but not of how many; write "
                "--part $((%s-%s))/N, with the array's %snumber",
                unknown[i].index, text_of(e, unknown[i].index), unknown[i].index, unknown[i].first,
                strcmp(unknown[i].first, "FIRST") == 0 ? "first index and " : "");
    return INV_OK;
}

/* A job of one system that another's task submitted has the variables of both. */
static inv_status find_array(const environment *e, cli_part *out)
{
    inv_status status = check_unknown(e);
    for (size_t i = 0; i < ARRAYS && status == INV_OK; i++) {
        cli_part here = {.count = 1};
        if (!is_in_array(e, &arrays[i])) {
            status = check_no_array(e, &arrays[i]);
            continue;
        }
        status = read_array(e, &arrays[i], &here);
        if (status == INV_OK && out->count > 1 && here.count > 1)
            return INV_ERROR(INV_EINVAL,
                             "%s, and %s: one of them is inherited from elsewhere; " WRITE_PART,
                             out->source, here.source);
        if (status == INV_OK && (here.count > 1 || !*out->source))
            *out = here;
    }
    return status;
}

/* ---- what decides ---- */

inv_status cli_part_read(const char *given, cli_part *out)
{
    char first[16] = "";
    const char *slash = strchr(given, '/');
    *out = (cli_part){.count = 1};
    if (slash)
        snprintf(first, sizeof first, "%.*s", (int)(slash - given), given);
    if (!slash || slash - given > 10 || !is_number(first, &out->index) ||
        !is_number(slash + 1, &out->count) || out->count == 0 || out->count > NUMBER_MAX)
        return INV_ERROR(INV_EINVAL, "--part: '%s' is not I/N, as in 0/10", given);
    if (out->index >= out->count)
        return INV_ERROR(INV_EINVAL, "--part: %s: parts are numbered from 0, the last is %zu/%zu",
                         given, out->count - 1, out->count);
    out->given = true;
    snprintf(out->source, sizeof out->source, "part %zu/%zu from --part", out->index, out->count);
    return INV_OK;
}

/* A batch script of several tasks runs what is in it once, whatever its variables look like; the first
 * of OAR's array looks like a job that is in none. */
static void note_what_is_odd(const environment *e, cli_part *out)
{
    const char *tasks = text_of(e, "SLURM_NTASKS"), *step = text_of(e, "SLURM_STEP_ID");
    size_t count = 0, number = 0;
    const bool in_step = step && is_number(step, &number) && number < STEP_MAX;
    if (tasks && is_number(tasks, &count) && count > 1 && !in_step)
        snprintf(out->note, sizeof out->note,
                 "SLURM_NTASKS=%zu: %zu tasks were asked for, but this was not started through "
                 "srun: all is done here",
                 count, count);
    else if (text_of(e, OAR_INDEX))
        snprintf(out->note, sizeof out->note,
                 OAR_INDEX "=1, in an array or outside: all is done here; in an array of N give "
                           "--part $((" OAR_INDEX "-1))/N");
}

inv_status cli_part_find(const char *given, cli_environment *get, const void *context,
                         bool terminal, cli_part *out)
{
    const environment e = {get, context, terminal};
    const struct launcher *by = NULL;
    rank ranks;
    *out = (cli_part){.count = 1};
    if (given)
        return cli_part_read(given, out);
    inv_status status = find_rank(&e, &ranks, &by);
    if (status == INV_OK)
        status = find_array(&e, out);
    if (status != INV_OK || !by) {
        if (status == INV_OK && out->count == 1 && !*out->source)
            note_what_is_odd(&e, out);
        return status;
    }
    if (out->count > 1)
        return INV_ERROR(INV_EINVAL,
                         "%s=%zu of %s=%zu, and %s: a launcher within an array, or variables "
                         "inherited from one; " WRITE_PART,
                         by->rank, ranks.index, by->size, ranks.count, out->source);
    *out = (cli_part){.index = ranks.index, .count = ranks.count};
    out->from = by == &launchers[STEP] ? CLI_PART_STEP : CLI_PART_ELSEWHERE;
    snprintf(out->source, sizeof out->source, "part %zu/%zu from %s=%zu (%s %zu)", ranks.index,
             ranks.count, by->rank, ranks.index, by->size, ranks.count);
    return INV_OK;
}

/* ---- asking SLURM ---- */

#define ANSWER_BYTES 65536 /* more than it says of one job */

/* What `scontrol show WHAT ID` says, with a NUL: nothing where it cannot be asked. */
static void ask_slurm(const char *what, const char *id, char *answer)
{
    static char program[] = "scontrol", show[] = "show";
    char *const words[] = {program, show, (char *)(uintptr_t)what, (char *)(uintptr_t)id, NULL};
    posix_spawn_file_actions_t files;
    int ends[2];
    pid_t pid = 0;
    size_t used = 0;
    ssize_t got = 1;
    *answer = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    bool good = posix_spawn_file_actions_init(&files) == 0;
    if (good) {
        good = posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO) == 0 &&
               posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ==
                   0 &&
               posix_spawnp(&pid, words[0], &files, NULL, words, environ) == 0;
        posix_spawn_file_actions_destroy(&files);
    }
    close(ends[1]);
    while (good && got > 0 && used < ANSWER_BYTES - 1) {
        got = read(ends[0], answer + used, ANSWER_BYTES - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    answer[used] = 0;
    close(ends[0]);
    if (good)
        (void)waitpid(pid, NULL, 0);
}

/* Nothing in the environment tells a job that is submitted from a task of an array, or from a step. */
inv_status cli_part_check_slurm(const cli_part *part)
{
    const char *job = getenv("SLURM_JOB_ID"), *step = getenv("SLURM_STEP_ID");
    const bool of_step = part->from == CLI_PART_STEP;
    char id[64];
    void *memory = NULL;
    if (part->from == CLI_PART_ELSEWHERE || !job || (of_step && !step))
        return INV_OK;
    inv_status status = inv_calloc(ANSWER_BYTES, 1, "scontrol", &memory);
    if (status != INV_OK)
        return status;
    const char *answer = memory;
    snprintf(id, sizeof id, "%.30s%s%.30s", job, of_step ? "." : "", of_step ? step : "");
    ask_slurm(of_step ? "step" : "job", id, memory);
    const bool inherited = of_step ? strstr(answer, "not found") != NULL
                                   : strstr(answer, "JobId=") && !strstr(answer, "ArrayTaskId=");
    free(memory);
    if (!inherited)
        return INV_OK;
    return INV_ERROR(INV_EINVAL,
                     "%s: but job %s %s (scontrol show %s %s): the variables are "
                     "inherited; " WRITE_PART,
                     part->source, job, of_step ? "has no such step" : "is no task of an array",
                     of_step ? "step" : "job", id);
}
