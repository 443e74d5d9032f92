/* Which part of a sweep a process takes: all that launchers and arrays were seen to set, and what
 * must be refused. The cases are those of experiments/clusters/README.md.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "cli/part.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

/* The context is "A=1 B=2": variables, apart at blanks. */
static const char *look_up(const char *name, const void *context)
{
    static char value[64];
    const size_t length = strlen(name);
    for (const char *at = context; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at + length + 1, " "),
                     at + length + 1);
            return value;
        }
    return NULL;
}

#define ARRAY(id, first, last, step, count)                                                        \
    "SLURM_ARRAY_TASK_ID=" id " SLURM_ARRAY_TASK_MIN=" first " SLURM_ARRAY_TASK_MAX=" last         \
    " SLURM_ARRAY_TASK_STEP=" step " SLURM_ARRAY_TASK_COUNT=" count " "
#define SGE(id, first, last, step)                                                                 \
    "SGE_TASK_ID=" id " SGE_TASK_FIRST=" first " SGE_TASK_LAST=" last " SGE_TASK_STEPSIZE=" step
#define BATCH(tasks) "SLURM_PROCID=0 SLURM_NTASKS=" tasks " SLURM_NPROCS=" tasks " "
#define STEP(id, rank, tasks)                                                                      \
    "SLURM_STEP_ID=" id " SLURM_PROCID=" rank " SLURM_STEP_NUM_TASKS=" tasks                       \
    " SLURM_NTASKS=" tasks " "
#define OMPI(rank, size) "OMPI_COMM_WORLD_RANK=" rank " OMPI_COMM_WORLD_SIZE=" size " "
#define PMI(rank, size)  "PMI_RANK=" rank " PMI_SIZE=" size " "

/* ---- what is taken ---- */

