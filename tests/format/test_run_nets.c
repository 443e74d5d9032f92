/* Nets in a run file, and what other programs read of it.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include <hdf5.h>

#include "invproj/inverse.h"
#include "invproj/run.h"
#include "run_file.h"
#include "small.h"
#include "suites.h"

#define PYTHON "/usr/bin/python3" /* the one that Debian's python3-h5py serves */

/* ---- nets ---- */

static const inv_shape shape = {SMALL_HEIGHT, SMALL_WIDTH, 1};

static void save_net(const inv_net *net)
{
    inv_run *run = run_new();
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    run_save(run);
    inv_run_free(run);
}

START_TEST(nets_come_back_bit_for_bit)
{
    static const char *const layers[] = {SMALL_ONE, SMALL_TWO, SMALL_FOUR};
    for (size_t i = 0; i < 3; i++) {
        inv_net *net = small_net(layers[i]), *got = NULL;
        inv_net_params(net)[3] = -0.0f;
        inv_net_params(net)[4] = 1e-42f;
        save_net(net);
        inv_run *run = run_open();
        ck_assert_status(inv_run_get_net(run, "/network", shape, &got), INV_OK);
        ck_assert_uint_eq(inv_net_depth(got), inv_net_depth(net));
        for (size_t p = 0; p <= inv_net_depth(net); p++) {
            ck_assert_str_eq(inv_net_point_name(got, p), inv_net_point_name(net, p));
            ck_assert_uint_eq(inv_net_units(got, p), inv_net_units(net, p));
        }
        ck_assert_str_eq(inv_net_describe(got), inv_net_describe(net));
        ck_assert(small_same_params(net, got));
        assert_run_text(run, "/network", "layers", inv_net_describe(net));
        assert_run_array(run, "/network/output/bias", INV_FLOAT32, 1, (size_t[]){SMALL_CLASSES},
                         inv_net_params(net) + inv_net_block(net, "output", "bias")->offset);
        inv_run_free(run);
        inv_net_free(net);
        inv_net_free(got);
    }
}
END_TEST

/* An inverse is a net too; its layers are named after those that they invert. */
START_TEST(inverses_come_back_bit_for_bit)
{
    inv_inverse_spec spec = inv_inverse_defaults;
    inv_net *net = small_net(SMALL_FOUR), *inverse = NULL, *got = NULL;
    strcpy(spec.at, "hidden3");
    spec.squash = 0.96875;
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_OK);
    for (size_t i = 0; i < inv_net_size(inverse); i++)
        inv_net_params(inverse)[i] = sinf(1.7f * (float)i);
    inv_run *run = run_new();
    ck_assert_status(inv_run_put_net(run, "/inverse/some-name.2", inverse), INV_OK);
    run_save(run);
    inv_run_free(run);
    run = run_open();
    ck_assert(inv_run_has(run, "/inverse/some-name.2/hidden2/kernel"));
    ck_assert(inv_run_has(run, "/inverse/some-name.2/hidden2/bias"));
    ck_assert_status(inv_run_get_net(run, "/inverse/some-name.2", inv_net_shape(inverse, 0), &got),
                     INV_OK);
    ck_assert_str_eq(inv_net_describe(got), inv_net_describe(inverse));
    ck_assert(small_same_params(inverse, got));
    ck_assert(inv_net_block(got, "hidden1", "bias")->frozen);
    ck_assert(!inv_net_block(got, "hidden1", "kernel")->frozen);
    inv_run_free(run);
    inv_net_free(net);
    inv_net_free(inverse);
    inv_net_free(got);
}
END_TEST

/* The kernel of the second layer is at LAYER/kernel, [in, out], row after row. */
START_TEST(kernels_lie_as_in_keras)
{
    inv_net *net = small_net(SMALL_TWO);
    const inv_block *block = inv_net_block(net, "hidden1", "kernel");
    float got[SMALL_PIXELS * 17];
    size_t rank = 0, dims[INV_RUN_RANK_MAX];
    save_net(net);
    inv_run *run = run_open();
    ck_assert_status(inv_run_dims(run, "/network/hidden1/kernel", &rank, dims), INV_OK);
    ck_assert(rank == 2 && dims[0] == SMALL_PIXELS && dims[1] == 17);
    ck_assert_status(
        inv_run_get(run, "/network/hidden1/kernel", INV_FLOAT32, SMALL_PIXELS * 17, got), INV_OK);
    ck_assert_mem_eq(got, inv_net_params(net) + block->offset, sizeof got);
    inv_run_free(run);
    inv_net_free(net);
}
END_TEST

/* Opens the run, spoils it with one call, and expects inv_run_get_net to say `why`. */
static void assert_net_refused(inv_run *run, const char *why)
{
    inv_net *net = (inv_net *)run_folder;
    ck_assert_status(inv_run_get_net(run, "/network", shape, &net), INV_EFORMAT);
    ck_assert_ptr_null(net);
    ck_assert_message_has(why);
    ck_assert_message_has(run_path);
    inv_run_free(run);
}

