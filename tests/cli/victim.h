/* victim.h - the program under test with torture/torture.c preloaded, ready to be run, and to be
 * hurt, many times a second.
 *
 *     victim *v = victim_open();
 *     victim_hurt(v, (victim_fault){TORTURE_FAIL, 17, ENOSPC}, "run %s -o %s", experiment, folder);
 *     ck_assert_int_eq(v->code, 1);
 *     victim_close(v);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_VICTIM_H
#define INVPROJ_TESTS_VICTIM_H

#include <stdbool.h>
#include <stddef.h>

#include "torture/serve.h"

typedef struct victim_fault {
    torture_fault fault;
    uint32_t nth, code;
} victim_fault;

typedef struct victim {
    int code;            /* of exit, or 128 + the signal that ended it */
    bool killed;         /* by a signal */
    char *out, *err;     /* of the newest run */
    torture_ended ended; /* of the newest run */
    pid_t pid;           /* of the process that runs now */
    char command[TORTURE_WORDS];
    /* private */
    pid_t server;
    int socket;
    char *place;
} victim;

victim *victim_open(void);
void victim_close(victim *v);

/* Runs it with these words, as program_run takes them, and waits for its end. */
void victim_run(victim *v, const char *words, ...) __attribute__((format(printf, 2, 3)));
void victim_hurt(victim *v, victim_fault fault, const char *words, ...)
    __attribute__((format(printf, 3, 4)));

/* The same in two parts. */
void victim_start(victim *v, victim_fault fault, const char *words, ...)
    __attribute__((format(printf, 3, 4)));
void victim_wait(victim *v);

#endif
