/* bench - what each phase of r2rt's experiment takes, beside the time that its dense products alone
 * would take.
 *
 *     bench PROGRAM DATA-FOLDER [JSON-FILE]
 *     bench --time PHASE EXPERIMENT DATA-FOLDER STEPS
 *     bench --kernels [PART-OF-A-NAME]
 *
 * The dense floor of a phase is the time of its dense multiply-adds (forward, backward, and the
 * frozen forward part of the inverse's training, counted as the article computes them), for the
 * same shapes and threads, done by OpenBLAS in this same run: in blocks of one thread each, or by
 * OpenBLAS's own threads, whichever is faster, with the kernels that fit the processor. $REPEATS
 * times (3), medians, and how far the repeats spread. With --time, the seconds of one phase of any
 * experiment, for comparisons with other programs (torch_bench.py, onnx_bench.py); with --kernels,
 * products.h, by each set of kernels or the one that INVPROJ_KERNELS names.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <gsl/gsl_cblas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <jansson.h>

#include "kernels/kernels.h"
#include "phases.h"
#include "products.h"

void openblas_set_num_threads(int threads);
char *openblas_get_corename(void);

enum { THREADS = 2, REPEATS_MOST = 20, TRAIN_STEPS = 400, INVERT_STEPS = 200, FLOOR_STEPS = 60 };

static size_t repeats = 3;
static json_t *report;

/* The repeats of one time. */
typedef struct times {
    double values[REPEATS_MOST];
    size_t count;
} times;

static void add(times *t, double value)
{
    t->values[t->count++] = value;
}

static double median(times *t)
{
    gsl_sort(t->values, 1, t->count);
    return gsl_stats_median_from_sorted_data(t->values, 1, t->count);
}

/* How far the repeats lie apart, as a part of the median. */
static double spread(times *t)
{
    const double middle = median(t);
    return (t->values[t->count - 1] - t->values[0]) / middle;
}

/* ---- the dense floor ---- */

/* One product of the article's: [rows, in] times [in, out], in one of its three directions. */
typedef struct product {
    size_t rows, in, out;
    int kind; /* 0 forward, 1 to the kernel, 2 to the input */
} product;

static const product training[] = {
    {1000, 784, 100, 0}, {1000, 100, 100, 0}, {1000, 100, 10, 0}, {1000, 784, 100, 1},
    {1000, 100, 100, 1}, {1000, 100, 10, 1},  {1000, 100, 10, 2}, {1000, 100, 100, 2},
};
/* `rows` of the inverse's own products are those of the images that are confident enough, about 902
 */
static const product inverting[] = {
    {1000, 784, 100, 0}, {1000, 100, 100, 0}, {1000, 100, 10, 0}, {902, 100, 100, 0},
    {902, 100, 784, 0},  {902, 100, 784, 1},  {902, 100, 784, 2}, {902, 100, 100, 1},
};
static const product projecting[] = {
    {1000, 784, 100, 0}, {1000, 100, 100, 0}, {1000, 100, 100, 0}, {1000, 100, 784, 0}};
static const product generating[] = {{9, 100, 10, 0}, {9, 100, 10, 2}};
static const product showing[] = {{100, 100, 100, 0}, {100, 100, 784, 0}};

#define FASHION "/usr/share/datasets/fashion-mnist"

#define FLOPS_OF(list)          flops(list, sizeof(list) / sizeof *(list))
#define FLOOR_OF(list, threads) floor_of(list, sizeof(list) / sizeof *(list), threads)

static double flops(const product *list, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += 2.0 * (double)list[i].rows * (double)list[i].in * (double)list[i].out;
    return sum;
}

static gsl_matrix_float *filled(size_t rows, size_t cols)
{
    gsl_matrix_float *m = NULL;
    MUST(inv_mat_alloc(rows, cols, "floor", &m));
    for (size_t i = 0; i < rows * cols; i++)
        m->data[i] = (float)(i * 7919 % 1013) / 1013.0f - 0.5f;
    return m;
}

