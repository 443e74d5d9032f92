/* Intel, 64 and IA-32 Architectures Software Developer's Manual, volume 2: the pages of the
 * instructions, and 2.1.5 and 2.3 for how they are encoded.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tiles.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };

/* As LDTILECFG reads it. */
typedef struct configuration {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} configuration;

static _Thread_local configuration config;
static _Thread_local uint8_t tiles[TILES][ROWS][ROW_BYTES];
static _Thread_local size_t emulated;

/* ---- decoding ---- */

/* An instruction with a VEX prefix of three bytes. */
typedef struct instruction {
    unsigned opcode, prefix;  /* prefix: 0 none, 1 66, 2 F3, 3 F2 */
    unsigned reg, rm, vvvv;   /* registers, or tiles */
    bool in_memory;           /* the operand rm stands for */
    uint64_t address, stride; /* of that; the stride is the index, scaled */
    size_t length;
} instruction;

static uint64_t general_register(const ucontext_t *context, unsigned number)
{
    static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                   REG_R12, REG_R13, REG_R14, REG_R15};
    return (uint64_t)context->uc_mcontext.gregs[places[number]];
}

static int32_t displacement(const uint8_t *code, unsigned mod, bool is_long)
{
    int32_t value = 0;
    if (mod == 1)
        return (int8_t)*code;
    if (mod == 2 || is_long)
        memcpy(&value, code, sizeof value);
    return value;
}

/* The operand in memory, whose bytes start with ModRM; extend holds VEX's bits X and B. Without a
 * base register the address counts from the next instruction, or, beside an index, from 0. */
static void decode_memory(const ucontext_t *context, const uint8_t *code, size_t before,
                          unsigned extend, instruction *i)
{
    const unsigned mod = code[0] >> 6, rm = code[0] & 7;
    const bool has_sib = rm == 4;
    const unsigned sib = has_sib ? code[1] : 0, low = has_sib ? sib & 7 : rm;
    const bool has_base = mod != 0 || low != 5;
    const size_t displaced = 1 + has_sib;
    i->length = before + displaced + (mod == 1 ? 1 : mod == 2 || !has_base ? 4 : 0);
    i->address = (uint64_t)(int64_t)displacement(code + displaced, mod, !has_base);
    if (has_base)
        i->address += general_register(context, low | (extend & 1) << 3);
    else if (!has_sib)
        i->address += (uint64_t)context->uc_mcontext.gregs[REG_RIP] + i->length;
    const unsigned index = (sib >> 3 & 7) | (extend & 2) << 2;
    i->stride = has_sib && index != 4 ? general_register(context, index) << (sib >> 6) : 0;
}

static bool decode(const ucontext_t *context, instruction *i)
{
    const uint8_t *code = (const uint8_t *)context->uc_mcontext.gregs[REG_RIP];
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || code[2] & 0x84) /* VEX.128.0F38.W0 */
        return false;
    const unsigned extend = ~code[1] >> 5 & 7; /* R, X, B */
    *i = (instruction){.opcode = code[3],
                       .prefix = code[2] & 3,
                       .vvvv = ~code[2] >> 3 & 15,
                       .reg = (code[4] >> 3 & 7) | (extend & 4) << 1,
                       .rm = (code[4] & 7) | (extend & 1) << 3,
                       .in_memory = code[4] >> 6 != 3,
                       .length = 5};
    if (i->in_memory)
        decode_memory(context, code + 4, 4, extend, i);
    return true;
}

/* ---- the instructions ---- */

static bool load_configuration(const instruction *i)
{
    memcpy(&config, (const void *)(i->address + i->stride), sizeof config);
    memset(tiles, 0, sizeof tiles);
    bool valid = config.palette == 1 && config.start == 0;
    for (int t = 0; t < 16; t++)
        valid = valid && config.rows[t] <= (t < TILES ? ROWS : 0) &&
                config.row_bytes[t] <= (t < TILES ? ROW_BYTES : 0) && config.row_bytes[t] % 4 == 0;
    return valid;
}

static bool is_configured(unsigned tile)
{
    return config.palette == 1 && tile < TILES && config.rows[tile] && config.row_bytes[tile];
}