static const struct taken {
    const char *variables;
    size_t index, count;
    const char *source;
} taken[] = {
    {"", 0, 1, ""},
    {"HOME=/root SLURM_JOB_ID=7", 0, 1, ""},
    /* arrays: one more than the number of tasks is not the number of parts */
    {ARRAY("3", "0", "9", "1", "10"), 3, 10,
     "part 3/10 from SLURM_ARRAY_TASK_ID=3 (MIN 0 MAX 9 STEP 1)"},
    {ARRAY("1", "1", "10", "1", "10"), 0, 10,
     "part 0/10 from SLURM_ARRAY_TASK_ID=1 (MIN 1 MAX 10 STEP 1)"},
    {ARRAY("16", "4", "20", "4", "5"), 3, 5,
     "part 3/5 from SLURM_ARRAY_TASK_ID=16 (MIN 4 MAX 20 STEP 4)"},
    {ARRAY("5", "5", "5", "1", "1"), 0, 1,
     "part 0/1 from SLURM_ARRAY_TASK_ID=5 (MIN 5 MAX 5 STEP 1)"},
    {SGE("7", "1", "9", "2"), 3, 5, "part 3/5 from SGE_TASK_ID=7 (MIN 1 MAX 9 STEP 2)"},
    {SGE("undefined", "undefined", "undefined", "undefined"), 0, 1, ""},
    /* ranks */
    {OMPI("2", "3"), 2, 3, "part 2/3 from OMPI_COMM_WORLD_RANK=2 (OMPI_COMM_WORLD_SIZE 3)"},
    {PMI("0", "3"), 0, 3, "part 0/3 from PMI_RANK=0 (PMI_SIZE 3)"},
    {STEP("0", "1", "3"), 1, 3, "part 1/3 from SLURM_PROCID=1 (SLURM_STEP_NUM_TASKS 3)"},
    {"FLUX_TASK_RANK=4 FLUX_JOB_SIZE=5", 4, 5, "part 4/5 from FLUX_TASK_RANK=4 (FLUX_JOB_SIZE 5)"},
    {"FLUX_TASK_RANK=0 FLUX_JOB_SIZE=1", 0, 1, ""},
    {"_CONDOR_PROCNO=1 _CONDOR_NPROCS=2", 1, 2,
     "part 1/2 from _CONDOR_PROCNO=1 (_CONDOR_NPROCS 2)"},
    /* a batch script of four tasks runs once; so does an interactive step's shell */
    {BATCH("4"), 0, 1, ""},
    {"SLURM_NTASKS=3", 0, 1, ""},
    {"SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_STEP_ID=4294967290 SLURM_STEP_NUM_TASKS=1", 0, 1, ""},
    {"SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_STEP_ID=4294967291 SLURM_STEP_NUM_TASKS=2", 0, 1, ""},
    /* mpirun within an allocation of three: Open MPI, then MPICH and Intel, whose proxy is a step */
    {OMPI("1", "3") BATCH("3"), 1, 3, NULL},
    {PMI("2", "3") "SLURM_PROCID=0 SLURM_NTASKS=3 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=1", 2, 3,
     NULL},
    {PMI("1", "3") STEP("0", "1", "3"), 1, 3, NULL}, /* srun --mpi=pmi2 */
    {OMPI("1", "3") PMI("1", "3"), 1, 3, NULL},
    /* one process of one is no launcher: what is around it decides */
    {OMPI("0", "1") ARRAY("3", "0", "9", "1", "10"), 3, 10, NULL},
    {STEP("0", "0", "1") ARRAY("3", "0", "9", "1", "10"), 3, 10, NULL},
    /* GNU parallel's numbers count comments and empty lines */
    {"PARALLEL_SEQ=5 PARALLEL_JOBSLOT=2", 0, 1, ""},
    {"PARALLEL_SEQ=1 " ARRAY("2", "0", "4", "1", "5"), 2, 5, NULL},
    /* none of these is in an array */
    {"LSB_JOBINDEX=0 OAR_ARRAY_INDEX=1", 0, 1, ""},
    /* of two arrays one has one task */
    {SGE("1", "1", "1", "1") " " ARRAY("2", "0", "4", "1", "5"), 2, 5, NULL},
    {SGE("2", "1", "3", "1") " " ARRAY("4", "4", "4", "1", "1"), 1, 3,
     "part 1/3 from SGE_TASK_ID=2 (MIN 1 MAX 3 STEP 1)"},
    /* a rank or a size that leaves no choice without the other */
    {"SLURM_PROCID=0", 0, 1, ""},
    {"OMPI_COMM_WORLD_SIZE=1", 0, 1, ""},
    {"SLURM_STEP_NUM_TASKS=3", 0, 1, ""}, /* of no step */
};

START_TEST(the_part_is_what_the_launcher_says)
{
    cli_part part;
    ck_assert_status(cli_part_find(NULL, look_up, taken[_i].variables, false, &part), INV_OK);
    ck_assert_uint_eq(part.index, taken[_i].index);
    ck_assert_uint_eq(part.count, taken[_i].count);
    ck_assert(!part.given);
    if (taken[_i].source)
        ck_assert_str_eq(part.source, taken[_i].source);
}
END_TEST

START_TEST(tasks_that_were_not_started_are_told)
{
    cli_part part;
    ck_assert_status(cli_part_find(NULL, look_up, BATCH("4"), false, &part), INV_OK);
    ck_assert_ptr_nonnull(strstr(part.note, "4 tasks were asked for, but this was not started"));
    ck_assert_status(
        cli_part_find(NULL, look_up, STEP("0", "0", "1") "SLURM_NTASKS=1", false, &part), INV_OK);
    ck_assert_str_eq(part.note, "");
    ck_assert_status(cli_part_find(NULL, look_up, "OAR_ARRAY_INDEX=1", false, &part), INV_OK);
    ck_assert_ptr_nonnull(
        strstr(part.note, "in an array of N give --part $((OAR_ARRAY_INDEX-1))/N"));
}
END_TEST

/* ---- what is refused ---- */