START_TEST(spoilt_blocks_are_refused)
{
    inv_net *net = small_net(SMALL_TWO);
    const size_t rows[][2] = {{17, 4}, {4, 17}, {68, 1}};
    float values[68] = {0.5f};
    uint32_t whole[68] = {3};
    save_net(net);
    inv_run *run = run_open();
    ck_assert_status(inv_run_remove(run, "/network/hidden1/bias"), INV_OK);
    assert_net_refused(run, "/network/hidden1/bias: missing");
    for (int i = 1; i < 3; i++) {
        run = run_open();
        ck_assert_status(inv_run_put(run, "/network/output/kernel", INV_FLOAT32, 2, rows[i], values,
                                     INV_RUN_PLAIN),
                         INV_OK);
        assert_net_refused(run, "/network/output/kernel: is of another shape than its layer");
    }
    run = run_open();
    run_put(run, "/network/output/kernel", INV_FLOAT32, 68, values);
    assert_net_refused(run, "/network/output/kernel: is of another shape");
    run = run_open();
    ck_assert_status(
        inv_run_put(run, "/network/output/kernel", INV_UINT32, 2, rows[0], whole, INV_RUN_PLAIN),
        INV_OK);
    assert_net_refused(run, "/network/output/kernel: is of another type");
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        run = run_open();
        values[67] = bad[i];
        ck_assert_status(inv_run_put(run, "/network/output/kernel", INV_FLOAT32, 2, rows[0], values,
                                     INV_RUN_PLAIN),
                         INV_OK);
        assert_net_refused(run, "/network/output/kernel: holds a value that is not finite");
    }
    inv_net_free(net);
}
END_TEST

START_TEST(spoilt_descriptions_are_refused)
{
    static const char *const rows[][2] = {
        {"{", "not JSON"},
        {"{}", "must be a list of 1 to"},
        {"[]", "must be a list of 1 to"},
        {"[{\"name\": \"a\", \"type\": \"magic\"}]", "there is no 'magic'"},
        {"[{\"name\": \"a\", \"type\": \"dense\", \"units\": -3}]", "-3 is not from"},
        {"[{\"name\": \"a\", \"type\": \"dense\", \"units\": 17, \"rate\": 3}]", "unknown key"},
        {"[{\"name\": \"../a\", \"type\": \"dense\", \"units\": 17}]", "may hold only"},
        {"[{\"name\": \"a\", \"type\": \"dense\", \"units\": 17}]", "/network/a/kernel: missing"}};
    inv_net *net = small_net(SMALL_TWO), *got = NULL;
    save_net(net);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        inv_run *run = run_open();
        ck_assert_status(inv_run_set_text(run, "/network", "layers", rows[i][0]), INV_OK);
        assert_net_refused(run, rows[i][1]);
    }
    inv_run *run = run_open();
    ck_assert_status(inv_run_set_size(run, "/network", "layers", 3), INV_OK);
    assert_net_refused(run, "the attribute 'layers' is not what it must be");
    run = run_open();
    ck_assert_status(inv_run_get_net(run, "/network", (inv_shape){8, 8, 1}, &got), INV_EFORMAT);
    ck_assert_message_has("/network/hidden1/kernel: is of another shape");
    ck_assert_status(inv_run_get_net(run, "/elsewhere", shape, &got), INV_EFORMAT);
    ck_assert_message_has("/elsewhere: the attribute 'layers' is missing");
    inv_run_free(run);
    inv_net_free(net);
}
END_TEST

/* ---- other programs ---- */

static int execute(void *arguments)
{
    char *const *argv = arguments;
    if (!freopen("/dev/null", "w", stdout))
        return 126;
    execvp(argv[0], argv);
    return 127;
}

static const char script[] =
    "import sys, h5py, numpy as np\n"
    "f = h5py.File(sys.argv[1], 'r')\n"
    "assert f.attrs['format'] == 'invproj-run', f.attrs['format']\n"
    "assert int(f.attrs['format_version']) == 2\n"
    "assert f.attrs['experiment'] == 'caf\\u00e9', f.attrs['experiment']\n"
    "assert list(f.attrs['names']) == ['a', 'bc']\n"
    "assert float(f['network'].attrs['accuracy']) == 0.9375\n"
    "assert f.userblock_size == 0\n"
    "k = f['network/hidden1/kernel']\n"
    "assert k.shape == (63, 17) and k.dtype == np.dtype('<f4'), (k.shape, k.dtype)\n"
    "i = f['projections/p/image']\n"
    "assert i.shape == (3, 4, 5) and i.compression == 'gzip' and i.shuffle\n"
    "assert i.attrs['CLASS'] in (b'IMAGE', 'IMAGE')\n"
    "assert i[2, 3, 4] == np.float32(np.sin(1.7 * 59)) * np.float32(37), i[2, 3, 4]\n"
    "h = f['training/history/step']\n"
    "assert h.maxshape == (None,) and list(h[:3]) == [4294967295, 0, 2147483648]\n"
    "assert h.dtype == np.dtype('<u4')\n";