static bool move(const instruction *i, bool store)
{
    if (!is_configured(i->reg))
        return false;
    if (!store)
        memset(tiles[i->reg], 0, sizeof tiles[i->reg]);
    for (size_t r = 0; r < config.rows[i->reg]; r++) {
        void *row = (void *)(i->address + r * i->stride);
        memcpy(store ? row : tiles[i->reg][r], store ? tiles[i->reg][r] : row,
               config.row_bytes[i->reg]);
    }
    return true;
}

/* Products of the first numbers of all pairs along the depth are added to 0, so are those of the
 * second, each rounded once; their sum is added to the tile. Denormal numbers are 0, before and
 * after. */
static __attribute__((noinline, target("avx512f"))) void add_products(uint8_t to[ROWS][ROW_BYTES],
                                                                      uint8_t a[ROWS][ROW_BYTES],
                                                                      uint8_t b[ROWS][ROW_BYTES],
                                                                      size_t rows, size_t depth)
{
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    for (size_t r = 0; r < rows; r++) {
        __m512 first = _mm512_setzero_ps(), second = first;
        for (size_t k = 0; k < depth; k++) {
            int32_t pair;
            memcpy(&pair, a[r] + 4 * k, sizeof pair);
            const __m512i left = _mm512_set1_epi32(pair), right = _mm512_loadu_si512(b[k]);
            first = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(left, 16)),
                                    _mm512_castsi512_ps(_mm512_slli_epi32(right, 16)), first);
            second = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(left, upper)),
                                     _mm512_castsi512_ps(_mm512_and_si512(right, upper)), second);
        }
        _mm512_storeu_ps(to[r],
                         _mm512_add_ps(_mm512_loadu_ps(to[r]), _mm512_add_ps(first, second)));
    }
}

static bool multiply(const instruction *i)
{
    const unsigned to = i->reg, a = i->rm, b = i->vvvv;
    if (!is_configured(to) || !is_configured(a) || !is_configured(b) || to == a || to == b ||
        a == b || config.rows[to] != config.rows[a] ||
        config.row_bytes[to] != config.row_bytes[b] || config.row_bytes[a] != 4 * config.rows[b])
        return false;
    _mm_setcsr(0x9fc0); /* to the nearest, no exceptions; the thread's own comes back with it */
    add_products(tiles[to], tiles[a], tiles[b], config.rows[a], config.rows[b]);
    return true;
}

static bool do_work(const instruction *i)
{
    enum { CONFIGURE = 0x49, MOVE = 0x4b, MULTIPLY = 0x5c };
    switch (i->opcode << 8 | i->prefix << 4 | i->in_memory) {
    case CONFIGURE << 8 | 0 << 4 | true:
        return i->reg == 0 && load_configuration(i);
    case CONFIGURE << 8 | 0 << 4 | false:
        memset(&config, 0, sizeof config);
        return true;
    case CONFIGURE << 8 | 3 << 4 | false:
        if (is_configured(i->reg))
            memset(tiles[i->reg], 0, sizeof tiles[i->reg]);
        return is_configured(i->reg);
    case MOVE << 8 | 3 << 4 | true:
        return move(i, false);
    case MOVE << 8 | 2 << 4 | true:
        return move(i, true);
    case MULTIPLY << 8 | 2 << 4 | false:
        return multiply(i);
    default:
        return false;
    }
}

/* Those that follow are done at once: a signal takes far longer than they do. */
static void handle(int signal_number, siginfo_t *info, void *place)
{
    ucontext_t *context = place;
    instruction i;
    size_t done = 0;
    (void)info;
    for (; decode(context, &i) && do_work(&i); done++)
        context->uc_mcontext.gregs[REG_RIP] += (greg_t)i.length;
    emulated += done;
    if (done == 0)
        signal(signal_number, SIG_DFL); /* the same instruction once more ends the process */
}

bool tiles_can_be_emulated(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

void tiles_emulate(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
}

size_t tiles_emulated(void)
{
    return emulated;
}

bool tiles_are_released(void)
{
    return config.palette == 0;
}
#else
bool tiles_can_be_emulated(void)
{
    return false;
}

void tiles_emulate(void)
{
}

size_t tiles_emulated(void)
{
    return 0;
}

bool tiles_are_released(void)
{
    return true;
}
#endif