static const struct refused {
    const char *variables;
    bool terminal;
    const char *says[4];
} refused[] = {
    /* a list, and an array with holes */
    {ARRAY("3", "3", "7", "1", "2"), false, {"SLURM_ARRAY_TASK_ID=3 (MIN 3 MAX 7 STEP 1 COUNT 2)"}},
    {ARRAY("4", "0", "9", "3", "4"), false, {"SLURM_ARRAY_TASK_ID=4", "--part I/N"}},
    {ARRAY("12", "0", "9", "1", "10"), false, {"SLURM_ARRAY_TASK_ID=12"}},
    {ARRAY("3", "0", "9", "0", "10"), false, {"STEP 0"}},
    {"SLURM_ARRAY_TASK_ID=3", false, {"SLURM_ARRAY_TASK_ID is there, but SLURM_ARRAY_TASK_MIN"}},
    {SGE("8", "1", "9", "2"), false, {"SGE_TASK_ID=8 (MIN 1 MAX 9 STEP 2)"}},
    /* both true, or one of them inherited */
    {STEP("0", "1", "2") ARRAY("3", "0", "9", "1", "10"),
     false,
     {"SLURM_PROCID=1 of SLURM_STEP_NUM_TASKS=2", "part 3/10 from SLURM_ARRAY_TASK_ID=3"}},
    {OMPI("1", "2") SGE("3", "1", "9", "1"), false, {"OMPI_COMM_WORLD_RANK=1", "SGE_TASK_ID=3"}},
    {OMPI("1", "2") PMI("0", "3"), false, {"OMPI_COMM_WORLD_RANK=1", "PMI_RANK=0", "inherited"}},
    {PMI("2", "3") STEP("0", "0", "3"), false, {"PMI_RANK=2", "SLURM_PROCID=0", "inherited"}},
    {ARRAY("2", "0", "4", "1", "5") SGE("2", "1", "3", "1"),
     false,
     {"part 2/5 from SLURM_ARRAY_TASK_ID=2", "part 1/3 from SGE_TASK_ID=2", "inherited"}},
    {OMPI("0", "1") "PBS_ARRAY_INDEX=4", false, {"PBS_ARRAY_INDEX=4"}},
    /* one of two variables was lost */
    {"OMPI_COMM_WORLD_RANK=0",
     false,
     {"OMPI_COMM_WORLD_RANK=0 is there, but OMPI_COMM_WORLD_SIZE"}},
    {"OMPI_COMM_WORLD_SIZE=3",
     false,
     {"OMPI_COMM_WORLD_SIZE=3 is there, but OMPI_COMM_WORLD_RANK"}},
    {"PMI_RANK=2", false, {"PMI_RANK=2 is there, but PMI_SIZE is not"}},
    {"PMI_SIZE=2", false, {"PMI_SIZE=2 is there, but PMI_RANK is not"}},
    {"FLUX_TASK_RANK=0", false, {"FLUX_TASK_RANK=0 is there, but FLUX_JOB_SIZE is not"}},
    {"_CONDOR_PROCNO=0", false, {"_CONDOR_PROCNO=0 is there, but _CONDOR_NPROCS is not"}},
    {"SLURM_PROCID=1", false, {"SLURM_PROCID=1 is there, but SLURM_STEP_NUM_TASKS is not"}},
    {"SLURM_PROCID=1 SLURM_NTASKS=2", false, {"but SLURM_STEP_NUM_TASKS is not"}},
    {"SLURM_PROCID=0 SLURM_STEP_ID=0", false, {"but SLURM_STEP_NUM_TASKS is not"}},
    {"SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0", false, {"but SLURM_PROCID is not"}},
    {"SGE_TASK_ID=3", false, {"SGE_TASK_ID is there, but SGE_TASK_FIRST is not"}},
    {"SGE_TASK_ID=3 SGE_TASK_FIRST=1 SGE_TASK_LAST=3", false, {"SGE_TASK_STEPSIZE is not"}},
    {"SLURM_ARRAY_TASK_COUNT=3",
     false,
     {"SLURM_ARRAY_TASK_COUNT=3 is there, but SLURM_ARRAY_TASK_ID"}},
    {"SGE_TASK_LAST=3", false, {"SGE_TASK_LAST=3 is there, but SGE_TASK_ID is not"}},
    /* siblings that have no terminal */
    {STEP("0", "0", "3"), true, {"srun --pty", "SLURM_PROCID=0"}},
    /* an index of who knows how many */
    {"PBS_ARRAY_INDEX=4", false, {"PBS_ARRAY_INDEX=4", "--part $((PBS_ARRAY_INDEX-FIRST))/N"}},
    {"PBS_ARRAYID=4", false, {"--part $((PBS_ARRAYID-FIRST))/N"}},
    {"LSB_JOBINDEX=2 LSB_JOBINDEX_END=9", false, {"--part $((LSB_JOBINDEX-FIRST))/N"}},
    {"OAR_ARRAY_INDEX=2", false, {"--part $((OAR_ARRAY_INDEX-1))/N, with the array's number"}},
    {"FLUX_JOB_CC=0", false, {"--part $((FLUX_JOB_CC-FIRST))/N"}},
    /* no numbers */
    {OMPI("0x1", "2"), false, {"OMPI_COMM_WORLD_RANK is '0x1', not a number"}},
    {PMI("-1", "2"), false, {"PMI_RANK is '-1'"}},
    {OMPI("1", "99999999999999999999"), false, {"OMPI_COMM_WORLD_SIZE is '9999"}},
    {ARRAY("3", "0", "9", "1", ""), false, {"SLURM_ARRAY_TASK_COUNT is ''"}},
    {OMPI("3", "3"), false, {"OMPI_COMM_WORLD_RANK is 3 of OMPI_COMM_WORLD_SIZE 3"}},
};

