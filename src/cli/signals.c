/* Signals that ask the program to stop.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { EXIT_SIGNAL = 128 };

/* What a user, a terminal that closes, and every batch system sends: SLURM and GNU parallel SIGTERM,
 * Grid Engine SIGUSR1 and SIGUSR2, a limit on processor time SIGXCPU. */
static const int stopping[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};

/* All that a handler may look at. */
static volatile sig_atomic_t stop_signal, interrupts, stop_code, held;
static const char *volatile last_words; /* NULL: there is something to save first */
static const char *volatile lock_file;  /* NULL: none is held */
static volatile pid_t *volatile children;
static volatile size_t child_count;

/* Nothing that is worth a file is lost. */
static void end_now(int code)
{
    for (size_t i = 0; i < child_count; i++)
        if (children[i] > 0)
            kill(children[i], SIGKILL);
    if (lock_file)
        (void)unlink(lock_file);
    cli_progress_clear();
    if (last_words && write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
        _exit(code); /* who was to read it has ended */
    _exit(code);
}

static bool is_urgent(void)
{
    return interrupts > 1 || last_words;
}

/* The first one asks to stop. Others repeat it, as GNU parallel does with SIGTERM and the kernel and
 * the shell both with the SIGHUP of a terminal that closes; only a second Ctrl-C is impatience. */
static void on_signal(int number)
{
    if (!stop_signal)
        stop_signal = number;
    interrupts += number == SIGINT;
    if (is_urgent() && !held)
        end_now(cli_signal_code());
}

void cli_signals_open(uint64_t code)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, was;
    stop_code = (sig_atomic_t)code;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        sigaddset(&action.sa_mask, stopping[i]);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        if (sigaction(stopping[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            sigaction(stopping[i], &action, NULL); /* nohup, or "&" in a script, had it ignored */
}

int cli_signal(void)
{
    return stop_signal;
}

int cli_signal_code(void)
{
    return stop_code ? stop_code : EXIT_SIGNAL + stop_signal;
}

void cli_signals_end_now(const char *words)
{
    last_words = words;
    if (words && stop_signal)
        end_now(cli_signal_code());
}

void cli_signals_hold(bool hold)
{
    held = hold;
    if (!hold && stop_signal && is_urgent())
        end_now(cli_signal_code());
}

void cli_signals_lock(const char *path)
{
    lock_file = path;
}

void cli_signals_children(volatile pid_t *list, size_t count)
{
    child_count = 0; /* first: a handler may come in between */
    children = list;
    child_count = count;
}