/* The product as OpenBLAS is called for rows first .. first + m - 1 of its result. */
static void by_openblas(const product *p, const gsl_matrix_float *x, const gsl_matrix_float *w,
                        const gsl_matrix_float *y, size_t first, size_t m)
{
    const int rows = (int)p->rows, in = (int)p->in, out = (int)p->out, count = (int)m;
    if (p->kind == 0)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, out, in, 1.0f,
                    x->data + first * p->in, in, w->data, out, 0.0f, y->data + first * p->out, out);
    else if (p->kind == 1)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, count, out, rows, 1.0f,
                    x->data + first, in, y->data, out, 0.0f, w->data + first * p->out, out);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, in, out, 1.0f,
                    y->data + first * p->out, out, w->data, out, 0.0f, x->data + first * p->in, in);
}

/* In blocks of `step` rows of the result, each a call of one thread. */
static void in_blocks(const product *p, const gsl_matrix_float *x, const gsl_matrix_float *w,
                      const gsl_matrix_float *y, size_t step)
{
    const size_t m = p->kind == 1 ? p->in : p->rows;
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < m; first += step)
        by_openblas(p, x, w, y, first, m - first < step ? m - first : step);
}

/* Seconds of one product, the fastest of three ways: OpenBLAS's own threads, a block a thread,
 * blocks of 128 rows. */
static double time_product(const product *p, size_t threads)
{
    gsl_matrix_float *x = filled(p->rows, p->in), *w = filled(p->in, p->out),
                     *y = filled(p->rows, p->out);
    const size_t m = p->kind == 1 ? p->in : p->rows;
    const size_t steps[] = {m, (m + threads - 1) / threads, 128};
    double best = 1e9;
    for (int way = 0; way < 3; way++) {
        openblas_set_num_threads(way ? 1 : (int)threads);
        times t = {0};
        for (int r = 0; r < 5; r++) {
            const double start = bench_seconds();
            for (int i = 0; i < FLOOR_STEPS / 5; i++)
                in_blocks(p, x, w, y, steps[way]);
            add(&t, (bench_seconds() - start) / (FLOOR_STEPS / 5));
        }
        best = median(&t) < best ? median(&t) : best;
    }
    openblas_set_num_threads(1);
    inv_mat_free(x);
    inv_mat_free(w);
    inv_mat_free(y);
    return best;
}

static double floor_of(const product *list, size_t count, size_t threads)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += time_product(&list[i], threads);
    return sum;
}

/* ---- the phases ---- */

static void print_head(void)
{
    printf("%-34s %12s %9s %10s %9s %9s\n", "phase", "a second", "GFLOP/s", "floor, ms", "x floor",
           "spread");
}

/* One row: `items` of `what` in the median time, each of `work` multiply-adds times two; `least`
 * holds the floor of one, NULL where there is none. */
static void row(const char *phase, const char *what, double items, times *t, double work,
                times *minimum)
{
    const double each = median(t) / items, floor = minimum ? median(minimum) : 0.0;
    char name[64];
    snprintf(name, sizeof name, "%s, %s", phase, what);
    printf("%-34s %12.1f", name, 1.0 / each);
    if (minimum)
        printf(" %9.1f %10.3f %9.2f", work / each * 1e-9, 1e3 * floor, each / floor);
    else
        printf(" %9s %10s %9s", "", "", "");
    printf(" %8.0f%%\n", 100.0 * spread(t));
    json_object_set_new(report, phase,
                        json_pack("{sf sf sf sf sf}", "per_second", 1.0 / each, "seconds_each",
                                  each, "gflops", work / each * 1e-9, "floor_seconds", floor,
                                  "spread", spread(t)));
}

/* ---- the program as a whole ---- */

