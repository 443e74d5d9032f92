/* Model files as operands: what belongs to one, what was said of it, and files that are none.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_short.h"
#include "suites.h"

#define MODELS "tests/data/models/"

static char *place; /* the folder of this suite */

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

/* far.onnx, whose tensor lies in far.bin, out of the records of ONNX files. */
static void write_far(void)
{
    size_t size = 0, at = 0;
    uint32_t name = 0, length = 0;
    bool found = false;
    unsigned char *bytes = support_read(MODELS "onnx-refused.bin", &size);
    while (!found && at < size) {
        memcpy(&name, bytes + at, sizeof name);
        at += sizeof name;
        found = memmem(bytes + at, name, "far.bin", 7);
        memcpy(&length, bytes + at + name, sizeof length);
        at += name + sizeof length;
        if (found)
            support_write(support_at(place, "far.onnx"), (const char *)bytes + at, length);
        at += length;
    }
    ck_assert(found);
    free(bytes);
}

static void open_place(void)
{
    place = support_folder();
    short_copy(MODELS "torch.safetensors", support_at(place, "net.safetensors"));
    short_copy(MODELS "torch.arch.txt", support_at(place, "arch.txt"));
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    write_far();
}

static void close_place(void)
{
    support_remove(place);
}

START_TEST(a_part_that_is_missing_is_named_with_its_model)
{
    program *p = run_here("import far.onnx -o far.h5");
    ck_assert_fails(p, 1, "far.onnx: a part of it is in the file far.bin, which is not there",
                    "No such file or directory");
    program_free(p);
}
END_TEST

/* The run file goes on as long as both files are the same, and there. */
START_TEST(a_model_is_all_its_files)
{
    support_write(support_at(place, "far.bin"), "0123\0\0\x80\x3f\0\0\0\x40", 12);
    program_must_work(run_here("generate far.onnx --classes 1 --steps 2 -q"));
    program_must_work(run_here("generate far.onnx --classes 1 --steps 2 -q --name more"));
    support_write(support_at(place, "far.bin"), "0123\0\0\x80\x3f\0\0\0\x41", 12);
    program *p = run_here("generate far.onnx --classes 1 --steps 2 -q --name third");
    ck_assert_fails(p, 2, "far.run.h5", "is not of this model");
    program_free(p);
    ck_assert_int_eq(unlink(support_at(place, "far.bin")), 0);
    p = run_here("generate far.onnx --classes 1 --steps 2 -q --name third");
    ck_assert_fails(p, 1, "far.onnx: a part of it is in the file far.bin, which is not there");
    program_free(p);
}
END_TEST

/* What the net is sure of is not what others see; the tool says what would tell. */
START_TEST(images_that_nothing_compares_are_said_to_be_so)
{
    static const char words[] = "generate net.safetensors --arch arch.txt --classes 1 --steps 2";
    static const char note[] = "generate  without data nothing says whether these images look like";
    const char *const more[] = {"", " -q"};
    for (int i = 0; i < 2; i++) {
        char line[256];
        snprintf(line, sizeof line, "%s%s", words, more[i]);
        program *p = run_here(line);
        ck_assert_program(p, 0);
        ck_assert_msg((strstr(p->err, note) != NULL) == (i == 0), "%s: %s", line, p->err);
        program_free(p);
    }
    ck_assert_int_eq(unlink(support_at(place, "net.run.h5")), 0);
}
END_TEST

START_TEST(an_architecture_is_the_one_that_the_run_was_made_with)
{
    const char *words = "generate net.safetensors --arch arch.txt --classes 1 --steps 2 -q";
    program_must_work(run_here(words));
    program_must_work(run_here(words));
    program *p = run_here("generate net.safetensors --key state --classes 1 --steps 2 -q");
    ck_assert_fails(p, 2, "net.run.h5: is there already and was made with another --key",
                    "invproj import net.safetensors --key state -o NAME.h5");
    program_free(p);
    support_write(support_at(place, "arch.txt"), "input: 2x7x6\n", 13);
    p = run_here(words);
    ck_assert_fails(p, 2, "net.run.h5: is there already and was made with another --arch",
                    "invproj import net.safetensors --arch arch.txt -o NAME.h5");
    program_free(p);
    short_copy(MODELS "torch.arch.txt", support_at(place, "arch.txt"));
}
END_TEST