START_TEST(what_cannot_be_known_is_refused)
{
    cli_part part;
    ck_assert_status(
        cli_part_find(NULL, look_up, refused[_i].variables, refused[_i].terminal, &part),
        INV_EINVAL);
    ck_assert_message_has("--part ");
    for (size_t i = 0; refused[_i].says[i]; i++)
        ck_assert_message_has(refused[_i].says[i]);
    ck_assert_status(
        cli_part_find("1/4", look_up, refused[_i].variables, refused[_i].terminal, &part),
        INV_OK); /* --part silences all of it */
    ck_assert_uint_eq(part.index, 1);
    ck_assert_uint_eq(part.count, 4);
    ck_assert(part.given);
    ck_assert_str_eq(part.source, "part 1/4 from --part");
}
END_TEST

START_TEST(a_part_that_is_none_is_refused)
{
    static const char *const wrong[] = {"",      "3",    "/",    "1/",          "/4",
                                        "4/4",   "5/4",  "-1/4", "1/0",         "1/-4",
                                        "1.0/4", "1/4x", " 1/4", "0/4294967296"};
    for (size_t i = 0; i < LEN(wrong); i++) {
        cli_part part;
        ck_assert_status(cli_part_find(wrong[i], look_up, "", false, &part), INV_EINVAL);
        ck_assert_message_has("--part: ");
    }
}
END_TEST

/* ---- asking SLURM ---- */

/* A job that is submitted from a task of an array, or from a step, inherits their variables; only SLURM
 * knows. */
#define TASK    ARRAY("2", "0", "4", "1", "5")
#define OF_STEP STEP("3", "1", "2")
static const struct asked {
    const char *variables, *scontrol; /* NULL: there is none */
    inv_status status;
} asked[] = {
    {TASK, "echo JobId=8 ArrayJobId=7 ArrayTaskId=2 JobName=sweep", INV_OK},
    {TASK, "echo JobId=8 JobName=sweep", INV_EINVAL},
    {TASK, "test \"$*\" = 'show job 8' && echo JobId=8", INV_EINVAL},
    {TASK, "test \"$*\" = 'show job 8' || echo JobId=8", INV_OK}, /* no answer says nothing */
    {TASK, "echo slurm_load_jobs error: Unable to contact slurm controller >&2; exit 1", INV_OK},
    {TASK, "echo Invalid job id specified; exit 1", INV_OK},
    {TASK, NULL, INV_OK},
    {OF_STEP, "echo StepId=8.3 UserId=0", INV_OK},
    {OF_STEP, "echo Job step 8.3 not found; exit 1", INV_EINVAL},
    {OF_STEP, "test \"$*\" = 'show step 8.3' && echo Job step 8.3 not found; exit 1", INV_EINVAL},
    {OF_STEP, "test \"$*\" = 'show step 8.3' || echo Job step 8.3 not found; exit 1", INV_OK},
    {OF_STEP, NULL, INV_OK},
};