/* Wall time of a child, whose output nobody sees where it is quiet; its peak memory in bytes. */
static double child(const char *const *words, bool quiet, double *peak)
{
    int status = 0;
    struct rusage usage;
    const double start = bench_seconds();
    const pid_t pid = fork();
    if (pid == 0) {
        if (quiet)
            dup2(open("/dev/null", O_WRONLY), 1);
        execv(words[0], (char *const *)words);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0) {
        fprintf(stderr, "bench: %s %s failed\n", words[0], words[1]);
        exit(1);
    }
    *peak = (double)usage.ru_maxrss * 1024.0;
    return bench_seconds() - start;
}

/* Runs the experiment once; its time, and its peak memory in bytes. */
static double run_whole(const bench *b, const char *program, double *peak)
{
    char folder[] = "bench.XXXXXX", threads[24], file[64];
    snprintf(threads, sizeof threads, "%d", THREADS);
    if (!mkdtemp(folder))
        exit(1);
    const char *const run[] = {program,   "run",     "experiments/r2rt.cfg",
                               "--data",  b->folder, "--threads",
                               threads,   "-o",      folder,
                               "--force", "-q",      NULL};
    const double time = child(run, true, peak);
    static const char *const made[] = {"run.h5", "originals.png", "projections.png",
                                       "generated.png", "features.png"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(file, sizeof file, "%s/%s", folder, made[i]);
        unlink(file);
    }
    rmdir(folder);
    return time;
}

static void print_whole(times *t, times *start, double peak, double minimum)
{
    printf("\nthe whole experiment: %.2f s (spread %.0f%%), dense floor %.2f s: %.2f of it; peak "
           "memory %.0f MB\nstart: %.0f ms\n",
           median(t), 100.0 * spread(t), minimum, median(t) / minimum, peak * 1e-6,
           1e3 * median(start));
    json_object_set_new(report, "whole",
                        json_pack("{sf sf sf sf sf}", "seconds", median(t), "spread", spread(t),
                                  "floor_seconds", minimum, "peak_bytes", peak, "start_seconds",
                                  median(start)));
}

static void speed_up(bench *b)
{
    times one = {0}, two = {0};
    for (size_t r = 0; r < 2 * repeats; r++) {
        inv_threads_set(1);
        add(&one, bench_train(b, TRAIN_STEPS / 2));
        inv_threads_set(2);
        add(&two, bench_train(b, TRAIN_STEPS / 2));
    }
    printf("training, 2 threads: %.2f times as fast as 1\n", median(&one) / median(&two));
    json_object_set_new(report, "speed_up_2", json_real(median(&one) / median(&two)));
}

/* The floors are timed anew in each repeat, beside what they are compared with: the speed of a
 * machine that others use too changes from minute to minute. */