/* A run file of that name is made, then goes on; nothing else is written over, and a run needs no -o. */
START_TEST(results_of_a_model_go_where_the_user_says)
{
    const char *words =
        "generate net.safetensors --arch arch.txt --classes 1 --steps 2 -q -o far.h5";
    program_must_work(run_here(words));
    program_must_work(run_here(words));
    ck_assert_int_eq(access(support_at(place, "far.h5"), F_OK), 0);
    ck_assert_int_eq(access(support_at(place, "net.run.h5"), F_OK), -1);
    program *p = run_here("generate far.h5 --classes 1 --steps 2 -q -o more.h5");
    ck_assert_fails(p, 2,
                    "-o: says where results of a model of another program go; far.h5 is a run");
    program_free(p);
    p = run_here("generate net.safetensors --arch arch.txt -q -o net.safetensors");
    ck_assert_fails(p, 1, "net.safetensors: not an invproj run file");
    program_free(p);
    p = run_here("generate net.safetensors --arch arch.txt -q -o r2rt.cfg");
    ck_assert_fails(p, 1, "r2rt.cfg: not an invproj run file");
    program_free(p);
    ck_assert_int_eq(unlink(support_at(place, "far.h5")), 0);
}
END_TEST

/* The model that a run was made of is not written over, unless with the bytes that it has. */
START_TEST(export_keeps_off_the_model_that_the_run_is_of)
{
    program_must_work(run_here("import net.safetensors --arch arch.txt -o of.h5"));
    program *p = run_here("export of.h5 -o net.safetensors --force");
    ck_assert_fails(p, 2, "net.safetensors: is the model that of.h5 was made of");
    program_free(p);
    program_must_work(run_here("export of.h5 -o other.safetensors"));
    program_must_work(run_here("import other.safetensors -o other.h5"));
    program_must_work(run_here("export other.h5 -o other.safetensors --force"));
}
END_TEST

/* What is told of a model and cannot be so is no option to pass over. */
static const struct {
    const char *words, *says;
} told_wrongly[] = {
    {"info net.safetensors --arch arch.txt --input 9x9x9",
     "net.safetensors: --input: the model takes images of 7 x 6 x 2"},
    {"info net.safetensors --arch arch.txt --input 6x7x2",
     "net.safetensors: --input: the model takes images of 7 x 6 x 2"},
    {"info far.onnx --arch arch.txt", "far.onnx: --arch: an ONNX file has its architecture in it"},
    {"info far.onnx --key state", "far.onnx: --key: it holds one net"},
    {"info net.safetensors --arch nul.txt", "nul.txt: is no text in UTF-8"},
};

START_TEST(what_is_told_wrongly_is_refused)
{
    support_write(support_at(place, "far.bin"), "0123\0\0\x80\x3f\0\0\0\x40", 12);
    support_write(support_at(place, "nul.txt"), "f\0c\0:\0", 6);
    program *p = run_here(told_wrongly[_i].words);
    ck_assert_fails(p, 2, told_wrongly[_i].says);
    program_free(p);
}
END_TEST

static const char *const no_experiments[] = {"import r2rt.cfg -o x.h5", "info r2rt.cfg",
                                             "generate r2rt.cfg", "export r2rt.cfg -o net.onnx",
                                             "predict r2rt.cfg none.png"};

START_TEST(an_experiment_is_no_model)
{
    program *p = run_here(no_experiments[_i]);
    ck_assert_fails(p, 2, "r2rt.cfg: is an experiment", "invproj run r2rt.cfg -o OUT");
    program_free(p);
}
END_TEST

/* As Keras saves one with zipped=False. */
START_TEST(a_folder_is_a_model_too)
{
    char *folder = realpath("tests/data/keras/folder", NULL);
    ck_assert_ptr_nonnull(folder);
    program_must_work(
        program_run(NULL, "import %s -o %s -q", folder, support_at(place, "folder.h5")));
    program_must_work(run_here("info folder.h5"));
    free(folder);
}
END_TEST

/* What no one can take is called what it is, whatever is told of it. */
START_TEST(what_is_no_model_is_named)
{
    static const unsigned char lite[] = "\x1c\0\0\0TFL3\0\0\0\0", pickle[] = "\x80\4\x95\0\0\0\0\0";
    char folder[512];
    snprintf(folder, sizeof folder, "%s", support_at(place, "saved"));
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    support_write(support_at(folder, "saved_model.pb"), "\x08\1", 2);
    support_write(support_at(place, "net.tflite"), lite, sizeof lite);
    support_write(support_at(place, "net.pkl"), pickle, sizeof pickle);
    static const char *const said[][2] = {
        {"info saved", "saved: a SavedModel of TensorFlow"},
        {"import saved -o s.h5", "tf2onnx.convert --saved-model saved --output net.onnx"},
        {"info net.tflite", "net.tflite: not an invproj run file but a TensorFlow Lite model"},
        {"info net.pkl --arch arch.txt", "net.pkl: not an invproj run file but a Python pickle"}};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        program *p = run_here(said[i][0]);
        ck_assert_fails(p, 1, said[i][1]);
        program_free(p);
    }
}
END_TEST

