/* What the process that reads files of strangers may still do: see reader.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "reader.h"

#define FILES          4 /* stdin, stdout, stderr, and the one that is read */
#define SECONDS        5 /* of processor time, and one more for so many bytes of the file: */
#define SECOND_BYTES   ((uint64_t)1 << 24)
#define MEMORY         ((uint64_t)1 << 30) /* beyond what there is at the start, and: */
#define MEMORY_TIMES   4                   /* the file's size */
#define BYTES_SENSIBLE ((uint64_t)1 << 40) /* no file is larger: sums of these do not overflow */

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true /* it maps terabytes, and has a limit of its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

static rlim_t mapped_at_start; /* bytes of memory; 0: not known, or not to be limited */

/* ---- limits ---- */

/* Below what it may be at most; for good, or until it is set again. */
static void limit(int resource, rlim_t maximum, bool for_good)
{
    struct rlimit both;
    if (getrlimit(resource, &both) != 0)
        return;
    if (maximum < both.rlim_max && for_good)
        both.rlim_max = maximum;
    both.rlim_cur = maximum < both.rlim_max ? maximum : both.rlim_max;
    setrlimit(resource, &both);
}

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

void cli_confine_for(uint64_t size)
{
    struct timespec used = {0};
    if (size > BYTES_SENSIBLE)
        size = BYTES_SENSIBLE;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    limit(RLIMIT_CPU, (rlim_t)used.tv_sec + 1 + SECONDS + size / SECOND_BYTES, false);
    if (mapped_at_start > 0)
        limit(RLIMIT_AS, mapped_at_start + MEMORY + MEMORY_TIMES * size, false);
}

/* ---- the filter ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

#ifdef ARCHITECTURE /* little-endian ones, where an argument's lower half comes first */

#define LOAD(member)                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, member))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE       ANSWER(SECCOMP_RET_ERRNO | 1) /* EPERM */
#define ALLOW(call)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
/* Memory, but none that can be executed. */
#define ALLOW_NO_CODE(call)                                                                        \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(args[2]),                          \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), REFUSE, ANSWER(SECCOMP_RET_ALLOW)
/* Its own limits, nobody else's. */
#define ALLOW_OWN(call)                                                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD(args[0]),                          \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), REFUSE, ANSWER(SECCOMP_RET_ALLOW)

/* Every system call that is left: what is open can be read and written, memory had, the time told. */
static struct sock_filter filter[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    ANSWER(SECCOMP_RET_KILL),
    LOAD(nr),
    ALLOW(read),
    ALLOW(pread64),
    ALLOW(write),
    ALLOW(recvmsg),
    ALLOW(close),
    ALLOW(fstat),
    ALLOW(lseek),
    ALLOW_NO_CODE(mmap),
    ALLOW_NO_CODE(mprotect),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    ALLOW(getrandom),
    ALLOW(clock_gettime),
    ALLOW(gettimeofday),
    ALLOW_OWN(prlimit64),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(restart_syscall),
    ALLOW(exit),
    ALLOW(exit_group),
    REFUSE,
};

static void install_filter(void)
{
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#else

static void install_filter(void)
{
}

#endif

/* ---- all of it ---- */

/* Valgrind runs in the process it watches, and needs more of the system than that does. */
static bool is_watched(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "/vgpreload_");
}

/* Where there is no filter, the limits still keep it from opening, writing and starting anything. */
void cli_confine(void)
{
    if (is_watched())
        return;
    mapped_at_start = IS_SANITIZED ? 0 : mapped_memory();
    if (close_range(STDERR_FILENO + 1, ~0u, 0) != 0) /* before Linux 5.9 */
        for (int file = STDERR_FILENO + 1; file < 1024; file++)
            close(file);
    limit(RLIMIT_CORE, 0, true);
    limit(RLIMIT_NOFILE, FILES, true);
    limit(RLIMIT_FSIZE, 0, true);
    limit(RLIMIT_NPROC, 0, true);
    install_filter();
}