START_TEST(other_programs_read_it)
{
    static const char *const two[] = {"a", "bc"};
    static const char import_h5py[] = "import h5py";
    char *const probe[] = {(char *)PYTHON, (char *)"-c", (char *)(uintptr_t)import_h5py, NULL};
    char *const python[] = {(char *)PYTHON, (char *)"-c", (char *)(uintptr_t)script, run_path,
                            NULL};
    char *const dump[] = {(char *)"h5dump", run_path, NULL};
    samples s = samples_make();
    inv_net *net = small_net(SMALL_TWO);
    inv_run *run = run_new();
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/network", "accuracy", 0.9375), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/", "experiment", "caf\xc3\xa9"), INV_OK);
    ck_assert_status(inv_run_set_texts(run, "/", "names", two, 2), INV_OK);
    ck_assert_status(inv_run_put(run, "/projections/p/image", INV_FLOAT32, 3, (size_t[]){3, 4, 5},
                                 s.f32, INV_RUN_IMAGES),
                     INV_OK);
    ck_assert_status(inv_run_append(run, "/training/history/step", INV_UINT32, 3, s.u32), INV_OK);
    run_save(run);
    inv_run_free(run);
    inv_net_free(net);
    if (support_in_child(execute, (void *)(uintptr_t)probe) == 0)
        ck_assert_int_eq(support_in_child(execute, (void *)(uintptr_t)python), 0);
    else
        support_skipped("run_nets", "reading with h5py, which " PYTHON " does not have");
    const int dumped = support_in_child(execute, (void *)(uintptr_t)dump);
    if (dumped == 127)
        support_skipped("run_nets", "reading with h5dump, which is not installed");
    else
        ck_assert_int_eq(dumped, 0);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    static const size_t dims[] = {2, 3, 1, 1, 1, 1}, none[] = {2, 0, 3},
                        many[] = {SIZE_MAX / 8, 2, 2};
    static const inv_type bad_types[] = {(inv_type)99, (inv_type)5, (inv_type)-1};
    double values[6] = {0.25, 1.0, -3.0, 7.0, 0.5, 2.0};
    inv_run *run = run_new();
    for (size_t t = 0; t < 3; t++) {
        const inv_array state = {"s", bad_types[t], values, 3};
        ck_assert_status(inv_run_put(run, "/a", bad_types[t], 1, dims, values, INV_RUN_PLAIN),
                         INV_EINVAL);
        ck_assert_status(inv_run_append(run, "/a", bad_types[t], 2, values), INV_EINVAL);
        ck_assert_status(inv_run_get(run, "/a", bad_types[t], 2, values), INV_EINVAL);
        ck_assert_status(inv_run_put_state(run, "/s", &state, 1), INV_EINVAL);
        ck_assert_status(inv_run_get_state(run, "/s", &state, 1), INV_EINVAL);
    }
    ck_assert_message_has("/s/s: -1 is no type of values");
    for (inv_run_storage s = INV_RUN_PLAIN; s <= INV_RUN_IMAGES; s++) {
        if (s != INV_RUN_PLAIN)
            ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 0, dims, values, s), INV_EINVAL);
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 5, dims, values, s), INV_EINVAL);
        ck_assert_message_has("/a: an array of 5 dimensions; ");
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, SIZE_MAX, dims, values, s),
                         INV_EINVAL);
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 3, none, values, s), INV_EINVAL);
        ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 3, many, values, s), INV_EINVAL);
    }
    ck_assert_status(inv_run_put(run, "/a", INV_FLOAT64, 2, dims, values, (inv_run_storage)99),
                     INV_EINVAL);
    ck_assert(!inv_run_has(run, "/a"));
    inv_run_free(run);
}
END_TEST

Suite *run_nets_suite(void)
{
    Suite *suite = suite_create("run_nets");
    TCase *tests = tcase_create("nets");
    tcase_add_checked_fixture(tests, run_prepare, run_tidy);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, nets_come_back_bit_for_bit);
    tcase_add_test(tests, inverses_come_back_bit_for_bit);
    tcase_add_test(tests, kernels_lie_as_in_keras);
    tcase_add_test(tests, spoilt_blocks_are_refused);
    tcase_add_test(tests, spoilt_descriptions_are_refused);
    tcase_add_test(tests, other_programs_read_it);
    tcase_add_test(tests, bad_arguments_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
