/* serve.h - what the torture tests and the library they preload into the program say to each other.
 *
 * The preloaded library (torture.c) stops the program just before its main, and then runs main in a
 * new process for each request that comes: no program has to be started and linked ten thousand
 * times. A request may name a fault, which then happens at the nth call of the program itself.
 *
 *     torture_request r = {.fault = TORTURE_FAIL, .nth = 17, .code = ENOSPC, .seconds = 10};
 *     ... write it to the socket that is the library's stdin, read torture_started, torture_ended
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_TORTURE_SERVE_H
#define INVPROJ_TESTS_TORTURE_SERVE_H

#include <stdint.h>
#include <sys/types.h>

/* Set in the environment of a program that is to serve. */
#define TORTURE_SERVE "INVPROJ_TORTURE_SERVE"

enum { TORTURE_WORDS = 8000 };

typedef enum torture_fault {
    TORTURE_NOTHING,
    TORTURE_FAIL,   /* the nth open, write, fsync, close or rename fails with `code` */
    TORTURE_FULL,   /* that and all later ones that would write, as on a full disk */
    TORTURE_SHORT,  /* the nth such call writes only half, where it is a write */
    TORTURE_KILL,   /* SIGKILL in the nth such call; half is written, where it is a write */
    TORTURE_STOP,   /* SIGTERM right after the nth such call */
    TORTURE_MEMORY, /* the nth allocation fails */
    TORTURE_LOCKS   /* every lock fails with `code`, as on a file system that has none */
} torture_fault;

typedef struct torture_request {
    uint32_t fault, nth, code;
    uint32_t seconds;         /* then SIGALRM ends it */
    uint32_t words;           /* of the command line, without the program's own name */
    char text[TORTURE_WORDS]; /* file for stdout, file for stderr, the words; each with its NUL */
} torture_request;

typedef struct torture_started {
    pid_t pid;
} torture_started;

typedef struct torture_ended {
    int32_t state;               /* as wait gives it */
    uint32_t calls, allocations; /* how many there were that `nth` counts */
    uint32_t happened;           /* whether the fault did */
    uint32_t left;               /* allocations that main did not free; with TORTURE_MEMORY */
    double seconds;              /* by the clock on the wall, */
    double processor;            /* and of the processor, its own and its children's */
} torture_ended;

#endif