static void run_phases(bench *b, bench *learner, const char *program)
{
    enum { TRAINING, INVERTING, PROJECTING, GENERATING, SHOWING, FLOORS };
    const inv_experiment *e = b->experiment;
    const double steps = (double)e->generate.optimise.steps;
    const char *const version[] = {program, "--version", NULL};
    times t[9] = {0}, floors[FLOORS] = {0};
    double peak = 0.0, unused = 0.0;
    for (size_t r = 0; r < repeats; r++) {
        add(&floors[TRAINING], FLOOR_OF(training, THREADS));
        add(&t[1], bench_train(learner, TRAIN_STEPS));
        add(&floors[INVERTING], FLOOR_OF(inverting, THREADS));
        add(&t[2], bench_invert(b, INVERT_STEPS));
        add(&floors[PROJECTING], FLOOR_OF(projecting, THREADS));
        add(&t[3], bench_project(b));
        add(&floors[GENERATING], FLOOR_OF(generating, THREADS));
        add(&t[4], bench_generate(b, e->generate.optimise.steps));
        add(&floors[SHOWING], FLOOR_OF(showing, THREADS));
        add(&t[5], bench_features(b));
        add(&t[0], bench_read(b));
        add(&t[6], bench_save(b));
        add(&t[7], run_whole(b, program, &peak));
        add(&t[8], child(version, true, &unused));
    }
    print_head();
    row("reading", "images", 70000.0, &t[0], 0.0, NULL);
    row("training", "steps of 1,000", TRAIN_STEPS, &t[1], FLOPS_OF(training), &floors[TRAINING]);
    row("inverse", "steps of 1,000", INVERT_STEPS, &t[2], FLOPS_OF(inverting), &floors[INVERTING]);
    row("projecting", "1,000 images", 10.0, &t[3], FLOPS_OF(projecting), &floors[PROJECTING]);
    row("generating", "steps of 9", steps, &t[4], FLOPS_OF(generating), &floors[GENERATING]);
    row("features", "sets of 100", 1.0, &t[5], FLOPS_OF(showing), &floors[SHOWING]);
    row("checkpoint", "saves", 1.0, &t[6], 0.0, NULL);
    print_whole(&t[7], &t[8], peak,
                median(&floors[TRAINING]) * (double)e->training.steps +
                    median(&floors[INVERTING]) * (double)e->inverse.steps +
                    10.0 * median(&floors[PROJECTING]) + median(&floors[GENERATING]) * steps +
                    median(&floors[SHOWING]));
}

/* The whole number from 1 to `most` that `text` is, else 0. */
static size_t number(const char *text, long maximum)
{
    char *end = NULL;
    const long value = text ? strtol(text, &end, 10) : 0;
    return end && *end == '\0' && value >= 1 && value <= maximum ? (size_t)value : 0;
}

/* Images a second that the recipes train with. MNIST's is in `folder`, Fashion-MNIST's where the
 * recipe says; one whose data are missing is left out. */
static void run_recipes(const char *folder)
{
    static const struct {
        const char *file, *name;
        size_t steps;
    } recipes[] = {{"experiments/mlp256.cfg", "mlp256", 500},
                   {"experiments/fashion.cfg", "fashion", 2000},
                   {"experiments/cnn.cfg", "cnn", 40},
                   {"experiments/fashion-cnn.cfg", "fashion-cnn", 100}};
    puts("");
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const bool fashion = strncmp(recipes[i].name, "fashion", 7) == 0;
        times t = {0};
        bench b;
        if (fashion && access(FASHION, F_OK) != 0)
            continue;
        bench_open(&b, recipes[i].file, fashion ? FASHION : folder);
        for (size_t r = 0; r < repeats; r++)
            add(&t, bench_train(&b, recipes[i].steps));
        row(recipes[i].name, "images", (double)(recipes[i].steps * b.experiment->training.batch),
            &t, 0.0, NULL);
        bench_close(&b);
    }
}

/* Everything, printed as a table and written to the file `path` unless NULL. */
static int run_all(const char *program, const char *folder, const char *path)
{
    bench b, learner; /* trained to the end, and about to be */
    report = json_object();
    printf("%s; loops for %s; %d threads, %zu repeats\n", inv_blas_description(),
           inv_kernels_name(), THREADS, repeats);
    bench_open(&b, "experiments/r2rt.cfg", folder);
    bench_open(&learner, "experiments/r2rt.cfg", folder);
    (void)bench_train(&b, b.experiment->training.steps);
    run_phases(&b, &learner, program);
    speed_up(&learner);
    bench_close(&learner);
    bench_close(&b);
    run_recipes(folder);
    const bool written = !path || json_dump_file(report, path, JSON_INDENT(2)) == 0;
    json_decref(report);
    if (!written)
        fprintf(stderr, "bench: %s: cannot be written\n", path);
    return written ? 0 : 1;
}

/* ---- one phase alone ---- */

static const struct {
    const char *name;
    double (*time)(bench *, size_t);
    bool trained; /* needs a trained net */
} alone[] = {{"training", bench_train, false}, {"inverse", bench_invert, true},
             {"decoder", bench_decode, true},  {"generation", bench_generate, true},
             {"pixels", bench_pixels, false},  {"making", bench_make, false},
             {"inference", bench_infer, false}};

