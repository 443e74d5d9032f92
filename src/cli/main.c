/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gsl/gsl_errno.h>
#include <hdf5.h>

#include "cli.h"
#include "invproj/mat.h"
#include "invproj/version.h"
#include "printed.h"
#include "sweep.h"

enum { EXIT_WORK = 1, EXIT_USAGE = 2 };

/* X(name), in the order of help: src/cli/cmd_NAME.c defines `const cli_command cli_command_NAME`. */
#define COMMANDS(X)                                                                                \
    X(run)                                                                                         \
    X(sweep)                                                                                       \
    X(gather)                                                                                      \
    X(train)                                                                                       \
    X(invert)                                                                                      \
    X(invent)                                                                                      \
    X(project)                                                                                     \
    X(generate)                                                                                    \
    X(features)                                                                                    \
    X(exemplars)                                                                                   \
    X(filters)                                                                                     \
    X(measure)                                                                                     \
    X(compare)                                                                                     \
    X(predict)                                                                                     \
    X(import)                                                                                      \
    X(export)                                                                                      \
    X(pack)                                                                                        \
    X(report)                                                                                      \
    X(info)                                                                                        \
    X(help)

#define DECLARE(name) extern const cli_command cli_command_##name;
#define ROW(name)     &cli_command_##name,
COMMANDS(DECLARE)
const cli_command *const cli_commands[] = {COMMANDS(ROW) NULL};
enum { COMMAND_COUNT = sizeof cli_commands / sizeof *cli_commands - 1 };

/* ---- main ---- */

const cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static inv_status unknown_command(const char *word)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = cli_commands[i]->name;
    const char *near = inv_nearest(word, names, COMMAND_COUNT);
    return INV_ERROR(INV_EINVAL, "%s: unknown command; %s%s%s", word,
                     near ? "did you mean '" : "see ", near ? near : "invproj --help",
                     near ? "'?" : "");
}

static int exit_code(inv_status status)
{
    if (status == INV_OK)
        return 0;
    if (status == CLI_STOPPED)
        return cli_signal_code();
    cli_progress_clear();
    fprintf(stderr, "invproj: %s\n", inv_error_message());
    return status == INV_EINVAL || status == INV_ECONFIG ? EXIT_USAGE : EXIT_WORK;
}

/* Where one of the standard files is closed, the next file that is opened, a run file perhaps, would
 * become it, and messages go there. */
static void open_standard_files(void)
{
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != file)
            _exit(EXIT_WORK);
}

/* Whether who was to read stdout has ended, as `head` does once it has enough. */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return errno == EPIPE || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR));
}

/* A result that could not be written is no result; one that nobody wants any more is no failure. */
static int close_stdout(int code)
{
    const bool failed = ferror(stdout) != 0;
    errno = 0;
    const bool written = fflush(stdout) == 0 && !failed;
    if (!written && reader_is_gone())
        return code;
    if (fclose(stdout) == 0 && written)
        return code;
    fprintf(stderr, "invproj: standard output: %s\n",
            errno ? strerror(errno) : "cannot be written");
    return code ? code : EXIT_WORK;
}

static int run_command(const cli_command *command, int argc, char **argv)
{
    cli_options options = {0};
    inv_status status = cli_parse(command, argc, argv, &options);
    if (status == INV_OK && options.help) {
        cli_print_command(command);
        if (command->group)
            printf("\ninvproj help %s explains its keys in an experiment file too.\n",
                   command->name);
    } else if (status == INV_OK) {
        inv_threads_set(options.threads ? options.threads : cli_processors());
        status = command->run(&options);
    }
    cli_options_free(&options);
    return exit_code(status);
}

static bool has_threads(const cli_command *command)
{
    cli_option option;
    for (size_t i = 0; cli_option_at(command, i, &option); i++)
        if (strcmp(option.name, "threads") == 0)
            return true;
    return false;
}

/* Threads that wait for others spin, by libgomp's default for milliseconds: on a machine with other
 * work that costs ten times what it saves. It reads its setting before main, so a command that has
 * threads starts the program once more with a shorter one, which takes as long as a start; a user's
 * own is left alone. OpenBLAS likewise makes threads at start that are never used, in the reader's
 * process too. */
static void start_again(const cli_command *command, char **argv)
{
    const bool is_set = getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY");
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    if (is_set || !command || !has_threads(command))
        return;
    setenv("GOMP_SPINCOUNT", "2000", 1);
    execv("/proc/self/exe", argv); /* where that fails, all goes on as it is */
}

/* The library takes the best kernels where INVPROJ_KERNELS names none; the program says so. */
static int check_kernels(void)
{
    const char *wanted = getenv("INVPROJ_KERNELS");
    if (!wanted || strcmp(wanted, inv_kernels_name()) == 0)
        return 0;
    fprintf(stderr,
            "invproj: INVPROJ_KERNELS: this processor runs no kernels '%s'; plain always, perhaps "
            "AVX2, AVX-512 and AMX\n",
            wanted);
    return 2;
}

/* A run of a sweep ends with it, however that ends, and saves first. */
static void follow_sweep(void)
{
    const char *sweep = getenv(CLI_SWEEP_VARIABLE); /* "PID SOURCE" */
    if (sweep && strtol(sweep, NULL, 10) == (long)getppid())
        prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static int work(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], CLI_READER_WORD) == 0)
        return cli_reader_main();
    const char *word = argc > 1 ? argv[1] : "";
    open_standard_files();
    start_again(cli_command_find(word), argv);
    follow_sweep();
    if (!cli_printed_open()) {
        fprintf(stderr, "invproj: no memory to print anything\n");
        return EXIT_WORK;
    }
    if (check_kernels())
        return 2;
    gsl_set_error_handler_off();
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    signal(SIGCHLD, SIG_DFL); /* ignored, as it may come, it would hide how a process ended */
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write: what is being saved is saved */
    signal(SIGXFSZ, SIG_IGN); /* so is a file too large */
    if (strcmp(word, "--version") == 0) {
        printf("invproj %s\n", INV_VERSION);
        return close_stdout(0);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    if (!*word) {
        fprintf(stderr, "invproj: no command given; see invproj --help\n");
        return EXIT_USAGE;
    }
    const cli_command *command = cli_command_find(word);
    return command ? close_stdout(run_command(command, argc - 2, argv + 2))
                   : exit_code(unknown_command(word));
}

/* The threads that OpenBLAS (0.3.21) makes before main ask for memory until they get it, and its own end waits
 * for them: for ever, where the address space is limited. */
int main(int argc, char **argv)
{
    const int code = work(argc, argv);
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
        _exit(code);
    return code;
}