START_TEST(a_run_file_is_not_imported)
{
    program_must_work(run_here("import net.safetensors --arch arch.txt -o mine.h5 -q"));
    program *p = run_here("import mine.h5 -o x.h5");
    ck_assert_fails(p, 2, "mine.h5: is a run file already");
    program_free(p);
    ck_assert_int_ne(access(support_at(place, "x.h5"), F_OK), 0);
}
END_TEST

/* ---- how pixels were prepared ---- */

#define SEEN 40

static void write_idx(const char *folder, const char *name, const unsigned char *head, size_t size,
                      const unsigned char *values, size_t count)
{
    unsigned char bytes[16 + SEEN * 4];
    memcpy(bytes, head, size);
    memcpy(bytes + size, values, count);
    support_write(support_at(folder, name), (const char *)bytes, size + count);
}

/* Images of 2 x 2 whose first pixel is 220 in class 0 and 30 in class 1, but 150 in `between` of those. */
static void write_two_classes(const char *folder, size_t between)
{
    static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, SEEN, 0, 0, 0, 2, 0, 0, 0, 2};
    static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, SEEN};
    unsigned char pixels[SEEN * 4] = {0}, classes[SEEN];
    for (size_t i = 0; i < SEEN; i++) {
        classes[i] = i % 2;
        pixels[4 * i] = i % 2 == 0 ? 220 : i / 2 < between ? 150 : 30;
    }
    write_idx(folder, "train-images-idx3-ubyte", images, sizeof images, pixels, sizeof pixels);
    write_idx(folder, "train-labels-idx1-ubyte", labels, sizeof labels, classes, sizeof classes);
    write_idx(folder, "t10k-images-idx3-ubyte", images, sizeof images, pixels, sizeof pixels);
    write_idx(folder, "t10k-labels-idx1-ubyte", labels, sizeof labels, classes, sizeof classes);
}

/* Class 0 where the first pixel is over a half: of 255, or of 2 x / 255 - 1, which is 191; and modules that
 * few architectures here name. */
static void write_half(const char *path)
{
    static const char head[] =
        "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]},"
        "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]},"
        "\"bn.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[40,44]},"
        "\"c.weight\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1],\"data_offsets\":[44,48]}}";
    const float values[12] = {[0] = 1.0f, [9] = 0.5f, [10] = 3.0f, [11] = 1.0f};
    const uint64_t length = sizeof head - 1;
    char bytes[8 + sizeof head + sizeof values];
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, head, length);
    memcpy(bytes + 8 + length, values, sizeof values);
    support_write(path, bytes, 8 + length + sizeof values);
}

/* One image of 40 may be chance; ten are not. */
START_TEST(of_preparations_that_differ_by_chance_the_usual_one_is_taken)
{
    static const size_t between[] = {1, 10};
    char *folder = strdup(support_at(place, "two"));
    static const char arch[] = "input: 1x2x2\nf: Flatten()\nfc: Linear(4, 2)\n";
    support_write(support_at(place, "half.txt"), arch, sizeof arch - 1);
    write_half(support_at(place, "half.safetensors"));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        write_two_classes(folder, between[i]);
        program *p =
            run_here("import half.safetensors --arch half.txt --force -o half.h5 --data two");
        ck_assert_int_eq(p->code, 0);
        ck_assert(strstr(p->err, i ? "0.750 with pixels / 255" : "0.975 with pixels / 255"));
        ck_assert_int_eq(strstr(p->err, "; taken with pixels / 255") != NULL, i == 0);
        program_free(p);
    }
    support_remove(folder);
}
END_TEST