/* One phase of any experiment, its seconds and those of the processor as JSON. */
static int run_one(const char *name, const char *experiment, const char *folder, size_t steps)
{
    bench b;
    size_t i = 0;
    while (i < sizeof alone / sizeof *alone && strcmp(alone[i].name, name) != 0)
        i++;
    if (i == sizeof alone / sizeof *alone)
        return fprintf(
                   stderr,
                   "bench: %s: no such phase; there are training, inverse, decoder, generation, "
                   "pixels, making, inference\n",
                   name),
               2;
    bench_open(&b, experiment, folder);
    if (alone[i].trained)
        (void)bench_train(&b, TRAIN_STEPS);
    const double before = bench_processor(), seconds = alone[i].time(&b, steps);
    const double processor = b.processor > 0.0 ? b.processor : bench_processor() - before;
    printf("{\"seconds\": %.9g, \"processor\": %.9g, \"blas\": \"%s\"}\n", seconds, processor,
           inv_blas_description());
    bench_close(&b);
    return 0;
}

/* products.h's table by each set of kernels that the processor runs, the best first, or by the one
 * that INVPROJ_KERNELS names: a process takes its set when it starts. */
static int run_kernels(const char *of)
{
    const char *const words[] = {"/proc/self/exe", "--kernels", of, NULL};
    const inv_kernels *sets[INV_KERNELS_MOST] = {NULL};
    double unused = 0.0;
    if (getenv("INVPROJ_KERNELS"))
        return bench_products(of, repeats), 0;
    for (size_t s = inv_kernels_all(sets); s-- > 0;) {
        setenv("INVPROJ_KERNELS", sets[s]->name, 1);
        fflush(stdout);
        (void)child(words, false, &unused);
    }
    return 0;
}

/* A processor newer than the OpenBLAS gets that library's oldest kernels, five times slower than
 * need be (seen with 0.3.21 on a processor of 2023): no floor to compare with. It reads its setting
 * when it is loaded, so the program starts itself once more. */
static void start_again(char **argv)
{
#if defined(__x86_64__)
    if (getenv("OPENBLAS_CORETYPE") || strcmp(openblas_get_corename(), "Prescott") != 0 ||
        !__builtin_cpu_supports("avx2"))
        return;
    setenv("OPENBLAS_CORETYPE",
           !__builtin_cpu_supports("avx512bw")    ? "Haswell"
           : __builtin_cpu_supports("avx512bf16") ? "Cooperlake"
                                                  : "SkylakeX",
           1);
    setenv("GOMP_SPINCOUNT", "2000", 0); /* as the program itself */
    execv("/proc/self/exe", argv);
#else
    (void)argv;
#endif
}

int main(int argc, char **argv)
{
    start_again(argv);
    const size_t wanted = number(getenv("REPEATS"), REPEATS_MOST);
    if (wanted)
        repeats = wanted;
    gsl_set_error_handler_off();
    inv_threads_set(THREADS);
    if (argc == 6 && strcmp(argv[1], "--time") == 0 && number(argv[5], 1000000))
        return run_one(argv[2], argv[3], argv[4], number(argv[5], 1000000));
    if ((argc == 2 || argc == 3) && strcmp(argv[1], "--kernels") == 0)
        return run_kernels(argc == 3 ? argv[2] : "");
    if (argc == 3 || argc == 4)
        return run_all(argv[1], argv[2], argc == 4 ? argv[3] : NULL);
    fprintf(stderr, "usage: bench PROGRAM DATA-FOLDER [JSON-FILE]\n"
                    "       bench --time PHASE EXPERIMENT DATA-FOLDER STEPS\n"
                    "       bench --kernels [PART-OF-A-NAME]\n");
    return 2;
}