START_TEST(slurm_tells_what_is_inherited)
{
    const struct asked *a = &asked[_i];
    char *folder = support_folder(), text[256];
    const char *path = support_at(folder, "scontrol");
    cli_part part;
    if (a->scontrol) {
        snprintf(text, sizeof text, "#!/bin/sh\n%s\n", a->scontrol);
        support_write(path, text, strlen(text));
        ck_assert_int_eq(chmod(path, 0755), 0);
    }
    ck_assert_int_eq(chdir(folder), 0);
    setenv("PATH", ".", 1); /* in PATH a folder with a colon would be two */
    setenv("SLURM_JOB_ID", "8", 1);
    setenv("SLURM_STEP_ID", "3", 1);
    ck_assert_status(cli_part_find(NULL, look_up, a->variables, false, &part), INV_OK);
    ck_assert_status(cli_part_check_slurm(&part), a->status);
    if (a->status != INV_OK) {
        ck_assert_message_has(part.source);
        ck_assert_message_has(strcmp(a->variables, TASK) == 0
                                  ? "job 8 is no task of an array (scontrol show job 8)"
                                  : "job 8 has no such step (scontrol show step 8.3)");
        ck_assert_message_has("--part ");
    }
    ck_assert_status(cli_part_find("2/5", look_up, a->variables, false, &part), INV_OK);
    ck_assert_status(cli_part_check_slurm(&part), INV_OK); /* --part is not asked about */
    ck_assert_int_eq(chdir("/"), 0);
    support_remove(folder);
}
END_TEST

/* ---- processors ---- */

START_TEST(the_least_of_what_is_said_counts)
{
    static const struct {
        size_t affinity;
        double quota;
        const char *variables;
        size_t processors;
    } cases[] = {
        {8, 0.0, "", 8},
        {8, 2.0, "", 2},
        {8, 1.5, "", 2}, /* of two processors, three quarters each */
        {1, 4.0, "", 1},
        {0, 0.0, "", 1},
        {8, 0.0, "OMP_NUM_THREADS=3", 3},
        {8, 0.0, "OMP_NUM_THREADS=3,2 NSLOTS=5", 3},
        {8, 0.0, "OMP_NUM_THREADS=x SLURM_CPUS_PER_TASK=4", 4},
        {8, 0.0, "NSLOTS=1 NCPUS=7", 1},
        {2, 0.0, "NCPUS=7", 2},
        {8, 0.0, "SLURM_STEP_TASKS_PER_NODE=3(x2)", 2},
        {8, 0.0, "SLURM_STEP_TASKS_PER_NODE=3 SLURM_CPUS_PER_TASK=4", 4},
        {1, 0.0, "OMPI_COMM_WORLD_LOCAL_SIZE=2", 1},
        {8, 0.0, "MPI_LOCALNRANKS=2", 4},
    };
    for (size_t i = 0; i < LEN(cases); i++)
        ck_assert_uint_eq(
            cli_processors_of(cases[i].affinity, cases[i].quota, look_up, cases[i].variables),
            cases[i].processors);
}
END_TEST

Suite *part_suite(void)
{
    Suite *suite = suite_create("part");
    TCase *tests = tcase_create("part");
    tcase_add_loop_test(tests, the_part_is_what_the_launcher_says, 0, LEN(taken));
    tcase_add_test(tests, tasks_that_were_not_started_are_told);
    tcase_add_loop_test(tests, what_cannot_be_known_is_refused, 0, LEN(refused));
    tcase_add_test(tests, a_part_that_is_none_is_refused);
    tcase_add_loop_test(tests, slurm_tells_what_is_inherited, 0, LEN(asked));
    tcase_add_test(tests, the_least_of_what_is_said_counts);
    suite_add_tcase(suite, tests);
    return suite;
}