/* The data of an import are those of later commands; images of another size are no data of it. */
START_TEST(an_import_remembers_its_data)
{
    static const unsigned char one[] = {0, 0, 8, 3, 0, 0, 0, SEEN, 0, 0, 0, 1, 0, 0, 0, 1};
    static const char arch[] = "input: 1x2x2\nf: Flatten()\nfc: Linear(4, 2)\n";
    const unsigned char pixels[SEEN] = {0, 200, 31};
    static const char import[] =
        "import half.safetensors --arch half.txt --force -o known.h5 --data two";
    char *folder = strdup(support_at(place, "two"));
    support_write(support_at(place, "half.txt"), arch, sizeof arch - 1);
    write_half(support_at(place, "half.safetensors"));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    write_two_classes(folder, 1);
    program *p = run_here(import);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "left out, since half.txt does not name them: bn"));
    program_free(p);
    p = run_here("exemplars known.h5 --classes 0 --count 2 -q");
    ck_assert_msg(p->code == 0, "%s", p->err);
    program_free(p);
    p = run_here("import half.safetensors --arch half.txt -o told.h5 --mean 33.3 --std 0.25");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "less a mean of 33.3, over a deviation of 0.25\n"));
    ck_assert_ptr_nonnull(strstr(p->err, "a mean of 33.3 is none of pixels from 0 to 1, "));
    program_free(p);
    p = run_here("info told.h5");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "less a mean of 33.3, over a deviation of 0.25\n"));
    program_free(p);
    program_must_work(run_here("invert known.h5 --kind ridge --at f -q")); /* that alone is used */
    program_must_work(run_here("project known.h5 --set project.images=4 -q"));
    program_must_work(run_here("invert known.h5 --kind ridge --at f --name more -q"));
    p = run_here("project known.h5 --set project.images=4 --name two -q");
    ck_assert_fails(p, 1, "known.h5: holds no inverse named 'inverse', but more, ridge",
                    "name one with --inverse");
    program_free(p);
    write_idx(folder, "train-images-idx3-ubyte", one, sizeof one, pixels, SEEN);
    write_idx(folder, "t10k-images-idx3-ubyte", one, sizeof one, pixels, SEEN);
    p = run_here(import);
    ck_assert_fails(p, 1, "images of 1 x 1 x 1 values; the model takes 4 values");
    program_free(p);
    support_remove(folder);
}
END_TEST

/* Where layers have no inverse by weights, a decoder is learned unless the user says otherwise. */
START_TEST(an_inverse_of_any_net_is_learned_without_a_word)
{
    static const char arch[] =
        "input: 1x2x2\nc: Conv2d(1, 1, 1, bias=False)\nf: Flatten()\nfc: Linear(4, 2)\n";
    char *folder = strdup(support_at(place, "two"));
    support_write(support_at(place, "conv.txt"), arch, sizeof arch - 1);
    write_half(support_at(place, "conv.safetensors"));
    write_half(support_at(place, "half.safetensors"));
    support_write(support_at(place, "half.txt"), "input: 1x2x2\nf: Flatten()\nfc: Linear(4, 2)\n",
                  43);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    write_two_classes(folder, 1);
    program *p = run_here("invert conv.safetensors --arch conv.txt --data two --steps 3 "
                          "--set inverse.batch=20");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "'decoder', of kind decoder, from c"));
    ck_assert_ptr_nonnull(strstr(p->out, "conv.run.h5: /inverse/decoder"));
    program_free(p);
    program_must_work(run_here("project conv.run.h5 --set project.images=4 -q"));
    program_must_work(run_here("export conv.safetensors --inverse decoder -o conv.onnx -q"));
    program_must_work(run_here("import half.safetensors --arch half.txt -o half.h5 --force -q"));
    p = run_here("report conv.run.h5 half.h5 --json"); /* what tells them apart is the model */
    ck_assert_program(p, 0);
    const char *differs = strstr(p->out, "\"settings\": [");
    ck_assert(differs && strstr(differs, "\"key\": \"model\""));
    ck_assert(strstr(differs, "\"conv.safetensors, ") && !strstr(differs, "inverse.at"));
    program_free(p);
    p = run_here("invert conv.run.h5 --kind r2rt -q");
    ck_assert_fails(p, 2, "c is a conv2d layer, which has no inverse by weights");
    program_free(p);
    support_remove(folder);
}
END_TEST

Suite *cli_models_suite(void)
{
    Suite *suite = suite_create("cli_models");
    TCase *tests = tcase_create("models");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, a_part_that_is_missing_is_named_with_its_model);
    tcase_add_test(tests, a_model_is_all_its_files);
    tcase_add_test(tests, images_that_nothing_compares_are_said_to_be_so);
    tcase_add_test(tests, results_of_a_model_go_where_the_user_says);
    tcase_add_test(tests, export_keeps_off_the_model_that_the_run_is_of);
    tcase_add_loop_test(tests, what_is_told_wrongly_is_refused, 0,
                        sizeof told_wrongly / sizeof *told_wrongly);
    tcase_add_test(tests, an_architecture_is_the_one_that_the_run_was_made_with);
    tcase_add_loop_test(tests, an_experiment_is_no_model, 0,
                        sizeof no_experiments / sizeof *no_experiments);
    tcase_add_test(tests, a_folder_is_a_model_too);
    tcase_add_test(tests, what_is_no_model_is_named);
    tcase_add_test(tests, a_run_file_is_not_imported);
    tcase_add_test(tests, of_preparations_that_differ_by_chance_the_usual_one_is_taken);
    tcase_add_test(tests, an_import_remembers_its_data);
    tcase_add_test(tests, an_inverse_of_any_net_is_learned_without_a_word);
    suite_add_tcase(suite, tests);
    return suite;
}
